"""Chapter 7 looks at data, fills a table from cards, and analyses errors in its own cells. Those definitions,
taken from its source, give metalib's numbers or those of a plain computation."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution

import metalib
from metalib import look
from metalib.data import ImageSet


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines, and its constants in capitals; on glyphs."""
    names = {"torch": torch, "F": F, "math": math, "metalib": metalib, "look": look, "kind": "glyphs"}
    constants = ("SETTINGS", "METHODS", "PUBLISHED", "PUBLISHED_PROTOCOL", "TEST_SEED", "SIGNS")
    return definitions("07_practice", constants, **names)


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


def test_tiles_put_every_drawing_in_its_row_and_column(chapter, images):
    picture = chapter["tiles"](images.images[:3, :4], gap=2)
    assert picture.shape == (3 * 32, 4 * 32)
    for row in range(3):
        for column in range(4):
            tile = picture[32 * row + 2 : 32 * row + 30, 32 * column + 2 : 32 * column + 30]
            assert torch.allclose(tile, 1 - images.images[row, column, 0] / 255)
    assert (picture[:2] == 1).all() and (picture[:, 30:34] == 1).all(), "paper between the drawings"


def test_average_drawings_are_unit_vectors_and_most_like_themselves(chapter, images):
    average = chapter["average_drawings"](images)
    assert torch.allclose(average.norm(dim=1), torch.ones(12))
    assert (average @ average.T).argmax(dim=1).tolist() == list(range(12))


def test_the_bar_of_pixels_is_nearest_neighbour_at_one_shot(images):
    batch = metalib.Episodes(images, 4, 1, 3).sample(3, torch.Generator().manual_seed(0))
    pixels = metalib.ProtoNet(torch.nn.Flatten())
    said = pixels.predict(pixels.adapt(batch.support_x, batch.support_y), batch.query_x).argmax(dim=-1)
    for task in range(3):
        for q in range(12):
            gaps = [(batch.query_x[task, q] - x).square().sum().item() for x in batch.support_x[task]]
            assert said[task, q] == batch.support_y[task, gaps.index(min(gaps))]


# --- the table
def test_the_table_is_what_the_cards_say_and_shows_what_is_missing(chapter):
    assert chapter["measured"]("no-such-weights", "5-way 1-shot") is None
    card = {entry["label"]: entry for entry in metalib.weights.card("glyphs-maml")["results"]}
    assert chapter["measured"]("glyphs-maml", "5-way 1-shot") == card["5-way 1-shot, 3 steps"]
    assert chapter["measured"]("glyphs-maml", "20-way 1-shot") is None, "it has five outputs"
    table = chapter["results"]("glyphs")
    card = {entry["label"]: entry for entry in metalib.weights.card("glyphs-protonet")["results"]}
    assert table["ProtoNet"] == [card.get(setting) for setting in chapter["SETTINGS"]]
    assert chapter["percent"]({"mean": 0.98765, "half_width": 0.00123}) == "98.77 ± 0.12"
    assert chapter["percent"](None) == "–"


def test_the_last_weights_that_measured_a_setting_speak_for_it(chapter, monkeypatch):
    cards = {
        "a-maml": {"5-way 1-shot, 1 step": 1, "5-way 1-shot, 3 steps": 2, "20-way 1-shot, 3 steps": 3},
        "a-maml-20way": {"20-way 1-shot, 3 steps": 4},
    }
    listed = {
        name: {"results": [{"label": k, "mean": v} for k, v in card.items()]} for name, card in cards.items()
    }
    monkeypatch.setattr(metalib.weights, "names", lambda: sorted(cards))
    monkeypatch.setattr(metalib.weights, "card", listed.__getitem__)
    row = chapter["results"]("a")["MAML"]
    assert [entry and entry["mean"] for entry in row] == [2, None, 4, None]


