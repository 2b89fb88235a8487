"""fit, its checkpoints and its interruptions; evaluate and compare."""

import math
import os
import signal
import threading

import pytest
import torch
from torch import nn

from metalib import (
    MAML,
    Episodes,
    FromScratch,
    JointTraining,
    ProtoNet,
    SineTasks,
    Training,
    compare,
    evaluate,
    fit,
)
from metalib.history import History, smooth
from metalib.models import conv4, sine_net


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(learner):
    return nn.utils.parameters_to_vector(learner.parameters()).detach().clone()


def make(**options):
    return MAML(sine_net(), alpha=0.01, **options)


TASKS = SineTasks(5, 5)
QUIET = dict(progress=False, meta_batch=4)


class Interrupting:
    """A task distribution during whose n-th draw the learner presses Ctrl-C."""

    def __init__(self, at):
        self._at, self._drawn = at, 0

    def sample(self, n_tasks, g):
        self._drawn += 1
        if self._drawn == self._at:
            os.kill(os.getpid(), signal.SIGINT)
        return TASKS.sample(n_tasks, g)


def test_training_lowers_the_loss_after_adaptation():
    learner = make()
    before = evaluate(learner, TASKS, 100, generator(9))
    history = fit(learner, SineTasks(), 300, generator(), progress=False)
    assert evaluate(learner, TASKS, 100, generator(9)).mean < 0.8 * before.mean
    assert len(history.loss) == 300 and not history.interrupted


def test_the_same_seed_gives_the_same_weights():
    results = []
    for _ in range(2):
        learner = make()
        fit(learner, TASKS, 15, generator(), **QUIET)
        results.append(weights(learner))
    assert torch.equal(*results)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_stopping_and_going_on_loses_no_step(tmp_path, optimiser):
    options = dict(
        **QUIET, optimiser=optimiser, halve_every=7, validation=TASKS, validate_every=4, validation_tasks=5
    )
    whole = make()
    expected = fit(whole, TASKS, 20, generator(), **options)
    file = tmp_path / "run.checkpoint"
    for iterations in (6, 13, 20):  # each time everything anew, but for the file
        learner, seed = make(), 123 if file.exists() else 0
        history = fit(learner, TASKS, iterations, generator(seed), checkpoint=file, **options)
    assert torch.equal(weights(whole), weights(learner))
    assert history.loss == expected.loss and history.validation == expected.validation
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupt_ends_after_the_running_iteration_and_nothing_is_lost(tmp_path):
    file = tmp_path / "run.checkpoint"
    whole, stopped, resumed = make(), make(), make()
    fit(whole, TASKS, 12, generator(), **QUIET)
    history = fit(stopped, Interrupting(at=5), 12, generator(), checkpoint=file, **QUIET)
    assert history.interrupted and len(history.loss) == 5 and "interrupted after 5" in repr(history)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    history = fit(resumed, Interrupting(at=0), 12, generator(), checkpoint=file, **QUIET)
    assert not history.interrupted and torch.equal(weights(whole), weights(resumed))


def test_a_second_interrupt_is_an_ordinary_one():
    class Twice(Interrupting):
        def sample(self, n_tasks, g):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            return TASKS.sample(n_tasks, g)

    with pytest.raises(KeyboardInterrupt):
        fit(make(), Twice(1), 5, generator(), **QUIET)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_the_checkpoint_is_written_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "run.checkpoint"
    fit(make(), TASKS, 5, generator(), checkpoint=file, **QUIET)
    before = file.read_bytes()
    whole_save = torch.save

    def cut(state, target):
        whole_save({"half": 1}, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(KeyboardInterrupt):
        fit(make(), TASKS, 10, generator(), checkpoint=file, **QUIET)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_training_works_outside_the_main_thread():
    result = []
    thread = threading.Thread(target=lambda: result.append(fit(make(), TASKS, 3, generator(), **QUIET)))
    thread.start()
    thread.join()
    assert len(result[0].loss) == 3


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path, content):
    file = tmp_path / "run.checkpoint"
    if content is None:
        Training(ProtoNet(conv4(8, size=16)), TASKS, generator()).save(file)
    else:
        file.write_bytes(content)
    with pytest.raises(ValueError, match="is not a checkpoint of this training"):
        fit(make(), TASKS, 3, generator(), checkpoint=file, **QUIET)


