"""tools/install.py: what it notices, and that it never waits long for an index that is not there."""

import argparse
import http.server
import json
import subprocess
import sys
import threading
import time

import pytest

from tools import install


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with a lock, a pyproject.toml and a finished environment; returns (want, stamp)."""
    monkeypatch.setattr(install, "ROOT", tmp_path)
    for name, path in {"VENV": ".venv", "LOCK": "requirements.lock", "STAMP": ".venv/stamp.json"}.items():
        monkeypatch.setattr(install, name, tmp_path / path)
    monkeypatch.setattr(install, "UNFINISHED", tmp_path / ".venv" / "unfinished")
    monkeypatch.setattr(install, "BUSY", tmp_path / ".venv" / "busy")
    monkeypatch.setattr(install, "is_environment", lambda: True)
    monkeypatch.delenv("GPU", raising=False)
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\nnumpy==2.4.6\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (install.site_packages() / "numpy-2.4.6.dist-info").mkdir(parents=True)
    want = install.wanted(argparse.Namespace(newest=False, constraint=None))
    install.STAMP.write_text(json.dumps({**want, "cpu_build": True, "installed": install.installed()}))
    return tmp_path


def is_ready(**options):
    arguments = argparse.Namespace(**{"newest": False, "constraint": None, **options})
    return install.ready(install.read_stamp(), install.wanted(arguments))


def test_a_finished_set_up_is_left_alone(house):
    assert is_ready()


def test_a_changed_lock_is_noticed(house):
    (house / "requirements.lock").write_text("torch==2.14.0\n")
    assert not is_ready()


def test_a_changed_pyproject_is_noticed(house):
    (house / "pyproject.toml").write_text("[project]\nname='x'\n")
    assert not is_ready()


def test_an_interrupted_set_up_is_noticed(house):
    install.UNFINISHED.touch()
    assert not is_ready()


def test_a_stamp_cut_short_is_noticed(house):
    install.STAMP.write_text(install.STAMP.read_text()[:20])
    assert not is_ready()


def test_a_package_that_was_removed_is_noticed(house):
    (install.site_packages() / "numpy-2.4.6.dist-info").rmdir()
    assert not is_ready()


def test_a_python_that_is_gone_is_noticed(house, monkeypatch):
    monkeypatch.setattr(install, "is_environment", lambda: False)
    assert not is_ready()


def test_another_python_is_noticed(house, monkeypatch):
    stamp = install.read_stamp()
    install.STAMP.write_text(json.dumps({**stamp, "python": "3.10"}))
    assert not is_ready()


def test_gpu_asks_for_the_other_build_once(house, monkeypatch):
    monkeypatch.setenv("GPU", "1")
    assert not is_ready()
    install.STAMP.write_text(json.dumps({**install.read_stamp(), "cpu_build": False}))
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
        assert install.reachable(f"{base}/torch/")
        assert not install.reachable(f"{base}/elsewhere/")
    finally:
        server.shutdown()
        server.server_close()


def test_a_name_server_that_hangs_holds_nothing_up(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(install.urllib.request, "urlopen", lambda *_, **__: done.wait(60))
    start = time.perf_counter()
    assert not install.reachable("https://nowhere.invalid", patience=0.2)
    assert time.perf_counter() - start < 2
    done.set()


def test_the_cpu_index_is_not_asked_where_there_is_no_need(monkeypatch):
    monkeypatch.setattr(install, "reachable", lambda url: pytest.fail("asked"))
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setenv("GPU", "1")
    assert not install.install_cpu_torch("torch==2.13.0")
    monkeypatch.delenv("GPU")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert not install.install_cpu_torch("torch==2.13.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setattr(install.sys, "platform", "darwin")
    assert not install.install_cpu_torch("torch==2.13.0")


@pytest.mark.parametrize("works", [True, False])
def test_torch_alone_comes_from_the_cpu_index(monkeypatch, works):
    calls = []

    def pip_install(*arguments, why):
        calls.append(arguments)
        if not works:
            raise install.SetupError("no such file there")

    for variable in ("GPU", "PIP_NO_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install, "reachable", lambda url: True)
    monkeypatch.setattr(install, "pip_install", pip_install)
    assert install.install_cpu_torch("torch==2.13.0") is works
    assert calls == [("--no-deps", "--index-url", install.CPU_INDEX, "torch==2.13.0")]


def test_the_lock_says_which_torch(tmp_path):
    file = tmp_path / "colab.txt"
    file.write_text("numpy==2.1.*\ntorch==2.11.*  # as on Colab\n")
    assert install.torch_requirement(install.LOCK) == "torch==2.13.0"
    assert install.torch_requirement(file) == "torch==2.11.*"
    assert install.torch_requirement(None) == "torch"


def test_what_cannot_work_is_refused_in_one_sentence(monkeypatch):
    install.check_python()
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(install.SetupError, match="apt-get install python3-venv"):
        install.check_python()
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 6))
    with pytest.raises(install.SetupError, match="needs Python 3.11 or newer"):
        install.check_python()


def test_a_command_that_fails_stops_the_set_up():
    with pytest.raises(install.SetupError, match="The weather did not work"):
        install.run(sys.executable, "-c", "raise SystemExit(3)", why="The weather")


def test_half_a_removal_is_no_environment(tmp_path, monkeypatch):
    """Without pyvenv.cfg .venv's Python is the one that made it: nothing may be installed through it."""
    folder = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    monkeypatch.setattr(install, "VENV", folder)
    monkeypatch.setattr(install, "PYTHON", folder / install.PYTHON.relative_to(install.ROOT / ".venv"))
    assert install.is_environment()
    (folder / "pyvenv.cfg").unlink()
    assert not install.is_environment()


