"""Questions of three kinds: choose one, give a number, put lines in order. A quiz is a list of them, a
prediction is one.

Texts are plain Unicode (θ′ = θ − α∇L) with code between backticks, *emphasis* and **terms**; no LaTeX. What
is shown before an answer is `asked` (for the browser), `asked_html` and `asked_plain`; what only an answer
opens is `explained`, `answer_html` and `answer_plain`.

A guess is text, so that the progress file never takes the larger of two: the id of a choice, a number as
"12.5", the ids of lines in order with spaces between.
"""

import hashlib
import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from metalib.i18n import _

RIGHT, NEAR, WRONG, OPEN = "right", "near", "wrong", "open"  # OPEN: no guess is right or wrong
PLACE = re.compile(r"\{([a-zA-Z_]\w*)(?::([^{}]*))?\}")  # {loss:.2f}
STRONG, EMPHASIS = r"\*\*([^*\s][^*]*)\*\*", r"\*([^*\s][^*]*)\*"
LETTERS = "ABCDEFGHIJ"

Values = Mapping[str, object]
NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True)
class Choice:
    """A choice, and `why` it is right or wrong; or a line to put in order, and why it stands there."""

    text: str
    why: str = ""
    correct: bool = False
    id: str = ""  # the same in all languages; made of the text where none is given

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", hashlib.sha256(self.text.encode()).hexdigest()[:6])


@dataclass(frozen=True)
class Question:
    """What the three kinds share. `id` is that of the whole course: "03/quiz/whose-loss" or "03/between".

    answer: what is said when it is opened; alt: a text for each picture in a prediction's answer; chapter: in
    a final test, the number of the chapter that teaches it.
    Raises ValueError where something that it needs is missing.
    """

    id: str
    text: str
    answer: str = ""
    alt: tuple[str, ...] = ()
    chapter: str = field(default="", kw_only=True)

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("A question must not be empty.")

    @property
    def name(self) -> str:
        """The last part of the id: what the question is called within its quiz or chapter."""
        return self.id.rpartition("/")[2]

    @property
    def items(self) -> tuple[Choice, ...]:
        """The choices or the lines, as the author wrote them."""
        return ()

    def shuffled(self) -> tuple[Choice, ...]:
        """The choices or the lines as they are shown: in an order that the id alone decides, the same for
        everybody, and never that of the author where there is another."""
        places = sorted(
            range(len(self.items)), key=lambda n: hashlib.sha256(f"{self.id} {n}".encode()).digest()
        )
        if self.kind == "order" and places == sorted(places):
            places = places[1:] + places[:1]
        return tuple(self.items[n] for n in places)

    def needs_explanations(self) -> None:
        """Raise ValueError unless it says enough for a quiz, where each answer is explained at once."""
        if not self.answer or self.alt or places(self.said_after):
            raise ValueError(f"{self.text!r} needs, in a quiz, an 'Answer:', no 'Alt:', and no {{places}}.")

    @property
    def needs(self) -> set[str]:
        """The names of the values without which a guess cannot be judged."""
        return set()

    def check(self, values: Values) -> None:
        """Raise ValueError where a guess cannot be judged with these values."""

    @property
    def said_after(self) -> tuple[str, ...]:
        """The texts that only an answer opens; they may have places for values."""
        return (*(item.why for item in self.items), self.answer, *self.alt)

    @property
    def words(self) -> str:
        """All that a translator translates, in one piece."""
        told = (text for item in self.items for text in (item.text, item.why))
        return "\n".join([self.text, *told, *filter(None, (self.answer, *self.alt))])

    def asked(self) -> dict[str, Any]:
        """What the browser shows before an answer. Nothing in it tells the answer."""
        items = [{"id": item.id, "text": as_html(item.text)} for item in self.shuffled()]
        return {"id": self.id, "kind": self.kind, "text": as_html(self.text), "items": items}

    def judge(self, guess: str, values: Values = NOTHING) -> str:
        """RIGHT, NEAR, WRONG or OPEN. Raises ValueError for what is no guess at this question."""
        raise NotImplementedError

    def in_words(self, guess: str) -> str:
        """The guess as it is repeated beside the answer, as HTML."""
        raise NotImplementedError

    def explained(self) -> dict[str, Any]:
        """What the browser needs to explain every answer by itself, in a quiz."""
        raise NotImplementedError

    def opened_html(self, guess: str, values: Values) -> str:
        """The explanation of one guess, as HTML paragraphs; of none, "", what is right."""
        raise NotImplementedError

    def asked_html(self) -> str:
        """The choices where no kernel runs."""
        raise NotImplementedError

    def answer_html(self, values: Values = NOTHING) -> str:
        """Every explanation where no kernel runs."""
        raise NotImplementedError

    def asked_plain(self) -> list[str]:
        """The same as lines of text."""
        raise NotImplementedError

    def answer_plain(self, values: Values = NOTHING) -> list[str]:
        """The same as lines of text."""
        raise NotImplementedError