def test_validation_does_not_change_what_is_trained():
    plain, watched = make(), make()
    fit(plain, TASKS, 8, generator(), **QUIET)
    history = fit(
        watched, TASKS, 8, generator(), validation=TASKS, validate_every=2, validation_tasks=3, **QUIET
    )
    assert torch.equal(weights(plain), weights(watched))
    assert [entry[0] for entry in history.validation] == [2, 4, 6, 8]


def test_a_loss_that_explodes_is_said_and_the_last_good_weights_stay():
    learner = MAML(sine_net(), alpha=1e12, steps=4)
    before = weights(learner)
    with pytest.raises(FloatingPointError, match="iteration 1. Train with a smaller alpha"):
        fit(learner, TASKS, 3, generator(), **QUIET)
    assert torch.equal(before, weights(learner))


class Bag(nn.Module):
    """Its embedding bag has no second derivative in PyTorch."""

    def __init__(self):
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(12, 4), nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.bag((x + 6).long()))


def test_an_operation_without_a_second_derivative_is_named():
    with pytest.raises(NotImplementedError, match=r"embedding_bag.* train with first_order=True"):
        fit(MAML(Bag(), 0.1), TASKS, 1, generator(), progress=False)
    fit(MAML(Bag(), 0.1, first_order=True), TASKS, 2, generator(), progress=False)


@pytest.mark.parametrize(
    "run, error, words",
    [
        (lambda: fit(make(), TASKS, 0, generator()), ValueError, "iterations must be at least 1, not 0"),
        (
            lambda: fit(make(), TASKS, 5, generator(), meta_batch=0),
            ValueError,
            "meta_batch must be at least 1",
        ),
        (lambda: fit(make(), TASKS, 5, None), TypeError, "torch.Generator"),
        (
            lambda: fit(make(), TASKS, 5, generator(), lr=math.nan),
            ValueError,
            "lr must be a finite positive number, not nan",
        ),
        (
            lambda: fit(make(), TASKS, 5, generator(), optimiser="lion"),
            ValueError,
            "'adam' or 'sgd', not 'lion'",
        ),
        (
            lambda: fit(FromScratch(sine_net()), TASKS, 5, generator()),
            ValueError,
            "FromScratch has no meta-parameters",
        ),
        (lambda: evaluate(make(), TASKS, 0, generator()), ValueError, "n_tasks must be at least 1"),
    ],
)
def test_bad_input_gets_one_sentence(run, error, words):
    with pytest.raises(error, match=words):
        run()


# --- history
def test_smoothing_by_hand():
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3, 3, 3])
    assert smooth([0.0, 3.0], window=2) == pytest.approx(
        [0.0, 2.0]
    )  # weights 1/4 and 1/2, made to sum to one
    assert smooth([]) == []


def test_history_plots_itself_with_and_without_validation():
    history = History(loss=[3.0, 2.0, 1.0])
    assert len(history.plot().axes) == 1
    history.validation.append((3, 0.5, 0.1))
    history.metric = "accuracy"
    figure = history.plot()
    assert len(figure.axes) == 2 and figure.axes[1].get_ylabel() == "validation accuracy"
    assert figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx(smooth(history.loss))


# --- evaluation
def test_interval_by_hand():
    result = evaluate(JointTraining(sine_net(), steps=0), TASKS, 40, generator(3))
    batch = TASKS.sample(40, generator(3))
    values = (sine_net()(batch.query_x) - batch.query_y).square().mean(dim=(1, 2)).double()
    assert torch.allclose(result.values, values)
    mean = sum(values.tolist()) / 40
    spread = math.sqrt(sum((v - mean) ** 2 for v in values.tolist()) / 39)
    assert result.mean == pytest.approx(mean) and result.half_width == pytest.approx(
        1.96 * spread / math.sqrt(40)
    )
    assert result.metric == "loss" and result.n == 40 and "(40 tasks)" in str(result)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty():
    truth = evaluate(
        JointTraining(sine_net(), steps=0), SineTasks(1, 10), 20_000, generator(1), chunk=5000
    ).mean
    hits = 0
    for seed in range(300):
        result = evaluate(
            JointTraining(sine_net(), steps=0), SineTasks(1, 10), 100, generator(100 + seed), chunk=100
        )
        hits += abs(result.mean - truth) <= result.half_width
    assert 0.90 < hits / 300 < 0.985


