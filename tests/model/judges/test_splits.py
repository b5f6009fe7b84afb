# SPDX-License-Identifier: Apache-2.0
"""People of a corpus from whom judges learn."""

from __future__ import annotations

import dataclasses

import pytest

from manifests.errors import InputError
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.judges.splits import split_clips


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.write_tiny_corpus(tmp_path_factory.mktemp("tiny"))


def test_a_corpus_without_people_for_judges_gives_them_some_of_its_choosing_people(
    corpus: Corpus,
) -> None:
    named = {"tiny-0": "train", "tiny-1": "test"}
    rows = [
        dataclasses.replace(clip, split=named.get(clip.identity, "val")) for clip in corpus.clips
    ]
    made = split_clips(Corpus(rows, corpus.folder))
    learnt, aside = ({clip.identity for clip in some} for some in (made.training, made.validation))
    assert learnt and aside and not learnt & aside
    assert not (learnt | aside) & set(named)


def test_a_corpus_with_nobody_for_judges_is_refused(corpus: Corpus) -> None:
    rows = [clip for clip in corpus.clips if clip.split == "train"]
    with pytest.raises(InputError, match="no generator learned from"):
        split_clips(Corpus(rows, corpus.folder))
