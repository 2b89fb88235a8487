"""What a learner does with all that a chapter has put on the page: imported by the chapter's own kernel.

    await learner.try_everything()      # in a cell after the last: {"laboratories": …, "questions": …}

Every message takes the browser's road: to the kernel's comm of the widget, as the front end sends it.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython
from PIL import Image

from metalib.exercises import progress, view
from metalib.exercises.view import QuestionsView
from metalib.lab import Laboratory, Surface
from metalib.lab.controls import Counter

FOREIGN = re.compile(r"\w+(Error|Exception|Warning)\b")
PICTURE = re.compile(r"data:image/png;base64,([\w+/=]+)")
KEYS = "ArrowLeft ArrowRight ArrowUp ArrowDown Home End PageUp PageDown".split()
KEYS += "Enter Escape Delete Backspace + - 1".split()
PLACES = [(x, y) for x in (0.12, 0.3, 0.5, 0.72, 0.9) for y in (0.25, 0.5, 0.8)]
STROKE = [[0.2, 0.3], [0.5, 0.7], [0.8, 0.2]]
PEACE = 0.02  # seconds in which the kernel's loop turns: idle work gets its turn
PATIENCE = 5  # seconds until work that a button starts must have shown something; some only stop it


def tell(widget: Any, data: dict[str, Any]) -> None:
    """Hand the widget a message as the kernel does when it comes from a browser."""
    comm = get_ipython().kernel.comm_manager.get_comm(widget.model_id)
    comm.handle_msg({"content": {"comm_id": widget.model_id, "data": data}, "buffers": []})


def move(widget: Any, **state: Any) -> None:
    """What the front end sends when a control is moved."""
    tell(widget, {"method": "update", "state": state, "buffer_paths": []})


def say(widget: Any, **content: Any) -> None:
    """What a script of the front end sends with `model.send`."""
    tell(widget, {"method": "custom", "content": content})


def positions(widget: Any) -> list[dict[str, Any]]:
    """A control's ends and its middle, as states."""
    if isinstance(widget, widgets.Dropdown):
        last = len(widget.options) - 1
        return [{"index": at} for at in dict.fromkeys((last, 0, last // 2))]
    low, high = widget.min, widget.max
    if isinstance(widget, widgets.FloatLogSlider):
        return [{"value": widget.base**at} for at in (low, high, (low + high) / 2)]
    middle = (low + high) // 2 if isinstance(widget.value, int) else (low + high) / 2
    return [{"value": at} for at in (low, high, middle)]


def below(widget: Any) -> Iterator[Any]:
    """A widget and all that it shows."""
    yield widget
    if not isinstance(widget, Counter):  # a control like the others, made of two widgets
        for inner in getattr(widget, "children", ()):
            yield from below(inner)


class Trial:
    """One laboratory in the hands of a learner: what was done, what was seen, what went wrong."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory, self.surface = laboratory, laboratory.surface
        self.pads = [one for one in below(laboratory.box) if isinstance(one, Surface) and one.drawing]
        self.actions = 0
        self.moved: dict[str, bool] = {}  # what was done: did it change anything
        self.wrong: list[str] = []
        self.stills = {self.still()}

    async def everything(self) -> dict[str, Any]:
        for name in self.laboratory.controls:
            await self.control(name)
            self.stills.add(self.still())  # while much is shown: a button may empty it
        for widget in list(below(self.laboratory.box)):
            if isinstance(widget, Surface):
                await self.touch(widget)
                self.stills.add(self.still())
        for widget in list(below(self.laboratory.box)):
            if isinstance(widget, widgets.Play):
                for value in (min(widget.value + 1, widget.max), 0):
                    await self.act("play", move, widget, value=value)
            elif isinstance(widget, widgets.Button):
                await self.write()
                await self.act("buttons", say, widget, event="click")
                self.stills.add(self.still())
        await asyncio.sleep(10 * PEACE)
        self.stills.add(self.still())
        return {
            "kind": type(self.laboratory).__name__,
            "actions": self.actions,
            "stills": len(self.stills),
            "unmoved": [what for what, moved in self.moved.items() if not moved],
            "wrong": self.wrong,
        }

    async def act(self, what: str, how: Callable[..., None], widget: Any, **sent: Any) -> None:
        before, message = self.shows(), self.surface.message
        how(widget, **sent)
        await asyncio.sleep(PEACE)
        end = time.monotonic() + PATIENCE * isinstance(widget, widgets.Button)
        while self.shows() == before and time.monotonic() < end:
            await asyncio.sleep(PEACE)
        self.actions += 1
        self.moved[what] = self.moved.get(what, False) or self.shows() != before
        said = self.surface.message
        # A button or a key may refuse, in a sentence; a control that moves within its limits may not.
        if self.surface.failed and said != message and (FOREIGN.match(said) or how is move):
            self.wrong.append(f"{what} {sent}: {said}")

    def shows(self) -> tuple:
        surface = self.surface
        return surface.ground, surface.changes, surface.alt, surface.message

    async def control(self, name: str) -> None:
        widget = self.laboratory.controls[name]
        if isinstance(widget, Counter):
            for _press in range(2):
                await self.act(name, say, widget.button, event="click")
            return
        if isinstance(widget, widgets.Dropdown) and len(widget.options) == 1:
            return  # there is nothing to choose
        for state in positions(widget):
            # Asked for anew each time: a control is another widget when its limits have changed.
            await self.act(name, move, self.laboratory.controls[name], **state)

    async def touch(self, surface: Surface) -> None:
        if surface.interactive:
            for x, y in PLACES:
                mouse = {"device": "mouse", "shift": False, "id": "twin"}
                there = {"x": x + 0.06, "y": y - 0.06, **mouse}
                await self.act("touch", say, surface, kind="down", pressed=True, x=x, y=y, **mouse)
                await self.act("touch", say, surface, kind="move", pressed=True, **there)
                await self.act("touch", say, surface, kind="up", pressed=False, **there)
            for key in KEYS:
                await self.act("touch", say, surface, kind="key", key=key, shift=False, id="twin")
        for resolution in (2.0, 1.0):
            await self.act("resolution", move, surface, resolution=resolution)

    async def write(self) -> None:
        for pad in self.pads:
            await self.act("write", move, pad, strokes=[STROKE])

    def still(self) -> bytes:
        """What a page without a kernel shows; raises where that is no PNG file."""
        bundle, _metadata = self.laboratory._repr_mimebundle_()
        (coded,) = PICTURE.findall(bundle["text/html"])
        file = base64.b64decode(coded)
        with Image.open(io.BytesIO(file), formats=["PNG"]) as picture:
            picture.load()
        return file


async def answer(id: str, asked: QuestionsView) -> dict[str, Any]:
    """Every choice of every question; a prediction is also opened without a guess."""
    given = 0
    for question in asked.questions:
        items = [item["id"] for item in question["items"]]
        either = {"choice": items, "number": ["0", "12.5"], "order": [" ".join(items), " ".join(items[::-1])]}
        for guess in [*either[question["kind"]], *([] if asked.quiz else [None])]:
            say(asked, question=question["id"], guess=guess)
            given += 1
        await asyncio.sleep(PEACE)
    opened = bool(asked.explained if asked.quiz else asked.answer["html"])
    return {
        "id": id,
        "quiz": asked.quiz,
        "answers": given,
        "opened": opened,
        "kept": bool(progress.entry(id)),
    }


async def try_everything() -> dict[str, Any]:
    """Drive every laboratory that the notebook has made, answer every question that it shows."""
    made = [thing for thing in gc.get_objects() if issubclass(type(thing), Laboratory) and thing.controls]
    return {
        "laboratories": [await Trial(laboratory).everything() for laboratory in made],
        "questions": [await answer(id, on_page) for id, on_page in view._shown.items()],
    }
