# SPDX-License-Identifier: Apache-2.0
"""The face-mask encoder ("pose guider"): a picture of the face's place to a map for the UNet.

The map has an eighth of the size and the UNet's first width. The mask of a shot never changes, so
its map is computed once and added to every frame.
"""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.dice.config import PoseSizes


class PoseGuider(nn.Module):
    """3x3 convolutions with SiLU after each but the last; every second one halves the size.

    Keys: `conv_in`, `blocks.N`, `conv_out`.
    """

    def __init__(self, sizes: PoseSizes) -> None:
        """Build at the given sizes.

        `conv_out` starts at zero, so that an untrained guider adds nothing.
        """
        super().__init__()
        self.conv_in = nn.Conv2d(sizes.inputs, sizes.channels[0], 3, padding=1)
        pairs = [
            (c, n, stride)
            for c, following in pairwise(sizes.channels)
            for n, stride in ((c, 1), (following, 2))
        ]
        self.blocks = nn.ModuleList(
            nn.Conv2d(c, n, 3, padding=1, stride=stride) for c, n, stride in pairs
        )
        self.conv_out = nn.Conv2d(sizes.channels[-1], sizes.outputs, 3, padding=1)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, masks: Float[Tensor, "frames inputs height width"]
    ) -> Float[Tensor, "frames channels height8 width8"]:
        """Compute the maps of the given pictures, values in [0, 1]."""
        hidden = functional.silu(self.conv_in(masks))
        for block in self.blocks:
            hidden = functional.silu(block(hidden))
        map_: Tensor = self.conv_out(hidden)
        return map_
