"""An exercise: what to do, a stub to start from, hints, a solution, and a check that knows typical mistakes.

What it says stands in Markdown (`reader`), what it tries on an answer in Python (`probes`); `course` puts the
two together.

One mechanism checks every exercise. `probe(answer, draw)` calls the answer on inputs that it draws afresh
each time. It is run, under a few seeds, on the learner's answer, on the solution and, when those two differ,
on every wrong answer. So the learner's function is only ever compared with functions built here from text,
never with itself.
"""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from IPython.display import display

from metalib.exercises import cells, progress
from metalib.exercises.compare import difference, is_letters, kind, letters
from metalib.exercises.relations import relation, right_cases
from metalib.exercises.rules import BrokenRule
from metalib.exercises.running import (
    SEEDS,
    Observed,
    Raised,
    Results,
    Returned,
    build,
    contains,
    draws,
    run,
    same_code,
)
from metalib.exercises.slips import Slips
from metalib.i18n import _

MARKS = {"passed": "✓", "not attempted": "○", "rejected": "✗"}


@dataclass(frozen=True)
class Note:
    """A text for the learner: Markdown in a notebook, plain text elsewhere."""

    markdown: str

    def __repr__(self) -> str:
        return re.sub(r"^```.*\n?|\*\*", "", self.markdown, flags=re.MULTILINE).strip()

    def _repr_markdown_(self) -> str:
        return self.markdown


