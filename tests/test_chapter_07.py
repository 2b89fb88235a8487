"""Chapter 7 looks at data and analyses errors in its own cells. Those definitions, taken from its source,
give metalib's numbers or those of a plain computation; its laboratories do what the text promises."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from chapter_code import definitions, solution

import metalib
from metalib import exercises, look
from metalib.data import ImageSet
from metalib.lab import AdaptationLaboratory, AlphabetLaboratory
from metalib.weights import reported


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines."""
    return definitions("07_practice", torch=torch, metalib=metalib, look=look)


@pytest.fixture(scope="module")
def images():
    """Twelve classes of noise, with a little of each class's own pattern in it."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randint(0, 128, (12, 1, 1, 28, 28), generator=generator)
    noise = torch.randint(0, 128, (12, 8, 1, 28, 28), generator=generator)
    names = [f"{'AB'[c % 2]}/character{c:02}" for c in range(12)]
    return ImageSet((own + noise).to(torch.uint8), tuple(names), tuple(n[0] for n in names), "noise")


# --- the data
def test_duplicates_are_found_wherever_they_are_and_nowhere_else(chapter, images):
    assert chapter["duplicates"](images.images) == []
    copied = images.images.clone()
    copied[3, 5], copied[7, 0], copied[3, 6] = copied[0, 1], copied[0, 1], copied[11, 7]
    assert chapter["duplicates"](copied) == [[(0, 1), (3, 5), (7, 0)], [(3, 6), (11, 7)]]


@pytest.mark.omniglot
def test_what_the_chapter_says_of_omniglot(chapter):
    everything = metalib.data.omniglot("all")
    (pair,) = chapter["duplicates"](everything.images)
    assert {everything.names[c] for c, _d in pair} == {"Braille/character01"} and len(pair) == 2
    train, test = metalib.data.omniglot("train"), metalib.data.omniglot("test")
    assert not set(train.names) & set(test.names) and set(train.alphabets) & set(test.alphabets)
    apart = [set(metalib.data.omniglot(part, by="alphabet").alphabets) for part in ("train", "test")]
    assert not apart[0] & apart[1]


def test_the_bar_of_pixels_is_nearest_neighbour_at_one_shot(images):
    batch = metalib.Episodes(images, 4, 1, 3).sample(3, torch.Generator().manual_seed(0))
    pixels = metalib.ProtoNet(torch.nn.Flatten())
    said = pixels.predict(pixels.adapt(batch.support_x, batch.support_y), batch.query_x).argmax(dim=-1)
    for task in range(3):
        for q in range(12):
            gaps = [(batch.query_x[task, q] - x).square().sum().item() for x in batch.support_x[task]]
            assert said[task, q] == batch.support_y[task, gaps.index(min(gaps))]


# --- the error analysis
def test_calibration_by_brute_force(chapter):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20, 20, 4, generator=generator)
    labels = torch.randint(4, (20, 20), generator=generator)
    confidence, answer = logits.double().softmax(dim=-1).max(dim=-1)
    confidence, right = confidence.flatten().tolist(), (answer == labels).flatten().tolist()
    for bins in (1, 4, 10):
        total, counted = 0.0, []
        for n in range(bins):
            inside = [i for i, c in enumerate(confidence) if n / bins < c <= (n + 1) / bins]
            counted.append(len(inside))
            total += abs(sum(confidence[i] for i in inside) - sum(right[i] for i in inside))
        assert chapter["reliability"](logits, labels, bins)[0].tolist() == counted
        if bins == 10:
            assert chapter["calibration_error"](logits, labels) == pytest.approx(total / 400)


def test_calibration_of_the_sure_and_the_perfect(chapter):
    error = chapter["calibration_error"]
    sure = torch.tensor([[[100.0, 0.0]] * 10])
    assert error(sure, torch.zeros(1, 10, dtype=torch.int64)) == 0
    assert error(sure, torch.arange(10)[None] // 5) == pytest.approx(0.5)
    even = torch.zeros(1, 10, 2)  # says 0.5, and is right in half of all cases
    assert error(even, torch.arange(10)[None] % 2) == pytest.approx(0)


# --- what the text promises, on the data of which it speaks
@pytest.mark.omniglot
@pytest.mark.slow
def test_what_to_try_in_the_adaptation_laboratory_comes_true():
    lab = AdaptationLaboratory(images=metalib.data.omniglot("validation"))

    def found(**changes):
        lab.set(**changes)
        result = lab.finish()
        return 100 * result.average.mean, 100 * result.average.half_width[1], result.task

    (support, query), _half, task = found()
    assert (lab.state.start, lab.state.shots, lab.state.steps) == ("maml", 1, 3), "where the text begins"
    assert query[0] < 30 and round(query[1]) == 98 and np.ptp(query[1:]) < 1
    assert task.support_loss[1] < 1e-3 and np.ptp(task.query_loss[1:]) < 0.01, "the loss stands still"

    (support, query), _half, _task = found(start="untrained", alpha=0.1, steps=10)
    assert support[-1] > 99 and 65 < query[-1] < 75

    lab.set(start="maml", steps=3)
    last = {alpha: found(alpha=alpha) for alpha in (0.001, 0.01, 0.1, 0.4, 1.0, 10.0)}
    assert all(last[alpha][0][1][-1] > 95 for alpha in (0.01, 0.1, 0.4, 1.0))
    assert last[0.001][0][1][-1] < 50 and last[10.0][2].exploded is not None

    for shots, least, most in ((1, 0.3, 2.0), (5, -0.5, 0.5)):
        together, alone = (
            found(alpha=0.4, shots=shots, transductive=both)[0][1][-1] for both in (True, False)
        )
        assert least < together - alone < most


@pytest.mark.omniglot
@pytest.mark.slow
def test_what_to_try_on_the_pad_comes_true():
    """Strokes as a hand would draw them; each is answered by ProtoNet, MAML and the nearest neighbour."""
    lab = AlphabetLaboratory(images=metalib.data.omniglot("validation"))
    turn = np.linspace(0, 2 * np.pi, 30)
    z = [[(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]]
    n = [[(0.2, 0.8), (0.2, 0.2), (0.8, 0.8), (0.8, 0.2)]]
    o = [list(zip(0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn), strict=True))]
    q = [*o, [(0.6, 0.6), (0.8, 0.8)]]

    def moved(strokes, size=1.0, x=0.0, y=0.0, shaken=0.01):
        hand = np.random.default_rng(0)
        return [
            [
                (x + size * a + hand.normal(0, shaken), y + size * b + hand.normal(0, shaken))
                for a, b in stroke
            ]
            for stroke in strokes
        ]

    def board(*classes):
        lab.start_again()
        for label, strokes in enumerate(classes, 1):
            lab.set(target=label)
            lab.write_strokes(strokes)
            lab.add()
        lab.set(target=0)

    def asked(strokes):
        lab.write_strokes(strokes)
        assert len(lab.result.answers) == 3
        return [answer.chosen for answer in lab.result.answers], lab.result.answers

    board(z, n)
    assert lab.alphabet.classes == (1, 2)
    assert asked(moved(z))[0] == [0, 0, 0]
    on_its_side = [[(1 - y, x) for x, y in stroke] for stroke in z]
    chosen, answers = asked(moved(on_its_side))
    assert chosen == [1, 1, 1] and all(answer.probabilities[1] > 0.9 for answer in answers)
    assert asked(moved(z, 0.25, 0.7, 0.7, shaken=0))[0] == [0, 0, 0]
    board(o, q)
    assert asked(moved(o, 0.8))[0] == [0, 0, 0] and asked(moved(q, 0.8))[0] == [1, 1, 1]
    right = torch.tensor([1.0] * 9 + [0.0])
    assert metalib.Evaluation(right, "accuracy").half_width == pytest.approx(0.2, abs=0.01)


@pytest.mark.omniglot
def test_what_the_text_says_of_the_results():
    rows, published = reported.results("omniglot"), reported.PUBLISHED

    def gaps(method):
        numbers = (float(text.split()[0]) for text in published[method])
        return [100 * entry["mean"] - number for entry, number in zip(rows[method], numbers, strict=True)]

    halves = [100 * entry["half_width"] for entry in rows["ProtoNet"]]
    assert all(abs(gap) < half + 0.005 for gap, half in zip(gaps("ProtoNet"), halves, strict=True))
    assert max(gaps("MAML")) < 0 and min(gaps("MAML")) == gaps("MAML")[2], "most at 20 ways and one shot"

    def means(name):
        entries = [reported.measured(f"omniglot-{name}", setting) for setting in reported.SETTINGS]
        return np.array([100 * entry["mean"] if entry else np.nan for entry in entries])

    bought = means("protonet-equal") - means("embedding")
    assert bought[2] == pytest.approx(6, abs=0.5) and bought[1] == pytest.approx(0.5, abs=0.2)
    assert bought.argmax() == 2 and bought.argmin() == 1
    assert (means("protonet") > means("protonet-equal")).all()
    assert (means("fomaml-20way") < means("embedding"))[2:].all()
    names = ("fomaml-20way", "embedding", "protonet")
    first_order, plain, long = (reported.drawings_seen(f"omniglot-{name}") for name in names)
    assert first_order > plain and long / plain == 4.5


# --- the exercises
def test_the_leak_finder_on_the_splits_of_glyphs():
    find = solution("07/find-leaks")
    train, test = metalib.data.glyphs("train"), metalib.data.glyphs("test")
    classes, alphabets, drawings = find(train, test)
    assert classes == 0 and alphabets == len(set(train.alphabets) & set(test.alphabets)) > 0 and drawings == 0
    apart = [metalib.data.glyphs(part, by="script") for part in ("train", "test")]
    assert find(*apart) == (0, 0, 0)


def test_an_episode_of_one_alphabet_is_one_that_metalib_gathers(images):
    generator = torch.Generator().manual_seed(0)
    episodes = metalib.Episodes(images, ways=4, shots=1, queries=2)
    used = Counter()
    for _episode in range(200):
        classes, chosen = solution("07/one-alphabet")(images.alphabets, images.drawings, 4, 1, 2, generator)
        (alphabet,) = {images.alphabets[c] for c in classes.tolist()}
        used[alphabet] += 1
    batch = episodes.gather(classes[None], chosen[None])
    assert torch.equal(batch.support_x[0, 0] * 255, images.images[classes[0], chosen[0, 0]].float())
    assert batch.query_x.shape == (1, 8, 1, 28, 28) and abs(used["A"] - 100) < 45


def test_taken_for_is_what_confusion_rates_count():
    generator = torch.Generator().manual_seed(0)
    classes = torch.stack([torch.randperm(9, generator=generator)[:3] for _task in range(5)])
    logits = torch.randn(5, 6, 3, generator=generator)
    taken = solution("07/taken-for")(classes, logits)
    rates = metalib.evaluation.confusion_rates(classes, logits.argmax(dim=-1), 2, 9)
    for a in range(9):
        for b in range(9):
            both = [t for t in range(5) if {a, b} <= set(classes[t].tolist())]
            count = sum(
                int(taken[t, q]) == b and int(classes[t, q // 2]) == a for t in both for q in range(6)
            )
            assert rates[a, b].item() == pytest.approx(count / max(2 * len(both), 1))


@pytest.mark.parametrize("spread, half_width", [(0.1, 0.02), (0.07, 0.013), (0.05, 0.049)])
def test_the_number_of_tasks_is_the_smallest_that_does(spread, half_width):
    n = solution("07/how-many-tasks")(spread, half_width)
    assert 1.96 * spread / math.sqrt(n) <= half_width < 1.96 * spread / math.sqrt(max(n - 1, 1)) or n == 1


LEAKS = """def find_leaks(train, test):
    known = {{one.numpy().tobytes() for one in {known}}}
    return {classes}, {alphabets}, {drawings}
