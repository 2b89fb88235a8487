"""Where the checks write down what they find."""

from __future__ import annotations

from metalib.i18n import N_, _
from metalib.protocol.report import Leak, ProtocolReport

SIDES = {"train": N_("training"), "validation": N_("validation"), "test": N_("test")}
"""The three sides of a protocol, and what sentences call them."""
CLASSES = {
    "train": N_("training classes"),
    "validation": N_("validation classes"),
    "trained_on": N_("classes trained on"),
    "tuned_on": N_("classes that settings were chosen on"),
}
"""What sentences call the classes of a side, or of what was done before."""


class Findings:
    """Leaks, clean bills and blind spots, as they are found."""

    def __init__(self) -> None:
        self.leaks: list[Leak] = []
        self.clean: list[str] = []
        self.unseen: list[str] = []

    def leak(self, name: str, sentence: str, **gaps: object) -> None:
        """A leak; the sentence is marked for translation, and its gaps are filled in."""
        self.leaks.append(Leak(name, _(sentence).format(**gaps)))

    def fine(self, sentence: str, **gaps: object) -> None:
        """Something that is in order."""
        self.clean.append(_(sentence).format(**gaps))

    def blind(self, sentence: str, **gaps: object) -> None:
        """Something that cannot be seen."""
        self.unseen.append(_(sentence).format(**gaps))

    def report(self) -> ProtocolReport:
        """All of it."""
        return ProtocolReport(tuple(self.leaks), tuple(self.clean), tuple(self.unseen))


def share(part: int, whole: int) -> str:
    """37 of 200 (18.5 %)."""
    return _("{part} of {whole} ({percent:.3g} %)").format(part=part, whole=whole, percent=100 * part / whole)


def listed(names: list[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    said = ", ".join(names[:most])
    return (
        said
        if len(names) <= most
        else _("{names} and {count} more").format(names=said, count=len(names) - most)
    )
