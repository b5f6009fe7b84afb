# SPDX-License-Identifier: Apache-2.0
"""Finishing: from takes to a version that stands in its folder, whole, with its checks.

Colour-match, edit list, master sound, all profiles from one decode, captions, timeline, contact sheet, checks; then one rename. The
pure decisions and the engines are in `pipeline`; here they meet the record.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from flows.film import Film
from flows.progress import reporter
from manifests.rows import Check, Cue, Cut, Deliverable, Grade, Recording, Shot, Take
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline import assemble, captions, credentials, deliver, qc, sheet, sound, timeline, viewing
from pipeline import grade as grading
from pipeline.assemble import Picture

DELIVERABLES = "deliverables"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """All that a version is made of."""

    shots: Sequence[Shot]
    takes: Sequence[Take]
    cues: Sequence[Cue]
    recordings: Sequence[Recording]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version that stands: its name, folder, files and checks."""

    name: str
    folder: Path
    deliverables: list[Deliverable]
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        """Checks that failed."""
        return qc.failures(self.checks)


def colour_match(film: Film, reel: Reel) -> list[Grade]:
    """One transform per shot; recorded when new."""
    grades = grading.grade(reel.shots, reel.takes, look=_look(film), root=film.root, progress=reporter().count)
    known = {row.grade_id for row in film.store.rows(Grade, grade_id=[grade.grade_id for grade in grades])}
    film.store.append(list({g.grade_id: g for g in grades if g.grade_id not in known}.values()))
    return grades


def edit(film: Film, reel: Reel, grades: Sequence[Grade]) -> list[Cut]:
    """The edit list; its version is named when it is delivered."""
    size = (film.production.width, film.production.height)
    return assemble.cuts(reel.shots, reel.takes, grades, version="", size=size)


def standing(film: Film, reel: Reel) -> list[Deliverable] | None:
    """The deliverables when a version with this very cut, sound and settings stands, else None. Opens no media."""
    take_of = {take.shot_id: take for take in reel.takes}
    pairs = [(shot, take_of[shot.shot_id]) for shot in reel.shots if shot.shot_id in take_of]
    ids = grading.grade_ids(pairs, _look(film))
    grades = film.store.rows(Grade, grade_id=list(ids.values()))
    if len({grade.grade_id for grade in grades}) < len(set(ids.values())):
        return None
    cuts = edit(film, reel, grades)
    job = _job(film, reel, cuts)
    wanted = [deliver.deliverable_id(cuts, job, profile) for profile in job.profiles]
    found = film.store.rows(Deliverable, deliverable_id=wanted)
    found = [row for row in found if (film.root / DELIVERABLES / row.path).is_file()]
    newest = [row for row in found if row.version == max(row.version for row in found)]
    return newest if {row.deliverable_id for row in newest} == set(wanted) else None


def make_version(film: Film, reel: Reel, cuts: Sequence[Cut]) -> Version:
    """Render, describe, check and publish: the folder appears whole or not at all; `latest` moves to it when no check failed."""
    place = film.root / DELIVERABLES
    name = deliver.next_version(place)
    job = _job(film, reel, cuts)
    samples = sample_of_frame(assemble.total_frames(cuts), job.picture.rate)
    master = sound.master(reel.recordings, samples=samples, settings=_loudness(film), root=film.root)
    with deliver.staging(place, name) as folder:
        files = deliver.render(cuts, job, folder=folder, progress=reporter().count)
        reporter().step("Captions, timeline, contact sheet, checks")
        shown = _captions(film, reel, cuts, folder)
        _timeline(film, reel, cuts, folder=folder, at=place / name)
        _pictures(film, reel, cuts, video=files["web" if "web" in files else next(iter(files))], folder=folder)
        expected = _expected(film, reel, cuts, master)
        checks = [c for kind, path in files.items() for c in qc.check(path, expected, version=name, profile=kind)]
        checks += [dataclasses.replace(check, version=name) for check in shown]
        checks += qc.check_edit(cuts, _grades(film, cuts), version=name, size=job.picture.size, rate=job.picture.rate)
        checks += _look_at(cuts, files, version=name, rate=job.picture.rate)
        checks += _sign(film, reel, files, version=name)
        qc.write(checks, folder)
        deliverables = deliver.describe(files, cuts, job, version=name)
        final = deliver.publish(folder, place, name, latest=not qc.failures(checks))
    _remember(film, cuts, deliverables, checks, version=name)
    return Version(name=name, folder=final, deliverables=deliverables, checks=checks)


