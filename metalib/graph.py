"""The computation graph of a meta-gradient: drawn, and what PyTorch keeps of it in memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

from metalib import look
from metalib.i18n import _

Place = tuple[float, float]

FORWARD: look.Style = {"color": look.GREY, "linewidth": 1.6}
STRAIGHT: look.Style = {"color": look.BLUE, "linewidth": 2.6}  # the way back through I
CURVED: look.Style = {"color": look.VERMILION, "linewidth": 2.6, "linestyle": (0, (4, 1.6))}  # … through −αH
GAP = 0.13  # between an arrow forwards and its way back


def plot_meta_gradient(steps: int = 1, *, first_order: bool = False) -> look.CourseFigure:
    """The inner steps from θ to the query loss, and the ways that its gradient takes back to θ.

    Args:
        steps: inner steps, 1 to 4.
        first_order: cross out the ways back that first-order MAML leaves out.

    Raises:
        ValueError: `steps` is not from 1 to 4.
    """
    if steps not in (1, 2, 3, 4):
        sentence = _("{name} must lie between {low:g} and {high:g}; {value} does not.")
        raise ValueError(sentence.format(name="steps", low=1, high=4, value=steps))
    figure = look.figure(10, 3.5, alt=_words(steps, first_order))
    axes = figure.subplots()
    axes.set(xlim=(-0.45, steps + 1.55), ylim=(-0.62, 1.62))
    axes.set_axis_off()
    where = [r"\theta", r"\theta'"] if steps == 1 else [rf"\theta_{j}" for j in range(steps + 1)]
    for j in range(steps):
        _inner_step(axes, j, where[j], "H" if steps == 1 else f"H_{j}", first_order)
    loss = rf"$L_Q({where[-1]})$"
    _arrow(axes, (steps, 0), (steps + 1, 0), FORWARD, (0.16, 0.3))
    _arrow(axes, (steps + 1, -GAP), (steps, -GAP), STRAIGHT, (0.3, 0.16))
    axes.text(
        steps + 0.52,
        -0.4,
        rf"$\nabla L_Q({where[-1]})$",
        ha="center",
        va="center",
        fontsize=look.TITLE,
        color=look.BLUE,
    )
    for j, name in enumerate(where):
        _node(axes, (j, 0), f"${name}$")
    _node(axes, (steps + 1, 0), loss)
    kinds: list[tuple[str, look.Style]] = [
        (_("forwards"), FORWARD),
        (_("back: θ itself, factor I"), STRAIGHT),
        (_("back through the inner gradient: −αH"), CURVED),
    ]
    handles = [axes.plot([], [], label=label, **style)[0] for label, style in kinds]
    look.legend(axes, handles=handles, ncols=3, loc="upper left", bbox_to_anchor=(0.0, 1.02))
    return figure


def _inner_step(axes: Axes, j: int, at: str, hessian: str, first_order: bool) -> None:
    """From θ_j to θ_{j+1}: θ itself along the bottom, the gradient of the support loss above."""
    above = (j + 0.5, 1.0)
    _arrow(axes, (j, 0), (j + 1, 0), FORWARD, (0.16, 0.16))
    _arrow(axes, (j - 0.05, 0.08), (j + 0.45, 1.0), FORWARD, (0.2, 0.24))
    _arrow(axes, (j + 0.55, 1.0), (j + 1.05, 0.08), FORWARD, (0.24, 0.2))
    _arrow(axes, (j + 1, -GAP), (j, -GAP), STRAIGHT, (0.16, 0.16))
    style = {**CURVED, "alpha": 0.3} if first_order else CURVED  # the ways back lie inside the triangle
    _arrow(axes, (j + 0.95, 0.04), (j + 0.48, 1.0), style, (0.22, 0.26))
    _arrow(axes, (j + 0.52, 1.0), (j + 0.05, 0.04), style, (0.26, 0.22))
    label: look.Style = {"ha": "center", "va": "center", "fontsize": look.TITLE}
    axes.text(j + 0.5, -0.4, "$I$", color=look.BLUE, **label)
    axes.text(j + 0.65, 0.25, r"$-\alpha$", color=look.VERMILION, **label)
    axes.text(j + 0.35, 0.25, f"${hessian}$", color=look.VERMILION, **label)
    if first_order:
        for x in (j + 0.27, j + 0.73):
            axes.plot(x, 0.5, "x", color=look.BLACK, markersize=13, markeredgewidth=3)
    _node(axes, above, rf"$\nabla L_S({at})$")


def _node(axes: Axes, place: Place, text: str) -> None:
    box = {"boxstyle": "round,pad=0.42", "facecolor": "white", "edgecolor": look.BLACK, "linewidth": 1.4}
    axes.text(*place, text, ha="center", va="center", fontsize=look.TITLE, bbox=box, zorder=4)


def _arrow(axes: Axes, start: Place, end: Place, style: look.Style, gaps: tuple[float, float]) -> None:
    """An arrow between two nodes; `gaps` is what each end stays away from its node's middle."""
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    across, up = (x1 - x0) / length, (y1 - y0) / length
    tail = (x0 + gaps[0] * across, y0 + gaps[0] * up)
    head = (x1 - gaps[1] * across, y1 - gaps[1] * up)
    axes.annotate("", head, tail, arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **style})


def _words(steps: int, first_order: bool) -> str:
    text = _(
        "A computation graph with {n} inner step(s): θ leads to the next θ directly and through the gradient "
        "of the support loss, and the last θ to the query loss. The gradient comes back the same ways: each "
        "step has one way with the factor I and one with −αH."
    ).format(n=steps)
    return text + " " + _("First-order MAML leaves the ways with −αH out.") if first_order else text


def kilobytes_kept(compute: Callable[[], Tensor]) -> float:
    """What autograd keeps in memory for the way back from `compute()`, in kilobytes (1000 bytes).

    Every tensor that autograd saves passes `torch.autograd.graph.saved_tensors_hooks`. Memory that several of
    them share counts once, and what has been freed by the time the result is there does not count.
    """
    seen: list[weakref.ref[Tensor]] = []

    def pack(tensor: Tensor) -> Tensor:
        seen.append(weakref.ref(tensor))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = compute()  # the graph lives as long as this does
    alive = [tensor for tensor in (reference() for reference in seen) if tensor is not None]
    memory = [tensor.untyped_storage() for tensor in alive]
    del result
    return sum({part.data_ptr(): part.nbytes() for part in memory}.values()) / 1e3
