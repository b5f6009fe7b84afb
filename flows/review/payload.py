# SPDX-License-Identifier: Apache-2.0
"""Build the document of the review page from a snapshot of the record.

Pure, except for one small file: the captions of the version.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping

from flows.corrections import EVENT as CUE
from flows.review import words
from flows.review.available_media import (
    count_timeline_frames,
    find_programme_start,
    find_web_file,
    has_sound,
)
from flows.review.check_entries import describe_checks
from flows.review.document import FORMAT, CueEntry, DecisionEntry, Document, Speaker
from flows.review.shot_entries import describe_shots
from flows.review.snapshot import Snapshot
from flows.trust.waivers import WAIVED
from manifests import layout
from manifests.identity import digest
from manifests.rows import Cue, Cut, Shot
from manifests.run_rows import Event
from manifests.timebase import MASTER_HZ
from model.emotion import LABELS, MAXIMUM
from pipeline.deliver.profiles import WEB
from pipeline.render.slate import SLATE

MOST_DECISIONS = 500  # the newest, in the document
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


def build_document(snapshot: Snapshot, *, reviewer: str) -> Document:
    """Build the document of the page, with URLs of a server."""
    production = snapshot.project.production
    rate = production.rate
    starts = find_programme_start(snapshot)
    checks = describe_checks(snapshot, starts)
    frames = count_timeline_frames(snapshot)
    captions = _read_captions(snapshot)
    sounding = has_sound(snapshot)
    return Document(
        format=FORMAT,
        title=production.title,
        episode=production.episode,
        kind=production.kind,
        rate=(rate.numerator, rate.denominator),
        size=(production.width, production.height),
        frames=frames,
        version=snapshot.version,
        label=_name_label(snapshot.cuts),
        exported=False,
        reviewer=reviewer,
        revision=snapshot.revision,
        digest=digest_production(snapshot),
        speakers=_list_speakers(snapshot.shots),
        shots=describe_shots(snapshot, checks, starts),
        cues=describe_cues(snapshot),
        checks=checks,
        decisions=describe_decisions(snapshot, snapshot.events[-MOST_DECISIONS:]),
        captions="/media/captions.vtt" if captions else None,
        captions_text=captions,
        cuts=sorted({shot.start_frame for shot in snapshot.shots if not shot.layer}),
        video=f"/media/version/{snapshot.version}/{WEB.file}" if find_web_file(snapshot) else None,
        programme_starts=starts,
        sound="/media/sound.flac" if sounding else None,
        peaks="/api/peaks" if sounding else None,
        characters=[actor.character for actor in snapshot.actors],
        emotions=list(LABELS),
        intensity_limit=MAXIMUM,
    )


def digest_production(snapshot: Snapshot) -> str:
    """Digest what identifies a production for notes that come from elsewhere."""
    return digest(
        [
            snapshot.project.production.title,
            snapshot.project.production.episode,
            snapshot.project.production.kind,
        ]
    )[:16]


def _list_speakers(shots: Iterable[Shot]) -> list[Speaker]:
    found = {shot.character: shot.actor for shot in shots}
    colours = itertools.cycle(COLOURS)
    return [
        Speaker(character=name, actor=actor, color=next(colours)) for name, actor in found.items()
    ]


def _name_label(cuts: Iterable[Cut]) -> str:
    labels = sorted({cut.label for cut in cuts} - {SLATE, "slide"})
    return labels[0] if len(labels) == 1 else "mixed" if labels else ""


def describe_cues(snapshot: Snapshot) -> list[CueEntry]:
    """Describe the recorded cues, with the decisions since."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for shot in snapshot.shots:
        for line_id in filter(None, shot.line_ids.split("|")):
            numbers[line_id].append(shot.number)
    now = words.apply_overrides(snapshot.cues, snapshot.overrides)
    return [
        _describe_cue(after, shots=numbers[after.line_id], pending=after != before)
        for before, after in zip(snapshot.cues, now, strict=True)
    ]


def _describe_cue(cue: Cue, *, shots: list[str], pending: bool) -> CueEntry:
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


def describe_decisions(snapshot: Snapshot, events: Iterable[Event]) -> list[DecisionEntry]:
    """Describe decisions in words, in the same order."""
    numbers = {entry.place: entry.shot.number for entry in snapshot.states}
    return [_describe_decision(event, numbers) for event in events]


def _describe_decision(event: Event, numbers: Mapping[str, str]) -> DecisionEntry:
    detail = event.detail_values
    shot = (
        ""
        if event.name in (CUE, WAIVED)
        else numbers.get(event.subject, str(detail.get("number", "")))
    )
    return DecisionEntry(
        event_id=event.event_id,
        at=event.happened_at,
        who=event.actor,
        name=event.name,
        shot=shot,
        line=event.subject if event.name == CUE else "",
        check=f"{detail['profile']}: {detail['check']}" if event.name == WAIVED else "",
        words=words.describe_decision(event.name, detail),
    )


def _read_captions(snapshot: Snapshot) -> str:
    path = snapshot.folder / layout.VTT if snapshot.folder else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
