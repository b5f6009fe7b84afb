# SPDX-License-Identifier: Apache-2.0
"""Break the cues down into shots: the cut, what each shot performs, and its identity. Pure.

`cutting` says where the cuts fall; here each piece between two cuts gets its lines, its role, its
performance over its frames and a number for people. A shot's identity is a digest of everything
that shapes its pixels and of nothing else (`identity`).
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import digest
from manifests.rows import Actor, Cue, Line, Shot
from manifests.timebase import MASTER_HZ, round_half_up, sample_of_frame
from model.emotion import Performance, parse_curve
from model.talker import MATTE
from pipeline.cut import pairing
from pipeline.cut.cut_points import CutPiece, CutSettings, Utterance
from pipeline.cut.cut_points import place_cuts as cut_frames

IDENTITY_VERSION = 1
SHAPING = (
    "role",
    "text",
    "lang",
    "performance",
    "frames",
    "rate",
    "portrait_digest",
    "face",
    "audio_digest",
    "seed",
    "width",
    "height",
    "talker",
    "talker_version",
    "weights_digest",
    "talker_settings",
    "voiced",
)
EASE_SECONDS = Fraction(2, 5)  # how long a face takes to turn to the next line's mood
# a gap between two words of a line at which a long shot may be split
PAUSE_SAMPLES = MASTER_HZ * 3 // 10
OVERLAP_SAMPLES = MASTER_HZ  # of people talking over each other make a scene of two
_SCENE_NUMBER = re.compile(r"(?P<number>\d{1,3}[A-Za-z]?)(?:\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLine:
    """A line that is heard in a shot. Frames count from the first that is drawn and may lie outside
    the shot when a cut crosses the line.

    `text` is what of it lies in the shot. `speaks`: by the one in the picture and not as
    voice-over, so that the mouth moves.
    """

    line_id: str
    character: str
    text: str
    start_frame: int
    end_frame: int
    speaks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedShot:
    """A shot of the cut before it is known what it is made with. Frames lie on the timeline,
    half-open; those of lines and performance count from `first_drawn`. `handles`: frames drawn
    before and after the cut.
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
        """What the one in the picture says."""
        return " ".join(line.text for line in self.lines if line.speaks)

    @property
    def voiced(self) -> list[tuple[int, int]]:
        """Frames in which the one in the picture speaks, when others are heard in the shot too;
        empty means all of it.

        Other voices must not move this mouth, so a talker's sound is silenced outside of these.
        """
        drawn = self.last_drawn - self.first_drawn
        spans = [(max(0, s.start_frame), min(s.end_frame, drawn)) for s in self.lines if s.speaks]
        return spans if len(spans) < len(self.lines) else []

    @property
    def line_ids(self) -> str:
        """All lines heard in the shot, joined by `|`."""
        return "|".join(line.line_id for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRecipe:
    """What shots are made with. `talker_settings`: canonical JSON. `size`: of a character's
    generated frames. `matte`: takes are written with the talker's matte.
    """

    talker: str
    talker_version: str
    weights_digest: str
    talker_settings: str
    size: Callable[[Actor], tuple[int, int]]
    episode: str = ""
    matte: bool = False

    @property
    def identity_settings(self) -> str:
        """The talker's settings with the wish for a matte: a take without one is another take."""
        if not self.matte:
            return self.talker_settings
        return json.dumps({**json.loads(self.talker_settings), MATTE: True}, sort_keys=True)


def break_down(
    cues: Sequence[Cue],
    *,
    lines: Sequence[Line],
    actors: Sequence[Actor],
    total_samples: int,
    settings: CutSettings,
) -> list[DecidedShot]:
    """Cover the timeline with shots. `lines` and `cues` name characters as the cast does
    (`cast.named`).

    Cues that are missing are left out. Raises InputError when no line was heard at all (there would
    be nobody to show), and for layouts of scenes that there are not.
    """
    by_id = {line.line_id: line for line in lines}
    heard = sorted(
        (cue for cue in cues if 0 <= cue.start < cue.end), key=lambda cue: (cue.start, cue.end)
    )
    utterances = [_make_utterance(cue, by_id) for cue in heard]
    pieces = cut_frames(
        utterances,
        total_samples=total_samples,
        settings=settings,
        pauses=[pause for cue in heard for pause in _find_pauses(cue)],
    )
    if not pieces:
        raise InputError(
            Problem(
                file="recordings",
                message="no line of the script was heard, so there is nobody to show",
            )
        )
    labels = _label_scenes([piece.scene for piece in pieces], lines)
    layouts = _choose_layouts(labels, utterances, settings)
    pieces = pairing.share_pictures(
        pieces,
        utterances,
        layout_of=layouts.__getitem__,
        rate=settings.rate,
        longest=settings.maximum_frames,
    )
    moods = {actor.character: actor.default_emotion for actor in actors}
    numbers, dissolves = _number_shots(pieces, labels), _plan_dissolves(pieces, settings)
    handles, found = _plan_handles(pieces, dissolves, settings), _CueIndex(heard)
    return [
        _decide_shot(
            piece,
            found,
            by_id,
            mood=moods.get(piece.character, "neutral 1"),
            place=_FilmPlace(
                order, numbers[order], settings.rate, dissolves[order], handles[order]
            ),
        )
        for order, piece in enumerate(pieces)
    ]


def build_shots(
    decided: Sequence[DecidedShot],
    *,
    actors: Sequence[Actor],
    making: ShotRecipe,
    audio_digest_of: Callable[[DecidedShot], str],
) -> list[Shot]:
    """The rows of the cut, each under its identity. `actors` carry their portrait digests.

    `audio_digest_of`: identity of the canonical sound that the talker reads for a shot, context
    included.
    """
    by_name = {actor.character: actor for actor in actors}
    return [
        _build_row(shot, by_name[shot.character], making, audio_digest_of(shot)) for shot in decided
    ]


def identify_shot(shot: Shot) -> str:
    """The digest of everything in a row that shapes the shot's pixels: the fields `SHAPING`.

    Where it stands in the film, what it is called, its look, scene and paths are not in it.
    """
    fields = {name: getattr(shot, name) for name in SHAPING}
    if shot.before_frames:  # only then: shots that were never split keep their identities
        fields["before_frames"] = shot.before_frames
    return digest({"version": IDENTITY_VERSION, **fields})


@dataclass(frozen=True, slots=True)
class _FilmPlace:
    """Where a shot stands in the film."""

    order: int
    number: str
    rate: Fraction
    dissolve: int
    handles: tuple[int, int]


def _choose_layouts(
    labels: Mapping[str, str], utterances: Sequence[Utterance], settings: CutSettings
) -> dict[str, str]:
    """Each scene's layout. Scenes are named by their numbers (`sc03`) or as the script names
    them.
    """
    known = {
        **{scene: scene for scene in labels},
        **{label: scene for scene, label in labels.items()},
    }
    unknown = [name for name, _ in settings.scene_layouts if name not in known]
    if unknown:
        expected = "one of " + ", ".join(labels.values())
        raise InputError(
            [
                Problem(
                    file="production.toml",
                    column=f"layout.scenes.{name}",
                    message=f"no scene is called {name!r}",
                    expected=expected,
                    nearest=find_nearest(name, list(known)),
                )
                for name in unknown
            ]
        )
    own = {known[name]: layout for name, layout in settings.scene_layouts}
    usual = dict.fromkeys(labels, settings.layout)
    if settings.overlap_layout:
        usual |= {
            scene: settings.overlap_layout
            for scene in labels
            if pairing.measure_overlap(utterances, scene) >= OVERLAP_SAMPLES
        }
    return {**usual, **own}


def _plan_dissolves(pieces: Sequence[CutPiece], settings: CutSettings) -> list[int]:
    """How long each piece comes up over the one before it: at changes of scene, where one picture
    fills the screen on both sides.
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
    """Frames to draw before and after each piece: what its dissolves need, at least those asked
    for, none outside the timeline.
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


class _CueIndex:
    """Cues in order of their starts, found by time without looking at all of them."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._cues = cues
        self._starts = [cue.start for cue in cues]
        self._latest_ends = list(itertools.accumulate((cue.end for cue in cues), max))

    def find_cues(self, piece: CutPiece, rate: Fraction) -> list[Cue]:
        """The cues that count as heard in a piece."""
        span = sample_of_frame(piece.start, rate), sample_of_frame(piece.end, rate)
        first, last = (
            bisect.bisect_right(self._latest_ends, span[0]),
            bisect.bisect_left(self._starts, span[1]),
        )
        return [
            cue for cue in self._cues[first:last] if span[0] < cue.end and _is_in(cue, span, rate)
        ]


def _decide_shot(
    piece: CutPiece, heard: _CueIndex, lines: Mapping[str, Line], *, mood: str, place: _FilmPlace
) -> DecidedShot:
    rate, (head, tail) = place.rate, place.handles
    drawn = replace(piece, start=piece.start - head, end=piece.end + tail)
    cues = heard.find_cues(drawn, rate)
    own = [
        cue for cue in heard.find_cues(piece, rate) if cue.character == piece.character
    ]  # not what only the handles reach
    spoken = tuple(_make_shot_line(cue, drawn, lines, rate, speaks=cue in own) for cue in cues)
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


def _is_in(cue: Cue, span: tuple[int, int], rate: Fraction) -> bool:
    """Whether more than a frame of the cue, or its middle, lies in the span."""
    start, end = span
    shared = min(cue.end, end) - max(cue.start, start)
    return shared * rate > MASTER_HZ or start <= (cue.start + cue.end) // 2 < end


def _make_shot_line(
    cue: Cue, piece: CutPiece, lines: Mapping[str, Line], rate: Fraction, *, speaks: bool
) -> ShotLine:
    start, end = _locate_frames(cue, piece, rate)
    unseen = cue.line_id in lines and lines[cue.line_id].voice_over
    return ShotLine(
        line_id=cue.line_id,
        character=cue.character,
        text=_select_text(cue, piece, rate),
        start_frame=start,
        end_frame=end,
        speaks=speaks and not unseen,
    )


def _locate_frames(cue: Cue, piece: CutPiece, rate: Fraction) -> tuple[int, int]:
    """A cue's first and last frame, counted from the first frame of the piece."""
    start, end = (
        round_half_up(cue.start * rate / MASTER_HZ),
        round_half_up(cue.end * rate / MASTER_HZ),
    )
    return start - piece.start, end - piece.start


def _select_text(cue: Cue, piece: CutPiece, rate: Fraction) -> str:
    """The part of a line's text that is spoken in the piece: by its words' times where they are
    known, else by proportion.
    """
    start, end = (
        _measure_share_before(cue, sample_of_frame(frame, rate))
        for frame in (piece.start, piece.end)
    )
    if start == 0 and end == 1:
        return cue.text
    spaced = " " in cue.text.strip()
    units = cue.text.split() if spaced else list(cue.text)
    part = units[round_half_up(start * len(units)) : round_half_up(end * len(units))]
    return (" " if spaced else "").join(part)


def _measure_share_before(cue: Cue, sample: int) -> Fraction:
    """How much of a cue, from 0 to 1, is spoken before a sample."""
    if sample <= cue.start:
        return Fraction(0)
    if sample >= cue.end:
        return Fraction(1)
    words = cue.timed_words
    if not words:
        return Fraction(sample - cue.start, cue.end - cue.start)
    return Fraction(sum((start + end) // 2 < sample for _, start, end in words), len(words))


def _join_performance(
    own: Sequence[Cue], piece: CutPiece, mood: str, rate: Fraction
) -> Performance:
    """The character's lines over the frames of the shot; a listener without lines shows the actor's
    default.
    """
    curves = [
        (parse_curve(cue.performance or mood), *_locate_frames(cue, piece, rate)) for cue in own
    ]
    held = [(parse_curve(mood), 0, piece.end - piece.start)]
    return Performance.from_lines(
        curves or held, ease_frames=max(1, round_half_up(EASE_SECONDS * rate))
    )


def _label_scenes(scenes: Sequence[str], lines: Sequence[Line]) -> dict[str, str]:
    """`sc01` for every scene: by their own numbers when all have one, else in script order."""
    order = list(dict.fromkeys([*(line.scene for line in lines), *scenes]))
    own = [found["number"] if (found := _SCENE_NUMBER.match(scene)) else "" for scene in order]
    if not all(own) or len({number.upper().lstrip("0") for number in own}) < len(own):
        own = [str(index) for index in range(1, len(order) + 1)]
    return {scene: f"sc{_pad_number(number)}" for scene, number in zip(order, own, strict=True)}


def _number_shots(pieces: Sequence[CutPiece], labels: Mapping[str, str]) -> list[str]:
    """`sc01_sh010`: shots by tens within a scene; what is seen at the same time on another layer is
    `sc01_sh010b`.
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


def _build_row(decided: DecidedShot, actor: Actor, making: ShotRecipe, audio_digest: str) -> Shot:
    width, height = making.size(actor)
    head, tail = decided.handles
    unnamed = Shot(
        shot_id="",
        number=decided.number,
        order=decided.order,
        scene=decided.scene,
        character=decided.character,
        actor=actor.actor,
        role=decided.role,
        line_ids=decided.line_ids,
        text=decided.text,
        lang=decided.lang,
        performance=_json(decided.performance.to_plain()),
        start_frame=decided.start_frame,
        end_frame=decided.end_frame,
        rate_num=decided.rate.numerator,
        rate_den=decided.rate.denominator,
        portrait=actor.portrait,
        portrait_digest=actor.portrait_digest,
        face=actor.face,
        audio_digest=audio_digest,
        seed=actor.seed,
        width=width,
        height=height,
        talker=making.talker,
        talker_version=making.talker_version,
        weights_digest=making.weights_digest,
        talker_settings=making.identity_settings,
        episode=making.episode,
        look=actor.look,
        voiced=_json(decided.voiced),
        layer=decided.layer,
        layout=decided.layout,
        dissolve_frames=decided.dissolve_frames,
        head_frames=head,
        tail_frames=tail,
        before_frames=decided.before_frames,
    )

    return replace(unnamed, shot_id=identify_shot(unnamed))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
