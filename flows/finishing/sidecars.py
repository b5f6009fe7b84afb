# SPDX-License-Identifier: Apache-2.0
"""What lies beside a version's files: captions, timeline, contact sheet, poster, before and
after.
"""

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


def compose_captions(project: Project, reel: VersionInputs, cuts: Sequence[Cut]) -> list[Caption]:
    """The captions of the cut, by the rules of the production's language."""
    return captions.compose_captions(
        reel.cues,
        rate=project.production.rate,
        frames=edit_list.total_frames(cuts),
        shot_changes=[cut.start_frame for cut in cuts if not cut.layer],
        rules=caption_rules.rules_for(project.production.language),
    )


def write_captions(project: Project, shown: Sequence[Caption], *, folder: Path) -> None:
    """Captions on the frames of the files, as SRT, WebVTT and TTML."""
    caption_files.write_captions(shown, folder, rate=project.production.rate)
    ttml.write_ttml(
        shown, folder, rate=project.production.rate, language=project.production.language
    )


def write_timeline(
    project: Project, reel: VersionInputs, cuts: Sequence[Cut], *, folder: Path, at: Path
) -> None:
    """The cut as OpenTimelineIO, Final Cut's XML and EDL; `at` is where the version will stand."""
    programme = timeline.Programme(
        title=project.production.title,
        rate=project.production.rate,
        cuts=cuts,
        shots={shot.shot_id: shot for shot in reel.shots},
        recordings=reel.recordings,
        root=project.root,
        take_frames={take.shot_id: take.frames for take in reel.takes},
        size=(project.production.width, project.production.height),
    )
    timeline.write_otio(programme, folder=folder, at=at)
    timeline.write_fcp_xml(programme, folder=folder, at=at)
    edl.write_edl(programme, folder=folder)


def write_pictures(
    project: Project, reel: VersionInputs, shown: DeliveryPass, *, video: Path, folder: Path
) -> None:
    """Contact sheet, thumbnails, poster, and each character's first shot before and after grading,
    from a file of a pass.
    """
    picture, cuts = shown.job.picture, [cut for cut in shown.shifted_cuts if not cut.layer]
    _write_contact_sheet(reel, cuts, video, folder, picture)
    longest = max(cuts, key=lambda cut: cut.frames)
    contact_sheet.write_poster(
        video,
        (longest.start_frame + longest.end_frame) // 2,
        folder / layout.POSTER,
        size=picture.size,
    )
    takes = {take.shot_id: take for take in reel.takes}
    grades = {grade.shot_id: grade for grade in read_grades(project, cuts)}
    firsts = {shot.character: shot for shot in reversed(reel.shots) if shot.shot_id in grades}
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
    reel: VersionInputs, cuts: Sequence[Cut], video: Path, folder: Path, picture: Picture
) -> None:
    moods = {(cue.line_id, cue.character): cue.performance for cue in reel.cues}
    shots = {shot.shot_id: shot for shot in reel.shots}
    cells = [
        contact_sheet.SheetCell(
            frame=export.find_middle_frame(cut),
            title=f"{shot.number}  {shot.character}",
            note=_find_performance(shot, moods) or shot.role,
        )
        for cut in cuts
        for shot in [shots[cut.shot_id]]
    ]
    wide = 320 if picture.width >= picture.height else 180
    size = (wide, round(wide * picture.height / picture.width))
    pictures = contact_sheet.pick_frames(video, [cell.frame for cell in cells], size=size)
    contact_sheet.lay_out(pictures, cells, folder / layout.CONTACT_SHEET, rate=picture.rate)
    export.write_thumbnails(pictures, cuts, folder)


def _find_performance(shot: Shot, moods: Mapping[tuple[str, str], str]) -> str:
    """What the one in the picture performs in the shot's first line of theirs; "" for their
    default.
    """
    own = (moods.get((name, shot.character)) for name in shot.line_ids.split("|"))
    return next((mood for mood in own if mood), "")


def _describe_change(grade: Grade) -> str:
    limited = ", held at the limit" if grade.limited else ""
    return f"from {grade.delta_e_before:.1f} to {grade.delta_e_after:.1f} CIEDE2000 off the look{limited}"


def read_grades(project: Project, cuts: Sequence[Cut]) -> list[Grade]:
    """The transforms of the cut."""
    return project.store.read(Grade, grade_id=list({cut.grade_id for cut in cuts}))
