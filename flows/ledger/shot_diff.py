# SPDX-License-Identifier: Apache-2.0
"""Compare a shot with what stood in its place before, and name the differences.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manifests.identity import digest
from manifests.rows import Shot

INPUT_NAMES = {
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
TALKER_FIELDS = ("talker", "talker_version", "weights_digest", "talker_settings", "width", "height")
SOUND_FIELDS = ("audio_digest",)  # with as much context as the talker reads


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedTake:
    """What a take was made from when somebody reviewed it.

    `input_digests`: eight hex digits for each input that shapes its pixels.
    """

    shot_id: str
    talker: str
    seed: int
    input_digests: Mapping[str, str]


def list_differences(shot: Shot, before: Shot) -> tuple[str, ...]:
    """List what differs between two shots in words for people: `emotion`, `audio`, `length` ..."""
    names = [
        word
        for field, word in INPUT_NAMES.items()
        if getattr(shot, field) != getattr(before, field)
    ]
    if (shot.frames, shot.rate) != (before.frames, before.rate):
        names.append("length")
    return tuple(dict.fromkeys(names))


def describe_reviewed_take(shot: Shot) -> dict[str, object]:
    """Describe a shot as an approval or a circle remembers it, for the detail of its event."""
    return {
        "shot_id": shot.shot_id,
        "talker": shot.talker,
        "seed": shot.seed,
        "prints": digest_inputs(shot),
    }


def digest_inputs(shot: Shot) -> dict[str, str]:
    """Digest each input that shapes the pixels to eight hex digits."""
    fields = {name: getattr(shot, name) for name in INPUT_NAMES}
    fields |= {"frames": [shot.frames, shot.rate_num, shot.rate_den]}
    return {name: digest(value)[:8] for name, value in fields.items()}


def list_changes_since_review(
    reviewed: ReviewedTake, shot: Shot, *, but: Sequence[str] = ()
) -> tuple[str, ...]:
    """List what changed since somebody reviewed a take; empty while the review still holds.

    The talker, its version and the size do not count: they are not what was reviewed. Sound is
    compared between takes of one talker only, since talkers read different stretches of it. `but`:
    fields that may differ.
    """
    ignored = {*TALKER_FIELDS, *but, *(() if reviewed.talker == shot.talker else SOUND_FIELDS)}
    now = digest_inputs(shot)
    words = {**INPUT_NAMES, "frames": "length"}
    changed = [
        words[name]
        for name in now
        if name not in ignored and reviewed.input_digests.get(name, now[name]) != now[name]
    ]
    return tuple(dict.fromkeys(changed))
