"""The episode laboratory without a browser: the rules, the picture, the keys and the score."""

import numpy as np
import pytest
import torch
from readable import check_fast_picture
from torch import nn

from metalib import Episodes, ProtoNet, evaluate, weights
from metalib.data import ImageSet, glyphs
from metalib.evaluation import Evaluation
from metalib.lab import EpisodeLaboratory, KeyEvent
from metalib.lab.episode.laboratory import EpisodePainter
from metalib.lab.episode.rules import EpisodeKey, EpisodeState, Given, Score, deal, play
from metalib.lab.parts import Buttons

EPISODE = EpisodeKey(script="north", ways=4, shots=2, queries=3, number=5)
OTHER = EPISODE._replace(number=6)


@pytest.fixture(scope="module")
def images():
    """Two scripts of twelve characters. Drawings of a character differ in one pixel, which numbers them."""
    generator = torch.Generator().manual_seed(0)
    characters = torch.randint(0, 256, (24, 1, 1, 28, 28), generator=generator, dtype=torch.uint8)
    drawings = characters.repeat(1, 8, 1, 1, 1)
    drawings[:, :, 0, 0, 0] = torch.arange(8, dtype=torch.uint8)
    names = [f"character {n}" for n in range(24)]
    return ImageSet(drawings, names, ["north"] * 12 + ["south"] * 12, "toy")


@pytest.fixture(scope="module")
def learner():
    return ProtoNet(nn.Flatten())


@pytest.fixture
def lab(images, learner):
    return EpisodeLaboratory(learner, images, ways=4, shots=2, queries=2, script="north")


@pytest.fixture(scope="module")
def dealt(images, learner):
    return deal(images, learner, EPISODE)


def answers(key, dealt, given):
    return tuple(Given(key, y, m, t) for y, m, t in zip(given, dealt.machine, dealt.truth, strict=False))


def state(key=EPISODE, given=(), cursor=0):
    script, ways, shots, queries, number = key
    return EpisodeState(ways, shots, queries, script, number, answers=given, cursor=cursor)


# --- the rules
def test_an_episode_is_what_its_numbers_say(images, dealt):
    assert dealt.support.shape == (4, 2, 28, 28) and dealt.query.shape == (12, 28, 28)
    assert sorted(dealt.truth) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len(set(dealt.names)) == 4
    for way, name in enumerate(dealt.names):
        own = images.images[int(name.split()[1]), :, 0].numpy()
        asked = [dealt.query[n] for n in range(12) if dealt.truth[n] == way]
        used = [
            [int(np.all(own == one, axis=(1, 2)).argmax()) for one in part]
            for part in (dealt.support[way], asked)
        ]
        assert images.alphabets[int(name.split()[1])] == "north"
        assert len(set(used[0]) | set(used[1])) == 5, "no drawing twice, none in both sets"
        assert all(np.array_equal(own[n], one) for n, one in zip(used[0], dealt.support[way], strict=True))


def test_the_machines_answers_are_those_of_the_nearest_average(dealt):
    averages = dealt.support.astype(float).mean(axis=1)
    for one, said in zip(dealt.query, dealt.machine, strict=True):
        assert said == ((averages - one) ** 2).sum(axis=(1, 2)).argmin()


def test_an_episode_can_be_had_again_and_queries_come_in_random_order(images, learner, dealt):
    again, other = (deal(images, learner, key) for key in (EPISODE, OTHER))
    np.testing.assert_array_equal(again.query, dealt.query)
    assert again.truth == dealt.truth and other.names != dealt.names
    orders = {deal(images, learner, EPISODE._replace(number=number)).truth for number in range(6)}
    assert len(orders) > 3 and all(list(order) != sorted(order) for order in orders)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ways": 13}, "13 ways need at least 13 classes, but there are 12"),
        ({"shots": 6}, "6 shots . 3 queries need 9 drawings a class"),
    ],
)
def test_what_cannot_be_dealt_is_said(images, learner, change, message):
    with pytest.raises(ValueError, match=message):
        deal(images, learner, EPISODE._replace(**change))


