"""Chapter 5 builds ProtoNet in its own cells. Those definitions, taken from its source, give metalib's
numbers or those of a plain loop."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import look
from metalib.models import conv4


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    return definitions("05_protonet", torch=torch, F=F, nn=nn, metalib=metalib, itertools=itertools)


@pytest.fixture
def batch():
    """Three 4-way 2-shot tasks of noise, in double precision; labels in mixed order."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (9, 6, 1, 28, 28), generator=generator).to(torch.uint8)
    drawn = metalib.Episodes(images, ways=4, shots=2, queries=3).sample(3, generator)
    order = torch.randperm(8, generator=generator)
    return metalib.TaskBatch(
        drawn.support_x[:, order].double(), drawn.support_y[:, order], drawn.query_x.double(), drawn.query_y
    )


@pytest.fixture
def encoder():
    return conv4(8, downsample="stride").double().eval()


def test_the_chapters_protonet_is_metalibs(chapter, batch, encoder):
    ours, theirs = chapter["ProtoNetByHand"](encoder), metalib.ProtoNet(encoder)
    support = batch.support_x.float(), batch.support_y
    ours.float(), theirs.float()
    prototypes = ours.adapt(*support)
    assert torch.allclose(prototypes, theirs.adapt(*support), atol=1e-6)
    query = batch.query_x.float()
    assert torch.allclose(ours.predict(prototypes, query), theirs.predict(prototypes, query), rtol=1e-4)
    single = metalib.TaskBatch(*support, query, batch.query_y)
    losses = ours.loss(single), theirs.loss(single)
    assert torch.allclose(*losses, rtol=1e-5)
    pairs = zip(*(torch.autograd.grad(loss, list(encoder.parameters())) for loss in losses), strict=True)
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs)


def test_the_chapters_three_steps_are_the_learners(chapter, batch, encoder):
    theirs = metalib.ProtoNet(encoder)
    adapted = theirs.adapt(batch.support_x, batch.support_y)
    logits = theirs.predict(adapted, batch.query_x)
    for task in range(3):
        prototypes = chapter["prototypes_of"](encoder(batch.support_x[task]), batch.support_y[task])
        assert torch.allclose(prototypes, adapted[task])
        distances = chapter["squared_distances"](encoder(batch.query_x[task]), prototypes)
        assert torch.allclose(distances, -logits[task])
        for q in range(12):
            for c in range(4):
                difference = encoder(batch.query_x[task, q : q + 1])[0] - prototypes[c]
                assert distances[q, c].item() == pytest.approx(sum(d.item() ** 2 for d in difference))


