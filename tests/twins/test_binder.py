"""Binder's twin: what environment.yml asks for, postBuild, `start`, the address of a launch link, a visitor.

conda-forge's builds and Binder's own machines cannot be had here: pip brings the same packages.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import desk
import nbformat
import psutil
import pytest
from jupyter_client import BlockingKernelClient
from quota import one_processor
from twin import Twin, elsewhere

from metalib.threads import ONE_THREAD
from tools.notebooks import make_stable, text_of

pytestmark = pytest.mark.browser

MOST_MB = 1000  # what Binder promises a visitor
MOST_SECONDS = 30  # from the server's start to the first live picture


class Home:
    """A visitor's home folder on Binder: the repository, beside the environment that was built for it."""

    def __init__(self, folder: Path, binder: Twin) -> None:
        self.folder = folder
        mine = ("PYTHONPATH", "METALIB_DATA", "METALIB_CACHE", "METALIB_PROGRESS", *ONE_THREAD)
        kept = {name: value for name, value in os.environ.items() if name not in mine and name[:4] != "XDG_"}
        path = os.pathsep.join([str(binder.python.parent), os.environ["PATH"]])
        where = {"BINDER_LAUNCH_HOST": "https://mybinder.org/", "HOME": str(folder), "PATH": path}
        self.environment = {**kept, **where}

    def run(self, *command: object) -> str:
        """What a command says here. Raises AssertionError, with all that it said, where it fails."""
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [str(part) for part in command]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, text=True, **both)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def home(binder, archive, tmp_path_factory) -> Home:
    """The repository after postBuild."""
    place = tmp_path_factory.mktemp("binder")
    shutil.unpack_archive(archive, place)
    made = Home(next(place.iterdir()), binder)
    made.run("./postBuild")
    return made