def test_only_finished_episodes_are_counted(images, learner, dealt):
    other = deal(images, learner, OTHER)
    right = answers(EPISODE, dealt, dealt.truth)
    wrong = answers(OTHER, other, [(t + 1) % 4 for t in other.truth])
    unfinished = play(dealt, state(given=right[:-1]))
    assert unfinished.score.n == 0 and not unfinished.is_over and len(unfinished.yours) == 11
    finished = play(dealt, state(given=right))
    assert (finished.score.n, finished.score.yours) == (12, 12) and finished.is_over
    expected = sum(m == t for m, t in zip(dealt.machine, dealt.truth, strict=True))
    assert finished.score.machine == expected
    half = play(other, state(OTHER, right + wrong[:5]))
    assert half.score == finished.score and half.yours == tuple(a.yours for a in wrong[:5])
    both = play(other, state(OTHER, right + wrong))
    assert (both.score.n, both.score.yours) == (24, 12)
    back = play(dealt, state(given=right + wrong))  # the first episode again: its answers are still there
    assert back.is_over and back.score == both.score
    elsewhere = OTHER._replace(shots=1)
    assert play(deal(images, learner, elsewhere), state(elsewhere, right + wrong)).score == Score()


def test_the_cursor_stays_among_the_classes():
    assert [state(cursor=c).pointed for c in (-3, 0, 3, 9)] == [0, 0, 3, 3]


def test_a_cursor_that_is_none_is_refused_in_one_sentence(lab):
    for wrong in (9, -1, 1.5, None, "x"):
        with pytest.raises((TypeError, ValueError), match="^cursor must "):
            lab.set(cursor=wrong)


