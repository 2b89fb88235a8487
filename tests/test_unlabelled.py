"""Examples without labels: tasks that have them, statistics of a domain, prototypes refined by k-means."""

import copy
import math

import pytest
import torch
from torch import nn

import metalib
from metalib import PartlyLabelled, SoftKMeans
from metalib.data import Shift
from metalib.learners import restandardised
from metalib.learners.base import batch_norms
from metalib.models import conv4
from metalib.tasks import UNLABELLED, SineTasks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def episodes(ways=4, shots=5, queries=3):
    return metalib.Episodes(metalib.data.glyphs("test").subset(range(40)), ways, shots, queries)


def encoder():
    network = conv4(4, norm="batch", generator=seeded(1))
    x = metalib.data.glyphs("train").images[:40, 0].float() / 255
    for _pass in range(30):
        network(x)
    return network.eval()


# --- the tasks
def test_labels_are_hidden_and_nothing_else_changes():
    whole = episodes().sample(6, seeded())
    part = PartlyLabelled(episodes(), 2).sample(6, seeded())
    assert torch.equal(part.support_x, whole.support_x)
    assert torch.equal(part.query_x, whole.query_x) and torch.equal(part.query_y, whole.query_y)
    known = part.support_y != UNLABELLED
    assert torch.equal(part.support_y[known], whole.support_y[known])
    for task in part.support_y:
        assert all((task == way).sum() == 2 for way in range(4)) and (task == UNLABELLED).sum() == 12


def test_dropped_it_is_the_same_task_with_fewer_shots():
    whole = episodes().sample(6, seeded())
    few = PartlyLabelled(episodes(), 2, dropped=True).sample(6, seeded())
    first = torch.arange(20).view(4, 5)[:, :2].flatten()
    assert torch.equal(few.support_x, whole.support_x[:, first])
    assert torch.equal(few.support_y, whole.support_y[:, first]) and torch.equal(few.query_x, whole.query_x)


def test_labels_in_any_order_and_classes_of_any_size():
    class Fixed:
        def sample(self, n_tasks, generator):
            x = torch.arange(7.0).view(1, 7, 1)
            return metalib.TaskBatch(x, torch.tensor([[1, 0, 1, 1, 2, 0, 1]]), x[:, :1], torch.tensor([[0]]))

    hidden = PartlyLabelled(Fixed(), 2).sample(1, seeded())
    assert hidden.support_y.tolist() == [[1, 0, 1, -1, 2, 0, -1]]
    few = PartlyLabelled(Fixed(), 2, dropped=True).sample(1, seeded())
    assert few.support_x.flatten().tolist() == [0, 1, 2, 4, 5] and few.support_y.tolist() == [[1, 0, 1, 2, 0]]


def test_numbers_to_predict_have_no_label_to_hide():
    with pytest.raises(TypeError, match="Only labels that are whole numbers"):
        PartlyLabelled(SineTasks(5, 5), 2).sample(2, seeded())
    with pytest.raises(ValueError, match="labelled must be at least 1, not 0"):
        PartlyLabelled(episodes(), 0)


def test_a_learner_that_cannot_use_them_says_so():
    tasks = PartlyLabelled(episodes(), 2)
    with pytest.raises(ValueError, match="at least 0 for each support example"):
        metalib.evaluate(metalib.ProtoNet(encoder()), tasks, 2, seeded())


# --- soft k-means
def by_hand(z, y, refinements, temperature=1.0):
    """Equations 3 and 4 of Ren et al., number by number."""
    ways = max(y) + 1
    means = [
        [sum(c) / len(c) for c in zip(*(p for p, k in zip(z, y, strict=True) if k == w), strict=True)]
        for w in range(ways)
    ]
    for _step in range(refinements):
        weights = []
        for point, label in zip(z, y, strict=True):
            if label >= 0:
                weights.append([float(label == w) for w in range(ways)])
                continue
            near = [
                math.exp(-sum((a - b) ** 2 for a, b in zip(point, m, strict=True)) / temperature)
                for m in means
            ]
            weights.append([n / sum(near) for n in near])
        means = [
            [
                sum(w[c] * p[d] for w, p in zip(weights, z, strict=True)) / sum(w[c] for w in weights)
                for d in range(len(z[0]))
            ]
            for c in range(ways)
        ]
    return means


