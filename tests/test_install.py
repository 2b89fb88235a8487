"""tools/install.py and tools/environments: what is noticed, what is refused, and that
nothing waits long for an index that is not there."""

import argparse
import ast
import contextlib
import http.server
import io
import json
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
from environments import commands, folder, learn2learn, notebooks, refusals, table, torch_build
from environments.commands import SetupError
from environments.folder import Folder

from tools import install

TOOLS = Path(install.__file__).parent
VENV = ".venv"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with a lock, a pyproject.toml and a finished environment."""
    for module in (commands, table, install, notebooks):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(Folder, "works", lambda self: True)
    monkeypatch.delenv("GPU", raising=False)
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\nnumpy==2.4.6\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (course().home.packages() / "numpy-2.4.6.dist-info").mkdir(parents=True)
    want = install.wanted(course(), options())
    stamp(**want, cpu_build=True, installed=course().home.installed())
    return tmp_path


def course():
    return table.ENVIRONMENTS[table.COURSE]


def options(**changed):
    return argparse.Namespace(**{"newest": False, "constraint": None, **changed})


def stamp(**said):
    course().home.stamp.write_text(json.dumps(said))


def is_ready(**changed):
    return install.ready(course().home, install.wanted(course(), options(**changed)))


def test_a_finished_set_up_is_left_alone(house):
    assert is_ready()


def test_a_changed_lock_is_noticed(house):
    (house / "requirements.lock").write_text("torch==2.14.0\n")
    assert not is_ready()


def test_a_changed_pyproject_is_noticed(house):
    (house / "pyproject.toml").write_text("[project]\nname='x'\n")
    assert not is_ready()


def test_changed_settings_of_jupyterlab_are_noticed(house):
    """An editable installation copies them."""
    (house / "metalib" / "settings").mkdir(parents=True)
    (house / "metalib" / "settings" / "metalib.json").write_text("{}")
    assert not is_ready()


def test_an_interrupted_set_up_is_noticed(house):
    course().home.unfinished.touch()
    assert not is_ready()


def test_a_stamp_cut_short_is_noticed(house):
    course().home.stamp.write_text(course().home.stamp.read_text()[:20])
    assert not is_ready()


def test_a_package_that_was_removed_is_noticed(house):
    (course().home.packages() / "numpy-2.4.6.dist-info").rmdir()
    assert not is_ready()


def test_a_python_that_is_gone_is_noticed(house, monkeypatch):
    monkeypatch.setattr(Folder, "works", lambda self: False)
    assert not is_ready()


def test_another_python_is_noticed(house, monkeypatch):
    stamp(**{**course().home.read_stamp(), "python": "3.10"})
    assert not is_ready()


def test_gpu_asks_for_the_other_build_once(house, monkeypatch):
    monkeypatch.setenv("GPU", "1")
    assert not is_ready()
    stamp(**{**course().home.read_stamp(), "cpu_build": False})
    assert is_ready()
    monkeypatch.delenv("GPU")
    assert is_ready(), "a later `make` without GPU=1 keeps what is there"


def test_the_newest_versions_are_another_set_up(house):
    assert not is_ready(newest=True)


def test_an_answering_index_is_found(tmp_path):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path == "/torch/" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        assert commands.reachable(f"{base}/torch/")
        assert not commands.reachable(f"{base}/elsewhere/")
    finally:
        server.shutdown()
        server.server_close()


def test_a_name_server_that_hangs_holds_nothing_up(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(commands.urllib.request, "urlopen", lambda *_, **__: done.wait(60))
    start = time.perf_counter()
    assert not commands.reachable("https://nowhere.invalid", patience=0.2)
    assert time.perf_counter() - start < 2
    done.set()


def test_the_cpu_index_is_not_asked_where_there_is_no_need(monkeypatch):
    monkeypatch.setattr(torch_build, "reachable", lambda url: pytest.fail("asked"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("GPU", "1")
    assert not torch_build.install_cpu_torch(Folder(Path(VENV)), "torch==2.13.0")
    monkeypatch.delenv("GPU")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert not torch_build.install_cpu_torch(Folder(Path(VENV)), "torch==2.13.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not torch_build.install_cpu_torch(Folder(Path(VENV)), "torch==2.13.0")


@pytest.mark.parametrize("works", [True, False])
def test_torch_alone_comes_from_the_cpu_index(monkeypatch, works):
    calls = []

    def pip_install(folder, *arguments, why):
        calls.append(arguments)
        if not works:
            raise SetupError("no such file there")

    for variable in ("GPU", "PIP_NO_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch_build, "reachable", lambda url: True)
    monkeypatch.setattr(torch_build, "pip_install", pip_install)
    assert torch_build.install_cpu_torch(Folder(Path(VENV)), "torch==2.13.0") is works
    assert calls == [("--no-deps", "--index-url", torch_build.CPU_INDEX, "torch==2.13.0")]


def test_the_lock_says_which_torch(tmp_path):
    file = tmp_path / "colab.txt"
    file.write_text("numpy==2.1.*\ntorch==2.11.*  # as on Colab\n")
    assert torch_build.torch_requirement(course().lock_file) == "torch==2.13.0"
    assert torch_build.torch_requirement(file) == "torch==2.11.*"
    assert torch_build.torch_requirement(None) == "torch"


def python(monkeypatch, *version):
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", ".".join(map(str, version)) + " (main)")


def test_what_cannot_work_is_refused_in_one_sentence(monkeypatch):
    refusals.check_python(course())
    monkeypatch.setattr(refusals.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match="apt-get install python3-venv"):
        refusals.check_python(course())
    python(monkeypatch, 3, 9, 6)
    with pytest.raises(SetupError, match="needs Python 3.11 or newer, and .* is 3.9.6"):
        refusals.check_python(course())


def test_a_python_newer_than_the_locks_is_refused_unless_the_newest_versions_are_wanted(monkeypatch):
    """Each environment has its own last one: the other tools of chapter 11 are slower to follow."""
    for environment in table.ENVIRONMENTS.values():
        last = refusals.version(environment.pythons[-1])
        python(monkeypatch, *last, 99)
        refusals.check_python(environment)
        python(monkeypatch, last[0], last[1] + 1, 0)
        refused = rf"pinned for Python 3.11 to {environment.pythons[-1]}, and .* is 3.{last[1] + 1}: "
        with pytest.raises(SetupError, match=refused + rf".* make {environment.target} PYTHON=python3"):
            refusals.check_python(environment)
        refusals.check_python(environment, newest=True)
    python(monkeypatch, 3, 15, 0)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(
        SetupError, match=rf"name it: py -{table.PYTHONS[-1]} tools.install.py --environment course"
    ):
        refusals.check_python(course())


class Registry(types.ModuleType):
    """winreg with one value, or without it."""

    HKEY_LOCAL_MACHINE = 0

    def __init__(self, value):
        super().__init__("winreg")
        self.value = value

    def OpenKey(self, *place):
        if self.value is None:
            raise FileNotFoundError
        return open(TOOLS / "install.py", encoding="utf-8")  # anything that `with` can hold

    def QueryValueEx(self, key, name):
        assert name == "LongPathsEnabled"
        return self.value, 4


def test_too_long_a_path_is_refused_on_a_windows_that_does_not_take_it(monkeypatch):
    below = len("/Lib/site-packages/") + refusals.LONGEST_NAME
    fits = Path("/" + "c" * (refusals.LONGEST_PATH - below - 1))
    refusals.check_path(fits / "not" / "windows" / "at" / "all")
    monkeypatch.setattr(sys, "platform", "win32")
    for value in (0, None):
        monkeypatch.setitem(sys.modules, "winreg", Registry(value))
        refusals.check_path(fits)
        with pytest.raises(SetupError, match=r"at most 259 signs .* up to 262 in .* shorter by 3 or more"):
            refusals.check_path(fits.with_name(fits.name + "ccc"))
    monkeypatch.setitem(sys.modules, "winreg", Registry(1))
    refusals.check_path(fits / "deeper")


def test_the_longest_name_is_that_of_the_packages_that_are_here():
    """torch's dist-info is shorter on Windows, where its version has no "+cpu"."""
    packages = Folder(Path(sys.prefix)).packages()
    names = [
        line.split(",")[0]
        for file in packages.glob("*.dist-info/RECORD")
        for line in file.read_text("utf-8").splitlines()
    ]
    longest = max(len(name.replace("+cpu", "")) for name in names if not name.startswith(".."))
    assert longest <= refusals.LONGEST_NAME < longest + 20


