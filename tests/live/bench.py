"""A live laboratory's module in Chromium, beside the Python laboratory: the same states through both.

    with bench.opened(browser, folder, "sine") as sine:
        sine.agrees(200, seed=1)          # compute, key by key of `reference`
        sine.speaks_alike(40, seed=2)     # words and describe, in every language
        after = sine.keys(state, "ArrowLeft")

The files are those that a site gets: `metalib.lab.live.write` puts them into a folder, which is served.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from desk import website

from metalib.i18n import languages, speaking
from metalib.lab.controls import Count, OneOf, Range
from metalib.lab.live import LIVE, Live, write
from metalib.lab.words import LARGEST, as_json

TOLERANCE = 1e-5
NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]\d+)?(?: ?%)?")

# What is not a number in JSON travels as null or as a word.
LOAD = """async ({name, language}) => {
    const json = async (file) => (await fetch(file)).json();
    const {makeTools} = await import("/tools.js");
    const module = await import(`/${name}.js`);
    const said = await json(`/${name}.${language}.json`);
    const data = await json(`/${name}.data.json`);
    const env = module.prepare ? await module.prepare(data) : data;
    let scale = 60, reach = 18; // CSS pixels of a unit, and of a grip
    const near = (panel, x1, y1, x2, y2) => Math.hypot(x1 - x2, y1 - y2) * (scale[panel] ?? scale);
    const size = () => ({width: 460, height: 430});
    const view = (state) => ({
      state, result: module.compute(state, env), env, texts: said.texts, styles: said.styles,
      tools: makeTools({near, reach, size}),
    });
    const number = (v) => Number.isNaN(v) ? null : Number.isFinite(v) ? v : v > 0 ? "inf" : "-inf";
    const plain = (key, value) => ArrayBuffer.isView(value) ? Array.from(value, number)
      : typeof value === "number" ? number(value) : value === undefined ? null : value;
    const pick = (result, keys) => Object.fromEntries(keys.map((key) => [key, result[key]]));
    const mark = (one) => typeof one === "string" ? said.styles[one] : one ?? null;
    const asks = {
      compute: ({states, keys}) => states.map((state) => pick(module.compute(state, env), keys)),
      words: ({states}) => states.map((state) => {
        const words = module.words(view(state));
        const panels = words.panels.map(({title = "", note = "", legend = []}) =>
          ({title, note, legend: legend.map((entry) => ({text: entry.text, mark: mark(entry.mark)}))}));
        return {panels, remark: words.remark ?? "", describe: module.describe(view(state))};
      }),
      follow: ({before, after}) => module.follow ? module.follow(before, after, env) : after,
      limits: ({state}) => module.limits?.(state, env) ?? {},
      keys: ({state, key, shift}) => module.keys(view(state), {key, shift}) ?? null,
      touch: ({state, panel, x, y}) => module.touch(view(state), panel, x, y) ?? null,
      drag: ({state, panel, from, to}) => {
        const held = module.drag.grab(view(state), panel, ...from) ?? null;
        return held === null ? null : module.drag.pull(view(state), held, panel, ...to) ?? null;
      },
      press: ({state, button}) => module.buttons.flat()[button].press(view(state)) ?? null,
      pressed: ({state, key, shift}) => module.pad.pressed(view(state), {key, shift}) ?? null,
    };
    window.ask = (what, question) => JSON.stringify(asks[what](question), plain);
    window.set = (given) => { scale = given.scale ?? scale; reach = given.reach ?? reach; };
}"""


@contextmanager
def opened(browser, folder: Path, name: str, live: Live | None = None) -> Iterator["Bench"]:
    """The bench for a laboratory; its files are written to `folder`."""
    live = live or LIVE[name]
    write(folder, languages(), {name: live})
    with website(folder) as address:
        page = browser.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"{address}/{name}.data.json")
        laboratory = live.begin()
        try:
            yield Bench(page, name, live, laboratory)
            assert not failures
        finally:
            laboratory.close()
            page.close()


def states(laboratory: Any, number: int, seed: int, hidden: Mapping[str, Callable] | None = None) -> list:
    """So many states, drawn from the controls that the laboratory declares; the same for the same seed.

    `hidden` has for a field without a control, or for one whose limits vary, a function of a NumPy generator;
    without one it keeps its first value.
    """
    rng = np.random.default_rng(seed)
    hidden = hidden or {}
    made = []
    for _state in range(number):
        values = {}
        for name, one in laboratory.declared.items():
            if name in hidden:
                values[name] = hidden[name](rng)
            elif isinstance(one, OneOf):
                values[name] = list(one.options)[rng.integers(len(one.options))]
            elif isinstance(one, Count):
                values[name] = int(rng.integers(0, 200))
            elif isinstance(one, Range):
                values[name] = drawn(one, rng)
            else:
                values[name] = getattr(laboratory.state, name)
        made.append(type(laboratory.state)(**values))
    return made


def drawn(one: Range, rng: np.random.Generator) -> Any:
    """A number that a learner can choose; one in ten lies at an end."""
    if rng.random() < 0.1:
        return one.check("", one.low if rng.random() < 0.5 else one.high)
    if one.kind == "whole":
        return int(rng.integers(int(one.low), int(one.high) + 1))
    low, high = (math.log10(one.low), math.log10(one.high)) if one.kind == "log" else (one.low, one.high)
    value = rng.uniform(low, high)
    return one.check("", 10**value if one.kind == "log" else round(value, 4))


class Bench:
    """One laboratory twice: `laboratory` in Python, and its module in the page."""

    def __init__(self, page: Any, name: str, live: Live, laboratory: Any) -> None:
        self.page, self.name, self.live, self.laboratory = page, name, live, laboratory
        self.speak("en")

    def speak(self, language: str) -> None:
        """Load the module with the texts of this language."""
        self.page.evaluate(LOAD, {"name": self.name, "language": language})

    def measure(self, scale: float | list[float], reach: float = 18) -> None:
        """For `tools.near`: CSS pixels of a unit, of all panels or of each, and of a grip."""
        self.page.evaluate("window.set", {"scale": scale, "reach": reach})

    def ask(self, what: str, **question: Any) -> Any:
        return json.loads(
            self.page.evaluate("([what, question]) => ask(what, question)", [what, question]) or "null"
        )

    def states(self, number: int, seed: int, hidden: Mapping[str, Callable] | None = None) -> list:
        return states(self.laboratory, number, seed, hidden)

    def decoded(self, state: dict | None) -> Any:
        """A state of the page's as Python has it."""
        return None if state is None else type(self.laboratory.state)(**self.live.decode(state))

    def agrees(self, given: int | list, seed: int = 0, tolerance: Mapping[str, float] | None = None, **more):
        """The same states through `compute` of both; each key of `reference` must agree.

        `tolerance`: key -> another one, for what float32 itself does not hold; say there why.
        """
        chosen = self.states(given, seed, **more) if isinstance(given, int) else given
        wanted = [self.live.reference(state, self.laboratory.compute(state)) for state in chosen]
        assert wanted and wanted[0], "reference names nothing to compare"
        found: list[dict] = []
        for at in range(0, len(chosen), 50):
            part = [self.live.encode(state) for state in chosen[at : at + 50]]
            found += self.ask("compute", states=part, keys=list(wanted[0]))
        for state, python, page in zip(chosen, wanted, found, strict=True):
            for key, value in python.items():
                near = (tolerance or {}).get(key, TOLERANCE)
                problem = difference(value, page[key], near)
                assert not problem, f"{key}: {problem} in {state}"
        return chosen, found

    def speaks_alike(self, given: int | list, seed: int = 0, **more) -> None:
        """`words` and `describe` say what the Python painter says, in every language."""
        chosen = self.states(given, seed, **more) if isinstance(given, int) else given
        told = ("title", "note", "legend")
        for language in languages():
            with speaking(language):
                self.speak(language)
                laboratory = self.live.begin()  # what it says once is said in the language of its beginning
                said = self.ask("words", states=[self.live.encode(state) for state in chosen])
                for state, page in zip(chosen, said, strict=True):
                    result = laboratory.compute(state)
                    words = laboratory.painter.words(state, result)
                    python = {
                        "panels": [{key: panel[key] for key in told} for panel in as_json(words)],
                        "remark": words.remark,
                        "describe": laboratory.painter.describe(state, result),
                    }
                    problem = unlike(python, page)
                    assert not problem, f"{problem} in {state}, in the language {language}"
                laboratory.close()
        self.speak("en")

    def follow(self, before: Any, after: Any) -> Any:
        question = {"before": self.live.encode(before), "after": self.live.encode(after)}
        return self.decoded(self.ask("follow", **question))

    def keys(self, state: Any, key: str, shift: bool = False) -> Any:
        """The state to which a key leads, or None."""
        return self.decoded(self.ask("keys", state=self.live.encode(state), key=key, shift=shift))

    def touch(self, state: Any, panel: int, x: float, y: float) -> Any:
        """The state to which a touch leads, in the panel's data coordinates, or None."""
        return self.decoded(self.ask("touch", state=self.live.encode(state), panel=panel, x=x, y=y))

    def drag(self, state: Any, panel: int, start: tuple, end: tuple) -> Any:
        """The state to which dragging leads, or None where nothing is taken hold of."""
        there = {"panel": panel, "from": list(start), "to": list(end)}
        return self.decoded(self.ask("drag", state=self.live.encode(state), **there))

    def press(self, state: Any, button: int) -> Any:
        """The state to which the button of this number leads, or None."""
        return self.decoded(self.ask("press", state=self.live.encode(state), button=button))