@dataclass(frozen=True)
class Choose(Question):
    """One choice is right, or none is, where a prediction asks for an opinion."""

    choices: tuple[Choice, ...] = ()

    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= len(self.choices) <= len(LETTERS) or self._right_ones() > 1:
            raise ValueError(f"{self.text!r} needs at least two choices, and at most one of them correct.")
        if not all(choice.text.strip() and (choice.why.strip() or self.answer) for choice in self.choices):
            raise ValueError(f"{self.text!r}: every choice needs a text and an explanation, or an 'Answer:'.")
        if len({choice.text for choice in self.choices}) < len(self.choices):
            raise ValueError(f"{self.text!r} has the same choice twice.")

    def _right_ones(self) -> int:
        return sum(choice.correct for choice in self.choices)

    @property
    def items(self) -> tuple[Choice, ...]:
        return self.choices

    def needs_explanations(self) -> None:
        if self._right_ones() != 1 or not all(choice.why for choice in self.choices) or self.answer:
            raise ValueError(
                f"{self.text!r} needs, in a quiz, exactly one of its choices correct, an explanation for "
                "each, and no 'Answer:'."
            )
        if self.alt:
            raise ValueError(f"{self.text!r}: in a quiz there is no picture for an 'Alt:'.")

    def _chosen(self, guess: str) -> Choice:
        for choice in self.choices:
            if choice.id == guess:
                return choice
        raise ValueError(f"{self.id} has no choice {guess!r}.")

    def judge(self, guess: str, values: Values = NOTHING) -> str:
        chosen = self._chosen(guess)
        if not self._right_ones():
            return OPEN
        return RIGHT if chosen.correct else WRONG

    def in_words(self, guess: str) -> str:
        return as_html(self._chosen(guess).text)

    def explained(self) -> dict[str, Any]:
        whys = {choice.id: judged(choice, as_html(choice.why)) for choice in self.choices}
        return {"right": [choice.id for choice in self.choices if choice.correct], "why": whys}

    def opened_html(self, guess: str, values: Values) -> str:
        said: list[str] = []
        for choice in self.choices:
            why = as_html(filled(choice.why, values))
            if choice.id == guess:
                said.insert(0, why)
            elif choice.correct:
                right = _("In fact: {choice}").format(choice=f"<b>{as_html(choice.text)}</b>")
                said.append(f"{right} {why}")
        return paragraphs(said)

    def asked_html(self) -> str:
        return _listed(f"{letter}) {as_html(choice.text)}" for letter, choice in self._lettered())

    def answer_html(self, values: Values = NOTHING) -> str:
        return _listed(
            f"{letter}) {self._explanation(choice, as_html(filled(choice.why, values)))}"
            for letter, choice in self._lettered()
            if choice.why or choice.correct
        )

    def asked_plain(self) -> list[str]:
        return [f"   {letter}) {as_plain(choice.text)}" for letter, choice in self._lettered()]

    def answer_plain(self, values: Values = NOTHING) -> list[str]:
        return [
            f"{letter}) {self._explanation(choice, as_plain(filled(choice.why, values)))}"
            for letter, choice in self._lettered()
            if choice.why or choice.correct
        ]

    def _lettered(self):
        return zip(LETTERS, self.shuffled(), strict=False)

    def _explanation(self, choice: Choice, why: str) -> str:
        return judged(choice, why) if self._right_ones() else why


