"""What happened during meta-training."""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.figure import Figure

from metalib.evaluation import METRICS, Evaluation
from metalib.i18n import _


@dataclass
class History:
    """The meta-loss of each meta-iteration, and the validation scores."""

    loss: list[float] = field(default_factory=list)
    validation: list[tuple[int, float, float]] = field(default_factory=list)
    """``(iteration, mean, 95 % half-width)``."""
    metric: str = "loss"
    """What the validation scores are: ``"accuracy"`` or ``"loss"``."""
    interrupted: bool = False
    seconds: float = 0.0
    """Time spent on it, the parts before interruptions included."""

    def add_validation(self, iteration: int, score: Evaluation) -> None:
        """Keep one validation score."""
        self.metric = score.metric
        self.validation.append((iteration, score.mean, score.half_width))

    def summary(self) -> str:
        """One line on where training stands: the mean of the last 50 losses, the last validation score."""
        recent = self.loss[-50:]
        line = _("loss {loss:.3f}").format(loss=sum(recent) / max(len(recent), 1))
        if self.validation:
            line += _(", validation {metric} {value:.3f}").format(
                metric=_(METRICS[self.metric]), value=self.validation[-1][1]
            )
        return line

    def __repr__(self) -> str:
        said = (
            _("interrupted after {n} meta-iterations: {summary}")
            if self.interrupted
            else _("after {n} meta-iterations: {summary}")
        )
        return said.format(n=len(self.loss), summary=self.summary())

    def plot(self) -> Figure:
        """Plot the smoothed meta-loss and, where there was validation, its scores with their intervals."""
        from metalib import look

        figure = look.figure(8, 3.6)
        axes = figure.subplots(1, 2 if self.validation else 1, squeeze=False)[0]
        axes[0].plot(range(1, len(self.loss) + 1), smooth(self.loss), color=look.BLUE)
        axes[0].set(xlabel=_("meta-iteration"), ylabel=_("meta-loss (smoothed)"), yscale="log")
        if self.validation:
            iteration, mean, half = zip(*self.validation, strict=True)
            axes[1].errorbar(iteration, mean, half, color=look.ORANGE, marker="o", capsize=3)
            axes[1].set(
                xlabel=_("meta-iteration"),
                ylabel=_("validation {metric}").format(metric=_(METRICS[self.metric])),
            )
        return figure

    def state_dict(self) -> dict:
        """As plain containers, for a checkpoint."""
        return {
            "loss": list(self.loss),
            "validation": [list(entry) for entry in self.validation],
            "metric": self.metric,
            "seconds": self.seconds,
        }

    @classmethod
    def from_state_dict(cls, state: dict) -> History:
        """The history that ``state_dict`` described."""
        return cls(
            [float(value) for value in state["loss"]],
            [(int(at), float(mean), float(half)) for at, mean, half in state["validation"]],
            str(state["metric"]),
            seconds=float(state["seconds"]),
        )


def smooth(values: list[float], window: int | None = None) -> list[float]:
    """Exponential moving average without the bias of its start; by default over a twentieth of the values."""
    decay = 1 - 1 / max(window or len(values) // 20, 1)
    average, weight, smoothed = 0.0, 0.0, []
    for value in values:
        average, weight = decay * average + (1 - decay) * value, decay * weight + 1 - decay
        smoothed.append(average / weight)
    return smoothed
