# SPDX-License-Identifier: Apache-2.0
"""Prepare clips for diffusion training: reference faces and latents, computed once and cached.

`References` serve the autoencoder, a `LatentDataset` (latents, portraits on the latent grid) the
denoiser. Both caches are named by their inputs, so they are never stale; everything else is read as
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor

from manifests.atomic_write import atomic_write
from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest
from model.affect.prepared_corpus import FACE_PX, HEARD_PER_FRAME, Corpus
from model.emotion import LABELS
from model.nano.autoencoder import Autoencoder, to_signed
from model.nano.conditions import NEUTRAL, gather_context
from model.nano.sizes import NanoSizes
from model.previs import anatomy
from model.training.references import match_portrait

ACTING = tuple(
    sorted(
        {*anatomy.LIPS, *anatomy.EYE_POINTS, *anatomy.BROWS[0], *anatomy.BROWS[1], *anatomy.CHEEKS}
    )
)
"""Mesh points that move in expressions: lips, lids, brows, cheeks."""
VERSION = 1  # of what the caches hold
ENCODED_AT_ONCE = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class References:
    """The clips of a split with at least a window of frames, and the reference face of each."""

    corpus: Corpus
    rows: tuple[CorpusClip, ...]
    faces: UInt8[Tensor, "clips 64 64 3"]
    identity: str

    @classmethod
    def of(
        cls, corpus: Corpus, rows: Sequence[CorpusClip], *, cache: Path, least: int
    ) -> References:
        """Make or load the references. Raises InputError when no clip has `least` frames."""
        kept = tuple(row for row in rows if row.frames >= least)
        if not kept:
            message = f"no clip has {least} frames"
            raise InputError(
                Problem(file=str(corpus.folder), message=message, got=f"{len(rows)} clips")
            )
        identity = digest([VERSION, [row.clip_id for row in kept]])
        faces = _load_or_make(
            cache / f"references-{identity}.safetensors", lambda: _make_references(corpus, kept)
        )
        return cls(corpus=corpus, rows=kept, faces=faces, identity=identity)

    def frames(
        self, clips: Int[Tensor, " batch"], places: Int[Tensor, " batch"]
    ) -> tuple[Tensor, Tensor]:
        """Read single frames of clips (bytes), and their landmarks in units of the crop."""
        wanted = [
            (self.rows[int(clip)], slice(int(at), int(at) + 1))
            for clip, at in zip(clips, places, strict=True)
        ]
        faces = [self.corpus.array(row, "faces", span) for row, span in wanted]
        points = [self.corpus.array(row, "points", span) for row, span in wanted]
        return torch.from_numpy(np.concatenate(faces)), torch.from_numpy(
            np.concatenate(points)
        ).float()

    @property
    def lengths(self) -> Int[Tensor, " clips"]:
        """Frames of each clip."""
        return torch.tensor([row.frames for row in self.rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentDataset:
    """Training data of the denoiser.

    Normalised latents of all frames, clip after clip from `starts` on; each clip's portrait
    (`looks`); and how much of each place of its latents acts (`acting`, 0 to 1).
    """

    references: References
    latents: Float[Tensor, "frames latent grid grid"]
    looks: Float[Tensor, "clips look grid grid"]
    acting: Float[Tensor, "clips grid grid"]
    starts: Int[Tensor, " clips"]
    labels: Int[Tensor, " clips"]
    intensities: Float[Tensor, " clips"]

    @classmethod
    def of(
        cls, references: References, autoencoder: Autoencoder, *, cache: Path, weights: str
    ) -> LatentDataset:
        """Encode the clips or load them. `weights`: digest of the autoencoder's checkpoint."""
        name = digest([references.identity, weights])
        path = cache / f"latents-{name}.safetensors"
        latents = _load_or_make(path, lambda: encode_clips(references, autoencoder))
        with torch.no_grad():
            looks = [
                autoencoder.encode_portrait(to_signed(part)).features[2]
                for part in torch.split(references.faces, ENCODED_AT_ONCE)
            ]
        lengths = references.lengths
        labels = torch.tensor([LABELS.index(row.emotion) for row in references.rows])
        strengths = torch.tensor([row.intensity for row in references.rows])
        return cls(
            references=references,
            latents=latents,
            looks=torch.cat(looks),
            acting=_measure_acting(references, grid=looks[0].shape[-1]),
            starts=lengths.cumsum(0) - lengths,
            labels=labels,
            intensities=torch.where(labels == NEUTRAL, 0.0, strengths),
        )

    def window(
        self, clip: int, first: int, frames: int
    ) -> Float[Tensor, "frames latent grid grid"]:
        """Return the latents of a span of a clip."""
        start = int(self.starts[clip]) + first
        return self.latents[start : start + frames].float()

    def sound(self, clip: int, first: int, *, sizes: NanoSizes) -> tuple[Tensor, Tensor]:
        """Read encoder states and prosody around the frames of a window."""
        corpus, row = self.references.corpus, self.references.rows[clip]
        states = torch.from_numpy(np.asarray(corpus.array(row, "heard"), np.float32))
        prosody = torch.from_numpy(corpus.array(row, "prosody"))
        frames = range(first, first + sizes.window)
        states = gather_context(states, frames=frames, size=sizes.rows, stride=HEARD_PER_FRAME)
        return states, gather_context(prosody, frames=frames, size=sizes.prosody_frames, stride=1)

    def weights(self, clips: Int[Tensor, " batch"]) -> Float[Tensor, "batch 8"]:
        """Return the emotion weights of clips: the label's weight is the clip's intensity."""
        one_hot = torch.nn.functional.one_hot(self.labels[clips], len(LABELS)).float()
        return one_hot * self.intensities[clips, None]


