# SPDX-License-Identifier: Apache-2.0
"""Shots are approved, and their takes circled."""

from __future__ import annotations

import pytest

from flows.ledger.decisions import fold_decisions
from flows.ledger.shot_decisions import approve, circle_takes
from flows.ledger.shot_state import compute_states
from manifests.errors import InputError
from tests.flows.some_shots import cut


def test_a_take_that_is_not_in_use_can_be_approved_and_circled() -> None:
    shots = cut("a")
    (entry,) = compute_states(shots, done=())
    with pytest.raises(InputError, match="has no take yet; render it first"):
        approve([entry], by="Anna")
    (other,) = cut("a", seed=7)
    draft = approve([entry], by="Anna", reviewed={entry.place: other})
    draft += circle_takes([entry], {entry.place: other}, by="Anna")
    assert [event.name for event in draft.events] == ["approved", "circled"]
    decision = fold_decisions(draft.events)[entry.place]
    assert decision.seed == 7
    assert decision.approved is not None
    assert decision.approved.shot_id == other.shot_id
