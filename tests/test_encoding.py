"""Every text that is read or written names its encoding: Windows would take a code page of its own, in which
a path with an umlaut, a formula or a Chinese sentence is another text or none."""

import ast
import io
import sys
from pathlib import Path

import pytest

from metalib import launch
from metalib.peers import __main__ as peers

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("metalib", "tools", "benchmarks", "deploy")
OPENS = {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"}
RUNS = {"run", "Popen", "check_output", "check_call", "call"}
NOT_OURS = {"Image", "opener", "webbrowser", "tarfile", "zipfile", "os", "xz"}  # their open() opens no text


def python_files() -> list[Path]:
    found = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return [ROOT / "setup.py", *sorted(found)]


def guesses(code: str) -> list[tuple[int, str]]:
    """The calls, with their lines, that leave the encoding of a text to the system."""
    found = []
    for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        function, given = call.func, {keyword.arg: keyword.value for keyword in call.keywords}
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        words = [
            node.value for part in call.args for node in ast.walk(part) if isinstance(node, ast.Constant)
        ]
        said = "encoding" in given or None in given  # None: **options
        if name in ("read_text", "write_text"):
            place = 0 if name == "read_text" else 1  # of the encoding among the arguments
            guess = not said and len(call.args) <= place
        elif name in OPENS and owner.rpartition(".")[2] not in NOT_OURS - (
            {"os"} if name == "fdopen" else set()
        ):
            mode = given.get("mode")
            modes = words + ([mode.value] if isinstance(mode, ast.Constant) else [])
            binary = any(isinstance(word, str) and "b" in word and len(word) < 5 for word in modes)
            temporary = "Temporary" in name and not modes  # binary unless it is told otherwise
            guess = not (said or binary or temporary)
        elif name in RUNS and (owner == "subprocess" or name == "Popen"):
            text = {"text", "universal_newlines", "errors"} & set(given)
            guess = bool(text) and "encoding" not in given
        else:
            guess = name in ("getoutput", "getstatusoutput", "popen")
        if guess:
            found.append((call.lineno, ast.unparse(call)[:60]))
    return found


@pytest.mark.parametrize("file", python_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_nothing_leaves_an_encoding_to_the_system(file):
    assert guesses(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        "open(path)",
        "open(path, 'w')",
        "path.open()",
        "path.open(mode='a')",
        "io.open(path)",
        "os.fdopen(3, 'w')",
        "path.read_text()",
        "path.write_text(text)",
        "tempfile.NamedTemporaryFile('w')",
        "subprocess.run(command, text=True)",
        "subprocess.run(command, errors='replace')",
        "subprocess.check_output(command, universal_newlines=True)",
        "subprocess.getoutput('ls')",
        "os.popen('ls')",
    ],
)
def test_what_would_leave_it_is_found(code):
    assert len(guesses(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "open(path, encoding='utf-8')",
        "open(path, 'rb')",
        "path.open('wb')",
        "Image.open(path)",
        "path.read_text('utf-8')",
        "path.write_text(text, 'utf-8')",
        "path.write_text(text, encoding='utf-8')",
        "tempfile.NamedTemporaryFile()",
        "subprocess.run(command, text=True, encoding='utf-8')",
        "subprocess.run(command, capture_output=True)",
    ],
)
def test_what_names_it_is_left_alone(code):
    assert guesses(code) == []


@pytest.mark.parametrize("page", ["cp1252", "cp437", "utf-8"])
def test_what_a_process_of_a_team_says_arrives_whole_in_every_code_page(monkeypatch, tmp_path, page):
    """Process 1 fails under a path with an umlaut; Windows would have it write in the code page."""
    program = "import sys; print('C:\\\\Übungen ist nicht da', file=sys.stderr); raise SystemExit(3)"
    monkeypatch.setenv("PYTHONIOENCODING", page)
    started = launch.subprocess.Popen

    def start(command, **options):
        return started([sys.executable, "-c", program], **options)

    monkeypatch.setattr(launch.subprocess, "Popen", start)
    with open(tmp_path / "said", "w+b") as said:
        process = launch._start([], 1, 2, 0, said)
        process.communicate(timeout=60)
        said.seek(0)
        assert said.read().decode("utf-8").strip() == "C:\\Übungen ist nicht da"


def test_the_comparison_of_the_tools_goes_into_a_file_in_an_old_code_page(monkeypatch):
    """`make peers > table.txt` on Windows: what has no sign there is written in those that every page has."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(peers, "compare", lambda *given, **options: "θ′ → ✓")
    monkeypatch.setattr(peers, "TRAPS", {})
    assert peers.main(["--steps", "1"]) == 0
    out.flush()
    assert "theta' -> +" in out.buffer.getvalue().decode("cp1252")
