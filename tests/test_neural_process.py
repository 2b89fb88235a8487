"""The conditional neural process: what it computes, what it does not depend on, and the bound that nobody
beats: the exact posterior of a Gaussian process, on tasks drawn from that process."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from metalib import SineTasks, TaskBatch, evaluate, fit
from metalib.evaluation import Evaluation
from metalib.learners import NeuralProcess, neural_process_net


@dataclass(frozen=True)
class GaussianProcess:
    """Tasks from a Gaussian process with the kernel exp(−d² / 2) and noise of standard deviation 0.2."""

    shots: int = 4
    queries: int = 15
    noise: float = 0.2

    def covariance(self, x):
        return torch.exp(-(x - x.mT).square() / 2) + self.noise**2 * torch.eye(x.shape[1], dtype=x.dtype)

    def sample(self, n_tasks, generator):
        shape = (n_tasks, self.shots + self.queries, 1)
        x = 5 * torch.rand(shape, generator=generator, dtype=torch.float64)
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        y = torch.linalg.cholesky(self.covariance(x)) @ normal
        parts = [
            part.float().split([self.shots, self.queries], dim=1) for part in (x - 2.5, y)
        ]  # one pair for x, one for y
        return TaskBatch(parts[0][0], parts[1][0], parts[0][1], parts[1][1])

    def posterior(self, batch):
        """Mean and standard deviation (T, Q, 1) at each query by itself, from the inverse Λ of the covariance
        of support and query together: σ² = 1 / Λqq, μ = −Λqs y / Λqq."""
        sx, sy, qx, _qy = (part.double() for part in batch)
        means, stds = [], []
        for q in range(qx.shape[1]):
            precision = torch.linalg.inv(self.covariance(torch.cat([sx, qx[:, q : q + 1]], dim=1)))
            own, others = precision[:, -1, -1], precision[:, -1, :-1]
            means.append(-(others * sy[..., 0]).sum(dim=1) / own)
            stds.append(own.rsqrt())
        return torch.stack(means, dim=1).unsqueeze(-1), torch.stack(stds, dim=1).unsqueeze(-1)


@pytest.fixture(scope="module")
def process():
    return GaussianProcess()


@pytest.fixture(scope="module")
def trained(process):
    learner = NeuralProcess(neural_process_net(width=32), least_std=0.05)
    fit(learner, process, 300, torch.Generator().manual_seed(0), lr=3e-3, progress=False)
    return learner.eval()


@pytest.fixture(scope="module")
def test_tasks(process):
    return process.sample(1500, torch.Generator().manual_seed(1))


@pytest.fixture
def learner():
    return NeuralProcess(neural_process_net(torch.Generator().manual_seed(3), width=16))


@pytest.fixture
def batch():
    return SineTasks(5, 7).sample(3, torch.Generator().manual_seed(0))


def losses(mean, std, batch):
    """Squared error and log-loss of each task, (T,) both."""
    error = (mean - batch.query_y).double()
    log_loss = 0.5 * (error / std).square() + torch.log(std) + 0.5 * math.log(2 * math.pi)
    return error.square().mean(dim=(1, 2)), log_loss.double().mean(dim=(1, 2))


def difference(one, other):
    return Evaluation(one - other, "loss")


# --- what it computes
def test_it_is_encode_average_decode(learner, batch):
    adapted = learner.adapt(batch.support_x, batch.support_y)
    mean, std = learner.distribution(adapted, batch.query_x)
    losses = []
    for task in range(3):
        codes = [
            learner.model["encoder"](torch.cat([x, y]))
            for x, y in zip(batch.support_x[task], batch.support_y[task], strict=True)
        ]
        code = sum(codes) / len(codes)
        assert torch.allclose(adapted[task], code, atol=1e-6)
        for q, (x, y) in enumerate(zip(batch.query_x[task], batch.query_y[task], strict=True)):
            mu, spread = learner.model["decoder"](torch.cat([code, x]))
            sigma = 0.1 + math.log1p(math.exp(spread.item()))
            assert mean[task, q].item() == pytest.approx(mu.item(), abs=1e-5)
            assert std[task, q].item() == pytest.approx(sigma, abs=1e-5)
            losses.append(
                0.5 * ((y.item() - mu.item()) / sigma) ** 2 + math.log(sigma * math.sqrt(2 * math.pi))
            )
    assert learner.loss(batch).item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert torch.equal(learner.predict(adapted, batch.query_x), mean)


def test_the_order_of_the_support_set_plays_no_part(learner, batch):
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    one = learner.adapt(batch.support_x, batch.support_y)
    other = learner.adapt(batch.support_x[:, order], batch.support_y[:, order])
    assert torch.allclose(one, other, atol=1e-6)
    mixed = learner.adapt(batch.support_x[:, order], batch.support_y)  # other pairs: another task
    assert not torch.allclose(one, mixed, atol=1e-3)


def test_every_query_is_answered_by_itself(learner, batch):
    adapted = learner.adapt(batch.support_x, batch.support_y)
    together = learner.predict(adapted, batch.query_x)
    alone = torch.cat([learner.predict(adapted, batch.query_x[:, q : q + 1]) for q in range(7)], dim=1)
    assert torch.allclose(together, alone, atol=1e-6)
    assert learner.is_transductive is False


def test_tasks_do_not_mix(learner, batch):
    whole = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    one = batch[1:2]
    assert torch.allclose(
        whole[1:2], learner.predict(learner.adapt(one.support_x, one.support_y), one.query_x), atol=1e-6
    )


def test_evaluation_scores_the_mean_by_its_squared_error(learner, batch):
    tasks = SineTasks(5, 7)
    result = evaluate(learner, tasks, 3, torch.Generator().manual_seed(0))
    mean = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    expected = (mean - batch.query_y).square().mean(dim=(1, 2)).double()
    assert result.metric == "loss" and torch.allclose(result.values, expected, rtol=1e-5)


def test_several_inputs_and_outputs():
    learner = NeuralProcess(neural_process_net(inputs=2, outputs=3, width=8))
    x, y = torch.randn(4, 5, 2), torch.randn(4, 5, 3)
    mean, std = learner.distribution(learner.adapt(x, y), torch.randn(4, 6, 2))
    assert mean.shape == std.shape == (4, 6, 3) and (std > 0.1).all()
    assert learner.query_losses(TaskBatch(x, y, x, y)).shape == (4,)


def test_the_same_generator_gives_the_same_network():
    one, again = (neural_process_net(torch.Generator().manual_seed(5), width=8) for _time in range(2))
    other = neural_process_net(width=8)
    pairs = list(zip(one.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _c in pairs) and not any(torch.equal(a, c) for a, _b, c in pairs)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: NeuralProcess(nn.Linear(2, 2)), TypeError, '"encoder" and "decoder", not Linear'),
        (lambda: NeuralProcess(nn.ModuleDict({"encoder": nn.Identity()})), TypeError, "decoder"),
        (lambda: NeuralProcess(neural_process_net(width=4), least_std=0.0), ValueError, "least_std must be"),
        (lambda: NeuralProcess(neural_process_net(width=4), math.nan), ValueError, "least_std must be"),
        (lambda: neural_process_net(width=0), ValueError, "width must be at least 1, not 0"),
        (
            lambda: NeuralProcess(neural_process_net(width=4)).adapt(
                torch.zeros(1, 2, 1), torch.zeros(1, 2, dtype=torch.long)
            ),
            TypeError,
            "needs floating targets, not torch.int64",
        ),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- the bound
def test_the_exact_posterior_is_what_it_says(process, test_tasks):
    mean, std = process.posterior(test_tasks)
    squared, log_loss = losses(mean, std, test_tasks)
    assert abs(difference(squared, std.square().mean(dim=(1, 2))).mean) < 0.02
    entropy = (torch.log(std) + 0.5 * math.log(2 * math.pi * math.e)).mean(dim=(1, 2))
    assert abs(difference(log_loss, entropy).mean) < 0.05


def test_the_neural_process_lies_between_prior_and_posterior(process, trained, test_tasks):
    exact = losses(*process.posterior(test_tasks), test_tasks)
    prior_std = torch.full_like(test_tasks.query_y, math.hypot(1, process.noise))
    prior = losses(torch.zeros_like(test_tasks.query_y), prior_std, test_tasks)
    with torch.no_grad():
        adapted = trained.adapt(test_tasks.support_x, test_tasks.support_y)
        learned = losses(*trained.distribution(adapted, test_tasks.query_x), test_tasks)
    for floor, ours, ceiling in zip(exact, learned, prior, strict=True):
        above, below = difference(ours, floor), difference(ceiling, ours)
        assert above.mean > above.half_width, "nobody beats the exact posterior"
        assert below.mean > below.half_width, "it has learned something from the support set"
        assert above.mean < 2 * below.mean, "and not little"


@pytest.mark.parametrize(
    "change",
    [
        lambda mean, std: (1.1 * mean, std),
        lambda mean, std: (0.8 * mean, std),
        lambda mean, std: (mean + 0.1, std),
        lambda mean, std: (mean, 0.8 * std),
        lambda mean, std: (mean, 1.3 * std),
    ],
    ids=["bolder", "shyer", "shifted", "too sure", "too unsure"],
)
def test_every_change_of_the_posterior_loses(process, test_tasks, change):
    mean, std = process.posterior(test_tasks)
    best, changed = losses(mean, std, test_tasks), losses(*change(mean, std), test_tasks)
    loss = difference(changed[1], best[1])
    assert loss.mean > loss.half_width


def test_training_longer_comes_nearer(process, trained, test_tasks):
    early = NeuralProcess(neural_process_net(width=32), least_std=0.05)
    fit(early, process, 40, torch.Generator().manual_seed(0), lr=3e-3, progress=False)
    with torch.no_grad():
        scores = [
            losses(
                *learner.distribution(
                    learner.adapt(test_tasks.support_x, test_tasks.support_y), test_tasks.query_x
                ),
                test_tasks,
            )[1]
            for learner in (early, trained)
        ]
    assert difference(*scores).mean > difference(*scores).half_width
