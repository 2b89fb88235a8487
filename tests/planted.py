"""Learners and tasks that are in order, drawn at random, and faults to plant in them: for
`test_check_training`."""

import torch
import torch.nn.functional as F
from torch import nn

import metalib
from metalib import MAML, Episodes, JointTraining, Learner, ProtoNet, Reptile, SineTasks, TaskBatch
from metalib.data import ImageSet
from metalib.learners import NeuralProcess, neural_process_net, task_losses
from metalib.tasks import leaks


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def whole(g, low, high):
    return int(torch.randint(low, high + 1, (), generator=g))


def real(g, low, high):
    return low + (high - low) * float(torch.rand((), generator=g))


def one_of(g, things):
    return things[whole(g, 0, len(things) - 1)]


# --- tasks
class Linear:
    """y = w·x + b with weights of each task's own, and some noise."""

    def __init__(self, inputs=2, shots=10, queries=10):
        self.inputs, self.shots, self.queries = inputs, shots, queries

    def sample(self, n_tasks, generator):
        n = self.shots + self.queries
        w = torch.randn(n_tasks, self.inputs + 1, 1, generator=generator)
        x = torch.randn(n_tasks, n, self.inputs, generator=generator)
        y = x @ w[:, 1:] + w[:, :1] + 0.05 * torch.randn(n_tasks, n, 1, generator=generator)
        return TaskBatch(x[:, : self.shots], y[:, : self.shots], x[:, self.shots :], y[:, self.shots :])


class Changed:
    """What somebody's sampler makes of other tasks."""

    def __init__(self, tasks, change):
        self.tasks, self.change = tasks, change

    def sample(self, n_tasks, generator):
        return TaskBatch(*self.change(*self.tasks.sample(n_tasks, generator)))


def regression(g):
    shots, queries = whole(g, 5, 12), whole(g, 6, 15)
    if whole(g, 0, 1):
        return SineTasks(shots=shots, queries=queries), 1
    inputs = whole(g, 1, 4)
    return Linear(inputs, shots + 2 * inputs, queries), inputs


def images(g):
    """Classes whose drawings are a pattern and noise on it."""
    classes, size = whole(g, 12, 30), one_of(g, [12, 14, 16])
    pattern = torch.randint(0, 256, (classes, 1, 1, size, size), generator=g)
    noise = torch.randint(-100, 101, (classes, 24, 1, size, size), generator=g)
    names = tuple(f"c{n}" for n in range(classes))
    return ImageSet((pattern + noise).clamp(0, 255).to(torch.uint8), names, ("",) * classes)


def classification(g):
    return Episodes(images(g), whole(g, 3, 6), whole(g, 1, 5), whole(g, 3, 6))


# --- models
def perceptron(g, inputs, outputs, *, image=0, layers=None):
    widths = [image * image or inputs, *[whole(g, 12, 40) for _layer in range(layers or whole(g, 1, 3))]]
    act = one_of(g, [nn.ReLU, nn.Tanh, nn.ELU])
    parts = [nn.Flatten()] if image else []
    for one, other in zip(widths, widths[1:], strict=False):
        parts += [nn.Linear(one, other), act()]
    return metalib.models.initialise(nn.Sequential(*parts, nn.Linear(widths[-1], outputs)), g)


def network(g, tasks, outputs):
    """For images: a perceptron, or convolutions with or without normalisation."""
    size = tasks.sample(1, generator()).support_x.shape[-1]
    if whole(g, 0, 1):
        return perceptron(g, 0, outputs, image=size)
    norms = [lambda: nn.BatchNorm2d(8, track_running_stats=False), lambda: nn.GroupNorm(2, 8), nn.Identity]
    norm, act = one_of(g, norms), one_of(g, [nn.ReLU, nn.Tanh, nn.ELU])
    blocks = []
    for channels in (1, 8):
        blocks += [nn.Conv2d(channels, 8, 3, stride=2, padding=1), norm(), act()]
    side = -(-size // 4)
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(8 * side * side, outputs))
    return metalib.models.initialise(model, g)


def sine_like(g):
    tasks, inputs = regression(g)
    return perceptron(g, inputs, 1), tasks


def image_like(g):
    tasks = classification(g)
    return network(g, tasks, tasks.ways), tasks


def either(g):
    return (sine_like, image_like)[whole(g, 0, 1)](g)


def maml(g, model, tasks, **options):
    alpha = 0.01 if tasks.sample(1, generator()).support_y.is_floating_point() else 0.05
    return MAML(model, **{"alpha": alpha, "steps": whole(g, 1, 3), **options})


