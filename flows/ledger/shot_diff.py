# SPDX-License-Identifier: Apache-2.0
"""What differs between a shot and what stood in its place before, in people's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manifests.identity import digest
from manifests.rows import Shot

CAUSES = {
    "text": "text",
    "performance": "emotion",
    "portrait_digest": "portrait",
    "face": "face",
    "audio_digest": "audio",
    "seed": "seed",
    "talker": "talker",
    "talker_version": "talker version",
    "weights_digest": "weights",
    "talker_settings": "settings",
    "width": "size",
    "height": "size",
    "role": "role",
    "lang": "language",
    "voiced": "who is heard",
    "before_frames": "where a long stretch is split",
}
DRAWN_BY = ("talker", "talker_version", "weights_digest", "talker_settings", "width", "height")
HEARD = ("audio_digest",)  # with as much context as the talker reads


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedTake:
    """What a take was made from when somebody looked at it: a short digest of each input that
    shapes its pixels.
    """

    shot_id: str
    talker: str
    seed: int
    prints: Mapping[str, str]


def list_differences(shot: Shot, before: Shot) -> tuple[str, ...]:
    """What differs between two shots, in people's words: `emotion`, `audio`, `length` ..."""
    names = [
        word for field, word in CAUSES.items() if getattr(shot, field) != getattr(before, field)
    ]
    if (shot.frames, shot.rate) != (before.frames, before.rate):
        names.append("length")
    return tuple(dict.fromkeys(names))


def describe_reviewed_take(shot: Shot) -> dict[str, object]:
    """What an approval or a circle remembers of a shot, for the detail of its event."""
    return {
        "shot_id": shot.shot_id,
        "talker": shot.talker,
        "seed": shot.seed,
        "prints": digest_inputs(shot),
    }


def digest_inputs(shot: Shot) -> dict[str, str]:
    """Eight hex digits for each input that shapes the pixels."""
    fields = {name: getattr(shot, name) for name in CAUSES}
    fields |= {"frames": [shot.frames, shot.rate_num, shot.rate_den]}
    return {name: digest(value)[:8] for name, value in fields.items()}


def list_changes_since_review(
    look: ReviewedTake, shot: Shot, *, but: Sequence[str] = ()
) -> tuple[str, ...]:
    """What people changed since somebody looked, in their words; empty when the look still holds.

    Who draws the frames, in which version and size, is not what was looked at. Sound is compared
    between takes of one talker, since talkers read different stretches of it. `but`: fields that
    may differ.
    """
    ignored = {*DRAWN_BY, *but, *(() if look.talker == shot.talker else HEARD)}
    now = digest_inputs(shot)
    words = {**CAUSES, "frames": "length"}
    changed = [
        words[name]
        for name in now
        if name not in ignored and look.prints.get(name, now[name]) != now[name]
    ]
    return tuple(dict.fromkeys(changed))
