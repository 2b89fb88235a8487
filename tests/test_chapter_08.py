"""Chapter 8 compares learners and plants leaks in its own cells. Those definitions, taken from its source,
give metalib's numbers or those of a plain loop; what the text claims is measured again, with a margin."""

import copy
import math
import random
import tempfile
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from PIL import Image, ImageDraw

import metalib
from metalib import exercises, look, weights
from metalib.data import characters, glyphs
from metalib.protocol import routines
from metalib.tasks import leaks
from metalib.weights import reported


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines, with its constants."""
    return definitions(
        "08_few_shot",
        constants=("SIZES", "FRUIT", "TABLES"),
        **{"torch": torch, "F": F, "metalib": metalib, "look": look, "random": random, "Path": Path},
        **{"tempfile": tempfile, "Image": Image, "ImageDraw": ImageDraw, "exercises": exercises},
        quick_ours=None,
    )


@pytest.fixture(scope="module")
def features():
    """5-way 2-shot episodes of features: twelve classes, each around a centre of its own."""
    centres = 2 * torch.randn(12, 1, 6, generator=seeded(0))
    tasks = metalib.Episodes(torch.zeros(12, 20, 1, 1, 1, dtype=torch.uint8), ways=5, shots=2, queries=4)
    tasks.images = centres + torch.randn(12, 20, 6, generator=seeded(1))
    return tasks


# --- the contestants
def test_the_chapters_logistic_regression_is_metalibs(chapter, features):
    batch = features.sample(8, seeded(0))
    for C in (1.0, 10.0):
        theirs = metalib.LogisticRegression(torch.nn.Identity(), C=C)
        expected = theirs.predict(theirs.adapt(batch.support_x, batch.support_y), batch.query_x)
        found = chapter["logistic_regression"](*list(batch)[:3], ways=5, C=C)
        assert torch.allclose(found.double(), expected, atol=0.02)
        assert (found.argmax(-1) == expected.argmax(-1)).double().mean() > 0.99


def test_its_weighted_form_is_the_plain_one_where_classes_are_alike(chapter, features):
    batch = features.sample(5, seeded(0))
    plain = chapter["logistic_regression"](*list(batch)[:3], ways=5)
    weighted = chapter["logistic_regression"](*list(batch)[:3], ways=5, class_weight=torch.ones(5))
    assert torch.allclose(plain, weighted, atol=0.02)


def test_a_pair_is_a_difference_task_by_task(chapter, features):
    learner = metalib.ProtoNet(torch.nn.Identity())
    other = metalib.ProtoNet(torch.nn.Identity(), "cosine")
    one, two = (metalib.evaluate(each, features, 60, seeded(2)) for each in (learner, other))
    paired = metalib.compare(learner, other, features, 60, seeded(2))
    assert torch.equal(chapter["minus"](one, two).values, paired.values)


def test_batches_are_graded_as_evaluate_grades_tasks(chapter, features):
    learner = metalib.ProtoNet(torch.nn.Identity())
    found = chapter["graded"](features.sample(40, seeded(3)), learner)
    assert torch.equal(found.values, metalib.evaluate(learner, features, 40, seeded(3), chunk=40).values)


# --- what the text says of the race
def test_glyphs_maml_loses_to_the_plain_embedding_by_the_cards():
    for setting in ("5-way 1-shot", "5-way 5-shot"):
        maml, plain = (reported.measured(f"glyphs-{end}", setting) for end in ("maml", "embedding"))
        assert maml["mean"] + maml["half_width"] < plain["mean"] - plain["half_width"]
        assert reported.measured("glyphs-protonet", setting)["mean"] > plain["mean"]
    assert reported.drawings_seen("glyphs-maml") == pytest.approx(
        3 * reported.drawings_seen("glyphs-embedding"), rel=0.01
    )


def test_on_omniglot_the_cards_turn_that_round_except_for_first_order():
    for setting in reported.SETTINGS:
        name = "omniglot-maml" if setting.startswith("5") else "omniglot-maml-20way"
        maml, plain = reported.measured(name, setting), reported.measured("omniglot-embedding", setting)
        assert maml["mean"] > plain["mean"] + plain["half_width"]
    first = reported.measured("omniglot-fomaml-20way", "20-way 1-shot")
    assert first["mean"] < reported.measured("omniglot-embedding", "20-way 1-shot")["mean"]


@pytest.mark.slow
def test_more_inner_steps_close_the_gap_on_glyphs():
    tasks = metalib.Episodes(glyphs("test"), ways=5, shots=5, queries=5)
    maml = weights.load("glyphs-maml")
    plain, rows = weights.load("glyphs-embedding").embed_once(tasks)
    bar = metalib.evaluate(plain, rows, 150, seeded(1)).values
    few, many = (
        metalib.Evaluation(metalib.evaluate(maml, tasks, 150, seeded(1), steps=k).values - bar, "accuracy")
        for k in (3, 10)
    )
    assert few.mean + few.half_width < 0 and abs(many.mean) < 0.01


@pytest.mark.omniglot
@pytest.mark.slow
def test_heads_matter_little_and_a_default_matters_much(chapter):
    """The cosine gains a point at most on the plain features; C = 1 loses some at 20 ways and one shot, and
    that is its bias."""
    plain = weights.load("omniglot-embedding")
    tasks = metalib.Episodes(characters("test"), ways=20, shots=1, queries=10)
    base, rows = plain.embed_once(tasks)
    identity = torch.nn.Identity()
    bar = metalib.evaluate(base, rows, 200, seeded(7)).values
    others = {
        "cosine": metalib.ProtoNet(identity, "cosine"),
        "hundred": metalib.LogisticRegression(identity, C=100.0),
        "one": metalib.LogisticRegression(identity, C=1.0),
    }
    gap = {
        name: metalib.evaluate(one, rows, 200, seeded(7)).values.sub(bar).mean()
        for name, one in others.items()
    }
    assert 0.002 < gap["cosine"] < 0.012 and -0.01 < gap["hundred"] < 0.006 and gap["one"] < -0.03
    protonet, seen = weights.load("omniglot-protonet-equal").embed_once(tasks)
    assert metalib.evaluate(protonet, seen, 200, seeded(7)).values.sub(bar).mean() > 0.04
    at_five = [
        metalib.evaluate(one, drawn.sized(shots=5), 100, seeded(7)).values
        for one, drawn in ((protonet, seen), (base, rows))
    ]
    assert 0.012 < (at_five[0] - at_five[1]).mean() < 0.03, (
        "at 20 ways five shots leave room for a difference"
    )

    batch = rows.sample(100, seeded(7))
    right = [
        (chapter["logistic_regression"](*list(batch)[:3], ways=20, bias=bias).argmax(-1) == batch.query_y)
        for bias in (True, False)
    ]
    assert right[1].double().mean() - right[0].double().mean() > 0.02


@pytest.mark.omniglot
@pytest.mark.slow
def test_more_ways_in_training_win_with_another_seed(chapter):
    few, asked = (chapter["dealt"](characters(part)) for part in ("train", "test"))
    tasks = metalib.Episodes(asked, ways=20, shots=1, queries=9)
    means = []
    for how in ({"ways": 5, "meta_batch": 4}, {}):
        quick, rows = chapter["trained"](few, seed=1, **how).embed_once(tasks)
        means.append(metalib.evaluate(quick, rows, 200, seeded(4)).mean)
    assert means[1] > means[0] + 0.01


# --- unbalanced classes
def test_unbalanced_support_breaks_sums_and_spares_means(chapter):
    plain = weights.load("glyphs-embedding")
    tasks = metalib.Episodes(glyphs("test").subset(range(100)), ways=5, shots=10, queries=10)
    regression, rows = metalib.LogisticRegression(plain.encoder, C=10.0).embed_once(tasks)
    batch = chapter["unbalanced"](rows).sample(60, seeded(5))
    assert torch.bincount(batch.support_y[0]).tolist() == list(chapter["SIZES"])
    cosine = chapter["graded"](batch, metalib.ProtoNet(torch.nn.Identity(), "cosine"))
    fallen = chapter["graded"](batch, regression)
    assert cosine.mean > 0.94 and fallen.mean < 0.85
    weight = 1 / torch.tensor(chapter["SIZES"], dtype=torch.float32)
    weight *= 5 / weight.sum()
    alike, fair = (
        [
            (chapter["logistic_regression"](*list(batch)[:3], 5, C, class_weight).argmax(-1) == batch.query_y)
            .double()
            .mean()
            .item()
            for C in (1.0, 10.0, 100.0)
        ]
        for class_weight in (None, weight)
    )
    assert alike[0] < 0.65 and alike[0] + 0.1 < alike[1] < alike[2] - 0.05
    assert all(abs(one - cosine.mean) < 0.03 for one in fair)


# --- episode noise
@pytest.mark.slow
def test_the_scatter_meets_its_floor_at_one_query_and_is_above_it_at_fifteen():
    protonet, rows = weights.load("glyphs-protonet").embed_once(metalib.Episodes(glyphs("test"), 5, 1, 15))
    for queries, low, high in ((1, 0.95, 1.15), (15, 1.7, 2.6)):
        values = metalib.evaluate(protonet, rows.sized(queries=queries), 2000, seeded(3)).values
        floor = math.sqrt(values.mean() * (1 - values.mean()) / (5 * queries))
        assert low < values.std().item() / floor < high


def test_a_learner_that_always_names_one_class_does_not_scatter_at_all():
    tasks = metalib.Episodes(glyphs("test"), ways=5, shots=1, queries=3)
    right = (tasks.sample(50, seeded(0)).query_y == 0).double().mean(dim=1)
    assert right.tolist() == [1 / 5] * 50


# --- the leaks
@pytest.fixture(scope="module")
def small(chapter):
    """The chapter's small ProtoNet, trained a little, on glyphs; the tasks that test it."""
    learner = chapter["trained"](chapter["dealt"](glyphs("train")), iterations=60)
    return learner, metalib.Episodes(chapter["dealt"](glyphs("test")), ways=20, shots=1, queries=9)


