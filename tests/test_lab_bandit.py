"""The bandit laboratory without a browser: the game against a loop, rivals, picture, pointer and keys."""

import numpy as np
import pytest
import torch
from readable import check_fast_picture

from metalib import rl
from metalib.lab import BanditLaboratory
from metalib.lab.bandit.game import ARMS, RIVALS, YOU, BanditState, begun_again, dealt, game, pulled, rl2
from metalib.lab.bandit.laboratory import BanditPainter, pressed
from metalib.lab.parts import View
from metalib.lab.surface import KeyEvent


def click(lab, arm):
    painter = lab.painter
    x = (painter.arm_left(arm) + painter.wide / 2) / painter.width
    lab.surface.pointer("down", x, 0.5, pressed=True)


def test_your_pulls_are_paid_as_the_bandits_table_says():
    chosen = (0, 1, 1, 4, 0, 1)
    result = game(BanditState(pulls=10, draw=3, chosen=chosen))
    bandits, _rivals = dealt(3, 10)
    count, rewards = [0] * ARMS, []
    for arm in chosen:
        rewards.append(float(bandits.rewards[0, arm, count[arm]]))
        count[arm] += 1
    assert result.courses[YOU].rewards.tolist() == rewards and result.pulled.tolist() == count
    assert result.paid.sum() == sum(rewards) and result.made == 6 and not result.is_over
    best = result.chances.max()
    np.testing.assert_allclose(result.courses[YOU].regret, [best - result.chances[arm] for arm in chosen])


def test_the_rivals_meet_the_same_bandit_with_the_same_luck():
    bandits, courses = dealt(5, 30)
    assert tuple(courses) == RIVALS
    for course in courses.values():
        count = [0] * ARMS
        for arm, reward in zip(course.chosen, course.rewards, strict=True):
            assert reward == bandits.rewards[0, arm, count[arm]]
            count[arm] += 1
    again = rl.play(rl2(), bandits, torch.Generator().manual_seed(15))
    assert (again.chosen[0].numpy() == courses["RL²"].chosen).all()


def test_whoever_copies_a_rival_earns_what_it_earns():
    lab = BanditLaboratory(pulls=20, draw=2)
    for arm in dealt(2, 20)[1]["Thompson"].chosen:
        lab.pull(int(arm) + 1)
    assert lab.result.is_over
    for shown in ("reward", "regret"):
        yours, its = (lab.result.courses[name].summed(shown, 20) for name in (YOU, "Thompson"))
        np.testing.assert_allclose(yours, its)


def test_curves_are_running_sums():
    course = game(BanditState(chosen=(0, 0, 1))).courses[YOU]
    assert course.summed("reward", 3).tolist() == [0, *np.cumsum(course.rewards)]
    assert len(course.summed("regret", 2)) == 3


def test_a_new_bandit_and_another_length_begin_a_new_game():
    lab = BanditLaboratory()
    lab.pull(3, times=4)
    lab.set(shown="regret")
    assert lab.result.made == 4, "the curve is only another view"
    lab.set(draw=1)
    assert lab.result.made == 0 and lab.state.draw == 1
    lab.pull(1)
    lab.set(pulls=10)
    assert lab.result.made == 0
    before = BanditState(chosen=(1, 2))
    assert begun_again(before, before) == before


def test_the_chances_are_told_at_the_end_only():
    lab = BanditLaboratory(pulls=10)
    lab.pull(2, times=9)
    chances = [f"{chance:.2f}" for chance in lab.result.chances]
    assert "chances of arms" not in lab.surface.alt and "Regret" not in lab.surface.message
    assert all(text.get_text() == "?" for text in lab.painter.truths)
    lab.pull(2)
    assert f"The chances of arms 1 to 5 are {', '.join(chances)}." in lab.surface.alt
    assert "Regret: you" in lab.surface.message
    assert [text.get_text() for text in lab.painter.truths] == chances
    assert lab.pull(1) is lab.result and lab.result.made == 10, "the game is over"


