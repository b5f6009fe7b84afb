# SPDX-License-Identifier: Apache-2.0
"""What changed between two shots, by name."""

from __future__ import annotations

import pytest

from flows.ledger.decisions import fold_decisions
from flows.ledger.shot_diff import (
    INPUT_NAMES,
    TALKER_FIELDS,
    describe_reviewed_take,
    list_changes_since_review,
    list_differences,
)
from flows.ledger.shot_state import compute_states
from pipeline.cut import shot_identity
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import ids, shot

DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


@pytest.mark.parametrize("field", [name for name in INPUT_NAMES if name not in TALKER_FIELDS])
def test_a_changed_input_withdraws_an_approval_with_its_name(field: str) -> None:
    one = shot("a")
    approved = fold_decisions([decided("approved", one, 1, **describe_reviewed_take(one))])
    changed = shot("a", **{field: 77 if field == "seed" else "other"})
    (entry,) = compute_states([changed], done=ids([changed]), decisions=approved)
    assert (entry.approved, entry.withdrawn) == (False, (INPUT_NAMES[field],))
    assert INPUT_NAMES[field] in list_differences(changed, one)
    (entry,) = compute_states([one], done=ids([one]), decisions=approved)
    assert (entry.approved, entry.withdrawn, entry.marks) == (True, (), ("approved",))


def test_a_changed_length_withdraws_an_approval_and_a_new_version_of_the_talker_does_not() -> None:
    one = shot("a")
    (place,) = fold_decisions([decided("approved", one, 1, **describe_reviewed_take(one))]).values()
    assert place.approved is not None
    assert list_changes_since_review(place.approved, shot("a", end_frame=60)) == ("length",)
    assert (
        list_changes_since_review(
            place.approved, shot("a", talker_version="2.0.0", weights_digest="v")
        )
        == ()
    )


def test_every_input_that_shapes_a_shot_has_a_word_for_its_change() -> None:
    own = {"frames", "rate"}  # both are told as the length
    assert {*shot_identity.SHAPING, "before_frames"} - own == set(INPUT_NAMES)