def test_a_command_that_fails_stops_the_set_up():
    with pytest.raises(SetupError, match="The weather did not work"):
        commands.run(sys.executable, "-c", "raise SystemExit(3)", why="The weather")


def test_half_a_removal_is_no_environment(tmp_path):
    """Without pyvenv.cfg .venv's Python is the one that made it: nothing may be installed through it."""
    made = Folder(tmp_path / ".venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.path], check=True)
    assert made.works()
    (made.path / "pyvenv.cfg").unlink()
    assert not made.works()


@pytest.mark.parametrize("page", ["cp1252", "cp437", "utf-8"])
def test_an_environment_under_a_path_with_an_umlaut_works_in_every_code_page(tmp_path, monkeypatch, page):
    """On Windows a child writes to a pipe in the code page of the system, which is not ours to guess."""
    made = Folder(tmp_path / "Übungen Jürgen" / ".venv")
    made.path.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(made.path))

    def child(command, **options):
        """What the child would print, as the bytes that the pipe would carry."""
        output = io.TextIOWrapper(io.BytesIO(), encoding=page)
        with contextlib.redirect_stdout(output):
            exec(command[-1], {})
        output.flush()
        content = output.buffer.getvalue()
        if options.get("text") or options.get("encoding"):
            content = content.decode(options.get("encoding") or "utf-8", options.get("errors") or "strict")
        return subprocess.CompletedProcess(command, 0, content, None)

    monkeypatch.setattr(folder.subprocess, "run", child)
    assert made.works()


