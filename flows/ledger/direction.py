# SPDX-License-Identifier: Apache-2.0
"""Apply decisions to the cut: seeds, directions, slates for skipped shots, previs until approval.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.ledger.decisions import UNDECIDED, Decision, Direction
from flows.ledger.shot_diff import list_changes_since_review
from flows.ledger.shot_matching import identify_places
from manifests.rows import Shot
from model.emotion import LABELS, MAXIMUM, EmotionCurve, EmotionError, Performance, PerformanceKey
from pipeline.cut import shot_identity
from pipeline.render import slate


def apply_decisions(
    cut: Sequence[Shot],
    *,
    decisions: Mapping[str, Decision],
    size: tuple[int, int],
    finals: Sequence[Shot] | None = None,
) -> list[Shot]:
    """Return the cut as people want it.

    `decisions`: by place; `size`: width and height of the delivered picture, for slates.
    `finals`: the same cut made with the final talker, when only approved shots may use it; then
    `cut` is its previs.
    """
    if not decisions:
        return list(cut)
    directed = []
    for number, (place, preview) in enumerate(zip(identify_places(cut), cut, strict=True)):
        decision = decisions.get(place, UNDECIDED)
        shown = apply_decision(preview, decision)
        if decision.skipped:
            directed.append(slate.make_slate_shot(shown, size=size))
        elif finals is not None and is_approved(
            decision, shown, final := apply_decision(finals[number], decision)
        ):
            directed.append(final)
        else:
            directed.append(shown)
    return directed


def apply_decision(shot: Shot, decision: Decision) -> Shot:
    """Return the shot with the seed and the performance that people want, and its own identity."""
    return apply_direction(replace_seed(shot, decision.seed), decision.direction)


def is_approved(decision: Decision, *variants: Shot) -> bool:
    """Tell whether the approved take is still what people want.

    It is compared with the variant by the same talker, if there is one.
    """
    look = decision.approved
    if look is None:
        return False
    same = next((shot for shot in variants if shot.talker == look.talker), variants[0])
    return not list_changes_since_review(look, same)


def replace_seed(shot: Shot, seed: int | None) -> Shot:
    """Return the shot with another seed and its own identity; None keeps the seed."""
    if seed is None or seed == shot.seed:
        return shot
    other = replace(shot, seed=seed)
    return replace(other, shot_id=shot_identity.identify_shot(other))


def undo_direction(shot: Shot, decision: Decision) -> Shot:
    """Return a recorded shot without the direction it was recorded with, if that was withdrawn."""
    stale = decision.direction is None and shot.performance in decision.performances
    return replace_performance(shot, decision.written) if stale and decision.written else shot


def apply_direction(shot: Shot, direction: Direction | None) -> Shot:
    """Return the shot with the directed performance and its own identity.

    Keys keep their relative position when the length of the take has changed.
    """
    if direction is None:
        return shot
    performance = Performance.from_plain(direction.curve)
    if direction.frames != shot.frames:
        keys = {
            round(key.frame * shot.frames / direction.frames): key.weights
            for key in performance.keys
        }
        performance = Performance(
            tuple(PerformanceKey(frame, weights) for frame, weights in sorted(keys.items()))
        )
    return replace_performance(shot, format_performance(performance))


def replace_performance(shot: Shot, performance: str) -> Shot:
    """Return the shot with that performance (as in `Shot.performance`) and its own identity."""
    other = replace(shot, performance=performance)
    if other.curve == shot.curve:
        return shot
    return replace(other, shot_id=shot_identity.identify_shot(other))


def format_performance(performance: Performance) -> str:
    """Format a performance as `Shot.performance` holds it."""
    return json.dumps(performance.to_plain(), separators=(",", ":"))


def build_performance(
    shot: Shot, curve: EmotionCurve | None, *, intensity: float = 1.0
) -> Performance:
    """Sample a curve over the shot's own frames, and scale all weights except neutral's.

    `curve`: None for what the shot performs now; `intensity`: the factor.

    Raises:
        EmotionError: A weight would exceed `MAXIMUM`.
    """
    length = shot.end_frame - shot.start_frame
    if curve is None:
        now = Performance.from_plain(shot.curve)
    else:
        now = Performance.from_curve(curve, start=shot.head_frames, end=shot.head_frames + length)
    return Performance(
        tuple(PerformanceKey(key.frame, _scale_weights(key.weights, intensity)) for key in now.keys)
    )


def _scale_weights(weights: Sequence[float], intensity: float) -> tuple[float, ...]:
    scaled = tuple(
        weight if label == "neutral" else round(weight * intensity, 6)
        for label, weight in zip(LABELS, weights, strict=True)
    )
    most = max(scaled)
    if most > MAXIMUM:
        raise EmotionError(
            f"intensity {most:g} of {LABELS[scaled.index(most)]!r} is above {MAXIMUM}",
            got=f"{intensity:g}",
        )
    return scaled