def test_clicks_keys_and_buttons_pull():
    lab = BanditLaboratory(pulls=30)
    click(lab, 3)
    assert lab.state.chosen == (3,)
    lab.surface.pointer("down", 0.9, 0.5, pressed=True)  # the curves are no arm
    lab.surface.pointer("down", (lab.painter.arm_left(1) - 3) / 1000, 0.5, pressed=True)  # between two
    assert lab.state.chosen == (3,)
    lab.surface.key("5")
    lab.surface.key("6")
    lab.surface.key("0")
    assert lab.state.chosen == (3, 4)
    several, again = lab.parts[2].buttons.values()
    several.click()
    assert lab.state.chosen == (3, *[4] * 11)
    lab.surface.key("Enter")
    assert lab.result.made == 12, "not over yet"
    several.click()
    several.click()
    assert lab.result.is_over and len(lab.state.chosen) == 30
    again.click()
    assert lab.state.chosen == () and lab.state.draw == 0
    lab.pull(1, times=99)
    lab.surface.key("Enter")
    assert lab.state.draw == 1 and lab.state.chosen == ()


def test_words_say_the_standing():
    lab = BanditLaboratory(pulls=10, draw=4)
    lab.pull(1, times=5)
    totals = [int(lab.result.courses[name].rewards[:5].sum()) for name in (YOU, *RIVALS)]
    assert "pull 6 of 10" in lab.surface.alt
    for name, total in zip(("you", "RL²", "Thompson", "UCB1"), totals, strict=True):
        assert f"{name} {total}" in lab.surface.alt
    assert f"arm 1: {lab.result.paid[0]} of 5 paid" in lab.surface.alt


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"chosen": (0, 1, 2, 3, 4, 1, 1, 1)},
        {"chosen": (2,) * 100, "pulls": 100},
        {"chosen": (0, 3) * 5, "pulls": 10, "shown": "regret"},
    ],
)
def test_the_fast_picture_is_the_full_one(values):
    painter = BanditPainter()
    painter.pixels(BanditState(draw=1), game(BanditState(draw=1)))
    state = BanditState(**values)
    result = game(state)
    check_fast_picture(painter, state, result)


def test_every_pull_of_a_hundred_has_its_place_in_the_arms_box():
    painter, state = BanditPainter(), BanditState(chosen=(2,) * 100, pulls=100)
    places = painter.places(game(state))
    seen = places[np.isfinite(places[:, 0])]
    assert len(seen) == painter.across * painter.rows and np.isfinite(places[-1]).all()
    assert seen[:, 0].min() > painter.arm_left(2) and seen[:, 0].max() < painter.arm_left(2) + painter.wide
    assert seen[:, 1].max() < 345


def test_the_try_this_list_is_as_it_says():
    lab = BanditLaboratory(pulls=100, shown="regret")
    lab.pull(1, times=100)
    steps = np.diff(lab.result.courses[YOU].summed("regret", 100))
    np.testing.assert_allclose(steps, lab.result.chances.max() - lab.result.chances[0], rtol=1e-4)
    ends = [dealt(draw, 30)[1] for draw in range(40)]
    behind = np.mean([e["Thompson"].regret.sum() - e["RL²"].regret.sum() for e in ends])
    assert behind > 1, "within 30 pulls Thompson sampling still looks around"


def test_pulled_stays_inside_the_game():
    state = BanditState(pulls=10, chosen=(0,) * 8)
    assert len(pulled(state, 1, times=5).chosen) == 10
    assert pulled(state, ARMS) is None and pulled(BanditState(pulls=10, chosen=(0,) * 10), 0) is None
    lab = BanditLaboratory()
    assert pressed(View(lab.painter, lab.state, lab.result), KeyEvent("x")) is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BanditLaboratory(pulls=7), "pulls must be one of 10, 20, 30, 50, 100, not 7"),
        (lambda: BanditLaboratory(chosen=(5,)), "chosen must be arms from 0 to 4"),
        (lambda: BanditLaboratory(chosen="12"), "chosen must be arms from 0 to 4"),
        (lambda: BanditLaboratory().pull(0), "There is no arm 0: they are 1 to 5"),
    ],
)
def test_mistakes_are_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()
