# SPDX-License-Identifier: Apache-2.0
"""Plan and render deliveries: profiles in passes (one decode each), cards, chapters, stems."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from flows.finishing import sidecars
from flows.progress import get_reporter
from flows.project import Project
from flows.version import Draft, VersionInputs, build_loudness_settings
from manifests import identity, layout
from manifests.delivery_rows import Check, Deliverable
from manifests.plurals import count_nouns
from manifests.rows import Cut
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline.assemble import assemble, edit_list, master_mix, stems
from pipeline.assemble.assemble import Picture
from pipeline.assemble.conform import find_moved_cuts
from pipeline.cut import framing
from pipeline.deliver import burn_in, captions, cards, deliver, profiles, watermark
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.delivery_job import DeliveryJob, DeliveryPass

# warn when speech is this far from the whole programme: then music or noise makes it loud
QUIET_DIALOGUE_LU = 3.0


def plan_passes(
    project: Project, inputs: VersionInputs, cuts: Sequence[Cut], *, version: str = ""
) -> list[DeliveryPass]:
    """Group the production's profiles by picture into passes; those of the whole picture first.

    `cuts`: the edit list; every pass frames it anew. `version`: what a watermark names; the
    identities do not depend on it.
    """
    wanted = _list_profiles(project)
    wanted.sort(key=lambda profile: (profile.transparent, profile.tall))
    passes = []
    for _, group in itertools.groupby(wanted, key=lambda profile: profile.picture_variant):
        same = tuple(group)
        size = (project.production.width, project.production.height)
        size = framing.upright_size(size) if same[0].tall else size
        framed = assemble.reframe_cuts(cuts, inputs.shots, inputs.takes, size=size)
        job = _build_job(project, inputs, framed, size=size, wanted=same)
        if job.watermark:
            job = dataclasses.replace(job, code=watermark.compute_code(job.watermark, version))
        passes.append(DeliveryPass(cuts=framed, job=job))
    return passes


def _list_profiles(project: Project) -> list[profiles.Profile]:
    """List the profiles with a picture; HLS is a ladder of them."""
    size = (project.production.width, project.production.height)
    wanted = list[profiles.Profile]()
    for name in project.production.delivery.profiles:
        if name == profiles.HLS:
            wanted += profiles.build_ladder(size, project.production.rate)
        elif name != profiles.STEMS:
            wanted.append(profiles.PROFILES[name])
    return wanted


def render_passes(passes: Sequence[DeliveryPass], *, folder: Path) -> dict[str, Path]:
    """Render the files of all passes, by profile."""
    files: dict[str, Path] = {}
    for part in passes:
        files |= deliver.render_profiles(
            part.cuts, part.job, folder=folder, progress=get_reporter().count
        )
    return files


def compute_stem_ids(
    project: Project, inputs: VersionInputs, passes: Sequence[DeliveryPass]
) -> dict[str, str]:
    """Compute the identity of every stem to deliver."""
    if profiles.STEMS not in project.production.delivery.profiles:
        return {}
    return stems.compute_stem_ids(passes[0].job.sound_id, inputs.cues)


def write_stems(
    project: Project, inputs: VersionInputs, master: master_mix.MasterSound, *, folder: Path
) -> dict[str, Path]:
    """Write the stems to deliver into a folder of their own."""
    if profiles.STEMS not in project.production.delivery.profiles:
        return {}
    return stems.write_stems(project.root / master.path, inputs.cues, folder / layout.STEMS)


def describe_files(draft: Draft) -> list[Deliverable]:
    """Describe all files as rows."""
    rows = [
        row
        for part in draft.passes
        for row in deliver.describe_files(
            dict(draft.files), part.cuts, part.job, version=draft.name
        )
    ]
    ids = compute_stem_ids(draft.project, draft.inputs, draft.passes)
    return rows + [
        Deliverable(
            deliverable_id=ids[name],
            version=draft.name,
            profile=profiles.STEMS,
            path=f"{draft.name}/{path.relative_to(draft.folder).as_posix()}",
            media_digest=identity.digest_file(path),
            frames=edit_list.count_frames(draft.cuts),
            seconds=draft.master.samples / MASTER_HZ,
            width=0,
            height=0,
        )
        for name, path in draft.stems.items()
    ]


def check_sound(draft: Draft) -> list[Check]:
    """Check the loudness of the speech alone, and that the stems add up to the master."""
    master = draft.project.root / draft.master.path
    spoken = stems.measure_dialogue_loudness(master, draft.inputs.cues, draft.folder)
    checks = []
    if spoken.measurable and draft.master.after.measurable:
        is_far = abs(spoken.lufs - draft.master.after.lufs) > QUIET_DIALOGUE_LU
        checks.append(
            _build_check(
                draft,
                "dialogue loudness",
                f"{spoken.lufs:.1f} LUFS",
                limit=f"within {QUIET_DIALOGUE_LU:g} LU of the programme",
                verdict="warn" if is_far else "pass",
                advice="music or noise, not speech, sets the loudness: check by ear",
            )
        )
    if draft.stems:
        checks.append(_check_stems(draft, master))
    return [*checks, _check_sync(draft)]


def _check_stems(draft: Draft, master: Path) -> Check:
    steps = stems.measure_difference(master, list(draft.stems.values()))
    return _build_check(
        draft,
        "stems add up to the master",
        f"{steps} steps of 24 bits apart",
        limit="0 steps",
        verdict="fail" if steps else "pass",
    )


def _check_sync(draft: Draft) -> Check:
    """Check that all speakers are shown at the time of their words: an editor may move clips."""
    apart = find_moved_cuts(draft.cuts, {shot.shot_id: shot for shot in draft.inputs.shots})
    shots = count_nouns(len(apart), "shot")
    first = f", first {apart[0][0].number} by {apart[0][1]} frames" if apart else ""
    value = f"{shots} out of sync{first}"
    verdict, advice = (
        ("warn" if apart else "pass"),
        "move these clips back over their words: the sound was not edited",
    )
    return _build_check(
        draft,
        "picture against sound",
        value,
        limit="0 shots out of sync",
        verdict=verdict,
        advice=advice,
    )


def _build_job(
    project: Project,
    inputs: VersionInputs,
    cuts: Sequence[Cut],
    *,
    size: tuple[int, int],
    wanted: tuple[profiles.Profile, ...],
) -> DeliveryJob:
    settings, production = project.production.delivery, project.production
    picture = Picture(width=size[0], height=size[1], rate=production.rate)
    samples = sample_of_frame(edit_list.count_frames(cuts), picture.rate)
    sound_id = master_mix.compute_sound_id(
        inputs.recordings, samples=samples, settings=build_loudness_settings(project)
    )
    job = DeliveryJob(
        picture=picture,
        sound_id=sound_id,
        sound_path=master_mix.locate_master(sound_id, root=project.root),
        root=project.root,
        profiles=wanted,
        burn_in=settings.burn_in,
        label=settings.label,
        title=production.title,
        chapters=_list_chapters(inputs, cuts),
    )
    # an element for compositing gets no cards, no captions and no watermark
    return job if job.reader_settings.transparent else _add_cards(project, inputs, cuts, job)


def _add_cards(
    project: Project, inputs: VersionInputs, cuts: Sequence[Cut], job: DeliveryJob
) -> DeliveryJob:
    """Add the watermark, the slate, the end card and burned-in captions to a job."""
    settings, production, picture = project.production.delivery, project.production, job.picture
    slate = cards.build_slate_lines(production.title, production.episode, cuts, picture)
    end = cards.build_end_lines(production.title, cuts)
    job = dataclasses.replace(
        job,
        watermark=settings.watermark,
        slate=cards.make_card(slate, settings.slate_seconds, picture, root=project.root),
        end_card=cards.make_card(end, settings.end_card_seconds, picture, root=project.root),
    )
    if not settings.burn_captions:
        return job
    shown = sidecars.compose_captions(project, inputs, cuts)
    return burn_in.burn_captions(captions.delay_captions(shown, job.lead_frames), job)


def _list_chapters(inputs: VersionInputs, cuts: Sequence[Cut]) -> tuple[FileChapter, ...]:
    """List one chapter per scene, when there are several."""
    scene_of = {shot.shot_id: shot.scene for shot in inputs.shots}
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
