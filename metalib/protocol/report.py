"""What a look at a protocol has found."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Leak:
    """One leak: its name (see `LEAKS`), and a sentence with the figures."""

    name: str
    sentence: str

    def __post_init__(self) -> None:
        assert self.name in LEAKS, self.name

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


@dataclass(frozen=True)
class ProtocolReport:
    """What `check_protocol` has found. It shows itself, in a notebook and by `print`."""

    leaks: tuple[Leak, ...]
    """What is wrong, or has to be said beside the results."""
    clean: tuple[str, ...]
    """Sentences: what was looked at and is in order."""
    unseen: tuple[str, ...]
    """Sentences: what cannot be seen from what was given."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the leaks, each once."""
        return tuple(dict.fromkeys(leak.name for leak in self.leaks))

    @property
    def _heading(self) -> str:
        if not self.leaks:
            return _("No leak seen")
        return _("Leaks: {names}").format(names=", ".join(self.names))

    def __str__(self) -> str:
        parts = [self._heading]
        parts += [f"✗ {leak}" for leak in self.leaks]
        parts += [f"✓ {sentence}" for sentence in self.clean]
        parts += [f"? {sentence}" for sentence in self.unseen]
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        parts = [f"**{self._heading}**", ""]
        parts += [f"- ✗ **{leak.name}**: {leak.sentence}" for leak in self.leaks]
        parts += [f"- ✓ {sentence}" for sentence in self.clean]
        parts += [f"- ? {sentence}" for sentence in self.unseen]
        return "\n".join(parts)