def test_the_published_numbers_are_read_with_their_intervals(chapter):
    assert chapter["number"]("98.7 ± 0.4") == (98.7, 0.4) and chapter["number"]("96.0") == (96.0, 0.0)
    for row in chapter["PUBLISHED"].values():
        assert len(row) == len(chapter["SETTINGS"]) and all(80 < chapter["number"](n)[0] <= 100 for n in row)


@pytest.mark.parametrize("name", ["glyphs-protonet", "glyphs-maml"])
def test_the_protocol_is_read_from_the_recipe(chapter, name):
    rows = chapter["protocol"](name)
    recipe = metalib.weights.recipe(name)
    assert rows["training episodes"].startswith(f"{recipe.tasks['ways']}-way {recipe.tasks['shots']}-shot")
    sizes = [len(metalib.data.glyphs(part)) for part in ("train", "validation", "test")]
    assert rows["classes: train / validation / test"] == " / ".join(map(str, sizes))
    assert ("transductive" in rows["batch norm at test"]) == metalib.weights.load(name).is_transductive
    method = "MAML" if "maml" in name else "ProtoNet"
    assert set(chapter["PUBLISHED_PROTOCOL"][method]) == set(rows), "every line has its counterpart"


def test_measuring_again_is_the_recipes_own_evaluation(chapter):
    now = chapter["measure_again"]("glyphs-maml", 2)
    expected = dict(metalib.weights.recipe("glyphs-maml").evaluations(metalib.weights.load("glyphs-maml"), 2))
    assert torch.equal(now.values, expected["5-way 1-shot, 3 steps"].values)