def _job(film: Film, reel: Reel, cuts: Sequence[Cut]) -> deliver.Job:
    production = film.production
    picture = Picture(width=production.width, height=production.height, rate=production.rate)
    samples = sample_of_frame(assemble.total_frames(cuts), picture.rate)
    sound_id = sound.sound_id(reel.recordings, samples=samples, settings=_loudness(film))
    return deliver.Job(
        picture=picture,
        sound_id=sound_id,
        sound_path=sound.path_of(sound_id, root=film.root),
        root=film.root,
        profiles=tuple(deliver.PROFILES[name] for name in production.delivery.profiles),
        burn_in=production.delivery.burn_in,
        title=production.title,
        chapters=_chapters(reel),
    )


def _chapters(reel: Reel) -> tuple[deliver.Chapter, ...]:
    """One chapter a scene, when there are several."""
    ordered = sorted(reel.shots, key=lambda shot: shot.start_frame)
    scenes = [next(group) for _, group in itertools.groupby(ordered, key=lambda shot: shot.scene)]
    chapters = tuple(deliver.Chapter(frame=shot.start_frame, title=shot.scene) for shot in scenes)
    return chapters if len(chapters) > 1 else ()


def _look(film: Film) -> grading.LookSettings:
    look = film.production.look
    reference = film.production.path(look.reference) if look.reference else None
    return grading.LookSettings(method=look.method, strength=look.strength, reference=reference)


def _loudness(film: Film) -> sound.LoudnessSettings:
    return sound.LoudnessSettings(target_lufs=film.production.delivery.loudness_lufs)


def _captions(film: Film, reel: Reel, cuts: Sequence[Cut], folder: Path) -> list[Check]:
    """Write the captions; the checks of their rules (their version is named later)."""
    rate = film.production.rate
    rules = captions.rules_for(film.production.language)
    changes = [cut.start_frame for cut in cuts]
    shown = captions.compose(
        reel.cues, rate=rate, frames=assemble.total_frames(cuts), shot_changes=changes, rules=rules
    )
    captions.write(shown, folder, rate=rate)
    findings = captions.lint(shown, rate=rate, shot_changes=changes, rules=rules)
    return qc.check_captions(shown, reel.cues, findings, version="", rate=rate)


def _timeline(film: Film, reel: Reel, cuts: Sequence[Cut], *, folder: Path, at: Path) -> None:
    programme = timeline.Programme(
        title=film.production.title,
        rate=film.production.rate,
        cuts=cuts,
        shots={shot.shot_id: shot for shot in reel.shots},
        recordings=reel.recordings,
        root=film.root,
        take_frames={take.shot_id: take.frames for take in reel.takes},
    )
    timeline.write(programme, folder=folder, at=at)
    timeline.write_edl(programme, folder=folder)


