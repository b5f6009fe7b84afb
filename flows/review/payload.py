# SPDX-License-Identifier: Apache-2.0
"""From a reading of the record to the document that the page reads. Pure but for one small file:
the captions of the version.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from flows.corrections import EVENT as CUE
from flows.ledger.shot_decisions import is_circled
from flows.ledger.shot_diff import list_differences
from flows.ledger.shot_state import ShotState
from flows.review import words
from flows.review.document import (
    FORMAT,
    CheckEntry,
    CueEntry,
    DecisionEntry,
    Document,
    ShotCheck,
    ShotEntry,
    Speaker,
    TakeEntry,
    Waiver,
)
from flows.review.snapshot import Snapshot
from flows.trust.waivers import WAIVED
from manifests.delivery_rows import Check
from manifests.identity import digest
from manifests.rows import Cue, Cut, Shot, Take
from manifests.run_rows import Event
from manifests.timebase import MASTER_HZ, round_half_up
from model.emotion import LABELS, MAXIMUM
from pipeline.assemble.edit_list import total_frames
from pipeline.deliver.profiles import WEB
from pipeline.render.slate import SLATE

REMEMBERED = 500  # decisions in the document
COLOURS = (
    "#d9a441",
    "#5aa9e6",
    "#d96c75",
    "#6fbf8b",
    "#a98be0",
    "#e08a4f",
    "#4fb8b0",
    "#c77fb4",
    "#9aa84a",
    "#8a9bb0",
)
_NUMBER = re.compile(r"\bsc\w+_sh\w+\b")
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)[:;](\d\d)")


def build_document(reading: Snapshot, *, reviewer: str) -> Document:
    """What the page reads, with URLs of a server. `reviewer`: who looks."""
    production = reading.project.production
    rate = production.rate
    starts = find_programme_start(reading)
    found = describe_checks(reading, starts)
    frames = count_timeline_frames(reading)
    captions = _captions(reading)
    sounding = has_sound(reading)
    return Document(
        format=FORMAT,
        title=production.title,
        episode=production.episode,
        kind=production.kind,
        rate=(rate.numerator, rate.denominator),
        size=(production.width, production.height),
        frames=frames,
        version=reading.version,
        label=_label(reading.cuts),
        exported=False,
        reviewer=reviewer,
        revision=reading.revision,
        digest=digest_production(reading),
        speakers=_speakers(reading.shots),
        shots=_shots(reading, found, starts),
        cues=describe_cues(reading),
        checks=found,
        decisions=describe_decisions(reading, reading.events[-REMEMBERED:]),
        captions="/media/captions.vtt" if captions else None,
        captions_text=captions,
        cuts=sorted({shot.start_frame for shot in reading.shots if not shot.layer}),
        video=f"/media/version/{reading.version}/{WEB.file}" if find_web_file(reading) else None,
        programme_starts=starts,
        sound="/media/sound.flac" if sounding else None,
        peaks="/api/peaks" if sounding else None,
        characters=[actor.character for actor in reading.actors],
        emotions=list(LABELS),
        intensity_limit=MAXIMUM,
    )


def digest_production(reading: Snapshot) -> str:
    """What names a production for notes that were made elsewhere: its record may have gone on, its
    places are looked up again.
    """
    return digest(
        [
            reading.project.production.title,
            reading.project.production.episode,
            reading.project.production.kind,
        ]
    )[:16]


def count_timeline_frames(reading: Snapshot) -> int:
    """How long the timeline is."""
    return max((shot.end_frame for shot in reading.shots), default=0)


def find_web_file(reading: Snapshot) -> Path | None:
    """The version's file for browsers, when it stands."""
    wanted = any(row.profile == WEB.name for row in reading.files)
    path = reading.folder / WEB.file if reading.folder and wanted else None
    return path if path is not None and path.is_file() else None


def find_programme_start(reading: Snapshot) -> int:
    """Frames of the slate before the programme in the version's files."""
    frames = next((row.frames for row in reading.files if row.profile == WEB.name), 0)
    cards = frames - total_frames(reading.cuts)
    settings = reading.project.production.delivery
    slate = round_half_up(
        Fraction(settings.slate_seconds).limit_denominator(1000) * reading.project.production.rate
    )
    return min(slate, cards) if cards > 0 else 0


# Shots


def _shots(reading: Snapshot, found: Sequence[CheckEntry], starts: int) -> list[ShotEntry]:
    cut_of = {cut.shot_id: cut for cut in reading.cuts}
    told: dict[str, list[ShotCheck]] = defaultdict(list)
    for check in found:
        if check["shot"] is not None:
            told[check["shot"]].append(_brief(check))
    return [
        _shot(
            entry,
            wanted,
            reading,
            cut=cut_of.get(entry.shot.shot_id),
            starts=starts,
            told=told[entry.shot.number],
        )
        for entry, wanted in zip(reading.states, reading.wanted_shots, strict=True)
    ]


