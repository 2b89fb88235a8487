"""Everything shows itself in one way: alive on Colab too, and every picture with words."""

import ast
import io
import re
from pathlib import Path
from types import SimpleNamespace

import colab
import numpy as np
import pytest
import torch
import toy_exercises
from chapter_code import SOURCES
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure
from pictures import pictures
from PIL import Image

from metalib import MAML, SineTasks, Training, exercises, lab, look, notebook
from metalib.lab import Laboratory, SineLaboratory, Surface, TrainingLaboratory
from metalib.lab.png import encode_png
from metalib.models import sine_net

METALIB = Path(notebook.__file__).parent
PNG = encode_png(np.full((20, 40, 4), 255, np.uint8))


def surface():
    made = Surface(width=200, height=100)
    made.show(PNG, "a white <field>")
    return made


def training():
    learner = MAML(sine_net())
    return TrainingLaboratory(Training(learner, SineTasks(5, 5), torch.Generator(), meta_batch=2), 10)


def prediction(answer=None):
    values = {"before": 2, "step": 1.0, "stepped": torch.tensor(1.0)}
    return exercises.Prediction(toy_exercises.CHAPTER.predictions[0], [answer or figure()], values)


def figure():
    made = look.figure(4, 3, alt='a line that "rises"')
    made.subplots().plot([1, 2])
    return made


# What shows a widget, by the class that says how, and examples. All laboratories show themselves alike.
ALIVE = {
    "Surface": [surface],
    "Laboratory": [lambda: SineLaboratory({"one": sine_net()}), training],
    "Quiz": [lambda: exercises.get("03/quiz"), lambda: exercises.get("13/quiz")],
    "Prediction": [prediction],
    "QuestionsView": [lambda: exercises.get("03/quiz").view()],
}
STILL = {"CourseFigure": [figure]}


def test_nothing_that_shows_itself_is_missing_here():
    """A new class with a MIME bundle, or a new kind of widget, needs an example above."""
    found = set()
    for file in METALIB.rglob("*.py"):
        text = file.read_text("utf-8")
        assert file.name == "notebook.py" or "vnd.jupyter" not in text, f"{file.name}: by metalib.notebook"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                own = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                if own & {"_repr_mimebundle_", "_ipython_display_", "_repr_png_"} or "AnyWidget" in bases:
                    found.add(node.name)
    assert found == ALIVE.keys() | STILL.keys()


def test_chapters_show_laboratories_of_this_kind_only():
    text = "\n".join(file.read_text("utf-8") for file in SOURCES.glob("*.md"))
    used = [getattr(lab, name) for name in lab.__all__ if re.search(rf"\b{name}\b", text)]
    assert len(used) >= 14
    for made in used:
        assert made in (Surface, Laboratory) or made._repr_mimebundle_ is Laboratory._repr_mimebundle_
    assert not re.search(r"^ *(import|from) (ipywidgets|anywidget)", text, re.MULTILINE)


@pytest.mark.parametrize("make", [each for examples in ALIVE.values() for each in examples])
def test_every_widget_is_alive_on_colab(make, monkeypatch):
    colab.pretend(monkeypatch)
    shown = make()
    data, metadata = DisplayFormatter().format(shown)
    assert colab.is_alive(data, metadata)
    assert data["text/plain"] and not any(mime.startswith("image/") for mime in data)


def test_elsewhere_there_is_nothing_of_colab():
    data, metadata = DisplayFormatter().format(surface())
    assert metadata == {} and not colab.is_alive(data, metadata)


def test_a_picture_has_its_words_its_size_and_fits_its_column():
    (one,) = pictures(notebook.picture(PNG, 'a "<b>"'))
    assert one["alt"] == 'a "<b>"' and (one["width"], one["height"]) == ("40", "20")
    assert "max-width: 100%" in one["style"] and "height: auto" in one["style"]
    (wide,) = pictures(notebook.picture(PNG, "wide", 200))
    assert (wide["width"], wide["height"]) == ("200", "100")


@pytest.mark.parametrize("make", [surface, training, prediction, figure])
def test_every_picture_has_words_and_is_there_once(make):
    data, _metadata = DisplayFormatter().format(make())
    found = pictures(data["text/html"])
    assert found and all(one["alt"].strip() for one in found)
    assert data.keys() <= {"text/html", "text/plain", notebook.VIEW_MIME}


def test_matplotlibs_inline_backend_adds_no_second_picture(monkeypatch):
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    select_figure_formats(shell, {"png", "svg"})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    theirs = Figure()
    theirs.add_subplot()
    assert "image/png" in shell.display_formatter.format(theirs)[0]
    data, _metadata = shell.display_formatter.format(figure())
    assert data.keys() == {"text/html", "text/plain"}
    assert pictures(data["text/html"])[0]["alt"] == data["text/plain"] == 'a line that "rises"'


def test_a_predictions_own_words_stand_for_its_figures():
    """The content's words for a picture go before the figure's, and each picture takes the next."""
    buffer = io.BytesIO()
    Image.new("RGB", (30, 10)).save(buffer, "png")
    for answer in (figure(), Figure(), Image.open(buffer), surface()):
        data, _metadata = prediction(answer)._repr_mimebundle_()
        (one,) = pictures(data["text/html"])
        assert one["alt"] == "A parabola with two points, at θ = 2 and at θ = 1.00."
        assert one["alt"] in data["text/plain"]
