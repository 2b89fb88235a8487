"""What a look at a learner and its tasks has found."""

from __future__ import annotations

from dataclasses import dataclass

from metalib import findings
from metalib.findings import FINE, SUSPICIOUS, UNSEEN, WRONG, Finding, Report
from metalib.i18n import _

FAULTS = (
    # the tasks
    "inputs",  # inputs or targets that are all alike, huge, tiny or not finite
    "same-tasks",  # the same tasks again and again
    "not-from-generator",  # the tasks do not follow from the generator alone
    "one-function",  # one function fits all tasks: nothing need be learned from a support set
    "support-says-nothing",  # support and query of a task do not belong together
    # the output and the loss
    "fails",  # the learner cannot do these tasks at all
    "output-size",  # outputs and classes do not fit
    "loss-function",  # the loss does not fit the output
    "zero-step",  # before any step it knows more than chance
    "head",  # before any step it is sure of its answers
    # the inner loop
    "nothing-adapts",  # the answers do not depend on the support labels
    "adapt-changes-learner",  # adapting changes the learner itself
    "unused",  # parameters on which nothing depends
    "frozen",  # parameters that neither loop changes
    "head-not-adapted",  # the last layer is left out of the inner loop
    "alpha-small",  # the inner step changes nothing
    "alpha-large",  # the support loss grows, or explodes
    "overfits",  # the support loss falls, the query loss rises
    # gradients
    "graph-cut",  # the inner gradient is not that of the support loss
    "meta-gradient",  # the meta-gradient is not that of the meta-loss
    "first-order",  # the same, and it is the first-order one
    "not-finite",  # a loss or a gradient is not a finite number
    # layers
    "random",  # dropout, or other random numbers, in the loss
    "running-statistics",  # batch normalisation with statistics that do not fit
    "modes",  # parts that stay in evaluation mode while it trains
    "dead-units",  # ReLU units that are never active
    # the outer loop
    "lr-small",  # trial steps change nothing
    "lr-large",  # trial steps make the loss grow
)
"""The names of the faults that can be found. They stay."""


@dataclass(frozen=True, repr=False)
class TrainingReport(Report):
    """What `check_training` has found. It shows itself, in a notebook and by `print`."""

    stage: str = ""
    """``"not yet"``: a support set does not help; ``"begun"``: it helps; ``"learned"``: it helps more than it
    helps the simplest method there is. Empty where this was not seen."""

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What keeps it from learning, or makes its results worthless."""
        return self.of(WRONG)

    @property
    def suspicious(self) -> tuple[Finding, ...]:
        """What may be meant so, and should be looked at."""
        return self.of(SUSPICIOUS)

    @property
    def fine(self) -> tuple[Finding, ...]:
        """What was looked at and is in order."""
        return self.of(FINE)

    @property
    def unseen(self) -> tuple[Finding, ...]:
        """What could not be looked at."""
        return self.of(UNSEEN)

    @property
    def heading(self) -> str:
        parts = [
            words.format(names=", ".join(dict.fromkeys(one.name for one in of)))
            for words, of in ((_("Wrong: {names}"), self.wrong), (_("Suspicious: {names}"), self.suspicious))
            if of
        ]
        return "; ".join(parts) if parts else _("Nothing suspicious seen")


class TrainingFindings(findings.Findings):
    """TrainingFindings about a training, as they are made."""

    names = FAULTS
    stage = ""

    def report(self) -> TrainingReport:
        """All of it."""
        return TrainingReport(tuple(self.all), self.stage)