@torch.no_grad()
def encode_clips(
    references: References, autoencoder: Autoencoder
) -> Float[Tensor, "frames latent grid grid"]:
    """Encode every frame to its normalised latent mean, as half-precision floats."""
    parts = []
    for row, face in zip(references.rows, references.faces, strict=True):
        faces = torch.from_numpy(references.corpus.array(row, "faces"))
        for part in torch.split(faces, ENCODED_AT_ONCE):
            beside = to_signed(face[None]).expand(len(part), -1, -1, -1)
            mean, _ = autoencoder.encode(to_signed(part), beside)
            parts.append(autoencoder.normalize(mean).half())
    return torch.cat(parts)


def emphasis(
    points: Float[Tensor, "batch 468 2"], *, chosen: Sequence[int], side: int
) -> Float[Tensor, "batch side side"]:
    """Weigh places near the `chosen` landmarks (in units of the crop), 0 to 1."""
    ticks = (torch.arange(side) + 0.5) / side
    across, down = (
        (-((ticks - points[:, list(chosen), axis, None]) * side / 3).square()).exp()
        for axis in (0, 1)
    )
    return torch.einsum("bpy,bpx->byx", down, across).clamp(max=1)


def _measure_acting(references: References, *, grid: int) -> Float[Tensor, "clips grid grid"]:
    """Weigh the places near acting landmarks in the middle of each clip."""
    rows = references.rows
    middle = [
        references.corpus.array(row, "points", slice(row.frames // 2, row.frames // 2 + 1)).astype(
            np.float32
        )
        for row in rows
    ]
    near = [
        emphasis(part, chosen=ACTING, side=FACE_PX)
        for part in torch.split(torch.from_numpy(np.concatenate(middle)), 64)
    ]
    return torch.nn.functional.adaptive_avg_pool2d(torch.cat(near)[:, None], grid)[:, 0]


def _make_references(corpus: Corpus, rows: Sequence[CorpusClip]) -> Tensor:
    portraits = {name: corpus.portrait(name) for name in {row.identity for row in rows}}
    return torch.from_numpy(
        np.stack([match_portrait(portraits[row.identity], corpus.load(row)) for row in rows])
    )


def _load_or_make(path: Path, make: Callable[[], Tensor]) -> Tensor:
    if not path.is_file():
        with atomic_write(path) as partial:  # workers may make it at the same time
            save_file({"values": make().contiguous()}, partial)
    values: Tensor = load_file(path)["values"]
    return values
