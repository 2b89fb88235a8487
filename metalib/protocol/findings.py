"""Where the checks of a protocol write down what they find."""

from __future__ import annotations

from typing import Any

from metalib import findings
from metalib.i18n import N_
from metalib.protocol.report import LEAKS, ProtocolReport

SIDES = {"train": N_("training"), "validation": N_("validation"), "test": N_("test")}
"""The three sides of a protocol, and what sentences call them."""
CLASSES = {
    "train": N_("training classes"),
    "validation": N_("validation classes"),
    "trained_on": N_("classes trained on"),
    "tuned_on": N_("classes that settings were chosen on"),
}
"""What sentences call the classes of a side, or of what was done before."""


class ProtocolFindings(findings.Findings):
    """Leaks, clean bills and blind spots, as they are found."""

    names = LEAKS

    def leak(self, name: str, sentence: str, /, **gaps: Any) -> None:
        """A leak; the sentence is marked for translation, and its gaps are filled in."""
        self.wrong(name, sentence, **gaps)

    def report(self) -> ProtocolReport:
        """All of it."""
        return ProtocolReport(tuple(self.all))