def test_the_chapters_accuracy_is_that_of_evaluate(chapter):
    images = torch.randint(0, 256, (9, 12, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    images[..., :3] = images[:, :1, :, :, :3]  # so that there is something to recognise
    images = images.to(torch.uint8)
    tasks = metalib.Episodes(images, ways=5, shots=2, queries=5)
    expected = metalib.evaluate(
        metalib.ProtoNet(nn.Flatten()), tasks, 30, torch.Generator().manual_seed(1), chunk=30
    )
    found = chapter["accuracy"](chapter["pixels"], images, 2, n_tasks=30)
    assert torch.allclose(found.values, expected.values) and 0.2 < found.mean < 1


def test_the_chapters_nearest_neighbour_and_the_exercises_are_those_of_a_loop(chapter, batch, encoder):
    learner = chapter["NearestNeighbour"](encoder)
    answers = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x).argmax(dim=-1)
    for task in range(3):
        support, query = encoder(batch.support_x[task]), encoder(batch.query_x[task])
        labels = batch.support_y[task]
        assert answers[task].tolist() == solution("05/nearest-neighbour")(support, labels, query).tolist()
        for q in range(12):
            distances = [(query[q] - s).square().sum().item() for s in support]
            assert answers[task, q] == labels[distances.index(min(distances))]


def test_with_one_shot_neighbour_and_prototype_agree(chapter, batch, encoder):
    support_x, support_y = batch.support_x[:, :4], torch.arange(4).expand(3, 4)
    neighbour, protonet = chapter["NearestNeighbour"](encoder), metalib.ProtoNet(encoder)
    one, other = (
        learner.predict(learner.adapt(support_x, support_y), batch.query_x)
        for learner in (neighbour, protonet)
    )
    assert torch.allclose(one, other)


def test_the_chapters_scores_are_evaluates_and_paired(chapter):
    images = torch.randint(0, 256, (9, 12, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    images = images.to(torch.uint8)
    learner = metalib.ProtoNet(nn.Flatten())
    found = chapter["scores"](learner, {"here": images}, (1, 3), n_tasks=10)
    assert list(found) == ["here, 1-shot", "here, 3-shot"]
    tasks = metalib.Episodes(images, ways=5, shots=3, queries=5)
    known = metalib.evaluate(learner, tasks, 10, torch.Generator().manual_seed(1))
    assert torch.equal(found["here, 3-shot"].values, known.values)
    none = chapter["minus"](found, found)["here, 3-shot"]
    assert none.mean == 0 and none.n == 10


def test_the_chapters_linear_probe_reads_what_is_there_and_nothing_else(chapter):
    generator = torch.Generator().manual_seed(0)
    old, new = torch.randn(2, 40, 2, 5, 8, generator=generator, dtype=torch.float64)
    assert 0.4 < chapter["linear_probe"](old, new) < 0.6, "noise has no style"
    hidden = torch.tensor([-1.0, 1.0]).double().view(2, 1)
    for z in (old, new):  # in one direction, small beside the rest
        z[..., 3] = 0.1 * hidden + 0.01 * z[..., 3]
    assert chapter["linear_probe"](old, new) == 1
    flipped = new.flip(1)
    assert chapter["linear_probe"](old, flipped) == 0


def test_regular_and_bold_are_the_styles_that_the_chapter_takes(chapter):
    both = chapter["by_style"](metalib.data.glyphs("test", by="character"))  # (C, 2, 5, 1, 28, 28)
    ink = both.float().mean(dim=(2, 3, 4, 5))  # (C, 2); drawings differ in size as well
    assert both.shape[1:3] == (2, 5) and (ink[:, 1] > ink[:, 0]).double().mean() > 0.8
    assert ink[:, 1].mean() > 1.3 * ink[:, 0].mean()


def test_a_table_of_columns():
    table = look.table({"first": {"a": 0.5, "b": 1}, "second": {"b": 3, "a": 2}}, "rows", ".1f")
    assert (table.heading, table.rows) == (
        ("rows", "first", "second"),
        [("a", "0.5", "2.0"), ("b", "1.0", "3.0")],
    )


# --- the exercises
def test_the_exercises_are_protonets_parts(batch, encoder):
    learner = metalib.ProtoNet(encoder)
    one_line, loss = solution("05/one-line"), solution("05/episode-loss")
    losses = []
    for task in range(3):
        by_class = encoder(batch.support_x[task, batch.support_y[task].argsort()]).unflatten(0, (4, 2))
        query = encoder(batch.query_x[task])
        prototypes = learner.adapt(batch.support_x[task : task + 1], batch.support_y[task : task + 1])
        logits = learner.predict(prototypes, batch.query_x[task : task + 1])[0]
        assert one_line(by_class, query).tolist() == logits.argmax(dim=-1).tolist()
        losses.append(loss(prototypes[0], query, batch.query_y[task]))
    assert torch.allclose(torch.stack(losses).mean(), learner.loss(batch))


def test_the_two_tests_of_the_exercise_are_the_chapters(chapter):
    glyphs = metalib.data.glyphs()
    chapter["seen_scripts"] = set(metalib.data.glyphs("train", by="script").alphabets)
    train, unseen = chapter["of_seen_scripts"]("train"), chapter["of_seen_scripts"]("test")
    characters, scripts = solution("05/two-tests")(
        list(glyphs.names), list(glyphs.alphabets), set(train.names)
    )
    assert not set(train.names) & {glyphs.names[i] for i in characters + scripts}
    assert set(unseen.names) <= {glyphs.names[i] for i in characters}
    held_out = set(metalib.data.glyphs("test", by="script").names)
    assert held_out <= {glyphs.names[i] for i in scripts}


def test_the_exercise_catches_the_chapters_transductive_network(batch):
    depends = solution("05/transductive")
    for norm, expected in (("batch", False), ("batch-statistics", True), ("group", False)):
        learner = metalib.ProtoNet(conv4(8, downsample="stride", norm=norm)).eval()
        adapted = learner.adapt(batch.support_x[:1].float(), batch.support_y[:1])

        def predict(query, learner=learner, adapted=adapted):
            return learner.predict(adapted, query.unsqueeze(0))[0]

        with torch.no_grad():
            assert depends(predict, batch.query_x[0].float()) is expected
        assert learner.is_transductive is expected
