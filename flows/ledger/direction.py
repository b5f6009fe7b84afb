# SPDX-License-Identifier: Apache-2.0
"""Decisions applied to the cut: seeds, slates in place of skipped shots, and previs in place of what is not approved yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.ledger.causes import withdrawn
from flows.ledger.decisions import UNDECIDED, Decision
from flows.ledger.places import places
from manifests.rows import Shot
from pipeline import breakdown, slate


def direct(
    cut: Sequence[Shot],
    *,
    decisions: Mapping[str, Decision],
    size: tuple[int, int],
    finals: Sequence[Shot] | None = None,
) -> list[Shot]:
    """The cut as people want it. `decisions`: by place; `size`: width and height of the delivered picture, for slates.

    `finals`: the same cut made with the final talker, when only approved shots may be; then `cut` is its previs."""
    if not decisions:
        return list(cut)
    directed = []
    for number, (place, preview) in enumerate(zip(places(cut), cut, strict=True)):
        decision = decisions.get(place, UNDECIDED)
        shown = seeded(preview, decision.seed)
        if decision.skipped:
            directed.append(slate.in_place_of(shown, size=size))
        elif finals is not None and is_approved(decision, shown, seeded(finals[number], decision.seed)):
            directed.append(seeded(finals[number], decision.seed))
        else:
            directed.append(shown)
    return directed


def is_approved(decision: Decision, *variants: Shot) -> bool:
    """Whether what was looked at is still what people want, compared with the variant by the same talker where there is one."""
    look = decision.approved
    if look is None:
        return False
    same = next((shot for shot in variants if shot.talker == look.talker), variants[0])
    return not withdrawn(look, same)


def seeded(shot: Shot, seed: int | None) -> Shot:
    """The shot with another seed, under its own identity."""
    if seed is None or seed == shot.seed:
        return shot
    other = replace(shot, seed=seed)
    return replace(other, shot_id=breakdown.identity(other))
