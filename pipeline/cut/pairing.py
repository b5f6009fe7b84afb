# SPDX-License-Identifier: Apache-2.0
"""Pair people in shared pictures: in which shots two are seen at once, and who. Pure.

A two-hander is not cut between its two people: as long as no third takes the floor, both are seen
all through, each on a layer of their own, and always on the same side. In a picture-in-picture the
picture follows the speaker and the corner shows the listener.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from manifests.timebase import MASTER_HZ
from pipeline.cut.cut_points import CutPiece, Utterance


def share_pictures(
    pieces: Sequence[CutPiece],
    utterances: Sequence[Utterance],
    *,
    layout_of: Callable[[str], str],
    rate: Fraction,
    longest: int,
) -> list[CutPiece]:
    """Give pieces their layouts, and put the second person on layer 1 where a layout shows two.

    `layout_of` a scene; `longest`: frames above which a two-hander is not joined further. Where
    nobody else speaks in a scene, its shots stay single.
    """
    shared: list[CutPiece] = []
    seen: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        if utterance.seen:
            seen.setdefault(utterance.scene, []).append(utterance)
    for scene, own in itertools.groupby(pieces, key=lambda piece: piece.scene):
        company = _SceneCast(seen.get(scene, []), rate)
        shared += _share_scene(list(own), company, layout_of(scene), longest)
    return shared


def _share_scene(
    pieces: Sequence[CutPiece], company: _SceneCast, layout: str, longest: int
) -> list[CutPiece]:
    if layout == "two-hander":
        runs = _group_runs(pieces, longest)
        return [part for run in runs for part in _pair_side_by_side(run, company)]
    if layout == "picture-in-picture":
        return [part for piece in pieces for part in _add_corner(piece, company)]
    return [replace(piece, layout=layout) for piece in pieces]


def measure_overlap(utterances: Sequence[Utterance], scene: str) -> int:
    """Count the samples in which two or more who can be seen speak at the same time in a scene.

    >>> a = Utterance(start=0, end=10, character="A", scene="1")
    >>> b = Utterance(start=7, end=20, character="B", scene="1")
    >>> measure_overlap([a, b], "1"), measure_overlap([a, b], "2")
    (3, 0)
    """
    found, spoken_until = 0, 0
    for utterance in sorted(
        (u for u in utterances if u.scene == scene and u.seen), key=lambda u: u.start
    ):
        found += max(0, min(spoken_until, utterance.end) - utterance.start)
        spoken_until = max(spoken_until, utterance.end)
    return found


class _SceneCast:
    """The speakers of a scene, in order of their first word."""

    def __init__(self, utterances: Sequence[Utterance], rate: Fraction) -> None:
        self._utterances = utterances
        self._rate = rate
        self.order = list(
            dict.fromkeys(u.character for u in sorted(utterances, key=lambda u: u.start))
        )

    def find_other(self, piece: CutPiece) -> str | None:
        """Find who speaks nearest to a piece beside the one it shows; None when nobody does."""
        first, last = (frame * MASTER_HZ / self._rate for frame in (piece.start, piece.end))
        others = [u for u in self._utterances if u.character != piece.character]
        nearest = min(
            others, key=lambda u: (max(first - u.end, u.start - last, 0), u.start), default=None
        )
        return nearest.character if nearest else None

    def place_of(self, character: str) -> int:
        """Return a character's place from the left."""
        return self.order.index(character) if character in self.order else len(self.order)


def _group_runs(pieces: Sequence[CutPiece], longest: int) -> list[list[CutPiece]]:
    """Group neighbouring pieces in which at most two people have the floor.

    None is longer than `longest` frames unless a piece by itself is.
    """
    runs: list[list[CutPiece]] = []
    for piece in pieces:
        run = runs[-1] if runs else []
        people = {other.character for other in run} | {piece.character}
        if run and len(people) <= 2 and piece.end - run[0].start <= longest:
            run.append(piece)
        else:
            runs.append([piece])
    return runs


def _pair_side_by_side(run: Sequence[CutPiece], company: _SceneCast) -> list[CutPiece]:
    people = list(dict.fromkeys(piece.character for piece in run))
    whole = replace(run[0], end=run[-1].end)
    other = people[1] if len(people) > 1 else company.find_other(whole)
    if other is None:
        return list(run)
    both = sorted((people[0], other), key=company.place_of)
    return [
        replace(whole, character=name, layout="two-hander", layer=layer)
        for layer, name in enumerate(both)
    ]


def _add_corner(piece: CutPiece, company: _SceneCast) -> list[CutPiece]:
    other = company.find_other(piece)
    if other is None:
        return [piece]
    shown = replace(piece, layout="picture-in-picture")
    return [shown, replace(shown, character=other, layer=1)]
