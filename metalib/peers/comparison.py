"""The same meta-step in each tool: what it gives and how long it takes, measured here or as it was stored.

`python -m metalib.peers --store` writes stored.json beside this file.
"""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from metalib import timing
from metalib.i18n import _
from metalib.models import sine_net
from metalib.peers.tools import FOLDER, TOOLS, Answer, peers_here
from metalib.tasks import SineTasks, TaskBatch

FILE = FOLDER / "stored.json"
ALPHA, TASKS, SHOTS, QUERIES = 0.01, 25, 10, 10
STORED_STEPS = (1, 5)
ROUNDS = 15


@dataclass(frozen=True)
class Measured:
    """What one tool gave.

    `fast` and `gradient` are one number of each, at the bias of the output: the first task's fast weight and
    the meta-gradient. The differences are the largest to float64's, as a fraction of each array's largest
    entry. `milliseconds` is the median of a call, of the processor's time, `ratio` how many times as fast as
    the plain loop, `first` the seconds of the first call, in which some tools compile.
    """

    version: str
    meta_loss: float
    fast: float
    gradient: float
    fast_difference: float
    gradient_difference: float
    milliseconds: float
    ratio: float
    first: float
    measured: bool = False


@dataclass(frozen=True, repr=False)
class Comparison:
    """Rows by the tools' keys. It shows itself as a table that says which rows are stored, and from when."""

    steps: int
    first_order: bool
    double: bool
    rows: Mapping[str, Measured]
    machine: str
    stored: Mapping[str, str]
    missing: Sequence[str] = ()

    def digits(self) -> Digits:
        """The same comparison as numbers: meta-loss, a fast weight, an entry of the meta-gradient."""
        return Digits(self)

    def table(self) -> str:
        """Tool, version, differences, time, speed as a multiple of the plain loop's, where measured."""
        heads = [
            _("tool"),
            _("version"),
            _("fast weights differ by"),
            _("meta-gradient differs by"),
            _("ms of CPU"),
        ]
        return self._with_notes(
            [*heads, _("speed, loop = 1")],
            [
                [
                    f"{row.fast_difference:.0e}",
                    f"{row.gradient_difference:.0e}",
                    f"{row.milliseconds:.2f}",
                    timing.times(row.ratio) if key != "pytorch" else "1",
                ]
                for key, row in self.rows.items()
            ],
        )

    def _with_notes(self, header: list[str], cells: list[list[str]]) -> str:
        rows = [
            [TOOLS[key].title, row.version, *rest, _("here") if row.measured else _("stored")]
            for (key, row), rest in zip(self.rows.items(), cells, strict=True)
        ]
        table = timing.table([*header, _("measured")], rows)
        return "\n\n".join([self.heading(), table, *self.notes()])

    def heading(self) -> str:
        """What was computed, in a line."""
        step = _("1 inner step") if self.steps == 1 else _("{n} inner steps").format(n=self.steps)
        order = _("first order") if self.first_order else _("second order")
        return f"{step}, {order}, {'float64' if self.double else 'float32'}"

    def notes(self) -> list[str]:
        """Where the rows come from, in a sentence each."""
        said = []
        if any(row.measured for row in self.rows.values()):
            said.append(_("Measured here: {machine}.").format(machine=self.machine))
        if not all(row.measured for row in self.rows.values()):
            said.append(
                _("Stored: measured on {date}, {machine}. `make peers` measures again.").format(**self.stored)
            )
        if self.missing:
            titles = ", ".join(TOOLS[key].title for key in self.missing)
            said.append(_("Neither here nor stored for these settings: {titles}.").format(titles=titles))
        return said

    def __repr__(self) -> str:
        return self.table()

    _repr_markdown_ = __repr__


@dataclass(frozen=True, repr=False)
class Digits:
    """A comparison's numbers, to the digit."""

    comparison: Comparison

    def __repr__(self) -> str:
        digits = 15 if self.comparison.double else 8
        heads = [_("tool"), _("version"), _("meta-loss"), _("a fast weight"), _("its meta-gradient")]
        cells = [
            [f"{number:.{digits}f}" for number in (row.meta_loss, row.fast, row.gradient)]
            for row in self.comparison.rows.values()
        ]
        return self.comparison._with_notes(heads, cells)

    _repr_markdown_ = __repr__


def weights(double: bool = False) -> nn.Sequential:
    """The network that every tool begins with: 1-40-40-1, ReLU, seed 1."""
    model = sine_net(torch.Generator().manual_seed(1))
    return model.double() if double else model


def tasks(n_tasks: int = TASKS, double: bool = False) -> TaskBatch:
    """The tasks that every tool gets: sine waves, 10 shots and 10 queries each, seed 2."""
    batch = SineTasks(SHOTS, QUERIES).sample(n_tasks, torch.Generator().manual_seed(2))
    return TaskBatch(*(part.double() for part in batch)) if double else batch