def test_what_a_quiet_command_says_is_shown_whatever_the_code_page(monkeypatch, capsys):
    says = "print('Übung ✓'); raise SystemExit(1)"
    monkeypatch.setenv("PYTHONIOENCODING", "cp437:replace")
    with pytest.raises(SetupError):
        commands.run(sys.executable, "-c", says, why="Saying it", quiet=True)
    assert "Übung ✓" in capsys.readouterr().out


def test_pip_refuses_to_run_outside_an_environment(monkeypatch, capfd):
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "0")
    commands.run(
        *(sys.executable, "-c", "import os; print(os.environ['PIP_REQUIRE_VIRTUALENV'])"), why="Looking"
    )
    assert capfd.readouterr().out.strip() == "1"


def test_two_set_ups_at_once_are_refused(house):
    with course().home.alone():
        with pytest.raises(SetupError, match="under way"):
            course().home.alone()
    course().home.alone().close()


def test_an_environment_that_is_only_linked_is_never_touched(house, monkeypatch):
    elsewhere = house / "elsewhere"
    course().home.path.rename(elsewhere)
    course().home.path.symlink_to(elsewhere, target_is_directory=True)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    install.main()  # it is as it should be: nothing to do, and nothing to refuse
    (house / "requirements.lock").write_text("torch==2.14.0\n")
    before = sorted(path.name for path in elsewhere.rglob("*"))
    with pytest.raises(SystemExit, match="is a link to .*elsewhere"):
        install.main()
    assert sorted(path.name for path in elsewhere.rglob("*")) == before


@pytest.fixture
def said(monkeypatch):
    """What pip and other commands are told, in turn, in place of doing it."""
    calls = []
    monkeypatch.setattr(install, "pip_install", lambda folder, *rest, why: calls.append(rest))
    for module in (install, notebooks, folder):
        monkeypatch.setattr(module, "run", lambda *command, **_: calls.append(command[1:4]))
    monkeypatch.setattr(install, "install_cpu_torch", lambda folder, torch: calls.append(torch) or False)
    return calls


