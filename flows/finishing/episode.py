# SPDX-License-Identifier: Apache-2.0
"""Finish an episode: from takes to a version in its folder, with its checks.

The steps are colour matching, edit list, master sound, all profiles from one decode, captions,
timeline, contact sheet and checks; one rename publishes them. The pure decisions and the engines
are in `pipeline`; here they meet the record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from flows.finishing import checking, deliveries, hls_playlists, recorded, sidecars
from flows.progress import get_reporter
from flows.project import Project
from flows.review import export
from flows.trust import consents
from flows.version import (
    Draft,
    Version,
    VersionInputs,
    build_look_settings,
    build_loudness_settings,
)
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade, Shot, Take
from manifests.timebase import sample_of_frame
from pipeline.assemble import assemble, edit_list, master_mix
from pipeline.checks import qc
from pipeline.colour import grade as grading
from pipeline.deliver import captions, delivery_job, versions
from pipeline.render.slate import SLATE


def match_colours(project: Project, inputs: VersionInputs) -> list[Grade]:
    """Estimate one colour transform per shot; record those that are new."""
    shots, takes = _drop_slates(inputs)
    grades = grading.grade_shots(
        shots,
        takes,
        look=build_look_settings(project, shots),
        root=project.root,
        progress=get_reporter().count,
    )
    recorded.record_grades(project, grades)
    return grades


def _drop_slates(inputs: VersionInputs) -> tuple[list[Shot], list[Take]]:
    """Drop slates, which have no colour to match and no part in that of others."""
    takes = [take for take in inputs.takes if take.label != SLATE]
    return [shot for shot in inputs.shots if shot.talker != SLATE], takes


def build_cuts(project: Project, inputs: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """Build the edit list; its version is set on delivery."""
    size = (project.production.width, project.production.height)
    return assemble.build_cuts(inputs.shots, inputs.takes, grades, version="", size=size)


def find_standing_files(project: Project, inputs: VersionInputs) -> list[Deliverable] | None:
    """Find the files of a version with this very cut, sound and settings, or None.

    Opens no media.
    """
    shots, takes = _drop_slates(inputs)
    take_of = {take.shot_id: take for take in takes}
    pairs = [(shot, take_of[shot.shot_id]) for shot in shots if shot.shot_id in take_of]
    ids = grading.compute_grade_ids(pairs, build_look_settings(project, shots))
    grades = recorded.find_grades(project, ids)
    if grades is None:
        return None
    passes = deliveries.plan_passes(project, inputs, build_cuts(project, inputs, grades))
    wanted = [
        delivery_job.compute_deliverable_id(part.cuts, part.job, profile)
        for part in passes
        for profile in part.job.profiles
    ]
    wanted += deliveries.compute_stem_ids(project, inputs, passes).values()
    wanted += hls_playlists.compute_ids(passes)
    return recorded.find_standing_files(project, wanted)


def make_version(project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """Render, describe, check and publish a version.

    Its folder appears complete or not at all; `latest` moves to it when no check failed.
    """
    place = project.root / layout.DELIVERABLES
    name = versions.name_next_version(place)
    samples = sample_of_frame(edit_list.count_frames(cuts), project.production.rate)
    master = master_mix.render_master(
        inputs.recordings,
        samples=samples,
        settings=build_loudness_settings(project),
        root=project.root,
    )
    passes = deliveries.plan_passes(project, inputs, cuts, version=name)
    with versions.stage_version(place, name) as folder:
        draft = Draft(
            project=project,
            inputs=inputs,
            passes=passes,
            master=master,
            name=name,
            folder=folder,
            files=deliveries.render_passes(passes, folder=folder),
            captions_on_frames=sidecars.compose_captions(project, inputs, cuts),
            stems=deliveries.write_stems(project, inputs, master, folder=folder),
        )
        get_reporter().step("Captions, timeline, contact sheet, checks")
        _write_sidecars(draft, cuts, at=place / name)
        version = _check_draft(draft)
        export.write_report(project, version, cuts)
        consents.require_consents(project)
        is_good = not qc.select_failures(version.checks)
        final = versions.publish_version(folder, place, name, latest=is_good)
    recorded.record_version(project, name, cuts, version.checks, version.deliverables)
    return dataclasses.replace(version, folder=final)


def _write_sidecars(draft: Draft, cuts: Sequence[Cut], *, at: Path) -> None:
    project, inputs, folder, first = draft.project, draft.inputs, draft.folder, draft.passes[0]
    delayed = captions.delay_captions(draft.captions_on_frames, first.job.lead_frames)
    sidecars.write_captions(project, delayed, folder=folder)
    sidecars.write_timeline(project, inputs, cuts, folder=folder, at=at)
    video = draft.files[first.job.profiles[0].name]
    sidecars.write_pictures(project, inputs, first, video=video, folder=folder)


def _check_draft(draft: Draft) -> Version:
    """Check and sign the files, write the HLS playlists and the list of checks."""
    checks = checking.check_version(draft) + deliveries.check_sound(draft)
    checks += checking.sign_files(draft) + hls_playlists.write_playlists(draft)
    qc.write_checks(checks, draft.folder)
    return Version(
        name=draft.name,
        folder=draft.folder,
        deliverables=[*deliveries.describe_files(draft), *hls_playlists.describe_playlist(draft)],
        checks=checks,
    )
