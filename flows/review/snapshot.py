# SPDX-License-Identifier: Apache-2.0
"""What the record says of a production, read once for a look at it: the recorded cut, its takes,
its newest version, what people decided.

Read from the record alone, as `status` does, so that reviewing works on any machine that sees it. A
decision is about what was looked at: the recorded cut, not the one that today's files would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows import corrections
from flows.ledger import record
from flows.ledger.decisions import DECISION_NAMES, UNDECIDED
from flows.ledger.direction import apply_decisions, undo_direction
from flows.ledger.shot_decisions import list_variants
from flows.ledger.shot_matching import identify_places
from flows.ledger.shot_state import FARM, ShotState
from flows.project import Project, done
from flows.trust import waivers
from flows.trust.waivers import WAIVED, Waived
from flows.version import DELIVERABLES, Version
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
    """A look at the record. `ledger` and `wanted` go with `shots`, one each: the state, and the
    shot as decisions want it.

    `variants` (by place) and `takes` (by shot id) hold also what is not in use. `cuts`, `checks`,
    `waived`, `files` and `folder` are of `version`; None before the first one. `events`: all
    decisions of people, oldest first.
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
    waived: Waived
    files: Sequence[Deliverable]
    folder: Path | None

    def find_state(self, key: str) -> ShotState | None:
        """The shot with this id or number; None when the recorded cut has none."""
        folded = key.casefold()
        return next(
            (
                one
                for one in self.states
                if folded in (one.shot.shot_id, one.shot.number.casefold())
            ),
            None,
        )


def read_revision(project: Project) -> str:
    """A short text that is another one after every commit that is news. Costs a look at the tables'
    logs.
    """
    return digest([sorted(project.store.list_files(kind)) for kind in WATCHED])[:16]


def read_snapshot(project: Project) -> Snapshot:
    """All of it, as it stood at one moment."""
    still = replace(project, store=project.store.pin_tables())
    store, revision = still.store, read_revision(still)
    shots = store.read_current(Shot)
    decided = record.read_decisions(store, shots)
    size = (project.production.width, project.production.height)
    undirected = [
        undo_direction(shot, decided.get(place, UNDECIDED))
        for place, shot in zip(identify_places(shots), shots, strict=True)
    ]
    wanted = apply_decisions(undirected, decisions=decided, size=size)
    standing = done(still, shots)
    ledger = record.read_run_states(
        still, shots, run=record.find_newest_run(still), done=set(standing)
    )
    asked = {entry.place: list_variants(entry) for entry in ledger}
    others = [
        shot for several in asked.values() for shot in several if shot.shot_id not in standing
    ]
    version = _newest_version(still)
    return Snapshot(
        project=project,
        revision=revision,
        shots=shots,
        states=ledger,
        wanted_shots=wanted,
        variants=asked,
        takes=standing | done(still, others) if others else standing,
        cues=store.read_current(Cue),
        lines=store.read_current(Line),
        actors=store.read_current(Actor),
        recordings=store.read_current(Recording),
        overrides=corrections.read_overrides(store),
        events=_decisions(still),
        version=version,
        cuts=store.read(Cut, version=version) if version else [],
        checks=store.read(Check, version=version) if version else [],
        waived=waivers.waived(store, version) if version else {},
        files=store.read(Deliverable, version=version) if version else [],
        folder=project.root / DELIVERABLES / version if version else None,
    )


def preview_version(project: Project, made: Version, cuts: Sequence[Cut]) -> Snapshot:
    """The record with a version that is about to stand and is not in it yet. `made.folder`: where
    its files are now.
    """
    return replace(
        read_snapshot(project),
        version=made.name,
        cuts=cuts,
        checks=made.checks,
        waived={},
        files=made.deliverables,
        folder=made.folder,
    )


def read_log(reading: Snapshot, key: str) -> str | None:
    """What the farm said of a shot, a line an event, oldest first; None for a shot that there is
    not.
    """
    entry = reading.find_state(key)
    return read_logs(reading, [entry.shot])[entry.shot.shot_id] if entry else None


def read_logs(reading: Snapshot, shots: Sequence[Shot]) -> dict[str, str]:
    """The same for many shots, by id, in one look at the record."""
    rows = (
        reading.project.store.read(Event, name=list(FARM), subject=[shot.shot_id for shot in shots])
        if shots
        else []
    )
    told: dict[str, list[str]] = {shot.shot_id: [] for shot in shots}
    for row in _in_order(rows):
        told[row.subject].append(f"{row.happened_at[:19]}Z  {row.name}  {row.detail}".rstrip())
    for key, lines in told.items():
        take = reading.takes.get(key)
        if take is not None:
            made = f"{take.frames} frames in {take.wall_seconds:.1f} s by {take.worker}"
            lines.append(f"take: {made} ({take.talker} {take.talker_version})")
    return {key: "\n".join(lines) for key, lines in told.items()}


def _newest_version(project: Project) -> str | None:
    """The version that was made last and stands, whether or not a failed check keeps `latest` from
    it.
    """
    known = {row.version for row in project.store.read(Deliverable)}
    standing = [
        name for name in versions.list_versions(project.root / DELIVERABLES) if name in known
    ]
    return standing[-1] if standing else None


def _decisions(project: Project) -> list[Event]:
    rows = project.store.read(Event, name=[*DECISION_NAMES, corrections.EVENT, WAIVED])
    return [row for row in _in_order(rows) if row.name != "moved"]


def _in_order(rows: Iterable[Event]) -> list[Event]:
    return sorted(rows, key=lambda row: (row.happened_at, row.event_id))