@dataclass(frozen=True)
class Number(Question):
    """A number is asked for. `value` is the right one, or the name of a value that the chapter's cell gives.

    A guess at most `within` away counts as right, one at most twice that as near; where `factor` is true,
    `within` is a factor, and its square is near.
    """

    value: float | str = math.nan
    unit: str = ""
    within: float = 0.0
    factor: bool = False

    kind: ClassVar[str] = "number"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.within > 1 if self.factor else self.within >= 0):
            raise ValueError(f"{self.text!r}: a factor is above 1, a distance not below 0.")

    def needs_explanations(self) -> None:
        super().needs_explanations()
        if isinstance(self.value, str):
            raise ValueError(f"{self.text!r}: in a quiz the right number stands in the file.")

    @property
    def needs(self) -> set[str]:
        return {self.value} if isinstance(self.value, str) else set()

    @property
    def words(self) -> str:
        return f"{super().words}\n{self.unit}".strip()

    def right(self, values: Values) -> float:
        """The right number, among `values` where it has a name. Raises ValueError where it is no number."""
        found = values.get(self.value) if isinstance(self.value, str) else self.value
        try:
            return float(found)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ValueError(f"{self.id} needs a number for {self.value!r}, not {found!r}.") from None

    def check(self, values: Values) -> None:
        self.right(values)

    def asked(self) -> dict[str, Any]:
        return {**super().asked(), "unit": html.escape(self.unit)}

    def _number(self, guess: str) -> float:
        value = float(guess)
        if not math.isfinite(value):
            raise ValueError(f"{guess!r} is not a number.")
        return value

    def judge(self, guess: str, values: Values = NOTHING) -> str:
        return self._verdict(self._number(guess), self.right(values))

    def _verdict(self, guess: float, right: float) -> str:
        if not self.factor:
            away = abs(guess - right) * (1 - 1e-9)  # 0.3 is within 0.1 of 0.2
            return RIGHT if away <= self.within else NEAR if away <= 2 * self.within else WRONG
        if guess * right <= 0:
            return RIGHT if guess == right else WRONG
        away = abs(math.log(guess / right)) * (1 - 1e-9)
        within = math.log(self.within)
        return RIGHT if away <= within else NEAR if away <= 2 * within else WRONG

    def in_words(self, guess: str) -> str:
        return html.escape(with_unit(self._number(guess), self.unit, digits=6))

    def explained(self) -> dict[str, Any]:
        said = {
            RIGHT: _("✓ Right. {why}"),
            NEAR: _("≈ Near. {why}"),
            WRONG: _("✗ No. {why}"),
        }
        told = f"{self._told(NOTHING)} {self.answer}".strip()
        return {
            "value": self.value,
            "within": self.within,
            "factor": self.factor,
            "why": {verdict: text.format(why=as_html(told)) for verdict, text in said.items()},
        }

    def _told(self, values: Values) -> str:
        right = with_unit(self.right(values), self.unit)
        return _("It is {number}.").format(number=right)

    def opened_html(self, guess: str, values: Values) -> str:
        return paragraphs([as_html(self._told(values))])

    def asked_html(self) -> str:
        return f"<p>{html.escape(self._wanted())}</p>"

    def answer_html(self, values: Values = NOTHING) -> str:
        return paragraphs([as_html(self._told(values))])

    def asked_plain(self) -> list[str]:
        return [f"   {self._wanted()}"]

    def answer_plain(self, values: Values = NOTHING) -> list[str]:
        return [as_plain(self._told(values))]

    def _wanted(self) -> str:
        return _("A number, in {unit}.").format(unit=self.unit) if self.unit else _("A number.")


