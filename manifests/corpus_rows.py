# SPDX-License-Identifier: Apache-2.0
"""The row types of a training corpus: its clips, and how talkers are judged on them."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusClip(Row):
    """One clip of a training corpus: who performs what.

    `clip_id` is the digest of what the clip was made or read from. `corpus`: `synthetic`, `units`
    (faces moved by the units of a 3D model, for testing only), `mead`, `hdtf`, `crema-d`. `emotion`
    is one of `model.emotion.LABELS`; `level` 1 to 3, 0 where a corpus has none; `intensity` is what
    that level stands for. `split` (`train`, `judge`, `val`, `test`) follows the identity. `frames`
    are 25 a second. Paths are relative to the corpus' folder; `audio` and `video` are "" where they
    were not kept. `source` is the file that a clip was read from, or what made it.
    """

    clip_id: str
    corpus: str
    identity: str
    emotion: str
    split: str
    frames: int
    prepared: str
    level: int = 0
    intensity: float = 1.0
    voice: str = ""
    text: str = ""
    text_id: str = ""
    audio: str = ""
    video: str = ""
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Row):
    """The value of one measure for one clip.

    `subject` is who made the pictures: `real` (the corpus' own clip), a talker, or a folder of
    clips. Clip, identity, emotion and level are those of the `CorpusClip` whose portrait and sound
    the clip was made from. `value` is null where nothing could be measured.
    docs/how-it-works/judges.md explains the measures.
    """

    run_id: str
    subject: str
    clip_id: str
    corpus: str
    identity: str
    emotion: str
    measure: str
    value: float | None
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(Row):
    """The value of one measure over all clips of a subject.

    `low` and `high` are the ends of its 95 % interval (null where there is none); `clips` and
    `identities` how many it was measured on. `reference` is the value to compare it with, and
    `compared` says what that is: chance, wrong sound, the same clips of the corpus.
    """

    run_id: str
    subject: str
    corpus: str
    measure: str
    value: float
    low: float | None
    high: float | None
    clips: int
    identities: int
    reference: float | None = None
    compared: str = ""
