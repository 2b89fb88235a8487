"""Learners that adapt by gradient descent: one inner loop, and the losses that tell them apart."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners import batched
from metalib.learners.base import Learner, fitting, uses_batch_statistics
from metalib.learners.checkpointed import check_checkpoint, segmented
from metalib.learners.compiled import Compiled, why_not
from metalib.learners.losses import LossFn, check_loss_fn, task_losses
from metalib.learners.swapped import copied
from metalib.tasks import TaskBatch
from metalib.tasks.batch import check_whole


class FastWeights(dict[str, Tensor]):
    """Adapted parameters, ``{parameter name: (T, ...)}``, and the support inputs they were adapted on.

    A model with batch normalisation needs ``support_x`` to judge a query example by itself.
    """

    support_x: Tensor


class GradientLearner(Learner):
    """Adapts a model by ``steps`` steps of gradient descent on the support loss, θ′ ← θ′ − α ∇L(θ′; support),
    from θ.

    MAML, Reptile, joint training and training from scratch share this inner loop and differ in ``loss``: in
    how the starting point θ, the model's own parameters, is trained.

    Args:
        model: any ``nn.Module`` mapping ``(N, ...)`` to ``(N, ...)``. Its batch normalisation must not track
            statistics, unless it stays in evaluation mode. Every task finds its buffers as they are; what a
            task writes there is dropped.
        alpha: the inner step size α, a finite number ≥ 0. Its unit is that of a *mean* loss over the support
            set.
        steps: inner steps a task; 0 is the starting point itself.
        loss_fn: see :func:`metalib.learners.task_losses`; ``None`` chooses by the kind of target.
        adapts: ``adapts(parameter name) -> bool`` says which parameters the inner loop changes; or how the
            names of these begin, such as ``"1."``. ``None`` is all that require a gradient when the learner
            is made: what is frozen stays as it is in both loops. Afterwards ``requires_grad_(False)`` ends
            the training of a parameter, not its adaptation. With only the last layer it is ANIL (Raghu et
            al. 2020).
        transductive: how a model with batch normalisation sees the query set. ``True``: all query examples of
            a task are normalised together, as in MAML's published results, so that information leaks between
            them. ``False``: each query example alone, together with the support set (Nichol et al. 2018,
            section 6.1). Without batch normalisation the two are the same.

    Raises:
        TypeError, ValueError: an argument outside these limits.
    """

    def __init__(
        self,
        model: nn.Module,
        alpha: float = 0.01,
        steps: int = 1,
        *,
        loss_fn: LossFn | None = None,
        adapts: Callable[[str], bool] | str | None = None,
        transductive: bool = True,
    ):
        super().__init__()
        batched.check_batchable(model)
        self.model, self.alpha, self.steps = model, check_alpha(alpha), check_steps(steps)
        self.loss_fn, self.transductive = check_loss_fn(loss_fn), transductive
        self.adapted_names = adapted_names(model, adapts)

    @property
    def _second_order(self) -> bool:
        """Whether the graph of the inner steps is kept: the meta-gradient then sees how θ′ depends on θ."""
        return False

    @property
    def _learns_alpha(self) -> bool:
        """Whether α is a meta-parameter."""
        return False

    def _keeps_graph(self, parameters: Iterable[Tensor]) -> bool:
        learns = self._learns_alpha or any(p.requires_grad for p in parameters)
        return learns and torch.is_grad_enabled()

    def adapt(self, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> FastWeights:
        """θ′ after ``steps`` inner steps (``None``: ``self.steps``), as ``{parameter name: (T, ...)}``.

        Args:
            support_x: ``(T, S, ...)``.
            support_y: ``(T, S, ...)``.
        """
        return deque(self.descend(support_x, support_y, steps), maxlen=1).pop()

    def adapt_path(self, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> list[FastWeights]:
        """Every point of the way: ``steps + 1`` entries, the first before any step."""
        return list(self.descend(support_x, support_y, steps))

    def predict(self, adapted: FastWeights, query_x: Tensor) -> Tensor:
        """The adapted model's output ``(T, Q, ...)``."""
        batched.check_statistics(self.model)
        query_x = fitting(self.model, query_x)
        if self.transductive or not uses_batch_statistics(self.model):
            return batched.forward(self.model, adapted, query_x)
        # One query example at a time beside its support set: T·Q small batches, of which the last output
        # counts.
        tasks, queries = query_x.shape[:2]
        support = adapted.support_x.repeat_interleave(queries, dim=0)
        alone = torch.cat([support, query_x.flatten(0, 1).unsqueeze(1)], dim=1)
        size = batched.tasks_at_once(alone)
        weights = {name: value.repeat_interleave(queries, dim=0) for name, value in adapted.items()}
        outputs = [
            batched.forward(self.model, {name: value[i : i + size] for name, value in weights.items()}, part)
            for i, part in zip(range(0, len(alone), size), alone.split(size), strict=True)
        ]
        return torch.cat(outputs)[:, -1].unflatten(0, (tasks, queries))

    @property
    def is_transductive(self) -> bool:
        return self.transductive and uses_batch_statistics(self.model)

    def start(self, support_x: Tensor, support_y: Tensor) -> dict[str, Tensor]:
        """Where the inner loop starts, ``{parameter name: (T, ...)}``: the model's own values for every
        task."""
        own = dict(self.model.named_parameters())
        return {name: own[name].expand(len(support_x), *own[name].shape) for name in self.adapted_names}

    def step_sizes(self) -> Mapping[str, Tensor | float]:
        """α for each adapted parameter."""
        return dict.fromkeys(self.adapted_names, self.alpha)

    def descend(
        self, support_x: Tensor, support_y: Tensor, steps: int | None = None
    ) -> Iterator[FastWeights]:
        """The points of the way one after the other, for who wants to look at each or leave off early; see
        ``adapt`` for the arguments and ``adapt_path`` for what comes."""
        steps = self.steps if steps is None else check_steps(steps)
        if steps and not torch.compiler.is_compiling() and torch.is_inference_mode_enabled():
            raise RuntimeError(
                _("Adapting takes gradients, which torch.inference_mode() forbids: use torch.no_grad().")
            )
        batched.check_statistics(self.model)
        support_x = fitting(self.model, support_x)
        own, alpha = self.model.parameters(), self.step_sizes()
        keep_graph = self._second_order and (torch.compiler.is_compiling() or self._keeps_graph(own))
        fast = FastWeights(self.start(support_x, support_y))
        fast.support_x = support_x
        yield fast
        for _step in range(steps):
            fast = FastWeights(self.stepped(fast, alpha, support_x, support_y, keep_graph))
            fast.support_x = support_x
            yield fast

    def stepped(
        self,
        fast: Mapping[str, Tensor],
        alpha: Mapping[str, Tensor | float],
        x: Tensor,
        y: Tensor,
        keep_graph: bool,
    ) -> dict[str, Tensor]:
        """One inner step from ``fast``: θ′ − α ∇L(θ′; support)."""
        gradient = support_gradient(self.model, fast, x, y, self.loss_fn, keep_graph)
        return {name: value - alpha[name] * gradient[name] for name, value in fast.items()}