# --- what is in order
def healthy(seed):
    """A random learner of some kind and tasks for it."""
    g = generator(seed)
    kind = seed % 8
    if kind == 0:
        model, tasks = sine_like(g)
        return maml(g, model, tasks), tasks
    if kind == 1:
        model, tasks = image_like(g)
        return maml(g, model, tasks, transductive=bool(whole(g, 0, 1))), tasks
    if kind == 2:
        model, tasks = either(g)
        return maml(g, model, tasks, first_order=True), tasks
    if kind == 3:
        model, tasks = either(g)
        last = list(dict(model.named_parameters()))[-1].rpartition(".")[0]
        return maml(g, model, tasks, adapts=f"{last}."), tasks
    if kind == 4:
        tasks = classification(g)
        encoder = network(g, tasks, whole(g, 8, 24))
        return ProtoNet(encoder), tasks
    if kind == 5:
        tasks, inputs = regression(g)
        return NeuralProcess(neural_process_net(g, inputs, 1, width=whole(g, 16, 48))), tasks
    if kind == 6:
        model, tasks = either(g)
        kinds = (Reptile, JointTraining)
        return one_of(g, kinds)(model, alpha=maml(g, model, tasks).alpha), tasks
    model, tasks = either(g)
    return maml(g, model, tasks, learn_alpha=True), tasks


# --- what is not
class Cut(nn.Module):
    """Something in the middle of a model that cuts the graph."""

    WAYS = ("detach", "data", "no_grad", "numpy")

    def __init__(self, layers, how):
        super().__init__()
        self.first, self.rest, self.how = layers[:-1], layers[-1:], how

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                x = self.first(x)
        else:
            x = self.first(x)
        if self.how == "numpy":
            x = torch.from_numpy(x.detach().cpu().numpy())
        return self.rest(x.detach() if self.how == "detach" else x.data if self.how == "data" else x)


class Own(Learner):
    """Somebody's own MAML, written with one of the classic slips (or none)."""

    SLIPS = ("no create_graph", "detached step", "loss detached", "in place", "copied start", "ignores")

    def __init__(self, model, alpha, slip=""):
        super().__init__()
        self.model, self.alpha, self.slip = model, alpha, slip

    def adapt(self, x, y):
        tasks = []
        for one, other in zip(x, y, strict=True):
            tasks.append(self.step(one, other))
        return tasks

    def step(self, x, y):
        own = dict(self.model.named_parameters())
        if self.slip == "copied start":
            own = {name: value.detach().clone().requires_grad_() for name, value in own.items()}
        if self.slip == "ignores":
            return own
        with torch.enable_grad():
            out = torch.func.functional_call(self.model, own, (x,))
            loss = task_losses(out.unsqueeze(0), y.unsqueeze(0)).mean()
            graph = torch.is_grad_enabled() and self.slip != "no create_graph"
            gradient = torch.autograd.grad(loss, list(own.values()), create_graph=graph)
        if self.slip == "in place":
            with torch.no_grad():
                for value, slope in zip(own.values(), gradient, strict=True):
                    value -= self.alpha * slope
            return {name: value.clone() for name, value in own.items()}
        if self.slip == "detached step":
            gradient = [slope.detach() for slope in gradient]
        return {
            name: value - self.alpha * slope
            for (name, value), slope in zip(own.items(), gradient, strict=True)
        }

    def predict(self, adapted, x):
        outs = [
            torch.func.functional_call(self.model, own, (one,)) for own, one in zip(adapted, x, strict=True)
        ]
        return torch.stack(outs)

    def loss(self, batch):
        loss = super().loss(batch)
        return loss.detach() if self.slip == "loss detached" else loss

    @property
    def is_transductive(self):
        return False


def own(slip, name):
    def plant(g):
        model, tasks = sine_like(g)
        return Own(model, 0.02, slip), tasks, {}, {name}

    return plant


def cut(how):
    def plant(g):
        model, tasks = either(g)
        return maml(g, Cut(model, how), tasks), tasks, {}, {"graph-cut"}

    return plant


def reseeded(g):
    model, tasks = either(g)

    class Reseeded:
        def sample(self, n_tasks, _generator):
            return tasks.sample(n_tasks, generator(7))

    return maml(g, model, tasks), Reseeded(), {}, {"same-tasks"}


def one_task(g):
    model, tasks = either(g)
    fixed = tasks.sample(1, g)

    class Fixed:
        def sample(self, n_tasks, _generator):
            return TaskBatch(*(part.expand(n_tasks, *part.shape[1:]) for part in fixed))

    return maml(g, model, tasks), Fixed(), {}, {"same-tasks"}


