"""From a moved slider to the painted picture in a page of the site, without a kernel.

    python -m benchmarks.site [--moves 60] [--only sine landscape] [--width 1280]

Each live laboratory stands alone in a page, in headless Chromium, served from this machine. Keys are pressed
on its slider, or a pointer drags in its picture, each when the picture of the one before is painted. *Page*
is the time from the event to the frame behind the drawing: computing, drawing, words and the browser's own
painting. *Kernel* is what the same state takes in Python in the same run, in turns: computing, painting,
encoding and words, without the way to the browser (`benchmarks.latency` has that). A browser paints 60
times a second, so that *page* waits for up to 17 ms. Median and 95th percentile, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.timing import print_table
from metalib.lab.live import LIVE, write

ROOT = Path(__file__).resolve().parents[1]

# Laboratory -> what is moved: the control of a field, or a pointer in a panel, in data coordinates.
PLANS: dict[str, dict[str, Any]] = {
    "sine": {"alpha": None, "phase": None, "a pull of θ": (0, lambda t: (0.0, math.sin(9 * t)))},
    "landscape": {"alpha": None, "moves": None, "dragged θ": (0, lambda t: (2 * t - 1, math.sin(9 * t)))},
    "distances": {"temperature": None, "dragged query": (0, lambda t: (4 * t - 2, math.sin(9 * t)))},
    "prototypes": {"shots": None, "draw": None},
    "alphabet": {"steps": None, "a stroke": ("pad", lambda t: (0.2 + 0.6 * t, 0.5 + 0.3 * math.sin(9 * t)))},
}

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>NAME</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="live/stage.css"><script defer src="live/start.js"></script>
<div class="metalib-live" data-live="NAME" data-language="en"></div>"""

WATCH = """
window.begun = null;
for (const kind of ["keydown", "pointermove", "click"]) {
  document.addEventListener(kind, (event) => {
    if (begun !== null) return;
    begun = event.timeStamp;
    window.seen = new Promise((resolve) => { window.resolveSeen = resolve; });
  }, true);
}
document.addEventListener("metalib:shown", () => {
  if (begun === null) return;
  const channel = new MessageChannel(), from = begun;
  begun = null;
  channel.port1.onmessage = () => resolveSeen(performance.now() - from);
  channel.port2.postMessage(0);
}, true);
"""


