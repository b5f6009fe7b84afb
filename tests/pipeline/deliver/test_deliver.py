# SPDX-License-Identifier: Apache-2.0
"""Test delivered files: colours, frames, sound length, and versions that appear whole."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import ToolError
from manifests.rows import Cut
from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.colour import colour
from pipeline.deliver import burn_in, deliver, profiles
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.ffmpeg_binary import is_named
from pipeline.ffmpeg_trial import try_ffmpeg
from tests.pipeline.tiny_film import BARS, TinyFilm, bars, clicks, eight_bit, portrait, tone

SIZE = (320, 180)
transparency = pytest.mark.skipif(
    is_named() and profiles.ALPHA.name in try_ffmpeg(),
    reason="the ffmpeg that CALLSHEET_FFMPEG names cannot cut people out",
)


def job_for(
    film: TinyFilm, recording_sound: np.ndarray, *, size: tuple[int, int] = SIZE
) -> DeliveryJob:
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film.record(recording_sound)], samples=film.samples, settings=settings, root=film.root
    )
    picture = assemble.Picture(width=size[0], height=size[1], rate=film.rate)
    return DeliveryJob(
        picture=picture,
        sound_id=master.sound_id,
        sound_path=film.root / master.path,
        root=film.root,
    )


def render(film: TinyFilm, job: DeliveryJob, folder: Path) -> dict[str, Path]:
    size = (job.picture.width, job.picture.height)
    return deliver.render_profiles(
        assemble.build_cuts(film.shots, film.takes, [], version="v001", size=size),
        job,
        folder=folder,
    )


@transparency
def test_colour_bars_come_back_within_two_levels_in_every_profile(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    film.add([bars(*SIZE)] * 5, label="DICE-Talk")
    opaque = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    film.cut_out(0, [opaque] * 5)
    colour.write_cube(
        film.root / "grades" / "plain.cube", colour.sample_cube(lambda rgb: rgb), title="plain"
    )
    job = job_for(film, tone(film.samples))
    cuts = [
        _graded(cut)
        for cut in assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    ]
    files = {}
    for same in (
        (profiles.WEB, profiles.MASTER, profiles.HEVC, profiles.AV1),
        (profiles.VERTICAL,),
        (profiles.ALPHA, profiles.ALPHA_WEB),
    ):
        files |= deliver.render_profiles(
            cuts, dataclasses.replace(job, profiles=same), folder=tmp_path / "out"
        )
    for name, path in files.items():
        frame = list(media.read_frames(path, width=SIZE[0], height=SIZE[1]))[2].astype(int)
        for number, expected in enumerate(BARS):
            row, column = divmod(number, 8)
            # the middle of the patch
            got = frame[row * 90 + 22 : row * 90 + 68, column * 40 + 10 : column * 40 + 30]
            assert np.abs(got - np.array(expected)).max() <= 2, (name, expected, got[0, 0])


def alpha_of(path: Path) -> np.ndarray:
    """Read the alpha of a transparent file's frames, in [0, 1]."""
    # ffmpeg's own VP9 decoder knows no alpha
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    out = path.with_suffix(".rgba.mkv")
    media.run(
        [
            *decoder,
            "-i",
            str(path),
            "-an",
            "-vf",
            "format=rgba64le,extractplanes=a",
            "-c:v",
            "ffv1",
            str(out),
        ]
    )
    return (
        np.stack([frame[..., 0] for frame in media.read_frames(out, width=SIZE[0], height=SIZE[1])])
        / 255
    )


