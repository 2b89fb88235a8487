"""Section 3 of chapter 12: its checkpointed loop and pulled gradient are metalib's, and its claims hold."""

import pytest
import torch
from chapter_code import definitions
from torch import nn

import metalib
from metalib import look
from metalib.models import peak_memory, sine_net


@pytest.fixture(scope="module")
def chapter():
    tasks = metalib.SineTasks(shots=10, queries=10).sample(4, torch.Generator().manual_seed(0))
    tasks = metalib.TaskBatch(*(part.double() for part in tasks))
    net = sine_net(width=12).double()
    names = {"torch": torch, "nn": nn, "look": look, "metalib": metalib, "peak_memory": peak_memory}
    return definitions("12_outlook", **names, cost_net=net, cost_tasks=tasks, icl_methods={})


@pytest.mark.parametrize("steps, segment", [(4, 2), (7, 3), (5, 8), (6, 1)])
def test_the_chapters_checkpointed_gradient_is_exact(chapter, steps, segment):
    by_hand = sum(chapter["checkpointed_gradient"](task, steps, segment) for task in range(4)) / 4
    for checkpoint in (False, segment):
        learner = metalib.MAML(chapter["cost_net"], 0.01, steps, checkpoint=checkpoint)
        torch.testing.assert_close(by_hand, chapter["gradient_by"](learner), rtol=1e-10, atol=1e-12)


def test_the_implicit_gradient_is_right_where_the_loop_has_arrived_and_only_there(chapter):
    error = chapter["error_of_implicit"]
    assert error("4.", 1, 1.0, 0.05, 5) > 0.5
    assert error("4.", 300, 1.0, 0.05, 20) < 1e-3
    assert error("4.", 300, 1.0, 0.05, 1) > 0.1  # one product solves nothing


def test_gradients_of_parts_add_up_by_their_sizes(chapter):
    learner = metalib.MAML(chapter["cost_net"], 0.01, 3)
    tasks = metalib.SineTasks(10, 10).sample(5, torch.Generator().manual_seed(1))
    tasks = metalib.TaskBatch(*(part.double() for part in tasks))

    def slope_on(batch):
        found = torch.autograd.grad(learner.loss(batch), list(learner.parameters()))
        return torch.cat([part.flatten() for part in found])

    parts = [tasks[rank::2] for rank in range(2)]
    added = sum(len(part) / 5 * slope_on(part) for part in parts)
    torch.testing.assert_close(added, slope_on(tasks), rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_memory_at_64_steps_is_what_few_steps_predict(chapter):
    chapter = {**chapter}
    net, tasks = chapter["cost_net"], chapter["cost_tasks"]

    def held(make):
        def work():
            learner.zero_grad()
            learner.loss(tasks).backward()

        counts = []
        for steps in (4, 16, 64):
            learner = make(steps)
            work()
            counts.append(peak_memory(work)[0])
        return counts

    second = held(lambda steps: metalib.MAML(net, 0.01, steps))
    kept = held(lambda steps: metalib.MAML(net, 0.01, steps, checkpoint=True))
    record = (second[1] - second[0]) / 12
    copy = 8 * 4 * metalib.models.count_parameters(net)
    assert second[2] == pytest.approx(second[0] + 60 * record, rel=0.01)
    assert kept[2] == pytest.approx(kept[0] + 6 * (copy + record), rel=0.05)
    for make in (
        lambda steps: metalib.MAML(net, 0.01, steps, first_order=True),
        lambda steps: metalib.ImplicitMAML(net, 0.01, steps),
    ):
        assert len(set(held(make))) == 1
