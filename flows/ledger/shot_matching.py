# SPDX-License-Identifier: Apache-2.0
"""What people mean by "the same shot" when the script is edited. Pure.

A shot's number moves when shots are inserted and its identity changes with every input; its place
is who is seen in which lines. Decisions are about places. A place whose lines were rewritten is
found again between the neighbours that it had.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from manifests.identity import digest_bytes
from manifests.rows import Shot

MANY = 12  # so many rewritten neighbours of one character are paired in order, not by likeness


def identify_places(shots: Sequence[Shot]) -> list[str]:
    """The place of each shot of a cut in film order: a digest of episode, character, lines, and
    which of several with the same.

    A shot without lines (somebody listens) belongs to the line before it.
    """
    count: Counter[tuple[str, ...]] = Counter()
    found, last = [], ""
    for shot in shots:
        last = shot.line_ids.rpartition("|")[2] or last
        lines = shot.line_ids or f"after {last}"
        key = (shot.episode, shot.character, lines)
        found.append(digest_bytes("\x1f".join((*key, str(count[key]))).encode()))
        count[key] += 1
    return found


def match_previous_shots(
    now: Sequence[Shot], before: Sequence[Shot]
) -> dict[str, tuple[str, Shot]]:
    """For each place of the cut that stood in the cut before: its place and its shot there.
    Rewritten lines make another place, which follows the one that is gone from between the same
    neighbours and shows the same character.
    """
    here, there = identify_places(now), identify_places(before)
    former = dict(zip(there, before, strict=True))
    found = {place: (place, former[place]) for place in here if place in former}
    known = set(here) & set(there)
    gone = _between(zip(there, before, strict=True), known)
    for key, fresh in _between(zip(here, now, strict=True), known).items():
        found |= _paired(fresh, gone.get(key, []))
    return found


Placed = tuple[str, Shot]


def _between(cut: Iterable[Placed], known: set[str]) -> dict[tuple[str, str], list[Placed]]:
    """The shots whose places are not known, by the last known place before them and their
    character.
    """
    groups: dict[tuple[str, str], list[Placed]] = {}
    anchor = ""
    for place, shot in cut:
        if place in known:
            anchor = place
        else:
            groups.setdefault((anchor, shot.character), []).append((place, shot))
    return groups


def _paired(fresh: Sequence[Placed], gone: Sequence[Placed]) -> dict[str, Placed]:
    """In order when there are as many of both, else by likeness of their text, the likest first."""
    if len(fresh) == len(gone) or max(len(fresh), len(gone)) > MANY:
        return {place: old for (place, _), old in zip(fresh, gone, strict=False)}
    likeness = sorted(
        (
            (-difflib.SequenceMatcher(None, shot.text, old.text).ratio(), i, j)
            for i, (_, shot) in enumerate(fresh)
            for j, (_, old) in enumerate(gone)
        )
    )
    pairs: dict[int, int] = {}
    for _, i, j in likeness:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return {fresh[i][0]: gone[j] for i, j in pairs.items()}
