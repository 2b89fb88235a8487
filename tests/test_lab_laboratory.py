"""Surface and laboratory without a browser: state, errors, what is shown where no kernel runs."""

import asyncio
import math
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from test_lab_picture import Dots

from metalib.lab import KeyEvent, Laboratory, PointerEvent, Surface
from metalib.lab.controls import (
    choice,
    counter,
    hidden,
    log_slider,
    made_of,
    optional,
    point,
    real,
    slider,
    whole,
    whole_slider,
)
from metalib.lab.laboratory import Part
from metalib.lab.parts import Background, Buttons, Drag, Idle, Keys, Pad, Play, Touch
from metalib.lab.words import with_words
from metalib.notebook import VIEW_MIME, picture


@dataclass(frozen=True)
class State:
    count: int = whole_slider("count", 3, 1, 10)
    height: float = slider("height", 0.5, 0.0, 1.0)
    again: int = counter("again")


def compute(state):
    if state.height > 0.9:
        raise ValueError("height must be at most 0.9")
    if state.height > 0.8:
        return 1 / 0
    return [state.height] * state.count


@pytest.fixture
def lab():
    return Laboratory(State, compute, Dots())


def from_browser(widget, **state):
    """What the browser sends when a control is moved."""
    widget.set_state(state)


def test_a_control_shows_the_new_state(lab):
    first = lab.surface.picture
    from_browser(lab.controls["count"], value=7)
    assert lab.result == [0.5] * 7
    assert lab.surface.alt == "count: 7; height: 0.50; 0. dots; dots 7. 7 dots"  # controls, words, picture
    assert lab.surface.picture == lab.painter.png(lab.state, lab.result) != first


def test_set_computes_and_shows_once(lab):
    shown = []
    lab.compute = lambda state: shown.append(state) or compute(state)
    assert lab.set(count=2, height=0.25) == [0.25, 0.25]
    assert shown == [State(2, 0.25, 0)]
    assert lab.controls["count"].value == 2


@pytest.mark.parametrize(
    "values, error, message",
    [
        ({"size": 3}, ValueError, "no control 'size'; there are count, height, again"),
        ({"count": 11}, ValueError, "count must lie between 1 and 10; 11 does not"),
        ({"count": True}, TypeError, "count must be a number, not True"),
        ({"count": 2.0}, TypeError, "count must be a whole number, not 2.0"),
        ({"again": -1}, ValueError, "again must lie between 0"),
        ({"height": float("nan")}, ValueError, "height must lie between 0 and 1; nan does not"),
        ({"height": "tall"}, TypeError, "height must be a number, not 'tall'"),
        ({"height": 0.95}, ValueError, "at most 0.9"),
        ({"count": 4, "height": 0.85}, ZeroDivisionError, "division"),
    ],
)
def test_set_raises_and_leaves_everything_as_it_was(lab, values, error, message):
    state, picture = lab.state, lab.surface.picture
    with pytest.raises(error, match=message):
        lab.set(**values)
    assert lab.state == state
    assert lab.surface.picture == picture
    assert {name: widget.value for name, widget in lab.controls.items()} == vars(state)


def test_where_a_part_cannot_follow_everything_stays_as_it_was():
    class Fussy(Part):
        def shown(self, laboratory):
            if laboratory.state.turns == 3:
                raise ValueError("not three")

    lab = pointed(Fussy())
    lab.set(turns=2)
    shown = lab.surface.picture
    with pytest.raises(ValueError, match="not three"):
        lab.set(turns=3)
    assert lab.state.turns == lab.controls["turns"].value == 2 and lab.surface.picture == shown
    assert lab.set(turns=4) == [0.5] * 5


@pytest.mark.parametrize(
    "values, error, message",
    [
        ({"size": 3}, TypeError, "Laboratory has no size; it has count, height, again"),
        ({"count": 0}, ValueError, "count must lie between 1 and 10; 0 does not"),
        ({"height": "0,5"}, TypeError, "height must be a number, not '0,5'"),
    ],
)
def test_a_laboratory_refuses_what_it_cannot_begin_with(values, error, message):
    with pytest.raises(error, match=message):
        Laboratory(State, compute, Dots(), initial=values)


