# SPDX-License-Identifier: Apache-2.0
"""Split the clips of a corpus for judges: some train them, others choose the best epoch.

Judges learn from identities that no generator learned from (split `judge`) and choose by split
`val`. In a corpus without identities for judges, they get `val` alone, of which every fourth
identity chooses. Nobody touches `test`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest
from model.affect.prepared_corpus import Corpus
from model.judges.trained import JudgeOrigin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

EVERY = 4  # every fourth identity validates where a split must serve both


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSplit:
    """Training and validation clips, of different identities."""

    training: Sequence[CorpusClip]
    validation: Sequence[CorpusClip]

    @property
    def data(self) -> str:
        """Identity of the clips."""
        return digest(
            [sorted(clip.clip_id for clip in side) for side in (self.training, self.validation)]
        )

    @property
    def splits(self) -> frozenset[str]:
        """The corpus' splits that they come from."""
        return frozenset(clip.split for clip in (*self.training, *self.validation))

    def describe_judge(
        self, settings: DataclassInstance, *, judge: str, version: int, score: tuple[str, float]
    ) -> JudgeOrigin:
        """Describe a judge that was trained on these clips.

        `score`: the name of the score that chose the epoch, and its value.
        """
        values: dict[str, Any] = asdict(settings)
        return JudgeOrigin(
            judge=judge,
            version=version,
            corpus=_join_names(clip.corpus for clip in self.training),
            data=self.data,
            split=_join_names(self.splits),
            identities=len({clip.identity for clip in self.training}),
            clips=len(self.training),
            seed=int(values["seed"]),
            licences=tuple(sorted({clip.licence for clip in self.training})),
            scores={score[0]: score[1]},
            chosen_by=score[0],
            settings={name: float(value) for name, value in values.items()},
        )


def split_clips(corpus: Corpus) -> ClipSplit:
    """Split a corpus for training judges. Raises InputError when it has nobody for it."""
    training, validation = corpus.split("judge"), corpus.split("val")
    people = sorted({clip.identity for clip in validation})
    if not training and len(people) > 1:
        validating = set(people[:: min(EVERY, len(people))])
        training = [clip for clip in validation if clip.identity not in validating]
        validation = [clip for clip in validation if clip.identity in validating]
    if not training or not validation:
        message = "judges need identities that no generator learned from, and there are none"
        expected = "clips of the splits judge and val, or of two identities in val"
        raise InputError(Problem(file=str(corpus.folder), message=message, expected=expected))
    return ClipSplit(training=training, validation=validation)


def _join_names(names: Iterable[str]) -> str:
    return "+".join(sorted(set(names)))
