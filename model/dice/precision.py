# SPDX-License-Identifier: Apache-2.0
"""Choose the precision of the DICE-Talk networks by what the processor can compute.

It is found out by trial, because no flag says it: torch chooses the kernels of an operation by what
it was compiled for, what oneDNN finds and what the environment allows (`ATEN_CPU_CAPABILITY`).
Where these disagree, attention in bfloat16 raises ("pack_vnni2 is only supported when avx512 is
supported").
"""

from __future__ import annotations

from functools import cache

import torch
from torch.nn import functional

TOKENS, CHANNELS = 64, 64  # from 32 tokens on, torch packs keys and values for fast kernels


@cache
def runs_on_cpu(dtype: torch.dtype) -> bool:
    """Try the networks' operations in `dtype`: attention, linear layer, convolution, norm."""
    x = torch.zeros(1, 2, TOKENS, CHANNELS, dtype=dtype)
    try:
        functional.scaled_dot_product_attention(x, x, x)
        functional.linear(x, x[0, 0])
        functional.conv2d(x, x.new_zeros(2, 2, 3, 3))
        functional.conv3d(x[:, :, None], x.new_zeros(2, 2, 1, 3, 3))
        functional.group_norm(x, 2)
    except RuntimeError:
        return False
    return True