@pytest.mark.slow
def test_the_test_loop_that_learns_is_metalibs_and_invents(chapter, small):
    learner, tasks = small
    untouched = copy.deepcopy(learner.state_dict())
    honest = metalib.evaluate(learner, tasks, 40, seeded(9), chunk=1)
    ours = chapter["test_and_learn"](copy.deepcopy(learner), tasks, 40, seeded(9))
    theirs = routines.evaluate_and_train(copy.deepcopy(learner), tasks, 40, seeded(9), rate=1e-3, chunk=1)
    assert all(torch.equal(value, untouched[name]) for name, value in learner.state_dict().items())
    assert torch.equal(ours.values[:1], honest.values[:1]), "the first task is scored before any step"
    assert abs(ours.mean - theirs.mean) < 0.02
    assert ours.values[20:].mean() > honest.values[20:].mean() + 0.02


@pytest.mark.slow
def test_check_protocol_names_what_the_chapter_plants(chapter, small):
    learner, tasks = small
    clean = {
        "train": metalib.Episodes(chapter["dealt"](glyphs("train")), 20, 1, 9),
        "validation": metalib.Episodes(chapter["dealt"](glyphs("validation")), 20, 1, 9),
        **{"test": tasks, "learner": learner, "trained_on": "train", "tuned_on": "validation", "n_tasks": 40},
    }
    assert metalib.check_protocol(**clean).leaks == ()
    planted = {
        "support-in-query": {"test": leaks.SupportInQuery(tasks)},
        "class-twice": {"test": leaks.ClassTwice(tasks)},
        "sorted-labels": {"test": leaks.SortedLabels(tasks)},
        "tuned-on-test": {"tuned_on": ["validation", "test"]},
        "learns-on-test": {"routine": chapter["test_and_learn"]},
    }
    for name, change in planted.items():
        assert metalib.check_protocol(**{**clean, **change}).names == (name,)