class Place:
    """One laboratory twice: in a page of its own, and in Python."""

    def __init__(self, browser: Any, address: str, name: str, width: int) -> None:
        self.live, self.laboratory = LIVE[name], LIVE[name].begin()
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.add_init_script(WATCH)
        self.page.goto(f"{address}/{name}.html")
        self.page.locator("[data-state=live]").wait_for()

    def moves(self, plan: Any, what: str, count: int) -> Iterator[Callable[[], None]]:
        """So many moves of a control or of what is dragged, each to be made when the one before is seen."""
        yield from self.presses(what, count) if plan is None else self.drags(*plan, count)

    def presses(self, field: str, count: int) -> Iterator[Callable[[], None]]:
        """Ten steps of a slider up and ten down, from a quarter of its way; a button is pressed."""
        control = self.page.locator(f"[data-field={field}]")
        slider, keys = control.locator("input[type=range]"), ["Enter"]
        if slider.count():
            span = int(slider.get_attribute("max"))
            steps = max(1, min(10, span - span // 4))
            keys = ["ArrowRight"] * steps + ["ArrowLeft"] * steps
            slider.focus()
            for key in ["Home"] + ["ArrowRight"] * (span // 4):
                self.page.keyboard.press(key)
        else:
            control.locator("button").focus()
        self.settle()
        for _move, key in zip(range(count), cycle(keys), strict=False):
            yield partial(self.page.keyboard.press, key)

    def drags(self, panel: Any, path: Callable[[float], tuple], count: int) -> Iterator[Callable[[], None]]:
        """A pointer that goes along a path."""
        self.page.mouse.move(*self.grip(panel, path))
        self.page.mouse.down()
        self.settle()
        for move in range(count):
            yield partial(self.page.mouse.move, *self.in_window(panel, *path((move + 1) / count)))
        self.page.mouse.up()

    def settle(self) -> None:
        """Let what was begun end unmeasured."""
        self.page.wait_for_timeout(300)
        self.page.evaluate("begun = null")

    def grip(self, panel: Any, path: Callable[[float], tuple]) -> tuple[float, float]:
        """Where the pointer goes down."""
        if panel == "pad":
            return self.in_window(panel, *path(0))
        state = self.page.evaluate("document.querySelector('.metalib-live').laboratory.state")
        if "hand" in state:
            height = self.page.evaluate("document.querySelector('.metalib-live').laboratory.result.height")
            return self.in_window(panel, state["hand"], height)
        place = state.get("query") or state.get("theta") or list(self.laboratory.state.land.start)
        return self.in_window(panel, *place)

    def in_window(self, panel: Any, x: float, y: float) -> tuple[float, float]:
        if panel == "pad":
            box = self.page.locator(".metalib-pad").bounding_box()
            return box["x"] + x * box["width"], box["y"] + y * box["height"]
        ask = "(at) => document.querySelector('.metalib-live').laboratory.inWindow(...at)"
        return tuple(self.page.evaluate(ask, [panel, x, y]))

    def measure(self, what: str, plan: Any, count: int) -> dict[str, list[float]]:
        """Milliseconds of all moves, in the page and in Python."""
        taken: dict[str, list[float]] = {"page": [], "kernel": []}
        for move in self.moves(plan, what, count):
            move()
            done = "Promise.race([window.seen, new Promise((r) => setTimeout(() => r(null), 500))])"
            milliseconds = self.page.evaluate(done)
            state = json.loads(
                self.page.evaluate("JSON.stringify(document.querySelector('.metalib-live').laboratory.state)")
            )
            if milliseconds is None:  # nothing has changed
                self.page.evaluate("begun = null")
                continue
            made = type(self.laboratory.state)(**self.live.decode(state))
            began = time.perf_counter()
            self.laboratory.go(made)
            taken["kernel"].append(1000 * (time.perf_counter() - began))
            taken["page"].append(milliseconds)
        return taken

    def close(self) -> None:
        self.page.close()
        self.laboratory.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=60, help="of each slider, and drags of each thing")
    parser.add_argument("--only", nargs="+", choices=list(LIVE), default=list(LIVE), metavar="NAME")
    parser.add_argument("--width", type=int, default=1280, help="of the window, in CSS pixels")
    options = parser.parse_args(arguments)

    sys.path.insert(0, str(ROOT / "tools"))
    from desk import CHROMIUM_FLAGS, find_browser, website
    from playwright.sync_api import sync_playwright

    rows = []
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder = Path(home)
        write(folder / "live", ["en"], {name: LIVE[name] for name in options.only})
        for name in options.only:
            (folder / f"{name}.html").write_text(PAGE.replace("NAME", name), encoding="utf-8")
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_FLAGS)
        with website(folder) as address:
            for name in options.only:
                place = Place(chromium, address, name, options.width)
                for what, plan in PLANS.get(name, {}).items():
                    rows.append([name, what, *cells(place.measure(what, plan, options.moves))])
                place.close()
        chromium.close()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{options.moves} moves each, {options.width} pixels wide, {time.strftime('%H:%M')}{load}\n")
    print_table(["ms: median / 95 %", "moved", "page", "kernel", "kernel / page"], rows)
    return 0


def cells(taken: dict[str, list[float]]) -> list[str]:
    """Median and 95th percentile of both, and how many times quicker the page is."""
    page, kernel = (values[3:] for values in (taken["page"], taken["kernel"]))
    if len(page) < 2:
        return ["–", "–", "–"]
    both = [f"{median(v):.1f} / {quantiles(v, n=20, method='inclusive')[-1]:.1f}" for v in (page, kernel)]
    return [*both, f"{median(kernel) / median(page):.1f} x"]


if __name__ == "__main__":
    sys.exit(main())
