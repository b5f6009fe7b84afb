# SPDX-License-Identifier: Apache-2.0
"""Every check of faces, lips, sound and stillness passes on the rendered film and fails on the same
film broken in that one way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.project import Project, open_project
from manifests.delivery_rows import Check
from manifests.rows import Actor, Cue, Cut, Shot, Take
from manifests.run_rows import ModelFile
from pipeline import media
from pipeline.checks import check_audio, check_faces, check_lipsync, check_picture
from pipeline.checks.check_faces import ExpectedFace, ScreenedFile
from pipeline.render import portraits


@dataclass(frozen=True)
class Finished:
    """The rendered film with what its checks need."""

    project: Project
    file: Path
    master: Path
    scenes: list[ExpectedFace]
    cues: list[Cue]

    @property
    def about(self) -> dict:
        return {"version": "v001", "profile": "web", "rate": self.project.production.rate}

    def screen(self, file: Path | None = None) -> ScreenedFile:
        production = self.project.production
        return ScreenedFile(
            path=file or self.file, size=(production.width, production.height), rate=production.rate
        )

    def broken(self, to: Path, *options: str) -> Path:
        """The file after ffmpeg has made it wrong."""
        media.run(["-i", str(self.file), *options, str(to)])
        return to


@pytest.fixture(scope="module")
def finished(film) -> Finished:
    opened = open_project(film.folder)
    store, size = opened.store, (opened.production.width, opened.production.height)
    cuts = [cut for cut in store.read(Cut) if cut.version == "v001"]
    speakers = {
        shot.shot_id: (shot.character, shot.role == "speaking") for shot in store.read(Shot)
    }
    (master,) = (opened.root / "media" / "masters").glob("*.flac")
    return Finished(
        project=opened,
        file=opened.root / "deliverables" / "v001" / "web.mp4",
        master=master,
        scenes=check_faces.expect_faces(
            cuts, {take.shot_id: take for take in store.read(Take)}, speakers, size=size
        ),
        cues=store.read_current(Cue),
    )


@pytest.fixture(scope="module")
def cast(finished: Finished) -> dict:
    actors = finished.project.store.read_current(Actor)
    return {
        actor.character: portraits.read(finished.project.production.resolve_path(actor.portrait))
        for actor in actors
    }


def named(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def test_the_film_itself_passes_all_of_them(film) -> None:
    wanted = {
        "sound offset",
        "lines heard",
        "flicker outside the face",
        "face present",
        "identity",
        "lip-sync",
    }
    found = {
        check.name: check.verdict for check in film.outcome.version.checks if check.name in wanted
    }
    assert found == dict.fromkeys(wanted, "pass")


def test_another_actor_in_the_picture_fails_with_both_names(finished: Finished, cast: dict) -> None:
    names = list(cast)
    swapped = dict(zip(names, reversed([cast[name] for name in names]), strict=True))
    sightings = check_faces.compare_faces(finished.screen(), finished.scenes[:2], swapped)
    check = named(check_faces.check_identity(sightings, **finished.about), "identity")
    assert check.verdict == "fail"
    assert all(name in check.advice for name in names)


def test_a_picture_without_a_face_is_a_warning(
    finished: Finished, cast: dict, tmp_path: Path
) -> None:
    blurred = finished.broken(
        tmp_path / "b.mp4", "-vf", "boxblur=30:3", "-c:a", "copy", "-preset", "ultrafast"
    )
    sightings = check_faces.compare_faces(finished.screen(blurred), finished.scenes[:1], cast)
    check = named(check_faces.check_identity(sightings, **finished.about), "face present")
    assert (check.verdict, check.timecode) == ("warn", "00:00:00:00")


def test_sound_that_is_six_frames_late_fails_by_its_place_and_by_the_lips(
    finished: Finished, tmp_path: Path
) -> None:
    late = finished.broken(
        tmp_path / "b.mp4", "-c:v", "copy", "-af", "adelay=240:all=1,atrim=end=11.96"
    )
    heard = check_audio.read_levels(late, check_audio.measure_levels(finished.master))
    offset = check_audio.check_offset(heard, **finished.about)
    assert (offset.verdict, offset.value.split(" ms ")[1]) == ("fail", "(+6.0 frames)")
    assert "late" in offset.advice
    lags = check_lipsync.measure_lags(
        finished.screen(late),
        check_lipsync.choose_shots(finished.scenes, rate=finished.project.production.rate),
    )
    check = check_lipsync.check_lag(lags, **finished.about)
    assert check.verdict == "fail"
    assert -7 <= float(check.value.split()[0]) <= -5
    assert "early" in check.advice


def test_sound_that_only_the_container_delays_fails_too(finished: Finished, tmp_path: Path) -> None:
    streams = (
        "-itsoffset",
        "0.2",
        "-i",
        str(finished.file),
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c",
        "copy",
    )
    late = finished.broken(tmp_path / "b.mp4", *streams)
    check = check_audio.check_offset(
        check_audio.read_levels(late, check_audio.measure_levels(finished.master)), **finished.about
    )
    assert (check.verdict, check.value.split(" ms ")[1]) == ("fail", "(+5.0 frames)")


def test_a_muted_line_fails_with_its_words_and_place(finished: Finished, tmp_path: Path) -> None:
    cue = finished.cues[1]
    span = f"{cue.start / 48000},{cue.end / 48000}"
    muted = finished.broken(
        tmp_path / "b.mp4", "-c:v", "copy", "-af", f"volume=0:enable='between(t,{span})'"
    )
    check = check_audio.check_lines(
        check_audio.read_levels(muted, check_audio.measure_levels(finished.master)),
        finished.cues,
        **finished.about,
    )
    assert (check.verdict, check.value) == ("fail", "1 lines are not heard")
    assert cue.text[:20] in check.advice
    assert check.timecode


def test_flicker_outside_the_face_is_found_and_slow_light_is_not(
    finished: Finished, tmp_path: Path
) -> None:
    for expression, verdict in (("0.03*mod(n,2)", "warn"), ("0.0002*n", "pass")):
        light = f"eq=brightness='{expression}':eval=frame"
        file = finished.broken(
            tmp_path / f"{verdict}.mp4", "-vf", light, "-c:a", "copy", "-preset", "ultrafast"
        )
        (check,) = check_picture.check_flicker(
            check_picture.measure_picture(file), finished.scenes, **finished.about
        )
        assert check.verdict == verdict, check


def test_a_cut_that_moved_by_two_frames_fails(finished: Finished, tmp_path: Path) -> None:
    cuts = [scene.cut for scene in finished.scenes]
    first = cuts[1].start_frame - 2
    early = f"select='not(between(n,{first},{first + 1}))',setpts=N/FRAME_RATE/TB"
    moved = finished.broken(
        tmp_path / "b.mp4", "-vf", early, "-c:a", "copy", "-preset", "ultrafast"
    )
    (check,) = check_picture.check_cuts(
        check_picture.measure_picture(moved), cuts, **finished.about
    )
    assert check.verdict == "fail"
    assert cuts[1].number in check.advice


def test_without_the_weights_the_version_says_what_was_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
    assert check_faces.list_missing_weights() == list(check_faces.WEIGHTS)


def test_the_licences_of_weights_stand_in_every_row(finished: Finished) -> None:
    store = finished.project.store
    used = {row.name: row for row in store.read_current(ModelFile)}
    assert set(check_faces.WEIGHTS) <= set(used)
    assert all(row.licence and row.commercial in ("yes", "no", "unclear") for row in used.values())
    assert all(take.licences for take in store.read(Take))
