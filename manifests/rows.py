# SPDX-License-Identifier: Apache-2.0
"""The row types of the record, in film order: one frozen dataclass per noun of the production.

Rows hold paths, digests and measures, never bytes. Fields are plain (str, int, float, bool, None)
so that a row is one Arrow record; lists of words or reasons are joined texts, curves are canonical
text or JSON. Times of sound are samples at 48 kHz on the episode's timeline (`timebase.MASTER_HZ`),
half-open; times of picture are frames at `rate_num/rate_den`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


class Row:
    """What all rows are, so that functions can speak of any of them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Row):
    """One line of the script. `order` counts from 0 through the script; `source_line` is the line
    (Fountain) or row (sheet) in `source`.

    `line_id` is stable when other lines come and go: given by the sheet, else made from scene,
    character, text and repeat count. `performance` is a canonical emotion curve or "" for the
    actor's default. `simultaneous` marks dual dialogue with the line before.
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
    """One row of the actor sheet. Paths are relative to the production folder. `aliases` is
    `|`-joined.
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
    """Who allowed what. `covers` is `likeness` or `voice`; dates are ISO 8601 days; a consent with
    `revoked_at` in the past is none.
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
    """A recording brought in once. `recording_id` is the digest of its canonical PCM.
    `offset_samples`: where it begins on the timeline.

    `master_path` (48 kHz, up to two channels) and `analysis_path` (16 kHz mono) are FLAC under
    `build/media/recordings/`.
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
    """One stretch of speech by one (unnamed) speaker. `diarization_id` keys the recordings and
    settings it came from.

    `exclusive` turns never overlap; the others keep overlapped speech. Samples are on the
    timeline.
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
    """Where a script line is spoken. `status` is `matched`, `doubtful` or `missing` (then start =
    end = -1).

    `reasons` says why the confidence (0 to 1) is what it is. `words` is JSON `[[text, start, end],
    ...]` in timeline samples.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Row):
    """One shot of the cut. `shot_id` is its identity: a digest of everything that shapes its pixels
    and of nothing else.

    `number` is for people (`sc01_sh010`); `order` counts from 0; `start_frame` and `end_frame` lie
    on the timeline, half-open. `performance` is JSON of `model.emotion.Performance.plain()`;
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
        """Frames asked of the talker: those of the cut and those drawn beyond it."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Row):
    """A generated clip. Done when its media stands under the shot's identity and this row is
    committed (media first).

    `face_*` is the face box at rest as fractions of the frame. `measures` and `warnings` are JSON.
    `label` says what the frames are (`previs`, `DICE-Talk`, ...).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade(Row):
    """One colour transform for one shot, written as a 33-point `.cube`. `delta_e_*`: mean CIEDE2000
    to the look, before and after.
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
    """One event of the edit list of a version: which take with which grade fills which frames of
    the timeline.

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
        """How long the event is."""
        return self.end_frame - self.start_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable(Row):
    """One file of a version. `deliverable_id` keys the cut, the sound and the profile's
    settings.
    """

    deliverable_id: str
    version: str
    profile: str
    path: str
    media_digest: str
    frames: int
    seconds: float
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Row):
    """One measurement of one deliverable. `verdict` is `pass`, `warn` or `fail`; `timecode` is ""
    for the whole file.
    """

    version: str
    profile: str
    name: str
    value: str
    limit: str
    verdict: str
    timecode: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Row):
    """An item that failed while the rest went on. `kind` is `input` or `tool`; `reason` is the
    error's text.
    """

    run_id: str
    stage: str
    subject: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Row):
    """One run of a flow, written at its end. `outcome` is `done`, `partial`, `stopped` or
    `failed`.
    """

    run_id: str
    flow: str
    version: str
    outcome: str
    started_at: str
    finished_at: str
    shots: int
    takes_made: int
    takes_cached: int
    rejects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Row):
    """Something that happened to a subject: machine states and human decisions alike. Current state
    is a view over these.

    `happened_at` is UTC ISO 8601 with microseconds. `name`: queued, running, done, failed,
    diarized, transcribed, approved, held ...
    """

    event_id: str
    happened_at: str
    subject: str
    name: str
    actor: str
    run_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile(Row):
    """A weight file that a run used, with its licence. `commercial` is `yes`, `no` or `unclear`."""

    name: str
    purpose: str
    source: str
    sha256: str
    licence: str
    commercial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusClip(Row):
    """One clip of a training corpus: who performs what. `clip_id` is the digest of what the clip
    was made or read from.

    `corpus`: `synthetic`, `units` (faces moved by the units of a 3D model, for testing only),
    `mead`, `hdtf`, `crema-d`. `emotion` is one of `model.emotion.LABELS`; `level` 1 to 3, 0 where a
    corpus has none; `intensity` is what that level stands for. `split` (`train`, `judge`, `val`,
    `test`) follows the identity. `frames` are 25 a second. Paths are relative to the corpus'
    folder; `audio` and `video` are "" where they were not kept. `source` is the file that a clip
    was read from, or what made it.
    """

    clip_id: str
    corpus: str
    identity: str
    emotion: str
    split: str
    frames: int
    prepared: str
    level: int = 0
    intensity: float = 1.0
    voice: str = ""
    text: str = ""
    text_id: str = ""
    audio: str = ""
    video: str = ""
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Row):
    """What one measure says of one clip. `subject` is who made the pictures: `real` (the corpus'
    own clip), a talker, or a folder of clips.

    Clip, identity, emotion and level are those of the `CorpusClip` whose portrait and sound the
    clip was made from. `value` is null where nothing could be measured. The measures are told in
    docs/judges.md.
    """

    run_id: str
    subject: str
    clip_id: str
    corpus: str
    identity: str
    emotion: str
    measure: str
    value: float | None
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(Row):
    """One measure over the clips of a subject, with the ends of its 95 % interval (null where there
    is none).

    `clips` and `identities` are how many stand behind it. `reference` is what the number is to be
    read against, and `compared` says what that is: chance, wrong sound, the same clips of the
    corpus.
    """

    run_id: str
    subject: str
    corpus: str
    measure: str
    value: float
    low: float | None
    high: float | None
    clips: int
    identities: int
    reference: float | None = None
    compared: str = ""


ROW_TYPES: tuple[type[Row], ...] = (
    Line,
    Actor,
    Consent,
    Recording,
    Turn,
    Word,
    Cue,
    Shot,
    Take,
    Grade,
    Cut,
    Deliverable,
    Check,
    Reject,
    Run,
    Event,
    ModelFile,
    CorpusClip,
    Judgement,
    Score,
)
"""All row types, in film order."""
