"""The alphabet laboratory: draw characters of your own, and a query, and see what each method says to it.

`moves` has the state and what a learner does to it, `answers` the methods, `painter` the board, `picking`
what comes from a data set; here they meet the pad, the buttons and the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from metalib import weights
from metalib.data import ImageSet, alphabet_file, from_folder, glyphs, omniglot
from metalib.data.alphabet import MAX_CLASSES, Alphabet
from metalib.data.omniglot import SIZE
from metalib.i18n import N_, _
from metalib.lab.alphabet import moves
from metalib.lab.alphabet.answers import AlphabetMethod
from metalib.lab.alphabet.moves import QUERY, AlphabetResult, AlphabetState, judge
from metalib.lab.alphabet.painter import AlphabetPainter
from metalib.lab.alphabet.picking import episode
from metalib.lab.arguments import named, of_kind
from metalib.lab.laboratory import Laboratory
from metalib.lab.parts import Buttons, Keys, Pad, Touch, View
from metalib.lab.surface import KeyEvent, Surface
from metalib.learners import Learner
from metalib.tasks.batch import check_positive


def doing(move: Callable[..., AlphabetState]) -> Callable[..., AlphabetResult]:
    """A method of the laboratory that goes where a move leads; it takes and raises what the move does."""

    @wraps(move)
    def method(laboratory: Laboratory, *details: Any) -> AlphabetResult:
        with laboratory.lock:
            return laboratory.go(move(laboratory.state, *details))

    return method


class AlphabetLaboratory(Laboratory):
    """Draw 2 to 10 classes with 1 to 5 examples each, then a query; all methods answer as you draw.

    On the pad Enter adds the drawing to its class, Backspace or Ctrl+Z takes a stroke back, Delete clears it.
    There and in the picture 1 … 9 and 0 choose the class that is drawn for, Home the query. In the picture
    the arrow keys point at an example, and Delete removes it.

    Args:
        learners: label -> learner or name of shipped weights, or a list of these: the one with the smallest
            head that has room for the classes is asked. By default ProtoNet and MAML, trained on Omniglot
            where those weights are there, else on glyphs. Each query is judged alone (`transductive=False`).
        images: the data set to pick from, or a folder of images (see `metalib.data.from_folder`); by default
            Omniglot's test characters where Omniglot is on this computer, else the test glyphs.
        ways, shots: how many classes of it the laboratory begins with, and a query; ways=0 begins empty.
        draw: which ones: another number begins with others.
        steps: MAML's inner steps.

    Raises:
        ValueError: pictures that are not 28 x 28 grey, or more ways or shots than there are or than fit.
    """

    def __init__(
        self,
        learners: Mapping[str, Any] | None = None,
        images: ImageSet | str | Path | None = None,
        *,
        ways: int = 5,
        shots: int = 1,
        draw: int = 1,
        steps: int = 3,
    ) -> None:
        if ways != 0:  # which begins empty
            check_positive(ways=ways, shots=shots)
        methods = gathered(default_learners(weights.names()) if learners is None else learners, weights.load)
        self.images = checked_images(images)
        self._characters = characters_of(self.images)
        classes = {n: _("class {n}").format(n=n) for n in range(1, MAX_CLASSES + 1)}
        pad = Pad(
            "strokes",
            by_key(moves.press_pad),
            N_("The pad: draw here; Enter adds, Ctrl+Z takes a stroke back."),
            size=208,
        )
        writing = buttons(
            add=(what_add_does, moves.add),
            undo=(N_("undo"), moves.undo),
            clear=(N_("clear drawing"), moves.clear),
        )
        self._known: dict[Path, Alphabet] = {}  # what the files hold that were saved or loaded here
        self.files = FileRow(
            {
                "save": (N_("save"), lambda view: self.save() and None),
                "load": (N_("load"), lambda view: moves.loaded(view.state, self._read(None))),
            }
        )
        super().__init__(
            AlphabetState,
            partial(judge, methods),
            AlphabetPainter({method.name: method.takes_steps for method in methods}),
            initial={
                "target": QUERY if ways else 1,
                "steps": steps,
                "script": self.images.alphabets[0],
                "character": 0,
                "alphabet": episode(self.images, ways, shots, draw) if ways else Alphabet(),
            },
            allowed={
                "target": {QUERY: _("the query"), **classes},
                "script": {script: script for script in self.images.alphabets},
                "character": lambda state: self._characters(state.script),
            },
            follow=self._follow,
            on=[
                pad,
                writing,
                buttons(
                    pick=(N_("use its next drawing"), lambda state: moves.pick(state, self.images)),
                    remove=(N_("remove example"), moves.remove),
                    start_again=(N_("start again"), moves.start_again),
                ),
                self.files,
                Keys(by_key(moves.press_board)),
                Touch(lambda view, x, y: view.painter.touched(view.state, x, y)),
            ],
            label=_("The board: the arrow keys point at an example, Delete removes it."),
            arrange=beside_the_pad,
        )
        self.pad = pad.surface
        writing.buttons["add"].button_style = "primary"

    # What the buttons do, from Python; all of these raise what they cannot do.
    @property
    def alphabet(self) -> Alphabet:
        """What is on the board."""
        return self.state.alphabet

    def write_strokes(self, strokes: Iterable) -> AlphabetResult:
        """Put strokes on the pad as if they were drawn: for a class they wait there for `add`."""
        self.pad.strokes = [[list(point) for point in stroke] for stroke in strokes]
        return self.result

    draw_strokes = write_strokes  # the name it had at first

    add, undo, clear = doing(moves.add), doing(moves.undo), doing(moves.clear)
    remove, start_again = doing(moves.remove), doing(moves.start_again)

    def pick(self, character: int | None = None) -> AlphabetResult:
        """As `moves.pick`, by default a drawing of the character that is chosen."""
        return doing(moves.pick)(self, self.images, character)

    def save(self, path: str | Path | None = None) -> Path:
        """Save the board; raises as `alphabet_file.write`. The path is by default what the file box says."""
        path = self.files.path if path is None else path
        written = alphabet_file.write(self.alphabet, path, self._known.get(_place(path)))
        self._known[_place(path)] = self.alphabet
        self.surface.say(_("Saved as {path}.").format(path=written))
        return written

    def load(self, path: str | Path | None = None) -> AlphabetResult:
        """Load a saved board in place of this one; raises as `alphabet_file.read`."""
        return doing(moves.loaded)(self, self._read(path))

    def _read(self, path: str | Path | None) -> Alphabet:
        path = self.files.path if path is None else path
        self._known[_place(path)] = read = alphabet_file.read(path)
        return read

    def _follow(self, before: AlphabetState, after: AlphabetState) -> AlphabetState:
        known = self._characters(after.script)
        if after.character not in known:  # of another script
            after = replace(after, character=next(iter(known), 0))
        return moves.settled(before, after)


def _place(path: str | Path) -> Path:
    """One place for all ways to name it."""
    return alphabet_file.named(path).absolute()


class FileRow(Buttons):
    """Buttons behind the name of a file."""

    def attach(self, laboratory: Laboratory) -> widgets.HBox:
        row = super().attach(laboratory)
        layout = widgets.Layout(width="auto", min_width="0", flex="1 1 170px")
        style = {"description_width": "96px"}
        self.box = widgets.Text("my_alphabet.json", description=_("file"), style=style, layout=layout)
        row.children = (self.box, *row.children)
        return row

    @property
    def path(self) -> str:
        """The name that is written there."""
        return self.box.value


def buttons(**actions: tuple[Any, Callable[[AlphabetState], AlphabetState]]) -> Buttons:
    """A row of buttons for what looks at the state only."""

    def seen(move: Callable[[AlphabetState], AlphabetState]) -> Callable[[View], AlphabetState]:
        return lambda view: move(view.state)

    return Buttons({name: (label, seen(move)) for name, (label, move) in actions.items()})


def by_key(press: Callable[[AlphabetState, str], AlphabetState]) -> Callable[[View, KeyEvent], AlphabetState]:
    """Keys, for what looks at the state only."""
    return lambda view, event: press(view.state, event.key)


def what_add_does(state: AlphabetState) -> str:
    """The label of the button "add"."""
    return _("add to class {n}").format(n=state.target) if state.target else _("another query")


def beside_the_pad(controls: widgets.Box, extras: list[Any], surface: Surface) -> widgets.Box:
    """The pad with controls and buttons beside it, and the board below."""
    pad, writing, *rows = extras
    column = widgets.Layout(
        flex="1 1 280px", min_width="0", overflow="visible", justify_content="space-between"
    )
    beside = widgets.VBox([writing, controls, *rows], layout=column)
    desk = widgets.HBox([pad, beside])
    desk.layout = widgets.Layout(width="100%", flex_flow="row wrap", grid_gap="0 16px", overflow="visible")
    box = widgets.VBox([desk, surface], layout=widgets.Layout(width="100%", overflow="visible"))
    box.add_class("metalib-said-above")  # beside the buttons, where the learner looks
    return box


def characters_of(images: ImageSet) -> Callable[[str], dict[int, str]]:
    """Script -> its classes in the data set, and their names."""

    @cache
    def characters(script: str) -> dict[int, str]:
        named = enumerate(zip(images.names, images.alphabets, strict=True))
        return {number: name.removeprefix(f"{script}/") for number, (name, own) in named if own == script}

    return characters


def default_learners(names: Iterable[str]) -> dict[str, Any]:
    """ProtoNet and MAML among the weights of these names: trained on Omniglot if possible, else on glyphs."""
    names = set(names)
    kind = "omniglot" if {"omniglot-protonet", "omniglot-maml"} <= names else "glyphs"
    heads = [name for name in (f"{kind}-maml", f"{kind}-maml-20way") if name in names]
    return {"ProtoNet": f"{kind}-protonet", "MAML": heads}


def gathered(learners: Mapping[str, Any], load: Callable[[Any], Learner]) -> list[AlphabetMethod]:
    """The methods of a mapping label -> learner, weight name, or several of these.

    Raises:
        ValueError: no learners, or one that is not for pictures like these.
    """
    given = named("learners", learners, (Learner, str, list, tuple))
    return [
        AlphabetMethod(name, [one if isinstance(one, Learner) else load(one) for one in ones])
        for name, several in given.items()
        for ones in [several if isinstance(several, list | tuple) else [several]]
    ]


def checked_images(images: ImageSet | str | Path | None) -> ImageSet:
    """The data set to pick from; raises ValueError for one that is not of 28 x 28 grey pixels."""
    if images is None:
        try:
            return omniglot("test")
        except FileNotFoundError:
            return glyphs("test", by="character")
    of_kind("images", images, (ImageSet, str, Path))
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
