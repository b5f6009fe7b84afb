# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of an edit list: which takes are on screen in which frames.

It uses integers only and no media. A programme is split into segments within which nothing changes
but frame numbers: one picture, two pictures that dissolve into each other, or several pictures in
their places. Segments follow each other without gap from frame 0 to the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from manifests.rows import Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One picture of a segment.

    `first`: the frame of the take at the segment's start. It may lie outside the take, whose
    nearest frame is then held. `ramp`: the length of the dissolve in which the picture comes up,
    and how many frames of it are over when the segment starts; None: opaque.
    """

    cut: Cut
    first: int
    ramp: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Frames `[start, end)` of the programme and what they show, bottom layer first."""

    start: int
    end: int
    layers: tuple[Layer, ...]

    @property
    def frames(self) -> int:
        """Its length in frames."""
        return self.end - self.start


def count_frames(cuts: Sequence[Cut]) -> int:
    """Count the frames of the programme."""
    return max((cut.end_frame for cut in cuts), default=0)


def split_segments(cuts: Sequence[Cut]) -> list[Segment]:
    """Split an edit list into segments, in order.

    Raises ValueError when the base layer has a gap or an overlap, or a dissolve is too long.
    """
    base = sorted((cut for cut in cuts if cut.layer == 0), key=lambda cut: cut.start_frame)
    _check_base(base)
    visible = {id(cut): (cut.start_frame, cut.end_frame) for cut in cuts}
    for before, after in itertools.pairwise(base):
        start, end = find_dissolve_span(after)
        visible[id(before)] = (visible[id(before)][0], max(before.end_frame, end))
        visible[id(after)] = (min(after.start_frame, start), visible[id(after)][1])
    edges = sorted(
        {edge for span in visible.values() for edge in span}
        | {find_dissolve_span(cut)[1] for cut in base[1:]}
    )
    ordered = sorted(cuts, key=lambda cut: (cut.layer, cut.start_frame))
    return [
        Segment(
            start=start,
            end=end,
            layers=tuple(
                _build_layer(cut, start) for cut in ordered if _is_within(visible[id(cut)], start)
            ),
        )
        for start, end in itertools.pairwise(edges)
    ]


def find_dissolve_span(cut: Cut) -> tuple[int, int]:
    """Return the frames in which a cut comes up over the cut before it.

    They are centred on the edit point; the span of a plain cut is empty.
    """
    start = cut.start_frame - cut.dissolve_frames // 2
    return start, start + cut.dissolve_frames


def count_held_frames(cuts: Sequence[Cut]) -> dict[str, int]:
    """Count the held frames of each take, by shot; leave out shots that hold none.

    Frames are held when a dissolve reaches past the handles of the take.
    """
    held: dict[str, int] = {}
    for segment in split_segments(cuts):
        for layer in segment.layers:
            available = layer.cut.take_frames or layer.cut.take_frame + layer.cut.frames
            outside = sum(
                1
                for frame in range(layer.first, layer.first + segment.frames)
                if not 0 <= frame < available
            )
            if outside:
                held[layer.cut.shot_id] = held.get(layer.cut.shot_id, 0) + outside
    return held


def _build_layer(cut: Cut, start: int) -> Layer:
    first, last = find_dissolve_span(cut)
    ramp = (cut.dissolve_frames, start - first) if first <= start < last else None
    return Layer(cut=cut, first=cut.take_frame + start - cut.start_frame, ramp=ramp)


def _is_within(span: tuple[int, int], frame: int) -> bool:
    return span[0] <= frame < span[1]


def _check_base(base: Sequence[Cut]) -> None:
    ends = [0, *(cut.end_frame for cut in base)]
    for end, cut in zip(ends, base, strict=False):
        if cut.start_frame != end:
            raise ValueError(
                f"shot {cut.number} starts at frame {cut.start_frame}, "
                f"but the shot before it ends at {end}"
            )
        if cut.frames <= 0:
            raise ValueError(f"shot {cut.number} is empty")
    for number, cut in enumerate(base):
        _check_dissolve(
            cut,
            base[number - 1] if number else None,
            base[number + 1] if number + 1 < len(base) else None,
        )


def _check_dissolve(cut: Cut, before: Cut | None, after: Cut | None) -> None:
    start, end = find_dissolve_span(cut)
    following = find_dissolve_span(after)[0] if after else cut.end_frame
    if cut.dissolve_frames and (
        before is None or start < find_dissolve_span(before)[1] or start < before.start_frame
    ):
        raise ValueError(f"the dissolve into {cut.number} is longer than the shot before it")
    if end > following:
        raise ValueError(f"the dissolve into {cut.number} is longer than the shot")
