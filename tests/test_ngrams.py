"""Learners that count n-grams against plain loops over strings, and words through every learner."""

import math
from collections import Counter

import pytest
import torch

from metalib import MAML, Episodes, NGramBayes, NGramCentroid, ProtoNet, compare, evaluate, fit
from metalib.data import words
from metalib.data.words import WordSet, decode, encode
from metalib.models import count_parameters, word_net


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def episodes(of="territories", split="test", shots=5, **options):
    return Episodes(words(of, split, **options), ways=5, shots=shots, queries=5)


def grams(word, orders):
    """The n-grams of a word with its marks, by slicing; the marks are no unigrams."""
    text = f"\x02{word}\x03"
    return [
        text[i : i + n]
        for n in orders
        for i in range(len(text) - n + 1)
        if n > 1 or text[i] not in "\x02\x03"
    ]


def by_class(batch, task):
    found = {}
    for row, label in zip(batch.support_x[task], batch.support_y[task].tolist(), strict=True):
        found.setdefault(label, []).append(decode(row))
    return found


@pytest.mark.parametrize(
    "orders, smoothing", [((1,), 0.5), ((2,), 1.0), ((3,), 0.2), ((1, 2, 3), 0.2), ((3, 1), 2.0)]
)
def test_bayes_is_the_formula(orders, smoothing):
    batch = episodes(shots=3).sample(3, generator())
    learner = NGramBayes(orders, smoothing)
    weight = dict(zip(orders, (0.5, 2.0, 1.5), strict=False))
    learner.weights.data = torch.tensor([weight[n] for n in orders])
    logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    for task in range(3):
        support = by_class(batch, task)
        for query in range(0, 25, 6):
            for label in range(5):
                expected = 0.0
                for n in orders:
                    own = Counter(g for word in support[label] for g in grams(word, [n]))
                    different = {
                        g for listed in support.values() for word in listed for g in grams(word, [n])
                    }
                    total = sum(own.values()) + smoothing * (len(different) + 1)
                    for gram in grams(decode(batch.query_x[task, query]), [n]):
                        expected += weight[n] * math.log((own[gram] + smoothing) / total)
                assert logits[task, query, label].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("orders", [(1,), (2, 3), (1, 2, 3)])
def test_centroid_is_the_cosine(orders):
    batch = episodes(shots=3).sample(2, generator(1))
    learner = NGramCentroid(orders)
    logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)

    def scaled(counts):
        size = math.sqrt(sum(value**2 for value in counts.values()))
        return {gram: value / size for gram, value in counts.items()}

    for task in range(2):
        support = by_class(batch, task)
        for label in range(5):
            centroid = Counter()
            for word in support[label]:
                centroid.update(scaled(Counter(grams(word, orders))))
            centroid = scaled(centroid)
            for query in range(0, 25, 6):
                mine = scaled(Counter(grams(decode(batch.query_x[task, query]), orders)))
                cosine = sum(value * centroid.get(gram, 0) for gram, value in mine.items())
                assert logits[task, query, label].item() == pytest.approx(cosine, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        NGramBayes,
        NGramCentroid,
        lambda: ProtoNet(word_net(8, 64)),
        lambda: MAML(word_net(8, 64, ways=5), alpha=1.0, steps=2),
        lambda: MAML(word_net(8, 64, ways=5), alpha=1.0, steps=2, adapts="1."),
    ],
)
def test_every_learner_takes_words_and_a_batch_is_a_loop(make):
    learner, batch = make().eval(), episodes().sample(3, generator())
    logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    assert logits.shape == (3, 25, 5) and not learner.is_transductive
    for task in range(3):
        one = batch[task : task + 1]
        alone = learner.predict(learner.adapt(one.support_x, one.support_y), one.query_x)
        assert torch.allclose(alone[0], logits[task], atol=1e-4)
        # One query by itself: padding and neighbours count for nothing.
        last = learner.predict(learner.adapt(one.support_x, one.support_y), one.query_x[:, -1:])
        assert torch.allclose(last[0, 0], logits[task, -1], atol=1e-4)


def test_the_character_model_knows_every_character_and_no_padding():
    model = word_net(features=8, buckets=64)
    rows = encode(["tuvalu", "תורכיה", "𞤀𞤣𞤤𞤢𞤥", ""])
    longer = torch.cat([rows, torch.zeros(4, 9, dtype=torch.int64)], dim=1)
    assert model(rows).shape == (4, 8) and torch.allclose(model(rows), model(longer))
    assert model(rows).isfinite().all()
    # By hand: two letters have 4 bigrams less one, and so on; the sum over the root of their number.
    (table,) = model[0].parameters()
    row = rows[0]
    total, number = torch.zeros(8), 0
    for n in (1, 2, 3):
        for start in range(8 - n + 1):
            code = n
            for character in row[start : start + n].tolist():
                code = (code * 1_000_003 + character) % 2_147_483_647
            total, number = total + table[code % 64], number + 1
    assert torch.allclose(model(rows)[0], total / number**0.5, atol=1e-6)
    assert count_parameters(word_net(32, 2048)) == 65_536


