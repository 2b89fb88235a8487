"""The bandit laboratory: five arms to pull, and the curves of four players."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import N_, _
from metalib.lab.bandit.game import (
    ARMS,
    LENGTHS,
    RIVALS,
    YOU,
    BanditResult,
    BanditState,
    begun_again,
    game,
    pulled,
)
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import Sheet, line
from metalib.lab.parts import Buttons, Keys, Touch, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Entry, Panel, Words

NAMES = {YOU: N_("you"), "RL²": "RL²", "Thompson": "Thompson", "UCB1": "UCB1"}
LOOKS: dict[str, look.Style] = {
    YOU: {"color": look.BLACK, "linewidth": 3.4},
    "RL²": {"color": look.BLUE, "linewidth": 2.4, "linestyle": "--"},
    "Thompson": {"color": look.VERMILION, "linewidth": 2.2, "linestyle": "-."},
    "UCB1": {"color": look.GREEN, "linewidth": 2.4, "linestyle": ":"},
}
SEVERAL = 10  # pulls by one press of the button


def touched(view: View, x: float, y: float) -> BanditState | None:
    """A click on an arm pulls it."""
    arm = view.painter.arm_at(x, y)
    return None if arm is None else pulled(view.state, arm)


def pressed(view: View, event: KeyEvent) -> BanditState | None:
    """A number pulls its arm; Enter at the end deals the next bandit."""
    if event.key.isdecimal():
        return pulled(view.state, int(event.key) - 1)
    if event.key == "Enter" and view.result.is_over:
        return replace(view.state, draw=view.state.draw + 1, chosen=())
    return None


def several(view: View) -> BanditState | None:
    """The arm that was pulled last, again and again."""
    return pulled(view.state, view.state.chosen[-1], SEVERAL) if view.state.chosen else None


class BanditPainter(Painter):
    """Left: five arms with what they have paid. Right: the players' curves."""

    height = 392
    fold = 0.53
    left, wide, gap = 20, 92, 8  # of the arms, in pixels
    top, low = 14, 378
    row, column = 14, 15  # between two results of an arm
    across, first = 5, 126  # results in a row, and where the first row lies
    rows = 15  # the next would lie on the bar of the chance

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        middle = [self.arm_left(arm) + self.wide / 2 for arm in range(ARMS)]
        for arm in range(ARMS):
            number = sheet.text(middle[arm], 44, str(arm + 1), moves=False, ha="center", fontsize=26)
            number.set_fontweight("bold")
            box = sheet.line(moves=False, color=look.GREY, linewidth=2.0)
            x, y = self.arm_left(arm), (self.top, self.low)
            box.set_data([x, x + self.wide, x + self.wide, x, x], [y[0], y[0], y[1], y[1], y[0]])
        bold: look.Style = {"ha": "center", "fontsize": look.TEXT}
        self.counts = [sheet.text(x, 86, **bold) for x in middle]
        self.truths = [sheet.text(x, 362, **bold) for x in middle]
        self.bars = sheet.bars(facecolors=look.ORANGE)
        self.frame = sheet.frame(edgecolor=look.BLACK, linewidth=3.5)
        dot: look.Style = {"linestyle": "none", "marker": "o", "markersize": 8, "markeredgewidth": 1.4}
        self.won = sheet.line(color=look.BLUE, markeredgecolor=look.BLUE, **dot)
        self.lost = sheet.line(markerfacecolor="white", markeredgecolor=look.GREY, **dot)
        self.axes = figure.add_axes((0.585, 0.135, 0.39, 0.835))
        self.axes.set(xlabel=_("pull"))
        self.lines = {name: line(self.axes, **LOOKS[name]) for name in (*RIVALS, YOU)}
        self.limits: tuple[int, float] | None = None

    def arm_left(self, arm: int) -> float:
        """Where an arm's box begins, in pixels."""
        return self.left + arm * (self.wide + self.gap)

    def arm_at(self, x: float, y: float) -> int | None:
        """The arm at (x, y), 0 … 1 from left and top."""
        arm, inside = divmod(x * self.width - self.left, self.wide + self.gap)
        within = 0 <= arm < ARMS and inside <= self.wide and self.top <= y * self.height <= self.low
        return int(arm) if within else None

    def places(self, result: BanditResult) -> np.ndarray:
        """Where each pull's result lies, (t, 2): under its arm, row by row. Of a long row of pulls the last
        ones are seen."""
        arms, found = result.courses[YOU].chosen, []
        room = self.across * self.rows
        for pull, arm in enumerate(arms):
            before = int((arms[:pull] == arm).sum()) - max(0, int(result.pulled[arm]) - room)
            row, column = divmod(before, self.across)
            x = self.arm_left(arm) + self.wide / 2 + (column - (self.across - 1) / 2) * self.column
            found.append((x if before >= 0 else np.nan, self.first + row * self.row))
        return np.array(found).reshape(-1, 2)

    def update(self, state: BanditState, result: BanditResult) -> None:
        places, won = self.places(result), result.courses[YOU].rewards > 0
        self.won.set_data(*places[won].T)
        self.lost.set_data(*places[~won].T)
        for arm in range(ARMS):
            counted = f"{result.paid[arm]}/{result.pulled[arm]}" if result.pulled[arm] else "–"
            self.counts[arm].set_text(counted)
            self.truths[arm].set_text(f"{result.chances[arm]:.2f}" if result.is_over else "?")
        lefts = np.array([self.arm_left(arm) for arm in range(ARMS)])
        self.bars.put(lefts + 6, 350, (self.wide - 12) * result.chances, 8, result.is_over)
        best = int(result.chances.argmax())
        self.frame.set(visible=result.is_over)
        self.frame.set_bounds(lefts[best] - 1, self.top - 1, self.wide + 2, self.low - self.top + 2)
        highest = 1.0
        for name, curve in self.lines.items():
            summed = result.courses[name].summed(state.shown, result.made)
            curve.set_data(np.arange(result.made + 1), summed)
            highest = max(highest, summed[-1])
        self.fit(state, highest)

    def fit(self, state: BanditState, highest: float) -> None:
        """The axes' limits; a new picture only where they change."""
        tall = float(next(length for length in (2, 5, *LENGTHS) if length >= highest))
        limits = (state.pulls, tall)
        label = _("reward so far") if state.shown == "reward" else _("regret so far")
        if (limits, label) != (self.limits, self.axes.get_ylabel()):
            self.limits = limits
            self.axes.set(xlim=(0, state.pulls), ylim=(0, tall * 1.04), ylabel=label)
            self.renew()

    def words(self, state: BanditState, result: BanditResult) -> Words:
        title = _("pull {n} of {total}").format(n=result.made + 1, total=state.pulls)
        if result.is_over:
            title = _("the game is over: the arms' true chances")
        note = _("● paid, ○ paid nothing; the numbers: paid / pulled")
        legend = [
            Entry(f"{_(NAMES[name])} {self.standing(state, result, name)}", LOOKS[name]) for name in NAMES
        ]
        fold = 0.53
        panels = (Panel(0.02, fold - 0.02, title, note=note), Panel(fold, 1.0, legend=legend))
        return Words(panels, remark(state, result))

    def standing(self, state: BanditState, result: BanditResult, name: str) -> str:
        """What a player has by now, as the curve shows it."""
        last = result.courses[name].summed(state.shown, result.made)[-1]
        return f"{last:.0f}" if state.shown == "reward" else f"{last:.1f}"

    def describe(self, state: BanditState, result: BanditResult) -> str:
        one = _("arm {n}: {paid} of {pulled} paid")
        rows = zip(result.paid, result.pulled, strict=True)
        said = _("; ").join(one.format(n=n, paid=p, pulled=m) for n, (p, m) in enumerate(rows, 1))
        said = _("Your pulls: {said}.").format(said=said)
        if result.made:
            course = result.courses[YOU]
            last = (
                _("The last one, of arm {n}, paid.")
                if course.rewards[-1]
                else _("The last one, of arm {n}, paid nothing.")
            )
            said += " " + last.format(n=course.chosen[-1] + 1)
        if result.is_over:
            chances = ", ".join(f"{chance:.2f}" for chance in result.chances)
            said += " " + _("The chances of arms 1 to {n} are {chances}.").format(n=ARMS, chances=chances)
        return said