def numbers(value: Any) -> np.ndarray:
    """Nested lists as an array of float64; what is no number is NaN."""

    def cleaned(one: Any) -> Any:
        if isinstance(one, list | tuple):
            return [cleaned(part) for part in one]
        return math.nan if one is None else float(one)

    return np.asarray(value, float) if isinstance(value, np.ndarray) else np.array(cleaned(value), float)


def difference(python: Any, page: Any, tolerance: float) -> str:
    """What is different, or ""."""
    if isinstance(python, str):
        return "" if python == page else f"{page!r} in the page, {python!r} in Python"
    wanted = numbers(python)
    try:
        found = numbers(page)
    except (TypeError, ValueError):
        return f"{str(page)[:80]} in the page is no array of numbers"
    if found.size == wanted.size and wanted.ndim > found.ndim == 1:
        found = found.reshape(wanted.shape)  # a typed array, row by row
    if wanted.shape != found.shape:
        return f"shape {found.shape} in the page, {wanted.shape} in Python"
    if (np.isnan(wanted) != np.isnan(found)).any():
        return f"{np.isnan(found).sum()} in the page are no numbers, {np.isnan(wanted).sum()} in Python"
    finite = np.isfinite(wanted)
    if (wanted[~finite & ~np.isnan(wanted)] != found[~finite & ~np.isnan(wanted)]).any():
        return "what is infinite in Python is not so in the page"
    largest = np.abs(wanted[finite]).max(initial=1.0)
    apart = np.abs(wanted[finite] - found[finite]).max(initial=0.0)
    return "" if apart <= tolerance * largest else f"apart by {apart:.3g}, where the largest is {largest:.3g}"


