# SPDX-License-Identifier: Apache-2.0
"""Test that checks pass on a good file and fail on each broken one, with the place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from manifests.delivery_rows import Check
from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.checks import qc
from pipeline.checks.media_report import MediaReport
from pipeline.deliver import deliver, profiles
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, eight_bit, portrait

SIZE = (320, 180)
LOUD = LoudnessSettings(target_lufs=-20.0, peak_dbtp=-1.0)


def speechlike(samples: int) -> np.ndarray:
    """Make noise whose level comes and goes like syllables."""
    at = np.arange(samples) / 48000
    noise = np.convolve(
        np.random.default_rng(1).normal(0, 0.2, samples), np.hanning(12) / 6, mode="same"
    )
    return (noise * (0.6 + 0.4 * np.sin(25 * at))).astype(np.float32)


@pytest.fixture(scope="module")
def film(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[TinyFilm, DeliveryJob, dict[str, Path], qc.ExpectedMedia]:
    """Render two moving shots with sound, once."""
    folder = tmp_path_factory.mktemp("film")
    film = TinyFilm(folder / "media")
    for character, frames in (("mara", 40), ("kofi", 60)):
        still = eight_bit(portrait(character))
        film.add(
            [np.roll(still, frame % 7, axis=1) for frame in range(frames)],
            character=character,
            label="DICE-Talk",
        )
    recording = film.record(speechlike(film.samples))
    master = master_mix.render_master(
        [recording], samples=film.samples, settings=LOUD, root=film.root
    )
    picture = assemble.Picture(width=SIZE[0], height=SIZE[1], rate=film.rate)
    wanted = (profiles.WEB, profiles.MASTER, profiles.HEVC, profiles.AV1)
    job = DeliveryJob(
        picture=picture,
        sound_id=master.sound_id,
        sound_path=film.root / master.path,
        root=film.root,
        profiles=wanted,
    )
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    expected = qc.ExpectedMedia(
        frames=100,
        rate=film.rate,
        width=SIZE[0],
        height=SIZE[1],
        loudness=LOUD,
        speech=[(0.2, 3.8)],
    )
    return film, job, deliver.render_profiles(cuts, job, folder=folder / "out"), expected


def verdicts(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.verdict for check in checks}


@pytest.mark.parametrize("profile", ["web", "master", "hevc", "av1"])
def test_a_sound_deliverable_passes_every_check(film, profile: str) -> None:
    _, _, files, expected = film
    checks = qc.check_file(files[profile], expected, version="v001", profile=profile)
    assert {check.verdict for check in checks} == {"pass"}, [
        c for c in checks if c.verdict != "pass"
    ]
    assert {
        "decodes",
        "frame count",
        "sound length",
        "colour tags",
        "loudness",
        "true peak",
        "black",
        "freeze",
    } <= set(verdicts(checks))


def broken(film, tmp_path: Path, *options: str) -> list[Check]:
    """Check the web file after ffmpeg has damaged it."""
    _, _, files, expected = film
    media.run(["-i", str(files["web"]), *options, str(tmp_path / "b.mp4")])
    return qc.check_file(tmp_path / "b.mp4", expected, version="v001", profile="web")


def test_a_missing_frame_fails_the_frame_count(film, tmp_path: Path) -> None:
    checks = broken(film, tmp_path, "-frames:v", "99", "-c:a", "copy", "-preset", "ultrafast")
    assert verdicts(checks)["frame count"] == "fail"


def test_sound_that_ends_early_fails_its_length_and_its_silence(film, tmp_path: Path) -> None:
    assert (
        verdicts(broken(film, tmp_path, "-c:v", "copy", "-af", "atrim=end=2"))["sound length"]
        == "fail"
    )


def test_wrong_colour_tags_fail(film, tmp_path: Path) -> None:
    tags = "setparams=color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m"
    assert (
        verdicts(broken(film, tmp_path, "-vf", tags, "-c:a", "copy", "-preset", "ultrafast"))[
            "colour tags"
        ]
        == "fail"
    )


def test_black_is_found_where_it_is(film, tmp_path: Path) -> None:
    black = "drawbox=c=black:t=fill:enable='between(n,50,59)'"
    checks = broken(film, tmp_path, "-vf", black, "-c:a", "copy", "-preset", "ultrafast")
    (found,) = [check for check in checks if check.name == "black"]
    assert (found.verdict, found.timecode) == ("warn", "00:00:02:00")


def test_a_portrait_that_stands_still_is_found(film, tmp_path: Path) -> None:
    checks = broken(
        film,
        tmp_path,
        "-vf",
        "loop=loop=74:size=1:start=25,trim=end_frame=100,setpts=N/25/TB",
        "-c:a",
        "copy",
    )
    (found,) = [check for check in checks if check.name == "freeze"]
    assert found.verdict == "warn"
    assert found.timecode in ("00:00:00:24", "00:00:01:00")


def test_wrong_loudness_fails(film, tmp_path: Path) -> None:
    assert (
        verdicts(broken(film, tmp_path, "-c:v", "copy", "-af", "volume=-4dB"))["loudness"] == "fail"
    )


def test_silence_fails_only_where_somebody_speaks() -> None:
    report = MediaReport(
        width=2,
        height=2,
        rate=Fraction(25),
        frames=500,
        samples=960_000,
        hz=48000,
        colour="tv, bt709",
        errors=(),
        black=(),
        freeze=(),
        silence=((10.0, 15.0),),
        loudness=None,
        clipped=0,
    )
    for speech, verdict in (([(0.0, 9.0)], "pass"), ([(8.0, 12.0)], "fail")):
        expected = qc.ExpectedMedia(
            frames=500, rate=Fraction(25), width=2, height=2, loudness=LOUD, speech=speech
        )
        assert {v.name: v.verdict for v in qc.judge_report(report, expected)}["silence"] == verdict


def test_a_file_that_is_cut_short_fails_instead_of_raising(film, tmp_path: Path) -> None:
    _, _, files, expected = film
    (tmp_path / "cut.mov").write_bytes(files["master"].read_bytes()[:20000])
    checks = qc.check_file(tmp_path / "cut.mov", expected, version="v001", profile="master")
    assert qc.select_failures(checks)


def test_checks_are_written_with_their_summary(tmp_path: Path) -> None:
    row = Check(
        version="v001", profile="web", name="black", value="none", limit="none", verdict="pass"
    )
    read = json.loads(qc.write_checks([row], tmp_path).read_text())
    assert read["summary"] == {"pass": 1, "warn": 0, "fail": 0}
    assert read["checks"][0]["name"] == "black"
