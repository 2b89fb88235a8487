"""RL²: a recurrent network that has learned how to learn within a game (Duan et al. 2016; Wang et al. 2016).

Its weights are trained over many bandits and then stand still. What it finds out about *this* bandit is in
its hidden state, which sees every pull and every reward and is carried through the whole game.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metalib.rl.agent import Agent
from metalib.rl.bandits import Bandits, Played, play

VALUE = 10.0
"""What the critic's output counts in: its network answers best with numbers of about 1."""


class RecurrentPolicy(nn.Module):
    """A GRU that follows each arm, and a head that compares them.

    Every arm has a hidden state of its own, moved by one and the same GRU. It sees three numbers a pull: was
    this arm just pulled (1 or 0), what did it pay, and what share of the game is over. The head gives an arm
    its logit from its state and the mean of all states. So arms have no names: whoever renames them renames
    the answer (Zaheer et al. 2017, "Deep sets"), and there may be any number of them.

    A critic, for the training alone, says what a game will still bring.

    Args:
        hidden: units of an arm's state, H.
        critic: units of the critic's layers.
        generator: draws the weights to begin with. The logits begin at 0: every arm is as likely.
    """

    def __init__(self, hidden: int = 16, critic: int = 24, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.hidden = hidden
        self.gru = nn.GRU(3, hidden)
        self.compare = nn.Linear(2 * hidden, hidden)
        self.logit = nn.Linear(hidden, 1)
        self.each = nn.Sequential(
            nn.Linear(hidden + 3, critic), nn.ReLU(), nn.Linear(critic, critic), nn.ReLU()
        )
        self.value = nn.Linear(critic, 1)
        with torch.no_grad():
            for layer in self.modules():
                fan = getattr(layer, "in_features", hidden)
                for weights in layer.parameters(recurse=False):
                    weights.uniform_(-(fan**-0.5), fan**-0.5, generator=generator)
            self.logit.weight.zero_()
            self.logit.bias.zero_()

    def forward(self, seen: Tensor, states: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits (T, n, K) and states (T, n, K, H), of what is seen in T pulls, (T, n, K, 3).

        `states` (n, K, H) are those before the first of them; without, a game begins.
        """
        pulls, n, arms, _three = seen.shape
        before = None if states is None else states.reshape(1, n * arms, self.hidden)
        after, _last = self.gru(seen.reshape(pulls, n * arms, 3), before)
        after = after.reshape(pulls, n, arms, self.hidden)
        others = after.mean(dim=2, keepdim=True).expand_as(after)
        compared = self.compare(torch.cat([after, others], dim=-1)).tanh()
        return self.logit(compared).squeeze(-1), after

    def values(self, known: Tensor) -> Tensor:
        """What the critic expects from here on, (T, n), knowing of each arm (T, n, K, H + 3): its state, its
        chance, how far that is from the best, and the time."""
        return VALUE * self.value(self.each(known).mean(dim=2)).squeeze(-1)


class RL2(Agent):
    """Plays with a recurrent policy, and trains it over whole games by the advantage actor–critic.

    What the policy *sees* is what every player sees. What it *learns from* has less noise than that, which
    training may have and a game has not: a pull's reward is the chosen arm's chance less the best one's, not
    the coin that was thrown; and the critic, which says how much will be lost from here on, knows all chances
    (an asymmetric critic: Pinto et al. 2018). A baseline that does not depend on the action leaves the
    expected gradient as it is.

    Args:
        policy: a `RecurrentPolicy`.
        gamma, lam: the discount, and λ of generalised advantages (Schulman et al. 2016, equation 16).
        entropy: how much the policy's entropy counts, so that it does not settle too early.
    """

    def __init__(
        self, policy: RecurrentPolicy, gamma: float = 0.99, lam: float = 0.9, entropy: float = 0.01
    ) -> None:
        super().__init__()
        self.policy, self.gamma, self.lam, self.entropy = policy, gamma, lam, entropy

    def start(self, n: int, arms: int, pulls: int) -> None:
        """Forget everything."""
        self._pull, self._pulls = 0, pulls
        self._states = torch.zeros(n, arms, self.policy.hidden, device=self._device)
        self._seen = torch.zeros(n, arms, 3, device=self._device)

    def logits(self) -> Tensor:
        """Of the next pull, (n, K). Asked once a pull: it moves the hidden state on."""
        self._seen[..., 2] = self._pull / self._pulls
        logits, states = self.policy(self._seen.unsqueeze(0), self._states)
        self._states = states[0]
        return logits[0]

    def choose(self, generator: torch.Generator) -> Tensor:
        """An arm drawn from the policy, for each game (n,)."""
        return drawn(self.logits().cpu(), generator)

    def observe(self, chosen: Tensor, rewards: Tensor) -> None:
        self._pull += 1
        self._seen = seen_of(chosen, rewards, self._seen.shape[1]).to(self._device)

    def returns(self, tasks: Bandits, generator: torch.Generator, *args: None, **options: None) -> Tensor:
        """The total reward of each game, (n,)."""
        return play(self, tasks, generator).rewards.sum(dim=1)

    def loss(self, batch: Bandits) -> Tensor:
        """Minus the mean total reward; its gradient is the actor's, the entropy's and the critic's."""
        played = play(self, batch, torch.default_generator)  # which the training governs
        return self.surrogate(played) - played.rewards.sum(dim=1).mean().to(self._device)

    def surrogate(self, played: Played) -> Tensor:
        """A number that is 0, and whose gradient trains actor and critic on games that this policy played."""
        chances = played.bandits.chances.to(self._device)
        chosen = played.chosen.T.to(self._device)  # (T, n), as everything below
        seen = history_of(played).to(self._device)  # (T, n, K, 3)
        logits, states = self.policy(seen)
        log_p = logits.log_softmax(dim=-1)
        taken = log_p.gather(2, chosen.unsqueeze(-1)).squeeze(-1)
        lost = chances - chances.max(dim=1, keepdim=True).values  # (n, K), never positive
        rewards = lost.gather(1, chosen.T).T
        known = torch.stack([chances, lost], dim=-1).expand(len(seen), -1, -1, -1)
        values = self.policy.values(torch.cat([states.detach(), known, seen[..., 2:]], dim=-1))
        advantages = generalised_advantages(rewards, values.detach(), self.gamma, self.lam)
        actor = (taken * advantages / (advantages.std() + 1e-6)).mean()
        spread = -(log_p.exp() * log_p).sum(dim=-1).mean()
        critic = (values - (advantages + values.detach())).square().mean()
        objective = -actor - self.entropy * spread + 0.05 * critic
        return objective - objective.detach()

    @property
    def _device(self) -> torch.device:
        return self.policy.logit.weight.device


def seen_of(chosen: Tensor, rewards: Tensor, arms: int) -> Tensor:
    """What each arm sees of a pull, (..., K, 3): pulled or not, what it paid, and 0 for the time, which is
    put in later. `chosen` and `rewards`: (...)."""
    pulled = torch.nn.functional.one_hot(chosen, arms).to(rewards.dtype)
    return torch.stack([pulled, pulled * rewards.unsqueeze(-1), torch.zeros_like(pulled)], dim=-1)


def history_of(played: Played) -> Tensor:
    """What the policy saw before each of T pulls, (T, n, K, 3): at first nothing, then the pull before."""
    n, pulls = played.chosen.shape
    seen = torch.zeros(pulls, n, played.bandits.arms, 3)
    seen[1:] = seen_of(played.chosen.T[:-1], played.rewards.T[:-1], played.bandits.arms)
    seen[..., 2] = (torch.arange(pulls) / pulls)[:, None, None]
    return seen


def generalised_advantages(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """Σ_k (γλ)^k δ_{t+k} with δ_t = r_t + γ V_{t+1} − V_t, (T, n) (Schulman et al. 2016, equation 16). After
    the last pull there is nothing more to earn."""
    advantages = torch.empty_like(rewards)
    last = after = torch.zeros_like(rewards[0])
    for pull in reversed(range(len(rewards))):
        delta = rewards[pull] + gamma * after - values[pull]
        advantages[pull] = last = delta + gamma * lam * last
        after = values[pull]
    return advantages


def drawn(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One of K for each row of logits (n, K), with the probabilities of their softmax (Gumbel's trick)."""
    noise = torch.rand(logits.shape, generator=generator).clamp(1e-9, 1 - 1e-7)
    return (logits - (-noise.log()).log()).argmax(dim=1)
