"""The alphabet laboratory: draw characters of your own, and a query, and see what each method says to it.

State: the examples and the query (`Alphabet`), the drawing under way, what it is for, the example that is
pointed at, and the inner steps. `board` has the pure function, `rules` the answers, `picture`
the painter, `desk` the pad and the buttons, `storage` saves and loads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.alphabet import storage
from metalib.lab.alphabet.board import MAX_CLASSES, QUERY, Alphabet, Board, Drawing, play
from metalib.lab.alphabet.desk import Desk, begin, checked_images, default_learners, next_drawing
from metalib.lab.alphabet.picture import AlphabetPicture
from metalib.lab.alphabet.rules import gathered, remembering
from metalib.lab.laboratory import Laboratory
from metalib.lab.surface import KeyEvent, PointerEvent, explain

MAX_STEPS = 10


class AlphabetLaboratory(Laboratory):
    """Draw 2 to 10 classes with 1 to 5 examples each, then a query; all methods answer as you draw.

    On the pad Enter adds the drawing to its class, Backspace takes a stroke back, Delete clears it. There and
    in the picture 1 … 9 and 0 choose the class that is drawn for, Home the query. In the picture the arrow
    keys point at an example, and Delete removes it.

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
        from metalib import weights  # only where it is needed

        given = default_learners(weights.names()) if learners is None else learners
        methods, self.made_of = gathered(given, weights.load)
        self.images = checked_images(images)
        first = begin(self.images, ways, shots, draw) if ways else Alphabet()
        self.desk = Desk(self.images)
        self.pad = self.desk.pad
        self._showing = False  # strokes that are on the board already

        targets = {_("the query"): QUERY}
        targets |= {_("class {n}").format(n=n): n for n in range(1, MAX_CLASSES + 1)}
        hidden = {name: controls.Hidden() for name in ("alphabet", "drawing", "cursor")}
        hidden["alphabet"].value, hidden["drawing"].value = first, ()
        steps_of = [method.name for method in methods if method.takes_steps]
        super().__init__(
            functools.partial(play, methods, adapt=remembering()),
            AlphabetPicture([method.name for method in methods], steps_of),
            {
                "target": controls.choice(_("I draw"), targets, QUERY if ways else 1),
                "steps": controls.whole_slider(_("inner steps"), steps, 0, MAX_STEPS),
                **hidden,
            },
            label=_("The board: the arrow keys point at an example, Delete removes it."),
        )
        shown = [self.controls["target"], self.controls["steps"]]
        self.box = self.desk.box(shown, self.surface)
        self.box.add_class("metalib-laboratory")
        for name, button in self.desk.buttons.items():
            button.on_click(lambda _button, name=name: self._try(getattr(self, name)))
        self.surface.on_pointer(self._touched)
        self.surface.on_key(self._pressed)
        self.pad.on_key(self._pad_pressed)
        self.pad.observe(self._drawn, "strokes")
        self._tell()
        if ways:
            self.desk.notice.say(_("These come from the data set; “start again” makes room for your own."))

    # --- what a learner does, by buttons, keys or from Python; all of these raise what they cannot do
    @property
    def alphabet(self) -> Alphabet:
        """What is on the board."""
        return self.state["alphabet"]

    def draw_strokes(self, strokes: Iterable) -> Board:
        """Put strokes on the pad as if they were drawn: for a class they wait there for `add`."""
        self.pad.strokes = [[list(point) for point in stroke] for stroke in strokes]
        return self.result

    def add(self) -> Board:
        """The drawing on the pad becomes an example of its class, and the pad is empty again.

        Where the query is drawn, it is answered already: this makes room for another one.

        Raises:
            ValueError: nothing is drawn, or the class is full.
        """
        target = self.state["target"]
        if target == QUERY:
            return self.clear()
        alphabet = self.alphabet.add(target, Drawing.of(self.pad.strokes))
        self._show_strokes(())
        return self.set(alphabet=alphabet, drawing=(), cursor=None)

    def undo(self) -> None:
        """Take the last stroke on the pad back."""
        self.pad.undo()

    def clear(self) -> Board:
        """Take everything off the pad; with it the query, where that is what is drawn."""
        self._show_strokes(())
        values = {"alphabet": Alphabet(self.alphabet.examples)} if self.state["target"] == QUERY else {}
        return self.set(drawing=(), **values)

    def remove(self) -> Board:
        """Remove the example that is pointed at; where none is, the last one of the class that is drawn for.

        Raises:
            ValueError: there is none.
        """
        cursor, target = self.result.cursor, self.state["target"]
        if cursor is None:
            own = [n for n, (label, _one) in enumerate(self.alphabet.examples) if label in (target, QUERY)]
            cursor = own[-1] if own else None
        return self.set(alphabet=self.alphabet.remove(cursor), cursor=None)

    def start_again(self) -> Board:
        """Empty the board and the pad."""
        self._show_strokes(())
        return self.set(alphabet=Alphabet(), drawing=(), cursor=None, target=1)

    def pick(self, character: int | None = None) -> Board:
        """Take the next drawing of a character in the data set, for the class that is drawn for or as query.

        What is on the board already is never taken: a query that is also an example would be no question.

        Raises:
            IndexError: there is no such character.
            ValueError: all its drawings are on the board, or the class is full.
        """
        character = self.desk.character.value if character is None else character
        taken, target = next_drawing(self.images, character, self.alphabet), self.state["target"]
        if target != QUERY:  # what is on the pad stays there
            return self.set(alphabet=self.alphabet.add(target, taken), cursor=None)
        self._show_strokes(())
        return self.set(alphabet=Alphabet(self.alphabet.examples, taken))

    def save(self, path: str | Path | None = None) -> Path:
        """Save the board; raises as `metalib.lab.alphabet.storage.write`."""
        written = storage.write(self.alphabet, self.desk.file.value if path is None else path)
        self.desk.notice.say(_("Saved as {path}.").format(path=written))
        return written

    def load(self, path: str | Path | None = None) -> Board:
        """Load a saved board in place of this one; raises as `metalib.lab.alphabet.storage.read`."""
        alphabet = storage.read(self.desk.file.value if path is None else path)
        self.set(alphabet=alphabet, drawing=(), cursor=None, target=QUERY)
        self._show_strokes(alphabet.query.strokes if alphabet.query else ())
        return self.result

    # --- what happens between the widgets
    def set(self, **values: Any) -> Board:
        """As for every laboratory; with another target the drawing under way goes along to it."""
        before = self.state["target"]
        target = values.get("target", before)
        result = super().set(**{**self._taken_along(before, target), **values})
        self._retarget(before, target)
        return result

    def _draw_once(self) -> None:
        super()._draw_once()
        self.desk.notice.say(self.result.problem)

    def _changed(self, change: Any) -> None:
        if change.owner is not self.controls["target"] or self._held:
            return super()._changed(change)
        with self._lock:
            self._held = True  # one picture for all of it
            for name, value in self._taken_along(change.old, change.new).items():
                self.controls[name].value = value
            self._held = False
            super()._changed(change)
            self._retarget(change.old, change.new)

    def _taken_along(self, before: int, target: int) -> dict[str, Any]:
        """What else changes with the target: a drawing for a class becomes the query."""
        if before != target == QUERY and (drawing := self.state["drawing"]):
            return {"alphabet": Alphabet(self.alphabet.examples, Drawing.of(drawing)), "drawing": ()}
        return {}

    def _retarget(self, before: int, target: int) -> None:
        """Show on the pad what belongs to the target: the query stays on the board when it is left."""
        if before == target:
            return
        if target == QUERY:
            self._show_strokes(self.alphabet.query.strokes if self.alphabet.query else ())
        elif before == QUERY:
            self._show_strokes(())
        self._tell()

    def _tell(self) -> None:
        add, said = _("another query"), _("The query: it is answered as you draw.")
        if target := self.state["target"]:
            add = _("add to class {n}").format(n=target)
            said = _("For class {n}: draw, then press Enter.").format(n=target)
        self.desk.buttons["add"].description = add
        self.pad.say(said)

    def _show_strokes(self, strokes: Iterable) -> None:
        """Put strokes on the pad that are on the board already."""
        self._showing = True
        try:
            self.pad.strokes = [[list(point) for point in stroke] for stroke in strokes]
        finally:
            self._showing = False

    def _drawn(self, change: Any) -> None:
        """The pad has another drawing: the query is answered at once, an example waits to be added."""
        if self._showing:
            return

        def take() -> None:
            if self.state["target"] == QUERY:
                query = Drawing.of(change.new) if change.new else None
                self.set(alphabet=Alphabet(self.alphabet.examples, query))
            else:
                self.set(drawing=tuple(tuple(map(tuple, stroke)) for stroke in change.new))

        self._try(take, raises=not getattr(self.pad, "_property_lock", None))

    def _touched(self, event: PointerEvent) -> None:
        if event.kind != "down":
            return
        kind, number = self.picture.at(self.result, event.x, event.y) or ("", 0)
        if kind:
            self.set(**({"cursor": number} if kind == "example" else {"target": number}))

    def _pressed(self, event: KeyEvent) -> None:
        count, cursor = len(self.alphabet.examples), self.result.cursor
        if event.key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown") and count:
            step = -1 if event.key in ("ArrowLeft", "ArrowUp") else 1
            self.set(cursor=(cursor + step) % count if cursor is not None else (0 if step > 0 else count - 1))
        elif event.key in ("Delete", "Backspace"):
            self.remove()
        elif event.key == "Escape":
            self.set(cursor=None)
        else:
            self._choose(event.key)

    def _pad_pressed(self, event: KeyEvent) -> None:
        if event.key in ("Enter", " "):
            self._try(self.add)
        elif event.key == "Delete":
            self._try(self.clear)
        else:  # Backspace is the pad's own
            self._choose(event.key)

    def _choose(self, key: str) -> None:
        if key.isdecimal():
            self.set(target=int(key) or 10)
        elif key == "Home":
            self.set(target=QUERY)

    def _try(self, action: Callable[[], object], raises: bool = False) -> None:
        """Do it, or say beside the pad why not; a browser has nowhere else to show it."""
        try:
            action()
        except Exception as error:
            named = isinstance(error, OSError | IndexError) and len(str(error)) > 20  # our own are sentences
            self.desk.notice.say(str(error) if named else explain(error), failed=True)
            if raises:
                raise
