# SPDX-License-Identifier: Apache-2.0
"""What a production wants delivered: its profiles in passes (one decode each), cards, burned
captions, chapters, and stems.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from flows.finishing import sidecars
from flows.progress import reporter
from flows.project import Project
from flows.version import Draft, VersionInputs, loudness_settings
from manifests import identity, layout
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cut
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline.assemble import assemble, edit_list, master_mix, stems
from pipeline.assemble.assemble import Picture
from pipeline.assemble.conform import find_moved_cuts
from pipeline.cut import framing
from pipeline.deliver import burn_in, captions, cards, deliver, profiles, watermark
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.delivery_job import DeliveryJob, DeliveryPass

QUIET_DIALOGUE_LU = (
    # speech this far from the whole programme is worth a warning: music or noise carries the
    # loudness
    3.0
)


def plan_passes(
    project: Project, reel: VersionInputs, cuts: Sequence[Cut], *, version: str = ""
) -> list[DeliveryPass]:
    """The profiles of the production that show the same picture, together; those that show the
    whole picture first.

    `cuts`: the edit list; it is framed anew for every pass. `version`: what a watermark names;
    their identities do not depend on it.
    """
    wanted = _list_profiles(project)
    wanted.sort(key=lambda profile: (profile.transparent, profile.tall))
    made = []
    for _, group in itertools.groupby(wanted, key=lambda profile: profile.kind):
        same = tuple(group)
        size = (project.production.width, project.production.height)
        size = framing.upright_size(size) if same[0].tall else size
        picture = Picture(width=size[0], height=size[1], rate=project.production.rate)
        framed = assemble.reframe_cuts(cuts, reel.shots, reel.takes, size=size)
        job = _build_job(project, reel, framed, picture=picture, wanted=same)
        if job.watermark:
            job = dataclasses.replace(job, code=watermark.compute_code(job.watermark, version))
        made.append(DeliveryPass(cuts=framed, job=job))
    return made


def _list_profiles(project: Project) -> list[profiles.Profile]:
    """The profiles with a picture; HLS is a ladder of them."""
    size = (project.production.width, project.production.height)
    wanted = list[profiles.Profile]()
    for name in project.production.delivery.profiles:
        if name == profiles.HLS:
            wanted += profiles.build_ladder(size, project.production.rate)
        elif name != profiles.STEMS:
            wanted.append(profiles.PROFILES[name])
    return wanted


def render_passes(passes: Sequence[DeliveryPass], *, folder: Path) -> dict[str, Path]:
    """The files of all passes, by profile."""
    files: dict[str, Path] = {}
    for one in passes:
        files |= deliver.render_profiles(
            one.cuts, one.job, folder=folder, progress=reporter().count
        )
    return files


def compute_stem_ids(
    project: Project, reel: VersionInputs, passes: Sequence[DeliveryPass]
) -> dict[str, str]:
    """The identity of every stem that is wanted."""
    if profiles.STEMS not in project.production.delivery.profiles:
        return {}
    return stems.compute_stem_ids(passes[0].job.sound_id, reel.cues)


def write_stems(
    project: Project, reel: VersionInputs, master: master_mix.MasterSound, *, folder: Path
) -> dict[str, Path]:
    """The stems that are wanted, in a folder of their own."""
    if profiles.STEMS not in project.production.delivery.profiles:
        return {}
    return stems.write_stems(project.root / master.path, reel.cues, folder / layout.STEMS)


def describe_files(draft: Draft) -> list[Deliverable]:
    """The rows of all files."""
    rows = [
        row
        for one in draft.passes
        for row in deliver.describe_files(dict(draft.files), one.cuts, one.job, version=draft.name)
    ]
    ids = compute_stem_ids(draft.project, draft.reel, draft.passes)
    return rows + [
        Deliverable(
            deliverable_id=ids[name],
            version=draft.name,
            profile=profiles.STEMS,
            path=f"{draft.name}/{path.relative_to(draft.folder).as_posix()}",
            media_digest=identity.digest_file(path),
            frames=edit_list.total_frames(draft.cuts),
            seconds=draft.master.samples / MASTER_HZ,
            width=0,
            height=0,
        )
        for name, path in draft.stems.items()
    ]


def check_sound(draft: Draft) -> list[Check]:
    """How loud the speech alone is, and whether the stems add up to the master."""
    master = draft.project.root / draft.master.path
    spoken = stems.measure_dialogue_loudness(master, draft.reel.cues, draft.folder)
    checks = []
    if spoken.measurable and draft.master.after.measurable:
        verdict = (
            "warn" if abs(spoken.lufs - draft.master.after.lufs) > QUIET_DIALOGUE_LU else "pass"
        )
        limit = f"within {QUIET_DIALOGUE_LU:g} LU of the programme"
        advice = "the speech is not what makes the programme loud: listen"
        checks.append(
            _build_check(
                draft,
                "dialogue loudness",
                f"{spoken.lufs:.1f} LUFS",
                limit=limit,
                verdict=verdict,
                advice=advice,
            )
        )
    if draft.stems:
        steps = stems.measure_difference(master, list(draft.stems.values()))
        verdict, value = ("fail" if steps else "pass"), f"{steps} steps of 24 bits apart"
        checks.append(
            _build_check(
                draft, "stems add up to the master", value, limit="0 steps", verdict=verdict
            )
        )
    return [*checks, _check_sync(draft)]


def _check_sync(draft: Draft) -> Check:
    """Whether everybody who speaks is shown at the time of their words; an editor may have moved
    them.
    """
    apart = find_moved_cuts(draft.cuts, {shot.shot_id: shot for shot in draft.reel.shots})
    value = f"{len(apart)} events apart" + (
        f", first {apart[0][0].number} by {apart[0][1]} frames" if apart else ""
    )
    verdict, advice = (
        ("warn" if apart else "pass"),
        "the sound was not edited: move these clips back over their words",
    )
    return _build_check(
        draft,
        "picture against sound",
        value,
        limit="0 events apart",
        verdict=verdict,
        advice=advice,
    )


def _build_job(
    project: Project,
    reel: VersionInputs,
    cuts: Sequence[Cut],
    *,
    picture: Picture,
    wanted: tuple[profiles.Profile, ...],
) -> DeliveryJob:
    settings, production = project.production.delivery, project.production
    samples = sample_of_frame(edit_list.total_frames(cuts), picture.rate)
    sound_id = master_mix.sound_id(
        reel.recordings, samples=samples, settings=loudness_settings(project)
    )
    job = DeliveryJob(
        picture=picture,
        sound_id=sound_id,
        sound_path=master_mix.master_path(sound_id, root=project.root),
        root=project.root,
        profiles=wanted,
        burn_in=settings.burn_in,
        label=settings.label,
        title=production.title,
        chapters=_list_chapters(reel, cuts),
    )
    if (
        job.reader_settings.transparent
    ):  # an element for compositing: no cards, no captions, no watermark
        return job
    slate = cards.slate_lines(production.title, production.episode, cuts, picture)
    end = cards.end_lines(production.title, cuts)
    job = dataclasses.replace(
        job,
        watermark=settings.watermark,
        slate=cards.make_card(slate, settings.slate_seconds, picture, root=project.root),
        end_card=cards.make_card(end, settings.end_card_seconds, picture, root=project.root),
    )
    if not settings.burn_captions:
        return job
    return burn_in.burn_captions(
        captions.delay_captions(sidecars.compose_captions(project, reel, cuts), job.lead_frames),
        job,
    )


def _list_chapters(reel: VersionInputs, cuts: Sequence[Cut]) -> tuple[FileChapter, ...]:
    """One chapter a scene, when there are several."""
    scene_of = {shot.shot_id: shot.scene for shot in reel.shots}
    base = sorted((cut for cut in cuts if not cut.layer), key=lambda cut: cut.start_frame)
    scenes = [
        next(group) for _, group in itertools.groupby(base, key=lambda cut: scene_of[cut.shot_id])
    ]
    chapters = tuple(
        FileChapter(frame=cut.start_frame, title=scene_of[cut.shot_id]) for cut in scenes
    )
    return chapters if len(chapters) > 1 else ()


def _build_check(draft: Draft, name: str, value: str, **rest: str) -> Check:
    verdict, advice = rest["verdict"], rest.get("advice", "")
    return Check(
        version=draft.name,
        profile="sound",
        name=name,
        value=value,
        limit=rest["limit"],
        verdict=verdict,
        advice=advice if verdict != "pass" else "",
    )
