# SPDX-License-Identifier: Apache-2.0
"""The prepared corpus: what was written is read, splits hold identities apart, and its digest is
that of its clips."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from model.affect.prepared_corpus import (
    HEARD_PER_FRAME,
    SAMPLES_PER_FRAME,
    SPLITS,
    Corpus,
    write_tiny_corpus,
)
from model.emotion import LABELS


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def test_all_arrays_of_a_clip_run_on_one_clock(corpus: Corpus) -> None:
    for clip in corpus.clips:
        made = corpus.load(clip)
        assert len(made.points) == len(made.prosody) == made.frames == clip.frames
        assert len(made.heard) == HEARD_PER_FRAME * made.frames
        assert len(made.speech) == SAMPLES_PER_FRAME * made.frames


def test_a_stretch_is_what_the_whole_has_there(corpus: Corpus) -> None:
    clip = corpus.clips[0]
    points = corpus.load(clip).points
    for stretch in (slice(3, 9), slice(-4, None), slice(None, None, 2), slice(5, 5)):
        assert np.array_equal(corpus.array(clip, "points", stretch), points[stretch])


def test_nobody_performs_in_two_splits(corpus: Corpus) -> None:
    people = [set(corpus.identities(name)) for name in SPLITS]
    assert all(people)
    assert len(set.union(*people)) == sum(len(some) for some in people)


def test_every_split_has_every_emotion(corpus: Corpus) -> None:
    for name in SPLITS:
        assert {clip.emotion for clip in corpus.split(name)} == set(LABELS)


def test_the_digest_follows_the_clips_and_not_their_order(corpus: Corpus) -> None:
    assert Corpus(corpus.clips[::-1], corpus.folder).digest == corpus.digest
    assert Corpus(corpus.clips[1:], corpus.folder).digest != corpus.digest


def test_faces_of_the_model_units_are_asked_for_by_name(corpus: Corpus) -> None:
    rows = [
        *corpus.clips,
        dataclasses.replace(corpus.split("test")[0], clip_id="units", corpus="units"),
    ]
    mixed = Corpus(rows, corpus.folder)
    assert mixed.digest == corpus.digest
    assert mixed.split("test") == corpus.split("test")
    assert [clip.clip_id for clip in mixed.split("test", corpus="units")] == ["units"]


def test_the_same_seed_writes_the_same_corpus(corpus: Corpus, tmp_path: Path) -> None:
    again = write_tiny_corpus(tmp_path)
    assert again.digest == corpus.digest
    assert np.array_equal(again.load(again.clips[5]).heard, corpus.load(corpus.clips[5]).heard)


def test_a_missing_clip_is_named(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=corpus.clips[0].clip_id):
        Corpus(corpus.clips, tmp_path).load(corpus.clips[0])
