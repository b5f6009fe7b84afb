# SPDX-License-Identifier: Apache-2.0
"""Save and resume a training: its whole state in one safetensors file.

A training that was killed resumes to the same numbers. This is not the finished checkpoint, which
holds weights only. Weights and optimiser are tensors; step, optimiser settings and the facts of the
training are JSON in the file's header. Draws are seeded by (seed, step), so no random state needs
saving.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem

HEADER = "training"
ANOTHER = (
    "the training in this folder started with another value. Use another folder, or delete this one"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """The state of a training: `modules` by name and their optimiser.

    `facts` (plain values: settings, data digest) must be the same when the training resumes.
    """

    modules: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    facts: Mapping[str, Any]

    def save(self, path: Path, *, step: int) -> None:
        """Write the state before `step`, completely or not at all."""
        state = self.optimiser.state_dict()
        tensors = {
            f"optimiser.{index}.{name}": value
            for index, values in state["state"].items()
            for name, value in values.items()
        }
        for name, module in self.modules.items():
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        header = {"step": step, "groups": state["param_groups"], "facts": dict(self.facts)}
        written = {key: value.contiguous() for key, value in tensors.items()}
        with atomic_write(path) as partial:
            save_file(written, partial, metadata={HEADER: json.dumps(header)})

    def restore(self, path: Path) -> int:
        """Restore the state and return the step to resume from; 0 when nothing was saved.

        Raises InputError when the file belongs to another training.
        """
        if not path.is_file():
            return 0
        header, tensors = _read(path)
        # as it would come back: tuples are lists there
        same = json.loads(json.dumps(dict(self.facts)))
        if header["facts"] != same:
            raise InputError(find_differences(path, header["facts"], same))
        for name, module in self.modules.items():
            module.load_state_dict(_select_below(tensors, f"{name}."))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _select_below(tensors, "optimiser.").items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({"state": state, "param_groups": header["groups"]})
        return int(header["step"])


def seed_step(seed: int, step: int) -> torch.Generator:
    """Seed the draws of one step: the same after a resume, and in every worker."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            return header, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, KeyError) as error:
        message = f"this file is not the state of a training: {error}"
        raise InputError(
            Problem(file=str(path), message=message, expected="delete it to start again")
        ) from error


def _select_below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }


def find_differences(
    path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[Problem]:
    """List each fact in which the training saved at `path` differs from the wanted one."""
    old, new = _flatten(saved), _flatten(wanted)
    return [
        Problem(
            file=str(path),
            column=name,
            message=ANOTHER,
            expected=repr(old.get(name)),
            got=repr(new.get(name)),
        )
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _flatten(facts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Flatten nested facts to full names: `settings.steps`."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        flat |= (
            _flatten(value, f"{above}{name}.")
            if isinstance(value, Mapping)
            else {f"{above}{name}": value}
        )
    return flat