def _shot(  # noqa: PLR0913 - all that is known of one shot
    entry: ShotState,
    wanted: Shot,
    reading: Snapshot,
    *,
    cut: Cut | None,
    starts: int,
    told: list[ShotCheck],
) -> ShotEntry:
    shot, take = entry.shot, reading.takes.get(entry.shot.shot_id)
    keys = shot.curve
    return ShotEntry(
        shot_id=shot.shot_id,
        number=shot.number,
        scene=shot.scene,
        character=shot.character,
        actor=shot.actor,
        role=shot.role,
        line_id=shot.line_ids.partition("|")[0],
        line_ids=shot.line_ids.split("|") if shot.line_ids else [],
        text=shot.text,
        first_frame=shot.start_frame,
        end_frame=shot.end_frame,
        frames=shot.end_frame - shot.start_frame,
        layer=shot.layer,
        video_frame=cut.start_frame + starts if cut else None,
        emotion=words.describe_emotion(keys),
        curve=[
            (int(frame) - shot.head_frames, words.list_weights(weights)) for frame, *weights in keys
        ],
        seed=shot.seed,
        talker=shot.talker,
        label=take.label if take else "",
        state=entry.state,
        states=list(entry.marks),
        withdrawn=list(entry.withdrawn),
        pending=_pending(entry, wanted),
        reason=f"{entry.error}: {entry.reason}" if entry.error else entry.reason,
        worker=entry.worker or (take.worker if take else ""),
        since=entry.since,
        seconds=take.wall_seconds if take else 0.0,
        measures=take.measure_values if take else {},
        warnings=take.warning_list if take else [],
        checks=told,
        takes=_takes(entry, reading),
        thumb=f"/media/thumb/{shot.shot_id}.jpg"
        if take and (has_pictures(reading, take) or (cut and find_web_file(reading)))
        else "",
        before=f"/media/take/{shot.shot_id}.mp4" if take and has_pictures(reading, take) else "",
        notes=list(entry.decision.notes),
        note=entry.decision.notes[-1] if entry.decision.notes else "",
        priority=entry.decision.priority,
        log=None,
    )


def has_sound(reading: Snapshot) -> bool:
    """Whether the sound of the timeline can be played: something was recorded, and its copies were
    not purged.
    """
    root = reading.project.root
    return bool(reading.recordings) and all(
        (root / row.master_path).is_file() for row in reading.recordings
    )


def has_pictures(reading: Snapshot, take: Take) -> bool:
    """Whether a take's pictures still stand: the record outlives what was purged."""
    return (reading.project.root / take.path).is_file()


def _pending(entry: ShotState, wanted: Shot) -> list[str]:
    """What decisions changed since this cut was recorded."""
    if SLATE in (entry.shot.talker, wanted.talker):
        slated, skipped = entry.shot.talker == SLATE, entry.decision.skipped
        return [] if slated == skipped else ["slate" if skipped else "no slate"]
    return list(list_differences(wanted, entry.shot))


def _takes(entry: ShotState, reading: Snapshot) -> list[TakeEntry]:
    variants = reading.variants[entry.place]
    return [
        _take(variant, take, entry, is_there=has_pictures(reading, take))
        for variant in variants
        if (take := reading.takes.get(variant.shot_id)) is not None
    ]


def _take(variant: Shot, take: Take, entry: ShotState, *, is_there: bool) -> TakeEntry:
    return TakeEntry(
        take_id=take.shot_id,
        shot_id=take.shot_id,
        seed=take.seed,
        emotion=words.describe_emotion(variant.curve),
        label=take.label,
        current=take.shot_id == entry.shot.shot_id,
        circled=is_circled(entry, variant),
        first_frame=variant.first_drawn,
        frames=take.frames,
        url=f"/media/take/{take.shot_id}.mp4" if is_there else "",
        measures=take.measure_values,
        warnings=take.warning_list,
        worker=take.worker,
        seconds=take.wall_seconds,
    )


def _speakers(shots: Iterable[Shot]) -> list[Speaker]:
    found = {shot.character: shot.actor for shot in shots}
    colours = itertools.cycle(COLOURS)
    return [
        Speaker(character=name, actor=actor, color=next(colours)) for name, actor in found.items()
    ]


def _label(cuts: Iterable[Cut]) -> str:
    labels = sorted({cut.label for cut in cuts} - {SLATE, "slide"})
    return labels[0] if len(labels) == 1 else "mixed" if labels else ""