def test_the_course_is_the_lock_and_then_metalib(house, said):
    install.install(course(), options(), install.wanted(course(), options()))
    assert ["torch==2.13.0", ("-r", house / "requirements.lock")] == said[1:3]
    assert said[3] == ("--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    assert said[-1][0] == "-c" and said[-1][1].endswith("metalib")
    assert is_ready()


def test_the_peers_get_an_environment_of_their_own(house, said, monkeypatch):
    """Without what they ask for (some ask for an old torch), after torch, and learn2learn last."""
    (house / "requirements-peers.lock").write_text(
        "# a note\nbabel==2.18.0\nhigher==0.2.1\n"
        "learn2learn==0.2.0 ; python_version < '3.12'\ntorch==2.13.0\n"
    )
    monkeypatch.setattr(learn2learn, "build", lambda folder, line: said.append(line))
    peers = table.ENVIRONMENTS["peers"]
    assert peers.home.path == house / ".peers"
    peers.home.path.mkdir()
    install.install(peers, options(), install.wanted(peers, options()))
    assert said[1:5] == [
        "torch==2.13.0",
        ("torch==2.13.0",),
        ("--no-deps", "babel==2.18.0"),
        ("--no-deps", "--no-build-isolation", "higher==0.2.1"),
    ]
    assert said[-3] == ("-m", "ipykernel", "install")  # .venv's JupyterLab can choose this Python
    assert said[-2] == "learn2learn==0.2.0 ; python_version < '3.12'"
    assert install.ready(peers.home, install.wanted(peers, options())) and is_ready()


def test_a_new_environment_is_a_line_of_the_table(house, said, monkeypatch):
    """Its newest versions, while it has no lock, are held to those of the course; then its lock counts."""
    seen = []
    hall = table.Environment(
        name="hall",
        folder=".hall",
        lock="requirements-hall.lock",
        target="lecture",
        asks=(".", "hall>=1"),
        imports=("hall",),
        steps=(lambda *given: seen.append(given),),
    )
    hall.home.path.mkdir()
    newest = options(newest=True)
    install.install(hall, newest, install.wanted(hall, newest))
    asked = ("--upgrade", "-c", house / "requirements.lock", "--no-build-isolation", "-e", ".", "hall>=1")
    assert asked in said and said[-1] == ("-c", "import hall") and seen[0][0] == hall
    said.clear()
    install.install_newest(hall, house / "limits.txt")
    assert said[-1] == ("--upgrade", "-c", house / "limits.txt", *asked[3:]), "those given"
    (house / "requirements-hall.lock").write_text("hall==1.2\n")
    assert not install.ready(hall.home, install.wanted(hall, options()))
    said.clear()
    install.install(hall, options(), install.wanted(hall, options()))
    assert ("-r", house / "requirements-hall.lock") in said
    assert not any("torch" in str(call) for call in said), "its lock names no torch"


def test_versions_that_nothing_follows_from_are_not_renewed_by_themselves(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["install.py", "--environment", "peers", "--newest"])
    with pytest.raises(SystemExit):
        install.main()
    assert "edit its lock" in capsys.readouterr().err


def test_the_same_torch_is_linked_from_the_courses_environment(house, monkeypatch, capsys):
    here, there = course().home, Folder(house / ".hall")
    info = here.packages() / "torch-2.13.0+cpu.dist-info"
    files = {"torch/__init__.py": "", "torch/lib/libtorch.so": "large", f"{info.name}/RECORD": ""}
    for name, text in files.items():
        (here.packages() / name).parent.mkdir(parents=True, exist_ok=True)
        (here.packages() / name).write_text(text)
    (info / "RECORD").write_text(
        "".join(f"{name},sha256=0,1\n" for name in [*files, "../../../bin/torchrun"])
    )
    assert not torch_build.link_torch(here, there, "torch==2.11.0"), "another version"
    assert not torch_build.link_torch(here, there, "torch==2.1"), "the beginning of a version"
    assert not torch_build.link_torch(here, there, "torch")
    monkeypatch.setattr(torch_build.os, "link", lambda *_: (_ for _ in ()).throw(OSError("another disk")))
    assert not torch_build.link_torch(here, there, "torch==2.13.0")
    assert "another disk" in capsys.readouterr().out and not list(there.packages().iterdir())
    monkeypatch.undo()
    assert torch_build.link_torch(here, there, "torch==2.13.0")
    for name in files:
        assert (there.packages() / name).samefile(here.packages() / name)
    assert torch_build.link_torch(here, there, "torch==2.13.0"), "it is there"


def test_without_a_c_compiler_learn2learn_is_left_out_in_a_sentence(house, monkeypatch, capsys):
    (house / "requirements-peers.lock").write_text("torch==2.13.0\nlearn2learn==0.2.0\n")
    peers = table.ENVIRONMENTS["peers"]
    monkeypatch.setattr(learn2learn.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    learn2learn.install_learn2learn(peers, peers.home)
    assert "learn2learn is left out: its source needs a C compiler" in capsys.readouterr().out
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    learn2learn.install_learn2learn(peers, peers.home)
    assert "ends at Python 3.11" in capsys.readouterr().out


def test_making_an_environment_keeps_the_mark_until_the_end(house, monkeypatch):
    seen, home = [], course().home
    monkeypatch.setattr(folder, "run", lambda *command, why: seen.append(home.unfinished.exists()))
    home.unfinished.touch()
    home.make()
    assert seen == [True]
    assert list(home.path.iterdir()) == [home.unfinished]


@pytest.mark.parametrize("file", [TOOLS / "install.py", *sorted((TOOLS / "environments").glob("*.py"))])
def test_an_old_python_can_read_the_files(file):
    """No syntax newer than Python 3.7 (macOS's own python3 is 3.9), or the refusal could not be printed."""
    ast.parse(file.read_text("utf-8"), feature_version=(3, 7))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"environments"}, "a bare Python has nothing else"