def foreign_numbers(g):
    model, tasks = either(g)

    class Foreign:
        def sample(self, n_tasks, _generator):
            return tasks.sample(n_tasks, generator(int(torch.randint(2**40, ()))))

    return maml(g, model, tasks), Foreign(), {}, {"not-from-generator"}


def one_wave(g):
    """All tasks are the same function of x."""
    phase = real(g, 0, 3)
    tasks = Changed(
        SineTasks(10, 10), lambda sx, _sy, qx, _qy: (sx, torch.sin(sx + phase), qx, torch.sin(qx + phase))
    )
    return MAML(perceptron(g, 1, 1)), tasks, {}, {"one-function"}


def fixed_labels(g):
    """Each class has the same label in every task."""
    tasks = leaks.SortedLabels(classification(g))
    return maml(g, network(g, tasks, tasks.episodes.ways), tasks), tasks, {}, {"one-function"}


def other_order(g):
    """Support and query sets number their classes each in its own order."""
    tasks = classification(g)

    def change(sx, sy, qx, qy):
        order = torch.rand(len(qy), tasks.ways, generator=generator(int(sy.sum()) + int(sx.sum()))).argsort(
            dim=1
        )
        return sx, sy, qx, order.gather(1, qy)

    return maml(g, network(g, tasks, tasks.ways), tasks), Changed(tasks, change), {}, {"support-says-nothing"}


def other_function(g):
    """The queries are those of another task."""
    model, tasks = sine_like(g)
    changed = Changed(tasks, lambda sx, sy, qx, qy: (sx, sy, qx.roll(1, 0), qy.roll(1, 0)))
    return maml(g, model, tasks), changed, {}, {"support-says-nothing"}


def scaled(size):
    def plant(g):
        model, tasks = either(g)
        changed = Changed(tasks, lambda sx, sy, qx, qy: (size * sx, sy, size * qx, qy))
        return maml(g, model, tasks, alpha=0.001), changed, {}, {"inputs"}

    return plant


def not_numbers(g):
    model, tasks = either(g)

    def change(sx, sy, qx, qy):
        sx = sx.clone()
        sx.view(-1)[3] = float("nan")
        return sx, sy, qx, qy

    return maml(g, model, tasks), Changed(tasks, change), {}, {"inputs"}


def alpha(size, name):
    def plant(g):
        model, tasks = either(g)
        return maml(g, model, tasks, alpha=size, steps=whole(g, 1, 3)), tasks, {}, {name}

    return plant


def no_step(g):
    model, tasks = either(g)
    options = one_of(g, [{"steps": 0}, {"alpha": 0.0}])
    return maml(g, model, tasks, **options), tasks, {}, {"nothing-adapts"}


def frozen(g):
    model, tasks = either(g)
    names = [name for name, _p in model.named_parameters()]
    model.get_parameter(names[whole(g, 0, len(names) - 2)]).requires_grad_(False)
    return maml(g, model, tasks), tasks, {}, {"frozen"}


def first_layer_only(g):
    model, tasks = either(g)
    first = next(iter(dict(model.named_parameters()))).rpartition(".")[0]
    return maml(g, model, tasks, adapts=f"{first}."), tasks, {}, {"head-not-adapted"}


class Idle(nn.Module):
    """A model with a layer that is made and never used."""

    def __init__(self, model, g):
        super().__init__()
        self.spare = nn.Linear(whole(g, 2, 5), 3)
        self.model = model

    def forward(self, x):
        return self.model(x)


def unused(g):
    model, tasks = either(g)
    return maml(g, Idle(model, g), tasks), tasks, {}, {"unused"}


def too_few_outputs(g):
    tasks = classification(g)
    return maml(g, network(g, tasks, tasks.ways - 1), tasks), tasks, {}, {"output-size"}


def too_many_outputs(g):
    tasks = classification(g)
    return maml(g, network(g, tasks, tasks.ways + whole(g, 1, 9)), tasks), tasks, {}, {"output-size"}


def softmax(g):
    tasks = classification(g)
    model = nn.Sequential(network(g, tasks, tasks.ways), nn.Softmax(dim=-1))
    return maml(g, model, tasks, alpha=0.5), tasks, {}, {"loss-function"}


def logits_as_logarithms(g):
    tasks = classification(g)
    return maml(g, network(g, tasks, tasks.ways), tasks, loss_fn=nn.NLLLoss()), tasks, {}, {"loss-function"}