@transparency
def test_transparent_files_show_the_people_alone_and_their_marks(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    for number in range(2):
        film.add([eight_bit(portrait("mara", 256))] * 3, label="previs")
        matte = np.zeros((256, 256), np.uint8)
        matte[:, 64:192] = 255
        matte[:, 192:208] = 128
        film.cut_out(number, [matte] * 3)
    right = dataclasses.replace(
        film.shots[1], start_frame=0, end_frame=3, layer=1, layout="two-hander"
    )
    shots = [dataclasses.replace(film.shots[0], layout="two-hander"), right]
    cuts = assemble.build_cuts(shots, film.takes, [], version="v001", size=SIZE)
    job = dataclasses.replace(
        job_for(film, tone(5760)), profiles=(profiles.ALPHA, profiles.ALPHA_WEB)
    )
    for path in deliver.render_profiles(cuts, job, folder=tmp_path / "out").values():
        seen = alpha_of(path)[1]
        low = seen[100:]  # below the mark
        assert low[:, [60, 100, 220, 260]].min() > 0.99, path.name
        assert low[:, [4, 24, 156, 164, 184]].max() < 0.01, path.name
        assert np.abs(low[:, [134, 294]] - 0.5).max() < 0.02, path.name
        assert 0.3 < seen[:30, 302:].max() < 1, "the mark is there, and only the mark"


def _graded(cut: Cut) -> Cut:
    return dataclasses.replace(cut, cube_path="grades/plain.cube")


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_pictures_follow_the_edit_list_frame_by_frame_and_sound_is_as_long(
    tmp_path: Path, rate: Fraction
) -> None:
    film = TinyFilm(tmp_path / "media", rate=rate)
    levels = [40, 90, 140, 200]
    for level, frames in zip(levels, (7, 1, 12, 5), strict=True):
        film.add([np.full((96, 96, 3), level, np.uint8)] * frames, label="DICE-Talk")
    files = render(film, job_for(film, tone(film.samples // 2)), tmp_path / "out")
    expected = np.repeat(levels, [7, 1, 12, 5])
    for path in files.values():
        seen = [float(frame.mean()) for frame in media.read_frames(path, width=32, height=18)]
        assert len(seen) == 25
        assert np.abs(np.array(seen) - expected).max() <= 2
        sound = sum(len(block) for block in media.read_audio(path, hz=48000, channels=2))
        assert abs(sound - film.samples) < 48000 / rate
        assert media.probe(path).video.rate == rate


def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    dark, light = np.zeros((96, 96, 3), np.uint8), np.full((96, 96, 3), 220, np.uint8)
    for flash in range(3):
        film.add([dark] * (8 + flash))
        film.add([light] * 2)
    starts = [shot.start_frame * 1920 for shot in film.shots[1::2]]
    files = render(film, job_for(film, clicks(film.samples, starts)), tmp_path / "out")
    for path in files.values():
        seen = np.array([frame.mean() for frame in media.read_frames(path, width=32, height=18)])
        sound = np.abs(np.concatenate(list(media.read_audio(path, hz=48000, channels=1)))[:, 0])
        flashes = np.flatnonzero((seen[1:] > 100) & (seen[:-1] < 100)) + 1
        assert [frame * 1920 for frame in flashes] == starts
        for start in starts:
            onset = start - 2000 + int(np.argmax(sound[start - 2000 : start + 2000] > 0.2))
            assert abs(onset - start) < 96, path.name  # two milliseconds


def test_files_are_tagged_bt709_limited_range(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    film.add([eight_bit(portrait("mara"))] * 3)
    for path in render(film, job_for(film, tone(film.samples)), tmp_path / "out").values():
        text = media.run(["-i", str(path), "-f", "null", "-"])
        assert re.search(r"Video: .*\(tv, bt709[,)/]", text), text


@pytest.mark.parametrize("label", ["previs", "diffusion demonstration"])
def test_a_take_that_is_no_final_carries_its_mark_and_a_final_one_does_not(
    label: str, tmp_path: Path
) -> None:
    film = TinyFilm(tmp_path / "media")
    grey = np.full((180, 320, 3), 90, np.uint8)
    film.add([grey] * 2, label=label)
    film.add([grey] * 2, label="DICE-Talk")
    files = render(film, job_for(film, tone(film.samples)), tmp_path / "out")
    frames = list(media.read_frames(files["web"], width=320, height=180))
    corner = [float(frame[:40, 220:].max()) for frame in frames]
    assert min(corner[:2]) > 130
    assert max(corner[2:]) < 100


def test_the_label_stands_in_every_picture_and_is_asked_for_only(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    film.add([np.full((180, 320, 3), 90, np.uint8)] * 2, label="DICE-Talk")
    plain = job_for(film, tone(film.samples))
    for label in (True, False):
        job = dataclasses.replace(plain, label=label, profiles=(profiles.WEB,))
        frames = list(
            media.read_frames(render(film, job, tmp_path / "out")["web"], width=320, height=180)
        )
        assert all((frame[:30, :110].max() > 130) == label for frame in frames)


def test_a_take_that_is_cut_short_is_named(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    film.add([eight_bit(portrait("mara"))] * 12)
    job = job_for(film, tone(film.samples))
    path = film.root / film.takes[0].path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ToolError, match="sc01_sh010"):
        render(film, job, tmp_path / "out")


def test_an_encoder_that_dies_says_why_itself(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "media")
    for _ in range(3):
        film.add([eight_bit(portrait("mara", 512))] * 25)
    job = dataclasses.replace(job_for(film, tone(film.samples)), sound_path=tmp_path / "gone.flac")
    with pytest.raises(ToolError, match=r"gone\.flac"):
        render(film, job, tmp_path / "out")


def test_takes_in_folders_with_awkward_names_are_read(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "it's a [test]; 50%, c:\\x")
    film.add([eight_bit(portrait("mara"))] * 2)
    colour.write_cube(
        film.root / "grades" / "plain.cube", colour.sample_cube(lambda rgb: rgb), title="plain"
    )
    cuts = [
        _graded(cut)
        for cut in assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    ]
    files = deliver.render_profiles(
        cuts, job_for(film, tone(film.samples)), folder=tmp_path / "o u't"
    )
    assert len(list(media.read_frames(files["web"], width=32, height=18))) == 2


def test_captions_are_burned_in_while_they_are_spoken_and_only_then(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path / "it's [here]")
    film.add([np.full((360, 640, 3), 60, np.uint8)] * 20, label="DICE-Talk")
    shown = [
        Caption(start=5, end=15, spoken_end=15, lines=("The {lamp} was out.", "<b>Never.</b>"))
    ]
    job = burn_in.burn_captions(shown, job_for(film, tone(film.samples), size=(640, 360)))
    frames = list(
        media.read_frames(render(film, job, tmp_path / "out")["web"], width=640, height=360)
    )
    low = [int(frame[270:350].max()) for frame in frames]
    assert max(low[:5] + low[15:]) < 80
    assert min(low[5:15]) > 180
    assert max(int(frame[:240].max()) for frame in frames) < 80
