# SPDX-License-Identifier: Apache-2.0
"""Define the types of the JSON document that the review page reads, with their units.

`GET /api/production` answers with a `Document`; an export and the `report.html` of a version hold
the same document in `data.js` (`window.CALLSHEET = {...}`). Frames count on the episode's timeline
from 0 (without a slate before it), and spans are half-open, unless a comment says otherwise. Texts
are plain text, without markup.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

FORMAT = 1  # raised when the meaning of a field changes


class Speaker(TypedDict):
    """One character, in order of first appearance.

    `color`: `#rrggbb`, readable on dark and light grounds.
    """

    character: str
    actor: str
    color: str


class TakeEntry(TypedDict):
    """One take of a shot.

    `take_id`: its name in decisions and URLs; `current`: the recorded cut uses it. `first_frame`:
    the timeline frame at which its file begins (before the shot's own if it has handles); `frames`:
    of the file. `url`: a small all-intra H.264 file of exactly these frames, ungraded, framed as
    delivered, with the sound of its span. Two takes may share a seed and differ in `emotion`.
    """

    take_id: str
    shot_id: str
    seed: int
    emotion: str
    label: str
    current: bool
    circled: bool
    first_frame: int
    frames: int
    url: str
    measures: dict[str, float]
    warnings: list[str]
    worker: str
    seconds: float


class ShotCheck(TypedDict):
    """A check of the version that names this shot or a time in it.

    `id` and `state` as in `CheckEntry`.
    """

    id: str
    name: str
    state: str
    ok: bool
    value: str
    limit: str
    says: str


class ShotEntry(TypedDict):
    """One shot of the recorded cut, in film order.

    `state`: new, queued, running, done, failed, held or skipped; `states`: the marks that hold
    (`approved`, `circled`); `withdrawn`: why an approval no longer holds; `pending`: what a
    decision changed and the next render makes (`emotion`, `seed`, `slate` ...); `reason`: class and
    words of the last failure.

    `first_frame` and `end_frame` (and `frames` between them) on the timeline; a shot with a `layer`
    above 0 is seen together with the shot below it. `video_frame`: the frame of the file `video` at
    which the shot begins; None when the version does not hold this very take. `curve`: `[frame from
    first_frame, {label: weight}]`, linear between keys, held outside. `log`: one line an event;
    None means that `GET /api/log/<shot_id>` answers it (`{"log": "..."}`).
    """

    shot_id: str
    number: str
    scene: str
    character: str
    actor: str
    role: str
    line_id: str
    line_ids: list[str]
    text: str
    first_frame: int
    end_frame: int
    frames: int
    layer: int
    video_frame: int | None
    emotion: str
    curve: list[tuple[int, dict[str, float]]]
    seed: int
    talker: str
    label: str
    state: str
    states: list[str]
    withdrawn: list[str]
    pending: list[str]
    reason: str
    worker: str
    since: str
    seconds: float
    measures: dict[str, float]
    warnings: list[str]
    checks: list[ShotCheck]
    takes: list[TakeEntry]
    thumb: str
    before: str
    notes: list[str]
    note: str
    priority: int
    log: str | None


class CueEntry(TypedDict):
    """Where a line is spoken, with the decisions about it.

    `start` and `end`: seconds on the timeline, three decimals; None when the line was not found.
    `state`: `matched`, `doubtful` or `missing`; `pending`: there is a decision since the last run,
    which the next plan applies; `shots`: the numbers of the shots in which the line is spoken.
    """

    line_id: str
    character: str
    text: str
    start: float | None
    end: float | None
    confidence: float
    state: str
    reasons: list[str]
    needs_ear: bool
    pending: bool
    shots: list[str]


class Waiver(TypedDict):
    """Who waived a failed check, when and why."""

    who: str
    at: str
    why: str


class CheckEntry(TypedDict):
    """One check of the version.

    `id`: its name in a waiver (`web: loudness`); `state`: ok, warn, failed or waived; `frame` and
    `shot` (its number): where it is, None if it has no place.
    """

    id: str
    name: str
    profile: str
    state: str
    ok: bool
    waived: Waiver | None
    value: str
    limit: str
    says: str
    frame: int | None
    shot: str | None


class DecisionEntry(TypedDict):
    """One decision.

    `shot`: a number; `line`: a line id; `check`: a check's name with its profile; "" for those that
    the decision is not about. `words`: for people.
    """

    event_id: str
    at: str
    who: str
    name: str
    shot: str
    line: str
    check: str
    words: str


class Document(TypedDict):
    """The current state of a production.

    `revision` is opaque: send it back as `since` and as `seen`. `digest` identifies the production,
    for `notes.json` and what a browser stores. `rate`: frames a second as a fraction; `size`: of
    the delivered picture; `frames`: of the timeline. `label`: what drew the frames of the version
    (`previs`, `DICE-Talk`, `mixed`, "" without a version). `video`: the graded version or None; its
    frame `programme_starts + n` shows frame n of the timeline. `sound`: the whole timeline from
    frame 0, None if only `video` has sound. `peaks`: a URL that answers `{"peaks": [[min, max],
    ...]}` (-1 to 1, one pair a frame, fewer with `?width=`), or the list itself, or None while
    there is no sound. `captions`: a URL of WebVTT or None, `captions_text` its text (times of
    `video`). `cuts`: first frames of the shots. `characters`, `emotions` (labels),
    `intensity_limit` (of any weight): what decisions may name. `decisions`: the last 500, newest
    last. `exported`: there is no server; decisions are saved in `notes.json`.
    """

    format: int
    title: str
    episode: str
    kind: str
    rate: tuple[int, int]
    size: tuple[int, int]
    frames: int
    version: str | None
    label: str
    exported: bool
    reviewer: str
    revision: str
    digest: str
    speakers: list[Speaker]
    shots: list[ShotEntry]
    cues: list[CueEntry]
    checks: list[CheckEntry]
    decisions: list[DecisionEntry]
    captions: str | None
    captions_text: str
    cuts: list[int]
    video: str | None
    programme_starts: int
    sound: str | None
    peaks: list[tuple[float, float]] | str | None
    characters: list[str]
    emotions: list[str]
    intensity_limit: float


class Changes(TypedDict):
    """What changed since a revision: `GET /api/changes?since=REVISION`, which waits up to 25 s.

    The entries that differ, whole; new decisions; all checks if one of them differs. `reload`: the
    cut or the version is another one, or the revision is unknown: request the document again.
    """

    revision: str
    reload: bool
    shots: list[ShotEntry]
    cues: list[CueEntry]
    checks: NotRequired[list[CheckEntry]]
    decisions: list[DecisionEntry]


class DecisionBody(TypedDict):
    """The body of `POST /api/decisions`, and one of the `decisions` of `notes.json`.

    `shots`: shot ids of the recorded cut, or numbers (for all but `cue` and `waive`). `line_id`:
    for `cue`. `seen`: the revision that was on the screen. `at`: when the decision was taken (UTC,
    ISO 8601), in notes. `words` by name:

    - approve: `take_id` (optional: the take that was reviewed; it is circled too if it is not the
      one in use); hold, release, skip: none
    - retry: `seed` (a number, "new", "same" or left out), `emotion` (a curve: `angry 0.8`, `neutral
      -> sad`; "as written" withdraws an earlier one; "" keeps it), `intensity` (a factor for the
      weights; None keeps them), `note`. A seed, an emotion or an intensity ask for another take;
      without them a failure is cleared
    - circle: `take_id`, or `seed` of the takes that perform as the shot does now
    - note: `text`
    - priority: `priority` (-1000 to 1000; 0 is film order)
    - cue: `start`, `end` (seconds), `character`, `ignore` (true or false); what is left out stays
    - waive: `check` (its id, or its name for all files), `reason`, `version` (the document's if
      left out)
    """

    name: str
    shots: NotRequired[list[str]]
    line_id: NotRequired[str]
    words: NotRequired[dict[str, object]]
    seen: NotRequired[str]
    at: NotRequired[str]


class DecisionReply(TypedDict):
    """The answer to a decision (status 200).

    `event_ids`: what was recorded; `says`: what it means in words; `follows`: decisions of other
    people about the same shot, line or check since `seen`. No decision is refused because somebody
    was quicker: both are recorded, the later one counts, and its author is told.
    """

    event_ids: list[str]
    revision: str
    follows: list[DecisionEntry]
    says: list[str]


class ProblemEntry(TypedDict):
    """A problem of a request (status 422: `{"problems": [...]}`).

    `field`: `name`, `shots`, `line_id`, or one of `words`.
    """

    field: str
    message: str
    expected: str | None
    nearest: str | None


class Notes(TypedDict):
    """The file `notes.json`: an exported page saves it, `callsheet review --import` reads it.

    `digest`: the document's.
    """

    format: int
    digest: str
    reviewer: str
    decisions: list[DecisionBody]
