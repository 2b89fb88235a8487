"""Networks that read a sequence of examples: one layer of linear attention, and a small transformer.

A sequence is ``(S + 1, d + 1)``: S examples, each the token (x, y), and the query (x, 0) at its end. A
network maps N sequences, ``(N, S + 1, d + 1)``, to the predicted y of their queries, ``(N, 1)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.models import initialise


class LinearAttention(nn.Module):
    """One head of linear self-attention: no softmax, no normalisation, no perceptron (von Oswald et al. 2023,
    section 2).

    The query token e becomes e + P Σ_j (V e_j) (K e_j)ᵀ (Q e) / S. Its last number, 0 before, is the
    prediction. With the right matrices that is a step of gradient descent, see :meth:`gradient_step`. (There
    the step's 1/S is learned with P; here it stands in the layer, which so fits any S.)

    Args:
        inputs: d.
        generator: where the initial weights come from; ``None`` uses seed 0.
    """

    def __init__(self, inputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        size = inputs + 1
        self.query, self.key, self.value, self.project = (
            nn.Linear(size, size, bias=False) for _part in range(4)
        )
        initialise(self, generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, S + 1, d + 1)`` to ``(N, 1)``."""
        query = self.query(tokens[:, -1:])  # (N, 1, d + 1)
        scores = query @ self.key(tokens).mT  # (N, 1, S + 1)
        change = self.project(scores @ self.value(tokens)) / (tokens.shape[1] - 1)
        return change[:, 0, -1:]

    @torch.no_grad()
    def gradient_step(self, eta: float) -> LinearAttention:
        """Set the matrices by hand, so that the prediction is w·x with w = eta · mean of y x: that is one
        step of gradient descent from w = 0 on the mean squared error, with the step size α = eta / 2. Returns
        the layer."""
        for layer in (self.query, self.key, self.value, self.project):
            layer.weight.zero_()
        inputs = torch.arange(self.query.in_features - 1)
        self.query.weight[inputs, inputs] = 1.0  # the query's x …
        self.key.weight[inputs, inputs] = 1.0  # … times every x
        self.value.weight[-1, -1] = 1.0  # weighs every y
        self.project.weight[-1, -1] = eta
        return self


class Attention(nn.Module):
    """Softmax attention with several heads. Each token looks at those that the mask allows.

    Not ``nn.MultiheadAttention``: that takes another road in evaluation mode, which has no derivative.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``(N, L, width)`` to the same shape; mask: ``(L, L)`` of bool, from a row's token to a column's."""
        parts = self.read(tokens).unflatten(-1, (3, self.heads, -1))  # (N, L, 3, heads, width / heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (N, heads, L, width / heads) each
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.write(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """One layer of a transformer: attention and a perceptron, each on the normalised tokens and added to
    them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``(N, L, width)`` to the same shape."""
        tokens = tokens + self.attention(self.attention_norm(tokens), mask)
        return tokens + self.perceptron(self.perceptron_norm(tokens))


class ContextTransformer(nn.Module):
    """A small causal transformer that reads examples and answers queries (compare Garg et al. 2022).

    Every example is *one* token (x, y), which looks at itself and at those before it. A query is a token (x,
    0) with a learned mark; it looks at its examples and at itself, and nobody looks at it. So many queries,
    each after another number of examples, cost one pass: :meth:`each_prefix`. (Garg et al. give x and y
    tokens of their own, and number the places.)

    Args:
        inputs: d.
        width: numbers a token, a multiple of ``heads``.
        layers, heads: how many.
        generator: where the initial weights come from; ``None`` uses seed 0.

    Raises:
        ValueError: the width is no multiple of heads.
    """

    def __init__(
        self,
        inputs: int,
        width: int = 32,
        layers: int = 4,
        heads: int = 4,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                _("width must be a multiple of heads, {heads}, not {width}.").format(heads=heads, width=width)
            )
        self.embed, self.asked = nn.Linear(inputs + 1, width), nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, heads) for _layer in range(layers))
        self.norm, self.answer = nn.LayerNorm(width), nn.Linear(width, 1)
        initialise(self, generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, S + 1, d + 1)`` to ``(N, 1)``."""
        examples = tokens[:, :-1]
        seen = torch.ones(1, examples.shape[1], dtype=torch.bool, device=tokens.device)
        return self._read(examples, tokens[:, -1:], seen)[:, 0]

    def each_prefix(self, tokens: Tensor) -> Tensor:
        """Predict every example of a sequence from those before it: ``(N, L, d + 1)`` to ``(N, L, 1)``.

        Equal to :meth:`forward` for each of the L prefixes."""
        length = tokens.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril(-1)
        return self._read(tokens, tokens, seen)

    def _read(self, examples: Tensor, queries: Tensor, seen: Tensor) -> Tensor:
        """Predictions ``(N, Q, 1)`` for queries ``(N, Q, d + 1)``, whose y is not looked at; ``seen`` (Q, S)
        says which examples each of them looks at."""
        asked, given = seen.shape
        causal = torch.ones(given, given, dtype=torch.bool, device=seen.device).tril()
        alone = torch.eye(asked, dtype=torch.bool, device=seen.device)
        nobody = torch.zeros(given, asked, dtype=torch.bool, device=seen.device)
        mask = torch.cat([torch.cat([causal, nobody], dim=1), torch.cat([seen, alone], dim=1)])
        unanswered = F.pad(queries[..., :-1], (0, 1))  # y = 0
        tokens = torch.cat([self.embed(examples), self.embed(unanswered) + self.asked], dim=1)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.answer(self.norm(tokens[:, given:]))
