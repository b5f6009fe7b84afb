# SPDX-License-Identifier: Apache-2.0
"""Match the shots of an edited script with those of the cut before, by their places.

Pure. A shot's number moves when shots are inserted, and its identity changes with every input. Its
place is who is seen in which lines. Decisions are about places. A place whose lines were rewritten
is found again between the neighbours that it had.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from manifests.identity import digest_bytes
from manifests.rows import Shot

MANY = 12  # this many rewritten neighbours of one character are paired in order, not by likeness


def identify_places(shots: Sequence[Shot]) -> list[str]:
    """Identify the place of each shot of a cut, in film order.

    A place is a digest of the episode, the character, the lines, and a count of shots that share
    these. A shot without lines (somebody listens) belongs to the line before it.
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
    """Match each place of the cut with its place and its shot in the cut before, if it had one.

    Rewritten lines make another place. It follows the place that disappeared from between the same
    neighbours and shows the same character.
    """
    here, there = identify_places(now), identify_places(before)
    former = dict(zip(there, before, strict=True))
    found = {place: (place, former[place]) for place in here if place in former}
    known = set(here) & set(there)
    gone = _group_by_neighbour(zip(there, before, strict=True), known)
    for key, fresh in _group_by_neighbour(zip(here, now, strict=True), known).items():
        found |= _pair_rewritten(fresh, gone.get(key, []))
    return found


Placed = tuple[str, Shot]


def _group_by_neighbour(
    cut: Iterable[Placed], known: set[str]
) -> dict[tuple[str, str], list[Placed]]:
    """Group the shots of unknown places by the last known place before them and by character."""
    groups: dict[tuple[str, str], list[Placed]] = {}
    anchor = ""
    for place, shot in cut:
        if place in known:
            anchor = place
        else:
            groups.setdefault((anchor, shot.character), []).append((place, shot))
    return groups


def _pair_rewritten(fresh: Sequence[Placed], gone: Sequence[Placed]) -> dict[str, Placed]:
    """Pair new places with old ones: in order when the counts agree, else by likeness of text."""
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
