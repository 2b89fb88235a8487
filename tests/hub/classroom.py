"""A class on a hub: JupyterHub and its proxy on this machine, ten students, their chapters in git."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from student import PATIENCE, Student

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = ROOT / ".hub" / "bin" / "python"
PROXY = ROOT / ".hub" / "node_modules" / ".bin" / "configurable-http-proxy"
NAMES = [f"student-{number:02d}" for number in range(1, 11)]
CHAPTER = "00_start_here"


@dataclass
class Classroom:
    """A running hub. `students` are in the order of NAMES; `do` runs their coroutines all at once."""

    base: str  # http://127.0.0.1:<port>
    password: str
    folder: Path  # homes/ and the logs
    repository: str  # what a link of nbgitpuller pulls
    separate: str  # "" where each student is a system user of their own, else why not
    hub: subprocess.Popen
    loop: asyncio.AbstractEventLoop
    students: list[Student] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)  # seconds from login to laboratory

    def do(self, *tasks: Coroutine) -> list[Any]:
        """Run them together and return what they return; an error in one is raised at the end of all."""

        async def together():
            return await asyncio.gather(*tasks, return_exceptions=True)

        results = asyncio.run_coroutine_threadsafe(together(), self.loop).result()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    def home(self, student: Student) -> Path:
        return self.folder / "homes" / student.name

    def processes(self, student: Student) -> list[psutil.Process]:
        """The student's server and kernels."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("JUPYTERHUB_USER") == student.name:
                    found.append(process)
        return found

    def memory(self, student: Student) -> tuple[float, float]:
        """Megabytes of a student's server and kernel: their own, and their part of what is shared."""
        parts = [0.0, 0.0]
        for process in self.processes(student):
            with contextlib.suppress(psutil.Error):
                is_kernel = "ipykernel_launcher" in " ".join(process.cmdline())
                parts[is_kernel] += process.memory_full_info().pss / 2**20
        return parts[0], parts[1]


def why_not_separate() -> str:
    """Why each student cannot be a system user of their own here; "" where each can."""
    if not sys.platform.startswith("linux"):
        return "students are separated on Linux only"
    if os.geteuid() != 0:
        return "only root can start a server as another user"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "this root may not make a mount namespace"


@contextmanager
def classroom(names: Sequence[str] = NAMES) -> Iterator[Classroom]:
    """A hub with a login for every name; its end ends all servers and leaves nothing behind.

    Raises RuntimeError, with the end of the hub's log, where it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="metalib-hub-"))
    folder.chmod(0o755)  # every student walks through it to a home that is their own
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        with _repository(folder) as repository, _hub(folder, names) as (hub, base, password):
            room = Classroom(base, password, folder, repository, why_not_separate(), hub, loop)
            room.students = [Student(base, name, password) for name in names]
            yield room
            for student in room.students:
                loop.call_soon_threadsafe(student.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _repository(folder: Path) -> Iterator[str]:
    """The chapters in a git repository of their own, served as a code host would."""
    tree = folder / "repositories" / "learning-to-learn"
    shutil.copytree(ROOT / "chapters", tree / "chapters", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    git = ("git", "-C", str(tree), "-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "The chapters")):
        subprocess.run([*git, *command], check=True)
    port = _free_port()
    options = (f"--base-path={tree.parent}", "--export-all", "--listen=127.0.0.1", f"--port={port}")
    server = subprocess.Popen(["git", "daemon", *options, str(tree.parent)], stderr=subprocess.DEVNULL)
    try:
        yield f"git://127.0.0.1:{port}/learning-to-learn"
    finally:
        _end(server)


@contextmanager
def _hub(folder: Path, names: Sequence[str]) -> Iterator[tuple[subprocess.Popen, str, str]]:
    if not PROXY.exists():
        raise RuntimeError(f"There is no {PROXY}: install Node.js and npm, remove .hub, and run `make hub`.")
    separate, password, port = not why_not_separate(), secrets.token_hex(8), _free_port()
    homes = folder / "homes"
    homes.mkdir()
    command = [str(PYTHON), "-m", "jupyterhub", "-f", str(HERE / "jupyterhub_config.py")]
    if separate:
        behind = PYTHON.resolve().parents[1]  # the Python that .hub was made from
        trees = [ROOT / "metalib", ROOT / "deploy", HERE, ROOT / ".hub", behind]
        house = [PYTHON, HERE / "house.py", ",".join(names), homes, ",".join(map(str, trees)), "--"]
        command = ["unshare", "--mount", "--propagation", "private", *map(str, house), *command]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METALIB_", "PYTHON"))}
    environment = {
        **kept,
        "PATH": os.pathsep.join([str(PYTHON.parent), os.environ["PATH"]]),
        "HUB_TEST_SEPARATE": str(int(separate)),
        "HUB_TEST_FOLDER": str(folder),
        "HUB_TEST_PORT": str(port),
        "HUB_TEST_PASSWORD": password,
        "HUB_TEST_PROXY": str(PROXY),
    }
    log = folder / "hub.log"
    with log.open("wb") as said:
        hub = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(hub, base, log)
        yield hub, base, password
    finally:
        _end(hub)


def _wait_for(hub: subprocess.Popen, base: str, log: Path) -> None:
    async def answers() -> bool:
        with contextlib.suppress(OSError):
            return (await Student(base, "", "").fetch("/hub/api/")).code == 200
        return False

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and hub.poll() is None:
        if asyncio.run(answers()):
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterHub did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _end(process: subprocess.Popen) -> None:
    """End it at once with all that it has started: nothing that they would still do is of use to anybody."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.wait()
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(children, timeout=10)


def _free_port() -> int:
    """A port that is free, with the two after it: for the proxy, the hub and the proxy's own door."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            port = 0
            for number in range(3):
                probe = stack.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port + number if port else 0))
                port = port or probe.getsockname()[1]
            return port
