"""The learner's language: chosen at run time or by the environment, looked up where a text is shown."""

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import metalib
from metalib import i18n

ROOT = Path(__file__).resolve().parents[1]
PO = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Passed."
msgstr "通过。"

msgid "{n} task"
msgid_plural "{n} tasks"
msgstr[0] "{n} 个任务"
"""


@pytest.fixture
def catalogues(tmp_path, monkeypatch):
    """A locale folder with a Chinese catalogue; afterwards English is spoken again."""
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "metalib.po").write_text(PO, "utf-8")
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path)
    monkeypatch.setattr(i18n, "_language", None)
    i18n._catalogue.cache_clear()
    yield tmp_path
    i18n._catalogue.cache_clear()


# Choosing


def test_a_language_is_chosen_at_any_time(catalogues):
    assert metalib.use_language is i18n.use_language
    assert (i18n.language(), i18n._("Passed.")) == ("en", "Passed.")
    i18n.use_language("zh")
    assert (i18n.language(), i18n._("Passed.")) == ("zh", "通过。")
    assert i18n.ngettext("{n} task", "{n} tasks", 1) == "{n} 个任务"
    assert i18n._("not translated") == "not translated" and i18n._("") == ""
    i18n.use_language("en")
    assert i18n._("Passed.") == "Passed." and i18n.ngettext("{n} task", "{n} tasks", 1) == "{n} task"


def test_a_marked_text_is_not_translated_before_it_is_shown(catalogues):
    i18n.use_language("zh")
    assert i18n.N_("Passed.") == "Passed."


def test_an_unknown_language_is_refused_with_those_there_are(catalogues):
    for unknown in ("fr", "", "../en", 3):
        with pytest.raises(ValueError, match=r"There is no language .* here. There are: en, zh\.$"):
            i18n.use_language(unknown)
    assert i18n.language() == "en"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh-Hans"}, "zh"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "zh_CN", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LANG": "en_GB", "LC_ALL": "zh_CN"}, "zh"),
        ({"LANGUAGE": "fr:zh:en", "LANG": "en_GB"}, "zh"),
        ({"LANGUAGE": "en:zh", "LANG": "zh_CN"}, "en"),
    ],
)
def test_elsewhere_the_environment_decides(catalogues, monkeypatch, environment, expected):
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    i18n.use_language("zh")
    i18n.use_language(None)
    assert i18n.language() == expected


def test_a_compiled_catalogue_serves_where_there_is_no_other(catalogues):
    from babel.messages import mofile, pofile

    folder = catalogues / "zh" / "LC_MESSAGES"
    with (folder / "metalib.mo").open("wb") as file:
        mofile.write_mo(file, pofile.read_po((folder / "metalib.po").open("rb")))
    (folder / "metalib.po").unlink()
    i18n.use_language("zh")
    assert i18n._("Passed.") == "通过。"


def test_without_babel_a_working_tree_speaks_english_and_says_why(catalogues, monkeypatch):
    monkeypatch.setitem(sys.modules, "babel.messages", None)
    monkeypatch.setenv("LANGUAGE", "zh")
    assert i18n.language() == "en"
    with pytest.raises(ValueError, match="needs Babel: python -m pip install babel"):
        i18n.use_language("zh")


def test_several_threads_may_ask_at_once(catalogues):
    i18n.use_language("zh")
    said = []
    threads = [threading.Thread(target=lambda: said.append(i18n._("Passed."))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["通过。"] * 8


def test_no_torch_is_needed_to_choose():
    program = (
        "import sys; from metalib import use_language\nuse_language('en')\nprint('torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"


# What the code may say

MODULES = sorted((ROOT / "metalib").rglob("*.py"))


def called(node: ast.AST) -> str | None:
    """The name of the function that `node` calls, if it is one of ours."""
    names = ("_", "N_", "ngettext")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
        return node.func.id
    return None


def at_import(tree: ast.Module) -> list[int]:
    """The lines on which a text is translated when the module is imported."""
    found = []

    def visit(node: ast.AST) -> None:
        if called(node) in ("_", "ngettext"):
            found.append(node.lineno)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            now = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
            now += getattr(node, "decorator_list", [])
        else:
            now = ast.iter_child_nodes(node)
        for child in now:
            visit(child)

    visit(tree)
    return found


def not_extractable(tree: ast.Module) -> list[int]:
    """The lines on which a text is made, or stands in an f-string: no translator would ever see it."""
    found = []
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for inner in ast.walk(node)
        if called(inner)
    }
    for node in ast.walk(tree):
        if not (name := called(node)):
            continue
        texts = node.args[: 2 if name == "ngettext" else 1]
        literal = all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts)
        # `_` of a name or an attribute shows a text that was marked by N_ elsewhere.
        marked = name == "_" and all(
            isinstance(text, ast.Name | ast.Attribute | ast.Subscript) for text in texts
        )
        if not (literal or marked) or (literal and node in hidden):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("def f():\n    return _('a')", []),
        ("A = N_('a')\ndef f():\n    return lambda: _(A)", []),
        ("A = _('a')", [1]),
        ("class A:\n    b: str = _('b')", [2]),
        ("A = {'a': [ngettext('a', 'b', 2)]}", [1]),
        ("def f(x=_('a'), *, y=_('b')):\n    pass", [1, 1]),
        ("f = lambda x=_('a'): x", [1]),
        ("@g(_('a'))\ndef f():\n    pass", [1]),
        ("class A:\n    def f(self, x=_('b')):\n        pass", [2]),
    ],
)
def test_what_counts_as_translated_at_import(code, lines):
    assert at_import(ast.parse(code)) == lines


def test_what_counts_as_extractable():
    good = "_('a' 'b'); _(entry.what); _(name); _(LABELS[key]); ngettext('a', 'b', n); N_('a')"
    assert not_extractable(ast.parse(good)) == []
    for bad in (
        "_(f'a {b}')",
        "_('a' + b)",
        "_('a'.format(b))",
        "N_(name)",
        "ngettext(a, 'b', n)",
        "f'<b>{_(\"a\")}</b>'",
    ):
        assert not_extractable(ast.parse(bad)) == [1], bad


def called_name(node: ast.AST) -> str:
    """The name of the function that is called here, or ""."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def as_key(tree: ast.Module) -> list[int]:
    """The lines on which a translated text decides something: a key of a dict, an index, a comparison."""
    keys = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys += [key for key in node.keys if key]
        elif isinstance(node, ast.DictComp):
            keys.append(node.key)
        elif isinstance(node, ast.Subscript):
            keys.append(node.slice)
        elif isinstance(node, ast.Compare):
            keys += [node.left, *node.comparators]
    return [key.lineno for key in keys if called(key) in ("_", "ngettext")]