class Memory(threading.Thread):
    """The most memory that a process and all below it have held, a page of several counted once (PSS)."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak_mb, self.ended = process, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.25):
            held = 0
            for one in [self.process, *self.process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):  # it has ended
                    held += one.memory_full_info().pss
            self.peak_mb = max(self.peak_mb, held / 2**20)


@dataclass
class Visit:
    """A launch link that a visitor has followed, and what came of it."""

    lab: desk.JupyterLab
    page: object
    seconds: float  # from the server's start to the first live picture
    asked: list[str]  # what the page asked for
    memory: Memory

    def api(self, method: str, place: str, **body: object):
        """The server's answer."""
        url = f"{self.lab.base}/api/{place}?token={self.lab.token}"
        asked = urllib.request.Request(url, json.dumps(body).encode() if body else None, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
            return json.loads(answer.read() or "null")


@pytest.fixture(scope="module")
def visit(home, browser, tmp_path_factory):
    """Chapter 00, opened by its own launch link, after *Run All Cells*."""
    chapter = nbformat.read(home.folder / "chapters" / "00_start_here.ipynb", 4)
    (linked,) = re.findall(r"mybinder\.org/\S+?labpath=([^)&\s]+)", chapter.cells[0].source)
    lab = desk.JupyterLab(
        desk.free_address() + "/user/visitor",
        "of-the-visitor",
        home.folder,
        tmp_path_factory.mktemp("log") / "log",
    )
    command = [
        *("./start", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={lab.port}", "--ServerApp.base_url=/user/visitor/"),
        f"--IdentityProvider.token={lab.token}",
    ]
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(120_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    began = time.monotonic()
    with desk.served(command, lab, home.environment) as server:
        memory = Memory(psutil.Process(server.pid))
        memory.start()
        page.goto(f"{lab.base}/lab/tree/{unquote(linked)}?token={lab.token}")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.locator(".metalib-stage[data-pictures]").first.wait_for()
        seconds = time.monotonic() - began
        page.locator(".metalib-quiz").wait_for()
        yield Visit(lab, page, seconds, asked, memory)
        memory.ended.set()
        page.close()


def test_the_first_live_picture_is_there_in_time(visit):
    # Where more wants to compute than there are processors (other tests), all takes so many times as long.
    crowd = max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    print(
        f"\nBinder: {visit.seconds:.1f} s from the server's start to the first live picture, load {crowd:.1f}"
    )
    assert visit.seconds < MOST_SECONDS * crowd


def test_a_visitor_is_asked_nothing_and_nothing_leaves_the_machine(visit):
    assert len(visit.asked) > 20 and elsewhere(visit.asked, visit.lab.base) == []
    assert [url for url in visit.asked if "/lab/api/news" in url or "/lab/api/update" in url] == []
    assert visit.page.locator(".Toastify__toast, .jp-Dialog").count() == 0


def test_another_chapter_runs_in_the_memory_of_a_visitor(visit, home):
    """In a kernel of its own, with one thread, after chapter 00 was shut down, as its last line says."""
    for kernel in visit.api("GET", "kernels"):
        visit.api("DELETE", f"kernels/{kernel['id']}")
    first, visit.memory.peak_mb = visit.memory.peak_mb, 0.0
    chapter = nbformat.read(home.folder / "chapters" / "03_maml.ipynb", 4)
    ran = nbformat.read(home.folder / "chapters" / "03_maml.ipynb", 4)
    id = visit.api("POST", "kernels", name="python3", path="chapters")["id"]
    kernel = BlockingKernelClient()
    kernel.load_connection_file(home.folder / ".local/share/jupyter/runtime" / f"kernel-{id}.json")
    kernel.start_channels()
    wait_for(kernel)
    for cell in (cell for cell in ran.cells if cell.cell_type == "code"):
        run_cell(kernel, cell)
    threads = nbformat.v4.new_code_cell("print(torch.get_num_threads())")
    assert [output.text for output in run_cell(kernel, threads).outputs] == ["1\n"]
    kernel.stop_channels()
    make_stable(ran)
    for before, after in zip(chapter.cells, ran.cells, strict=True):
        if "nbval-check-output" in before.metadata.get("tags", []):
            assert text_of(after) == text_of(before), before.source
    second = visit.memory.peak_mb
    print(f"\nBinder: server and kernel at most {first:.0f} MB in chapter 00, {second:.0f} MB in chapter 03")
    assert 100 < first < MOST_MB and 100 < second < MOST_MB


def wait_for(kernel, attempts: int = 60):
    """Until a kernel that the server has just begun to start answers."""
    for _attempt in range(attempts):
        try:
            return kernel.wait_for_ready(timeout=10)
        except RuntimeError:  # no heart-beat so far, which it takes for a death
            time.sleep(1)
    raise AssertionError("the kernel does not answer")


def run_cell(kernel, cell):
    """Execute a cell and keep its outputs. Raises AssertionError where it raises."""
    cell.outputs = []

    def keep(message):
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            cell.outputs.append(nbformat.v4.output_from_msg(message))

    reply = kernel.execute_interactive(cell.source, output_hook=keep, timeout=300)["content"]
    expected = "raises-exception" in cell.metadata.get("tags", [])
    assert reply["status"] == "ok" or expected, "\n".join(reply["traceback"])
    return cell


ITERATIONS = """
import time, torch, metalib
learner = metalib.MAML(metalib.models.sine_net())
training = metalib.Training(learner, metalib.SineTasks(), torch.Generator().manual_seed(0))
training.step()
began = time.perf_counter()
for _iteration in range(300):
    training.step()
print(time.perf_counter() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_training_is_no_slower_under_a_quota_of_one_processor(home):
    """`start` sets one thread. With torch's own number each operation waits for a thread that has no turn."""
    try:
        with one_processor() as limited:
            commands = {
                "free": ["./start", "python", "-c", ITERATIONS],
                "with a quota": [*limited, "./start", "python", "-c", ITERATIONS],
            }
            took = {name: [] for name in commands}
            for _round in range(2):
                for name, command in commands.items():
                    took[name].append(float(home.run(*command)))
    except OSError as reason:
        pytest.skip(f"no control group can be made here: {reason}")
    times = min(took["with a quota"]) / min(took["free"])
    print(
        f"\nBinder: 300 meta-iterations of MAML under a quota of one processor take {times:.2f} times as long"
    )
    assert times < 2, took
