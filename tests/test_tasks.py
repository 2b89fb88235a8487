"""Task distributions: what a TaskBatch refuses, and what sine waves and episodes promise."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from metalib import Episodes, SineTasks, TaskBatch
from metalib.tasks import GaussianProcessTasks
from metalib.tasks.episodes import draw_distinct


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered_images(classes, drawings, size=2):
    """Images whose pixels say which class (channel 0) and which drawing (channel 1) they are."""
    images = torch.empty(classes, drawings, 2, size, size, dtype=torch.uint8)
    images[:, :, 0] = torch.arange(classes).view(-1, 1, 1, 1)
    images[:, :, 1] = torch.arange(drawings).view(1, -1, 1, 1)
    return images


def identity(x):
    """The (class, drawing) of each example, read off its pixels."""
    return (x[..., 0, 0, 0] * 255).round().long(), (x[..., 1, 0, 0] * 255).round().long()


# --- TaskBatch
def test_batch_iterates_slices_and_moves():
    batch = SineTasks(3, 4).sample(5, generator())
    assert [tuple(t.shape) for t in batch] == [(5, 3, 1), (5, 3, 1), (5, 4, 1), (5, 4, 1)]
    assert len(batch) == 5 and len(batch[1:3]) == 2
    assert torch.equal(batch[1:3].query_y, batch.query_y[1:3])
    assert batch.to("meta").support_x.device.type == "meta"
    with pytest.raises(TypeError, match="slice"):
        batch[0]


@pytest.mark.parametrize(
    "change, error, words",
    [
        (dict(support_x=[1.0]), TypeError, "support_x must be a torch.Tensor, not list"),
        (dict(support_x=torch.zeros(3)), ValueError, r"two dimensions.*\(3,\)"),
        (dict(query_x=torch.zeros(3, 4, 1), query_y=torch.zeros(3, 4, 1)), ValueError, r"\[2, 2, 3, 3\]"),
        (dict(support_y=torch.zeros(2, 4, 1)), ValueError, "3 inputs but 4 targets"),
        (dict(query_x=torch.zeros(2, 4, 1, dtype=torch.float64)), TypeError, "float32.*float64"),
        (dict(query_x=torch.zeros(2, 4, 7)), ValueError, r"\(1,\).*\(7,\)"),
    ],
)
def test_batch_refuses_what_does_not_fit(change, error, words):
    parts = dict(
        support_x=torch.zeros(2, 3, 1),
        support_y=torch.zeros(2, 3, 1),
        query_x=torch.zeros(2, 4, 1),
        query_y=torch.zeros(2, 4, 1),
    )
    with pytest.raises(error, match=words):
        TaskBatch(**{**parts, **change})


# --- sine waves
def test_sine_points_lie_on_one_wave_a_task():
    batch = SineTasks(shots=40, queries=50).sample(20, generator())
    x, y = (
        torch.cat([batch.support_x, batch.query_x], 1)[..., 0],
        torch.cat([batch.support_y, batch.query_y], 1)[..., 0],
    )
    assert x.min() >= -5 and x.max() <= 5
    # A sin(x − φ) = a sin x + b cos x: least squares must fit support and query of a task with nothing left
    # over.
    design = torch.stack([x.sin(), x.cos()], dim=-1).double()
    coefficients = torch.linalg.lstsq(design, y.double().unsqueeze(-1)).solution
    assert torch.allclose(design @ coefficients, y.double().unsqueeze(-1), atol=1e-4)
    amplitude = coefficients.squeeze(-1).norm(dim=-1)
    phase = torch.atan2(-coefficients[:, 1, 0], coefficients[:, 0, 0])
    assert (amplitude > 0.1 - 1e-3).all() and (amplitude < 5 + 1e-3).all() and amplitude.std() > 0.5
    assert (phase > -1e-3).all() and (phase < math.pi + 1e-3).all() and phase.std() > 0.3


def test_sine_task_of_ones_choice():
    batch = SineTasks(shots=6, queries=7).task(2.0, 0.5, generator())
    assert torch.allclose(batch.query_y, 2.0 * torch.sin(batch.query_x - 0.5))
    assert batch.support_x.shape == (1, 6, 1)


def test_the_choices_and_the_batch_are_the_same_draw():
    """Amplitudes, phases, support and query inputs, in this order: no weight file or printed number survives
    another one."""
    tasks = SineTasks(shots=3, queries=4)
    waves, random = tasks.draw(5, generator(7)), generator(7)
    assert torch.equal(waves.amplitude, 0.1 + 4.9 * torch.rand(5, 1, 1, generator=random))
    assert torch.equal(waves.phase, math.pi * torch.rand(5, 1, 1, generator=random))
    assert torch.equal(waves.support_x, -5 + 10 * torch.rand(5, 3, 1, generator=random))
    assert torch.equal(waves.query_x, -5 + 10 * torch.rand(5, 4, 1, generator=random))
    gathered, sampled = tasks.gather(*waves), tasks.sample(5, generator(7))
    assert all(torch.equal(one, two) for one, two in zip(gathered, sampled, strict=True))
    assert torch.equal(sampled.query_y, waves.amplitude * torch.sin(waves.query_x - waves.phase))


def test_same_seed_same_tasks_other_seed_other_tasks():
    tasks = SineTasks()
    one, two, other = (tasks.sample(3, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query_y, two.query_y) and not torch.equal(one.query_y, other.query_y)


def test_the_global_random_numbers_are_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    SineTasks().sample(3, generator())
    Episodes(numbered_images(10, 20)).sample(2, generator())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: SineTasks(shots=0), ValueError, "shots must be at least 1, not 0"),
        (lambda: SineTasks(queries=2.5), TypeError, "queries must be a whole number"),
        (lambda: SineTasks(amplitudes=(2, 1)), ValueError, "amplitudes must be a finite range"),
        (lambda: SineTasks(inputs=(0, math.inf)), ValueError, "inputs must be a finite range"),
        (lambda: SineTasks().sample(0, generator()), ValueError, "n_tasks must be at least 1, not 0"),
        (lambda: SineTasks().sample(3, 42), TypeError, "torch.Generator"),
    ],
)
def test_sine_refuses_bad_input(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --- episodes
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_episode_keeps_the_rules(data):
    classes, drawings = data.draw(st.integers(1, 30)), data.draw(st.integers(2, 12))
    ways = data.draw(st.integers(1, classes))
    shots = data.draw(st.integers(1, drawings - 1))
    queries = data.draw(st.integers(1, drawings - shots))
    n_tasks = data.draw(st.integers(1, 5))
    batch = Episodes(numbered_images(classes, drawings), ways, shots, queries).sample(
        n_tasks, generator(data.draw(st.integers(0, 99)))
    )
    assert batch.support_x.shape == (n_tasks, ways * shots, 2, 2, 2) and batch.query_x.shape == (
        n_tasks,
        ways * queries,
        2,
        2,
        2,
    )
    assert batch.support_x.dtype == torch.float32 and batch.support_y.dtype == torch.int64
    for task in range(n_tasks):
        class_of_label, seen = {}, set()
        for x, y, each in (
            (batch.support_x, batch.support_y, shots),
            (batch.query_x, batch.query_y, queries),
        ):
            assert torch.equal(y[task].bincount(minlength=ways), torch.full((ways,), each))
            for c, d, label in zip(*identity(x[task]), y[task].tolist(), strict=True):
                assert class_of_label.setdefault(label, int(c)) == int(c), "one label, two classes"
                assert (int(c), int(d)) not in seen, "one image twice in an episode"
                seen.add((int(c), int(d)))
        assert len(set(class_of_label.values())) == ways, "one class twice in an episode"


def first_class_shares(classes_of_tasks):
    """How often label 0 is the smallest class of its task."""
    return (classes_of_tasks.argmin(dim=1) == 0).double().mean().item()


def test_label_order_is_random_in_each_task():
    classes, _ = Episodes(numbered_images(50, 3), ways=5, shots=1, queries=1).draw(4000, generator())
    assert abs(first_class_shares(classes) - 1 / 5) < 0.03
    assert first_class_shares(classes.sort(dim=1).values) == 1.0  # what this test is there to catch


@pytest.mark.parametrize("population, count", [(1000, 5), (6, 5), (5, 5), (1, 1), (9, 3)])
def test_draw_distinct_is_distinct_and_uniform(population, count):
    drawn = draw_distinct((6000,), population, count, generator())
    ordered = drawn.sort(dim=1).values
    assert (ordered[:, 1:] != ordered[:, :-1]).all() and drawn.min() >= 0 and drawn.max() < population
    for position in range(count):  # every number equally likely at every position
        share = drawn[:, position].bincount(minlength=population).double() / len(drawn)
        assert (share - 1 / population).abs().max() < 5 * math.sqrt(1 / population / len(drawn))


def test_each_rotated_class_turns_on_its_own():
    arrow = torch.arange(9, dtype=torch.uint8).view(3, 3)
    images = arrow.expand(6, 4, 1, 3, 3).clone()
    episodes = Episodes(images, ways=5, shots=2, queries=2, rotations=True)
    assert episodes.classes == 24
    classes, drawings = episodes.draw(200, generator())
    batch = episodes.gather(classes, drawings)
    turns_in_task = set()
    for x, y in ((batch.support_x, batch.support_y), (batch.query_x, batch.query_y)):
        for task in range(200):
            turns_in_task.add(len(set((classes[task] % 4).tolist())))
            for image, label in zip(x[task], y[task].tolist(), strict=True):
                expected = torch.rot90(arrow, int(classes[task, label] % 4))
                assert torch.equal((image[0] * 255).round().to(torch.uint8), expected)
    assert max(turns_in_task) > 1, "the whole task turned at once"


@pytest.mark.parametrize("rotations", [False, True])
def test_pictures_are_the_drawings_of_the_batch_as_bytes(rotations):
    images = torch.randint(256, (6, 7, 1, 5, 5), dtype=torch.uint8, generator=generator())
    episodes = Episodes(images, ways=4, shots=2, queries=3, rotations=rotations)
    chosen = episodes.draw(20, generator())
    pictures, batch = episodes.pictures(*chosen), episodes.gather(*chosen)
    assert pictures.shape == (20, 4, 5, 1, 5, 5) and pictures.dtype == torch.uint8
    support, query = (part.flatten(1, 2).float() / 255 for part in pictures.split((2, 3), dim=2))
    assert torch.equal(support, batch.support_x) and torch.equal(query, batch.query_x)


def test_global_labels_are_the_classes():
    episodes = Episodes(numbered_images(40, 5), ways=8, shots=2, queries=1, global_labels=True)
    batch = episodes.sample(3, generator())
    for x, y in ((batch.support_x, batch.support_y), (batch.query_x, batch.query_y)):
        assert torch.equal(identity(x)[0], y)


def test_an_image_set_is_taken_as_well():
    class Set:
        images = numbered_images(5, 3)

    assert Episodes(Set(), ways=2, shots=1, queries=1).classes == 5


@pytest.mark.parametrize(
    "make, error, words",
    [
        (
            lambda: Episodes(numbered_images(4, 20), ways=5),
            ValueError,
            "5 ways need at least 5 classes, but there are 4",
        ),
        (
            lambda: Episodes(numbered_images(9, 20), shots=6),
            ValueError,
            "6 shots . 15 queries need 21 drawings a class, but there are 20",
        ),
        (lambda: Episodes(numbered_images(9, 20).float()), TypeError, "uint8.*float32"),
        (lambda: Episodes([1, 2]), TypeError, "uint8.*list"),
        (lambda: Episodes(numbered_images(9, 20)[0]), ValueError, "classes, drawings, C, H, W"),
        (lambda: Episodes(numbered_images(9, 20), ways=0), ValueError, "ways must be at least 1"),
        (lambda: Episodes(numbered_images(9, 20), shots=True), TypeError, "whole number"),
        (
            lambda: Episodes(torch.zeros(9, 20, 1, 2, 3, dtype=torch.uint8), rotations=True),
            ValueError,
            "2 × 3",
        ),
    ],
)
def test_episodes_refuse_bad_input(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --- Gaussian processes
def test_functions_have_the_covariance_and_the_noise_they_promise():
    tasks = GaussianProcessTasks(shots=2, queries=3, length=0.7, noise=0.3)
    batch = tasks.sample(20_000, generator())
    assert batch.support_x.shape == (20_000, 2, 1) and batch.query_y.shape == (20_000, 3, 1)
    x, y = torch.cat([batch.support_x, batch.query_x], 1), torch.cat([batch.support_y, batch.query_y], 1)
    assert x.min() >= -3 and x.max() <= 3 and x.dtype == y.dtype == torch.float32
    apart = (x - x.mT).abs()[:, *torch.triu_indices(5, 5, 1)]
    product = (y @ y.mT)[:, *torch.triu_indices(5, 5, 1)]
    assert y.mean().abs() < 0.03 and abs(y.square().mean() - (1 + 0.3**2)) < 0.03
    for low, high in ((0.0, 0.2), (0.6, 0.8), (2.5, 6.0)):
        near = (apart >= low) & (apart < high)
        assert abs(product[near].mean() - torch.exp(-(apart[near] ** 2) / (2 * 0.7**2)).mean()) < 0.06


def test_functions_can_be_had_again_and_bad_ones_are_refused():
    first, second = (GaussianProcessTasks().sample(3, generator()) for _ in range(2))
    assert torch.equal(first.query_y, second.query_y)
    for bad in ({"shots": 0}, {"noise": 0.0}, {"length": float("nan")}, {"inputs": (1.0, 0.0)}):
        with pytest.raises(ValueError, match=f"^{next(iter(bad))} must be"):
            GaussianProcessTasks(**bad)


@pytest.mark.parametrize("mapped", [False, True])
def test_episodes_of_another_size_are_those_made_so(mapped):
    images = torch.randint(
        256, (6, 9, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )

    def made(*sizes):
        episodes = Episodes(images, *sizes)
        return episodes.mapped(lambda x: x.flatten(1)) if mapped else episodes

    small = made(3, 1, 2)
    large = small.sized(5, shots=4)
    ours, theirs = (one.sample(3, torch.Generator().manual_seed(1)) for one in (large, made(5, 4, 2)))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert (small.ways, small.shots, small.queries) == (3, 1, 2), "the original stays as it is"
    with pytest.raises(ValueError, match="7 ways need at least 7 classes"):
        small.sized(7)
    with pytest.raises(ValueError, match="need 10 drawings a class, but there are 9"):
        small.sized(shots=8)
