"""The shipped transformers: on other tasks than the chapter's they are what it says of them."""

from functools import cache

import pytest
import torch

from metalib import weights
from metalib.evaluation import Evaluation, evaluate
from metalib.learners import PoolPosterior, RidgeRegression
from metalib.tasks import LinearTasks

pytestmark = pytest.mark.slow

LINES = {"inputs": 2, "intercept": True, "spread": "uniform", "scale": 2.0, "noise": 0.2}
POOLS = (4, 16, 64, 256)


@cache
def error(learner, **tasks):
    return evaluate(learner, LinearTasks(**tasks), 4000, torch.Generator().manual_seed(77), chunk=500)


@cache
def network(name):
    return weights.load(name)


RIDGE, EXACT, LINE_RIDGE = RidgeRegression(0.25), RidgeRegression(0), RidgeRegression(0.04)


@cache
def posterior(pool):
    return PoolPosterior(LinearTasks(inputs=2, pool=pool).weights, 0.2)


def lead(one, other, **tasks):
    """How much worse the one is, paired: (low, high) of the 95 % interval."""
    apart = Evaluation(error(one, **tasks).values - error(other, **tasks).values, "loss")
    return apart.mean - apart.half_width, apart.mean + apart.half_width


def test_the_noiseless_transformer_is_near_a_ridge_and_no_least_squares():
    net = network("linear-transformer")
    for shots in (1, 3):
        assert abs(error(net, shots=shots).mean / error(RIDGE, shots=shots).mean - 1) < 0.12
    assert error(EXACT, shots=5).mean < 1e-3 < 0.5 < error(net, shots=5).mean < 1.2
    errors = [error(net, shots=shots).mean for shots in (3, 5, 8, 15)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.1


def test_with_inputs_tripled_it_loses_most_where_it_knew_most():
    net = network("linear-transformer")
    loss = {n: error(net, shots=n, scale=3.0).mean / 9 / error(net, shots=n).mean for n in (1, 5, 15)}
    assert loss[1] < 1.3 < 1.5 < loss[5] < 3.5 < 5 < loss[15]


def test_under_noise_it_has_no_peak_and_is_behind_ridge():
    net = network("linear-transformer")
    errors = [error(net, shots=shots, noise=0.5).mean for shots in (3, 5, 8, 15)]
    assert errors == sorted(errors, reverse=True)
    assert error(EXACT, shots=5, noise=0.5).mean > 5 * errors[1]
    assert 0.1 < lead(net, RIDGE, shots=15, noise=0.5)[0]


def test_trained_with_noise_it_is_near_ridge_with_the_right_lambda():
    net = network("lines")
    for shots in (1, 2, 3, 5, 10):
        mean = error(net, shots=shots, **LINES).mean
        assert 0.98 < mean / error(LINE_RIDGE, shots=shots, **LINES).mean < 1.25
    assert error(EXACT, shots=2, **LINES).mean > 10 * error(net, shots=2, **LINES).mean


def test_on_new_lines_the_network_goes_over_from_its_list_to_ridge():
    errors = [error(network(f"lines-pool-{pool}"), shots=2, **LINES).mean for pool in POOLS]
    assert errors == sorted(errors, reverse=True)
    ridge, four = error(LINE_RIDGE, shots=2, **LINES).mean, error(posterior(4), shots=2, **LINES).mean
    assert errors[0] > 4 * ridge and errors[0] > 0.8 * four
    sixteen = error(posterior(16), shots=2, **LINES).mean
    assert ridge + 0.1 < errors[1] < sixteen - 0.1
    assert errors[2] - ridge < error(posterior(64), shots=2, **LINES).mean - errors[2]
    assert errors[3] < 1.25 * ridge


def test_on_its_own_lines_the_advantage_of_the_list_shrinks_and_is_lost_though_it_would_still_pay():
    for pool, sign in ((4, 1), (16, 1), (256, -1)):
        low, high = lead(LINE_RIDGE, network(f"lines-pool-{pool}"), shots=2, pool=pool, **LINES)
        assert (low > 0) if sign > 0 else (high < 0), (pool, low, high)
    gains = [lead(LINE_RIDGE, network(f"lines-pool-{pool}"), shots=2, pool=pool, **LINES) for pool in POOLS]
    assert gains == sorted(gains, reverse=True)
    assert lead(LINE_RIDGE, posterior(256), shots=2, pool=256, **LINES)[0] > 0