def test_drawings_are_shown_as_they_are_kept_and_colours_as_their_mean(images, learner):
    key = EPISODE._replace(script="", number=0)
    shown = deal(images, learner, key)
    colours = torch.cat([images.images // 4, images.images // 4 * 3, images.images // 2], dim=2)
    coloured = deal(ImageSet(colours, images.names, images.alphabets), learner, key)
    assert shown.support.dtype == coloured.support.dtype == np.uint8
    half = shown.support.astype(int) // 2
    assert (np.abs(coloured.support - half) <= 2).all() and not np.array_equal(
        coloured.support, shown.support
    )


# --- the picture
@pytest.mark.parametrize("given", [0, 3, 12])
@pytest.mark.parametrize("resolution", [1.0, 1.5])
def test_fast_picture_equals_the_full_draw(images, learner, dealt, given, resolution):
    painter, key = EpisodePainter("ProtoNet"), EpisodeKey("", 9, 5, 3, 1)
    painter.resolution = resolution
    large = deal(images, learner, key)
    before = state(key, answers(key, large, large.truth))
    painter.pixels(before, play(large, before))  # something else was there before
    now = state(given=answers(EPISODE, dealt, dealt.truth[:given]), cursor=2)
    check_fast_picture(painter, now, play(dealt, now))


@pytest.mark.parametrize("ways, shots, queries", [(2, 1, 1), (5, 1, 1), (9, 5, 3), (9, 1, 1), (2, 5, 3)])
@pytest.mark.parametrize("over", [False, True])
def test_nothing_is_small_cut_off_or_on_top_of_something_else(images, learner, ways, shots, queries, over):
    key = EpisodeKey("", ways, shots, queries, 1)
    dealt = deal(images, learner, key)
    painter, now = EpisodePainter("ProtoNet"), state(key, answers(key, dealt, dealt.truth) if over else ())
    figure = painter.full(now, play(dealt, now))
    axes = figure.axes[0]
    shown = [text for text in axes.texts if text.get_text() and text.get_visible()]
    boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert text.get_fontsize() >= 12
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= painter.height, text.get_text()
    pictures = [image.get_window_extent() for image in axes.images if image.get_visible()]
    for one, box in enumerate(boxes):
        for other in (*boxes[one + 1 :], *pictures):
            apart = box.x1 <= other.x0 or other.x1 <= box.x0 or box.y1 <= other.y0 or other.y1 <= box.y0
            assert apart, shown[one].get_text()
    assert len(pictures) == (1 + len(dealt.truth) if over else 2)


def test_words_tell_the_episode_but_not_the_truth(lab):
    words = lab.surface.alt
    for number, name in enumerate(lab.result.dealt.names, 1):
        assert f"{number}: {name}" in words
    assert "query 1 of 8." in words and "You point at class 1." in words and "is class" not in words
    assert lab.surface.words[1]["title"] == "query 1 of 8" and lab.surface.message.startswith(
        "Which class is it?"
    )
    for truth in lab.result.dealt.truth:
        assert "is class" not in lab.surface.alt and "you 0" not in lab.surface.alt
        lab.answer(truth)
    last = lab.result.dealt
    assert f"query 8 is class {last.truth[7] + 1}, you said {last.truth[7] + 1}" in lab.surface.alt
    assert "Score after 8 queries: you 8 (100 %), ProtoNet" in lab.surface.alt
    support, query = lab.surface.words
    assert support["title"] == "4-way 2-shot, north: support" and support["note"].startswith("Score after 8")
    assert query["title"] == "the episode is over" and query["note"].endswith("below: you, ProtoNet")
    assert lab.surface.message.startswith("Press Enter")


# --- playing
def test_every_column_can_be_clicked_and_nothing_else(lab):
    painter = lab.painter
    axes = painter.full(lab.state, lab.result).axes[0]
    support = axes.images[0].get_extent()  # left, right, bottom, top in pixels
    size = (support[1] - support[0]) / 4
    for way in range(4):
        x, y = (support[0] + (way + 0.5) * size) / 1000, (support[3] + size) / painter.height
        assert painter.class_at(lab.state, x, y) == way
    for x, y in ((0.001, 0.3), (support[1] / 1000 + 0.01, 0.3), (0.1, 0.02), (0.1, 0.98)):
        assert painter.class_at(lab.state, x, y) is None
        lab.surface.pointer("down", x, y)
        assert lab.result.yours == ()
    lab.surface.pointer("move", 0.1, 0.3)
    assert lab.result.yours == ()
    lab.surface.pointer("down", (support[0] + 2.5 * size) / 1000, 0.3)
    assert lab.result.yours == (2,)


def test_the_keyboard_does_everything(lab):
    for key in ("3", "ArrowRight", "Enter", "ArrowLeft", "ArrowLeft", " "):
        lab.surface.key(key)
    assert lab.result.yours == (2, 3, 1)
    with pytest.raises(ValueError, match="There are the classes 1 to 4, but no 7"):
        lab.surface.key("7")
    with pytest.raises(ValueError, match="but no 0"):
        lab.surface.key("0")
    lab.surface.key("Home")
    assert lab.result.yours == (2, 3, 1), "a wrong key is no answer"
    while not lab.result.is_over:
        lab.surface.key("1")
    lab.surface.key("2")
    lab.surface.key("ArrowLeft")
    assert len(lab.state.answers) == 8
    lab.surface.key("Enter")
    assert lab.state.draw == 2 and lab.result.yours == () and lab.result.score.n == 8


def test_every_setting_has_a_score_of_its_own_and_keeps_it(lab):
    for truth in lab.result.dealt.truth:
        lab.answer(truth)
    assert lab.result.score.yours == 8
    lab.answer(0)  # nothing is left to answer
    assert lab.result.score.n == 8
    result = lab.set(ways=9, shots=5, queries=1, script="")
    assert result.dealt.support.shape == (9, 5, 28, 28) and result.score == Score() and not result.yours
    assert lab.surface.words[0]["note"].startswith("No score with this setting yet")
    lab.controls["draw"].button.click()
    assert lab.state.episode.number == 2
    again = lab.set(ways=4, shots=2, script="north", queries=1)
    assert again.score.n == 8, "the number of queries is no other game"
    with pytest.raises(ValueError, match="must lie between 2 and 9"):
        lab.set(ways=10)


def test_the_score_says_by_how_much_somebody_is_ahead(lab):
    shares = []
    for right in (8, 5, 6):
        for n, truth in enumerate(lab.result.dealt.truth):
            lab.answer(truth if n < right else (truth + 1) % 4)
        machine = lab.result.dealt.machine
        shares.append((right - sum(m == t for m, t in zip(machine, lab.result.dealt.truth, strict=True))) / 8)
        if len(shares) == 1:
            assert "difference" not in lab.surface.words[0]["note"], "one episode shows no spread"
        lab.surface.key("Enter")
    expected = Evaluation(torch.tensor(shares, dtype=torch.float64), "difference")
    score = lab.result.score
    assert (score.ahead, score.half_width) == pytest.approx((expected.mean, expected.half_width))
    said = f"difference {100 * expected.mean:+.0f} ± {100 * expected.half_width:.0f} % over 3 episodes"
    assert said.replace("-", "−") in lab.surface.words[0]["note"]


def test_the_scores_can_be_forgotten(lab):
    for truth in lab.result.dealt.truth:
        lab.answer(truth)
    (again,) = [part for part in lab.parts if isinstance(part, Buttons)]
    again.buttons["again"].click()
    assert lab.result.score == Score() and lab.state.answers == () and not lab.result.yours
    assert lab.state.draw == 2, "the truth of the last episode is known"


def test_an_answer_that_is_no_class_is_refused_in_one_sentence(lab):
    for wrong in ("x", 1.5, True, None):
        with pytest.raises(TypeError, match="^label must be a"):
            lab.answer(wrong)
    for key in ("x", "F5", "Home", "²", "", "Tab"):
        lab.surface.key(key)
    assert lab.result.yours == ()


def test_the_learner_answers_once_for_each_episode(images, learner, monkeypatch):
    calls = []
    original = ProtoNet.adapt
    monkeypatch.setattr(ProtoNet, "adapt", lambda *args: calls.append(1) or original(*args))
    lab = EpisodeLaboratory(learner, images)
    for key in ("1", "ArrowRight", "2"):
        lab.surface.key(key)
    assert len(calls) == 1


def test_only_scripts_with_enough_characters_are_offered(images, learner):
    few = images.subset([*range(12), 12, 13])
    lab = EpisodeLaboratory(learner, few)
    assert [value for _label, value in lab.controls["script"].options] == ["", "north"]
    with pytest.raises(ValueError, match="script must be one of '', 'north', not 'east'"):
        EpisodeLaboratory(learner, few, script="east")
    with pytest.raises(TypeError, match="EpisodeLaboratory has no alpha"):
        EpisodeLaboratory(learner, images, alpha=1)


def test_events_from_the_browser_are_answered(lab):
    lab.surface._receive(lab.surface, {"kind": "key", "key": "9", "shift": False, "id": "a:1"}, [])
    assert lab.surface.failed and lab.surface.message == "There are the classes 1 to 4, but no 9."
    lab.surface.key(KeyEvent("1").key)
    assert not lab.surface.failed and lab.result.yours == (0,)


# --- what chapter 2 tells the reader to try: the controls are moved as told
def played(lab, queries, answer):
    """Play episodes until so many queries of this setting are counted."""
    while lab.result.score.n < queries:
        for truth in lab.result.dealt.truth:
            lab.answer(answer(truth))
        lab.surface.key("Enter")
    return lab.result.score


def test_try_this_1_thirty_queries_say_who_is_ahead_and_by_how_much():
    lab = EpisodeLaboratory(script="Georgian")
    assert (lab.state.ways, lab.state.shots, lab.state.queries) == (5, 1, 1)
    score = played(lab, 30, lambda truth: truth)
    assert score.n == 30 and score.episodes == 6, "six episodes are thirty queries"
    assert "Score after 30 queries: you 30 (100 %), ProtoNet" in lab.surface.words[0]["note"]
    assert "± " in lab.surface.words[0]["note"]
    draws = played(EpisodeLaboratory(script="Georgian", draw=1000), 30, lambda truth: truth)
    assert draws.half_width > 0 or draws.ahead == 0, "no difference in any episode gives ± 0"


@pytest.mark.slow
def test_try_this_2_both_settings_keep_their_scores_and_protonet_gains_with_five_shots():
    lab = EpisodeLaboratory(script="Georgian")
    one = played(lab, 30, lambda truth: 0)
    lab.set(shots=5)
    assert lab.result.score.n == 0
    played(lab, 30, lambda truth: 0)
    lab.set(shots=1)
    assert lab.result.score == one, "the first score is still there"
    images, learner = glyphs("test", by="character"), weights.load("glyphs-protonet")
    georgian = images.subset([n for n, name in enumerate(images.alphabets) if name == "Georgian"])
    wrong = {
        shots: 1
        - evaluate(learner, Episodes(georgian, 5, shots, 1), 400, torch.Generator().manual_seed(0)).mean
        for shots in (1, 5)
    }
    assert wrong[5] < wrong[1] / 2.5, "far fewer mistakes with five"


def test_try_this_3_there_is_latin_and_none_of_its_test_letters_was_in_training():
    lab = EpisodeLaboratory(script="Latin")
    train, test = (glyphs(split, by="character") for split in ("train", "test"))
    latin = {name for name, script in zip(test.names, test.alphabets, strict=True) if script == "Latin"}
    assert set(lab.result.dealt.names) <= latin and not latin & set(train.names)
    assert "Latin" in train.alphabets, "other Latin letters were"


def test_try_this_4_at_nine_ways_the_end_shows_truth_and_both_answers():
    lab = EpisodeLaboratory(script="Georgian", ways=9)
    for _truth in lab.result.dealt.truth:
        lab.answer(0)
    for n, (truth, machine) in enumerate(
        zip(lab.result.dealt.truth, lab.result.dealt.machine, strict=True), 1
    ):
        said = f"query {n} is class {truth + 1}, you said 1, ProtoNet {machine + 1}"
        assert said in lab.surface.alt
    shown = [text for _tile, *texts in lab.painter.review for text in texts if text.get_visible()]
    assert len(shown) == 18
