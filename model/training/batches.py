# SPDX-License-Identifier: Apache-2.0
"""Hold the clips of a split in memory as the embedder takes them, and draw batches from them.

A batch holds a few identities, each once in every emotion. So each clip meets the same emotion in
others (positives) and itself in other emotions (hard negatives). Draws come from the generator that
is passed, always for the whole batch, so that workers who take a share of it see what one worker
would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from model.affect.face_space import FaceSpace, fit_face_space
from model.affect.features import FRAMES_PER_TOKEN, extract_features
from model.affect.prepared_corpus import Corpus
from model.affect.priors import NEUTRAL
from model.emotion import LABELS

FITTED_FRAMES = 6  # of each clip; neighbouring frames add little


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbedderClips:
    """A split: features padded with zeros to the longest clip, `lengths` in tokens.

    `emotions` are indices into `LABELS`, `identities` indices into `names`. A neutral clip has
    intensity 0.
    """

    audio: Float[Tensor, "clips tokens hearing"]
    video: Float[Tensor, "clips tokens seeing"]
    lengths: Int[Tensor, " clips"]
    emotions: Int[Tensor, " clips"]
    identities: Int[Tensor, " clips"]
    intensities: Float[Tensor, " clips"]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.lengths)

    def window(
        self, clips: Tensor, starts: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Bool[Tensor, "batch tokens"]]:
        """Return `length` tokens of clips from `starts` on: audio, video, and which are real."""
        places = starts[:, None] + torch.arange(length)
        real = places < self.lengths[clips, None]
        places = places.clamp(max=self.audio.shape[1] - 1)
        return self.audio[clips[:, None], places], self.video[clips[:, None], places], real


def read_clips(corpus: Corpus, rows: Sequence[CorpusClip], space: FaceSpace) -> EmbedderClips:
    """Read clips and extract their features.

    Raises InputError when there is no clip, or a file is missing.
    """
    if not rows:
        message, expected = "this split has no clips", "train, val and test"
        raise InputError(Problem(file=str(corpus.folder), message=message, expected=expected))
    features = [extract_features(corpus.load(row), space) for row in rows]
    names = tuple(sorted({row.identity for row in rows}))
    lengths = torch.tensor([min(len(clip.audio), len(clip.video)) for clip in features])
    longest = int(lengths.max())
    return EmbedderClips(
        audio=_fill([clip.audio for clip in features], longest),
        video=_fill([clip.video for clip in features], longest),
        lengths=lengths,
        emotions=torch.tensor([LABELS.index(row.emotion) for row in rows]),
        identities=torch.tensor([names.index(row.identity) for row in rows]),
        intensities=torch.tensor(
            [0.0 if LABELS.index(row.emotion) == NEUTRAL else row.intensity for row in rows]
        ),
        names=names,
    )


def fit_space(corpus: Corpus, rows: Sequence[CorpusClip], *, axes: int) -> FaceSpace:
    """Fit landmark coordinates to some clips, from a few frames of each."""
    points = []
    for row in rows:
        every = max(row.frames // FITTED_FRAMES, 1)
        whole = np.asarray(corpus.array(row, "points"), np.float32)
        points.append(whole[: row.frames // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN : every])
    return fit_face_space(points, [row.identity for row in rows], axes=axes)


class BatchSampler:
    """Draws batches of `identities` x eight clips.

    An emotion that an identity does not perform is replaced by one that it does.
    """

    def __init__(self, clips: EmbedderClips, *, identities: int) -> None:
        """Index the clips. Raises InputError for fewer than two identities: nothing to contrast."""
        if len(clips.names) < 2:
            raise InputError(
                Problem(file="corpus", message="training needs at least two identities")
            )
        self.identities = identities
        self.clips = clips
        own = [
            [
                torch.nonzero((clips.identities == i) & (clips.emotions == e))[:, 0]
                for e in range(len(LABELS))
            ]
            for i in range(len(clips.names))
        ]
        for row in own:
            performed = torch.cat(row)
            row[:] = [places if len(places) else performed for places in row]
        self.counts = torch.tensor([[len(places) for places in row] for row in own])
        self.table = torch.zeros(*self.counts.shape, int(self.counts.max()), dtype=torch.long)
        for i, row in enumerate(own):
            for e, places in enumerate(row):
                self.table[i, e, : len(places)] = places

    def draw(self, generator: torch.Generator) -> Int[Tensor, " batch"]:
        """Draw indices of clips, identity after identity."""
        names = len(self.clips.names)
        repeats = -(-self.identities // names)
        order = torch.cat([torch.randperm(names, generator=generator) for _ in range(repeats)])[
            : self.identities
        ]
        chances = torch.rand(self.identities, len(LABELS), generator=generator)
        picks = (chances * self.counts[order]).long()
        return self.table[order].gather(2, picks[..., None])[..., 0].reshape(-1)


def _fill(rows: Sequence[np.ndarray], longest: int) -> Tensor:
    filled = np.zeros((len(rows), longest, rows[0].shape[1]), np.float32)
    for place, values in zip(filled, rows, strict=True):
        length = min(len(values), longest)
        place[:length] = values[:length]
    return torch.from_numpy(filled)
