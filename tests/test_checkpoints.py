"""A resumed run is the run without a stop, or it is refused; a failed load changes nothing."""

import copy
import functools
import math
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from metalib import MAML, Episodes, JointTraining, ProtoNet, Reptile, SineTasks, Training, fit
from metalib.checkpoint import random_state, set_random_state
from metalib.description import Description, differences
from metalib.models import conv4, initialise, sine_net
from metalib.paths import CacheError
from metalib.randomness import governed

QUIET = dict(progress=False, meta_batch=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make(**options):
    return MAML(sine_net(width=6), alpha=0.01, **options)


def values(learner):
    return {name: value.detach().clone() for name, value in learner.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


# --- the generator alone decides
class Noisy(SineTasks):
    """Tasks that take global random numbers, as other people's do."""

    def sample(self, n_tasks, generator):
        batch = super().sample(n_tasks, generator)
        noise = torch.rand(()) + np.random.rand() + random.random()
        return type(batch)(*(part + float(noise) for part in batch))


class Own(SineTasks):
    """Tasks with generators of their own."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "one", np.random.default_rng(3))
        object.__setattr__(self, "two", random.Random(3))
        object.__setattr__(self, "three", seeded(3))
        object.__setattr__(self, "four", np.random.RandomState(3))

    def sample(self, n_tasks, generator):
        batch = super().sample(n_tasks, generator)
        noise = self.one.normal() + self.two.gauss(0, 1) + self.four.normal()
        noise += torch.randn((), generator=self.three).item()
        return type(batch)(*(part + noise for part in batch))


def dropout():
    return initialise(nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)))


@pytest.mark.parametrize("tasks", [SineTasks, Noisy, Own])
@pytest.mark.parametrize("model", [dropout, lambda: sine_net(width=6)])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_resumed_run_equals_one_without_a_stop(tmp_path, tasks, model, optimiser):
    def go(iterations, seed, file=None):
        """With other global random numbers each time."""
        torch.manual_seed(seed), np.random.seed(seed), random.seed(seed)
        learner = MAML(model(), alpha=0.01)
        options = dict(checkpoint=file, optimiser=optimiser, validation=tasks(), validate_every=2)
        history = fit(learner, tasks(), iterations, seeded(), **options, validation_tasks=2, **QUIET)
        return values(learner), history.loss, history.validation

    whole = go(6, 1)
    file = tmp_path / "run.checkpoint"
    go(1, 2, file), go(4, 3, file)
    resumed = go(6, 4, file)
    assert same(whole[0], resumed[0]) and whole[1:] == resumed[1:]


def test_training_leaves_global_random_numbers_alone():
    def drawn():
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _n in range(3)]

    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = drawn()
    learner = MAML(dropout())
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    fit(learner, Noisy(), 2, seeded(), **QUIET)
    assert drawn() == expected


def test_governed_numbers_follow_from_the_state_and_do_not_move_it():
    def drawn(generator):
        with governed(generator):
            inner = [torch.rand(()).item(), np.random.rand(), random.random()]
            with governed(generator):  # one in the other: the outer one goes on undisturbed
                np.random.rand(5)
            return [*inner, np.random.rand()]

    generator = seeded()
    before = generator.get_state()
    first = drawn(generator)
    assert drawn(generator) == first and torch.equal(generator.get_state(), before)
    torch.rand(1, generator=generator)
    assert all(a != b for a, b in zip(drawn(generator), first, strict=True))
    with pytest.raises(KeyError), governed(generator):
        raise KeyError
    assert len(np.random.rand(2)) == 2


@pytest.mark.parametrize(
    "source",
    [random.Random(1), np.random.RandomState(1), seeded(1)]
    + [np.random.Generator(kind(1)) for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox)],
    ids=lambda source: type(getattr(source, "bit_generator", source)).__name__,
)
def test_random_states_come_back(tmp_path, source):
    def draw():
        if isinstance(source, torch.Generator):
            return torch.randn(3, generator=source).tolist()
        return [
            source.gauss(0, 1) if isinstance(source, random.Random) else source.normal() for _n in range(3)
        ]

    draw()
    file = tmp_path / "state"
    torch.save(random_state(source), file)
    expected = draw()
    set_random_state(source, torch.load(file, weights_only=True))
    assert draw() == expected


# --- another training
class Frozen(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.net = sine_net(width=6)
        self.net[layer].requires_grad_(False)

    def forward(self, x):
        return self.net(x)


def frozen(layer):
    return MAML(Frozen(layer), adapts=lambda name: not name.startswith(f"net.{layer}"))


def mean_abs(prediction, target):
    return (prediction - target).abs().mean()


VARIANTS = {
    "learner": lambda: (JointTraining(sine_net(width=6), 0.01), SineTasks(), {}),
    "learner.alpha": lambda: (MAML(sine_net(width=6), 0.5), SineTasks(), {}),
    "learner.steps": lambda: (make(steps=3), SineTasks(), {}),
    "learner.first_order": lambda: (make(first_order=True), SineTasks(), {}),
    "learner.adapted_names": lambda: (make(adapts=lambda name: name != "0.bias"), SineTasks(), {}),
    "learner.model.0.out_features": lambda: (MAML(sine_net(width=7), 0.01), SineTasks(), {}),
    "learner.model": lambda: (frozen(0), SineTasks(), {}),
    "tasks.shots": lambda: (make(), SineTasks(shots=1), {}),
    "tasks.amplitudes": lambda: (make(), SineTasks(amplitudes=(1, 2)), {}),
    "tasks": lambda: (make(), Noisy(), {}),
    "lr": lambda: (make(), SineTasks(), {"lr": 1e-9}),
    "optimiser": lambda: (make(), SineTasks(), {"optimiser": "sgd"}),
    "halve_every": lambda: (make(), SineTasks(), {"halve_every": 2}),
    "meta_batch": lambda: (make(), SineTasks(), {"meta_batch": 3}),
    "validation": lambda: (make(), SineTasks(), {"validation": SineTasks(5)}),
    "seed": lambda: (make(), SineTasks(), {"about": {"seed": 4}}),
}


@pytest.mark.parametrize("setting", VARIANTS)
def test_a_checkpoint_of_another_training_is_refused_and_what_differs_is_named(tmp_path, setting):
    file = tmp_path / "run.checkpoint"
    fit(make(), SineTasks(), 2, seeded(), checkpoint=file, **QUIET)
    before = file.read_bytes()
    learner, tasks, options = VARIANTS[setting]()
    untrained = values(learner)
    with pytest.raises(ValueError, match=rf"not a checkpoint of this training: .*\b{setting} was .* and is "):
        fit(learner, tasks, 4, seeded(), checkpoint=file, **{**QUIET, **options})
    assert same(values(learner), untrained) and file.read_bytes() == before
    # Between each other as well, and each with itself goes on.
    own = tmp_path / "own.checkpoint"
    for iterations in (1, 2):
        learner, tasks, options = VARIANTS[setting]()
        history = fit(learner, tasks, iterations, seeded(), checkpoint=own, **{**QUIET, **options})
        assert len(history.loss) == iterations


def test_the_frozen_set_belongs_to_a_training(tmp_path):
    file = tmp_path / "run.checkpoint"
    fit(frozen(0), SineTasks(), 1, seeded(), checkpoint=file, **QUIET)
    with pytest.raises(ValueError, match=r"learner.model.net.0.bias was .*, frozen and is .*, trained"):
        fit(frozen(2), SineTasks(), 2, seeded(), checkpoint=file, **QUIET)


def test_other_images_are_other_tasks(tmp_path):
    images = torch.randint(0, 256, (5, 4, 1, 16, 16), dtype=torch.uint8, generator=seeded())
    file = tmp_path / "run.checkpoint"

    def go(images, iterations):
        learner = ProtoNet(conv4(4, size=16))
        return fit(learner, Episodes(images, 2, 1, 1), iterations, seeded(), checkpoint=file, **QUIET)

    go(images, 1), go(images.clone(), 2)
    images[3, 2, 0, 5, 5] += 1
    with pytest.raises(ValueError, match="tasks.images was"):
        go(images, 3)


def test_fewer_iterations_than_are_done_are_refused(tmp_path):
    file = tmp_path / "run.checkpoint"
    fit(make(), SineTasks(), 3, seeded(), checkpoint=file, **QUIET)
    with pytest.raises(ValueError, match="3 meta-iterations are done already, more than the 2 asked for"):
        fit(make(), SineTasks(), 2, seeded(), checkpoint=file, **QUIET)
    assert len(fit(make(), SineTasks(), 3, seeded(), checkpoint=file, **QUIET).loss) == 3


def test_what_a_checkpoint_cannot_hold_is_said(tmp_path):
    learner = make()
    training = Training(learner, SineTasks(), seeded(), meta_batch=2)
    training.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training.save(tmp_path / "a")
    learner.alpha = 0.5
    with pytest.warns(UserWarning, match="does not hold .learner.alpha was 0.01 and is 0.5"):
        training.save(tmp_path / "a")
    Training(make(), SineTasks(), seeded(), meta_batch=2).load(tmp_path / "a")


# --- descriptions
@functools.cache
def child(code):
    environment = {**os.environ, "PYTHONHASHSEED": "random"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
def test_a_description_is_the_same_in_every_process():
    code = """if True:
        import functools, torch, numpy as np
        from metalib import MAML, models, SineTasks
        from metalib.description import Description
        class Tasks:
            kinds = {"a", "b", "c"}
            def __init__(self): self.names, self.self = {"x", "yy", "zzz"}, self
            def sample(self, n, g): return n in {"p", "q", "r"}
        bound = 3
        print(Description(
            learner=MAML(models.sine_net(), adapts=lambda name: "weight" in name), tasks=Tasks(),
            f=functools.partial(lambda x, y=bound: x + y, y=2), g=Tasks().sample, h=len, i=np.arange(3),
        ).settings)"""
    assert child(code) == child(code + " ")
    assert " at 0x" not in child(code)


def test_equal_numbers_are_equal_whatever_their_type():
    for numbers in (
        (1, 1.0, np.int64(1), np.float32(1)),
        (0.5, np.float64(0.5)),
        ((1, 2), [1.0, np.int8(2)]),
    ):
        assert len({Description(x=number).settings["x"] for number in numbers}) == 1
    assert Description(x=math.nan).settings == Description(x=math.nan).settings


def test_functions_are_told_apart_by_what_they_do():
    def scaled(factor):
        return lambda x: x * factor

    described = [Description(f=f).settings for f in (scaled(2), scaled(2), scaled(3), mean_abs, lambda x: x)]
    assert described[0] == described[1]
    assert len({str(sorted(one.items())) for one in described}) == 4


def test_what_leads_on_and_on_comes_to_an_end():
    import logging

    import matplotlib.pyplot

    thing = type("Tasks", (), {})()
    thing.log, thing.plot, thing.me = logging.getLogger(), matplotlib.pyplot, thing
    thing.many = [object() for _n in range(100)]
    thing.files = {1: sys.stdout, (1, 2): subprocess}
    assert Description(tasks=thing).settings["tasks.me"] == "the same as tasks"


@given(
    then=st.dictionaries(
        st.sampled_from(["a", "a.b", "a.b.c", "a[1]", "b", "ab", "c"]), st.text("xy"), max_size=7
    ),
    now=st.dictionaries(
        st.sampled_from(["a", "a.b", "a.b.c", "a[1]", "b", "ab", "c"]), st.text("xy"), max_size=7
    ),
)
def test_differences_are_empty_only_where_there_are_none(then, now):
    assert (differences(then, now) == "") == (then == now)
    assert differences({"a": "1", "a.b": "1"}, {"a": "2", "a.c": "1"}) == "a was 1 and is 2"


# --- damage
@functools.cache
def sealed():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "run")
        fit(make(), SineTasks(), 3, seeded(), checkpoint=path, **QUIET)
        with open(path, "rb") as file:
            return file.read()


def everything(training):
    return copy.deepcopy(
        (
            values(training.learner),
            training._optimiser.state_dict(),
            training.generator.get_state().tolist(),
            training.history.state_dict(),
        )
    )


def unchanged(training, before):
    now = everything(training)
    return same(now[0], before[0]) and str(now[1:]) == str(before[1:])


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_noticed_and_changes_nothing(tmp_path_factory, data):
    content = bytearray(sealed())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "run"
    path.write_bytes(content)
    training = Training(make(), SineTasks(), seeded(), meta_batch=2)
    before = everything(training)
    with pytest.raises(ValueError, match="not a checkpoint of this training: it was cut short or altered"):
        training.load(path)
    assert unchanged(training, before)


@settings(deadline=None, max_examples=30)
@given(length=st.integers(0, 10**6))
def test_a_file_cut_short_anywhere_is_refused(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("cut") / "run"
    path.write_bytes(sealed()[: length % len(sealed())])
    with pytest.raises(ValueError, match="cut short or altered"):
        fit(make(), SineTasks(), 4, seeded(), checkpoint=path, **QUIET)


def broken(state, part):
    if part == "nan":
        next(iter(state["learner"].values())).view(-1)[0] = math.nan
    elif part == "moment":
        state["optimiser"]["state"][0]["exp_avg"][0] = math.inf
    elif part == "shape":
        name = next(iter(state["learner"]))
        state["learner"][name] = state["learner"][name][:1]
    elif part == "name":
        state["learner"].popitem()
    elif part == "generator":
        state["generator"] = torch.zeros(3, dtype=torch.uint8)
    elif part == "optimiser":
        state["optimiser"]["param_groups"] = []
    elif part == "history":
        state["history"]["loss"] = "none"
    elif part == "random":
        state["random"] = {"elsewhere": 3}
    elif part == "format":
        state["format"] = 99
    elif part == "missing":
        del state["made"]
    return state


@pytest.mark.parametrize(
    "part",
    ["nan", "moment", "shape", "name", "generator", "optimiser", "history", "random", "format", "missing"],
)
@pytest.mark.parametrize("under_seal", [True, False])
def test_a_failed_load_changes_nothing(tmp_path, part, under_seal):
    from metalib import checkpoint

    path = tmp_path / "run"
    path.write_bytes(sealed())
    state = broken(torch.load(path), part)
    checkpoint.write(path, state) if under_seal else torch.save(state, path)
    tried, plain = (Training(make(), SineTasks(), seeded(), meta_batch=2) for _n in range(2))
    tried.step(), plain.step()
    before = everything(tried)
    with pytest.raises(ValueError, match="is not a checkpoint of this training"):
        tried.load(path)
    assert unchanged(tried, before)
    assert tried.step() == plain.step() and same(values(tried.learner), values(plain.learner))


def test_an_interrupt_while_loading_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "run"
    path.write_bytes(sealed())
    training = Training(make(), SineTasks(), seeded(), meta_batch=2)
    before = everything(training)
    plain = training._optimiser.load_state_dict
    calls = []

    def interrupted(state):
        plain(state)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(training._optimiser, "load_state_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.load(path)
    assert unchanged(training, before)


def test_a_checkpoint_from_elsewhere_is_taken_with_a_word(tmp_path, monkeypatch):
    """Tensors are read onto the processor wherever they were; that the numbers will differ is said."""
    from metalib import checkpoint

    path = tmp_path / "run"
    path.write_bytes(sealed())
    state = torch.load(path)
    state["where"] = {**state["where"], "device": "cuda"}
    checkpoint.write(path, state)
    asked = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **options: asked.append(options) or load(*a, **options))
    training = Training(make(), SineTasks(), seeded(), meta_batch=2)
    with pytest.warns(UserWarning, match="began elsewhere .device was cuda and is cpu"):
        training.load(path)
    assert training.iteration == 3 and asked[0]["map_location"] == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_a_resumed_run_is_the_same_and_a_processor_can_take_it_up(tmp_path):
    def go(iterations, device, file=None):
        torch.manual_seed(iterations)
        learner = MAML(dropout(), alpha=0.01).to(device)
        return fit(learner, SineTasks(), iterations, seeded(), checkpoint=file, **QUIET).loss

    file = tmp_path / "run"
    whole = go(6, "cuda")
    go(3, "cuda", file)
    assert go(6, "cuda", file) == whole
    with pytest.warns(UserWarning, match="device was cuda and is cpu"):
        assert len(go(8, "cpu", file)) == 8


# --- before, not after
def test_a_place_that_cannot_be_written_is_found_before_the_training(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(Training, "step", None)
    for place in (tmp_path / "file" / "run", tmp_path):
        with pytest.raises(CacheError, match="cannot be written"):
            fit(make(), SineTasks(), 3, seeded(), checkpoint=place, **QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_validation_that_cannot_be_scored_is_found_before_the_training():
    class Wrong:
        def sample(self, n_tasks, generator):
            raise ValueError("no such task")

    learner = make()
    before = values(learner)
    with pytest.raises(ValueError, match="no such task"):
        fit(learner, SineTasks(), 3, seeded(), validation=Wrong(), validate_every=10**6, **QUIET)
    assert same(before, values(learner))


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"halve_every": -1}, ValueError, "halve_every must be at least 1, not -1"),
        ({"halve_every": 0}, ValueError, "halve_every must be at least 1"),
        ({"halve_every": 1.5}, TypeError, "halve_every must be a whole number"),
        ({"lr": True}, TypeError, "lr must be a number, not True"),
        ({"lr": "fast"}, TypeError, "lr must be a number, not 'fast'"),
        ({"lr": np.bool_(True)}, TypeError, "lr must be a number"),
        ({"lr": 0}, ValueError, "lr must be a finite positive number, not 0"),
        ({"meta_batch": np.bool_(True)}, TypeError, "meta_batch must be a whole number"),
        ({"meta_batch": 2.0}, TypeError, "meta_batch must be a whole number"),
        ({"validation": 5}, TypeError, "validation must draw tasks"),
        ({"tasks": [1, 2]}, TypeError, "tasks must draw tasks, by sample.n_tasks, generator., which list"),
        ({"tasks": None}, TypeError, "tasks must draw tasks"),
        ({"learner": sine_net()}, TypeError, "learner must be a metalib.Learner.*not Sequential"),
    ],
)
def test_options_are_checked_when_the_training_is_made(options, error, words):
    given = {"learner": make(), "tasks": SineTasks(), "generator": seeded(), **options}
    with pytest.raises(error, match=words):
        Training(**given)


def test_numbers_of_numpy_are_numbers():
    numbers = dict(
        meta_batch=np.int64(2), lr=np.float32(1e-3), halve_every=np.int32(5), validate_every=np.uint8(2)
    )
    training = Training(make(), SineTasks(np.int64(3), np.int16(2)), seeded(), **numbers)
    assert training.step() > 0 and type(training.meta_batch) is type(training.tasks.shots) is int
    images = torch.zeros(5, 4, 1, 8, 8, dtype=torch.uint8)
    assert (
        Episodes(images, np.int64(3), np.int8(1), np.uint8(2)).sample(np.int64(2), seeded()).query_x.shape[1]
        == 6
    )
    assert len(fit(make(), SineTasks(), np.int64(2), seeded(), **QUIET).loss) == 2


def test_an_infinite_slope_of_a_finite_loss_leaves_the_last_good_weights():
    class Steep(Reptile):
        def loss(self, batch):
            weight = next(self.parameters())
            return (weight - weight.detach()).abs().sum().sqrt()  # 0, with an infinite slope

    learner = Steep(sine_net(width=6))
    before = values(learner)
    with pytest.raises(FloatingPointError, match="slope of the meta-loss became infinite in iteration 1"):
        fit(learner, SineTasks(), 2, seeded(), **QUIET)
    assert same(before, values(learner))
