"""Navigation: the batched environment against a plain loop, its upper bound, and Gymnasium's own checker."""

import math
import random
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RescaleAction, TimeLimit

from metalib import rl
from metalib.rl import Navigation, NavigationTasks
from metalib.rl.policy import GaussianPolicy, log_probabilities, means, play, weights_of


def walk(goal, actions):
    """The equations, for one trajectory: places and rewards."""
    x = y = 0.0
    places, rewards = [], []
    for right, up in actions:
        x += max(-0.1, min(0.1, right))
        y += max(-0.1, min(0.1, up))
        places.append((x, y))
        rewards.append(-math.sqrt((x - goal[0]) ** 2 + (y - goal[1]) ** 2))
    return places, rewards


def test_the_batched_environment_is_the_loop():
    draw = random.Random(0)
    goals = [[draw.uniform(-0.5, 0.5) for _ in "xy"] for _task in range(3)]
    actions = torch.randn(3, 4, 9, 2, generator=torch.Generator().manual_seed(0)) / 10
    tasks = Navigation(torch.tensor(goals), horizon=9)
    states, found = tasks.start(4), []
    for now in actions.unbind(2):
        states, rewards = tasks.step(states, now)
        found.append((states, rewards))
    for task in range(3):
        for n in range(4):
            places, rewards = walk(goals[task], actions[task, n].tolist())
            for t in range(9):
                assert found[t][0][task, n].tolist() == pytest.approx(places[t], abs=1e-6)
                assert found[t][1][task, n].item() == pytest.approx(rewards[t], abs=1e-6)


def test_playing_is_the_loop_with_the_policys_actions():
    policy = GaussianPolicy(width=8)
    tasks = NavigationTasks(horizon=6).sample(2, torch.Generator().manual_seed(1))
    noise = torch.randn(2, 3, 6, 2, generator=torch.Generator().manual_seed(2))
    weights = weights_of(policy, 2)
    played = play(weights, tasks, noise)
    sigma = policy.log_deviation.exp()
    for task in range(2):
        for n in range(3):
            here = torch.zeros(2)
            for t in range(6):
                action = policy(here) + sigma * noise[task, n, t]
                torch.testing.assert_close(played.actions[task, n, t], action)
                torch.testing.assert_close(played.states[task, n, t], here)
                here = here + (0.1 * action).clamp(-0.1, 0.1)
                expected = -(here - tasks.goals[task]).norm()
                torch.testing.assert_close(played.rewards[task, n, t], expected)
            torch.testing.assert_close(played.places[task, n, -1], here)
    torch.testing.assert_close(means(weights)(played.states[:, 0]), policy(played.states[:, 0]))
    normal = torch.distributions.Normal(policy(played.states), sigma)
    torch.testing.assert_close(log_probabilities(weights, played), normal.log_prob(played.actions).sum(-1))
    torch.testing.assert_close(played.returns, played.rewards.sum(2).mean(1))


def test_nobody_does_better_than_who_knows_the_goal():
    tasks = NavigationTasks(horizon=12).sample(20, torch.Generator().manual_seed(0))
    here, knowing = tasks.start(1), 0
    for _t in range(12):
        here, reward = tasks.step(here, tasks.goals.unsqueeze(1) - here)  # straight at it, clipped
        knowing = knowing + reward.squeeze(1)
    torch.testing.assert_close(tasks.best_returns(), knowing)
    generator = torch.Generator().manual_seed(1)
    for _try in range(50):
        here, total = tasks.start(20), 0
        aims = tasks.goals.unsqueeze(1) + 0.2 * torch.randn(20, 20, 2, generator=generator)
        for _t in range(12):
            here, reward = tasks.step(here, (aims - here) * torch.rand(20, 20, 1, generator=generator))
            total = total + reward
        assert (total <= tasks.best_returns().unsqueeze(1) + 1e-5).all()


def test_tasks_and_their_limits():
    tasks = NavigationTasks(reach=2.0).sample(5000, torch.Generator().manual_seed(0))
    assert len(tasks) == 5000 and tasks.goals.abs().max() <= 2 and tasks.horizon == 100
    assert tasks.goals.mean().abs() < 0.05 and tasks.goals.std() == pytest.approx(2 / math.sqrt(3), abs=0.02)
    for options, words in (({"reach": 0}, "reach must be"), ({"horizon": 0}, "horizon")):
        with pytest.raises(ValueError, match=words):
            NavigationTasks(**options)
    with pytest.raises(ValueError, match="deviation must be a finite positive number"):
        GaussianPolicy(deviation=0)


# --- Gymnasium
def test_gymnasiums_own_checker_is_content():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(rl.NavigationEnv(), skip_render_check=True)
        check_env(rl.NavigationEnv(goal=(0.5, 0), tasks=NavigationTasks(horizon=3)), skip_render_check=True)


def test_the_environment_of_gymnasium_is_the_batched_one():
    env = rl.NavigationEnv(goal=(0.3, -0.2), tasks=NavigationTasks(horizon=7))
    tasks = Navigation(torch.tensor([[0.3, -0.2]]), 7)
    actions = torch.randn(7, 2, generator=torch.Generator().manual_seed(0)) / 8
    place, info = env.reset(seed=3)
    here = tasks.start(1)
    assert place.tolist() == [0, 0] and info["goal"].tolist() == [0.3, -0.2]
    for t, action in enumerate(actions):
        place, reward, terminated, truncated, info = env.step(action.numpy())
        here, expected = tasks.step(here, action.view(1, 1, 2))
        assert place == pytest.approx(here[0, 0].numpy(), abs=1e-6)
        assert reward == pytest.approx(expected.item(), abs=1e-6)
        assert not terminated and truncated == (t == 6) and env.observation_space.contains(place)


def test_goals_of_the_environment():
    env = rl.NavigationEnv()
    with pytest.raises(RuntimeError, match=r"Call reset\(\) before step\(\)"):
        env.step(np.zeros(2))
    first = env.reset(seed=1)[1]["goal"]
    assert (env.reset()[1]["goal"] == first).all(), "another trajectory of the same task"
    assert (env.reset(seed=2)[1]["goal"] != first).all() and (env.reset(seed=1)[1]["goal"] == first).all()
    assert (env.reset(options={"new": True})[1]["goal"] != first).all()
    assert env.reset(options={"goal": (0.1, 0.2)})[1]["goal"].tolist() == [0.1, 0.2]
    assert np.abs(first).max() <= 0.5
    for bad in ((1, 2, 3), (math.nan, 0)):
        with pytest.raises(ValueError, match="goal must be two finite numbers"):
            rl.NavigationEnv(goal=bad)


def test_wrappers_of_gymnasium_go_around_it():
    one = np.ones(2, np.float32)
    env = TimeLimit(RescaleAction(rl.NavigationEnv(goal=(0.5, 0.5)), -one, one), 5)
    env.reset(seed=0)
    places = [env.step(np.array([1.0, 0.5], np.float32)) for _ in range(5)]
    assert places[-1][0] == pytest.approx([0.5, 0.25], abs=1e-6) and places[-1][3]
    assert isinstance(env.unwrapped, gymnasium.Env)


@pytest.mark.slow
def test_metalib_needs_gymnasium_for_that_environment_only():
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "import metalib; metalib.rl.NavigationTasks()\n"
        "try: metalib.rl.NavigationEnv\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Gymnasium, which is missing here: pip install gymnasium" in said
    assert not hasattr(rl, "Labyrinth")
