# SPDX-License-Identifier: Apache-2.0
"""Conform: make the next version from a timeline that an editor changed.

Existing takes and grades are used as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows import listening
from flows.finishing import episode
from flows.inputs import read_inputs
from flows.lease import hold_lease
from flows.project import Project, find_done_takes, open_project
from flows.version import Version, VersionInputs
from manifests import identity
from manifests.errors import InputError, Problem
from manifests.rows import Cue, Cut, Shot
from manifests.run_rows import new_event
from pipeline.assemble.conform import conform_cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformedVersion:
    """The new version, and the numbers of the events that differ from the rendered cut."""

    version: Version
    changed: list[str]
    removed: list[str]


def conform(
    folder: Path, edited: Path, *, out: Path | None, wait_seconds: float = 0.0
) -> ConformedVersion:
    """Make a version of the cut in `edited` (.otio).

    Raises InputError when the production is not rendered, and with all problems of the timeline;
    BusyError when a run works on the production.
    """
    project = open_project(folder, out)
    inputs = _read_rendered_inputs(project)
    with hold_lease(project.root, purpose="conform", wait_seconds=wait_seconds):
        before = episode.build_cuts(project, inputs, episode.match_colours(project, inputs))
        cuts = conform_cuts(before, edited)
        version = episode.make_version(project, inputs, cuts)
        digest = identity.digest_file(edited)
        project.store.append(
            [
                new_event(
                    "conformed", version.name, actor="callsheet", detail=f"{edited.name} {digest}"
                )
            ]
        )
    return ConformedVersion(version=version, **_compare_cuts(before, cuts))


def _read_rendered_inputs(project: Project) -> VersionInputs:
    """Read what the recorded cut is made of. Raises InputError when takes are missing."""
    recordings = listening.find_ingested_recordings(project, read_inputs(project))
    shots = project.store.read_current(Shot)
    takes = find_done_takes(project, shots)
    missing = [shot for shot in shots if shot.shot_id not in takes]
    if recordings is None or not shots or missing:
        count = f"{len(missing)} of {len(shots)} shots have no take"
        problem = Problem(
            file=str(project.folder),
            message=count if shots else "nothing has been rendered yet",
            expected=f"a finished run of callsheet render {project.folder}",
        )
        raise InputError(problem)
    return VersionInputs(
        shots=shots,
        takes=list(takes.values()),
        cues=project.store.read_current(Cue),
        recordings=recordings,
    )


def _compare_cuts(before: list[Cut], after: list[Cut]) -> dict[str, list[str]]:
    def place(cut: Cut) -> tuple[object, ...]:
        return cut.shot_id, cut.start_frame, cut.end_frame, cut.take_frame, cut.dissolve_frames

    known, kept = {place(cut) for cut in before}, {cut.shot_id for cut in after}
    return {
        "changed": [cut.number for cut in after if place(cut) not in known],
        "removed": [cut.number for cut in before if cut.shot_id not in kept],
    }
