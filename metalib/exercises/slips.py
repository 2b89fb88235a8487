"""Common slips, recognised in any exercise: what comes out is what the solution gives with the slip in it.

Nothing is listed for an exercise. `mutants` makes the slips in the solution's own code; each is tried with
the exercise's probe, and where the learner's result is a mutant's, under every seed, its sentence is said.
Mutants are only made when a check has failed and no wrong answer of the exercise's own has matched.
"""

import contextlib
import io
import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from metalib.exercises.mutants import Mutant, mutants
from metalib.exercises.running import Raised, Returned
from metalib.i18n import N_, _

SECONDS = 1.2  # of the processor, for an exercise's mutants at one check; the next check goes on from there

SLIPS = {
    "sum-for-mean": N_(
        "This is what comes out with a sum where a mean belongs: nothing divides by how many there are."
    ),
    "mean-for-sum": N_("This is what comes out with a mean where a sum belongs."),
    "root-missing": N_("This is what comes out when the division by √n is missing."),
    "n-for-root-n": N_("This is what comes out with n where √n belongs."),
    "no-root": N_("This is what comes out when a square root is missing."),
    "root-too-many": N_(
        "This is what comes out with a square root too many: a distance where its square belongs."
    ),
    "no-square": N_("This is what comes out when a square is missing."),
    "absolute": N_("This is what comes out with absolute values where squares belong."),
    "biased": N_(
        "This is what comes out with the standard deviation that divides by n (`correction=0`, or"
        " `np.std`) where the one that divides by n − 1 belongs."
    ),
    "unbiased": N_(
        "This is what comes out with the standard deviation that divides by n − 1 where the one "
        "that divides by n belongs."
    ),
    "variance": N_("This is what comes out with the variance where the standard deviation belongs."),
    "two-for-1.96": N_("This is what comes out with 2 in place of 1.96."),
    "no-1.96": N_("This is what comes out without the factor 1.96."),
    "whole-width": N_("This is what comes out for the whole width of the interval; half of it is asked for."),
    "half-of-half": N_("This is half of the half-width that is asked for."),
    "90-percent": N_("This is what comes out with 1.645, which makes a 90 % interval, in place of 1.96."),
    "graph-cut": N_(
        "This is what comes out when the inner gradient counts as a constant: is "
        "`create_graph=True` missing, or is there a `detach`?"
    ),
    "no-detach": N_(
        "This is what comes out without `detach`: what is to be a constant is differentiated too."
    ),
    "uphill": N_("This is what comes out when the step goes uphill, along the gradient and not against it."),
    "plus-for-minus": N_("This is what comes out with a plus where a minus belongs."),
    "minus-for-plus": N_("This is what comes out with a minus where a plus belongs."),
    "exchanged-in-difference": N_("This is what comes out when a difference is taken the other way round."),
    "sign": N_("This is what comes out when a minus sign is missing."),
    "no-factor": N_("This is what comes out without the factor {factor}."),
    "no-divisor": N_("This is what comes out without dividing by {factor}."),
    "without": N_("This is what comes out when `{name}` is left out."),
    "without-term": N_("This is what comes out when `{name}` is missing from a sum."),
    "twice": N_("This is what comes out when `{name}` comes in twice."),
    "divided": N_(
        "This is what comes out when something is divided by `{name}` that should be multiplied by it."
    ),
    "multiplied": N_(
        "This is what comes out when something is multiplied by `{name}` that should be divided by it."
    ),
    "one-minus": N_("This is what comes out with 1 − `{name}` where `{name}` belongs."),
    "term": N_("This is what comes out when a term of a sum is missing."),
    "one-missing": N_("This is what comes out when a 1 that is added or subtracted is missing."),
    "axis": N_("This is what comes out along another dimension than the one that is meant (`dim`)."),
    "no-axis": N_("This is what comes out over all dimensions where one of them is meant (`dim`)."),
    "transposed": N_(
        "This is what comes out with a matrix transposed, or with the two factors of a matrix "
        "product exchanged."
    ),
    "log-for-probability": N_(
        "This is what comes out with the logarithm of the softmax where the softmax belongs."
    ),
    "probability-for-log": N_("This is what comes out with the softmax where its logarithm belongs."),
    "no-log": N_("This is what comes out when a logarithm is missing."),
    "no-exp": N_("This is what comes out when an exponential is missing."),
    "log-exp": N_("This is what comes out with the logarithm and the exponential exchanged."),
    "sum-for-logsumexp": N_(
        "This is what comes out with a plain sum where the logarithm of a sum of exponentials belongs."
    ),
    "largest-for-smallest": N_("This is what comes out with the largest where the smallest belongs."),
    "smallest-for-largest": N_("This is what comes out with the smallest where the largest belongs."),
    "strict": N_("This is what comes out with {used} where {right} belongs."),
    "condition-turned": N_("This is what comes out when a condition is turned into its opposite."),
    "condition-missing": N_("This is what comes out when one of the conditions is missing."),
    "or-for-and": N_("This is what comes out with “or” where “and” belongs."),
    "and-for-or": N_("This is what comes out with “and” where “or” belongs."),
    "round-missing": N_("This is what comes out when a loop runs one time too few."),
    "round-too-many": N_("This is what comes out when a loop runs one time too many."),
    "one-round": N_("This is what comes out when a loop runs only once."),
    "no-round": N_("This is what comes out when a loop does not run at all."),
    "ignored": N_("This is what comes out when `{name}` is ignored and there is one round only."),
    "counts-from-one": N_("This is what comes out when counting starts at 1 and not at 0."),
    "off-by-one": N_("This is what comes out when a number is off by one."),
    "shifted-by-one": N_("This is what comes out when every item is the next one: a list is shifted by one."),
    "item-too-many": N_("This is what comes out with one item too many."),
    "slice-off-by-one": N_(
        "This is what comes out when a slice begins or ends one item too early or too late."
    ),
    "rounded": N_("This is what comes out when it is rounded the other way."),
    "order": N_("This is what comes out in the opposite order."),
    "not-sorted": N_("This is what comes out when nothing is sorted."),
    "pair-exchanged": N_("These are the right results in the wrong order: the two are exchanged."),
    "exchanged": N_("This is what comes out with `{first}` and `{second}` exchanged."),
    "other-argument": N_("This is what comes out with `{used}` in a place where `{right}` belongs."),
    "sets-exchanged": N_("This is what comes out with the support set and the query set exchanged."),
    "query-for-support": N_("This is what comes out with the query set where the support set belongs."),
    "support-for-query": N_("This is what comes out with the support set where the query set belongs."),
    "return-in-loop": N_(
        "This is what comes out when `return` stands inside the loop: the first round is then the last one."
    ),
    "line-in-loop": N_(
        "This is what comes out when a line stands inside the loop that belongs after it (its indentation)."
    ),
    "line-after-loop": N_(
        "This is what comes out when a line stands after the loop that belongs inside it (its indentation)."
    ),
    "starts-anew": N_(
        "This is what comes out when every round of a loop starts anew: something is set again inside it."
    ),
    "always-at-start": N_(
        "This is what comes out when the gradient is taken at `{name}` in every step, not where "
        "the last step arrived."
    ),
    "always-from-start": N_(
        "This is what comes out when every step starts from `{name}`, not where the last step arrived."
    ),
    "before-the-step": N_("This is what comes out with `{name}` where what the step has made of it belongs."),
    "after-the-step": N_(
        "This is what comes out with what the step has made of `{name}` where `{name}` itself belongs."
    ),
    "first-missing": N_("This is what comes out when the first item is left out."),
    "last-missing": N_("This is what comes out when the last item is left out."),
}

