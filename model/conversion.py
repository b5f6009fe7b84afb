# SPDX-License-Identifier: Apache-2.0
"""The one place that reads a pickled checkpoint: once, at fetch time, `weights_only`, digest checked before, safetensors after.

Checkpoints of training frameworks name classes that are of no use for inference (configuration nodes, task descriptions). Those
names are given inert stand-ins, so torch's weights-only unpickler can pass over them without running foreign code.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


class _Inert:
    """Takes whatever an unpickler does to it and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass


def convert_pickle(
    source: Path, folder: Path, *, keep: str, prefixes: Sequence[str] = (), config: dict[str, object] | None = None
) -> None:
    """Write `folder/model.safetensors`, `config.json` and, last, `digest`. `keep`: the key that holds the state dict ("" = top).

    `prefixes`: only tensors whose names start with one of these are kept; all when empty."""
    import torch
    from safetensors.torch import save_file

    with torch.serialization.safe_globals([(_Inert, name) for name in INERT_NAMES]):
        loaded: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    state = loaded[keep] if keep else loaded
    tensors = {name: value.contiguous() for name, value in state.items() if name.startswith(tuple(prefixes) or "")}
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    save_file(tensors, partial / "model.safetensors")
    (partial / "config.json").write_text(json.dumps(config or {}, indent=1) + "\n")
    (partial / "digest").write_text(digest_file(partial / "model.safetensors") + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
