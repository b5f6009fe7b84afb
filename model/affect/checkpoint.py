# SPDX-License-Identifier: Apache-2.0
"""Write and load finished checkpoints: `model.safetensors`, `config.json` and their digest.

The digest is written last. This is not the state of a running training (`resuming`). The config
says on which data the weights were trained, with which settings and seed, and under which licences
the data is. Loading is strict: every missing, unknown and misshapen key is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_file
from model.state_keys import find_key_problems

MODEL, CONFIG, DIGEST = "model.safetensors", "config.json", "digest"


def write(
    folder: Path,
    module: nn.Module,
    config: Mapping[str, Any],
    *,
    dtype: torch.dtype = torch.float16,
) -> str:
    """Write a checkpoint and return its digest. Floating tensors are stored as `dtype`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DIGEST).unlink(missing_ok=True)
    state = {
        key: value.detach().to(dtype if value.is_floating_point() else value.dtype).contiguous()
        for key, value in module.state_dict().items()
    }
    save_file(state, folder / MODEL)
    (folder / CONFIG).write_text(
        json.dumps(dict(config), indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    found = _digest(folder)
    with atomic_write(folder / DIGEST) as partial:
        partial.write_text(found + "\n", encoding="utf-8")
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a checkpoint.

    Raises InputError when the folder is no checkpoint, or its files have changed since.
    """
    missing = [name for name in (MODEL, CONFIG, DIGEST) if not (folder / name).is_file()]
    if missing:
        message = f"this is not a checkpoint: {', '.join(missing)} missing"
        expected = f"a folder with {MODEL}, {CONFIG}, {DIGEST}"
        raise InputError(Problem(file=str(folder), message=message, expected=expected))
    if read_digest(folder) != _digest(folder):
        message = "the files of this checkpoint have changed since they were written"
        raise InputError(Problem(file=str(folder), message=message))
    config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return config


def read_digest(folder: Path) -> str:
    """Read the digest that was noted when a checkpoint was written."""
    return (folder / DIGEST).read_text(encoding="utf-8").strip()


def load_into(module: nn.Module, folder: Path) -> None:
    """Load the weights as 32-bit floats.

    Raises InputError with every key that is missing, unknown or misshapen.
    """
    file = folder / MODEL
    try:
        state = {
            key: value.float() if value.is_floating_point() else value
            for key, value in load_file(file).items()
        }
    except (SafetensorError, OSError) as error:
        raise InputError(
            Problem(file=str(file), message=f"not readable as safetensors: {error}")
        ) from error
    problems = find_key_problems(str(file), module.state_dict(), state)
    if problems:
        raise InputError(problems)
    module.load_state_dict(state)


def _digest(folder: Path) -> str:
    return digest([digest_file(folder / MODEL), digest_file(folder / CONFIG)])
