# SPDX-License-Identifier: Apache-2.0
"""What marks a version as no final one."""

from __future__ import annotations

from flows.ledger.marks import check_marks
from manifests.rows import Cut


def test_slates_and_several_talkers_mark_a_version() -> None:
    def event(number: str, label: str) -> Cut:
        return Cut(
            version="",
            order=0,
            shot_id=number,
            grade_id="",
            start_frame=0,
            end_frame=1,
            take_path="",
            cube_path="",
            number=number,
            label=label,
        )

    assert check_marks([event("1", "previs"), event("2", "previs")], version="v1") == []
    slates, talkers = check_marks(
        [event("1", "previs"), event("2", "slate"), event("3", "DICE-Talk")], version="v1"
    )
    assert (slates.name, slates.value, slates.verdict) == ("slates", "1 of 3 shots", "warn")
    assert "2" in slates.advice
    assert (talkers.name, talkers.value) == ("talkers", "1 DICE-Talk, 1 previs")
