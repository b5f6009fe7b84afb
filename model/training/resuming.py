# SPDX-License-Identifier: Apache-2.0
"""A training's state in one safetensors file, so that a training that was killed goes on to the
same numbers.

Not the finished checkpoint, which holds weights only. Weights and optimiser are tensors; step,
optimiser settings and what the training is of are JSON in the file's header. Draws are seeded by
(seed, step), so no random state needs keeping.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """What is being trained: `modules` by name and their optimiser. `facts` (plain values:
    settings, data digest) must be the same when it goes on.
    """

    modules: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    facts: Mapping[str, Any]

    def save(self, path: Path, *, step: int) -> None:
        """Write the state before `step`, whole or not at all."""
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
        """The step to go on from; 0 when nothing was saved. Raises InputError when the file is of
        another training.
        """
        if not path.is_file():
            return 0
        header, tensors = _read(path)
        # as it would come back: tuples are lists there
        same = json.loads(json.dumps(dict(self.facts)))
        if header["facts"] != same:
            raise InputError(find_differences(path, header["facts"], same))
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, f"{name}."))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, "optimiser.").items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({"state": state, "param_groups": header["groups"]})
        return int(header["step"])


def seed_step(seed: int, step: int) -> torch.Generator:
    """The draws of one step: the same whether or not the training was stopped before it, and in
    every worker.
    """
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            return header, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, KeyError) as error:
        message = f"not the state of a training: {error}"
        raise InputError(
            Problem(file=str(path), message=message, expected="delete it to train anew")
        ) from error


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }


def find_differences(
    path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[Problem]:
    """A problem for each fact in which a training that stands at `path` differs from the one that
    is wanted.
    """
    message = "the training that stands here was begun with another value; use another folder, or delete this"
    one, other = _flat(saved), _flat(wanted)
    return [
        Problem(
            file=str(path),
            column=name,
            message=message,
            expected=repr(one.get(name)),
            got=repr(other.get(name)),
        )
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]


def _flat(facts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Facts within facts by their whole name: `settings.steps`."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        flat |= (
            _flat(value, f"{above}{name}.")
            if isinstance(value, Mapping)
            else {f"{above}{name}": value}
        )
    return flat