def test_pip_refuses_to_run_outside_an_environment(monkeypatch, capfd):
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "0")
    install.run(
        *(sys.executable, "-c", "import os; print(os.environ['PIP_REQUIRE_VIRTUALENV'])"), why="Looking"
    )
    assert capfd.readouterr().out.strip() == "1"


def test_two_set_ups_at_once_are_refused(house):
    with install.alone():
        with pytest.raises(install.SetupError, match="under way"):
            install.alone()
    install.alone().close()


def test_an_environment_that_is_only_linked_is_never_touched(house, monkeypatch):
    elsewhere = house / "elsewhere"
    install.VENV.rename(elsewhere)
    install.VENV.symlink_to(elsewhere, target_is_directory=True)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    install.main()  # it is as it should be: nothing to do, and nothing to refuse
    (house / "requirements.lock").write_text("torch==2.14.0\n")
    before = sorted(path.name for path in elsewhere.rglob("*"))
    with pytest.raises(SystemExit, match="is a link to .*elsewhere"):
        install.main()
    assert sorted(path.name for path in elsewhere.rglob("*")) == before


def test_the_peers_get_an_environment_of_their_own(house, monkeypatch):
    """Without what they ask for (some ask for an old torch), after torch, and learn2learn last."""
    for name in ("VENV", "PYTHON", "STAMP", "UNFINISHED", "BUSY", "LOCK"):
        monkeypatch.setattr(install, name, getattr(install, name))  # put back afterwards
    monkeypatch.setattr(install, "PYTHON", house / ".venv" / "bin" / "python")
    lock = house / "requirements-peers.lock"
    lock.write_text(
        "# a note\nbabel==2.18.0\nhigher==0.2.1\n"
        "learn2learn==0.2.0 ; python_version < '3.12'\ntorch==2.13.0\n"
    )
    install.settle_in(house / ".peers", lock)
    assert install.PYTHON == house / ".peers" / "bin" / "python"
    assert {path.parent for path in (install.STAMP, install.UNFINISHED, install.BUSY)} == {house / ".peers"}
    calls = []
    monkeypatch.setattr(install, "pip_install", lambda *arguments, why: calls.append(arguments))
    monkeypatch.setattr(install, "run", lambda *command, **options: calls.append(command[1:4]))
    monkeypatch.setattr(install, "install_learn2learn", calls.append)
    install.install_peers()
    assert calls[0] == ("torch==2.13.0",)
    assert calls[1] == ("--no-deps", "babel==2.18.0")
    assert calls[2] == ("--no-deps", "--no-build-isolation", "higher==0.2.1")
    assert calls[-2] == ("-m", "ipykernel", "install")  # .venv's JupyterLab can choose this Python
    assert calls[-1] == "learn2learn==0.2.0 ; python_version < '3.12'"


def test_without_a_c_compiler_learn2learn_is_left_out_in_a_sentence(house, monkeypatch, capsys):
    (house / "requirements.lock").write_text("torch==2.13.0\nlearn2learn==0.2.0\n")
    monkeypatch.setattr(install, "pip_install", lambda *arguments, why: None)
    monkeypatch.setattr(install, "run", lambda *command, **options: None)
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setattr(install.sys, "version_info", (3, 11, 7))
    install.install_peers()
    assert "learn2learn is left out: its source needs a C compiler" in capsys.readouterr().out
    monkeypatch.setattr(install.sys, "version_info", (3, 13, 0))
    install.install_peers()
    assert "ends at Python 3.11" in capsys.readouterr().out


def test_making_an_environment_keeps_the_mark_until_the_end(house, monkeypatch):
    seen = []
    monkeypatch.setattr(install, "run", lambda *command, why: seen.append(install.UNFINISHED.exists()))
    install.UNFINISHED.touch()
    install.make_environment()
    assert seen == [True]
    assert [entry.name for entry in install.VENV.iterdir()] == ["unfinished"]


def test_an_old_python_can_read_the_file():
    """No syntax newer than Python 3.7 (macOS's own python3 is 3.9), or the refusal could not be printed."""
    check = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read(), feature_version=(3, 7))"
    subprocess.run([sys.executable, "-c", check, install.__file__], check=True)
