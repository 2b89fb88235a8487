"""Surface and laboratory without a browser: state, errors, what is shown where no kernel runs."""

import base64

import pytest
from IPython.core.formatters import DisplayFormatter
from test_lab_picture import Dots

from metalib.lab import KeyEvent, Laboratory, PointerEvent, Surface, controls
from metalib.lab.surface import VIEW_MIME


def compute(count, height, again):
    if height > 0.9:
        raise ValueError("height must be at most 0.9")
    if height > 0.8:
        return 1 / 0
    return [height] * count


@pytest.fixture
def lab():
    return Laboratory(
        compute,
        Dots(),
        {
            "count": controls.whole_slider("count", 3, 1, 10),
            "height": controls.slider("height", 0.5, 0.0, 1.0),
            "again": controls.Counter("again"),
        },
    )


def from_browser(widget, **state):
    """What the browser sends when a control is moved."""
    widget.set_state(state)


def test_a_control_draws_the_new_state(lab):
    first = lab.surface.picture
    from_browser(lab.controls["count"], value=7)
    assert lab.result == [0.5] * 7
    assert lab.surface.alt == "7 dots"
    assert lab.surface.picture == lab.picture.png(lab.result) != first


def test_set_draws_once(lab):
    drawn = []
    lab.compute = lambda **state: drawn.append(state) or compute(**state)
    assert lab.set(count=2, height=0.25) == [0.25, 0.25]
    assert drawn == [{"count": 2, "height": 0.25, "again": 0}]


@pytest.mark.parametrize(
    "values, error, message",
    [
        ({"size": 3}, ValueError, "no control 'size'; there are count, height, again"),
        ({"count": 11}, ValueError, "count must lie between 1 and 10; 11 does not"),
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


def test_choices_name_what_is_allowed():
    with pytest.raises(ValueError, match="start must be one of 'a', 'b', not 'c'"):
        controls.assign("start", controls.choice("start", ["a", "b"], "a"), "c")


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


def test_a_state_that_changes_while_it_is_drawn_ends_with_the_newest(lab):
    def changing(count, height, again):
        if count == 4:
            lab.controls["count"].value = 5
        return [height] * count

    lab.compute = changing
    lab.set(count=4)
    assert len(lab.result) == 5
    assert lab.surface.alt == "5 dots"


def test_the_counter_counts(lab):
    lab.controls["again"].button.click()
    assert lab.state["again"] == 1
    assert lab.controls["again"].number.value == "1"


def test_log_slider_takes_its_ends():
    slider = controls.log_slider("α", 0.01, 1e-4, 1.0)
    for value in (1e-4, 1.0):
        controls.assign("alpha", slider, value)
        assert slider.value == pytest.approx(value)
    with pytest.raises(ValueError, match="between 0.0001 and 1; 2 does not"):
        controls.assign("alpha", slider, 2)


def test_mime_bundle_has_the_view_a_still_picture_and_words(lab):
    data, metadata = DisplayFormatter().format(lab)
    assert data[VIEW_MIME]["model_id"] == lab.box.model_id
    assert base64.b64decode(data["image/png"]) == lab.surface.picture
    assert data["text/plain"] == metadata["image/png"]["alt"] == "3 dots"
    own, _metadata = DisplayFormatter().format(lab.surface)
    assert own[VIEW_MIME]["model_id"] == lab.surface.model_id
    assert own["image/png"] == data["image/png"]


def test_resolution_follows_the_screen(lab):
    small = lab.surface.picture
    from_browser(lab.surface, resolution=2.0)
    assert len(lab.surface.picture) > len(small)
    assert lab.picture.pixels(lab.result).shape[:2] == (400, 800)


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
