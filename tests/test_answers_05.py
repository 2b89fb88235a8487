"""Answers to chapter 5's exercises that its file does not list: right ones pass, wrong ones do not.

Beside a wrong answer stands what the message must say of it; "" where it only must not pass.
"""

import pytest

from metalib import exercises

ONE_LINE = "def answers_of(s, q):\n    return "
LOSS = "def episode_loss(p, q, y):\n    d = (q[:, None] - p[None]).pow(2).sum(2)\n    return "
TESTS = (
    "def two_tests(names, scripts, trained):\n"
    "    seen = {s for n, s in zip(names, scripts) if n in trained}\n"
    "    first = [i for i, s in enumerate(scripts) if s in seen and names[i] not in trained]\n"
    "    second = [i for i, s in enumerate(scripts) if s not in seen]\n"
    "    return "
)
NEAREST = "def nearest_neighbour(s, y, q):\n    d = torch.cdist(q, s)\n    return "
DEPENDS = (
    "def depends_on_others(predict, query):\n"
    "    w, n = predict(query), len(query)\n"
    "    a = torch.cat([predict(one[None]) for one in query])\n"
    "    return "
)

RIGHT = [
    ("05/one-line", ONE_LINE, "(q[:, None] - s.mean(1)).pow(2).sum(-1).argmin(1)"),
    ("05/one-line", ONE_LINE, "(2 * q @ s.mean(1).T - s.mean(1).square().sum(1)).argmax(1)"),
    ("05/one-line", ONE_LINE, "torch.cdist(s.mean(1), q).min(dim=0).indices"),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.mean(dim=-2)).topk(1, largest=False).indices[:, 0].numpy()"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-torch.cdist(q, p).square(), y)"),
    ("05/episode-loss", LOSS, "F.cross_entropy(2 * q @ p.T - (p * p).sum(1), y)"),
    ("05/episode-loss", LOSS, "-torch.log_softmax(-d, 1)[range(len(y)), y].mean()"),
    ("05/episode-loss", LOSS, "(d.gather(1, y[:, None])[:, 0] + torch.logsumexp(-d, 1)).mean()"),
    ("05/two-tests", TESTS, "[first, second]"),
    ("05/two-tests", TESTS, "tuple(first), tuple(second)"),
    ("05/two-tests", "import numpy as np\n" + TESTS, "np.array(first), np.array(second)"),
    ("05/nearest-neighbour", NEAREST, "y[d.argmin(1)]"),
    ("05/nearest-neighbour", NEAREST, "torch.stack([y[row.argmin()] for row in d])"),
    ("05/nearest-neighbour", NEAREST, "y[(2 * q @ s.T - s.square().sum(1)).argmax(1)]"),
    ("05/transductive", DEPENDS, "((w - a).abs() > 1e-4).any()"),
    ("05/transductive", DEPENDS, "any(not torch.allclose(a[i], w[i], atol=1e-4) for i in range(n))"),
    (
        "05/transductive",
        DEPENDS,
        "any((predict(query[torch.arange(n) != i]) - w[torch.arange(n) != i]).abs().max() > 1e-4"
        " for i in range(n))",
    ),
    (
        "05/transductive",
        DEPENDS,
        "any((predict(torch.where(torch.arange(n)[:, None] == i, query, query + 1))[i] - w[i]).abs().max()"
        " > 1e-4 for i in range(n))",
    ),
]

WRONG = [
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.mean(1)).argmax(1)", "largest"),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.mean(0)).argmin(1)", "dimension"),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s[:, 0]).argmin(1)", ""),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.sum(1)).argmin(1)", "sum where a mean"),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.mean(1), p=1).argmin(1)", ""),
    ("05/one-line", ONE_LINE, "torch.cdist(q, s.median(1).values).argmin(1)", ""),
    ("05/episode-loss", LOSS, "F.cross_entropy(-d.detach(), y)", "no graph"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-d, y).item()", "no graph"),
    ("05/episode-loss", LOSS, "torch.no_grad()(F.cross_entropy)(-d.detach(), y)", "no graph"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-torch.cdist(q, p.detach()).square(), y)", "prototypes"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-torch.cdist(q.detach(), p).square(), y)", "gradient"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-(q[:, None] - p).abs().sum(2), y)", "absolute"),
    ("05/episode-loss", LOSS, "torch.log_softmax(-d, 1)[range(len(y)), y].mean()", "wrong sign"),
    ("05/episode-loss", LOSS, "F.cross_entropy(-d / 2, y)", ""),
    ("05/episode-loss", LOSS, "F.cross_entropy(-d, y, reduction='none')", "shape"),
    ("05/two-tests", TESTS, "second, first", "exchanged"),
    ("05/two-tests", TESTS, "[names[i] for i in first], [names[i] for i in second]", "str"),
    ("05/two-tests", TESTS, "first[::-1], second", ""),
    ("05/two-tests", TESTS, "len(first), len(second)", "expected a list"),
    ("05/two-tests", TESTS, "first, sorted(set(scripts) - seen)", ""),
    ("05/nearest-neighbour", NEAREST, "y[d.argmax(1)]", "largest"),
    ("05/nearest-neighbour", NEAREST, "y[d.argsort(1)[:, 1]]", ""),
    ("05/nearest-neighbour", NEAREST, "y[d.argsort(1)[:, :3]].mode(1).values", ""),
    ("05/nearest-neighbour", NEAREST, "y[(q @ s.T).argmax(1)]", ""),
    ("05/nearest-neighbour", NEAREST, "y.sort().values[d.argmin(1)]", ""),
    ("05/transductive", DEPENDS, "not torch.allclose(w[-1], a[-1], atol=1e-4)", "first query looks"),
    ("05/transductive", DEPENDS, "not torch.allclose(w[1:], predict(query[1:]), atol=1e-4)", ""),
    ("05/transductive", DEPENDS, "not torch.allclose(w[0::2], predict(query[0::2]), atol=1e-4)", ""),
    (
        "05/transductive",
        DEPENDS,
        "not torch.allclose(w, torch.cat([predict(half) for half in query.split(n // 2)]), atol=1e-4)",
        "looks at",
    ),
    ("05/transductive", DEPENDS, "not torch.allclose(w.mean(), a.mean(), atol=1e-4)", "True, got False"),
    ("05/transductive", DEPENDS, "not torch.allclose(w[:, 0], a[:, 0], atol=1e-4)", "one logit"),
    ("05/transductive", DEPENDS, "not torch.allclose(w, a, atol=0.5)", ""),
    (
        "05/transductive",
        DEPENDS,
        "not torch.allclose(w, predict(torch.cat([query, query]))[:n], atol=1e-4)",
        "every query twice",
    ),
    ("05/transductive", DEPENDS, "w.std(0).max() > 1e-4", "each query by itself"),
]


def judged(id, code):
    exercise = exercises.get(id)
    return exercise.judge(exercise.build(code))


@pytest.mark.parametrize("id, begin, end", RIGHT)
def test_right_answers_pass(id, begin, end):
    outcome = judged(id, begin + end)
    assert outcome.status == "passed", outcome.message


@pytest.mark.parametrize("id, begin, end, said", WRONG)
def test_wrong_answers_do_not_and_are_told_what_they_did(id, begin, end, said):
    outcome = judged(id, begin + end)
    assert outcome.status == "rejected"
    assert said in outcome.message