def support_gradient(
    model: nn.Module,
    fast: Mapping[str, Tensor],
    x: Tensor,
    y: Tensor,
    loss_fn: LossFn | None,
    keep_graph: bool,
) -> dict[str, Tensor]:
    """Each task's gradient of its own support loss, ``{parameter name: (T, ...)}``.

    The tasks share no weights in ``fast``, so one gradient of the *sum* of their losses holds them all.
    """

    def total(weights: Mapping[str, Tensor]) -> Tensor:
        return task_losses(batched.forward(model, weights, x), y, loss_fn).sum()

    if torch.compiler.is_compiling():  # torch.compile follows torch.func.grad, but not autograd.grad
        gradient = torch.func.grad(total)(dict(fast))
        return gradient if keep_graph else {name: value.detach() for name, value in gradient.items()}
    with torch.enable_grad():  # evaluation runs under no_grad, yet the inner loop needs gradients
        leaves = {
            name: value if keep_graph and value.requires_grad else value.detach().requires_grad_()
            for name, value in fast.items()
        }
        loss = total(leaves)
        if not loss.requires_grad:
            raise RuntimeError(
                _(
                    "The support loss does not depend on the adapted parameters, so there is no gradient. "
                    "Does the model detach its output, or run under torch.no_grad()?"
                )
            )
        # A parameter that the model does not use has the gradient 0.
        gradient = torch.autograd.grad(
            loss, list(leaves.values()), create_graph=keep_graph, allow_unused=True, materialize_grads=True
        )
    return dict(zip(fast, gradient, strict=True))


