# SPDX-License-Identifier: Apache-2.0
"""The three-layer projection from features to tokens, for audio and emotion at different widths.

Released keys: `proj1`, `proj2`, `proj3` and `norm`, each with weight and bias.
"""

from __future__ import annotations

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class TokenProjection(nn.Module):
    """Linear, ReLU, Linear, ReLU, Linear, then a layer norm over each token."""

    def __init__(self, width: int, *, hidden: int, tokens: int, dim: int) -> None:
        """Create fresh weights. `width`: features in; `tokens` x `dim`: numbers out."""
        super().__init__()
        self.tokens = tokens
        self.proj1 = nn.Linear(width, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, tokens * dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, features: Float[Tensor, "*batch width"]
    ) -> Float[Tensor, "*batch tokens dim"]:
        """Compute the tokens of each feature vector."""
        hidden = functional.relu(self.proj1(features))
        hidden = functional.relu(self.proj2(hidden))
        tokens = rearrange(
            self.proj3(hidden), "... (tokens dim) -> ... tokens dim", tokens=self.tokens
        )
        normed: Tensor = self.norm(tokens)
        return normed
