"""Leaky and unbalanced episodes: each spoils what it says and nothing else."""

import pytest
import torch

from metalib import Episodes, ProtoNet, data
from metalib.tasks import Unbalanced, leaks


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered_images(classes, drawings):
    """Images whose pixels say which class and which drawing they are."""
    images = torch.empty(classes, drawings, 1, 1, 2, dtype=torch.uint8)
    images[..., 0] = torch.arange(classes).view(-1, 1, 1, 1)
    images[..., 1] = torch.arange(drawings).view(1, -1, 1, 1)
    return images


def identity(x):
    """Class and drawing of each example, read off its pixels: (T, N, 2)."""
    return (x.flatten(2) * 255).round().long()


def episodes(ways=5, shots=3, queries=4, classes=30, drawings=20):
    return Episodes(numbered_images(classes, drawings), ways, shots, queries)


def by_label(x, ways=5):
    return identity(x).unflatten(1, (ways, -1))


def test_support_drawings_come_again_as_the_first_queries_and_all_else_is_clean():
    clean = episodes().sample(40, generator(3))
    leaky = leaks.SupportInQuery(episodes(), count=2).sample(40, generator(3))
    assert torch.equal(clean.support_x, leaky.support_x) and torch.equal(clean.query_y, leaky.query_y)
    support, query = by_label(leaky.support_x), by_label(leaky.query_x)
    assert torch.equal(query[:, :, :2], support[:, :, :2])
    assert torch.equal(query[:, :, 2:], by_label(clean.query_x)[:, :, 2:])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_class_comes_twice_in_that_share_of_the_tasks_with_other_drawings(share):
    drawn = generator(1)
    clean_drawn = generator(1)
    for _batch in range(2):  # the second batch too is that of the clean episodes
        leaky = leaks.ClassTwice(episodes(), share).sample(300, drawn)
        clean = episodes().sample(300, clean_drawn)
        one, other = (
            torch.cat([by_label(x)[:, label] for x in (leaky.support_x, leaky.query_x)], dim=1)
            for label in (0, 1)
        )
        twice = (one[..., 0] == other[:, :1, 0]).all(dim=1)
        assert (other[..., 0] == other[:, :1, 0]).all() and abs(twice.float().mean() - share) < 0.1
        for first, second in zip(one[twice], other[twice], strict=True):
            assert len({*first[:, 1].tolist(), *second[:, 1].tolist()}) == 14  # no drawing twice
        assert torch.equal(
            by_label(clean.support_x)[:, [0, 2, 3, 4]], by_label(leaky.support_x)[:, [0, 2, 3, 4]]
        )
        assert torch.equal(clean.query_x[~twice], leaky.query_x[~twice])


def test_sorted_labels_are_in_the_order_of_the_classes():
    leaky = leaks.SortedLabels(episodes()).sample(50, generator(2))
    clean = episodes().sample(50, generator(2))
    classes = by_label(leaky.query_x)[:, :, 0, 0]
    assert torch.equal(classes, classes.sort(dim=1).values)
    for one, other in zip(by_label(leaky.support_x), by_label(clean.support_x), strict=True):
        assert {tuple(map(tuple, c.tolist())) for c in one} == {tuple(map(tuple, c.tolist())) for c in other}
    # each label's queries are of its own class
    assert (by_label(leaky.query_x)[..., 0] == by_label(leaky.support_x)[:, :, :1, 0]).all()


def test_leaks_stand_over_embedded_episodes():
    images = data.glyphs("test").subset(range(12))
    learner, embedded = ProtoNet(torch.nn.Flatten()).embed_once(Episodes(images, 3, 2, 4))
    raw = leaks.SupportInQuery(Episodes(images, 3, 2, 4)).sample(5, generator())
    quick = leaks.SupportInQuery(embedded).sample(5, generator())
    torch.testing.assert_close(raw.query_x.flatten(2), quick.query_x)


def test_joined_sets_keep_their_classes_apart():
    images = data.glyphs("test")
    first, second = images.subset([0, 1]), images.subset([5])
    both = leaks.joined(first, second)
    assert both.names == (*first.names, *second.names) and both.source == "glyphs"
    assert torch.equal(both.images[2], images.images[5])
    with pytest.raises(ValueError, match="one shape"):
        leaks.joined()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (
            lambda: leaks.SortedLabels(data.glyphs("test")),
            TypeError,
            "must be metalib.Episodes, not ImageSet",
        ),
        (lambda: leaks.SupportInQuery(episodes(), 4), ValueError, "at most 3, the smaller of 3 shots and 4"),
        (lambda: leaks.ClassTwice(episodes(), 1.2), ValueError, "between 0 and 1; 1.2"),
        (lambda: leaks.ClassTwice(episodes(shots=9)), ValueError, "2 ways and 26 drawings"),
        (lambda: leaks.ClassTwice(episodes(ways=1)), ValueError, "there are 1 and 20"),
        (lambda: Unbalanced(episodes(), (1, 2)), ValueError, "each of the 5 ways, not 2 numbers"),
        (lambda: Unbalanced(episodes(), 4), ValueError, "shots must be at most the 3 of the episodes, not 4"),
        (lambda: Unbalanced(episodes(), queries=(1, 2, 3, 4, 0)), ValueError, "at least 1, not 0"),
        (lambda: Unbalanced(episodes(), queries=(1, 2, 3, 4, 2.5)), TypeError, "whole number, not 2.5"),
        (lambda: Unbalanced(leaks.SortedLabels(episodes())), TypeError, "not SortedLabels"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --- unbalanced
def test_unbalanced_episodes_are_the_balanced_ones_with_examples_left_out():
    shots, queries = (1, 3, 2, 3, 1), (4, 1, 1, 2, 3)
    batch = Unbalanced(episodes(), shots, queries).sample(20, generator(5))
    whole = episodes().sample(20, generator(5))
    for x, y, counts, everything in (
        (batch.support_x, batch.support_y, shots, by_label(whole.support_x)),
        (batch.query_x, batch.query_y, queries, by_label(whole.query_x)),
    ):
        assert x.shape[:2] == y.shape == (20, sum(counts))
        for label, count in enumerate(counts):
            of_label = identity(x)[:, y[0] == label]
            assert torch.equal(of_label, everything[:, label, :count])


def test_one_number_stands_for_all_labels_and_none_leaves_them():
    batch = Unbalanced(episodes(), 2).sample(3, generator())
    assert batch.support_y.shape == (3, 10) and torch.equal(
        batch.query_x, episodes().sample(3, generator()).query_x
    )
