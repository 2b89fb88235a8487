"""What a learner answers, and whom it takes for whom: by counting."""

from collections import Counter

import pytest
import torch

import metalib
from metalib.evaluation import answers, confusion_rates


def tasks(**changes):
    return metalib.Episodes(metalib.data.glyphs("test"), **{"ways": 3, "shots": 1, "queries": 4, **changes})


@pytest.mark.parametrize(
    "learner, options",
    [
        (metalib.ProtoNet(torch.nn.Flatten()), {}),
        (metalib.MAML(metalib.models.conv4(8, norm="batch-statistics", ways=3), alpha=0.1), {"steps": 2}),
    ],
)
def test_answers_are_those_that_evaluate_scores(learner, options):
    logits, labels = answers(learner, tasks(), 6, torch.Generator().manual_seed(1), **options)
    assert logits.shape == (6, 12, 3) and labels.shape == (6, 12) and not logits.requires_grad
    score = metalib.evaluate(learner, tasks(), 6, torch.Generator().manual_seed(1), chunk=6, **options)
    right = (logits.argmax(dim=-1) == labels).double().mean(dim=1)
    assert torch.allclose(right, score.values)


def test_answers_once_embedded_are_the_learners_own():
    learner = metalib.ProtoNet(metalib.models.conv4(8, downsample="stride")).eval()
    same = answers(*learner.embed_once(tasks(shots=3)), 5, torch.Generator().manual_seed(0))
    own = answers(learner, tasks(shots=3), 5, torch.Generator().manual_seed(0))
    assert torch.allclose(same[0], own[0], rtol=1e-3, atol=1e-4) and torch.equal(same[1], own[1])


def test_confusion_rates_by_counting():
    generator = torch.Generator().manual_seed(0)
    ways, queries, n = 3, 4, 6
    classes = torch.stack([torch.randperm(n, generator=generator)[:ways] for _ in range(40)])
    predicted = torch.randint(ways, (40, ways * queries), generator=generator)
    taken, asked = Counter(), Counter()
    for episode, said in zip(classes.tolist(), predicted.tolist(), strict=True):
        for q, answer in enumerate(said):
            true = episode[q // queries]
            taken[true, episode[answer]] += 1
            for other in episode:
                asked[true, other] += 1
    rates = confusion_rates(classes, predicted, queries, n)
    for a in range(n):
        for b in range(n):
            assert rates[a, b].item() == pytest.approx(taken[a, b] / max(asked[a, b], 1))