def test_a_support_drawing_among_the_queries_helps_and_a_class_twice_costs(small):
    learner, tasks = small
    quick, rows = learner.embed_once(tasks)
    honest, helped, harmed = (
        metalib.evaluate(quick, each, 300, seeded(4)).values
        for each in (rows, leaks.SupportInQuery(rows), leaks.ClassTwice(rows))
    )
    assert (helped - honest).mean() > 0.02 and (harmed - honest).mean() < -0.004


@pytest.mark.slow
def test_training_on_test_classes_invents_more_than_retraining_gains(chapter):
    few, asked, extra = (chapter["dealt"](glyphs(part)) for part in ("train", "test", "validation"))
    tasks = metalib.Episodes(asked, ways=20, shots=1, queries=9)

    def accuracy(images):
        quick, rows = chapter["trained"](images).embed_once(tasks)
        return metalib.evaluate(quick, rows, 200, seeded(4)).mean

    honest = accuracy(few)
    assert accuracy(asked) - honest > 0.10 > accuracy(torch.cat([few, extra])) - honest > 0.005


# --- your own images
def test_an_album_is_the_same_photographs_twice_and_each_is_asked_once(chapter):
    grey, colour = chapter["album"](4, seed=0)
    assert grey.images.shape == (3, 4, 1, 28, 28) and colour.images.shape == (3, 4, 3, 28, 28)
    again = chapter["album"](4, seed=0)[1]
    assert torch.equal(colour.images, again.images) and grey.names == ("lemon", "lime", "tomato")
    pixels = metalib.ProtoNet(torch.nn.Flatten())
    right, x = 0, colour.images.float() / 255
    for c in range(3):
        for d in range(4):
            others = [k for k in range(4) if k != d]
            gaps = [(x[c, d] - x[k, others].mean(dim=0)).square().sum() for k in range(3)]
            right += int(torch.stack(gaps).argmin() == c)
    assert chapter["right_of_all"](pixels, colour) == right


