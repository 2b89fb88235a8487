"""The classic leaks that lie in the procedure and not in the tasks, as short routines that do it wrong.

(Those of the sampler are in `metalib.tasks.leaks`.)
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch

from metalib.evaluation import Evaluation, TaskDistribution, accuracies, drawn, evaluate, on_learners_device
from metalib.i18n import _
from metalib.learners import Learner
from metalib.learners.base import batch_norms, check_learner, evaluating
from metalib.tasks.batch import check_generator, check_positive


def with_query_statistics(learner: Learner) -> Learner:
    """A copy of the learner that normalises by the statistics of the set at hand: of the support set while it
    adapts, of the query set while it answers. So each answer depends on the other queries.

    It happens where a model is left in training mode, or its batch normalisation keeps no running statistics.

    Raises:
        TypeError: no learner.
        ValueError: it has no batch normalisation.
    """
    check_learner(learner)
    made = copy.deepcopy(learner)
    if not batch_norms(made):
        raise ValueError(_("This learner has no batch normalisation, so there are no statistics to take."))
    for norm in batch_norms(made):
        norm.register_buffer("running_mean", None)
        norm.register_buffer("running_var", None)
        norm.track_running_stats = False
    return made


def evaluate_and_train(
    learner: Learner,
    tasks: TaskDistribution,
    n_tasks: int,
    generator: torch.Generator,
    *,
    rate: float = 1e-3,
    chunk: int = 10,
) -> Evaluation:
    """Score tasks of labels as `metalib.evaluate` does, and after each chunk of tasks go on training on them.

    It happens where the test loop is a copy of the training loop. The learner itself is changed: give it a
    ``copy.deepcopy(learner)``. Each task is scored before it is trained on; what is invented comes from the
    test *classes*, which the learner meets again and again.

    Args:
        rate: Adam's step size.
        chunk: tasks scored before each step. ``metalib.evaluate(..., chunk=chunk)`` sees the same tasks.

    Raises:
        TypeError, ValueError: see `metalib.evaluate`.
    """
    check_learner(learner)
    check_positive(n_tasks=n_tasks, chunk=chunk)
    check_generator(generator)
    optimiser = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], lr=rate)
    scores = []
    with evaluating(learner):
        for start in range(0, n_tasks, chunk):
            batch = on_learners_device(drawn(tasks, min(chunk, n_tasks - start), generator), learner)
            with torch.no_grad():
                fast = learner.adapt(batch.support_x, batch.support_y)
                scores.append(
                    accuracies(learner.predict(fast, batch.query_x), batch.query_y, learner.loss_fn)
                )
            optimiser.zero_grad()
            learner.query_losses(batch).mean().backward()  # the leak:
            optimiser.step()  # the labels of the test queries train the learner
    return Evaluation(torch.cat(scores), "accuracy")


def best_on(
    learners: Mapping[str, Learner], tasks: TaskDistribution, n_tasks: int, generator: torch.Generator
) -> tuple[str, dict[str, Evaluation]]:
    """The learner with the best mean on these tasks, and how each did on them; all see the same tasks.

    A leak where the tasks are those of the test: the largest of many means is large also by luck. On tasks of
    validation classes it is how one should choose.

    Raises:
        ValueError: no learners.
        TypeError, ValueError: see `metalib.evaluate`.
    """
    if not learners:
        raise ValueError(_("There are no learners to choose from."))
    check_generator(generator)
    state, scores = generator.get_state(), {}
    for name, learner in learners.items():
        generator.set_state(state)
        scores[name] = evaluate(learner, tasks, n_tasks, generator)
    high = next(iter(scores.values())).metric == "accuracy"
    order = sorted(scores, key=lambda name: scores[name].mean, reverse=high)
    return order[0], scores
