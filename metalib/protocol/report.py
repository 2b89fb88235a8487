"""What a look at a protocol has found."""

from __future__ import annotations

from metalib.findings import FINE, UNSEEN, WRONG, Finding, Report
from metalib.i18n import _

LEAKS = (
    "class-overlap",  # classes of the test were trained on, or chosen on
    "support-in-query",  # support examples come again as queries
    "class-twice",  # one class has two labels in a task
    "sorted-labels",  # the label can be told from the class alone
    "transductive",  # an answer depends on the other queries
    "tasks-mixed",  # an answer depends on the other tasks
    "learns-on-test",  # the learner is another one after the test
    "trained-on-validation",  # validation classes were trained on
    "tuned-on-test",  # settings were chosen on test classes
)
"""The names of the leaks that can be found. They stay."""


class ProtocolReport(Report):
    """What `check_protocol` has found. It shows itself, in a notebook and by `print`."""

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """What is wrong, or has to be said beside the results: each with `name` and `sentence`."""
        return self.of(WRONG)

    @property
    def clean(self) -> tuple[str, ...]:
        """Sentences: what was looked at and is in order."""
        return tuple(finding.sentence for finding in self.of(FINE))

    @property
    def unseen(self) -> tuple[str, ...]:
        """Sentences: what cannot be seen from what was given."""
        return tuple(finding.sentence for finding in self.of(UNSEEN))

    @property
    def heading(self) -> str:
        if not self.leaks:
            return _("No leak seen")
        return _("Leaks: {names}").format(names=", ".join(self.names))
