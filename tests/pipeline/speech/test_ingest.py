# SPDX-License-Identifier: Apache-2.0
"""Recordings of many kinds come in as the same canonical PCM; files that are no recordings are
refused."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline import media
from pipeline.speech import ingest
from pipeline.speech.audio_digests import digest_spans

SECONDS = 1.2


def _tone(hz: int, *, channels: int = 1, amplitude: float = 0.25) -> np.ndarray:
    wave = amplitude * np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * hz)) / hz)
    return np.repeat(wave[:, None], channels, axis=1)


def _bring_in(path: Path, *, offset: int = 0) -> Recording:
    folder = path.parent
    return ingest.ingest(path, order=0, offset_samples=offset, root=folder / "build", folder=folder)


@pytest.mark.parametrize(
    ("name", "hz", "channels", "subtype"),
    [
        ("speech.wav", 8000, 1, "PCM_16"),
        ("speech.wav", 192_000, 2, "PCM_24"),
        ("speech.wav", 44_100, 6, "FLOAT"),
        ("speech.wav", 48_000, 2, "PCM_32"),
        ("speech.flac", 96_000, 1, "PCM_24"),
        ("speech.ogg", 48_000, 1, "VORBIS"),
        ("speech.mp3", 44_100, 2, "MPEG_LAYER_III"),
    ],
)
def test_every_usual_kind_of_file_becomes_canonical_pcm(
    tmp_path: Path, name: str, hz: int, channels: int, subtype: str
) -> None:
    path = tmp_path / name
    sf.write(path, _tone(hz, channels=channels), hz, subtype=subtype)
    recording = _bring_in(path)
    build = tmp_path / "build"
    master, analysis = (
        sf.info(build / recording.master_path),
        sf.info(build / recording.analysis_path),
    )
    assert (master.samplerate, analysis.samplerate, analysis.channels) == (
        MASTER_HZ,
        ANALYSIS_HZ,
        1,
    )
    assert master.channels == min(2, channels)
    assert abs(recording.samples / MASTER_HZ - SECONDS) < 0.1
    assert analysis.frames == -(-recording.samples // 3)
    assert (recording.source, recording.source_hz, recording.source_channels) == (
        name,
        hz,
        channels,
    )
    assert not list((build / "media" / "recordings").glob(".*"))


def test_the_sound_of_a_film_comes_in(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", _tone(48_000), 48_000)
    for name in ("film.mp4", "film.mov", "film.mkv", "sound.m4a"):
        film = tmp_path / name
        picture = (
            [] if name.endswith("m4a") else ["-f", "lavfi", "-i", f"color=s=64x64:d={SECONDS}"]
        )
        media.run(
            [
                "-y",
                "-v",
                "error",
                "-i",
                str(tmp_path / "a.wav"),
                *picture,
                "-shortest",
                "-c:a",
                "aac",
                str(film),
            ]
        )
        assert abs(_bring_in(film).samples / MASTER_HZ - SECONDS) < 0.1


def test_the_same_sound_has_the_same_id_whatever_the_file(tmp_path: Path) -> None:
    sound = np.round(_tone(48_000) * 32768) / 32768
    for name in ("a.wav", "b.flac"):
        sf.write(tmp_path / name, sound, 48_000, subtype="PCM_16")
    first, second = _bring_in(tmp_path / "a.wav"), _bring_in(tmp_path / "b.flac")
    assert first.recording_id == second.recording_id
    assert first.source_digest != second.source_digest
    back, _ = sf.read(tmp_path / "build" / first.master_path)
    np.testing.assert_array_equal(back, sound[:, 0])


def test_faults_of_the_sound_are_measured(tmp_path: Path) -> None:
    wave = np.clip(_tone(48_000, amplitude=2.0)[:, 0] + 0.05, -1, 1)
    sf.write(tmp_path / "loud.wav", wave, 48_000)
    sf.write(tmp_path / "silent.wav", np.zeros(48_000), 48_000)
    loud, silent = _bring_in(tmp_path / "loud.wav"), _bring_in(tmp_path / "silent.wav")
    assert loud.clipped_samples > 1000
    assert loud.dc_offset == pytest.approx(np.mean(wave), abs=1e-3)
    assert loud.peak_dbfs == pytest.approx(0, abs=0.01)
    assert (silent.peak_dbfs, silent.clipped_samples) == (-120.0, 0)


def test_speech_in_the_centre_of_five_channels_is_heard(tmp_path: Path) -> None:
    sound = np.zeros((48_000, 6))
    sound[:, 2] = _tone(48_000)[:48_000, 0]
    sf.write(tmp_path / "film.wav", sound, 48_000)
    recording = _bring_in(tmp_path / "film.wav")
    left, right = ingest.read_master([recording], 0, 48_000, root=tmp_path / "build").T
    np.testing.assert_allclose(left, right, atol=1e-6)
    assert recording.peak_dbfs > -25


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _hostile(folder: Path, kind: str) -> Path:
    path = folder / {
        "flac cut": "a.flac",
        "ogg cut": "a.ogg",
        "mp3 cut": "a.mp3",
        "bomb": "a.flac",
    }.get(kind, "a.wav")
    noise = np.random.default_rng(0).normal(0, 0.1, 144_000)
    if kind.endswith("cut"):
        sf.write(path, noise, 48_000)
        _cut(path)
    elif kind == "bomb":
        with sf.SoundFile(path, "w", samplerate=8000, channels=1) as file:
            for _ in range(12):
                file.write(np.zeros(8000 * 60, dtype=np.int16))
    elif kind == "not a number":
        sf.write(path, np.full(48_000, np.nan, dtype=np.float32), 48_000, subtype="FLOAT")
    elif kind == "no samples":
        sf.write(path, np.zeros(0), 48_000)
    elif kind == "five hours":
        bytes_of_sound = 5 * 3600 * 8000
        form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
        head = b"RIFF" + struct.pack("<I", bytes_of_sound + 36) + b"WAVEfmt " + form
        path.write_bytes(head + b"data" + struct.pack("<I", bytes_of_sound))
        os.truncate(path, bytes_of_sound + 44)  # sparse: next to nothing on the disk
    else:
        texts = {
            "empty": "",
            "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
            "list of files": "ffconcat version 1.0\nfile /etc/hostname\n",
            "text": "this is no sound",
        }
        path.write_text(texts[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "playlist",
        "list of files",
        "text",
        "wav cut",
        "flac cut",
        "ogg cut",
        "mp3 cut",
        "bomb",
        "not a number",
        "no samples",
        "five hours",
    ],
)
def test_what_is_no_recording_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, kind: str
) -> None:
    path = _hostile(tmp_path, kind)
    with pytest.raises(InputError) as caught:
        _bring_in(path)
    assert path.name in str(caught.value)
    assert not list(tmp_path.glob("build/media/recordings/*"))
    assert not list(tmp_path.glob("build/media/recordings/.*"))


def test_a_picture_without_sound_is_refused(tmp_path: Path) -> None:
    film = tmp_path / "mute.mp4"
    media.run(["-y", "-v", "error", "-f", "lavfi", "-i", "color=s=64x64:d=1", str(film)])
    with pytest.raises(InputError, match="no sound"):
        _bring_in(film)


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Recording], np.ndarray]:
    """Three recordings: two overlap, then a gap. With them what the timeline must sound like, at 48
    kHz."""
    folder = tmp_path_factory.mktemp("timeline")
    generator = np.random.default_rng(1)
    expected = np.zeros(48_000 * 3, dtype=np.float32)
    recordings = []
    for order, (offset, length) in enumerate([(0, 30_000), (24_000, 30_003), (90_000, 48_000)]):
        sound = np.round(generator.normal(0, 0.05, length) * 32768) / 32768
        path = folder / f"{order}.wav"
        sf.write(path, sound, 48_000, subtype="PCM_16")
        recordings.append(_bring_in(path, offset=offset))
        expected[offset : offset + length] += sound.astype(np.float32)
    return folder / "build", recordings, expected


@given(start=st.integers(0, 140_000), length=st.integers(1, 60_000))
def test_any_span_of_the_timeline_is_the_sum_of_its_recordings(
    timeline: tuple[Path, list[Recording], np.ndarray], start: int, length: int
) -> None:
    root, recordings, expected = timeline
    padded = np.concatenate([expected, np.zeros(100_000, dtype=np.float32)])[start : start + length]
    np.testing.assert_allclose(
        ingest.read_span(recordings, start, start + length, hz=MASTER_HZ, root=root),
        padded,
        atol=1e-6,
    )
    stereo = ingest.read_master(recordings, start, start + length, root=root)
    np.testing.assert_allclose(stereo, np.stack([padded, padded], axis=1), atol=1e-6)


@given(start=st.integers(0, 100_000), length=st.integers(3, 40_000))
def test_neighbouring_spans_at_16_khz_join_without_a_seam(
    timeline: tuple[Path, list[Recording], np.ndarray], start: int, length: int
) -> None:
    root, recordings, _ = timeline
    middle = start + length // 2
    whole = ingest.read_span(recordings, start, start + length, hz=ANALYSIS_HZ, root=root)
    halves = [
        ingest.read_span(recordings, a, b, hz=ANALYSIS_HZ, root=root)
        for a, b in ((start, middle), (middle, start + length))
    ]
    np.testing.assert_array_equal(np.concatenate(halves), whole)


def test_the_identity_of_a_span_is_its_sound_and_nothing_else(
    timeline: tuple[Path, list[Recording], np.ndarray],
) -> None:
    root, recordings, _ = timeline
    spans = [(0, 30_000), (3, 30_003)]
    whole, shifted = digest_spans(recordings, spans, root=root)
    later = [replace(recording, source="elsewhere.wav", order=9) for recording in recordings]
    assert digest_spans(later, spans, root=root) == [whole, shifted]
    assert digest_spans(recordings[:1], spans[:1], root=root) != [whole]
    assert shifted != whole
