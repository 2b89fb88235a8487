"""The builder, on tiny chapters in a temporary folder."""

import base64
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
import toy_exercises

from metalib import exercises

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import compose  # noqa: E402
import sources  # noqa: E402
from notebooks import WIDGET, make_stable, text_of  # noqa: E402

import chapters  # noqa: E402

HEADER = """\
---
title: {title}
minutes: 10
seconds: 5
{more}goals:
- write one inner step
- see a figure
---

"""
TOY = (
    HEADER.format(title="A toy chapter", more="before: [96_before, 98_after]\n")
    + """\
## 1 Steps

The step is $\\theta' = \\theta - \\alpha \\nabla L$.

```{{code-cell}}
from pathlib import Path

from metalib.exercises import course, probes

course.FOLDERS.append(Path("{folder}") / "content")
probes.__path__.append("{folder}/probes")
```

+++

More prose.

```{{code-cell}}
:tags: [nbval-check-output]

print("one", flush=True)
print("two")
```

```{{code-cell}}
from tqdm import tqdm
from tqdm.notebook import tqdm as notebook_tqdm

for i in notebook_tqdm(range(3)):
    pass
for i in tqdm(range(3)):
    pass
print("half", end="\\rwhole\\n")
```

```{{code-cell}}
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(2, 1))
ax.plot([0, 1], [0, 1]);
```

```{{code-cell}}
class Lab:
    def _repr_mimebundle_(self, include=None, exclude=None):
        view = {{"version_major": 2, "version_minor": 0, "model_id": str(id(self))}}
        still = {{"text/html": "<p>still</p>", "text/plain": "lab"}}
        return {{"application/vnd.jupyter.widget-view+json": view, **still}}


Lab()
```

```{{code-cell}}
from metalib import look

theta = 2.0
figure = look.figure(4, 3)
figure.add_subplot().plot([theta, 1.0], [4.0, 1.0])
exercises.predict("97/lands", figure, before=theta, step=1.0, stepped=theta - 0.25 * 2 * theta)
```

```{{code-cell}}
exercises.predict("97/steps", needed=5)
```

```{{code-cell}}
exercises.predict("97/ranking")
```

## Exercises

```{{code-cell}}
:tags: [exercise]

97/inner-step
```

```{{code-cell}}
:tags: [exercise]

97/largest-alpha
```

```{{code-cell}}
:tags: [quiz]

97/quiz
```
"""
)
AFTER = HEADER.format(title="What comes after", more="") + "## 1 End\n\n```{code-cell}\n1 + 1\n```\n"


