"""A laboratory that is closed, or whose cell is run again, leaves nothing behind."""

import gc
import weakref
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
import pytest
from test_lab_picture import Dots

from metalib import lab
from metalib.lab import cells
from metalib.lab.controls import whole_slider
from metalib.lab.landscape.objectives import LANDSCAPES, optima


@dataclass(frozen=True)
class Few:
    count: int = whole_slider("count", 3, 1, 10)


def tiny():
    return lab.Laboratory(Few, lambda state: [0.5] * state.count, Dots())


def test_an_optimum_does_not_keep_the_grid_it_was_found_on():
    for place in optima(next(iter(LANDSCAPES)), 0.1, 2):
        assert place.base is None and np.isfinite(place).all()


def all_gone(*references):
    for _time in range(3):  # what has a __del__, as widgets do, goes in the round after it
        gc.collect()
    return all(reference() is None for reference in references)


def everything_open():
    """How many widgets the kernel keeps: ipywidgets 8 and 7 have their lists in other places."""
    from ipywidgets.widgets import widget

    return len(widget._instances if hasattr(widget, "_instances") else widgets.Widget.widgets)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lab.SineLaboratory,
        lab.LandscapeLaboratory,
        lab.DistanceLaboratory,
        lab.LearningCurvesLaboratory,
        lab.EpisodeLaboratory,
    ],
    ids=lambda make: make.__name__,
)
def test_a_closed_laboratory_leaves_nothing_behind(make):
    gc.collect()
    before = everything_open()
    one = make()
    references = weakref.ref(one), weakref.ref(one.picture), weakref.ref(one.surface)
    assert everything_open() > before
    one.close(), one.close()
    assert everything_open() == before
    painter = references[1]
    assert all_gone(painter), "even while the notebook keeps the laboratory as one of its outputs"
    del one
    assert all_gone(*references)


def test_a_closed_laboratory_says_so():
    one = tiny()
    one.close()
    assert "This laboratory is closed: run the cell" in one._repr_mimebundle_()[0]["text/plain"]
    with pytest.raises(ValueError, match="This laboratory is closed: run the cell"):
        one.go(one.state)


class Kernel:
    """As much of a kernel as tells which cell is running."""

    def __init__(self):
        self.cell, self.run, self.gone = "a", 0, []

    def get_parent(self, channel):
        return {
            "header": {"msg_id": str(self.run)},
            "metadata": {"cellId": self.cell, "deletedCells": self.gone},
        }


@pytest.fixture
def kernel(monkeypatch):
    kernel = Kernel()
    shell = type("Shell", (), {"kernel": kernel})()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(cells, "_made", {})
    return kernel


def is_open(laboratory):
    return "text/html" in laboratory._repr_mimebundle_()[0]


def test_a_cell_that_runs_again_closes_what_it_made_and_nothing_else(kernel):
    first, beside = tiny(), tiny()
    kernel.cell, kernel.run = "b", 1
    other = tiny()
    kernel.cell, kernel.run = "a", 2
    second = tiny()
    assert [is_open(one) for one in (first, beside, other, second)] == [False, False, True, True]
    kernel.cell, kernel.run, kernel.gone = "c", 3, ["b"]
    tiny()
    assert not is_open(other) and is_open(second)


def test_where_the_notebook_does_not_tell_nothing_is_closed(monkeypatch, kernel):
    kernel.cell = None
    one = tiny()
    kernel.run = 1
    tiny()
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    tiny()
    assert is_open(one)