@pytest.mark.parametrize(
    "checked, good, bad, message",
    [
        (real, 0.5, math.nan, "it must be a number, not nan"),
        (whole, 3, 3.5, "it must be a whole number, not 3.5"),
        (point, (1, 2.5), (1, math.inf), r"it must be two finite numbers, not \(1, inf\)"),
        (point, (1, 2.5), ("a", "b"), "it must be two finite numbers"),
        (point, (0, 0), (1, 2, 3), "it must be two finite numbers"),
        (optional(point), None, 0, "it must be two finite numbers, not 0"),
        (made_of(State), State(), "a state", "it must be of the kind State, not 'a state'"),
        (made_of(State, many=True), (State(),), State(), r"it must be of the kind tuple\[State, ...\], not"),
        (made_of(State, many=True), (), (1,), r"it must be of the kind tuple\[State, ...\], not \(1,\)"),
    ],
)
def test_what_has_no_control_is_checked_too(checked, good, bad, message):
    @dataclass(frozen=True)
    class Hiding:
        it: object = hidden(good, checked)

    lab = Laboratory(Hiding, lambda state: [0.5], Dots())
    picture = lab.surface.picture
    for refused in (
        lambda: Laboratory(Hiding, lambda state: [], Dots(), initial={"it": bad}),
        lambda: lab.set(it=bad),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            refused()
    assert lab.state.it == good
    assert lab.surface.picture == picture


def test_numpys_numbers_are_numbers(lab):
    lab.set(count=np.int64(4), height=np.float32(0.25))
    assert lab.state == State(4, 0.25) and type(lab.state.count) is int


@dataclass(frozen=True)
class Choices:
    start: str = choice("start", {"a": "first", "b": "second"}, "a")
    exact: bool = choice("exact", {True: "yes", False: "no"}, True)
    ways: int = whole_slider("ways", 3, 2, 20)


def test_choices_have_identifiers_and_labels_and_name_what_is_allowed():
    lab = Laboratory(Choices, lambda state: [0.1] * state.ways, Dots())
    assert lab.controls["start"].options == (("first", "a"), ("second", "b"))
    for values, message in (
        ({"start": "first"}, "start must be one of 'a', 'b', not 'first'"),
        ({"exact": 1}, "exact must be one of True, False, not 1"),
    ):
        with pytest.raises(ValueError, match=message):
            lab.set(**values)


def test_limits_may_depend_on_the_state_and_bring_a_new_slider():
    most = {"a": 5, "b": 12}
    lab = Laboratory(
        Choices,
        lambda state: [0.1] * state.ways,
        Dots(),
        allowed={"ways": lambda state: (2, most[state.start])},
        follow=lambda before, after: replace(after, ways=min(after.ways, most[after.start])),
    )
    old = lab.controls["ways"]
    with pytest.raises(ValueError, match="ways must lie between 2 and 5; 7 does not"):
        lab.set(ways=7)
    with pytest.raises(ValueError, match="start must be one of 'a', 'b', not 'c'"):
        lab.set(start="c", ways=7)
    from_browser(lab.controls["start"], index=1)
    new = lab.controls["ways"]
    assert new is not old and (new.min, new.max) == (2, 12) and new in lab.box.children[0].children
    from_browser(new, value=11)
    assert lab.state == Choices("b", True, 11)
    lab.set(start="a")
    assert lab.state.ways == lab.controls["ways"].value == 5 and lab.controls["ways"].max == 5


def test_one_control_moves_another_in_one_picture(lab):
    shown = []
    lab = Laboratory(
        State, compute, Dots(), follow=lambda before, after: replace(after, height=0.05 * after.count)
    )
    lab.surface.observe(lambda change: shown.append(change.new), "changes")
    from_browser(lab.controls["count"], value=6)
    assert lab.controls["height"].value == lab.state.height == pytest.approx(0.3)
    assert len(shown) == 1


def test_an_error_in_the_browser_is_one_sentence_and_the_picture_stays(lab):
    picture = lab.surface.picture
    from_browser(lab.controls["height"], value=0.95)
    assert (lab.surface.message, lab.surface.failed) == ("height must be at most 0.9", True)
    assert lab.surface.picture == picture
    from_browser(lab.controls["height"], value=0.85)
    assert lab.surface.message == "ZeroDivisionError: division by zero"
    from_browser(lab.controls["height"], value=0.5)
    assert (lab.surface.message, lab.surface.failed) == ("", False)


def test_an_error_from_python_is_raised_too(lab):
    with pytest.raises(ValueError, match="at most"):
        lab.controls["height"].value = 0.95
    assert lab.surface.failed


def test_what_set_asks_for_stands_whatever_follows():
    lab = Laboratory(
        State, compute, Dots(), follow=lambda before, after: replace(after, height=0.05 * after.count)
    )
    lab.set(count=6, height=0.5)  # as high as it is already
    assert lab.state == State(6, 0.5)
    lab.set(count=7)
    assert lab.state.height == pytest.approx(0.35)


def test_a_control_that_is_moved_while_a_picture_is_shown_again_keeps_its_move():
    """JupyterLab hands a widget's messages to another thread than that of the idle work."""
    play = Play("count", "play")
    lab = Laboratory(State, compute, Dots(), on=[play])
    for widget, value in ((lab.controls["count"], 7), (play.play, 8)):
        with lab.lock:
            mover = threading.Thread(target=from_browser, args=[widget], kwargs={"value": value})
            mover.start()
            while widget.value != value:
                time.sleep(0.001)
            lab.refresh()
            assert widget.value == value
        mover.join()
        assert lab.state.count == lab.controls["count"].value == play.play.value == value


def test_a_state_that_is_asked_for_while_another_is_computed_wins(lab):
    def changing(state):
        if state.count == 4:
            lab.go(replace(state, count=5))
        return compute(state)

    lab.compute = changing
    lab.set(count=4)
    assert len(lab.result) == 5
    assert lab.surface.alt.endswith(" 5 dots") and lab.controls["count"].value == 5


def test_the_counter_counts(lab):
    lab.controls["again"].button.click()
    assert lab.state.again == 1
    assert lab.controls["again"].number.value == "1"


def test_log_slider_takes_its_ends_and_keeps_six_digits():
    @dataclass(frozen=True)
    class Log:
        alpha: float = log_slider("α", 0.01, 1e-4, 1.0)

    lab = Laboratory(Log, lambda state: [state.alpha], Dots())
    for value in (1e-4, 1.0, 10**-0.525):
        lab.set(alpha=value)
        assert lab.state.alpha == lab.controls["alpha"].value == float(f"{value:.6g}")
    with pytest.raises(ValueError, match="between 0.0001 and 1; 2 does not"):
        lab.set(alpha=2)
    from_browser(lab.controls["alpha"], value=0.30000000000000004)
    assert lab.state.alpha == 0.3


def test_mime_bundle_has_the_view_a_still_picture_and_words(lab):
    data, _metadata = DisplayFormatter().format(lab)
    assert data[VIEW_MIME]["model_id"] == lab.box.model_id
    still = with_words(lab.painter.pixels(lab.state, lab.result), lab.painter.words(lab.state, lab.result))
    assert data["text/html"] == picture(still, lab.surface.alt, 400) and still != lab.surface.picture
    assert data["text/plain"] == lab.surface.alt != ""
    own, _metadata = DisplayFormatter().format(lab.surface)
    assert own[VIEW_MIME]["model_id"] == lab.surface.model_id
    assert own["text/html"] == picture(lab.surface.picture, lab.surface.alt, 400)


def test_resolution_follows_the_screen(lab):
    small = lab.surface.picture
    from_browser(lab.surface, resolution=2.0)
    assert len(lab.surface.picture) > len(small)
    assert lab.painter.pixels(lab.state, lab.result).shape[:2] == (400, 800)


def test_surface_reports_events_and_takes_focus_only_then():
    surface, seen = Surface(), []
    assert not surface.interactive
    surface.on_pointer(seen.append)
    surface.on_key(seen.append)
    assert surface.interactive
    surface._handle_custom_msg({"kind": "down", "x": 0.25, "y": 1, "device": "touch", "id": "a"}, [])
    surface._handle_custom_msg({"kind": "key", "key": "Home", "shift": True, "id": "b"}, [])
    assert seen == [PointerEvent("down", 0.25, 1, device="touch"), KeyEvent("Home", shift=True)]


def test_surface_shows_a_callbacks_error_to_the_browser_and_raises_it_from_python():
    surface, sent = Surface(), []
    surface.send = sent.append

    def refuse(event):
        raise ValueError("not here")

    surface.on_pointer(refuse)
    surface._handle_custom_msg({"kind": "move", "x": 0, "y": 0, "id": "view:1"}, [])
    assert (surface.message, surface.failed) == ("not here", True)
    assert sent == [{"answered": "view:1"}], "an unanswered move would stop all moves"
    with pytest.raises(ValueError, match="not here"):
        surface.pointer("down", 0.5, 0.5)


def test_strokes_are_undone_and_cleared():
    surface = Surface(drawing=True, strokes=[[(0, 0), (1, 1)], [(0.5, 0.5)]])
    surface.undo()
    assert surface.strokes == [[(0, 0), (1, 1)]]
    surface.clear()
    assert surface.strokes == []


# Parts
@dataclass(frozen=True)
class Point:
    x: float = hidden(0.5, real)
    turns: int = whole_slider("turns", 0, 0, 5)


def pointed(*parts, **options):
    return Laboratory(Point, lambda state: [state.x] * (state.turns + 1), Dots(), on=parts, **options)


def test_a_drag_takes_hold_pulls_and_lets_go():
    def grab(view, x, y):
        return x - view.state.x if abs(x - view.state.x) < 0.1 else None

    lab = pointed(Drag(grab, lambda view, held, x, y: replace(view.state, x=round(x - held, 6))))
    assert lab.surface.interactive and not lab.surface.hover
    lab.surface.pointer("down", 0.9, 0.5, pressed=True)
    lab.surface.pointer("move", 0.95, 0.5, pressed=True)
    assert lab.state.x == 0.5, "nothing was there to take hold of"
    lab.surface.pointer("down", 0.55, 0.5, pressed=True)
    assert lab.state.x == 0.5, "it does not jump under the pointer"
    lab.surface.pointer("move", 0.65, 0.5, pressed=True)
    assert lab.state.x == 0.6
    lab.surface.pointer("up", 0.75, 0.5)
    assert lab.state.x == 0.7, "“up” carries the last position"
    lab.surface.pointer("move", 0.2, 0.5, pressed=True)
    assert lab.state.x == 0.7


def test_touch_and_keys_move_the_state_and_errors_are_said():
    def pressed(view, event):
        if event.key == "Delete":
            raise ValueError("nothing to delete")
        return replace(view.state, x=0.25) if event.key == "Home" else None

    lab = pointed(Touch(lambda view, x, y: replace(view.state, x=x), hover=True), Keys(pressed))
    lab.surface._handle_custom_msg({"kind": "move", "x": 0.75, "y": 0, "id": "a"}, [])
    assert lab.state.x == 0.75 and lab.surface.hover
    lab.surface.key("Home")
    assert lab.state.x == 0.25
    shown = lab.surface.picture
    lab.surface.key("x")
    lab.surface._handle_custom_msg({"kind": "key", "key": "Delete", "id": "b"}, [])
    assert (lab.surface.message, lab.surface.failed) == ("nothing to delete", True)
    assert lab.surface.picture is shown
    with pytest.raises(ValueError, match="nothing to delete"):
        lab.surface.key("Delete")


def test_buttons_do_what_they_say_or_say_why_not():
    def full(view):
        if view.state.turns == 5:
            raise ValueError("that was the last turn")
        return replace(view.state, turns=view.state.turns + 1)

    buttons = Buttons(
        {"turn": (lambda state: f"turn {state.turns + 1}", full), "rest": ("rest", lambda view: None)}
    )
    lab = pointed(buttons, initial={"turns": 4})
    assert [one.description for one in buttons.buttons.values()] == ["turn 5", "rest"]
    buttons.buttons["rest"].click()
    buttons.buttons["turn"].click()
    assert buttons.buttons["turn"].description == "turn 6"
    assert lab.state.turns == 5 == lab.controls["turns"].value
    buttons.buttons["turn"].click()
    assert (lab.surface.message, lab.surface.failed) == ("that was the last turn", True)


@dataclass(frozen=True)
class Written:
    strokes: tuple = hidden((), made_of(tuple, many=True))


def test_a_pad_and_the_state_have_the_same_strokes():
    def count(state):
        if len(state.strokes) > 2:
            raise ValueError("two strokes at most")
        return [0.5] * len(state.strokes)

    pad = Pad("strokes", lambda view, event: Written() if event.key == "Delete" else 1 / 0, "the pad", 100)
    lab = Laboratory(Written, count, Dots(), on=[pad])
    one, two = [[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.5]]
    from_browser(pad.surface, strokes=[one, two])
    assert lab.state.strokes == (((0.1, 0.2), (0.3, 0.4)), ((0.5, 0.5),)) and lab.result == [0.5, 0.5]
    from_browser(pad.surface, strokes=[one, two, one])
    assert (lab.surface.message, lab.surface.failed) == ("two strokes at most", True)
    assert pad.surface.strokes == [one, two], "what was refused goes off the paper"
    lab.set(strokes=(((0.1, 0.2), (0.3, 0.4)),))
    assert pad.surface.strokes == [one]
    pad.surface.key("Enter")
    assert lab.surface.message.startswith("ZeroDivisionError") and pad.surface.message == ""
    pad.surface.key("Delete")
    assert pad.surface.strokes == [] and lab.result == []


def test_playing_moves_the_control_as_far_as_it_may():
    play = Play("turns", "play", last=lambda state: 3 if state.x < 0.7 else 5)
    lab = pointed(play)
    assert (play.play.value, play.play.max) == (0, 3)
    from_browser(play.play, value=2)
    assert lab.state.turns == 2
    lab.set(x=0.75)
    assert play.play.max == 5
    lab.set(turns=4)
    assert play.play.value == 4


class Sum:
    """Adds up slowly: four pieces for each state."""

    def __init__(self):
        self.done = {}

    def work(self, state, seconds):
        self.done[state] = 4 if seconds == math.inf else self.done.get(state, 0) + 1
        return self.done[state] < 4


def test_idle_work_is_shown_as_it_grows_and_begins_anew_for_another_state():
    found = Sum()
    idle = Idle(found.work)

    async def watched():
        lab = Laboratory(Point, lambda state: [found.done.get(state, 0)], Dots(), on=[idle])
        assert lab.result == [0] and idle.is_running
        while idle.is_running:
            await asyncio.sleep(0.001)
        assert lab.result == [4]
        lab.set(x=0.75)
        assert lab.result == [0] and idle.is_running
        while idle.is_running:
            await asyncio.sleep(0.001)
        assert lab.result == [4]

    asyncio.run(watched())


def test_idle_work_does_not_wipe_out_why_something_was_refused():
    found = Sum()
    idle = Idle(found.work)

    def compute(state):
        if state.turns == 4:
            raise ValueError("not four turns")
        return [found.done.get(state, 0)]

    async def watched():
        lab = Laboratory(Point, compute, Dots(), on=[idle])
        from_browser(lab.controls["turns"], value=4)
        while idle.is_running:
            await asyncio.sleep(0.001)
        assert lab.result == [4]
        assert (lab.surface.message, lab.surface.failed) == ("not four turns", True)
        from_browser(lab.controls["turns"], value=0)
        assert (lab.surface.message, lab.surface.failed) == ("", False)

    asyncio.run(watched())


def test_idle_work_is_not_begun_for_what_is_complete():
    found, pieces = Sum(), []
    idle = Idle(lambda state, seconds: pieces.append(state) or found.work(state, seconds), lambda r: r == [4])

    async def watched():
        found.done[Point()] = 4
        lab = Laboratory(Point, lambda state: [found.done.get(state, 0)], Dots(), on=[idle])
        assert lab.result == [4] and not idle.is_running
        lab.set(x=0.75)
        lab.set(x=0.5)  # before the first piece
        while idle.is_running:
            await asyncio.sleep(0.001)
        assert not pieces

    asyncio.run(watched())


def test_where_no_loop_runs_the_work_can_be_finished_at_once():
    found = Sum()
    idle = Idle(found.work)
    lab = Laboratory(Point, lambda state: [found.done.get(state, 0)], Dots(), on=[idle])
    assert lab.result == [0] and not idle.is_running
    assert idle.finish(lab) == lab.result == [4]


def test_background_work_that_fails_is_said():
    async def failing():
        lab = pointed()
        work = Background(lambda laboratory: 1 / 0)
        work.start(lab)
        while work.is_running:
            await asyncio.sleep(0.001)
        return lab.surface

    surface = asyncio.run(failing())
    assert (surface.message, surface.failed) == ("ZeroDivisionError: division by zero", True)
