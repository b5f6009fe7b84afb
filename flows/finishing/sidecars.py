# SPDX-License-Identifier: Apache-2.0
"""Write the sidecars of a version: captions, timeline, contact sheet, poster, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.project import Project
from flows.review import export
from flows.version import VersionInputs
from manifests import layout
from manifests.rows import Cut, Grade, Shot
from pipeline.assemble import edit_list, edl, timeline
from pipeline.assemble.assemble import Picture
from pipeline.colour import grade as grading
from pipeline.deliver import caption_files, caption_rules, captions, contact_sheet, ttml
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryPass


def compose_captions(project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> list[Caption]:
    """Compose the captions of the cut by the rules of the production's language."""
    return captions.compose_captions(
        inputs.cues,
        rate=project.production.rate,
        frames=edit_list.count_frames(cuts),
        shot_changes=[cut.start_frame for cut in cuts if not cut.layer],
        rules=caption_rules.choose_rules(project.production.language),
    )


def write_captions(project: Project, shown: Sequence[Caption], *, folder: Path) -> None:
    """Write captions on the frames of the files, as SRT, WebVTT and TTML."""
    caption_files.write_captions(shown, folder, rate=project.production.rate)
    ttml.write_ttml(
        shown, folder, rate=project.production.rate, language=project.production.language
    )


def write_timeline(
    project: Project, inputs: VersionInputs, cuts: Sequence[Cut], *, folder: Path, at: Path
) -> None:
    """Write the cut as OpenTimelineIO, Final Cut's XML and EDL.

    `at` is where the version will stand.
    """
    programme = timeline.Programme(
        title=project.production.title,
        rate=project.production.rate,
        cuts=cuts,
        shots={shot.shot_id: shot for shot in inputs.shots},
        recordings=inputs.recordings,
        root=project.root,
        take_frames={take.shot_id: take.frames for take in inputs.takes},
        size=(project.production.width, project.production.height),
    )
    timeline.write_otio(programme, folder=folder, at=at)
    timeline.write_fcp_xml(programme, folder=folder, at=at)
    edl.write_edl(programme, folder=folder)


def write_pictures(
    project: Project, inputs: VersionInputs, shown: DeliveryPass, *, video: Path, folder: Path
) -> None:
    """Write contact sheet, thumbnails, poster, and before-and-after pictures of grading.

    They come from a file of one pass; each character's first shot is shown before and after.
    """
    picture, cuts = shown.job.picture, [cut for cut in shown.shifted_cuts if not cut.layer]
    _write_contact_sheet(inputs, cuts, video, folder, picture)
    longest = max(cuts, key=lambda cut: cut.frames)
    middle = (longest.start_frame + longest.end_frame) // 2
    contact_sheet.write_poster(video, middle, folder / layout.POSTER, size=picture.size)
    _write_before_after(project, inputs, cuts, folder)


def _write_before_after(
    project: Project, inputs: VersionInputs, cuts: Sequence[Cut], folder: Path
) -> None:
    """Write each character's first shot before and after grading."""
    takes = {take.shot_id: take for take in inputs.takes}
    grades = {grade.shot_id: grade for grade in read_grades(project, cuts)}
    firsts = {shot.character: shot for shot in reversed(inputs.shots) if shot.shot_id in grades}
    pairs = [
        (
            *grading.render_before_after(
                takes[shot.shot_id], grades[shot.shot_id], root=project.root
            ),
            shot.character,
            _describe_change(grades[shot.shot_id]),
        )
        for shot in sorted(firsts.values(), key=lambda shot: shot.order)
    ]
    contact_sheet.write_before_after_sheet(pairs, folder / layout.GRADES_SHEET)


def _write_contact_sheet(
    inputs: VersionInputs, cuts: Sequence[Cut], video: Path, folder: Path, picture: Picture
) -> None:
    performances = {(cue.line_id, cue.character): cue.performance for cue in inputs.cues}
    shots = {shot.shot_id: shot for shot in inputs.shots}
    cells = [
        contact_sheet.SheetCell(
            frame=export.find_middle_frame(cut),
            title=f"{shot.number}  {shot.character}",
            note=_find_performance(shot, performances) or shot.role,
        )
        for cut in cuts
        for shot in [shots[cut.shot_id]]
    ]
    wide = 320 if picture.width >= picture.height else 180
    size = (wide, round(wide * picture.height / picture.width))
    pictures = contact_sheet.pick_frames(video, [cell.frame for cell in cells], size=size)
    contact_sheet.lay_out(pictures, cells, folder / layout.CONTACT_SHEET, rate=picture.rate)
    export.write_thumbnails(pictures, cuts, folder)


def _find_performance(shot: Shot, performances: Mapping[tuple[str, str], str]) -> str:
    """Find what a shot's character performs in their first line of it; "" for their default."""
    own = (performances.get((name, shot.character)) for name in shot.line_ids.split("|"))
    return next((performance for performance in own if performance), "")


def _describe_change(grade: Grade) -> str:
    limited = ", held at the limit" if grade.limited else ""
    before, after = f"{grade.delta_e_before:.1f} before", f"{grade.delta_e_after:.1f} after"
    return f"distance to look: {before}, {after} (dE2000){limited}"


def read_grades(project: Project, cuts: Sequence[Cut]) -> list[Grade]:
    """Read the transforms of the cut."""
    return project.store.read(Grade, grade_id=list({cut.grade_id for cut in cuts}))
