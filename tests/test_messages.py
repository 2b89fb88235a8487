"""The catalogues: in step with the code, complete, with the same gaps, compiled by the build, drawable."""

import io
import logging
import os
import shutil
import string
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from babel.messages.pofile import read_po
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from metalib import look

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import font  # noqa: E402
import messages  # noqa: E402
from sources import ChapterError  # noqa: E402

LANGUAGES = sorted(path.name for path in (ROOT / "metalib" / "locale").iterdir() if path.is_dir())
each_language = pytest.mark.parametrize("language", LANGUAGES)


def entries(language):
    path = ROOT / "metalib" / "locale" / language / "LC_MESSAGES" / "metalib.po"
    return [message for message in read_po(io.BytesIO(path.read_bytes()), locale=language) if message.id]


# In step


def test_the_catalogues_are_in_step_with_the_code():
    assert messages.main(["--check"]) == 0, "run `make messages`"


@each_language
def test_every_sentence_is_translated(language):
    assert messages.missing(ROOT, language) == []


def gaps(text):
    """The gaps of a text with how each is filled: {("n", "", None), ("loss", ".2f", None)}."""
    return {
        (name, spec, conversion)
        for _before, name, spec, conversion in string.Formatter().parse(text)
        if name is not None
    }


@each_language
def test_a_translation_has_the_gaps_of_the_original(language):
    for message in entries(language):
        plural = isinstance(message.id, tuple)
        wanted = gaps(message.id[-1] if plural else message.id)
        for said in filter(None, message.string if plural else [message.string]):
            assert gaps(said) == wanted, message.id


# The tool, on a toy package


@pytest.fixture
def house(tmp_path):
    (tmp_path / "metalib" / "lab").mkdir(parents=True)
    write(
        tmp_path,
        'from x import N_, _, ngettext\n\nA = N_("a label")\n\n\ndef f(n):\n    return _("Say {n}.")\n',
    )
    code = "# Translators: of steps\nngettext('{n} step', '{n} steps', n)\n_('Say {n}.')\n"
    (tmp_path / "metalib" / "lab" / "b.py").write_text(code, "utf-8")
    assert messages.main(["--new", "zh"], root=tmp_path) == 0
    return tmp_path


def write(house, code):
    (house / "metalib" / "a.py").write_text(code, "utf-8")


def catalogue(house):
    return house / "metalib" / "locale" / "zh" / "LC_MESSAGES" / "metalib.po"


def translate(house, **said):
    path = catalogue(house)
    text = path.read_text("utf-8")
    for original, translation in said.values():
        before = f'"{original}"\nmsgstr' + ("[0]" if "step" in original else "")
        assert f'{before} ""' in text
        text = text.replace(f'{before} ""', f'{before} "{translation}"')
    path.write_text(text, "utf-8")


def test_sentences_marks_and_plurals_are_extracted_once_each(house):
    text = (house / "metalib" / "locale" / "metalib.pot").read_text("utf-8")
    assert text.count('msgid "') == 1 + 3
    for part in (
        'msgid "a label"',
        'msgid "Say {n}."',
        'msgid_plural "{n} steps"',
        "#. Translators: of steps",
    ):
        assert part in text
    assert "#: metalib/a.py metalib/lab/b.py\n" in text and "Date" not in text


def test_lines_that_move_change_nothing(house, capsys):
    write(house, "\n\n\n" + (house / "metalib" / "a.py").read_text("utf-8"))
    assert messages.main(["--check"], root=house) == 0
    assert "3 sentences are untranslated" in capsys.readouterr().out


def test_a_changed_sentence_keeps_its_translation_as_a_guess(house, capsys):
    translate(house, a=("a label", "标签"), b=("Say {n}.", "说 {n}。"), c=("{n} steps", "{n} 步"))
    assert messages.missing(house, "zh") == []
    write(house, (house / "metalib" / "a.py").read_text("utf-8").replace("a label", "a new label"))
    before = catalogue(house).read_bytes()
    assert messages.main(["--check"], root=house) == 1
    assert catalogue(house).read_bytes() == before
    assert "zh/LC_MESSAGES/metalib.po: out of step" in capsys.readouterr().out
    assert messages.main([], root=house) == 0
    assert '#, fuzzy\nmsgid "a new label"\nmsgstr "标签"' in catalogue(house).read_text("utf-8")
    assert 'msgid "a label"' not in catalogue(house).read_text("utf-8")
    assert messages.missing(house, "zh") == ["a new label"]
    assert messages.main(["--check"], root=house) == 0


def test_a_catalogue_is_begun_once(house, capsys):
    with pytest.raises(SystemExit):
        messages.main(["--new", "zh"], root=house)
    assert "is there already" in capsys.readouterr().err


# What is installed