def dropout(g):
    model, tasks = either(g)
    layers = list(model)
    layers.insert(len(layers) - 1, nn.Dropout(real(g, 0.1, 0.6)))
    return maml(g, nn.Sequential(*layers), tasks), tasks, {}, {"random"}


class AlwaysDropout(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.3)


def dropout_in_evaluation(g):
    model, tasks = either(g)
    layers = list(model)
    layers.insert(len(layers) - 1, AlwaysDropout())
    return maml(g, nn.Sequential(*layers), tasks), tasks, {}, {"random"}


def dead(g):
    tasks, inputs = regression(g)
    model = perceptron(g, inputs, 1, layers=2)
    layers = [nn.ReLU() if isinstance(part, (nn.Tanh, nn.ELU)) else part for part in model]
    with torch.no_grad():
        layers[2].bias.fill_(-1000)
    return maml(g, nn.Sequential(*layers), tasks), tasks, {}, {"dead-units"}


def sure_of_itself(g):
    tasks = classification(g)
    model = network(g, tasks, tasks.ways)
    with torch.no_grad():
        model[-1].bias[whole(g, 0, tasks.ways - 1)] += 60
    return maml(g, model, tasks), tasks, {}, {"head"}


def outer(size, name):
    def plant(g):
        model, tasks = either(g)
        return maml(g, model, tasks), tasks, {"lr": size}, {name}

    return plant


def outer_sgd(g):
    model, tasks = sine_like(g)
    return maml(g, model, tasks), tasks, {"lr": 30.0, "optimiser": "sgd"}, {"lr-large"}


def cut_encoder(g):
    """A prototypical network whose encoder cuts the graph."""
    tasks = classification(g)
    return ProtoNet(Cut(network(g, tasks, 12), "detach")), tasks, {}, {"meta-gradient"}


def worn_statistics(g):
    """Running statistics of other data than these."""
    tasks = classification(g)
    size = tasks.sample(1, generator()).support_x.shape[-1]
    encoder = metalib.models.conv4(8, norm="batch", downsample="stride", size=size, ways=16, generator=g)
    for norm in metalib.learners.base.batch_norms(encoder):
        norm.num_batches_tracked += 1000
        norm.running_mean.normal_(0, 0.3, generator=g)
        norm.running_var.fill_(0.003)
    return ProtoNet(encoder), tasks, {}, {"running-statistics"}


class Stuck(nn.Sequential):
    """A network that somebody keeps in evaluation mode."""

    def train(self, mode=True):
        return super().train(False)


def stuck(g):
    tasks = classification(g)
    size = tasks.sample(1, generator()).support_x.shape[-1]
    encoder = metalib.models.conv4(8, norm="batch", downsample="stride", size=size, ways=16, generator=g)
    return ProtoNet(Stuck(*encoder)), tasks, {}, {"modes"}


FAULTS = {
    "reseeded": reseeded, "one task": one_task, "foreign numbers": foreign_numbers, "one wave": one_wave,
    "fixed labels": fixed_labels, "other order": other_order, "other function": other_function,
    "inputs x 200": scaled(200.0), "inputs / 1000": scaled(0.001), "not numbers": not_numbers,
    "alpha 1e-7": alpha(1e-7, "alpha-small"), "alpha 100": alpha(100.0, "alpha-large"), "no step": no_step,
    "frozen": frozen, "first layer only": first_layer_only, "unused": unused,
    "too few outputs": too_few_outputs, "too many outputs": too_many_outputs, "softmax": softmax,
    "logits as logarithms": logits_as_logarithms, "dropout": dropout,
    "dropout in evaluation": dropout_in_evaluation, "dead": dead, "sure of itself": sure_of_itself,
    "lr 1e-9": outer(1e-9, "lr-small"), "lr 100": outer(100.0, "lr-large"), "sgd 30": outer_sgd,
    "cut encoder": cut_encoder, "worn statistics": worn_statistics, "stuck": stuck,
    **{f"cut by {how}": cut(how) for how in Cut.WAYS},
    "own: no create_graph": own("no create_graph", "first-order"),
    "own: detached step": own("detached step", "first-order"),
    "own: loss detached": own("loss detached", "meta-gradient"),
    "own: in place": own("in place", "adapt-changes-learner"),
    "own: copied start": own("copied start", "meta-gradient"),
    "own: ignores": own("ignores", "nothing-adapts"),
}  # fmt: skip
"""What can be planted: a function of a generator that gives learner, tasks, options, and the names of which
one at least must be found."""
