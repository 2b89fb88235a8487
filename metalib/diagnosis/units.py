"""The units of ReLU layers: are there some that are never active."""

from __future__ import annotations

from torch import Tensor, nn

from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import Trial
from metalib.i18n import N_

DEAD, MOSTLY_DEAD = 0.999, 0.75


def relus(model: nn.Module) -> dict[str, nn.ReLU]:
    """The ReLU layers of a model by name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, nn.ReLU)}


def check_units(trial: Trial, found: TrainingFindings) -> None:
    """Are there ReLU layers whose units are never active."""
    names = list(relus(trial.learner))
    if not names:
        return
    other = Trial(trial.learner, trial.all)  # hooks stay on the copy
    active: dict[str, Tensor] = {}

    def look(name: str):
        def hook(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            on = output.detach() > 0
            dims = [
                d for d in range(on.dim()) if d != (1 if on.dim() > 2 and on.dim() != 3 else on.dim() - 1)
            ]
            seen = on.any(dim=dims) if dims else on
            active[name] = seen | active[name] if name in active else seen

        return hook

    for name, layer in relus(other.learner).items():
        layer.register_forward_hook(look(name))
    try:
        other.predicted(trial.batch[:6])
    except Exception:
        found.blind(N_("Whether units are dead could not be seen in this model."))
        return
    shares = {name: 1 - float(on.double().mean()) for name, on in active.items()}
    if not shares:
        return
    name = max(shares, key=shares.__getitem__)
    gaps = {"name": name, "percent": 100 * shares[name]}
    sentence = N_("in the ReLU layer {name} {percent:.3g} % of the units are zero for every example.")
    advice = N_("Dead units have no gradient: smaller steps, scaled inputs, or another initialisation.")
    if shares[name] >= DEAD:
        found.wrong("dead-units", sentence, advice, **gaps)
    elif shares[name] >= MOSTLY_DEAD:
        found.suspicious("dead-units", sentence, advice, **gaps)
    else:
        found.fine(N_("No ReLU layer has more than {percent:.2g} % of dead units."), **gaps)
