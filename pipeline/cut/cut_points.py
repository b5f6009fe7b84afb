# SPDX-License-Identifier: Apache-2.0
"""Place the cuts: who is in the picture from which frame to which, from who speaks when. Pure.

The rules of a dialogue editor, in this order: the picture shows who has the floor; a cut falls in
the pause before a speaker, nearer to the new one, and not on the first sound; nothing is shown that
would only flash by; one who speaks on stays in the picture; silence stays with the last speaker,
who listens. Where there is no pause to cut into, picture and sound are cut apart (J- and L-cuts).
Compare Walter Murch, "In the Blink of an Eye" (2001), on cutting into the pause.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from manifests.timebase import MASTER_HZ, frames_covering, round_half_up

# an eye needs about a tenth of a second to find a new face before it speaks
FRAMES_BEFORE_ONSET = 3
LEAD = Fraction(1, 3)  # of the pause belongs to the one who is about to speak
ON_THE_HEELS = MASTER_HZ // 4  # a pause shorter than this is too short to cut into
APART = Fraction(
    1,
    40,
    # of what one says may be heard over the other's picture at either end: the speaker is seen for
    # 95 %
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSettings:
    """How to cut.

    `minimum_shot_seconds`: nothing shorter is shown. `maximum_shot_seconds`: longer shots are split
    at pauses. `long_pause_seconds`: of a longer pause only as much as of this one goes to the next
    speaker; the rest is listening. `sound_leads_frames` (a J-cut) and `picture_leads_frames` (an
    L-cut): by how much at most picture and sound are cut apart where a reply comes on the heels of
    a line. `scene_dissolve_frames`: how long a scene dissolves in, 0 for a plain cut.
    `handle_frames` are drawn before and after every shot. `layout`, for scenes in which people talk
    over each other `overlap_layout` (unless empty), and for single scenes `scene_layouts` (scene
    and layout).
    """

    rate: Fraction
    minimum_shot_seconds: float
    maximum_shot_seconds: float
    long_pause_seconds: float
    sound_leads_frames: int = 0
    picture_leads_frames: int = 0
    scene_dissolve_frames: int = 0
    handle_frames: int = 0
    layout: str = "single"
    overlap_layout: str = ""
    scene_layouts: tuple[tuple[str, str], ...] = ()

    @property
    def minimum_frames(self) -> int:
        """The least length of a shot."""
        return max(1, -int(-Fraction(self.minimum_shot_seconds) * self.rate // 1))

    @property
    def maximum_frames(self) -> int:
        """The length above which a shot is split when it has a pause."""
        return max(2 * self.minimum_frames, int(Fraction(self.maximum_shot_seconds) * self.rate))

    def frame_of(self, sample: int) -> Fraction:
        """Exact position of a sample in frames."""
        return sample * self.rate / MASTER_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Somebody speaks over samples `[start, end)`.

    `seen`: may be in the picture (not a voice-over).
    """

    start: int
    end: int
    character: str
    scene: str
    seen: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStretch:
    """`character` is in the picture over samples `[start, end)`."""

    start: int
    end: int
    character: str
    scene: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPiece:
    """Frames `[start, end)` of the timeline that show a character in a scene.

    In a shared picture it lies on a `layer` of its own. `before`: how much of an uncut stretch lies
    before it, when it was split at a pause.
    """

    start: int
    end: int
    character: str
    scene: str
    layout: str = "single"
    layer: int = 0
    before: int = 0


def place_cuts(
    utterances: Iterable[Utterance],
    *,
    total_samples: int,
    settings: CutSettings,
    pauses: Iterable[tuple[int, int]] = (),
) -> list[CutPiece]:
    """Cover the timeline from frame 0 to its last frame with pieces, without gap or overlap.

    `pauses`: further silences, inside utterances, at which a long piece may be split. Without
    speech there are no pieces.
    """
    inside = [
        replace(u, end=min(u.end, total_samples))
        for u in utterances
        if u.start < min(u.end, total_samples)
    ]
    floors = assign_floor(inside)
    stretches = _absorb_short_stretches(_assign_pictures(floors), total_samples, settings)
    pieces = _build_pieces(stretches, total_samples, settings)
    gaps = [
        (left.end, right.start)
        for left, right in itertools.pairwise(floors)
        if left.end < right.start
    ]
    splits = sorted({_find_cut_frame(end, onset, settings) for end, onset in [*gaps, *pauses]})
    return [part for piece in pieces for part in _split_piece(piece, splits, settings)]


