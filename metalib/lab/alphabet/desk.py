"""What lies around the alphabet laboratory's pad: its buttons, the data set to pick from, the file; and the
data and learners that it begins with."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from PIL import Image, ImageDraw

from metalib.data import ImageSet, from_folder, glyphs, omniglot
from metalib.data.omniglot import SIZE
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.alphabet.board import MAX_CLASSES, MAX_EXAMPLES, Alphabet, Drawing
from metalib.lab.surface import Surface
from metalib.tasks import Episodes

PAD = 240  # pixels


class Desk:
    """The pad and the widgets beside it. `buttons` are by the name of what the laboratory does."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self.pad = Surface(width=PAD, height=PAD, drawing=True, label=_("The pad: draw here; Enter adds."))
        self.pad.show(paper(), _("The pad, empty paper to draw on."))
        # Only its message: what is said about the pad and the buttons stands beside them.
        self.notice = Surface(width=1000, height=1)
        self.buttons = {
            "add": button(_("add"), "primary"),
            "undo": button(_("undo")),
            "clear": button(_("clear drawing")),
            "remove": button(_("remove example")),
            "start_again": button(_("start again")),
            "pick": button(_("use its next drawing")),
            "save": button(_("save")),
            "load": button(_("load")),
        }
        scripts = list(dict.fromkeys(images.alphabets))
        self.script = controls.choice(_("data set"), scripts, scripts[0])
        self.character = controls.choice(_("character"), self._characters(), self._characters()[0][1])
        self.script.observe(self._turn, "value")
        self.file = widgets.Text(
            "my_alphabet.json",
            description=_("file"),
            style={"description_width": "96px"},
            layout=widgets.Layout(width="auto", min_width="0", flex="1 1 170px"),
        )

    def box(self, controls_: Iterable[Any], surface: Surface) -> widgets.VBox:
        """Pad and controls side by side, the board below."""
        one = self.buttons
        self.pad.layout.width = f"{PAD}px"
        self.pad.layout.flex = f"0 0 {PAD}px"
        columns = widgets.Layout(
            grid_template_columns="repeat(auto-fit, minmax(min(266px, 100%), 1fr))",
            grid_gap="0 20px",
            overflow="visible",
        )
        grid = widgets.GridBox([*controls_, self.script, self.character], layout=columns)
        beside = widgets.VBox(
            [
                row(one["add"], one["undo"], one["clear"]),
                grid,
                row(one["pick"], one["remove"], one["start_again"]),
                row(self.file, one["save"], one["load"]),
                self.notice,
            ],
            layout=widgets.Layout(flex="1 1 280px", min_width="0", overflow="visible"),
        )
        desk = widgets.HBox(
            [self.pad, beside],
            layout=widgets.Layout(
                width="100%", flex_flow="row wrap", grid_gap="0 16px", overflow="visible", padding="0 4px"
            ),
        )
        return widgets.VBox([desk, surface], layout=widgets.Layout(width="100%", overflow="visible"))

    def _characters(self) -> list[tuple[str, int]]:
        chosen = self.script.value
        pairs = enumerate(zip(self.images.names, self.images.alphabets, strict=True))
        return [(name.removeprefix(f"{chosen}/"), n) for n, (name, script) in pairs if script == chosen]

    def _turn(self, change: Any) -> None:
        self.character.options = self._characters()


def button(label: str, style: str = "") -> widgets.Button:
    """A button as wide as its label."""
    return widgets.Button(description=label, button_style=style, layout=widgets.Layout(width="auto"))


def row(*children: Any) -> widgets.HBox:
    """Widgets in a row that breaks where there is no room."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", overflow="visible"))


def paper() -> bytes:
    """The pad's picture: white paper in a grey frame."""
    image = Image.new("L", (2 * PAD, 2 * PAD), 255)
    ImageDraw.Draw(image).rectangle((0, 0, 2 * PAD - 1, 2 * PAD - 1), outline=118, width=3)
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def default_learners(names: Iterable[str]) -> dict[str, Any]:
    """ProtoNet and MAML among the weights of these names: trained on Omniglot if possible, else on glyphs."""
    names = set(names)
    kind = "omniglot" if {"omniglot-protonet", "omniglot-maml"} <= names else "glyphs"
    heads = [name for name in (f"{kind}-maml", f"{kind}-maml-20way") if name in names]
    return {"ProtoNet": f"{kind}-protonet", "MAML": heads}


def checked_images(images: ImageSet | str | Path | None) -> ImageSet:
    """The data set to pick from; raises ValueError for one that is not of 28 x 28 grey pixels."""
    if images is None:
        try:
            return omniglot("test")
        except FileNotFoundError:
            return glyphs("test", by="character")
    if not isinstance(images, ImageSet):
        images = from_folder(images)
    shape = tuple(images.images.shape[2:])
    if shape != (1, SIZE, SIZE):
        raise ValueError(
            _("The pictures must have the shape (1, {size}, {size}), but theirs is {shape}.").format(
                size=SIZE, shape=shape
            )
        )
    return images


def picked(images: ImageSet, character: int, number: int) -> Drawing:
    """One drawing of a data set. Its `source` tells it from all others of the set."""
    source = _("{name}, drawing {n}").format(name=images.names[character], n=number + 1)
    return Drawing(images.images[character, number, 0].contiguous().numpy().tobytes(), source=source)


def next_drawing(images: ImageSet, character: int, alphabet: Alphabet) -> Drawing:
    """The first drawing of a character that is not on the board.

    Raises:
        IndexError: there is no such character.
        ValueError: all its drawings are on the board.
    """
    images.subset([character])  # says what is wrong where there is none
    used = {drawing.source for _label, drawing in alphabet.examples}
    if alphabet.query is not None:
        used.add(alphabet.query.source)
    for number in range(images.drawings):
        taken = picked(images, character, number)
        if taken.source not in used:
            return taken
    raise ValueError(
        _("All {count} drawings of {name} are on the board.").format(
            count=images.drawings, name=images.names[character]
        )
    )


def begin(images: ImageSet, ways: int, shots: int, draw: int) -> Alphabet:
    """An alphabet from a data set, and a query of one of its classes.

    Raises:
        ValueError: more than fit on the board, or than there are; see `metalib.Episodes`.
    """
    if ways > MAX_CLASSES or shots > MAX_EXAMPLES:
        raise ValueError(
            _("There is room for {classes} ways and {examples} shots, not for {ways} and {shots}.").format(
                classes=MAX_CLASSES, examples=MAX_EXAMPLES, ways=ways, shots=shots
            )
        )
    generator = torch.Generator().manual_seed(draw)
    classes, numbers = Episodes(images, ways, shots, 1).draw(1, generator)
    asked = int(torch.randint(ways, (), generator=generator))
    alphabet = Alphabet()
    for label, character in enumerate(classes[0].tolist()):
        for number in numbers[0, label, :shots].tolist():
            alphabet = alphabet.add(label + 1, picked(images, character, number))
    query = picked(images, int(classes[0, asked]), int(numbers[0, asked, shots]))
    return Alphabet(alphabet.examples, query)