"""
LEAKS_DEFAULTS = {
    "known": "train.images.flatten(0, 1)",
    "classes": "len(set(train.names) & set(test.names))",
    "alphabets": "len(set(train.alphabets) & set(test.alphabets))",
    "drawings": "sum(one.numpy().tobytes() in known for one in test.images.flatten(0, 1))",
}
EPISODE = """def draw_from_one_alphabet(alphabets, drawings, ways, shots, queries, generator):
    large = {large}
    alphabet = {alphabet}
    members = torch.tensor([c for c, a in enumerate(alphabets) if a == alphabet])
    classes = {classes}
    chosen = torch.stack([{chosen} for _ in range(ways)])
    return {returned}
"""
EPISODE_DEFAULTS = {
    "large": "sorted({a for a in alphabets if alphabets.count(a) >= ways})",
    "alphabet": "large[int(torch.randint(len(large), (1,), generator=generator))]",
    "classes": "members[torch.randperm(len(members), generator=generator)[:ways]]",
    "chosen": "torch.randperm(drawings, generator=generator)[: shots + queries]",
    "returned": "classes, chosen",
}


def judged(id, template, defaults, changes):
    exercise = exercises.get(id)
    return exercise.judge(exercise.build(template.format(**{**defaults, **changes})))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"classes": "sum(name in train.names for name in test.names)"},
        {"alphabets": "len({a for a in test.alphabets if a in train.alphabets})"},
        {"classes": "torch.tensor(len(set(train.names) & set(test.names)))"},
        {
            "drawings": "int((test.images.flatten(0, 1).flatten(1)[:, None] == train.images.flatten(0, 1)"
            ".flatten(1)).all(-1).any(1).sum())"
        },
    ],
)
def test_leaks_found_in_other_ways_pass(changes):
    assert judged("07/find-leaks", LEAKS, LEAKS_DEFAULTS, changes).status == "passed"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"drawings": "len(known & {d.numpy().tobytes() for d in test.images.flatten(0, 1)})"}, "different"),
        ({"drawings": "sum(any(d.numpy().tobytes() in known for d in c) for c in test.images)"}, "classes"),
        ({"known": "train.images[:, 0]"}, "expected 5, got 3"),
        ({"alphabets": "sum(a in test.alphabets for a in train.alphabets)"}, "alphabets shared, item 2 of 3"),
        ({"classes": "len(set(test.names) - set(train.names))"}, "item 1 of 3: expected 0"),
    ],
)
def test_what_counts_something_else_than_leaks_does_not_pass(changes, said):
    outcome = judged("07/find-leaks", LEAKS, LEAKS_DEFAULTS, changes)
    assert outcome.status == "rejected" and said in outcome.message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"large": "list(dict.fromkeys(a for a in alphabets if alphabets.count(a) >= ways))"},
        {"chosen": "torch.rand(drawings, generator=generator).argsort()[: shots + queries]"},
        {"classes": "members[torch.multinomial(torch.ones(len(members)), ways, generator=generator)]"},
        {"returned": "classes.tolist(), chosen.tolist()"},
    ],
)
def test_every_stream_of_a_right_sampler_passes(changes):
    """A check draws 300 episodes; the answer may draw in another order, so that they are other ones."""
    assert judged("07/one-alphabet", EPISODE, EPISODE_DEFAULTS, changes).status == "passed"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"chosen": "torch.randperm(drawings)[: shots + queries]"}, "does not come from `generator`"),
        ({"large": f"(generator.manual_seed(0), {EPISODE_DEFAULTS['large']})[1]"},
         "is seeded anew"),
        ({"classes": "torch.randperm(len(members), generator=generator)[:ways]"}, "within its alphabet"),
        ({"large": "sorted({a for a in alphabets if alphabets.count(a) > ways})"}, "alphabets that come"),
        ({"classes": EPISODE_DEFAULTS["classes"] + ".sort(descending=True).values"}, "in the same order"),
        ({"chosen": EPISODE_DEFAULTS["chosen"] + ".sort().values"}, "every drawing can be a support drawing"),
        ({"chosen": "torch.randperm(shots + queries, generator=generator)"}, "number of a drawing"),
        ({"returned": "chosen, classes"}, "Return two tensors of whole numbers"),
    ],
)  # fmt: skip
def test_samplers_that_break_a_rule_are_told_which(changes, said):
    outcome = judged("07/one-alphabet", EPISODE, EPISODE_DEFAULTS, changes)
    assert outcome.status == "rejected" and said in outcome.message