def test_adapts_by_the_beginning_of_a_name():
    learner = MAML(word_net(8, 64, ways=5), adapts="1.")
    assert learner.adapted_names == ("1.weight", "1.bias")
    with pytest.raises(ValueError, match="refuses every parameter"):
        MAML(word_net(8, 64, ways=5), adapts="head")


def test_six_numbers_can_be_learned():
    learner, tasks = NGramBayes(), episodes(split="train")
    batch = tasks.sample(20, generator(5))
    before = learner.loss(batch).item()
    fit(learner, tasks, 20, generator(), meta_batch=4, lr=0.05)
    assert learner.loss(batch).item() < before - 0.3
    assert sum(parameter.numel() for parameter in learner.parameters()) == 6


@pytest.mark.parametrize(
    "make, words_said",
    [
        (lambda: NGramBayes(()), "orders must be different ones of 1, 2 and 3"),
        (lambda: NGramCentroid((1, 1)), "orders must be different"),
        (lambda: NGramBayes((4,)), "orders must be different"),
        (lambda: NGramBayes(smoothing=0), "smoothing must be positive"),
        (lambda: NGramBayes().adapt(torch.zeros(1, 2, 3), torch.zeros(1, 2).long()), "whole numbers"),
    ],
)
def test_bad_input_gets_one_sentence(make, words_said):
    with pytest.raises(ValueError, match=words_said):
        make()


@pytest.mark.parametrize("make", [NGramBayes, NGramCentroid])
def test_words_without_any_ngram_are_no_trouble(make):
    nothing, labels = encode(["", ""]).unsqueeze(0), torch.tensor([[0, 1]])
    learner = make((1,))
    for support in (nothing, encode(["", "a"]).unsqueeze(0)):
        logits = learner.predict(learner.adapt(support, labels), encode(["abc", ""]).unsqueeze(0))
        assert logits.shape == (1, 2, 2) and logits.isfinite().all()


# --- episodes of words
def numbered_words(counts):
    """Words that say which language (first number) and which word (second) they are."""
    most = max(counts)
    tokens = torch.zeros(len(counts), most, 4, dtype=torch.int64)
    for language, count in enumerate(counts):
        tokens[language, :count, 0] = language + 1
        tokens[language, :count, 1] = torch.arange(count) + 1
    names = tuple(map(str, range(len(counts))))
    return WordSet(tokens, torch.tensor(counts), names, names, names)


def test_episodes_of_words_hold_different_words_of_different_languages():
    counts = [6, 9, 7, 30, 6, 12]
    batch = Episodes(numbered_words(counts), ways=4, shots=2, queries=4).sample(200, generator())
    assert batch.support_x.dtype == torch.int64 and batch.support_x.shape == (200, 8, 4)
    x = torch.cat([batch.support_x.unflatten(1, (4, 2)), batch.query_x.unflatten(1, (4, 4))], dim=2)
    assert (x[..., 0] == x[..., :1, 0]).all() and (x[..., 1] > 0).all()  # one language a class, no empty row
    assert all(len(set(row)) == 4 for row in x[:, :, 0, 0].tolist())
    assert all(len(set(row)) == 6 for row in x[..., 1].flatten(0, 1).tolist())
    # Every word comes, and about as often as every other of its language.
    thirty = x[..., 1][x[..., 0] == 4]
    assert torch.bincount(thirty, minlength=31)[1:].min() > 10


def test_words_cannot_be_turned_and_are_not_enough():
    with pytest.raises(ValueError, match="cannot be turned"):
        Episodes(numbered_words([5, 5]), ways=2, rotations=True, queries=1)
    with pytest.raises(ValueError, match="need 7 drawings a class, but there are 6"):
        Episodes(numbered_words([6, 9]), ways=2, shots=2, queries=5)
    with pytest.raises(TypeError, match="uint8"):
        Episodes(torch.zeros(3, 4, 24, dtype=torch.int64))


def test_words_embedded_once_get_the_same_answers():
    learner, tasks = ProtoNet(word_net(8, 64)).eval(), episodes()
    once, mapped = learner.embed_once(tasks)
    one = evaluate(learner, tasks, 20, generator(3))
    assert torch.equal(one.values, evaluate(once, mapped, 20, generator(3)).values)


def test_counting_beats_chance_by_far_and_the_marks_help():
    """Bigrams see how words begin and end."""
    tasks = episodes()
    assert evaluate(NGramBayes(), tasks, 100, generator()).mean > 0.5
    assert compare(NGramBayes((1, 2, 3)), NGramBayes((1,)), tasks, 200, generator()).mean > 0.02