def reference(
    steps: int = 1, first_order: bool = False, n_tasks: int = TASKS, alpha: float = ALPHA
) -> Answer:
    """The plain loop in float64, on the same weights and tasks as all."""
    return TOOLS["pytorch"].answer(weights(True), tasks(n_tasks, True), alpha, steps, first_order)


def difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference, as a fraction of the largest entry of each array; NaN if there is one.

    Raises:
        ValueError: another number of arrays, or other shapes.
    """
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            raise ValueError(f"an array of shape {tuple(b.shape)} where ours has {tuple(a.shape)}")
        apart = float((a - b).abs().max() / a.abs().max())
        worst = apart if apart != apart else max(worst, apart)
    return worst


def compare(
    steps: int = 1,
    first_order: bool = False,
    *,
    double: bool = False,
    rounds: int = ROUNDS,
    measure: bool | None = None,
) -> Comparison:
    """One MAML step in each tool, from the same weights and tasks, against the plain loop in float64.

    Args:
        steps: inner steps.
        first_order: treat the inner gradients as constants.
        double: compute in float64; otherwise float32.
        rounds: times each tool has its turn on the clock.
        measure: whether to compute at all. Without it, everything is computed that is here if there is at
            least one tool beyond the course's own, and otherwise all rows are the stored ones.

    Returns:
        the comparison: rows that were measured here in one run, and stored ones (`steps` 1 or 5) for tools
        that are not here.

    Raises:
        ValueError: `steps` is no positive whole number, or there is nothing to show for it.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(
            _("steps must be a whole number of at least 1; it is {value!r}.").format(value=steps)
        )
    rows = _stored_rows(steps, first_order, double)
    if measure is None:
        measure = bool(peers_here())
    if measure:
        rows |= _measured_rows(steps, first_order, double, rounds)
    if not rows:
        sentence = _("For {n} inner steps nothing is stored (only for {stored}); measure=True computes it.")
        raise ValueError(sentence.format(n=steps, stored=", ".join(map(str, STORED_STEPS))))
    ordered = {key: rows[key] for key in TOOLS if key in rows}
    missing = [key for key in TOOLS if key not in rows]
    about = {key: str(value) for key, value in card()["about"].items()} if FILE.exists() else {}
    return Comparison(steps, first_order, double, ordered, timing.machine(), about, missing)


def _measured_rows(steps: int, first_order: bool, double: bool, rounds: int) -> dict[str, Measured]:
    expected = reference(steps, first_order)
    model, batch = weights(double), tasks(double=double)
    given = (model, batch, ALPHA, steps, first_order)
    answers: dict[str, Answer] = {}
    calls, first = {}, {}
    for key, tool in TOOLS.items():
        if not tool.here():
            continue
        try:
            calls[key] = tool.step(*given)
        except ImportError:  # it is installed and cannot be imported here
            continue
        start = time.perf_counter()
        calls[key]()
        first[key] = time.perf_counter() - start
        answers[key] = tool.answer(*given)
    seconds = timing.interleaved(calls, rounds, clock=time.process_time)  # whatever else the machine does
    return {
        key: Measured(
            version=TOOLS[key].version(),
            meta_loss=answer.loss,
            fast=float(answer.fast[-1][0]),
            gradient=float(answer.gradient[-1]),
            fast_difference=difference(expected.fast, answer.fast),
            gradient_difference=difference(expected.gradient, answer.gradient),
            milliseconds=1000 * statistics.median(seconds[key]),
            ratio=timing.times_faster(seconds, key, "pytorch"),
            first=first[key],
            measured=True,
        )
        for key, answer in answers.items()
    }


@cache
def card() -> dict[str, Any]:
    """The whole stored file: when and on what it was made, the comparisons, the outputs of the traps."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def name_of(steps: int, first_order: bool, double: bool) -> str:
    """What a comparison is called in stored.json."""
    return f"{steps} {'first' if first_order else 'second'} {'float64' if double else 'float32'}"


def _stored_rows(steps: int, first_order: bool, double: bool) -> dict[str, Measured]:
    if not FILE.exists():  # while it is being made for the first time
        return {}
    rows = card()["comparisons"].get(name_of(steps, first_order, double), {})
    return {key: Measured(**row) for key, row in rows.items()}


def to_store(found: Comparison) -> dict[str, dict[str, Any]]:
    """A comparison as stored.json keeps it: numbers rounded to what means something.

    Raises:
        ValueError: not all of it was measured here.
    """
    if found.missing or not all(row.measured for row in found.rows.values()):
        raise ValueError("not every tool is here: see `make peers`")
    short = {"milliseconds": 4, "ratio": 3, "first": 2, "fast_difference": 2, "gradient_difference": 2}
    kept = {}
    for key, row in found.rows.items():
        numbers = asdict(row) | {"measured": False}
        for each in fields(row):
            if each.name in short:
                numbers[each.name] = float(f"{numbers[each.name]:.{short[each.name]}g}")
        kept[key] = numbers
    return kept


def about() -> dict[str, str]:
    """When and on what something is measured now."""
    date = datetime.date.today()
    return {"date": f"{date.day} {date:%B %Y}", "machine": timing.machine()}