@dataclass(frozen=True)
class Order(Question):
    """Lines are to be put in order; `lines` has them in the right one. Equal lines may change places."""

    lines: tuple[Choice, ...] = ()

    kind: ClassVar[str] = "order"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.lines) < 2 or not all(line.text.strip() for line in self.lines):
            raise ValueError(f"{self.text!r} needs at least two lines to put in order.")
        if len({line.text for line in self.lines}) < 2:
            raise ValueError(f"{self.text!r}: all lines are the same.")
        if len({line.id for line in self.lines}) < len(self.lines):
            raise ValueError(f"{self.text!r}: two lines have the same id.")

    @property
    def items(self) -> tuple[Choice, ...]:
        return self.lines

    def _ordered(self, guess: str) -> list[Choice]:
        known = {line.id: line for line in self.lines}
        ids = guess.split()
        if sorted(ids) != sorted(known):
            raise ValueError(f"{self.id} has other lines than {guess!r}.")
        return [known[id] for id in ids]

    def judge(self, guess: str, values: Values = NOTHING) -> str:
        found, right = ([line.text for line in lines] for lines in (self._ordered(guess), self.lines))
        if found == right:
            return RIGHT
        one_moved = any(
            found[:n] + found[n + 1 :] == right[:m] + right[m + 1 :]
            for n in range(len(right))
            for m in range(len(right))
        )
        return NEAR if one_moved and len(right) > 2 else WRONG

    def in_words(self, guess: str) -> str:
        return " → ".join(as_html(line.text) for line in self._ordered(guess))

    def explained(self) -> dict[str, Any]:
        return {
            "right": [line.text for line in self.lines],
            "texts": {line.id: line.text for line in self.lines},
            "why": {line.id: as_html(line.why) for line in self.lines},
            "answer": as_html(self.answer),
        }

    def opened_html(self, guess: str, values: Values) -> str:
        guessed = [line.text for line in self._ordered(guess)] if guess else []
        return self._right_order(values, guessed)

    def _right_order(self, values: Values, guessed: Sequence[str] = ()) -> str:
        """The lines in their right order; beside each where the reader had put it, if elsewhere."""
        lines = ""
        for n, line in enumerate(self.lines):
            why = f"<br>{as_html(filled(line.why, values))}" if line.why else ""
            yours = ""
            if guessed and guessed[n] != line.text:
                place = _("(in your order: {place})").format(place=guessed.index(line.text) + 1)
                yours = f" <small>{html.escape(place)}</small>"
            lines += f"<li>{as_html(line.text)}{yours}{why}</li>"
        head = html.escape(_("The order:"))
        return f"<p>{head}</p><ol>{lines}</ol>"

    def asked_html(self) -> str:
        return f"<ul>{''.join(f'<li>{as_html(line.text)}</li>' for line in self.shuffled())}</ul>"

    def answer_html(self, values: Values = NOTHING) -> str:
        return self._right_order(values)

    def asked_plain(self) -> list[str]:
        return [f"   – {as_plain(line.text)}" for line in self.shuffled()]

    def answer_plain(self, values: Values = NOTHING) -> list[str]:
        told = [_("The order:")]
        for n, line in enumerate(self.lines, 1):
            told.append(f"{n}. {as_plain(line.text)}")
            told += [f"   {as_plain(filled(line.why, values))}"] if line.why else []
        return told


# Texts


def filled(text: str, values: Values) -> str:
    """`text` with its places filled: `{loss:.2f}` by `values["loss"]`, with a true minus sign.

    Raises ValueError for a place that has no value.
    """

    def value_of(place: re.Match) -> str:
        name, how = place[1], place[2] or ""
        if name not in values:
            raise ValueError(f"{place[0]} has no value; there are: {', '.join(values) or 'none'}.")
        value = values[name]
        said = format(value, how)
        return re.sub(r"-(?=[\d.])", "−", said) if not isinstance(value, str) else said

    return PLACE.sub(value_of, text)


def places(texts: tuple[str, ...]) -> set[str]:
    """The names of the places in some texts."""
    return {place[1] for text in texts for place in PLACE.finditer(text)}


def with_unit(value: float, unit: str, digits: int = 3) -> str:
    """A number as it is said: 12.5 %, −3, 0.0004, 1250 steps; whole numbers whole."""
    whole = value == round(value) and abs(value) < 1e9
    said = f"{value:.0f}" if whole else f"{value:.{digits}g}"
    if "e" in said and 1e-6 < abs(value) < 1e9:
        said = f"{value:.10f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.0f}"
    return f"{said.replace('-', '−')} {unit}".strip()


def judged(choice: Choice, why: str) -> str:
    """An explanation behind its verdict."""
    return (_("✓ Right. {why}") if choice.correct else _("✗ No. {why}")).format(why=why).strip()


def paragraphs(texts: list[str]) -> str:
    """Paragraphs of HTML."""
    return "".join(f"<p>{part}</p>" for text in texts for part in text.split("\n\n") if part)


def as_html(text: str) -> str:
    """A text of a content file as HTML."""
    parts = re.split(r"`([^`]+)`", html.escape(text, quote=False))
    parts[::2] = [
        re.sub(EMPHASIS, r"<em>\1</em>", re.sub(STRONG, r"<strong>\1</strong>", part)) for part in parts[::2]
    ]
    parts[1::2] = [f"<code>{_kept(code)}</code>" for code in parts[1::2]]
    return "".join(parts)


def _kept(code: str) -> str:
    """Code with the spaces that it begins with, which HTML would drop."""
    inner = code.lstrip(" ")
    return "&nbsp;" * (len(code) - len(inner)) + inner


def as_plain(text: str) -> str:
    """A text of a content file as plain text."""
    parts = re.split(r"`([^`]+)`", text)
    parts[::2] = [re.sub(EMPHASIS, r"\1", re.sub(STRONG, r"\1", part)) for part in parts[::2]]
    return "".join(parts)


def _listed(items) -> str:
    return f"<ul style='list-style: none'>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