@dataclass(frozen=True)
class Wrong:
    """A typical mistake: a whole wrong answer, and a message: what was done, and why it is wrong."""

    id: str
    code: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What `check` found: `status` is "passed", "not attempted" or "rejected"; `message` says why."""

    status: str
    message: str
    wrong: Wrong | None = field(default=None, repr=False)  # the typical mistake that was recognised

    def __repr__(self) -> str:
        return f"{MARKS[self.status]} {self._heading()} {self.message}"

    def _repr_markdown_(self) -> str:
        quoted = self.message.replace("\n", "\n> ")
        return f"> {MARKS[self.status]} **{self._heading()}** {quoted}"

    def _heading(self) -> str:
        headings = {
            "passed": _("Passed."),
            "not attempted": _("Not attempted yet."),
            "rejected": _("Not yet."),
        }
        return headings[self.status]


@dataclass(kw_only=True, eq=False, repr=False)
class Exercise:
    """One exercise. `Exercise(...)` refuses plain mistakes; the tests run `validation.validate` too.

    Attributes:
        id: "chapter/name", e.g. "03/inner-step".
        title: without a full stop.
        statement: Markdown, with LaTeX between dollars.
        difficulty: 1 to 3.
        minutes: a fair guess for a learner.
        name: the function or variable that stub, solution and wrong answers define.
        stub: what the learner starts from; `...` (Ellipsis) stands where something is missing.
        solution_text: a right answer, as one would like to read it.
        hints: from a nudge to nearly the answer.
        wrong: what the check must recognise, each with its own message.
        passed: what to say when it is right.
        probe, context, rtol, atol, edges, slips_off: see `probes.Probe`; without a probe the answer itself is
            compared.
        seeds: of the inputs that the probe draws; whoever grades has others (`grading`).
    """

    id: str
    title: str
    statement: str
    difficulty: int
    minutes: int
    name: str
    stub: str
    solution_text: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    passed: str = ""
    probe: Callable[..., Any] | None = None
    context: dict[str, Any] = field(default_factory=dict)
    rtol: float = 1e-4
    atol: float = 1e-6
    edges: bool = False
    slips_off: tuple[str, ...] = ()
    seeds: tuple[int, ...] = SEEDS

    def __post_init__(self):
        self._hints_shown, self._hints_shown_in = 0, None  # type: int, str | None
        self._references: dict[str, Results] = {}
        self._refuse_plain_mistakes()
        self._slips = Slips(
            self.solution_text,
            lambda program: build(program, self.name, self.context, f"exercise {self.id}"),
            lambda answer, n: self.run(answer, self.seeds[n]),
            self.same,
            self.slips_off,
        )

    # What the learner calls

    def check(self, answer: Any) -> Outcome:
        """Compare `answer` with the solution; keep progress. Returns an Outcome, which a notebook shows."""
        earlier = cells.outdated(self.name, answer)
        outcome = Outcome("rejected", earlier) if earlier else self.judge(answer)
        if outcome.status == "passed":
            progress.record(self.id, attempted=True, passed=True)
        elif outcome.status == "rejected":
            progress.record(self.id, attempted=True)
        return outcome

    def hint(self, number: int | None = None) -> None:
        """Show one more hint, or the hints up to `number`.

        The same cell run again (a check, with the line left in) shows the same hints: the next one comes when
        it is asked for, by its number or in another cell. Raises ValueError where there is no such hint.
        """
        if number is not None and (isinstance(number, bool) or number not in range(1, len(self.hints) + 1)):
            raise ValueError(
                _("Hints are numbered from 1 to {n}; there is no hint {number!r}.").format(
                    n=len(self.hints), number=number
                )
            )
        place = cells.running()
        if number is not None:
            self._hints_shown = number
        elif not self._hints_shown or place is None or place != self._hints_shown_in:
            self._hints_shown = min(self._hints_shown + 1, len(self.hints))
        self._hints_shown_in = place
        progress.record(self.id, hints=self._hints_shown)
        lines = [
            _("**Hint {n} of {total}.** {hint}").format(n=n, total=len(self.hints), hint=hint)
            for n, hint in enumerate(self.hints[: self._hints_shown], 1)
        ]
        if self._hints_shown == len(self.hints):
            lines.append(_("That was the last hint. What comes next is `exercise.solution()`."))
        else:
            lines.append(_("For the next one: `exercise.hint({n})`.").format(n=self._hints_shown + 1))
        display(Note("\n\n".join(lines)))

    def solution(self) -> None:
        """Show a solution. An exercise passed after that is still passed; the board shows the difference."""
        if not progress.entry(self.id).get("passed"):
            progress.record(self.id, solution=True)
        display(Note(_("**One solution:**") + f"\n\n```python\n{self.solution_text.strip()}\n```"))

    def __repr__(self) -> str:
        return f"Exercise({self.id!r}, {self.title!r})"

    def _repr_markdown_(self) -> str:
        effort = _("*Difficulty {n} of 3 {dots} · about {minutes} minutes*").format(
            n=self.difficulty, dots="●" * self.difficulty + "○" * (3 - self.difficulty), minutes=self.minutes
        )
        heading = _("### Exercise: {title}").format(title=self.title)
        return f"{heading}\n\n{effort}\n\n{self.statement.strip()}"

    @property
    def words(self) -> str:
        """All that a translator translates, in one piece."""
        said = (self.title, self.statement, self.stub, *self.hints, self.passed)
        return "\n".join([*said, *(wrong.message for wrong in self.wrong)])

    # How an answer is judged

    def judge(self, answer: Any) -> Outcome:
        """What `check` says, without keeping it."""
        return self.verdict(self.observe(answer))

    def observe(self, answer: Any) -> Observed:
        """What an answer does: all that `verdict` asks, so that the two can happen in two processes."""
        untouched = answer is Ellipsis or same_code(answer, self.build(self.stub))
        usable = callable(answer) or not self.is_function
        return Observed(
            kind(answer),
            callable(answer),
            untouched,
            "print" in getattr(getattr(answer, "__code__", None), "co_names", ()),
            self.results(answer) if usable and not untouched else (),
        )

    def verdict(self, seen: Observed) -> Outcome:
        """What to say of an answer that did this."""
        to_do = (
            _("Replace the `...` and run the two cells again.")
            if "..." in self.stub
            else _("Change the code in the cell above and run the two cells again.")
        )
        untouched = Outcome("not attempted", to_do)
        if seen.untouched:
            return untouched
        solution = self.build(self.solution_text)
        if callable(solution) and not seen.callable:
            return Outcome(
                "rejected",
                _("`{name}` is to be a function; what you gave to `check` is {got}.").format(
                    name=self.name, got=seen.kind
                ),
            )
        expected, got = self._reference(self.solution_text), seen.results
        for result in expected:
            if isinstance(result, Raised):
                raise RuntimeError(f"Exercise {self.id!r}: its own solution fails.") from result.error
        for result in got:
            if isinstance(result, Returned) and contains(result.value, Ellipsis):
                return untouched
            if isinstance(result, Raised) and result.met_ellipsis:
                return Outcome(
                    "not attempted",
                    _("There is still a `...` to replace. {where}").format(where=_pointer(result)).strip(),
                )
        if self.alike(expected, got):
            return Outcome("passed", self.passed or _("Your answer gives what the solution gives."))
        for wrong in self.wrong:
            if self.alike(self._reference(wrong.code), got):
                return Outcome("rejected", wrong.message, wrong)
        return Outcome("rejected", self._explain(expected, got, solution, seen.prints))

    def build(self, source: str) -> Any:
        """What `source` (stub, solution or a wrong answer) defines under this exercise's name."""
        return build(source, self.name, self.context, f"exercise {self.id}")

    def run(self, answer: Any, seed: int = 0) -> Returned | Raised:
        """The probe's result on `answer`, for the inputs of one seed."""
        return run(self.probe or self._value, answer, seed)

    def results(self, answer: Any) -> Results:
        """The probe's results on `answer`, one a seed; a probe that draws nothing runs once."""
        return tuple(self.run(answer, seed) for seed in self.rounds)

    @property
    def rounds(self) -> tuple[int, ...]:
        """The seeds under which an answer is tried: one where the probe draws nothing."""
        return self.seeds if self.probe and draws(self.probe) else self.seeds[:1]

    @property
    def is_function(self) -> bool:
        """Whether the answer is to be called; otherwise it is a value."""
        return callable(self.build(self.solution_text))

    def _value(self, value: Any) -> Any:
        """An answer that is compared itself: a choice of letters may be written in many ways."""
        return letters(value) if is_letters(self.build(self.solution_text)) else value

    def _reference(self, source: str) -> Results:
        """The probe's results on what `source` defines; the same at every check, so run only once."""
        if source not in self._references:
            self._references[source] = self.results(self.build(source))
        return self._references[source]

    def alike(self, a: Results, b: Results) -> bool:
        """Whether two answers did the same under every seed."""
        return all(self.same(one, other) for one, other in zip(a, b, strict=True))

    def same(self, a: Returned | Raised, b: Returned | Raised) -> bool:
        """Whether two answers did the same: equal results, or the same exception."""
        if isinstance(a, Raised) or isinstance(b, Raised):
            return isinstance(a, Raised) and isinstance(b, Raised) and a.reason == b.reason
        return difference(a.value, b.value, rtol=self.rtol, atol=self.atol) is None

    def _explain(self, expected: Results, results: Results, solution: Any, prints: bool) -> str:
        """What is wrong, in a sentence or two: a slip that is recognised, then what came out."""
        forgotten = self._forgotten_return(expected, results, prints)
        if forgotten:
            return forgotten
        right, got = next(pair for pair in zip(expected, results, strict=True) if not self.same(*pair))
        if isinstance(got, Raised):
            return self._stopped(got)
        assert isinstance(right, Returned)
        is_function = callable(solution)
        sentence = (
            difference(right.value, got.value, rtol=self.rtol, atol=self.atol, reveal=is_function) or ""
        )
        said = _("`{name}`: {sentence}").format(name=self.name, sentence=sentence)
        if not is_function:
            return said
        slip = self._slips.said(results)
        if slip:
            return f"{slip} {said}"
        ended = [result for result in (*expected, *results) if isinstance(result, Returned)]
        if len(ended) == 2 * len(results):
            names = tuple(inspect.signature(solution).parameters)
            related = relation(ended[: len(results)], ended[len(results) :], names)
            if related:
                short = _("In short: {sentence}").format(sentence=related)
                return f"{said} {short}"
        already = right_cases(right, got, lambda a, b: self.same(Returned(a), Returned(b)))
        return f"{said} {already}" if already else said

    def _stopped(self, got: Raised) -> str:
        reason = got.reason.replace("`", "'")
        if isinstance(got.error, BrokenRule):
            return str(got.error)
        if got.line is None:
            return _("The check could not use `{name}`: `{reason}`").format(name=self.name, reason=reason)
        return _("`{name}` stopped with `{reason}`. {where}").format(
            name=self.name, reason=reason, where=_pointer(got)
        )

    def _forgotten_return(self, expected: Results, results: Results, prints: bool) -> str | None:
        """A sentence where the answer gave None (or has it in its result) and the solution does not."""

        def nothing(found: Results) -> bool:
            return any(
                call.ended and contains(call.result, None) for result in found for call in result.calls
            )

        if not nothing(results) or nothing(expected):
            return None
        if prints:
            return _("`{name}` gives None: it prints its result. Give it back with `return`.").format(
                name=self.name
            )
        if all(call.result is None for result in results for call in result.calls if call.ended):
            return _("`{name}` gives None. Is a `return` missing?").format(name=self.name)
        return _("A part of what `{name}` gives is None. Is a `return` missing?").format(name=self.name)

    def _refuse_plain_mistakes(self) -> None:
        def refuse(reason: str) -> NoReturn:
            raise ValueError(f"Exercise {self.id!r}: {reason}.")

        if not re.fullmatch(r"\d\d/[a-z0-9]+(-[a-z0-9]+)*", self.id):
            refuse("the id must look like '03/inner-step'")
        if not self.title.strip() or not self.statement.strip():
            refuse("title and statement must not be empty")
        if self.difficulty not in (1, 2, 3) or not self.minutes > 0:
            refuse(
                f"difficulty must be 1 to 3 and minutes positive, not {self.difficulty} and {self.minutes}"
            )
        if isinstance(self.hints, str) or not self.hints or not all(hint.strip() for hint in self.hints):
            refuse("hints must be a tuple of at least one text")
        if not self.wrong:
            refuse("give wrong answers that the check must recognise")
        for wrong in self.wrong:
            if not wrong.message.strip():
                refuse(f"the wrong answer {wrong.id!r} has no message")
        if len({wrong.message for wrong in self.wrong}) < len(self.wrong):
            refuse("every wrong answer needs its own message")
        texts = {"stub": self.stub, "solution": self.solution_text}
        texts |= {f"wrong answer {wrong.id!r}": wrong.code for wrong in self.wrong}
        seen: dict[str, str] = {}
        for what, text in texts.items():
            try:
                tree = ast.parse(text)
            except SyntaxError as error:
                refuse(f"the {what} is not Python ({error})")
            if self.name not in cells.defined(tree):
                refuse(f"the {what} does not define {self.name!r}")
            other = seen.setdefault(ast.dump(tree), what)
            if other != what:
                refuse(f"{other} and {what} are the same code")


def _pointer(raised: Raised) -> str:
    if raised.line is None:
        return ""
    if not raised.text:  # a console does not keep its lines
        return _("See line {line}.").format(line=raised.line)
    return _("See line {line}: `{text}`").format(line=raised.line, text=raised.text[:100])
