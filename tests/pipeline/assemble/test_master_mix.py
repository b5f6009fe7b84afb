# SPDX-License-Identifier: Apache-2.0
"""Test that the master sound has the picture's length and the wanted loudness; silence stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from manifests.errors import ToolError
from pipeline.assemble import master_mix
from pipeline.assemble.loudness import LoudnessSettings
from tests.pipeline.tiny_film import TinyFilm, tone

SECOND = 48000


def programme(kind: str, seconds: int = 12) -> np.ndarray:
    """Make music, speech, a whisper or one word, as mono samples."""
    at = np.arange(seconds * SECOND) / SECOND
    noise = np.convolve(
        np.random.default_rng(3).normal(0, 0.3, len(at)), np.hanning(16) / 8, mode="same"
    )
    if kind == "music":
        chord = sum(np.sin(2 * np.pi * hz * at) for hz in (220, 277.2, 329.6)) / 6
        return (chord * (0.7 + 0.3 * np.sin(2 * np.pi * 2 * at))).astype(np.float32)
    if kind == "speech":
        return (noise * 0.2 * np.clip(np.sin(2 * np.pi * 3 * at), 0, 1)).astype(np.float32)
    if kind == "whisper":
        return (noise * 0.004 * np.clip(np.sin(2 * np.pi * 3 * at), 0, 1)).astype(np.float32)
    word = np.zeros(len(at), np.float32)
    word[5 * SECOND : 5 * SECOND + SECOND // 2] = noise[: SECOND // 2] * 0.1
    return word


@pytest.mark.parametrize("kind", ["music", "speech", "whisper", "one word"])
@pytest.mark.parametrize("target", [-23.0, -14.0])
def test_loudness_is_reached_as_a_second_implementation_measures_it(
    tmp_path: Path, kind: str, target: float
) -> None:
    film = TinyFilm(tmp_path)
    settings = LoudnessSettings(target_lufs=target, peak_dbtp=-1.0)
    sound = master_mix.render_master(
        [film.record(programme(kind))], samples=12 * SECOND, settings=settings, root=tmp_path
    )
    pcm, _ = soundfile.read(tmp_path / sound.path)
    assert pcm.shape == (12 * SECOND, 2)
    measured = pyloudnorm.Meter(SECOND).integrated_loudness(pcm)
    assert measured == pytest.approx(target - sound.missed_lu, abs=0.3)
    assert sound.after.peak_dbtp <= -1.0 + 0.1
    assert sound.missed_lu == 0 or sound.after.peak_dbtp == pytest.approx(-1.0, abs=0.1)


def test_one_gain_serves_the_whole_programme(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    spoken = programme("speech")
    sound = master_mix.render_master(
        [film.record(spoken)], samples=len(spoken), settings=LoudnessSettings(), root=tmp_path
    )
    pcm, _ = soundfile.read(tmp_path / sound.path)
    gain = 10 ** (sound.gain_db / 20)
    assert np.abs(pcm[:, 0] - spoken * gain).max() < 2e-6


def test_silence_is_left_alone_and_said_to_be_unmeasurable(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    quiet = np.zeros(3 * SECOND, np.float32)
    sound = master_mix.render_master(
        [film.record(quiet)], samples=4 * SECOND, settings=LoudnessSettings(), root=tmp_path
    )
    assert not sound.before.measurable
    assert sound.gain_db == 0
    assert not soundfile.read(tmp_path / sound.path)[0].any()


def test_recordings_lie_where_they_belong_and_the_end_is_padded(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    recordings = [film.record(tone(100, level=0.25)), film.record(tone(200, level=0.5), offset=300)]
    sound = master_mix.render_master(
        recordings, samples=600, settings=LoudnessSettings(target_lufs=None), root=tmp_path
    )
    pcm = soundfile.read(tmp_path / sound.path)[0][:, 1]
    assert len(pcm) == 600
    assert np.allclose(pcm[:100], tone(100, level=0.25), atol=1e-6)
    assert np.allclose(pcm[300:500], tone(200, level=0.5), atol=1e-6)
    assert not pcm[100:300].any()
    assert not pcm[500:].any()


def test_a_recording_whose_copy_is_gone_is_named(tmp_path: Path) -> None:
    film = TinyFilm(tmp_path)
    recording = film.record(tone(SECOND))
    (tmp_path / recording.master_path).unlink()
    with pytest.raises(ToolError, match=r"copy of a\.wav is missing"):
        master_mix.render_master(
            [recording], samples=SECOND, settings=LoudnessSettings(), root=tmp_path
        )


def test_the_same_sound_is_not_made_twice_and_other_settings_are_another_sound(
    tmp_path: Path,
) -> None:
    film = TinyFilm(tmp_path)
    recordings = [film.record(programme("speech", 2))]
    sound = master_mix.render_master(
        recordings, samples=2 * SECOND, settings=LoudnessSettings(), root=tmp_path
    )
    stamp = (tmp_path / sound.path).stat().st_mtime_ns
    assert (
        master_mix.render_master(
            recordings, samples=2 * SECOND, settings=LoudnessSettings(), root=tmp_path
        )
        == sound
    )
    assert (tmp_path / sound.path).stat().st_mtime_ns == stamp
    louder = LoudnessSettings(target_lufs=-23)
    assert (
        master_mix.compute_sound_id(recordings, samples=2 * SECOND, settings=louder)
        != sound.sound_id
    )
    assert [p.suffix for p in sorted((tmp_path / "media" / "masters").iterdir())] == [
        ".flac",
        ".json",
    ]
