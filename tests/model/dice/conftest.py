# SPDX-License-Identifier: Apache-2.0
"""Shapes in the signatures of `model.dice` are checked while these tests run; torch keeps to one
thread."""

import torch
from jaxtyping import install_import_hook

install_import_hook("model.dice", "beartype.beartype")
torch.set_num_threads(1)