def _pictures(film: Film, reel: Reel, cuts: Sequence[Cut], *, video: Path, folder: Path) -> None:
    """Contact sheet, poster, and each character's first shot before and after grading."""
    picture = Picture(width=film.production.width, height=film.production.height, rate=film.production.rate)
    _contact_sheet(reel, cuts, video, folder, picture)
    longest = max(cuts, key=lambda cut: cut.frames)
    sheet.poster(video, (longest.start_frame + longest.end_frame) // 2, folder / "poster.jpg", size=picture.size)
    takes = {take.shot_id: take for take in reel.takes}
    grades = {grade.shot_id: grade for grade in _grades(film, cuts)}
    firsts = {shot.character: shot for shot in reversed(reel.shots) if shot.shot_id in grades}
    pairs = [
        (*grading.before_after(takes[shot.shot_id], grades[shot.shot_id], root=film.root), shot.character, _change(grades[shot.shot_id]))
        for shot in sorted(firsts.values(), key=lambda shot: shot.order)
    ]  # fmt: skip
    sheet.before_after_sheet(pairs, folder / "grades.png")


def _look_at(cuts: Sequence[Cut], files: Mapping[str, Path], *, version: str, rate: Fraction) -> list[Check]:
    """Cut points and background of one file; the others are of the same frames."""
    profile, path = next(iter(files.items()))
    seen = viewing.view(path)
    return [
        *viewing.check_cuts(seen, cuts, version=version, profile=profile, rate=rate),
        *viewing.check_steadiness(seen, cuts, version=version, profile=profile, rate=rate),
    ]


def _sign(film: Film, reel: Reel, files: Mapping[str, Path], *, version: str) -> list[Check]:
    """Write content credentials into every file, the last thing that happens to it, and open them again."""
    keys = credentials.signing_key(credentials.key_folder())
    portraits = sorted({(shot.character, shot.portrait_digest) for shot in reel.shots})
    sounds = [(f"recording {number}", row.recording_id) for number, row in enumerate(reel.recordings, start=1)]
    made_from = [(f"portrait of {character}", digest) for character, digest in portraits] + sounds
    claim = credentials.Claim(
        title=film.production.title,
        version=importlib.metadata.version("callsheet"),
        labels=[take.label for take in reel.takes],
        licences=[take.licences for take in reel.takes],
        ingredients=[credentials.Ingredient(title=title, digest=digest) for title, digest in made_from],
    )
    for path in files.values():
        credentials.sign(path, claim, keys=keys)
    return [
        qc.check_credentials(credentials.verify(path), version=version, profile=profile)
        for profile, path in files.items()
    ]


def _grades(film: Film, cuts: Sequence[Cut]) -> list[Grade]:
    return film.store.rows(Grade, grade_id=list({cut.grade_id for cut in cuts}))


def _change(grade: Grade) -> str:
    limited = ", held at the limit" if grade.limited else ""
    return f"from {grade.delta_e_before:.1f} to {grade.delta_e_after:.1f} CIEDE2000 off the look{limited}"


def _contact_sheet(reel: Reel, cuts: Sequence[Cut], video: Path, folder: Path, picture: Picture) -> None:
    moods = {(cue.line_id, cue.character): cue.performance for cue in reel.cues}
    cells = [
        sheet.Cell(
            frame=(cut.start_frame + cut.end_frame) // 2,
            title=f"{shot.number}  {shot.character}",
            note=_mood(shot, moods) or shot.role,
        )
        for cut, shot in zip(cuts, sorted(reel.shots, key=lambda shot: shot.start_frame), strict=True)
    ]
    sheet.contact_sheet(video, cells, folder / "contact_sheet.png", rate=picture.rate)


def _mood(shot: Shot, moods: Mapping[tuple[str, str], str]) -> str:
    """What the one in the picture performs in the shot's first line of theirs; "" for their default."""
    own = (moods.get((name, shot.character)) for name in shot.line_ids.split("|"))
    return next((mood for mood in own if mood), "")


def _expected(film: Film, reel: Reel, cuts: Sequence[Cut], master: sound.Sound) -> qc.Expected:
    return qc.Expected(
        frames=assemble.total_frames(cuts),
        rate=film.production.rate,
        width=film.production.width,
        height=film.production.height,
        loudness=_loudness(film),
        missed_lu=master.missed_lu,
        speech=[(cue.start / MASTER_HZ, cue.end / MASTER_HZ) for cue in reel.cues if cue.start >= 0],
    )


def _remember(
    film: Film, cuts: Sequence[Cut], deliverables: Sequence[Deliverable], checks: Sequence[Check], *, version: str
) -> None:
    film.store.append([dataclasses.replace(cut, version=version) for cut in cuts])
    film.store.append(checks)
    film.store.append(deliverables)
