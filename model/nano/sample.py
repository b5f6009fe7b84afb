# SPDX-License-Identifier: Apache-2.0
"""Sample frames of 64 px from arrays, for judges and training.

The talker adds sound, faces in pictures and any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from manifests.corpus_rows import CorpusClip
from model.affect.prepared_corpus import Corpus
from model.emotion import LABELS
from model.nano.autoencoder import PortraitFeatures, to_levels, to_signed
from model.nano.conditions import gather_context
from model.nano.networks import NanoNetworks
from model.nano.sampling import ConditionSource, NanoPlan, SamplingRun, stream_latents

DEFAULT = NanoPlan()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleRequest:
    """A clip to sample.

    `face`: the portrait's crop. `states`: encoder states, two a frame; `prosody`: one row a frame;
    both may be longer or shorter than the clip (ends repeat). `weights`: of the eight emotions at
    each frame, or one row for all.
    """

    face: UInt8[Tensor, "side side 3"]
    states: Float[Tensor, "states heard"]
    prosody: Float[Tensor, "rows prosody"]
    weights: Float[Tensor, "rows 8"]
    frames: int


@torch.no_grad()
def sample(
    networks: NanoNetworks, request: SampleRequest, *, seed: int, plan: NanoPlan = DEFAULT
) -> UInt8[Tensor, "frames side side 3"]:
    """Sample exactly `request.frames` frames; one seed gives the same frames on one machine."""
    look = networks.autoencoder.encode_portrait(to_signed(request.face[None]))
    run = SamplingRun(plan=plan, generator=torch.Generator().manual_seed(seed))
    pieces = stream_latents(
        networks,
        look.features[2][0],
        condition_frames(networks, request),
        frames=request.frames,
        run=run,
    )
    return torch.cat([decode_frames(networks, piece, look) for piece in pieces])


@torch.no_grad()
def decode_frames(
    networks: NanoNetworks,
    latents: Float[Tensor, "frames latent grid grid"],
    look: PortraitFeatures,
) -> UInt8[Tensor, "frames side side 3"]:
    """Decode normalised latents of one portrait to frames."""
    rows = torch.zeros(len(latents), dtype=torch.long)
    return to_levels(
        networks.autoencoder.decode(networks.autoencoder.denormalize(latents), look.of(rows))
    )


def request_clip(corpus: Corpus, clip: CorpusClip, *, frames: int) -> SampleRequest:
    """Request a clip of a corpus anew: portrait, sound, and its emotion at its intensity."""
    weights = torch.zeros(1, len(LABELS))
    weights[0, LABELS.index(clip.emotion)] = clip.intensity
    return SampleRequest(
        face=torch.from_numpy(corpus.portrait(clip.identity).face),
        states=torch.from_numpy(corpus.array(clip, "heard")),
        prosody=torch.from_numpy(corpus.array(clip, "prosody")),
        weights=weights,
        frames=frames,
    )


def condition_frames(networks: NanoNetworks, request: SampleRequest) -> ConditionSource:
    """Return the conditions of a clip whose sound is there as a whole."""
    sizes = networks.sizes

    @torch.no_grad()
    def condition(frames: range) -> tuple[Tensor, Tensor]:
        states = gather_context(request.states.float(), frames=frames, size=sizes.rows, stride=2)
        prosody = gather_context(
            request.prosody.float(), frames=frames, size=sizes.prosody_frames, stride=1
        )
        weights = request.weights[
            torch.arange(frames.start, frames.stop).clamp(max=len(request.weights) - 1)
        ]
        sound = networks.hearing(states[None], prosody[None])[0]
        emotion = networks.feeling(weights[None])[0]
        return sound, emotion

    return condition