def test_what_counts_as_a_key():
    good = "{'maml': N_('MAML')}; {N_('one step'): 1}; _(LABELS[key]); {name: _(label) for name, label in a}"
    assert as_key(ast.parse(good)) == []
    for bad in ("{_('MAML'): 1}", "models[_('MAML')]", "_('MAML') in models", "name == _('MAML')",
                "{_(one): 1 for one in names}"):  # fmt: skip
        assert as_key(ast.parse(bad)) == [1], bad


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_labels_are_never_keys(path):
    assert as_key(ast.parse(path.read_text("utf-8"))) == []


def test_every_label_of_a_control_is_known_to_translators():
    catalogue = (ROOT / "metalib" / "locale" / "metalib.pot").read_text("utf-8")
    for path in sorted((ROOT / "metalib" / "lab").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if called_name(node) in ("slider", "whole_slider", "log_slider", "choice", "counter"):
                texts = [node.args[0], *node.args[1:2]] if called_name(node) == "counter" else node.args[:1]
                assert all(called(text) == "N_" for text in texts), f"{path.name}:{node.lineno}"
                for text in texts:
                    assert f'"{text.args[0].value}"' in catalogue, text.args[0].value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_translated_at_import(path):
    assert at_import(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_can_be_extracted(path):
    assert not_extractable(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.slow
def test_no_module_asks_for_a_translation_when_it_is_imported():
    """The same, as it happens: also where a module calls at import a function that translates."""
    program = """
import importlib, pkgutil, traceback
import metalib
from metalib import i18n

def asked(code):
    for frame in traceback.extract_stack()[:-2]:
        if frame.name == "<module>" and "metalib" in frame.filename:
            print(frame.filename)
    return found(code)

found, i18n._catalogue = i18n._catalogue, asked
for module in pkgutil.walk_packages(metalib.__path__, "metalib."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as missing:  # one of the libraries beside metalib, in its own module
            assert module.name.startswith(("metalib.peers.", "metalib.grading.nbgrader")), missing
print("imported")
"""
    environment = {**os.environ, "LANGUAGE": "en"}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8"
    )
    *guilty, last = answer.stdout.splitlines()
    assert last == "imported", answer.stderr
    assert guilty == []


def test_speaking_gives_the_language_back_after_an_error_too():
    before = i18n.language()
    with pytest.raises(RuntimeError), i18n.speaking("zh"):
        assert i18n._("One solution") == "一种解法"
        raise RuntimeError
    assert i18n.language() == before
    with pytest.raises(ValueError, match="no language"), i18n.speaking("xx"):
        pass
