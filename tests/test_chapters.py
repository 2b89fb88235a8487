"""The chapters that learners open: in step with their sources, and each runs, anywhere, in any order.

Every chapter is executed twice: once by nbval in a fresh kernel (the text of the cells that are tagged
`nbval-check-output` is compared), and once in a kernel where it is run through and then run again, the second
time with the exercises' solutions in place of the stubs. All tests look at these two executions.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from markdown_it import MarkdownIt

from metalib import exercises, use_language
from metalib.i18n import _

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from notebooks import SAME_EVERYWHERE, WIDGET, Measured, execute, make_stable, text_of  # noqa: E402

import chapters  # noqa: E402

SOURCE = ROOT / "chapters" / "source"
NAMES = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.md"))
PEAK_MB = 1000
# What Python, IPython, Jupyter and matplotlib themselves may leave in a home folder
OTHERS_FILES = (".ipython", ".jupyter", ".local/share/jupyter", ".cache/matplotlib", ".config/matplotlib")

each_chapter = pytest.mark.parametrize("name", NAMES)


@contextmanager
def language_of(name):
    """Speak the language of the chapter `name`, "03_maml" or "zh/03_maml"."""
    use_language(name.rpartition("/")[0] or "en")
    try:
        yield
    finally:
        use_language("en")


def notebook(name):
    return nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)


# Without running


@each_chapter
def test_source_and_notebook_are_in_step(name):
    assert chapters.check(ROOT, [name]) == [], "run `make chapters`"


def test_no_notebook_without_source_and_the_table_is_up_to_date():
    assert chapters.check(ROOT) == [], "run `make chapters`"


@each_chapter
def test_notebook_has_no_volatile_parts(name):
    cells = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", [])
            assert WIDGET not in output.get("data", {})
            assert "\r" not in output.get("text", "")


@each_chapter
def test_no_asterisk_is_shown_where_emphasis_was_meant(name):
    """What JupyterLab, the handout and the site read by CommonMark's rules, which know no Chinese."""
    read = MarkdownIt("commonmark", {"html": True}).enable("table")
    for cell in notebook(name).cells:
        if cell.cell_type == "markdown":
            words = re.sub(r"\$\$.+?\$\$|\$[^$]+\$", "x", cell.source, flags=re.DOTALL)
            inside = [child for token in read.parse(words) for child in token.children or ()]
            assert not [each.content for each in inside if each.type == "text" and "*" in each.content]


@each_chapter
def test_every_figure_and_widget_has_a_text_where_no_kernel_runs(name):
    for cell in notebook(name).cells:
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                assert output.data.get("text/plain", "").strip(), cell.source[:80]


@each_chapter
def test_no_picture_shows_a_box_for_a_character(name):
    for cell in notebook(name).cells:
        for output in cell.get("outputs", []):
            assert "missing from font" not in output.get("text", ""), "run `python tools/font.py`"


# Running


@dataclass
class Ran:
    """What two executions of a chapter left behind."""

    nbval: subprocess.CompletedProcess
    first: list  # code cells, run in order in a fresh kernel
    second: list  # the same cells, run again in that kernel, with solutions for stubs
    measured: Measured
    changed: list[str]  # files of the working tree
    left_at_home: list[str]


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """ran(name): executes a chapter when it is first asked for."""
    results = {}

    def get(name):
        if name not in results:
            results[name] = run(name, tmp_path_factory.mktemp(name.replace("/", "_")))
        return results[name]

    return get


def run(name, folder) -> Ran:
    home = folder / "home"
    home.mkdir()
    env = {
        **SAME_EVERYWHERE,
        **{"HOME": str(home), "USERPROFILE": str(home), "METALIB_PROGRESS": str(folder / "progress")},
        **{"XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""},
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    before = tree()
    # Beside each other: most machines have two cores, and these runs are most of the tests' time.
    nbval = start_nbval(ROOT / "chapters" / f"{name}.ipynb", env)

    again = {"METALIB_PROGRESS": str(folder / "progress-2")}
    first, second = notebook(name), notebook(name)
    with language_of(name):
        for cell in second.cells:
            if "exercise-stub" in cell.metadata.get("tags", []):
                cell.source = exercises.get(cell.metadata["exercise"]).solution_text
    try:
        measured = execute(first, second, cwd=(ROOT / "chapters" / name).parent, env={**env, **again})
    finally:
        said, _nothing = nbval.communicate()
    for executed in (first, second):
        make_stable(executed)
    after = tree()
    return Ran(
        subprocess.CompletedProcess(nbval.args, nbval.returncode, said),
        *([cell for cell in executed.cells if cell.cell_type == "code"] for executed in (first, second)),
        measured,
        sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)),
        sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()),
    )


def start_nbval(path, env):
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"} | env
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "--no-header"]
    # Of a prediction the words are compared, not the pictures that its HTML holds.
    command += [f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval.cfg'}"]
    command += ["--nbval-cell-timeout=600", "-p", "no:cacheprovider", str(path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


def tree() -> dict[str, tuple]:
    """Every file of the working tree with its size and time; not what Python and git keep for themselves."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            f for f in folders if f != "__pycache__" and (not f.startswith(".") or f == ".ipynb_checkpoints")
        ]
        for file in files:
            path = Path(folder, file)
            state = path.stat()
            found[path.relative_to(ROOT).as_posix()] = (state.st_size, state.st_mtime_ns)
    return found


@pytest.mark.chapters
@each_chapter
def test_runs_in_a_fresh_kernel_and_marked_outputs_are_the_same(name, ran):
    nbval = ran(name).nbval
    assert nbval.returncode == 0, nbval.stdout[-8000:]


@pytest.mark.chapters
@each_chapter
def test_memory_is_bounded(name, ran):
    # over both passes, so a little stricter than what a learner's single run needs
    assert 0 < ran(name).measured.peak_mb < PEAK_MB


@pytest.mark.chapters
@each_chapter
def test_run_again_in_the_same_kernel_it_says_the_same(name, ran):
    for first, second in zip(ran(name).first, ran(name).second, strict=True):
        shows_progress = "exercise-check" in first.metadata.get("tags", []) or "board()" in first.source
        if not shows_progress:
            assert text_of(first) == text_of(second), first.source


@pytest.mark.chapters
@each_chapter
def test_untouched_exercises_are_green_and_the_solutions_pass_in_the_notebook(name, ran):
    with language_of(name):
        untouched, passed = _("Not attempted yet."), _("Passed.")
    for first, second in zip(ran(name).first, ran(name).second, strict=True):
        if "exercise-check" in first.metadata.get("tags", []):
            assert untouched in text_of(first), first.source
            assert passed in text_of(second), first.source


@pytest.mark.chapters
@each_chapter
def test_writes_nothing_outside_cache_and_progress(name, ran):
    assert ran(name).changed == []
    assert [file for file in ran(name).left_at_home if not file.startswith(OTHERS_FILES)] == []
