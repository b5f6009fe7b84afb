# SPDX-License-Identifier: Apache-2.0
"""The row types of the record, in film order: one frozen dataclass per noun of the production.

Rows hold paths, digests and measures, never bytes. Fields are plain (str, int, float, bool, None)
so that a row is one Arrow record; lists, boxes and curves are texts or JSON, which properties of
the row read. Times of sound are samples at 48 kHz on the episode's timeline (`timebase.MASTER_HZ`),
half-open; times of picture are frames at `rate_num/rate_den`. Other modules hold the rows of
deliveries (`delivery_rows`), of runs and events (`run_rows`), and of a corpus (`corpus_rows`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from manifests.box import Box


class Row:
    """The base of all row types."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Row):
    """One line of the script.

    `order` counts from 0 through the script; `source_line` is the line (Fountain) or row (sheet) in
    `source`. `line_id` is stable when other lines come and go: given by the sheet, else made from
    scene, character, text and repeat count. `performance` is a canonical emotion curve, or "" for
    the actor's default. `simultaneous` marks dual dialogue with the line before.
    """

    line_id: str
    order: int
    scene: str
    character: str
    text: str
    performance: str = ""
    direction: str = ""
    lang: str = "en"
    voice_over: bool = False
    simultaneous: bool = False
    audio_file: str = ""
    start_seconds: float | None = None
    end_seconds: float | None = None
    notes: str = ""
    source: str = ""
    source_line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor(Row):
    """One row of the actor sheet.

    Paths are relative to the production folder. `aliases` is joined by `|`.
    """

    character: str
    actor: str
    portrait: str
    portrait_digest: str = ""
    aliases: str = ""
    face: str = "only"
    voice_sample: str = ""
    emotion_sample: str = ""
    default_emotion: str = "neutral 1"
    seed: int = 0
    look: str = ""
    consent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Row):
    """One consent of a person.

    `covers` is `likeness` or `voice`; dates are ISO 8601 days. A consent whose `revoked_at` is in
    the past does not count.
    """

    consent_id: str
    subject: str
    covers: str
    scope: str = ""
    territory: str = ""
    valid_from: str = ""
    valid_until: str = ""
    evidence: str = ""
    revoked_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Row):
    """A recording, ingested once.

    `recording_id` is the digest of its canonical PCM. `offset_samples`: where it begins on the
    timeline. `master_path` (48 kHz, up to two channels) and `analysis_path` (16 kHz mono) are FLAC
    under `build/media/recordings/`.
    """

    recording_id: str
    source: str
    source_digest: str
    order: int
    offset_samples: int
    samples: int
    master_path: str
    analysis_path: str
    source_hz: int
    source_channels: int
    peak_dbfs: float
    rms_dbfs: float
    clipped_samples: int
    dc_offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Row):
    """One stretch of speech by one (unnamed) speaker.

    `diarization_id` keys the recordings and settings that it came from. `exclusive` turns never
    overlap; the others keep overlapped speech. Samples are on the timeline.
    """

    diarization_id: str
    recording_id: str
    start: int
    end: int
    speaker: str
    exclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Word(Row):
    """One recognised word. `transcript_id` keys the recordings, the recogniser and its settings."""

    transcript_id: str
    recording_id: str
    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue(Row):
    """Where a script line is spoken.

    `status` is `matched`, `doubtful` or `missing` (then start = end = -1). `reasons` explains the
    confidence (0 to 1). `words` is JSON `[[text, start, end], ...]` in timeline samples.
    """

    line_id: str
    recording_id: str
    character: str
    start: int
    end: int
    text: str
    performance: str
    status: str
    confidence: float
    reasons: str = ""
    speaker: str = ""
    words: str = "[]"

    @property
    def timed_words(self) -> list[tuple[str, int, int]]:
        """The words with their first sample and the sample after their last, on the timeline."""
        return [(str(text), int(start), int(end)) for text, start, end in json.loads(self.words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Row):
    """One shot of the cut.

    `shot_id` is its identity: a digest of everything that shapes its pixels, and of nothing else.
    `number` is for people (`sc01_sh010`); `order` counts from 0; `start_frame` and `end_frame` lie
    on the timeline, half-open. `performance` is JSON of `model.emotion.Performance.to_plain()`;
    `audio_digest` the canonical PCM of span and context. `voiced` is JSON `[[first, end], ...]`,
    the shot's frames in which its character speaks when others are heard too; `[]` means all of
    them.

    `layout` is how the picture is shared (`pipeline.cut.framing`); `layer` 0 covers the timeline,
    others are seen at the same time. `dissolve_frames`: how long it comes up over the shot before
    it. `head_frames` and `tail_frames` are drawn beyond the cut, for dissolves and for an editor;
    frames in `performance` and `voiced` count from the first frame that is drawn. `before_frames`:
    how much of the same stretch lies before this piece of a long shot that was split, so that
    blinks and sway go on across the seam.
    """

    shot_id: str
    number: str
    order: int
    scene: str
    character: str
    actor: str
    role: str
    line_ids: str
    text: str
    lang: str
    performance: str
    start_frame: int
    end_frame: int
    rate_num: int
    rate_den: int
    portrait: str
    portrait_digest: str
    face: str
    audio_digest: str
    seed: int
    width: int
    height: int
    talker: str
    talker_version: str
    weights_digest: str
    talker_settings: str
    episode: str = ""
    look: str = ""
    voiced: str = "[]"
    layer: int = 0
    layout: str = "single"
    dissolve_frames: int = 0
    head_frames: int = 0
    tail_frames: int = 0
    before_frames: int = 0

    @property
    def frames(self) -> int:
        """Frames that the talker draws: those of the cut and those beyond it."""
        return self.last_drawn - self.first_drawn

    @property
    def first_drawn(self) -> int:
        """The timeline frame at which the take begins."""
        return self.start_frame - self.head_frames

    @property
    def last_drawn(self) -> int:
        """The timeline frame at which the take ends."""
        return self.end_frame + self.tail_frames

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.rate_num, self.rate_den)

    @property
    def curve(self) -> list[list[float]]:
        """The performance as `[[frame, weight x 8], ...]`, see `model.emotion.Performance`."""
        return [list(key) for key in json.loads(self.performance)]

    @property
    def voiced_spans(self) -> list[tuple[int, int]]:
        """The frames in which the character speaks; none listed: all of them."""
        return [(first, end) for first, end in json.loads(self.voiced)]

    @property
    def talker_options(self) -> dict[str, Any]:
        """The talker's settings by name."""
        return dict(json.loads(self.talker_settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Row):
    """A generated clip.

    It is done when its media has the name of the shot's identity and this row is committed (media
    first). `face_*` is the face box at rest as fractions of the frame. `measures` and `warnings`
    are JSON. `label` says what the frames are (`previs`, `DICE-Talk`, ...).
    """

    shot_id: str
    path: str
    media_digest: str
    frames: int
    rate_num: int
    rate_den: int
    width: int
    height: int
    talker: str
    talker_version: str
    label: str
    licences: str
    seed: int
    face_left: float
    face_top: float
    face_right: float
    face_bottom: float
    wall_seconds: float
    worker: str
    run_id: str
    measures: str = "{}"
    warnings: str = "[]"

    @property
    def face_box(self) -> tuple[float, float, float, float]:
        """The face at rest: left, top, right and bottom edge as fractions of the frame."""
        return self.face_left, self.face_top, self.face_right, self.face_bottom

    @property
    def measure_values(self) -> dict[str, float]:
        """The measures by name."""
        return dict(json.loads(self.measures))

    @property
    def warning_list(self) -> list[str]:
        """The warnings of the talker, as sentences."""
        return list(json.loads(self.warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade(Row):
    """One colour transform for one shot, written as a 33-point `.cube`.

    `delta_e_*`: mean CIEDE2000 to the look, before and after.
    """

    grade_id: str
    shot_id: str
    cube_path: str
    method: str
    strength: float
    limited: bool
    delta_e_before: float
    delta_e_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Row):
    """One event of the edit list of a version: a take and its grade on frames of the timeline.

    `take_frame` is the take's first frame that is used, `take_frames` how many its file holds (0:
    no more than are used); `crop` is `left,top,width,height` in the take's pixels; `label` says
    what the frames are (`previs`, `DICE-Talk`, ...). `dissolve_frames`: how long it comes up over
    the event before it, centred on `start_frame`. `layer` 0 covers the timeline; others lie over it
    in `place` (`left,top,width,height` in delivered pixels, "" for the whole picture). `mask` is
    the path of a grey still as large as the place that says what of the event is seen ("": all of
    it). In a lesson, slides are events with the label `slide`.
    """

    version: str
    order: int
    shot_id: str
    grade_id: str
    start_frame: int
    end_frame: int
    take_path: str
    cube_path: str
    number: str = ""
    label: str = ""
    rate_num: int = 0
    rate_den: int = 1
    take_frame: int = 0
    take_frames: int = 0
    crop: str = ""
    dissolve_frames: int = 0
    layer: int = 0
    place: str = ""
    mask: str = ""

    @property
    def frames(self) -> int:
        """The length of the event in frames."""
        return self.end_frame - self.start_frame

    @property
    def crop_box(self) -> Box | None:
        """The part of the take that is shown, in its pixels; None before the event is framed."""
        return Box.parse(self.crop) if self.crop else None

    @property
    def place_box(self) -> Box | None:
        """The place in the delivered picture, in pixels; None for the whole picture."""
        return Box.parse(self.place) if self.place else None
