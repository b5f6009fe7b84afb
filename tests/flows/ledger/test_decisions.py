# SPDX-License-Identifier: Apache-2.0
"""Decisions about shots: which there are, and what holds of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows.ledger.decisions import (
    DECISION_NAMES,
    carry_decisions_over,
    fold_decisions,
    new_decision,
)
from flows.ledger.shot_state import compute_states
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import build_event, cut, shot

DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


def test_a_decision_follows_a_rewritten_line_and_comes_back_with_it() -> None:
    before, after = cut("a", "b", "c"), cut("a", "rewritten", "c")
    events = [decided("held", before[1], 1)]
    events += [
        replace(one, happened_at=build_event("", "", 2).happened_at)
        for one in carry_decisions_over(events, now=after, before=before)
    ]
    assert [
        entry.state for entry in compute_states(after, done=(), decisions=fold_decisions(events))
    ] == ["new", "held", "new"]
    events += [
        replace(one, happened_at=build_event("", "", 3).happened_at)
        for one in carry_decisions_over(events, now=before, before=after)
    ]
    assert [
        entry.state for entry in compute_states(before, done=(), decisions=fold_decisions(events))
    ] == ["new", "held", "new"]


def test_a_released_shot_is_as_it_was_and_notes_add_up() -> None:
    (one,) = cut("a")
    events = [decided("held", one, 1), decided("skipped", one, 2), decided("released", one, 3)]
    assert fold_decisions(events) == {}
    notes = [decided("note", one, at, text=f"note {at}") for at in (5, 4)]
    assert next(iter(fold_decisions(notes).values())).notes == ("note 4", "note 5")


def test_only_known_decisions_can_be_made() -> None:
    with pytest.raises(ValueError, match="is not a decision"):
        new_decision("aproved", "p", shot("a"), by="Anna")
    assert set(DETAIL) < set(DECISION_NAMES)


def test_events_of_decisions_can_be_read_by_people() -> None:
    one = new_decision("held", "p", shot("a", number="sc01_sh010"), by="Anna")
    assert json.loads(one.detail) == {"number": "sc01_sh010", "character": "MARA"}
    assert one.actor == "Anna"