@pytest.mark.parametrize("refinements", [0, 1, 3])
def test_prototypes_are_refined_as_the_paper_says(refinements):
    x = torch.randn(2, 9, 3, generator=seeded(), dtype=torch.float64)
    y = torch.tensor([[2, 0, -1, 1, -1, -1, 0, -1, 2], [0, 1, 2, -1, -1, -1, -1, -1, -1]])
    found = SoftKMeans(nn.Identity(), temperature=2.0, refinements=refinements).adapt(x, y)
    for z, labels, prototypes in zip(x.tolist(), y.tolist(), found, strict=True):
        expected = torch.tensor(by_hand(z, labels, refinements, 2.0), dtype=torch.float64)
        assert torch.allclose(prototypes, expected, atol=1e-10)


def test_without_unlabelled_examples_it_is_protonet():
    network, tasks = encoder(), episodes()
    scores = [metalib.evaluate(one(network), tasks, 20, seeded()) for one in (SoftKMeans, metalib.ProtoNet)]
    assert torch.equal(scores[0].values, scores[1].values)


def test_embeddings_that_are_there_already_serve_as_well():
    learner = SoftKMeans(encoder(), temperature=4.0, refinements=2)
    made, tasks = learner.embed_once(episodes())
    scores = [
        metalib.evaluate(one, PartlyLabelled(those, 1), 20, seeded())
        for one, those in ((learner, episodes()), (made, tasks))
    ]
    assert torch.equal(scores[0].values, scores[1].values)


def test_a_class_without_any_label_is_refused():
    with pytest.raises(
        ValueError, match="at least one labelled support example; in some task a label below 3"
    ):
        SoftKMeans(nn.Identity()).adapt(torch.randn(1, 3, 2), torch.tensor([[0, 2, -1]]))


# --- batch statistics
def test_each_layer_gets_the_statistics_of_what_reaches_it():
    network, x = encoder(), metalib.data.glyphs("test").images[:30, 0].float() / 255
    before = copy.deepcopy(network.state_dict())
    made = restandardised(network, Shift("noise", 0.5)(x))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not made.training and not any(norm.training for norm in batch_norms(made))
    value = Shift("noise", 0.5)(x)  # a plain walk through the layers
    for layer in made:
        if isinstance(layer, nn.BatchNorm2d):
            mean, variance = value.mean(dim=(0, 2, 3)), value.var(dim=(0, 2, 3), correction=1)
            assert torch.allclose(layer.running_mean, mean, atol=1e-4)
            assert torch.allclose(layer.running_var, variance, rtol=1e-3)
            centred = value - mean.view(1, -1, 1, 1)
            scale = layer.weight / (value.var(dim=(0, 2, 3), correction=0) + layer.eps).sqrt()
            value = centred * scale.view(1, -1, 1, 1) + layer.bias.view(1, -1, 1, 1)
        else:
            value = layer(value)
    for name, weight in made.named_parameters():
        assert torch.equal(weight, before[name]), "what was learned stays"


def test_statistics_of_the_old_domain_change_next_to_nothing():
    network = metalib.weights.load("glyphs-protonet").encoder
    x = metalib.data.glyphs("train").images[::3, :2].flatten(0, 1).float() / 255
    again = restandardised(network, x)
    for old, new in zip(batch_norms(network), batch_norms(again), strict=True):
        assert (old.running_mean - new.running_mean).abs().max() < 0.15 * old.running_var.sqrt().max()


def test_each_task_is_measured_on_its_support_set_alone():
    network, tasks = encoder(), PartlyLabelled(episodes(), 2).sample(3, seeded())
    learner = metalib.Restandardised(network)
    found = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    for x, y, query_x, logits in zip(tasks.support_x, tasks.support_y, tasks.query_x, found, strict=True):
        own = restandardised(network, x)
        z = own(x)
        centres = torch.stack([z[y == c].mean(dim=0) for c in range(4)])
        expected = -(own(query_x).unsqueeze(1) - centres).square().sum(dim=-1)
        assert torch.allclose(logits, expected, atol=1e-4, rtol=1e-4)
    alone = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x[:, :1])
    assert torch.allclose(alone, found[:, :1], atol=1e-4) and not learner.eval().is_transductive


def test_a_model_without_statistics_is_refused():
    for norm in (None, "group", "batch-statistics"):
        with pytest.raises(ValueError, match="no batch normalisation that keeps statistics"):
            restandardised(conv4(8, norm=norm), torch.zeros(2, 1, 28, 28))
