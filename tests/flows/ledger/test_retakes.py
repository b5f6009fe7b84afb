# SPDX-License-Identifier: Apache-2.0
"""Retakes are drafted from states alone: events for the caller to commit, by the named person."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from flows.ledger.decisions import fold_decisions
from flows.ledger.retakes import AS_WRITTEN, RetakeRequest, retake
from flows.ledger.shot_decisions import DecisionDraft
from flows.ledger.shot_state import ShotState, compute_states
from manifests.errors import InputError
from manifests.rows import Shot
from pipeline.script.emotion_synonyms import load_words
from tests.flows.some_shots import cut, ids

WORDS = load_words()


def states_of(shots: Sequence[Shot], draft: DecisionDraft | None = None) -> list[ShotState]:
    """The states of shots that are done, after a decision."""
    decisions = fold_decisions(draft.events) if draft else {}
    return compute_states(shots, done=ids(shots), decisions=decisions)


def test_a_retake_is_one_event_a_kind_and_a_shot_by_who_asked_for_it() -> None:
    states = states_of(cut("a", "b"))
    draft = retake(states, RetakeRequest(new_seed=True, emotion="angry", words=WORDS), by="Anna")
    assert [event.name for event in draft.events] == [
        *("retry", "retry", "directed", "directed", "seed", "seed")
    ]
    assert {event.actor for event in draft.events} == {"Anna"}
    assert [shot.decision for shot in draft.shots] == [
        *["will perform angry 1"] * 2,
        *["will be retried with seed 2"] * 2,
    ]


def test_a_direction_is_withdrawn_by_the_written_emotion() -> None:
    shots = cut("a")
    draft = retake(states_of(shots), RetakeRequest(emotion="sad 0.5", words=WORDS), by="Anna")
    (entry,) = states_of(shots, draft)
    back = retake([entry], RetakeRequest(emotion=AS_WRITTEN), by="Ben")
    assert json.loads(back.events[-1].detail)["performance"] == ""
    assert [shot.decision for shot in back.shots] == ["will perform as written"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (RetakeRequest(), "the same seed gives the same frames"),
        (RetakeRequest(seed=1), "the same seed gives the same frames"),
        (RetakeRequest(emotion="neutral", words=WORDS), "already performs neutral 1"),
        (RetakeRequest(emotion=AS_WRITTEN), "already performs as written"),
        (RetakeRequest(emotion="angri", words=WORDS), "unknown emotion 'angri'"),
    ],
    ids=["done", "its own seed", "its own emotion", "as it is written", "no emotion"],
)
def test_a_retake_that_would_change_nothing_is_refused(request_: RetakeRequest, says: str) -> None:
    with pytest.raises(InputError, match=says):
        retake(states_of(cut("a")), request_, by="Anna")