@pytest.mark.slow
@pytest.mark.omniglot
def test_in_another_album_colour_is_best_too_and_grey_pixels_worst(chapter):
    grey, colour = chapter["album"](40, seed=1)
    protonet = weights.load("omniglot-protonet-equal")
    pixels = metalib.ProtoNet(torch.nn.Flatten())
    best, middle, worst = (
        metalib.evaluate(one, metalib.Episodes(images, 3, 3, 10), 100, seeded(0)).mean
        for one, images in ((pixels, colour), (protonet, grey), (pixels, grey))
    )
    assert best > middle + 0.02 and middle > worst + 0.02


# --- the exercises
def test_the_solutions_are_metalibs_or_those_of_a_loop(features):
    batch = features.sample(1, seeded(0))
    cosine = metalib.ProtoNet(torch.nn.Identity(), "cosine")
    expected = cosine.predict(cosine.adapt(batch.support_x, batch.support_y), batch.query_x)[0].argmax(-1)
    support = batch.support_x[0].unflatten(0, (5, 2))
    assert torch.equal(solution("08/cosine-centroid")(support, batch.query_x[0]), expected)

    z, y = batch.support_x[0].double(), batch.support_y[0]
    W = torch.randn(6, 5, generator=seeded(1), dtype=torch.float64, requires_grad=True)
    total = W.square().sum() / 2 + 3.0 * F.cross_entropy(z @ W, y, reduction="sum")
    (gradient,) = torch.autograd.grad(total, W)
    assert torch.allclose(solution("08/by-hand")(z, y, W.detach(), 3.0), gradient)

    first, second = torch.rand(2, 30, generator=seeded(2), dtype=torch.float64)
    n = solution("08/tasks-for-a-difference")(first, second, 0.05)
    scatter = (first - second).std().item()
    assert 1.96 * scatter / math.sqrt(n) <= 0.05 < 1.96 * scatter / math.sqrt(n - 1)


def test_the_leak_finder_finds_what_metalib_plants(small):
    _learner, tasks = small
    find = solution("08/shares-drawings")
    clean = tasks.sample(10, seeded(0))
    leaky = leaks.SupportInQuery(tasks).sample(10, seeded(0))
    assert not find(clean.support_x, clean.query_x).any() and find(leaky.support_x, leaky.query_x).all()