@pytest.fixture(scope="module")
def folder():
    """The folder of chapter 97's exercises, which are the course's while this module is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exercises.course, "FOLDERS", [*exercises.course.FOLDERS, toy_exercises.CONTENT])
        exercises.course.chapters_in.cache_clear()
        yield toy_exercises.TOY
    exercises.course.chapters_in.cache_clear()


@pytest.fixture
def course(folder, tmp_path):
    return new_course(folder, tmp_path)


def new_course(folder, root):
    (root / "chapters" / "source").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\nurls.Repository = "https://github.com/owner/repo"\n'
    )
    (root / "chapters" / "source" / "97_toy.md").write_text(TOY.format(folder=folder.as_posix()), "utf-8")
    (root / "chapters" / "source" / "98_after.md").write_text(AFTER, "utf-8")
    return root


def edit(course, old, new, name="97_toy"):
    source = course / "chapters" / "source" / f"{name}.md"
    text = source.read_text("utf-8")
    assert old in text
    source.write_text(text.replace(old, new), "utf-8")


def composed(course):
    return chapters.compose(course, sources.read_all(course), [])


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


# Composing


def test_title_block_setup_and_footer_are_added(course):
    cells = by_id(composed(course)["97_toy"])
    title = cells["title"].source
    assert title.startswith("# A toy chapter\n")
    assert "https://mybinder.org/v2/gh/owner/repo/v1.2.0?labpath=chapters%2F97_toy.ipynb" in title
    assert "https://colab.research.google.com/github/owner/repo/blob/v1.2.0/chapters/97_toy.ipynb" in title
    assert "Run it in the browser: [Binder]" in title and "![" not in title, "a picture is missing offline"
    assert "- write one inner step\n- see a figure" in title
    assert "About 10 minutes to read, about 5 seconds to run." in title
    assert "Read before: 96_before, [98 What comes after](98_after.ipynb)" in title
    archive = "https://github.com/owner/repo/archive/refs/tags/v1.2.0.tar.gz"
    assert f"    %pip install --quiet --no-deps {archive}\n" in cells["setup"].source
    assert cells["setup"].source.startswith("# Run this cell first")
    assert "\nmetalib.threads.settle()  # one thread" in cells["setup"].source
    next_chapter = cells["next-chapter"].source
    assert next_chapter.startswith("**Next chapter:** [98 What comes after](98_after.ipynb)\n\n")
    assert "**Kernel → Shut Down Kernel**" in next_chapter, "chapters left open fill Binder's memory"
    assert "next-chapter" not in by_id(composed(course)["98_after"])


def test_an_exercise_becomes_statement_stub_and_check(course):
    cells = composed(course)["97_toy"].cells
    at = next(n for n, cell in enumerate(cells) if cell.id == "inner-step-statement")
    statement, stub, check = cells[at : at + 3]
    assert statement.source.startswith("### Exercise: The inner step\n\n*Difficulty 1 of 3 ●○○")
    assert stub.source == "def inner_step(theta, gradient, alpha):\n    return ...  # one step downhill"
    assert stub.metadata == {"tags": ["exercise-stub"], "exercise": "97/inner-step"}
    assert check.source.splitlines() == [
        'exercise = exercises.get("97/inner-step")',
        "# exercise.hint()",
        "# exercise.solution()",
        "exercise.check(inner_step)",
    ]


def test_citations_and_terms_lead_to_the_chapter_that_has_the_lists(course):
    shutil.copy(ROOT / "chapters" / "source" / "references.bib", course / "chapters" / "source")
    shutil.copy(ROOT / "chapters" / "source" / "glossary.toml", course / "chapters" / "source")
    edit(course, "More prose.", "The query set [@finn2017maml]. The query set.")
    plain = composed(course)["97_toy"]
    assert "The query set (Finn et al., 2017). The query set." in [cell.source for cell in plain.cells]
    edit(course, "## 1 End\n", "## 1 End\n\n```{bibliography}\n```\n\n```{glossary}\n```\n", "98_after")
    after = composed(course)
    (text,) = [cell.source for cell in after["97_toy"].cells if cell.source.startswith("The [query set](")]
    cited, met = re.findall(r'\(98_after.ipynb#([\w-]+) "', text), text.count("query set")
    assert cited == ["term-query-set", "ref-finn2017maml"] and met == 2
    # an author's cell keeps its id when its links change
    assert [cell.id for cell in after["97_toy"].cells] == [cell.id for cell in plain.cells]
    lists = [cell.source for cell in after["98_after"].cells if cell.cell_type == "markdown"][1]
    for anchor in cited:
        assert lists.count(f'<a id="{anchor}"></a>') == 1
    edit(course, "[@finn2017maml]", "[@finn2017mmal]")
    with pytest.raises(
        sources.ChapterError, match=r"^97_toy.md:\d+: references.bib has no entry 'finn2017mmal'.$"
    ):
        composed(course)


def test_ids_follow_the_content_and_are_unique(course):
    edit(course, "More prose.", "More prose.\n\n```{code-cell}\n1 + 1\n```\n\n```{code-cell}\n1 + 1\n```")
    before = composed(course)["97_toy"]
    edit(course, "More prose.", "Other prose.")
    after = composed(course)["97_toy"]
    ids = [cell.id for cell in after.cells]
    assert len(set(ids)) == len(ids)
    assert sum(a.id != b.id for a, b in zip(before.cells, after.cells, strict=True)) == 1
    nbformat.validate(after)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("minutes: 10\n", "", "the header's 'minutes' must be there"),
        ("minutes: 10\n", "minutes: ten\n", "'minutes' must be there and be of type int"),
        ("minutes: 10\n", "minutes: 10\nauthor: me\n", "unknown key 'author'"),
        ("97/inner-step", "97/iner-step", "no exercise or quiz '97/iner-step'. The nearest: 97/inner-step"),
        ("97/largest-alpha", "97/inner-step", "it asks"),
        (":tags: [quiz]\n\n97/quiz", "1", "it asks"),
        (
            'exercises.predict("97/ranking")',
            "pass",
            "it predicts ['97/lands', '97/steps'], but the chapter's",
        ),
        ('"97/ranking")', '"97/rank")', "it predicts ['97/lands', '97/rank', '97/steps'], but"),
        ('"97/ranking")', '"97/steps", needed=5)', "it predicts ['97/lands', '97/steps', '97/steps'], but"),
        (
            'exercises.predict("97/ranking")',
            'asked = exercises.predict("97/ranking")',
            "is the last line of a cell",
        ),
        (
            'exercises.predict("97/ranking")',
            'exercises.predict("97/ranking")\nprint(1)',
            "is the last line of a",
        ),
        ("look.figure(4, 3)", 'look.figure(4, 3, alt="at 1")', "has no alt text, which tells the answer"),
        ("figure.add_subplot().", 'figure.alt = "at 1"\nfigure.add_subplot().', "has no alt text"),
        ("More prose.", "# A second title", "second title"),
        ("More prose.", "```{note}\nNo.\n```", "MyST directive"),
    ],
)
def test_a_source_with_a_mistake_is_refused(course, old, new, said):
    edit(course, old, new)
    with pytest.raises(sources.ChapterError, match=re.escape(said)) as error:
        composed(course)
    assert str(error.value).startswith("97_toy.md: ")


def test_an_unknown_chapter_and_a_repository_without_badges_are_refused(course):
    with pytest.raises(sources.ChapterError, match="no chapter '55'"):
        chapters.compose(course, sources.read_all(course), ["55"])
    (course / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\nurls.Repository = "https://example.org/x"\n'
    )
    with pytest.raises(sources.ChapterError, match="need a repository on github.com"):
        composed(course)


# Outputs


def notebook_with(*outputs):
    cell = nbformat.v4.new_code_cell("cell", outputs=list(outputs))
    return nbformat.v4.new_notebook(cells=[cell])


def shown(data):
    return nbformat.v4.new_output("display_data", data=data)


def test_streams_are_joined_and_progress_bars_removed():
    def stream(name, text):
        return nbformat.v4.new_output("stream", name=name, text=text)

    notebook = notebook_with(
        stream("stdout", "a"), stream("stdout", "b\n"),
        stream("stderr", "\r 0%\r100%\n"), stream("stderr", "careful\n"),
        stream("stdout", "half\rwhole\n"), stream("stderr", "\r 0%"),
    )  # fmt: skip
    make_stable(notebook)
    outputs = [(output.name, output.text) for output in notebook.cells[0].outputs]
    assert outputs == [("stdout", "ab\n"), ("stderr", "careful\n"), ("stdout", "whole\n")]


def test_of_a_widget_the_still_picture_stays_and_a_widget_without_one_goes():
    lab = shown({WIDGET: {"model_id": "1"}, "text/html": "<p>still</p>", "text/plain": "lab"})
    notebook = notebook_with(shown({WIDGET: {"model_id": "2"}, "text/plain": "IntSlider()"}), lab)
    make_stable(notebook)
    assert [output.data for output in notebook.cells[0].outputs] == [
        {"text/html": "<p>still</p>", "text/plain": "lab"}
    ]


def test_outputs_that_differ_between_runs_or_machines_are_refused(tmp_path):
    for text in ("<function f at 0x7f0933528d60>", f"saved in {tmp_path}"):
        with pytest.raises(ValueError, match="differs between runs or machines"):
            make_stable(notebook_with(shown({"text/plain": text})), machine=(tmp_path,))
    make_stable(notebook_with(shown({"text/plain": "0x1F and /"})), machine=(Path("/"),))


def test_a_cell_tagged_volatile_keeps_no_output(tmp_path):
    notebook = notebook_with(shown({"text/plain": f"OK {tmp_path}, 3.14 s"}))
    notebook.cells[0].metadata["tags"] = ["volatile"]
    make_stable(notebook, machine=(tmp_path,))
    assert notebook.cells[0].outputs == []


# Running


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    """The toy course built once, and its text after a second build."""
    root = new_course(folder, tmp_path_factory.mktemp("course"))
    path = root / "chapters" / "97_toy.ipynb"
    assert chapters.main([], root=root) == 0
    first = path.read_text("utf-8")
    assert chapters.main(["97"], root=root) == 0
    return root, first, path.read_text("utf-8")


@pytest.mark.slow
def test_built_twice_the_notebook_is_the_same(built):
    root, first, second = built
    assert first == second
    assert chapters.check(root) == []


@pytest.mark.slow
def test_nothing_volatile_is_in_a_built_notebook(built):
    root, text, _ = built
    notebook = json.loads(text)
    assert notebook["metadata"] == compose.NOTEBOOK_METADATA
    outputs = json.dumps([cell.get("outputs") for cell in notebook["cells"]])
    assert WIDGET not in outputs and "\\r" not in outputs
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    texts = [text_of(cell) for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    assert texts[2] == "one\ntwo\n" and texts[3] == "whole\n"
    assert "<p>still</p>" in texts[5]
    assert sum("Not attempted yet." in text for text in texts) == 2
    assert (
        "<details><summary>Guess first, then open the answer</summary>" in texts[6]
        and 'alt="A parabola with two points' in texts[6]
    )
    assert 'src="data:image/png;base64,"' in texts[6], "of a picture the text of an output has nothing"
    assert "Software" not in base64.b64decode(re.search(r"base64,([\w+/=]+)", text)[1]).decode("latin1")


@pytest.mark.slow
def test_the_table_tells_what_each_chapter_costs(built):
    table = (built[0] / "chapters" / "README.md").read_text("utf-8")
    assert table.startswith("<!-- Generated")
    row = re.search(r"^\| \[97 A toy chapter\]\(97_toy.ipynb\) \| 10 \| (\d+) \| (\d+) \| 2 \|$", table, re.M)
    assert row and 50 < int(row[2]) < 3000
    assert re.search(
        r"^\| \[98 What comes after\]\(98_after.ipynb\) \| 10 \| \d+ \| \d+ \| 0 \|$", table, re.M
    )


@pytest.mark.slow
def test_check_sees_every_kind_of_drift_and_no_run_keeps_outputs(built, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(built[0], root)
    folder = root / "chapters"
    outputs = [
        cell.get("outputs") for cell in chapters.built(root, "97_toy").cells if cell.cell_type == "code"
    ]

    edit(root, "More prose.", "Other prose.")
    assert chapters.check(root) == ["chapters/97_toy.ipynb is not what its source says"]
    assert chapters.main(["--check"], root=root) == 1
    assert chapters.main(["--no-run", "97"], root=root) == 0
    assert chapters.check(root) == []
    kept = [cell.get("outputs") for cell in chapters.built(root, "97_toy").cells if cell.cell_type == "code"]
    assert kept == outputs

    edit(root, 'print("two")', 'print("three")')
    assert chapters.main(["--no-run", "97"], root=root) == 0
    assert chapters.check(root) == ["chapters/97_toy.ipynb was not run"]

    (folder / "98_after.ipynb").rename(folder / "99_stray.ipynb")
    edit(root, "minutes: 10", "minutes: 11", name="98_after")
    assert chapters.check(root)[1:] == [
        "chapters/98_after.ipynb is missing",
        "chapters/99_stray.ipynb has no source",
        "chapters/README.md is not up to date",
    ]


@pytest.mark.slow
def test_a_cell_that_shows_its_answer_beside_the_prediction_stops_the_build(built, tmp_path, capsys):
    root = tmp_path / "course"
    shutil.copytree(built[0], root)
    edit(root, 'exercises.predict("97/ranking")', 'print("0.5")\nexercises.predict("97/ranking")')
    assert chapters.main(["97"], root=root) == 1
    assert "97_toy.md: beside the prediction 97/ranking its cell shows something" in capsys.readouterr().err
    edit(root, 'print("0.5")\n', "")
    edit(root, '"97/ranking")', '"97/ranking", figure)')
    assert chapters.main(["97"], root=root) == 1
    assert "97_toy.md: 97/ranking shows 1 pictures and has an 'Alt:' for 0" in capsys.readouterr().err


@pytest.mark.slow
def test_a_failing_cell_stops_the_build_and_leaves_the_old_notebook(built, tmp_path, capsys):
    root = tmp_path / "course"
    shutil.copytree(built[0], root)
    before = (root / "chapters" / "98_after.ipynb").read_bytes()
    edit(root, "1 + 1", "1 / 0", name="98_after")
    assert chapters.main(["98"], root=root) == 1
    assert "98_after.md: " in (said := capsys.readouterr().err) and "ZeroDivisionError" in said
    edit(root, "1 / 0", "object()", name="98_after")
    assert chapters.main(["98"], root=root) == 1
    assert "prints '0x" in capsys.readouterr().err
    assert (root / "chapters" / "98_after.ipynb").read_bytes() == before
    assert not list((root / "chapters").glob("*.new"))


# The address


@pytest.mark.parametrize(("version", "ref"), [("1.0.0", "v1.0.0"), ("1.1.0.dev0", "main")])
def test_notebook_and_metalib_come_from_one_place(course, version, ref):
    """The tag of a release; the branch while there is none yet."""
    project = course / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace("1.2.0", version), "utf-8")
    cells = by_id(composed(course)["97_toy"])
    assert f"/owner/repo/{ref}?labpath=" in cells["title"].source
    assert f"/owner/repo/blob/{ref}/chapters" in cells["title"].source
    assert f"/{ref}.tar.gz\n" in cells["setup"].source


def test_another_address_alone_keeps_the_outputs(course):
    """Nobody runs that line here: a fork needs no build of everything."""
    before = composed(course)["97_toy"]
    for cell in before.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 1, []
    project = course / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace("owner/repo", "somebody/fork"), "utf-8")
    after = composed(course)["97_toy"]
    assert chapters.keep_outputs(after, before)
    edit(course, 'print("one", flush=True)', 'print("one, two")')
    assert not chapters.keep_outputs(composed(course)["97_toy"], before)