class MAML(GradientLearner):
    """Model-agnostic meta-learning: train θ so that a few inner steps from it do well on the *query* set.

    ``loss(batch)`` is the mean over tasks of L(θ′; query), and its gradient goes through the inner steps
    (Finn et al. 2017, algorithms 1 and 2): with one step it is (I − αH) ∇L(θ′; query), with H the Hessian of
    the support loss.

    Args:
        model, alpha, steps, loss_fn, adapts, transductive: see :class:`GradientLearner`.
        first_order: treat the inner gradient as a constant: first-order MAML. The meta-gradient is then
            ∇L(θ′; query).
        checkpoint: keep only every few points of the inner loop and take the steps between again in the
            backward pass: about √steps segments for ``True``, so many steps a segment for a number. The
            meta-gradient is the same; memory grows with √steps in place of steps, and time by about half.
            ``adapt_path`` and ``descend`` hand out every point, so they keep all. Such a meta-loss has no
            second derivative.
        learn_alpha: make α a meta-parameter, one number for each entry of each adapted parameter, starting
            from ``alpha``: Meta-SGD (Li et al. 2017).
        compile: compile the meta-loss and its gradient as one with ``torch.compile``: a first call of half a
            minute, then several times the speed. The numbers are the same but for rounding, and are
            compared once with the uncompiled ones; only dropout draws others. Such a loss has no second
            derivative. Where it cannot be compiled, a warning says why and it runs uncompiled.
    """

    def __init__(
        self,
        model: nn.Module,
        alpha: float = 0.01,
        steps: int = 1,
        first_order: bool = False,
        *,
        loss_fn: LossFn | None = None,
        adapts: Callable[[str], bool] | str | None = None,
        learn_alpha: bool = False,
        transductive: bool = True,
        checkpoint: bool | int = False,
        compile: bool = False,
    ):
        super().__init__(model, alpha, steps, loss_fn=loss_fn, adapts=adapts, transductive=transductive)
        self.first_order, self.checkpoint = first_order, check_checkpoint(checkpoint)
        if compile and checkpoint:
            raise ValueError(_("compile=True and checkpoint= do not go together: choose speed or memory."))
        self.alphas: nn.ParameterList | None = None
        if learn_alpha:
            own = dict(model.named_parameters())
            self.alphas = nn.ParameterList(
                torch.full_like(own[name], self.alpha) for name in self.adapted_names
            )
        self._compiled: Compiled | None = None
        if compile:
            self._compile()

    def _compile(self) -> None:
        if reason := why_not(self):
            self._run_uncompiled(reason)
        else:
            self._compiled = Compiled(self)

    def _run_uncompiled(self, reason: str) -> None:
        self._compiled = None
        warnings.warn(
            _("compile=True cannot be had: {reason}. MAML runs uncompiled.").format(reason=reason),
            stacklevel=4,
        )

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what is pickled, compiles for itself: what is compiled belongs to this very learner."""
        return {**vars(self), "_compiled": self._compiled and True}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._compiled:
            self._compile()

    @property
    def _second_order(self) -> bool:
        return not self.first_order

    @property
    def _learns_alpha(self) -> bool:
        return self.alphas is not None

    def step_sizes(self) -> Mapping[str, Tensor | float]:
        if self.alphas is None:
            return super().step_sizes()
        return dict(zip(self.adapted_names, self.alphas, strict=True))

    def adapt(self, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> FastWeights:
        own = list(self.parameters())
        if not (self.checkpoint and self._second_order and self._keeps_graph(self.model.parameters())) or (
            batched.is_transformed(own)
        ):
            return super().adapt(support_x, support_y, steps)
        start = next(self.descend(support_x, support_y, 0))
        steps = self.steps if steps is None else check_steps(steps)
        return segmented(self, start, support_y, steps)

    def loss(self, batch: TaskBatch) -> Tensor:
        # A class with other query losses is served by these.
        own = type(self).query_losses is MAML.query_losses
        loss = self._compiled_or_none("loss", batch) if own else None
        return super().loss(batch) if loss is None else loss

    def query_losses(self, batch: TaskBatch) -> Tensor:
        losses = self._compiled_or_none("losses", batch)
        return self.uncompiled_losses(batch) if losses is None else losses

    def uncompiled_losses(self, batch: TaskBatch) -> Tensor:
        """``query_losses`` without ``compile=True``."""
        return super().query_losses(batch)

    def _compiled_or_none(self, what: str, batch: TaskBatch) -> Tensor | None:
        if self._compiled is None or torch.is_inference_mode_enabled():
            return None
        batched.check_statistics(self.model)
        states = batched.random_states(batch.query_x)
        try:
            return getattr(self._compiled, what)(batch)
        except Exception as error:
            # The compiler's fault, or the model's? Uncompiled it shows.
            batched.restore(states)
            losses = self.uncompiled_losses(batch)
            if self._compiled.simplified():
                batched.restore(states)
                return self._compiled_or_none(what, batch)
            self._run_uncompiled(str(error).strip().partition("\n")[0] or type(error).__name__)
            return losses.mean() if what == "loss" else losses


class Reptile(GradientLearner):
    """Reptile: move θ towards where plain training on each task ends (Nichol et al. 2018, algorithm 2).

    There is no split in training: the inner loop runs on support and query together, and ``loss`` has the
    gradient θ − mean(θ′), so that an outer SGD step of size ε is the paper's θ ← θ + ε·mean(θ′ − θ). The
    *value* of ``loss`` is the mean loss at θ′ on that same data, so that a training curve means something.
    """

    def loss(self, batch: TaskBatch) -> Tensor:
        x = torch.cat([batch.support_x, batch.query_x], dim=1)
        y = torch.cat([batch.support_y, batch.query_y], dim=1)
        own = dict(self.model.named_parameters())
        adapted = self.adapt(x, y)
        halves = (0.5 * (own[name] - value.detach()).square().sum() for name, value in adapted.items())
        half_distance = sum(halves, start=torch.zeros((), device=x.device)) / len(x)
        with torch.no_grad():
            value = task_losses(self.predict(adapted, x), y, self.loss_fn).mean()
        return value + half_distance - half_distance.detach()


class JointTraining(GradientLearner):
    """Joint training, then fine-tuning: θ is trained as one model for all tasks at once, without any inner
    step.

    ``loss`` is the mean loss at θ itself on support and query together; ``adapt`` fine-tunes. It is the
    paper's "pre-training on all tasks" (Finn et al. 2017, section 5.1).
    """

    def loss(self, batch: TaskBatch) -> Tensor:
        x = torch.cat([batch.support_x, batch.query_x], dim=1)
        y = torch.cat([batch.support_y, batch.query_y], dim=1)
        prediction = batched.together(self.model, fitting(self.model, x))
        return task_losses(prediction, y, self.loss_fn).mean()


class FromScratch(GradientLearner):
    """Training from scratch: the model as it was initialised, and nothing learned from other tasks.

    It takes a copy of the model's values and has no meta-parameters; ``metalib.fit`` refuses it.
    """

    def __init__(self, model: nn.Module, alpha: float = 0.01, steps: int = 1, **options):
        batched.check_batchable(model)
        super().__init__(copied(model), alpha, steps, **options)
        self.model.requires_grad_(False)


def _begins(beginning: str, name: str) -> bool:
    return name.startswith(beginning)


def adapted_names(model: nn.Module, adapts: Callable[[str], bool] | str | None) -> tuple[str, ...]:
    """The parameters that an inner loop changes; see :class:`GradientLearner`.

    Raises:
        ValueError: there is none, or one that is not of floating numbers.
    """
    own = dict(model.named_parameters())
    chosen = partial(_begins, adapts) if isinstance(adapts, str) else adapts
    names = tuple(name for name, p in own.items() if (p.requires_grad if chosen is None else chosen(name)))
    if not names and adapts is None:
        raise ValueError(
            _(
                "Every parameter of the model is frozen (requires_grad=False), so there is nothing to adapt; "
                "adapts= can name some nevertheless."
            )
        )
    if not names:
        raise ValueError(
            _("adapts refuses every parameter of the model; its names are {names}.").format(
                names=", ".join(own)
            )
        )
    for name in names:
        if not own[name].is_floating_point():
            raise ValueError(
                _("The parameter {name} is of {kind}, which no gradient step can change.").format(
                    name=name, kind=own[name].dtype
                )
            )
    return names


def check_alpha(alpha: float) -> float:
    """α as a float.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite or not a number (NaN).
    """
    if isinstance(alpha, bool) or not isinstance(alpha, Real):
        raise TypeError(_("alpha must be a number, not {value!r}.").format(value=alpha))
    if not (math.isfinite(alpha) and alpha >= 0):
        raise ValueError(_("alpha must be a finite number of at least 0, not {value}.").format(value=alpha))
    return float(alpha)


def check_steps(steps: int) -> int:
    """The number of inner steps.

    Raises:
        TypeError: not a whole number.
        ValueError: negative.
    """
    return check_whole("steps", steps, 0)
