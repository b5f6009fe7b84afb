# SPDX-License-Identifier: Apache-2.0
"""The four networks of the small talker together, and their checkpoint.

A checkpoint is half-precision safetensors with a config beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from manifests.errors import InputError, Problem
from model.affect import checkpoint
from model.nano.autoencoder import Autoencoder
from model.nano.conditions import EmotionEncoder, SoundEncoder
from model.nano.sizes import NanoSizes
from model.nano.unet import NanoUNet

KIND = "diffusion demonstration"
WEIGHTS = Path(__file__).with_name("weights")
"""The checkpoint that ships with the package."""


class NanoNetworks(nn.Module):
    """Autoencoder, denoiser, and the encoders of its conditions."""

    def __init__(self, sizes: NanoSizes) -> None:
        """Create fresh weights."""
        super().__init__()
        self.sizes = sizes
        self.autoencoder = Autoencoder(sizes)
        self.unet = NanoUNet(sizes)
        self.hearing = SoundEncoder(sizes)
        self.feeling = EmotionEncoder(sizes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def fresh(cls, sizes: NanoSizes, *, seed: int = 0) -> NanoNetworks:
        """Create random weights from a seed; the global generator is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(sizes)

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> NanoNetworks:
        """Load a finished checkpoint, ready to sample.

        Raises InputError when the folder is no checkpoint or does not fit.
        """
        config = read_config(folder)
        nano = cls.fresh(NanoSizes.from_plain(config["sizes"]))
        checkpoint.load_into(nano, folder)
        return nano.eval().requires_grad_(False)

    def take_over(self, other: NanoNetworks) -> None:
        """Take over the weights of another network.

        Emotion weights are only taken over when both encode emotions in the same way
        (`NanoSizes.banked`). Raises InputError when the sizes differ in anything else.
        """
        if replace(other.sizes, banked=self.sizes.banked) != self.sizes:
            message = "the networks have other sizes"
            raise InputError(
                Problem(
                    file="checkpoint",
                    message=message,
                    expected=f"{self.sizes}",
                    got=f"{other.sizes}",
                )
            )
        same = other.sizes.banked == self.sizes.banked
        own = {
            name: value
            for name, value in other.state_dict().items()
            if same or not name.startswith("feeling.")
        }
        self.load_state_dict(self.state_dict() | own)

    def save(
        self, folder: Path, facts: Mapping[str, Any], *, dtype: torch.dtype = torch.float16
    ) -> str:
        """Write a checkpoint and return its digest.

        `facts` (data, licences, settings, seed) go into its config.
        """
        config = {"kind": KIND, "sizes": self.sizes.plain(), **facts}
        return checkpoint.write(folder, self, config, dtype=dtype)


def read_config(folder: Path = WEIGHTS) -> dict[str, Any]:
    """Read the config beside a checkpoint. Raises InputError when it is of something else."""
    config = checkpoint.read_config(folder)
    if config.get("kind") != KIND:
        raise InputError(
            Problem(
                file=str(folder),
                message="these weights belong to something else",
                expected=KIND,
                got=repr(config.get("kind")),
            )
        )
    return config


def count_parameters(module: nn.Module) -> int:
    """Count the trained numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
