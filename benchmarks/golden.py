# SPDX-License-Identifier: Apache-2.0
"""Read golden fixtures of the reference, and compare tensors with them.

A fixture is `NAME.json` beside `NAME.safetensors`. Names inside begin with `w/` (weights), `in/`,
`mid/` or `out/`. Weights that are not stored come from a seeded recipe.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """The largest difference of one tensor from its golden one, and the tolerance."""

    name: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within tolerance (a NaN is not)."""
        return self.difference <= self.tolerance

    @property
    def closeness(self) -> float:
        """Share of the tolerance that is used, for finding the worst of several."""
        if math.isnan(self.difference):
            return math.inf
        return (
            self.difference / self.tolerance
            if self.tolerance
            else (math.inf if self.difference else 0.0)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Fixture:
    """A golden file: its JSON, its tensors, and the folder of its neighbours."""

    name: str
    about: Json
    tensors: dict[str, Tensor]
    folder: Path

    @classmethod
    def read(cls, folder: Path, name: str) -> Fixture:
        """Read both files (some kinds have only a JSON)."""
        tensors = folder / f"{name}.safetensors"
        return cls(
            name,
            json.loads((folder / f"{name}.json").read_text()),
            load_file(tensors) if tensors.exists() else {},
            folder,
        )

    @property
    def is_full_size(self) -> bool:
        """Whether it has the released size, where rounding adds up and tolerances are wider."""
        return "fullsize" in self.name

    def neighbour(self, key: str) -> Fixture:
        """Read the fixture whose weights this one's JSON names under `key`."""
        match = re.search(r"([\w.-]+)\.safetensors", self.about[key])
        if match is None:
            raise ValueError(f"{self.name}: {key} names no file")
        return Fixture.read(self.folder, match[1])

    def fill(self, module: nn.Module, prefix: str = "w/") -> nn.Module:
        """Load weights strictly: those stored under `prefix`, or those of the README's recipe."""
        stored = {
            k.removeprefix(prefix): v.float()
            for k, v in self.tensors.items()
            if k.startswith(prefix)
        }
        if not stored:
            seed, half = self.about["weights_seed"], "float16" in self.about.get("weights_note", "")
            state = module.state_dict().items()
            stored = {
                k: _seeded(k, tuple(v.shape), seed) for k, v in state if v.is_floating_point()
            }
            stored = {k: v.half().float() if half else v for k, v in stored.items()}
        module.load_state_dict(stored)
        return module.eval()

    def compare(
        self, key: str, got: Tensor | np.ndarray, tolerance: float, *, relative: bool = False
    ) -> Compared:
        """Measure the largest difference between a tensor and the golden one of that name."""
        wanted, mine = self.tensors[key].double(), torch.as_tensor(got).double()
        difference = (mine.reshape(wanted.shape) - wanted).abs()
        scale = wanted.abs().max() if relative else torch.tensor(1.0)
        return Compared(key, float((difference / scale).max()), tolerance)


def _seeded(key: str, shape: tuple[int, ...], seed: int) -> Tensor:
    generator = np.random.Generator(np.random.PCG64([seed, zlib.crc32(key.encode())]))
    x = generator.standard_normal(shape, dtype=np.float32)
    if key.endswith("mix_factor"):
        x = 0.5 * x
    elif len(shape) == 1:
        x = 0.05 * x if "bias" in key.rsplit(".", 1)[-1] else 1 + 0.1 * x
    elif shape:
        x = x / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy(np.asarray(x, dtype=np.float32))