def test_evaluation_restores_the_mode_and_takes_steps():
    learner = make(steps=1).train()
    zero, five = (evaluate(learner, SineTasks(10, 10), 30, generator(), steps=steps) for steps in (0, 5))
    assert learner.training and zero.mean != five.mean
    assert zero.mean == pytest.approx(
        evaluate(JointTraining(learner.model, steps=0), SineTasks(10, 10), 30, generator()).mean
    )


def test_chunks_do_not_change_single_chunk_tasks():
    learner = make()
    assert (
        evaluate(learner, TASKS, 30, generator(), chunk=30).n
        == evaluate(learner, TASKS, 30, generator(), chunk=7).n
        == 30
    )


@pytest.mark.parametrize("numbers", [1, 2 * 12 * 64, 10**9])
@pytest.mark.parametrize("pictures", [True, False])
def test_how_many_tasks_pass_at_once_changes_no_score(pictures, numbers, monkeypatch):
    images = torch.randint(0, 256, (12, 4, 1, 8, 8), dtype=torch.uint8, generator=generator())
    tasks = Episodes(images, 3, 1, 3)
    if not pictures:  # vectors (T, N, 64) in place of pictures (T, N, 1, 8, 8)
        tasks = tasks.mapped(lambda x: x.flatten(1))
    learner = MAML(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), alpha=0.1, steps=2)
    seen, adapt = [], learner.adapt
    monkeypatch.setattr(
        learner, "adapt", lambda x, y, **options: seen.append(len(x)) or adapt(x, y, **options)
    )
    monkeypatch.setattr("metalib.learners.batched.PASS_NUMBERS", numbers)
    values = evaluate(learner, tasks, 5, generator(1)).values
    expected = {1: [1] * 5, 2 * 12 * 64: [2, 2, 1], 10**9: [5]}[numbers]
    assert seen == ([1] * 5 if pictures else expected)
    alone = [tasks.sample(5, generator(1))[n : n + 1] for n in range(5)]
    for value, task in zip(values, alone, strict=True):
        answer = learner.predict(adapt(task.support_x, task.support_y), task.query_x).argmax(-1)
        assert value == (answer == task.query_y).double().mean()


def test_zero_step_accuracy_is_one_over_n():
    """Labels are dealt anew in each task, so nothing can be known of them before adaptation; sorted labels
    would give it away."""
    images = torch.zeros(40, 4, 1, 8, 8, dtype=torch.uint8)
    images += (torch.arange(40) * 6).view(40, 1, 1, 1, 1).to(torch.uint8)  # brightness tells a class's rank
    learner = MAML(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5)), alpha=0.1, steps=0
    )

    class Sorted(Episodes):
        def draw(self, n_tasks, g):
            classes, drawings = super().draw(n_tasks, g)
            return classes.sort(dim=1).values, drawings

    accuracy = {}
    for kind in (Episodes, Sorted):
        fit(learner, kind(images, 5, 1, 1), 150, generator(), lr=1e-2, progress=False)
        accuracy[kind] = evaluate(learner, kind(images, 5, 1, 1), 400, generator(1))
    assert abs(accuracy[Episodes].mean - 0.2) < 0.05
    assert accuracy[Sorted].mean > 0.3


def test_a_paired_comparison_is_sharper_than_two_means():
    one, two = make(), make()
    fit(two, TASKS, 40, generator(), **QUIET)
    difference = compare(one, two, TASKS, 200, generator(5))
    scores = [evaluate(learner, TASKS, 200, generator(5)) for learner in (one, two)]
    assert torch.allclose(difference.values, scores[0].values - scores[1].values)
    assert difference.half_width < min(score.half_width for score in scores)
    assert compare(one, one, TASKS, 20, generator(5)).values.abs().max() == 0
