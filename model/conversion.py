# SPDX-License-Identifier: Apache-2.0
"""Convert pickled weights to safetensors: the one place that unpickles.

It happens once, at fetch or import, with torch's weights-only reader, after the digest was checked.
Checkpoints of training frameworks name classes that are of no use for inference (configuration
nodes, task descriptions). Those names get inert stand-ins, so torch's weights-only unpickler can
pass over them without running foreign code.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from manifests.atomic_write import atomic_folder
from manifests.errors import InputError, Problem
from manifests.identity import digest_file

INERT_NAMES = (
    "builtins.dict",
    "builtins.int",
    "builtins.list",
    "collections.defaultdict",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "pyannote.audio.core.model.Introspection",
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "pyannote.audio.core.task.Specifications",
    "torch.torch_version.TorchVersion",
    "typing.Any",
)


BAD_PRIOR = (
    *(pickle.UnpicklingError, ValueError, KeyError, TypeError),
    *(AttributeError, EOFError, OSError),
)
"""What reading an emotion prior raises when the file holds something else."""


class _Inert:
    """A stand-in that accepts whatever an unpickler does to it and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass


def read_pickle(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a pickled state dict with torch's weights-only reader.

    Raises:
        InputError: The file holds anything else.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an unpickler trips over strange bytes in many ways
        message = "not a plain file of tensors; Callsheet does not read it"
        got = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(Problem(file=str(path), message=message, got=got)) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(value, Tensor) for value in loaded.values()
    ):
        raise InputError(
            Problem(file=str(path), message="not a dictionary of tensors", expected="a state dict")
        )
    return loaded


class _PriorUnpickler(pickle.Unpickler):
    """An unpickler that knows the three names that a float array needs, and no others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        raise pickle.UnpicklingError(f"{module}.{name} is not needed by an emotion prior")


def read_prior(path: Path) -> Tensor:
    """Read an emotion prior: the `mu` of a .npy that holds a pickled dictionary.

    Raises:
        InputError: The file holds anything else.
    """
    try:
        content = _unpickle_prior(path)
        mean = np.asarray(content.item()["mu"], dtype=np.float32).reshape(-1)
    except BAD_PRIOR as error:
        expected = "a pickled {'mu': float array}"
        message = "not an emotion prior"
        raise InputError(
            Problem(file=str(path), message=message, expected=expected, got=str(error))
        ) from error
    return torch.from_numpy(mean.copy())


def _unpickle_prior(path: Path) -> Any:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(file)
        if shape != () or not dtype.hasobject:
            raise ValueError(f"an array of {dtype}, shape {shape}")
        return _PriorUnpickler(io.BytesIO(file.read())).load()


def convert_pickle(
    source: Path,
    folder: Path,
    *,
    keep: str,
    prefixes: Sequence[str] = (),
    config: dict[str, object] | None = None,
) -> None:
    """Write `folder/model.safetensors`, `config.json` and, last, `digest`.

    `keep`: the key that holds the state dict ("" = top). `prefixes`: only tensors whose names start
    with one of these are kept; all when empty.
    """
    with torch.serialization.safe_globals([(_Inert, name) for name in INERT_NAMES]):
        loaded: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    state = loaded[keep] if keep else loaded
    tensors = {
        name: value.contiguous()
        for name, value in state.items()
        if name.startswith(tuple(prefixes) or "")
    }
    with atomic_folder(folder) as partial:
        save_file(tensors, partial / "model.safetensors")
        (partial / "config.json").write_text(json.dumps(config or {}, indent=1) + "\n")
        (partial / "digest").write_text(digest_file(partial / "model.safetensors") + "\n")
