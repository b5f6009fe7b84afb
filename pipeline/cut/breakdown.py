# SPDX-License-Identifier: Apache-2.0
"""Break the cues down into shots: the cut, and what each shot performs. Pure.

`cut_points` places the cuts; here each piece between two cuts gets its lines, its role, its
performance over its frames and a number for people. `shot_identity` makes rows of the result.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Actor, Cue, Line
from manifests.timebase import MASTER_HZ, round_half_up
from model.emotion import Performance, parse_curve
from pipeline.cut import pairing
from pipeline.cut.cut_points import CutPiece, CutSettings, Utterance, place_cuts
from pipeline.cut.shot_lines import CueIndex, ShotLine, locate_frames, make_shot_line

EASE_SECONDS = Fraction(2, 5)  # how long a face takes to turn to the next line's mood
# a gap between two words of a line at which a long shot may be split
PAUSE_SAMPLES = MASTER_HZ * 3 // 10
OVERLAP_SAMPLES = MASTER_HZ  # of people talking over each other make a scene of two
_SCENE_NUMBER = re.compile(r"(?P<number>\d{1,3}[A-Za-z]?)(?:\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedShot:
    """A shot of the cut, before it is known what it is made with.

    Frames lie on the timeline, half-open; those of lines and performance count from `first_drawn`.
    `handles`: frames drawn before and after the cut.
    """

    number: str
    order: int
    scene: str
    character: str
    role: str
    start_frame: int
    end_frame: int
    rate: Fraction
    lines: tuple[ShotLine, ...]
    performance: Performance
    lang: str
    layout: str = "single"
    layer: int = 0
    dissolve_frames: int = 0
    handles: tuple[int, int] = (0, 0)
    before_frames: int = 0

    @property
    def first_drawn(self) -> int:
        """The timeline frame at which the take begins."""
        return self.start_frame - self.handles[0]

    @property
    def last_drawn(self) -> int:
        """The timeline frame at which the take ends."""
        return self.end_frame + self.handles[1]

    @property
    def text(self) -> str:
        """The words of the character in the picture."""
        return " ".join(line.text for line in self.lines if line.speaks)

    @property
    def voiced(self) -> list[tuple[int, int]]:
        """Frames in which the character in the picture speaks, when others are heard too.

        Empty means all of it. Other voices must not move this mouth, so a talker's sound is
        silenced outside of these.
        """
        drawn = self.last_drawn - self.first_drawn
        spans = [(max(0, s.start_frame), min(s.end_frame, drawn)) for s in self.lines if s.speaks]
        return spans if len(spans) < len(self.lines) else []

    @property
    def line_ids(self) -> str:
        """The ids of the lines heard in the shot, joined by `|`."""
        return "|".join(line.line_id for line in self.lines)


def break_down(
    cues: Sequence[Cue],
    *,
    lines: Sequence[Line],
    actors: Sequence[Actor],
    total_samples: int,
    settings: CutSettings,
) -> list[DecidedShot]:
    """Cover the timeline with shots.

    `lines` and `cues` name characters as the cast does. Cues that are missing are left out. Raises
    InputError when no line was heard at all (there would be nobody to show), and for layouts of
    unknown scenes.
    """
    by_id = {line.line_id: line for line in lines}
    placed = sorted(
        (cue for cue in cues if 0 <= cue.start < cue.end), key=lambda cue: (cue.start, cue.end)
    )
    utterances = [_make_utterance(cue, by_id) for cue in placed]
    pieces = place_cuts(
        utterances,
        total_samples=total_samples,
        settings=settings,
        pauses=[pause for cue in placed for pause in _find_pauses(cue)],
    )
    if not pieces:
        message = "no line of the script was heard, so there is nobody to show"
        raise InputError(Problem(file="recordings", message=message))
    labels = _label_scenes([piece.scene for piece in pieces], lines)
    pieces = _arrange_pieces(pieces, utterances, labels, settings)
    moods = {actor.character: actor.default_emotion for actor in actors}
    index = CueIndex(placed)
    return [
        _decide_shot(piece, index, by_id, mood=moods.get(piece.character, "neutral 1"), place=place)
        for piece, place in zip(pieces, _place_shots(pieces, labels, settings), strict=True)
    ]


def _arrange_pieces(
    pieces: Sequence[CutPiece],
    utterances: Sequence[Utterance],
    labels: Mapping[str, str],
    settings: CutSettings,
) -> list[CutPiece]:
    layouts = _choose_layouts(labels, utterances, settings)
    return pairing.share_pictures(
        pieces,
        utterances,
        layout_of=layouts.__getitem__,
        rate=settings.rate,
        longest=settings.maximum_frames,
    )


@dataclass(frozen=True, slots=True)
class _FilmPlace:
    """The place of a shot in the film."""

    order: int
    number: str
    rate: Fraction
    dissolve: int
    handles: tuple[int, int]


def _place_shots(
    pieces: Sequence[CutPiece], labels: Mapping[str, str], settings: CutSettings
) -> list[_FilmPlace]:
    dissolves = _plan_dissolves(pieces, settings)
    handles = _plan_handles(pieces, dissolves, settings)
    return [
        _FilmPlace(order, number, settings.rate, dissolves[order], handles[order])
        for order, number in enumerate(_number_shots(pieces, labels))
    ]


def _choose_layouts(
    labels: Mapping[str, str], utterances: Sequence[Utterance], settings: CutSettings
) -> dict[str, str]:
    """Choose each scene's layout.

    Scenes are named by their numbers (`sc03`) or as the script names them.
    """
    known = {
        **{scene: scene for scene in labels},
        **{label: scene for scene, label in labels.items()},
    }
    _check_scene_names(settings, known, expected="one of " + ", ".join(labels.values()))
    own = {known[name]: layout for name, layout in settings.scene_layouts}
    usual = dict.fromkeys(labels, settings.layout)
    if settings.overlap_layout:
        usual |= {
            scene: settings.overlap_layout
            for scene in labels
            if pairing.measure_overlap(utterances, scene) >= OVERLAP_SAMPLES
        }
    return {**usual, **own}


def _check_scene_names(settings: CutSettings, known: Mapping[str, str], *, expected: str) -> None:
    problems = [
        Problem(
            file="production.toml",
            column=f"layout.scenes.{name}",
            message=f"no scene is called {name!r}",
            expected=expected,
            nearest=find_nearest(name, list(known)),
        )
        for name, _ in settings.scene_layouts
        if name not in known
    ]
    if problems:
        raise InputError(problems)


def _plan_dissolves(pieces: Sequence[CutPiece], settings: CutSettings) -> list[int]:
    """Compute how long each piece dissolves in.

    Dissolves come at changes of scene, where one picture fills the screen on both sides.
    """
    lengths = [0] * len(pieces)
    base = [(index, piece) for index, piece in enumerate(pieces) if not piece.layer]
    shared = {piece.start for piece in pieces if piece.layer}
    for (_, before), (index, piece) in itertools.pairwise(base):
        if piece.scene != before.scene and not shared & {before.start, piece.start}:
            lengths[index] = min(
                settings.scene_dissolve_frames, before.end - before.start, piece.end - piece.start
            )
    return lengths


def _plan_handles(
    pieces: Sequence[CutPiece], dissolves: Sequence[int], settings: CutSettings
) -> list[tuple[int, int]]:
    """Compute the frames to draw before and after each piece.

    They are what its dissolves need, at least those asked for, none outside the timeline.
    """
    into_frame = {
        piece.start: dissolve
        for piece, dissolve in zip(reversed(pieces), reversed(dissolves), strict=True)
    }
    handles = []
    for piece, into in zip(pieces, dissolves, strict=True):
        after = into_frame.get(piece.end, 0)
        head = max(settings.handle_frames, into // 2)
        tail = max(settings.handle_frames, after - after // 2)
        handles.append((min(head, piece.start), min(tail, pieces[-1].end - piece.end)))
    return handles


def _make_utterance(cue: Cue, lines: Mapping[str, Line]) -> Utterance:
    line = lines.get(cue.line_id)
    scene, seen = (line.scene, not line.voice_over) if line else ("1", True)
    return Utterance(start=cue.start, end=cue.end, character=cue.character, scene=scene, seen=seen)


def _find_pauses(cue: Cue) -> Iterable[tuple[int, int]]:
    words = cue.timed_words
    for (_, _, end), (_, onset, _) in itertools.pairwise(words):
        if onset - end >= PAUSE_SAMPLES:
            yield end, onset


def _decide_shot(
    piece: CutPiece, index: CueIndex, lines: Mapping[str, Line], *, mood: str, place: _FilmPlace
) -> DecidedShot:
    rate, (head, tail) = place.rate, place.handles
    drawn = replace(piece, start=piece.start - head, end=piece.end + tail)
    cues = index.find_cues(drawn, rate)
    # not what only the handles reach
    own = [cue for cue in index.find_cues(piece, rate) if cue.character == piece.character]
    spoken = tuple(make_shot_line(cue, drawn, lines, rate, speaks=cue in own) for cue in cues)
    first = next((cue.line_id for cue in [*own, *cues]), "")
    return DecidedShot(
        number=place.number,
        order=place.order,
        scene=piece.scene,
        character=piece.character,
        role="speaking" if any(line.speaks for line in spoken) else "listening",
        start_frame=piece.start,
        end_frame=piece.end,
        rate=rate,
        lines=spoken,
        performance=_join_performance(own, drawn, mood, rate),
        lang=lines[first].lang if first in lines else "en",
        layout=piece.layout,
        layer=piece.layer,
        dissolve_frames=place.dissolve,
        handles=place.handles,
        before_frames=piece.before,
    )


def _join_performance(
    own: Sequence[Cue], piece: CutPiece, mood: str, rate: Fraction
) -> Performance:
    """Join the performances of the character's lines over the frames of the shot.

    A listener without lines shows the actor's default.
    """
    curves = [
        (parse_curve(cue.performance or mood), *locate_frames(cue, piece, rate)) for cue in own
    ]
    held = [(parse_curve(mood), 0, piece.end - piece.start)]
    return Performance.from_lines(
        curves or held, ease_frames=max(1, round_half_up(EASE_SECONDS * rate))
    )


def _label_scenes(scenes: Sequence[str], lines: Sequence[Line]) -> dict[str, str]:
    """Label scenes `sc01` ...: by their own numbers when all have one, else in script order."""
    order = list(dict.fromkeys([*(line.scene for line in lines), *scenes]))
    own = [found["number"] if (found := _SCENE_NUMBER.match(scene)) else "" for scene in order]
    if not all(own) or len({number.upper().lstrip("0") for number in own}) < len(own):
        own = [str(index) for index in range(1, len(order) + 1)]
    return {scene: f"sc{_pad_number(number)}" for scene, number in zip(order, own, strict=True)}


def _number_shots(pieces: Sequence[CutPiece], labels: Mapping[str, str]) -> list[str]:
    """Count shots by tens within a scene: `sc01_sh010`.

    What is seen at the same time on another layer is `sc01_sh010b`.
    """
    count: Counter[str] = Counter()
    numbers = []
    for piece in pieces:
        count[piece.scene] += 0 if piece.layer else 10
        numbers.append(
            f"{labels[piece.scene]}_sh{count[piece.scene]:03}{'b' if piece.layer else ''}"
        )
    return numbers


def _pad_number(number: str) -> str:
    digits = re.match(r"\d+", number)
    return (
        number.upper()
        if digits is None
        else digits[0].lstrip("0").zfill(2) + number[digits.end() :].upper()
    )