RIGHT = {
    "08/cosine-centroid": [
        "return F.cosine_similarity(queries[:, None], support.mean(1)[None], dim=-1).argmax(-1)",
        "return (F.normalize(queries, dim=-1) @ F.normalize(support.sum(1), dim=-1).mT).argmax(-1)",
        "m = support.mean(1)\n    return (queries @ (m / m.norm(dim=1, keepdim=True)).T).max(dim=1).indices",
        "return torch.einsum('qd,wd->qw', queries, F.normalize(support.mean(1), dim=1)).argmax(1)",
        "return torch.cdist(F.normalize(queries, dim=1), F.normalize(support.mean(1), dim=1)).argmin(1)",
    ],
    "08/by-hand": [
        "p = torch.softmax(z @ W, dim=-1)\n    p[torch.arange(len(y)), y] -= 1\n    return C * (z.T @ p) + W",
        "p = (z @ W).log_softmax(1).exp()\n    return W + C * torch.einsum('sd,sw->dw', z, p - "
        "F.one_hot(y, W.shape[1]))",
        "e = (z @ W).exp()\n    p = e / e.sum(1, keepdim=True)\n    return W + C * z.mT @ (p - "
        "torch.eye(W.shape[1])[y].to(p))",
        "out = W.clone()\n    for f, c in zip(z, y):\n        p = (f @ W).softmax(0)\n        "
        "p[c] -= 1\n"
        "        out += C * torch.outer(f, p)\n    return out",
        "p = (z @ W).softmax(1)\n    t = torch.zeros_like(p).scatter_(1, y[:, None], 1.0)\n    "
        "return W - C * z.T @ (t - p)",
    ],
    "08/shares-drawings": [
        "return torch.tensor([any(torch.equal(a, b) for a in q for b in s) for s, q in "
        "zip(support_x, query_x)])",
        "return [any((a == b).all() for a in q for b in s) for s, q in zip(support_x, query_x)]",
        "d = (query_x.flatten(2)[:, :, None] - support_x.flatten(2)[:, None]).abs().amax(-1)\n   "
        " return (d == 0).flatten(1).any(1)",
        "n = support_x.shape[1]\n    return torch.stack([(query_x == support_x[:, "
        "k:k+1]).flatten(2).all(2).any(1) "
        "for k in range(n)]).any(0)",
        "return torch.tensor([bool({x.numpy().tobytes() for x in s} & {x.numpy().tobytes() for x in q}) "
        "for s, q in zip(support_x, query_x)])",
    ],
    "08/each-class-once": [
        "return sum((answers[labels == c] == c).double().mean() for c in labels.unique()) / "
        "len(labels.unique())",
        "_, i, n = labels.unique(return_inverse=True, return_counts=True)\n"
        "    return ((answers == labels) / n[i]).sum() / len(n)",
        "return float(torch.stack([(answers == c)[labels == c].float().mean() for c in "
        "set(labels.tolist())]).mean())",
        "n = torch.bincount(labels).double()\n    hit = torch.bincount(labels, weights=(answers "
        "== labels).double())\n"
        "    return (hit[n > 0] / n[n > 0]).mean()",
        "each = {}\n    for a, b in zip(answers.tolist(), labels.tolist()):\n        "
        "each.setdefault(b, []).append(a == b)\n"
        "    return sum(sum(v) / len(v) for v in each.values()) / len(each)",
    ],
    "08/tasks-for-a-difference": [
        "d = first - second\n    return math.ceil(1.96**2 * d.var().item() / half_width**2)",
        "return int(math.ceil((1.96 * float((second - first).std()) / half_width) ** 2))",
        "d = (first - second).numpy()\n    return math.ceil((1.96 * d.std(ddof=1) / half_width) ** 2)",
        "d = first - second\n    s = math.sqrt(((d - d.mean()) ** 2).sum().item() / (len(d) - 1))\n"
        "    return math.ceil((1.96 * s / half_width) ** 2)",
        "n = 1\n    while 1.96 * (first - second).std().item() / math.sqrt(n) > half_width:\n    "
        "    n += 1\n    return n",
    ],
}
WRONG = {
    "08/cosine-centroid": [
        "return (queries @ support.mean(1).T).argmax(1)",
        "return F.normalize(queries, dim=1) @ F.normalize(support.mean(1), dim=1).T",
        "return (queries @ F.normalize(support.mean(1), dim=0).T).argmax(1)",
        "return (queries @ F.normalize(support.mean(0), dim=1).T).argmax(1)",
        "return (queries @ F.normalize(support[:, 0], dim=1).T).argmax(1)",
        "return (queries @ F.normalize(support.amax(1), dim=1).T).argmax(1)",
        "return (queries @ F.normalize(support.median(1).values, dim=1).T).argmax(1)",
        "return torch.cdist(queries, support.mean(1)).argmin(1)",
        "return (queries @ F.normalize(support.mean(1), p=1, dim=1).T).argmax(1)",
    ],
    "08/by-hand": [
        "return W + C * z.T @ ((z @ W).sigmoid() - F.one_hot(y, W.shape[1]))",
        "return W + C * z.T @ (z @ W).softmax(1)",
        "return W + C**2 * z.T @ ((z @ W).softmax(1) - F.one_hot(y, W.shape[1]))",
        "return W / 2 + C * z.T @ ((z @ W).softmax(1) - F.one_hot(y, W.shape[1]))",
        "return (W + C * z.T @ ((z @ W).softmax(1) - F.one_hot(y, W.shape[1]))).T",
        "return C * W + z.T @ ((z @ W).softmax(1) - F.one_hot(y, W.shape[1]))",
        "W = W.clone().requires_grad_()\n    (W.square().sum() / 2 + C * F.cross_entropy(z @ W, "
        "y, reduction='sum')).backward()\n"
        "    return W.grad",
        "return W + C * z.T @ ((z @ W).softmax(1) - F.one_hot(y, W.shape[1])).abs()",
    ],
    "08/shares-drawings": [
        "return (query_x.flatten(2)[:, :1] == support_x.flatten(2)).all(-1).any(1)",
        "return (query_x.flatten(2) == support_x.flatten(2)[:, :1]).all(-1).any(1)",
        "return (query_x.flatten(2)[:, :, None] == support_x.flatten(2)[:, None]).all(-1).any(1)",
        "return ~(query_x.flatten(2)[:, :, None] == support_x.flatten(2)[:, None]).all(-1).flatten(1).any(1)",
        "return (query_x.flatten(2)[:, :, None] == support_x.flatten(2)[:, "
        "None]).float().mean(-1).flatten(1).amax(1) > 0.9",
        "return (query_x.flatten(2)[:, :, None] == query_x.flatten(2)[:, None]).all(-1).flatten(1).any(1)",
        "return (query_x.flatten(2)[:, :, None] == support_x.flatten(2)[:, None]).all(-1).flatten(1).sum(1)",
        "return torch.zeros(len(support_x), dtype=torch.bool)",
    ],
    "08/each-class-once": [
        "return (answers == labels).float().mean()",
        "return torch.stack([(answers == labels)[answers == c].double().mean() for c in "
        "answers.unique()]).mean()",
        "return torch.stack([(answers == labels)[labels == c].double().sum() for c in "
        "labels.unique()]).mean()",
        "return torch.stack([(answers == labels)[labels == c].double().mean() for c in labels.unique()])",
        "return torch.stack([(answers == labels)[labels == c].double().mean() for c in "
        "labels.unique()]).median()",
        "n = int(labels.max()) + 1\n    return sum(((answers == c) & (labels == "
        "c)).double().sum() / max((labels == c).sum(), 1) "
        "for c in range(n)) / n",
        "return torch.stack([(answers == labels)[labels == c].double().mean() for c in "
        "labels.unique()]).max()",
        "return 1 - torch.stack([(answers == labels)[labels == c].double().mean() for c in "
        "labels.unique()]).mean()",
    ],
    "08/tasks-for-a-difference": [
        "return math.ceil((1.96 * second.std().item() / half_width) ** 2)",
        "return math.ceil((1.96 * (first - second).std(correction=0).item() / half_width) ** 2) - 1",
        "return math.ceil((1.96 * (first - second).var().item() / half_width) ** 2)",
        "return (1.96 * (first - second).std().item() / half_width) ** 2",
        "return round((1.96 * (first - second).std().item() / half_width) ** 2 + 1)",
        "return math.ceil((1.96 * (first + second).std().item() / half_width) ** 2)",
        "return math.ceil((1.96 * (first - second).std().item() / (2 * half_width)) ** 2)",
        "return math.ceil((2 * 1.96 * (first - second).std().item() / half_width) ** 2)",
        "return math.ceil((1.96 * (first - second).mean().item() / half_width) ** 2)",
    ],
}


def judged(id, body):
    exercise = exercises.get(id)
    header = exercise.solution_text[exercise.solution_text.index("def ") :].split("\n")[0]
    return exercise.judge(exercise.build(f"import math\n{header}\n    {body}\n"))


@pytest.mark.parametrize("id, body", [(id, body) for id, bodies in RIGHT.items() for body in bodies])
def test_right_answers_in_other_words_pass(id, body):
    outcome = judged(id, body)
    assert outcome.status == "passed", outcome.message


@pytest.mark.parametrize("id, body", [(id, body) for id, bodies in WRONG.items() for body in bodies])
def test_wrong_answers_do_not(id, body):
    assert judged(id, body).status != "passed"