def assign_floor(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Cut overlapping speech into what the picture follows: who began last, then the other again.

    Between two who begin together it follows the longer; one who can be seen goes before a
    voice-over.
    """
    edges = sorted({edge for u in utterances for edge in (u.start, u.end)})
    waiting = sorted(utterances, key=lambda u: u.start, reverse=True)
    active: list[Utterance] = []
    floors: list[tuple[Utterance, Utterance]] = []
    for start, end in itertools.pairwise(edges):
        while waiting and waiting[-1].start <= start:
            active.append(waiting.pop())
        active = [u for u in active if u.end > start]
        if not active:
            continue
        holder = max(active, key=lambda u: (u.seen, u.start, u.end, u.character, u.scene))
        if floors and floors[-1][0] is holder and floors[-1][1].end == start:
            floors[-1] = (holder, replace(floors[-1][1], end=end))
        else:
            floors.append((holder, replace(holder, start=start, end=end)))
    return [floor for _, floor in floors]


def _assign_pictures(floors: Sequence[Utterance]) -> list[PictureStretch]:
    """Give every floor a face.

    That is the speaker's. Under a voice-over it is the one seen before it, else after it.
    """
    stretches: list[PictureStretch] = []
    for index, floor in enumerate(floors):
        character = floor.character if floor.seen else _find_listener(floors, index)
        stretches.append(
            PictureStretch(start=floor.start, end=floor.end, character=character, scene=floor.scene)
        )
    return _join_stretches(stretches)


def _find_listener(floors: Sequence[Utterance], index: int) -> str:
    scene = floors[index].scene
    around = [*reversed(floors[:index]), *floors[index + 1 :]]
    seen = [floor for floor in around if floor.seen]
    nearest = next(
        (floor for floor in seen if floor.scene == scene), seen[0] if seen else floors[index]
    )
    return nearest.character


def _join_stretches(stretches: Iterable[PictureStretch]) -> list[PictureStretch]:
    joined: list[PictureStretch] = []
    for stretch in stretches:
        last = joined[-1] if joined else None
        if last and (last.character, last.scene) == (stretch.character, stretch.scene):
            joined[-1] = replace(last, end=stretch.end)
        else:
            joined.append(stretch)
    return joined


def _absorb_short_stretches(
    stretches: list[PictureStretch], total_samples: int, settings: CutSettings
) -> list[PictureStretch]:
    """Give the shortest stretch to its neighbour until none is under the minimum, or one is left.

    Absorbing one changes only what is near it, so nothing else is looked at again: films have
    thousands of interjections.
    """
    kept, edges = list(stretches), _find_edges(stretches, total_samples, settings)
    lengths = [end - start for start, end in itertools.pairwise(edges)]
    while len(kept) > 1 and (least := min(lengths)) < settings.minimum_frames:
        shortest = lengths.index(least)
        first, last = max(0, shortest - 2), min(len(kept), shortest + 3)
        left, right = max(0, first - 1), min(len(kept), last + 1)  # those beside, whose edges move
        near = [
            *kept[left:first],
            *_absorb_stretch(kept[first:last], shortest - first),
            *kept[last:right],
        ]
        kept[left:right] = near
        edges[left + 1 : right] = [
            _find_edit_point(before, after, settings) for before, after in itertools.pairwise(near)
        ]
        lengths[left:right] = [
            end - start for start, end in itertools.pairwise(edges[left : left + len(near) + 1])
        ]
    return kept


def _absorb_stretch(stretches: list[PictureStretch], index: int) -> list[PictureStretch]:
    """Remove the stretch at `index`; the one before holds on.

    The one after takes over when only that one is of the same scene.
    """
    scene = stretches[index].scene
    before = stretches[index - 1] if index else None
    after = stretches[index + 1] if index + 1 < len(stretches) else None
    if before and (after is None or before.scene == scene or after.scene != scene):
        kept = [
            *stretches[: index - 1],
            replace(before, end=stretches[index].end),
            *stretches[index + 1 :],
        ]
    elif after:
        kept = [
            *stretches[:index],
            replace(after, start=stretches[index].start),
            *stretches[index + 2 :],
        ]
    else:
        kept = stretches
    return _join_stretches(kept)


def _build_pieces(
    stretches: Sequence[PictureStretch], total_samples: int, settings: CutSettings
) -> list[CutPiece]:
    edges = itertools.pairwise(_find_edges(stretches, total_samples, settings))
    return [
        CutPiece(start=start, end=end, character=stretch.character, scene=stretch.scene)
        for stretch, (start, end) in zip(stretches, edges, strict=True)
    ]


def _find_edges(
    stretches: Sequence[PictureStretch], total_samples: int, settings: CutSettings
) -> list[int]:
    """Find the frames at which stretches begin, and the last one's end."""
    if not stretches:
        return [0]
    cuts = [
        _find_edit_point(left, right, settings) for left, right in itertools.pairwise(stretches)
    ]
    return [0, *cuts, frames_covering(total_samples, settings.rate)]


def _find_edit_point(left: PictureStretch, right: PictureStretch, settings: CutSettings) -> int:
    """Find the frame at which one stretch's picture follows the other's.

    It lies in the pause, or without one a little after or before the voice. The longer of two
    speeches can spare more: over a long reply the picture stays behind (J), over a long speech it
    runs ahead (L).
    """
    at = _find_cut_frame(left.end, right.start, settings)
    if left.scene != right.scene or right.start - left.end >= ON_THE_HEELS:
        return at
    late = min(settings.sound_leads_frames, _count_spare_frames(right, settings))
    early = min(settings.picture_leads_frames, _count_spare_frames(left, settings))
    if late >= early:
        return max(at, int(settings.frame_of(right.start)) + late) if late else at
    return min(at, -int(-settings.frame_of(left.end) // 1) - early)


def _count_spare_frames(stretch: PictureStretch, settings: CutSettings) -> int:
    return int(APART * settings.frame_of(stretch.end - stretch.start))


# absorbing one flash after the other asks for the same cuts again and again
@functools.lru_cache(maxsize=1 << 16)
def _find_cut_frame(end: int, onset: int, settings: CutSettings) -> int:
    """Find the frame to cut at between speech that ends at sample `end` and speech from `onset` on.

    It lies two thirds into the pause, but some frames before the onset as the pause allows; without
    a pause it is the onset's own frame.
    """
    first = -int(-settings.frame_of(end) // 1)
    last = int(settings.frame_of(onset))
    if first > last:
        return last
    long_pause = Fraction(settings.long_pause_seconds) * MASTER_HZ
    lead = min(Fraction(onset - end), long_pause) * LEAD * settings.rate / MASTER_HZ
    wanted = round_half_up(settings.frame_of(onset) - lead)
    return min(max(wanted, first), max(first, last - FRAMES_BEFORE_ONSET))


def _split_piece(piece: CutPiece, splits: Sequence[int], settings: CutSettings) -> list[CutPiece]:
    """Split a long piece at the pauses that make its parts most alike, none under the minimum."""
    parts: list[CutPiece] = []
    start, least = piece.start, settings.minimum_frames
    while piece.end - start > settings.maximum_frames:
        allowed = [frame for frame in splits if start + least <= frame <= piece.end - least]
        if not allowed:
            break
        count = -(-(piece.end - start) // settings.maximum_frames)
        wanted = start + (piece.end - start) // count
        _, at = min((abs(frame - wanted), frame) for frame in allowed)
        parts.append(replace(piece, start=start, end=at, before=start - piece.start))
        start = at
    return [*parts, replace(piece, start=start, before=start - piece.start)]
