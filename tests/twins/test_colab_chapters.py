"""Every chapter as on Colab: versions, `google.colab`, the setup cell, and a learner who tries everything.

The setup cell finds no metalib and installs it, from an archive of this working tree in place of the
published one. Then the chapter runs, and in its own kernel `learner.py` moves every control, presses every
key and button, drags, writes, and gives every answer to every question.
"""

import json
import os
import re

import nbformat
import pytest
from twin import HERE, ROOT

from metalib import lab
from tools.notebooks import WIDGET, execute, make_stable, text_of

SOURCE = ROOT / "chapters" / "source"
NAMES = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.md"))
# What takes longest begins first, so that two workers end together.
LONGEST = ["09", "08", "07", "12", "10", "05", "13"]
NAMES.sort(key=lambda name: [*LONGEST, name[:2]].index(name[:2]))
ADDRESS = re.compile(r"(?:git\+)?https://\S+")
PLACE = "site-packages"
MADE = re.compile(r"\b(\w+Laboratory)\(")


def test_every_laboratory_is_in_a_chapter():
    kinds = {name for name in lab.__all__ if name.endswith("Laboratory")} - {"Laboratory"}
    assert len(kinds) >= 14
    assert kinds == {kind for path in SOURCE.glob("*.md") for kind in MADE.findall(path.read_text("utf-8"))}


@pytest.mark.chapters
@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_runs_and_everything_in_it_can_be_used(name, colab, archive, wheel, tmp_path):
    chapter = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4)
    built = [cell.copy() for cell in chapter.cells if cell.cell_type == "code"]
    # What pip makes of the archive is made once; only one chapter takes the whole way.
    install_from(chapter, archive if name == "00_start_here" else wheel, tmp_path / PLACE)
    chapter.cells.append(nbformat.v4.new_code_cell(TRIAL))
    execute(chapter, cwd=tmp_path, env=like_colab(tmp_path), kernel=colab.kernel())

    *ran, trial = [cell for cell in chapter.cells if cell.cell_type == "code"]
    assert [output.output_type for output in trial.outputs] == ["stream"], trial.outputs
    report = json.loads(trial.outputs[0].text)
    print(name, report)  # pytest shows it where something is wrong
    assert report["metalib"].startswith(str(tmp_path)), "metalib is not the one that the setup cell installed"
    everything_was_used(ran, report)
    shown_as_on_colab(ran, report["manager"])
    make_stable(chapter)
    for before, after in zip(built, ran, strict=True):
        if "nbval-check-output" in before.metadata.get("tags", []):
            assert text_of(after) == text_of(before), before.source


TRIAL = """\
import json
import learner, metalib
from google.colab.output import MANAGER
used = await learner.try_everything()
print(json.dumps({"metalib": metalib.__file__, "manager": MANAGER, **used}))"""


def install_from(chapter, package, place):
    """Let the setup cell install this file, in place of what it names, beside the twin and not into it."""
    (setup,) = (cell for cell in chapter.cells if "pip install" in cell.source)
    setup.source, addresses = ADDRESS.subn(f"--target {place} {package}", setup.source)
    assert addresses == 1, setup.source


def like_colab(folder):
    """What a kernel needs in its environment to be like one of Colab's, with its files in `folder`."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (folder / PLACE).mkdir()
    (startup / "colab.py").write_text("import google.colab.output\n", "utf-8")
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (folder / PLACE, HERE, HERE / "colab"))),
        "IPYTHONDIR": str(folder / "ipython"),
        "HOME": str(folder),
        "METALIB_PROGRESS": str(folder / "progress"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a debugger that ipykernel brings along, about itself
        **{key: "" for key in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")},
    }


def everything_was_used(cells, report):
    """Each laboratory and each question that the cells show answered to all that was done with it."""
    made = sorted(kind for cell in cells for kind in MADE.findall(cell.source))
    assert sorted(one["kind"] for one in report["laboratories"]) == made
    for one in report["laboratories"]:
        assert one["wrong"] == [] and one["unmoved"] == [], one
        assert one["actions"] >= 10 and one["stills"] >= 3, one
    asked = sum(cell.source.count("exercises.predict(") for cell in cells)
    quizzes = sum("quiz" in cell.metadata.get("tags", []) for cell in cells)
    assert [one["quiz"] for one in report["questions"]].count(False) == asked
    assert [one["quiz"] for one in report["questions"]].count(True) == quizzes == 1
    for one in report["questions"]:
        assert one["answers"] >= 2 and one["opened"] and one["kept"], one


def shown_as_on_colab(cells, url):
    """Colab loads a widget of another package only where its output says from where.

    Not asked of a progress bar, which has no HTML: it is all ipywidgets', and `display` shows it, to which
    Colab adds that itself.
    """
    shown = [output for cell in cells for output in cell.outputs if WIDGET in output.get("data", {})]
    ours = [output for output in shown if "text/html" in output.data]
    assert ours
    for output in ours:
        manager = output.metadata.get(WIDGET, {}).get("colab", {}).get("custom_widget_manager", {})
        assert manager.get("url") == url, output.data["text/plain"][:200]
