# SPDX-License-Identifier: Apache-2.0
"""A corpus of four rendered heads for tests of judges, each speaking twice: a dark ellipse opens
over the mouth as loud as the voice is.

And judges that learnt nothing, for tests that do not hang on what they say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from manifests.corpus_rows import CorpusClip
from model import weights
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import PreparedClip, PreparedPortrait
from model.judges import corpus_crop, emotion, lipsync, trained
from model.judges.metrics import WEIGHTS
from model.judges.trained import JudgeOrigin
from model.previs.landmarks import Landmarker

HEADS = sorted((Path(__file__).parent / "heads").glob("actor_*.jpg"))[:4]
FRAMES = 16
EMOTIONS = ("happy", "contempt")


def write(folder: Path) -> list[CorpusClip]:
    """The arrays of the corpus into a folder; returns its rows."""
    rows = []
    landmarker = Landmarker(*map(weights.locate, WEIGHTS[:2]))
    (folder / "portraits").mkdir(parents=True)
    for person, path in enumerate(HEADS):
        picture = cv2.imread(str(path))
        cv2.imwrite(str(folder / "portraits" / f"{path.stem}.png"), picture)
        face = corpus_crop.crop_faces(
            [np.ascontiguousarray(picture[..., ::-1])], landmarker, name=path.name
        )[0]
        portrait = PreparedPortrait(face=face, points=np.zeros((468, 2), np.float16))
        corpora.save_arrays(portrait, folder / "prepared" / f"{path.stem}.portrait.safetensors")
        for number, label in enumerate(EMOTIONS):
            row = _row(f"{person}{number}", path.stem, label)
            corpora.save_arrays(speaking(face, person + 3 * number), folder / row.prepared)
            rows.append(row)
    return rows


def speaking(face: np.ndarray, number: int) -> PreparedClip:
    """A clip of a face, its mouth opening with its own rhythm."""
    opened = np.abs(np.sin(np.arange(FRAMES) * (0.5 + 0.13 * number) + number))
    faces = np.stack([face] * FRAMES)
    for picture, share in zip(faces, opened, strict=True):
        cv2.ellipse(picture, (32, 46), (5, round(1 + 4 * share)), 0, 0, 360, (50, 15, 15), -1)
    loud = np.repeat(opened, 640) * np.random.default_rng(number).normal(0, 5000, 640 * FRAMES)
    return PreparedClip(
        faces=faces,
        points=np.zeros((FRAMES, 468, 2), np.float16),
        speech=loud.astype(np.int16),
        heard=np.zeros((2 * FRAMES, 384), np.float16),
        prosody=np.zeros((FRAMES, 6), np.float32),
    )


def write_judges(folder: Path) -> None:
    """Both judges with weights that mean nothing."""
    torch.manual_seed(0)
    for name, net in (("emotion", emotion.EmotionJudge()), ("lipsync", lipsync.SyncNet())):
        trained.save_judge(net, _origin(name), folder)


def _row(clip_id: str, identity: str, label: str) -> CorpusClip:
    return CorpusClip(
        clip_id=clip_id,
        corpus="synthetic",
        identity=identity,
        emotion=label,
        split="test",
        frames=FRAMES,
        text_id=clip_id,
        prepared=f"prepared/{clip_id}.safetensors",
        licence="CC0-1.0",
    )


def _origin(name: str) -> JudgeOrigin:
    return JudgeOrigin(
        judge=name,
        version=1,
        corpus="synthetic",
        data="0" * 32,
        split="judge",
        identities=1,
        clips=1,
        seed=0,
        licences=("CC0-1.0",),
        scores={"right": 0.5},
        chosen_by="right",
        settings={},
    )
