# SPDX-License-Identifier: Apache-2.0
"""Sample clips for inspection while the denoiser trains: real and generated frames side by side."""

from __future__ import annotations

import torch

from model.nano.networks import NanoNetworks
from model.nano.sample import SampleRequest, sample
from model.nano.sampling import NanoPlan
from model.training.latent_dataset import LatentDataset
from model.training.training_loop import Video

CLIPS = 6
EVERY = 2
PLAN = NanoPlan()


def sample_strips(nano: NanoNetworks, dataset: LatentDataset, *, seed: int = 0) -> dict[str, Video]:
    """Sample a few clips.

    `strip`: one picture, clip after clip, the real one above the generated one; `film`: real and
    generated frames side by side, moving.
    """
    nano.eval()
    frames = nano.sizes.window
    pairs = [
        _sample_pair(nano, dataset, int(clip), frames, seed)
        for clip in torch.linspace(0, len(dataset.starts) - 1, CLIPS)
    ]
    rows = [torch.cat(list(video[::EVERY]), 1) for pair in pairs for video in pair]
    beside = [torch.cat((real, generated), 1) for real, generated in pairs]
    return {"strip": torch.cat(rows)[None], "film": torch.cat(beside, 2)}


def _sample_pair(
    nano: NanoNetworks, dataset: LatentDataset, clip: int, frames: int, seed: int
) -> tuple[Video, Video]:
    corpus, row = dataset.references.corpus, dataset.references.rows[clip]
    asked = SampleRequest(
        face=dataset.references.faces[clip],
        states=torch.from_numpy(corpus.array(row, "heard")),
        prosody=torch.from_numpy(corpus.array(row, "prosody")),
        weights=dataset.weights(torch.tensor([clip])),
        frames=frames,
    )
    real = torch.from_numpy(corpus.array(row, "faces", slice(0, frames)))
    return real, sample(nano, asked, seed=seed, plan=PLAN)