# Cues


def describe_cues(reading: Snapshot) -> list[CueEntry]:
    """The recorded cues, with what was decided by hand since."""
    heard: dict[str, list[str]] = defaultdict(list)
    for shot in reading.shots:
        for line_id in filter(None, shot.line_ids.split("|")):
            heard[line_id].append(shot.number)
    now = words.apply_overrides(reading.cues, reading.overrides)
    return [
        _cue(after, shots=heard[after.line_id], pending=after != before)
        for before, after in zip(reading.cues, now, strict=True)
    ]


def _cue(cue: Cue, *, shots: list[str], pending: bool) -> CueEntry:
    there = cue.start >= 0
    return CueEntry(
        line_id=cue.line_id,
        character=cue.character,
        text=cue.text,
        start=round(cue.start / MASTER_HZ, 3) if there else None,
        end=round(cue.end / MASTER_HZ, 3) if there else None,
        confidence=round(cue.confidence, 3),
        state=cue.status,
        reasons=[part for part in cue.reasons.split("; ") if part],
        needs_ear=cue.status != "matched",
        pending=pending,
        shots=shots,
    )


# Checks


def describe_checks(reading: Snapshot, starts: int) -> list[CheckEntry]:
    """The version's checks; those with a time or a shot's number in them know their shot."""
    rate = reading.project.production.rate
    base = sorted((cut for cut in reading.cuts if not cut.layer), key=lambda cut: cut.start_frame)
    numbers = {cut.number for cut in reading.cuts}
    return [
        _check(row, reading, place=_place(row, base, numbers, (rate, starts)))
        for row in reading.checks
    ]


def _check(row: Check, reading: Snapshot, *, place: tuple[int | None, str | None]) -> CheckEntry:
    waiver = reading.waived.get((row.profile, row.name)) if row.verdict == "fail" else None
    said = Waiver(who=waiver["by"], at=waiver["at"], why=waiver["reason"]) if waiver else None
    state = "waived" if waiver else {"pass": "ok", "fail": "failed"}.get(row.verdict, row.verdict)
    return CheckEntry(
        id=f"{row.profile}: {row.name}",
        name=row.name,
        profile=row.profile,
        state=state,
        ok=row.verdict != "fail" or bool(waiver),
        waived=said,
        value=row.value,
        limit=row.limit,
        says=row.advice,
        frame=place[0],
        shot=place[1],
    )


def _place(
    row: Check, base: Sequence[Cut], numbers: set[str], clock: tuple[Fraction, int]
) -> tuple[int | None, str | None]:
    """The frame of the timeline and the shot that a check speaks of."""
    found = _TIMECODE.search(row.timecode)
    if found:
        frame = _frame(found, clock[0]) - clock[1]
        shot = next((cut.number for cut in base if cut.start_frame <= frame < cut.end_frame), None)
        return (frame, shot) if frame >= 0 else (None, None)
    named = next(
        (name for name in _NUMBER.findall(f"{row.value} {row.advice}") if name in numbers), None
    )
    return None, named


def _frame(found: re.Match[str], rate: Fraction) -> int:
    """The frame of a timecode, near enough to find its shot at rates that drop numbers."""
    hours, minutes, seconds, frames = map(int, found.groups())
    return round_half_up((hours * 3600 + minutes * 60 + seconds) * rate) + frames


def _brief(check: CheckEntry) -> ShotCheck:
    return ShotCheck(
        id=check["id"],
        name=check["name"],
        state=check["state"],
        ok=check["ok"],
        value=check["value"],
        limit=check["limit"],
        says=check["says"],
    )


# Decisions


def describe_decisions(reading: Snapshot, events: Iterable[Event]) -> list[DecisionEntry]:
    """Decisions in words, in the order given."""
    numbers = {entry.place: entry.shot.number for entry in reading.states}
    return [_decision(one, numbers) for one in events]


def _decision(one: Event, numbers: Mapping[str, str]) -> DecisionEntry:
    detail = one.detail_values
    shot = (
        "" if one.name in (CUE, WAIVED) else numbers.get(one.subject, str(detail.get("number", "")))
    )
    return DecisionEntry(
        event_id=one.event_id,
        at=one.happened_at,
        who=one.actor,
        name=one.name,
        shot=shot,
        line=one.subject if one.name == CUE else "",
        check=f"{detail['profile']}: {detail['check']}" if one.name == WAIVED else "",
        words=words.describe_decision(one.name, detail),
    )


def _captions(reading: Snapshot) -> str:
    path = reading.folder / "captions.vtt" if reading.folder else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