@pytest.mark.slow
def test_a_wheel_has_the_compiled_catalogue_and_the_font(tmp_path):
    """Built as Binder builds it, without a network, from a copy: a build leaves folders behind."""
    folder = tmp_path / "copy"
    shutil.copytree(ROOT / "metalib", folder / "metalib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", "LICENSE-text"):
        shutil.copy(ROOT / name, folder)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    answer = subprocess.run([*command, "-w", tmp_path, "."], cwd=folder, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-3000:]
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert {"metalib/locale/zh/LC_MESSAGES/metalib.mo", font.FONT.as_posix(), "metalib/fonts/OFL.txt"} <= {
        *names
    }
    assert [name for name in names if name.endswith((".po", ".pot"))] == []
    done = [m for m in entries("zh") if isinstance(m.id, str) and m.string and not m.fuzzy]
    original, translated = (done[0].id, done[0].string) if done else ("", "")
    program = (
        "import sys; from metalib import i18n\n"
        "i18n.use_language('zh')\n"
        "sys.stdout.buffer.write(i18n._(sys.argv[1]).encode())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, original],
        cwd=tmp_path / "installed",
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
    )
    assert answer.stdout.decode() == translated, answer.stderr.decode()


# The font


def test_the_font_has_every_character_that_a_picture_can_need():
    missing = font.required(ROOT) - font.characters(ROOT / font.FONT)
    assert missing == set(), "run `python tools/font.py`"


def test_the_font_is_small_and_its_licence_is_beside_it():
    assert (ROOT / font.FONT).stat().st_size <= font.LIMIT
    assert "SIL OPEN FONT LICENSE" in (ROOT / font.FONT).with_name("OFL.txt").read_text("utf-8")
    assert look.FONTS == ["DejaVu Sans", font.FAMILY]


def test_every_such_character_is_drawn_without_a_warning(caplog):
    characters = sorted(font.required(ROOT) | set("内循环"))
    lines = ["".join(characters[n : n + 40]) for n in range(0, len(characters), 40)]
    figure = look.figure(10, 6)
    axes = figure.subplots()
    axes.set(title="内循环", xlabel="\n".join(lines), xscale="log", xlim=(0.001, 1))
    for weight in ("normal", "bold"):
        axes.text(
            0, 0, "\n".join(lines), fontweight=weight
        )  # outside a `with look.style()`, as a chapter does
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        figure.canvas.draw()
    assert caplog.records == []


def test_a_character_that_is_nowhere_would_be_noticed():
    figure = look.figure(2, 1)
    figure.text(0, 0, "\U000f0000")
    with pytest.warns(UserWarning, match="missing from font"):
        figure.canvas.draw()


def pixels(family, text):
    with rc_context({"font.family": family}):
        figure = Figure(figsize=(4, 1), dpi=100)
        canvas = FigureCanvasAgg(figure)
        figure.text(0.1, 0.2, text, fontsize=14)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_what_is_drawn_in_english_stays_as_it_was():
    with look.style():
        pass  # makes the font known
    assert np.array_equal(
        pixels(look.FONTS, "θ′ = θ − α∇L, “±”…"), pixels("DejaVu Sans", "θ′ = θ − α∇L, “±”…")
    )
    assert not np.array_equal(pixels(look.FONTS, "内"), pixels(look.FONTS, "循"))


def test_other_peoples_figures_keep_their_fonts():
    import matplotlib

    before = dict(matplotlib.rcParams)
    look.figure(2, 1).canvas.draw()
    assert dict(matplotlib.rcParams) == before


# The font's tool, on a toy course


@pytest.fixture
def course(tmp_path):
    source, exercises = tmp_path / "chapters/source/zh", tmp_path / "metalib/exercises/content/zh"
    catalogue = tmp_path / "metalib/locale/zh/LC_MESSAGES"
    for folder in (source, exercises, catalogue):
        folder.mkdir(parents=True)
    (catalogue / "metalib.po").write_text(
        'msgid ""\nmsgstr "X"\n\nmsgid "a {n}"\nmsgstr "甲 {n}θ"\n', "utf-8"
    )
    cell = '```{code-cell}\n:name: a\n\n- "a"\n+ "乙"\n```\n'
    (source / "00_toy.md").write_text(f"---\ntitle: 丙\ngoals: [丁]\n---\n\n戊己己\n\n{cell}", "utf-8")
    (exercises / "00_toy.md").write_text("己庚", "utf-8")
    return tmp_path


def test_what_a_picture_needs_comes_first_and_the_rest_by_frequency(course):
    assert font.required(course) == set("甲乙丙")
    assert font.welcome(course) == ["己", "丁", "庚", "戊"]


def test_the_check_says_what_is_missing(course, capsys):
    (course / font.FONT).parent.mkdir()
    shutil.copy(ROOT / font.FONT, course / font.FONT)
    (course / "metalib/locale/zh/LC_MESSAGES/metalib.po").write_text(
        'msgid "a"\nmsgstr "\U00020000"\n', "utf-8"
    )
    assert font.main(["--check"], root=course) == 1
    assert "\U00020000" in capsys.readouterr().out


def test_a_source_without_the_face_is_refused(course, monkeypatch):
    class Face:
        def __getitem__(self, table):
            return self

        def getDebugName(self, number):
            return "Another"

    monkeypatch.setattr(font, "TTCollection", lambda path: type("", (), {"fonts": [Face()]})())
    with pytest.raises(ChapterError, match="has no face 'Noto Sans CJK SC'"):
        font.make(Path("x.ttc"), {"甲"})
    with pytest.raises(SystemExit):
        font.main([str(course / "nowhere.ttc")], root=course)
