# SPDX-License-Identifier: Apache-2.0
"""Which clips of a corpus judges learn from, and which choose when they have learnt enough.

They learn from identities that no generator learnt from (split `judge`) and choose by split `val`.
A corpus without judges' identities gives them `val` alone, of which every fourth identity chooses.
Nobody touches `test`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest
from model.affect.prepared_corpus import Corpus
from model.judges.trained import JudgeOrigin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ASIDE = 4  # every so manyth identity, where one split must do both


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSplit:
    """Clips to learn from, and clips that choose: of other identities."""

    training: Sequence[CorpusClip]
    validation: Sequence[CorpusClip]

    @property
    def data(self) -> str:
        """Identity of what is seen."""
        return digest(
            [sorted(clip.clip_id for clip in side) for side in (self.training, self.validation)]
        )

    @property
    def splits(self) -> frozenset[str]:
        """The splits that they come from."""
        return frozenset(clip.split for clip in (*self.training, *self.validation))

    def describe_judge(
        self, settings: DataclassInstance, *, judge: str, version: int, score: tuple[str, float]
    ) -> JudgeOrigin:
        """The page of a judge that was trained on these. `score`: what chose it, and how it did."""
        values: dict[str, Any] = {
            entry.name: getattr(settings, entry.name) for entry in fields(settings)
        }
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
    """Who learns and who chooses. Raises InputError when a corpus has nobody for it."""
    learnt, aside = corpus.split("judge"), corpus.split("val")
    people = sorted({clip.identity for clip in aside})
    if not learnt and len(people) > 1:
        held = set(people[:: min(ASIDE, len(people))])
        learnt = [clip for clip in aside if clip.identity not in held]
        aside = [clip for clip in aside if clip.identity in held]
    if not learnt or not aside:
        message = "judges learn from identities that no generator learnt from, and there are none"
        expected = "clips of the splits judge and val, or of two identities in val"
        raise InputError(Problem(file=str(corpus.folder), message=message, expected=expected))
    return ClipSplit(training=learnt, validation=aside)


def _join_names(names: Iterable[str]) -> str:
    return "+".join(sorted(set(names)))