# --- the error analysis
@pytest.mark.parametrize("shots", [1, 3])
def test_answers_from_embeddings_are_the_learners_own(chapter, images, shots):
    learner = metalib.ProtoNet(metalib.models.conv4(8, downsample="stride")).eval()
    episodes = metalib.Episodes(images, ways=5, shots=shots, queries=4)
    drawn = episodes.draw(3, torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = chapter["logits_of"](learner.embed(images.images.float() / 255), *drawn, shots)
        batch = episodes.gather(*drawn)
        expected = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    assert torch.allclose(logits, expected, rtol=1e-3, atol=1e-4)


def test_confusion_rates_by_counting(chapter):
    generator = torch.Generator().manual_seed(0)
    ways, queries, n = 3, 4, 6
    classes = torch.stack([torch.randperm(n, generator=generator)[:ways] for _ in range(40)])
    predicted = torch.randint(ways, (40, ways * queries), generator=generator)
    taken, asked = Counter(), Counter()
    for episode, answers in zip(classes.tolist(), predicted.tolist(), strict=True):
        for q, answer in enumerate(answers):
            true = episode[q // queries]
            taken[true, episode[answer]] += 1
            for other in episode:
                asked[true, other] += 1
    rates = chapter["confusion_rates"](classes, predicted, queries, n)
    for a in range(n):
        for b in range(n):
            assert rates[a, b].item() == pytest.approx(taken[a, b] / max(asked[a, b], 1))


def test_calibration_by_brute_force(chapter):
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(400, generator=generator)
    confidence[:3] = torch.tensor([1.0, 0.25, 0.5])
    right = torch.rand(400, generator=generator) < confidence.sqrt()
    for bins in (1, 4, 10):
        total, counted = 0.0, []
        for n in range(bins):
            inside = [i for i, c in enumerate(confidence.tolist()) if n / bins < c <= (n + 1) / bins]
            counted.append(len(inside))
            if inside:
                said = sum(confidence[i].item() for i in inside)
                total += abs(said - sum(right[i].item() for i in inside))
        assert chapter["reliability"](confidence, right, bins)[0].tolist() == counted
        assert chapter["expected_calibration_error"](confidence, right, bins) == pytest.approx(total / 400)


def test_calibration_of_the_sure_and_the_perfect(chapter):
    error = chapter["expected_calibration_error"]
    assert error(torch.ones(10), torch.ones(10, dtype=torch.bool)) == 0
    assert error(torch.full((10,), 0.95), torch.arange(10) < 5) == pytest.approx(0.45)
    count, said, was = chapter["reliability"](torch.tensor([0.55, 0.58]), torch.tensor([True, False]))
    assert count.sum() == 2 and said[5] == pytest.approx(0.565) and was[5] == 0.5 and was[0].isnan()


def test_a_temperature_changes_confidence_and_no_answer(chapter):
    logits = torch.randn(3, 8, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(8, dtype=torch.int64)
    (one, right), (two, same) = chapter["answers"](logits, labels), chapter["answers"](logits / 2, labels)
    assert torch.equal(right, same) and (two < one).all() and one.shape == (24,)


def test_turning_by_quarters_is_exact_and_anticlockwise(chapter, images):
    x = images.images[:2, :3].float() / 255
    turn = chapter["turn"]
    for quarter in range(4):
        expected = torch.rot90(x, quarter, dims=(-2, -1))
        assert torch.allclose(turn(x, 90 * quarter), expected, atol=1e-4)
    assert torch.allclose(turn(x, -90), turn(x, 270), atol=1e-4)


def test_turning_goes_round_the_middle_at_every_angle(chapter):
    x = torch.zeros(1, 1, 29, 29)
    x[0, 0, 14, 22] = 1  # eight pixels to the right of the middle
    rows, columns = torch.meshgrid(torch.arange(29.0), torch.arange(29.0), indexing="ij")
    for degrees in (20, 45, 110, 200):
        turned = chapter["turn"](x, degrees)[0, 0]
        mass = turned.sum()
        right = ((columns - 14) * turned).sum() / mass
        up = ((14 - rows) * turned).sum() / mass
        assert math.hypot(right, up) == pytest.approx(8, abs=0.3)
        assert math.degrees(math.atan2(up, right)) % 360 == pytest.approx(degrees, abs=2.5)


def test_a_wider_pen_takes_the_darkest_neighbour(chapter, images):
    x = images.images[:2, :2].float() / 255
    thicken = chapter["thicken"]
    assert torch.allclose(thicken(x, 0), x, atol=1e-6)
    wider = thicken(x, 1)
    for i, j in ((0, 0), (5, 9), (27, 13)):
        window = x[..., max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        assert torch.allclose(wider[..., i, j], window.amax(dim=(-2, -1)), atol=1e-6)
    assert torch.allclose(thicken(x, -1), 1 - thicken(1 - x, 1), atol=1e-6), "thin ink is thick paper"
    ink = [thicken(x, amount).sum() for amount in (-1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2)]
    assert ink == sorted(ink)


def test_a_line_gets_as_much_wider_as_is_said(chapter):
    x = torch.zeros(1, 1, 28, 28)
    x[..., 10:14] = 1  # an upright line, four pixels wide
    for amount in (-1.5, -0.75, -0.25, 0.5, 1.25, 2):
        widths = chapter["thicken"](x, amount).sum(dim=-1)
        assert torch.allclose(widths, torch.tensor(4.0 + 2 * amount), atol=1e-5)


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
    assert batch.query_x.shape == (1, 8, 1, 28, 28) and abs(used["A"] - 100) < 40


def test_the_evaluation_of_the_exercise_is_metalibs(images):
    learner = metalib.ProtoNet(torch.nn.Flatten())
    episodes = metalib.Episodes(images, 5, 1, 3)
    batch = episodes.sample(20, torch.Generator().manual_seed(3))
    expected = metalib.evaluate(learner, episodes, 20, torch.Generator().manual_seed(3))
    assert solution("07/evaluate")(learner, batch) == pytest.approx((expected.mean, expected.half_width))


@pytest.mark.parametrize("spread, half_width", [(0.1, 0.02), (0.07, 0.013), (0.05, 0.049)])
def test_the_number_of_tasks_is_the_smallest_that_does(spread, half_width):
    n = solution("07/how-many-tasks")(spread, half_width)
    assert 1.96 * spread / math.sqrt(n) <= half_width < 1.96 * spread / math.sqrt(max(n - 1, 1)) or n == 1