# True, but they say little: only said where no other slip gives the same.
VAGUE = {
    "term", "without-term", "other-argument", "off-by-one", "condition-turned", "starts-anew", "no-axis",
    "slice-off-by-one", "exchanged-in-difference", "after-the-step",
}  # fmt: skip


class Slips:
    """The slips of one exercise.

    Args:
        source: the solution's code.
        made: what a program defines under the exercise's name.
        run: the probe's result on an answer under the n-th seed.
        same: whether two results are the same.
        without: slips that would mislead in this exercise.
    """

    def __init__(
        self,
        source: str,
        made: Callable[[Any], Any],
        run: Callable[[Any, int], Returned | Raised],
        same: Callable[[Any, Any], bool],
        without: tuple[str, ...] = (),
    ) -> None:
        unknown = set(without) - set(SLIPS)
        if unknown:
            raise ValueError(f"no slip is called {', '.join(sorted(unknown))}")
        self._made, self._run, self._same, self._without = made, run, same, without
        self._coming: Iterator[Mutant] = mutants(source)
        self._tried: list[
            tuple[Mutant, Any, Returned]
        ] = []  # with the answer, and its result under the first seed

    def said(self, got: tuple[Returned | Raised, ...], seconds: float = SECONDS) -> str | None:
        """The sentence of the slip that gives these results, one a seed; None where none or too many do."""
        if not all(isinstance(result, Returned) for result in got):
            return None
        found = self.matching(got, seconds)
        rich = any(is_rich(result.value) for result in got if isinstance(result, Returned))
        clear = [mutant for mutant in found if mutant.slip not in VAGUE]
        sentences = {
            _(SLIPS[mutant.slip]).format(**mutant.values): None for mutant in ((rich and clear) or found)
        }  # each once, in order
        if len(sentences) == 2 and rich:
            one, other = sentences
            return _("{one} Or: {other}").format(one=one, other=other)
        return next(iter(sentences)) if len(sentences) == 1 else None

    def matching(self, got: tuple[Returned | Raised, ...], seconds: float = SECONDS) -> list[Mutant]:
        """The mutants that give these results under every seed."""
        return [
            mutant
            for mutant, answer, first in self._results(seconds)
            if self._same(first, got[0])
            and all(self._same(self._quietly(answer, n), got[n]) for n in range(1, len(got)))
        ]

    def _results(self, seconds: float) -> Iterator[tuple[Mutant, Any, Returned]]:
        yield from self._tried
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            mutant = next(self._coming, None)
            if mutant is None:
                return
            if mutant.slip in self._without:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter(
                        "ignore"
                    )  # "'int' object is not callable; perhaps you missed a comma?"
                    answer = self._made(mutant.tree)
            except Exception:  # a slip that is no program
                continue
            result = self._quietly(answer, 0)
            if isinstance(result, Returned) and tells(result.value):
                self._tried.append((mutant, answer, result))
                yield self._tried[-1]

    def _quietly(self, answer: Any, n: int) -> Returned | Raised:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of a slip, such as a standard deviation of one value
            return self._run(answer, n)


def tells(value: Any) -> bool:
    """Whether a result says how it was made: no list in it is empty, and not all is one whole number."""
    found = list(_numbers(value))
    if None in found or (found and all(math.isnan(number) for number in found if number is not None)):
        return False
    return is_rich(value) or (len(set(found)) > 1 if len(found) > 1 else found != [0.0])


def is_rich(value: Any) -> bool:
    """Whether there are fractions in a result. Whole numbers and words come out in many ways: then a slip is
    named where it is the only one."""
    return any(number is not None and math.isfinite(number) and number % 1 != 0 for number in _numbers(value))


def _numbers(value: Any) -> Iterator[float | None]:
    """All numbers in a result, and None for an empty list."""
    if isinstance(value, torch.Tensor | np.ndarray):
        yield from torch.as_tensor(value).detach().double().flatten().tolist()
    elif isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, tuple | list | set):
        if not value:
            yield None
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, bool | int | float):
        yield float(value)
