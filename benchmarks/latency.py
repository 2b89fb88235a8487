"""From a pressed key to the painted picture, in a real browser: where the milliseconds go.

    python -m benchmarks.latency [--presses 60] [--baseline FOLDER] [--only Sine Landscape]

Each laboratory runs in a notebook of a JupyterLab; keys are pressed in headless Chromium, each when the
picture of the one before is painted and all is quiet. For every part it prints the median and the 95th
percentile in milliseconds:

- *sending*: from the key to the message that leaves the browser;
- *way there*: through the notebook's server and the kernel's queue, until the widget takes the value;
- *before*: what the widget does before it computes; *compute*; *paint*, result to pixels; *encode*;
  *kernel*, all of these and the rest, until the message with the picture is handed over;
- *way back*: through the server, until the browser has the message;
- *unpacking*: until the picture is taken out of it; *showing*: until it is in the page; *frame*: until the
  browser has painted.

With the folder of an older checkout it measures both in turns, in one run. The browser's clock and the
kernel's are the same machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.timing import print_table

ROOT = Path(__file__).resolve().parents[1]

# Laboratory -> (what has the focus, the key there, the key back, how often one way).
PLANS = {
    "Sine": ("α (inner rate)", "ArrowLeft", "ArrowRight", 10),
    "Landscape": ("α (inner rate)", "ArrowLeft", "ArrowRight", 10),
    "Distance": ("temperature", "ArrowLeft", "ArrowRight", 10),
    "LearningCurves": ("shots", "ArrowDown", "ArrowUp", 1),
    "Episode": ("", "ArrowRight", "ArrowLeft", 3),
    "Prototype": ("shots", "ArrowRight", "ArrowLeft", 4),
}
PARTS = {
    "sending": ("key", "sent"),
    "way there": ("sent", "taken"),
    "before": ("taken", "compute"),
    "compute": ("compute", "computed"),
    "paint": ("paint", "painted"),
    "encode": ("encode", "encoded"),
    "kernel": ("taken", "left"),
    "way back": ("left", "arrived"),
    "unpacking": ("arrived", "unpacked"),
    "showing": ("unpacked", "shown"),
    "frame": ("shown", "seen"),
    "all": ("key", "seen"),
}

KERNEL = """
import json, time
import ipywidgets
import metalib
from metalib import lab
from metalib.lab import laboratory as _laboratory, picture as _picture, surface as _surface

if hasattr(metalib, "threads"):
    metalib.threads.settle()
_now = {}

def _timed(function, begin, end=None):
    def call(*arguments, **named):
        _now.setdefault(begin, time.time())
        result = function(*arguments, **named)
        if end:
            _now[end] = time.time()
        return result
    return call

def _sent(send_state):
    def call(self, key=None):
        send_state(self, key)
        if isinstance(self, _surface.Surface) and "paint" in _now:
            _now["left"] = time.time()
            with open("TIMES", "a") as file:
                file.write(json.dumps(_now) + "\\n")
            _now.clear()
    return call

made = lab.NAMELaboratory()
made.compute = _timed(made.compute, "compute", "computed")
made.painter.pixels = _timed(made.painter.pixels, "paint", "painted")
for module in (_picture, _surface):
    for name in ("encode_png", "encode_changes"):
        if hasattr(module, name):
            setattr(module, name, _timed(getattr(module, name), "encode", "encoded"))
