# SPDX-License-Identifier: Apache-2.0
"""Finishing: from takes to a version that stands in its folder, whole, with its checks.

Colour-match, edit list, master sound, all profiles from one decode, captions, timeline, contact
sheet, checks; then one rename. The pure decisions and the engines are in `pipeline`; here they meet
the record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.finishing import checking, deliveries, hls_playlists, recorded, sidecars
from flows.progress import reporter
from flows.project import Project
from flows.review import export
from flows.trust import consents
from flows.version import Draft, Version, VersionInputs, look_settings, loudness_settings
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade, Shot, Take
from manifests.timebase import sample_of_frame
from pipeline.assemble import assemble, edit_list, master_mix
from pipeline.checks import qc
from pipeline.colour import grade as grading
from pipeline.deliver import captions, delivery_job, versions
from pipeline.render.slate import SLATE

__all__ = ["VersionInputs", "Version", "match_colours", "build_cuts", "make_version", "find_standing_files"]


def match_colours(project: Project, reel: VersionInputs) -> list[Grade]:
    """One transform per shot; recorded when new."""
    shots, takes = _drop_slates(reel)
    grades = grading.grade_shots(
        shots,
        takes,
        look=look_settings(project, shots),
        root=project.root,
        progress=reporter().count,
    )
    recorded.record_grades(project, grades)
    return grades


def _drop_slates(reel: VersionInputs) -> tuple[list[Shot], list[Take]]:
    """All but slates, which have no colour to match and no part in anybody's."""
    takes = [take for take in reel.takes if take.label != SLATE]
    return [shot for shot in reel.shots if shot.talker != SLATE], takes


def build_cuts(project: Project, reel: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """The edit list; its version is named when it is delivered."""
    size = (project.production.width, project.production.height)
    return assemble.build_cuts(reel.shots, reel.takes, grades, version="", size=size)


def find_standing_files(project: Project, reel: VersionInputs) -> list[Deliverable] | None:
    """The deliverables when a version with this very cut, sound and settings stands, else None.
    Opens no media.
    """
    shots, takes = _drop_slates(reel)
    take_of = {take.shot_id: take for take in takes}
    pairs = [(shot, take_of[shot.shot_id]) for shot in shots if shot.shot_id in take_of]
    ids = grading.grade_ids(pairs, look_settings(project, shots))
    grades = recorded.find_grades(project, ids)
    if grades is None:
        return None
    passes = deliveries.plan_passes(project, reel, build_cuts(project, reel, grades))
    wanted = [
        delivery_job.deliverable_id(one.cuts, one.job, profile)
        for one in passes
        for profile in one.job.profiles
    ]
    wanted += [*deliveries.compute_stem_ids(project, reel, passes).values(), *hls_playlists.compute_ids(passes)]
    return recorded.find_standing_files(project, wanted)


def make_version(project: Project, reel: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """Render, describe, check and publish: the folder appears whole or not at all; `latest` moves
    to it when no check failed.
    """
    place = project.root / layout.DELIVERABLES
    name = versions.next_version(place)
    samples = sample_of_frame(edit_list.total_frames(cuts), project.production.rate)
    master = master_mix.render_master(
        reel.recordings, samples=samples, settings=loudness_settings(project), root=project.root
    )
    passes = deliveries.plan_passes(project, reel, cuts, version=name)
    with versions.stage_version(place, name) as folder:
        files = deliveries.render_passes(passes, folder=folder)
        reporter().step("Captions, timeline, contact sheet, checks")
        stems = deliveries.write_stems(project, reel, master, folder=folder)
        shown = sidecars.compose_captions(project, reel, cuts)
        lead = passes[0].job.lead_frames
        sidecars.write_captions(project, captions.delay_captions(shown, lead), folder=folder)
        sidecars.write_timeline(project, reel, cuts, folder=folder, at=place / name)
        sidecars.write_pictures(
            project, reel, passes[0], video=files[passes[0].job.profiles[0].name], folder=folder
        )
        draft = Draft(
            project=project,
            reel=reel,
            passes=passes,
            master=master,
            name=name,
            folder=folder,
            files=files,
            shown=shown,
            stems=stems,
        )
        checks = (
            checking.check_version(draft) + deliveries.check_sound(draft) + checking.sign_files(draft)
        )
        checks += hls_playlists.write_playlists(draft)
        qc.write_checks(checks, folder)
        made = Version(
            name=name,
            folder=folder,
            deliverables=[*deliveries.describe_files(draft), *hls_playlists.describe_playlist(draft)],
            checks=checks,
        )
        export.write_report(project, made, cuts)
        consents.require_consents(project)
        final = versions.publish_version(folder, place, name, latest=not qc.select_failures(checks))
    recorded.record_version(project, name, cuts, checks, made.deliverables)
    return dataclasses.replace(made, folder=final)
