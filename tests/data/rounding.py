# SPDX-License-Identifier: Apache-2.0
"""How far two results may lie apart that differ in the order of their sums only.

Processors, thread counts and batch sizes choose that order; mathematics does not. A tolerance from
here depends on the net and its precision, and so holds on every processor.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import nn

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def rounding_of(net: nn.Module, *, scale: float, dtype: torch.dtype = torch.float32) -> float:
    """Bound the difference that another order of sums makes in one pass through `net`.

    A sum of n rounded terms errs by about sqrt(n) u times its size, u being the unit roundoff,
    because errors of either sign cancel. Layers in a row add their errors up, and normalised
    layers do not amplify those of earlier ones. So the bound is layers x sqrt(n) x u x scale,
    with n of the widest layer. `scale`: the largest absolute value of the result.

    Reference: Higham and Mary (2019), A New Approach to Probabilistic Rounding Error Analysis.
    """
    layers = [module for module in net.modules() if isinstance(module, WEIGHTED)]
    terms = max(layer.weight[0].numel() for layer in layers)
    return len(layers) * sqrt(terms) * torch.finfo(dtype).eps / 2 * scale