ipywidgets.Widget.set_state = _timed(ipywidgets.Widget.set_state, "taken")
_surface.Surface._receive = _timed(_surface.Surface._receive, "taken")
_surface.Surface.send_state = _sent(_surface.Surface.send_state)
made
"""

BROWSER = """
const now = () => (performance.timeOrigin + performance.now()) / 1000;
window.marks = null;
document.addEventListener("keydown", (event) => {
  window.marks = { key: (performance.timeOrigin + event.timeStamp) / 1000 };
  window.seen = new Promise((resolve) => { window.resolveSeen = resolve; });
}, true);
const mark = (name) => { if (window.marks && !(name in window.marks)) window.marks[name] = now(); };
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (...data) { mark("sent"); return send.apply(this, data); };
window.WebSocket = class extends WebSocket {
  constructor(...data) {
    super(...data);
    this.addEventListener("message", (event) => {
      if ((event.data.byteLength ?? event.data.length) > 4000) mark("arrived");
    });
  }
};
const url = URL.createObjectURL;
URL.createObjectURL = (blob) => { mark("unpacked"); return url.call(URL, blob); };
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...data) {
  mark("unpacked");
  return put.apply(this, data);
};
window.watchStage = () => {
  const stage = document.querySelector(".metalib-stage");
  new MutationObserver(() => {
    if (!window.marks || "shown" in window.marks) return;
    mark("shown");
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { mark("seen"); window.resolveSeen(window.marks); };
      channel.port2.postMessage(0);
    });
  }).observe(stage, { attributeFilter: ["data-pictures"] });
};
"""


class Place:
    """One laboratory in one checkout's JupyterLab, in a page of its own."""

    def __init__(self, browser: Any, lab: Any, name: str) -> None:
        import nbformat

        self.times = lab.folder / f"{name}.jsonl"
        cell = KERNEL.replace("NAME", name).replace("TIMES", str(self.times))
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, lab.folder / f"{name}.ipynb")
        self.page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        self.page.set_default_timeout(120_000)
        self.page.add_init_script(BROWSER)
        self.page.goto(lab.notebook(f"{name}.ipynb"))
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        self.page.locator(".jp-CodeCell .cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")
        self.page.locator(".metalib-stage[data-pictures]").first.wait_for()
        self.page.keyboard.press("Control+b")  # the file browser takes room
        self.page.wait_for_timeout(2000)
        self.page.evaluate("window.watchStage()")
        control, self.there, self.back, self.often = PLANS[name]
        if not control:
            self.page.locator(".metalib-stage").first.focus()
        elif "Arrow" in self.there and self.often == 1:
            self.page.get_by_label(control).first.focus()
        else:
            self.page.get_by_role("slider", name=control).first.focus()
        self.count = 0

    def press(self) -> dict[str, float]:
        """One key and what it took, in milliseconds by part."""
        key = self.there if (self.count // self.often) % 2 == 0 else self.back
        self.count += 1
        before = self.written()
        self.page.keyboard.press(key)
        marks = self.page.evaluate("window.seen")
        self.page.wait_for_timeout(120)
        lines = self.written()[len(before) :]
        marks |= json.loads(lines[0]) if lines else {}
        return {
            part: 1000 * (marks[end] - marks[begin])
            for part, (begin, end) in PARTS.items()
            if begin in marks and end in marks
        }

    def written(self) -> list[str]:
        """The kernel's lines."""
        return self.times.read_text("utf-8").splitlines() if self.times.exists() else []


@contextmanager
def labs(trees: Sequence[Path]) -> Iterator[list[Any]]:
    """A JupyterLab for each checkout."""
    from desk import jupyter_lab

    with ExitStack() as stack:
        started = []
        for tree in trees:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            folder = home / "notebooks"
            folder.mkdir()
            started.append(stack.enter_context(jupyter_lab(home, folder, [tree])))
        yield started


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=60, help="keys pressed in each laboratory")
    parser.add_argument("--baseline", type=Path, help="an older checkout to compare with")
    parser.add_argument("--only", nargs="+", choices=PLANS, default=list(PLANS), metavar="NAME")
    options = parser.parse_args(arguments)
    trees = ([options.baseline.resolve()] if options.baseline else []) + [ROOT]
    heads = ["before", "now"] if options.baseline else ["now"]

    sys.path.insert(0, str(ROOT / "tools"))
    from desk import CHROMIUM_FLAGS, find_browser
    from playwright.sync_api import sync_playwright

    with labs(trees) as running, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_FLAGS)
        for name in options.only:
            places = [Place(chromium, lab, name) for lab in running]
            taken: list[list[dict[str, float]]] = [[] for _place in places]
            for _press in range(options.presses):
                for times, place in zip(taken, places, strict=True):
                    place.page.bring_to_front()
                    times.append(place.press())
            for place in places:
                place.page.context.close()
            rows = []
            for part in PARTS:
                columns = [[one[part] for one in times[3:] if part in one] for times in taken]
                rows.append([part, *(cell(column) for column in columns)])
            load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
            print(f"\n{name}, {options.presses} presses, {time.strftime('%H:%M')}, {load}")
            print_table(["ms: median / 95 %", *heads], rows)
        chromium.close()
    return 0


def cell(milliseconds: list[float]) -> str:
    """Median and 95th percentile."""
    if len(milliseconds) < 2:
        return "–"
    return f"{median(milliseconds):.1f} / {quantiles(milliseconds, n=20, method='inclusive')[-1]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
