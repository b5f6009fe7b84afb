# SPDX-License-Identifier: Apache-2.0
"""Read a snapshot of a production from the record: cut, takes, newest version, decisions.

It is read from the record alone, as `status` does, so that reviewing works on any machine that sees
the record. A decision is about what was reviewed: the recorded cut, not the one that today's files
would give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows import corrections
from flows.ledger import record
from flows.ledger.decisions import DECISION_NAMES, UNDECIDED
from flows.ledger.direction import apply_decisions, undo_direction
from flows.ledger.place_takes import list_variants
from flows.ledger.shot_matching import identify_places
from flows.ledger.shot_state import FARM, ShotState
from flows.project import Project, find_done_takes
from flows.trust import waivers
from flows.trust.waivers import WAIVED, Waivers
from flows.version import Version
from manifests import layout
from manifests.delivery_rows import Check, Deliverable
from manifests.identity import digest
from manifests.rows import Actor, Cue, Cut, Line, Recording, Shot, Take
from manifests.run_rows import Event
from pipeline.align.cue_overrides import CueOverride
from pipeline.deliver import versions

# a commit to one of these is news; all others go with an event or a version
WATCHED = (Event, Deliverable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The record at one moment.

    `states` and `wanted_shots` go with `shots`, one each: the state, and the shot as decisions want
    it. `variants` (by place) and `takes` (by shot id) also hold what is not in use. `cuts`,
    `checks`, `waived`, `files` and `folder` are of `version`, which is None before the first one.
    `events`: all decisions of people, oldest first.
    """

    project: Project
    revision: str
    shots: Sequence[Shot]
    states: Sequence[ShotState]
    wanted_shots: Sequence[Shot]
    variants: Mapping[str, Sequence[Shot]]
    takes: Mapping[str, Take]
    cues: Sequence[Cue]
    lines: Sequence[Line]
    actors: Sequence[Actor]
    recordings: Sequence[Recording]
    overrides: Sequence[CueOverride]
    events: Sequence[Event]
    version: str | None
    cuts: Sequence[Cut]
    checks: Sequence[Check]
    waived: Waivers
    files: Sequence[Deliverable]
    folder: Path | None

    def find_state(self, key: str) -> ShotState | None:
        """Find the shot with this id or number; None when the recorded cut has none."""
        folded = key.casefold()
        return next(
            (
                entry
                for entry in self.states
                if folded in (entry.shot.shot_id, entry.shot.number.casefold())
            ),
            None,
        )


def read_revision(project: Project) -> str:
    """Read a short text that changes with every commit that is news.

    It costs a look at the tables' logs.
    """
    return digest([sorted(project.store.list_files(kind)) for kind in WATCHED])[:16]


def read_snapshot(project: Project) -> Snapshot:
    """Read all of it, as it stood at one moment."""
    still = replace(project, store=project.store.pin_tables())
    store, revision = still.store, read_revision(still)
    shots = store.read_current(Shot)
    takes = find_done_takes(still, shots)
    states = record.read_run_states(
        still, shots, run=record.find_newest_run(still), done=set(takes)
    )
    variants = {entry.place: list_variants(entry) for entry in states}
    return Snapshot(
        project=project,
        revision=revision,
        shots=shots,
        states=states,
        wanted_shots=_read_wanted_shots(still, shots),
        variants=variants,
        takes=_read_takes(still, takes, variants.values()),
        cues=store.read_current(Cue),
        lines=store.read_current(Line),
        actors=store.read_current(Actor),
        recordings=store.read_current(Recording),
        overrides=corrections.read_overrides(store),
        events=_read_decision_events(still),
        **_read_version(still),
    )


def _read_wanted_shots(project: Project, shots: Sequence[Shot]) -> list[Shot]:
    """Read the recorded shots as decisions want them now."""
    decisions = record.read_decisions(project.store, shots)
    undirected = [
        undo_direction(shot, decisions.get(place, UNDECIDED))
        for place, shot in zip(identify_places(shots), shots, strict=True)
    ]
    size = (project.production.width, project.production.height)
    return apply_decisions(undirected, decisions=decisions, size=size)


def _read_takes(
    project: Project, takes: Mapping[str, Take], variants: Collection[Sequence[Shot]]
) -> Mapping[str, Take]:
    """Read the takes of all variants; `takes`: those in use."""
    others = [shot for several in variants for shot in several if shot.shot_id not in takes]
    return {**takes, **find_done_takes(project, others)} if others else takes


def _read_version(project: Project) -> dict[str, Any]:
    """Read the fields of the newest version."""
    version, store = _find_newest_version(project), project.store
    return {
        "version": version,
        "cuts": store.read(Cut, version=version) if version else [],
        "checks": store.read(Check, version=version) if version else [],
        "waived": waivers.read_waivers(store, version) if version else {},
        "files": store.read(Deliverable, version=version) if version else [],
        "folder": project.root / layout.DELIVERABLES / version if version else None,
    }


def preview_version(project: Project, version: Version, cuts: Sequence[Cut]) -> Snapshot:
    """Read the record together with a version that is finished but not recorded yet.

    `version.folder`: where its files are now.
    """
    return replace(
        read_snapshot(project),
        version=version.name,
        cuts=cuts,
        checks=version.checks,
        waived={},
        files=version.deliverables,
        folder=version.folder,
    )


def read_log(snapshot: Snapshot, key: str) -> str | None:
    """Read the farm's events on a shot, one line each, oldest first; None for no such shot."""
    entry = snapshot.find_state(key)
    return read_logs(snapshot, [entry.shot])[entry.shot.shot_id] if entry else None


def read_logs(snapshot: Snapshot, shots: Sequence[Shot]) -> dict[str, str]:
    """Read the logs of many shots in one look at the record, by shot id."""
    rows = (
        snapshot.project.store.read(
            Event, name=list(FARM), subject=[shot.shot_id for shot in shots]
        )
        if shots
        else []
    )
    logs: dict[str, list[str]] = {shot.shot_id: [] for shot in shots}
    for row in _sort_events(rows):
        logs[row.subject].append(f"{row.happened_at[:19]}Z  {row.name}  {row.detail}".rstrip())
    for key, lines in logs.items():
        take = snapshot.takes.get(key)
        if take is not None:
            work = f"{take.frames} frames in {take.wall_seconds:.1f} s by {take.worker}"
            lines.append(f"take: {work} ({take.talker} {take.talker_version})")
    return {key: "\n".join(lines) for key, lines in logs.items()}


def _find_newest_version(project: Project) -> str | None:
    """Find the version that was made last, even if a failed check keeps `latest` from it."""
    known = {row.version for row in project.store.read(Deliverable)}
    found = [
        name for name in versions.list_versions(project.root / layout.DELIVERABLES) if name in known
    ]
    return found[-1] if found else None


def _read_decision_events(project: Project) -> list[Event]:
    rows = project.store.read(Event, name=[*DECISION_NAMES, corrections.EVENT, WAIVED])
    return [row for row in _sort_events(rows) if row.name != "moved"]


def _sort_events(rows: Iterable[Event]) -> list[Event]:
    return sorted(rows, key=lambda row: (row.happened_at, row.event_id))