def unlike(python: Any, page: Any) -> str:
    """What of two trees of texts and numbers is different, or ""; numbers in a text may differ by one unit of
    their last digit."""
    if isinstance(python, dict) and isinstance(page, dict):
        for key, value in python.items():
            if problem := unlike(value, page.get(key)):
                return f"{key}: {problem}"
        return ""
    if isinstance(python, list) and isinstance(page, list) and len(python) == len(page):
        return next(
            (problem for one, other in zip(python, page, strict=True) if (problem := unlike(one, other))), ""
        )
    if isinstance(python, str) and isinstance(page, str):
        return "" if alike(python, page) else f"{page!r} in the page, {python!r} in Python"
    if python == LARGEST and isinstance(page, int | float):
        page = min(page, LARGEST)  # the size of a mark
    return "" if python == page else f"{page!r} in the page, {python!r} in Python"


def alike(python: str, page: str) -> bool:
    """The same text, but for one unit in the last digit of its numbers."""
    if NUMBER.sub("#", python) != NUMBER.sub("#", page):
        return False
    return all(
        abs(value(one) - value(other)) <= 1.001 * max(unit(one), unit(other))
        for one, other in zip(NUMBER.findall(python), NUMBER.findall(page), strict=True)
    )


def value(number: str) -> float:
    return float(number.replace("−", "-").rstrip(" %"))


def unit(number: str) -> float:
    """Of the last digit: 0.01 for 1.25, 1 for 36 %, 0 for a small whole number, which must be the same."""
    digits, _e, power = number.rstrip(" %").partition("e")
    behind = len(digits.partition(".")[2])
    rounded = behind or power or number.endswith("%") or abs(value(number)) >= 100
    return 10.0 ** (int(power or 0) - behind) if rounded else 0.0