def remark(state: BanditState, result: BanditResult) -> str:
    """What to do, and at the end how it went."""
    if not result.is_over:
        return _(
            "Pull an arm: click on it, or press its number. The rivals play the same arms with the same luck."
        )
    lost = [
        _("{name} {regret:.1f}").format(name=_(NAMES[name]), regret=course.regret.sum())
        for name, course in result.courses.items()
    ]
    return _("Regret: {lost}. The best arm was {best}. Press Enter, or the button, for a new bandit.").format(
        lost=", ".join(lost), best=int(result.chances.argmax()) + 1
    )


class BanditLaboratory(Laboratory):
    """Five arms, each paying 1 with a chance of its own: pull them by a click or by the keys 1 to 5.

    RL², Thompson sampling and UCB1 play the same bandit, and an arm's first, second, … pull pays everybody
    the same. The chances are shown when the game is over. Enter then deals the next bandit.

    Args:
        initial: values of `BanditState` to begin with.
    """

    def __init__(self, **initial: Any) -> None:
        again = (N_("the same bandit again"), lambda view: replace(view.state, chosen=()))
        super().__init__(
            BanditState,
            game,
            BanditPainter(),
            initial=initial,
            follow=begun_again,
            on=[
                Touch(touched),
                Keys(pressed),
                Buttons({"several": (N_("the last arm, 10 times"), several), "again": again}),
            ],
            label=_("Five arms: press the number of the one to pull"),
        )

    def pull(self, arm: int, times: int = 1) -> BanditResult:
        """Pull an arm, 1 … 5, so many times; nothing where the game is over.

        Raises:
            ValueError: there is no such arm.
        """
        if arm not in range(1, ARMS + 1):
            raise ValueError(_("There is no arm {n}: they are 1 to {last}.").format(n=arm, last=ARMS))
        state = pulled(self.state, arm - 1, times)
        return self.result if state is None else self.go(state)
