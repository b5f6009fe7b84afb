# SPDX-License-Identifier: Apache-2.0
"""The ffmpeg door: what is no media is refused, frames and samples come back as they went in,
errors carry the command."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from manifests.errors import InputError, ToolError
from pipeline import media
from pipeline.frame_writer import FrameWriter

RATE = Fraction(30000, 1001)


def noise(frames: int, seed: int = 0) -> list[np.ndarray]:
    """Frames of 96x64 that no lossy codec could keep."""
    return list(np.random.default_rng(seed).integers(0, 256, (frames, 64, 96, 3), dtype=np.uint8))


def write(path: Path, frames: list[np.ndarray]) -> Path:
    with FrameWriter(path, size=(96, 64), rate=RATE) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_frames_come_back_as_they_went_in(tmp_path: Path) -> None:
    frames = noise(9)
    path = write(tmp_path / "take.mkv", frames)
    back = list(media.read_frames(path, width=96, height=64))
    assert np.array_equal(np.stack(back), np.stack(frames))
    info = media.probe(path)
    assert info.video is not None
    assert (info.video.width, info.video.height, info.video.rate) == (96, 64, RATE)


def test_sound_is_resampled_and_mixed(tmp_path: Path) -> None:
    seconds = np.arange(44100) / 44100
    tone = np.stack([0.5 * np.sin(2 * np.pi * 440 * seconds), np.zeros(44100)], axis=1)
    soundfile.write(tmp_path / "tone.wav", tone, 44100)
    mono = np.concatenate(
        list(media.read_audio(tmp_path / "tone.wav", hz=16000, channels=1, block_seconds=0.1))
    )
    assert mono.shape == (16000, 1)
    # the average of tone and silence
    assert abs(np.sqrt(np.mean(mono**2)) - 0.5 / np.sqrt(2) / 2) < 0.005


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("playlist.wav", b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n"),
        ("concat.wav", b"ffconcat version 1.0\nfile /etc/hostname\n"),
        ("text.wav", b"not audio at all\n" * 100),
        ("empty.wav", b""),
        ("picture.wav", b"\x89PNG\r\n\x1a\n" + b"\0" * 64),
        ("subtitles.mp4", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"),
        ("-i.wav", b"RIFF"),
    ],
)
def test_what_is_no_media_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        media.probe(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        media.probe(tmp_path / "nothing.wav")


def test_a_failing_engine_tells_command_and_reason(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as told:
        media.run(["-i", str(tmp_path / "nothing.wav"), str(tmp_path / "out.wav")])
    assert "No such file" in str(told.value)
    assert "command: " in str(told.value)


def test_a_reader_that_stops_early_leaves_no_process(tmp_path: Path) -> None:
    import psutil

    path = write(tmp_path / "take.mkv", noise(30))
    frames = media.read_frames(path, width=96, height=64)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


def test_clips_are_poured_into_one_encoder_in_order_and_counted(tmp_path: Path) -> None:
    clips = [noise(3, seed) for seed in range(3)]
    paths = [write(tmp_path / f"{number}.mkv", clip) for number, clip in enumerate(clips)]
    sources = [_raw(path, frames=3) for path in paths]
    out = tmp_path / "all.mkv"
    raw = [
        "-f",
        "rawvideo",
        "-pixel_format",
        "rgb24",
        "-video_size",
        "96x64",
        "-framerate",
        "25",
        "-i",
        "pipe:0",
    ]
    media.run_piped(sources, [*raw, *FrameWriter.MEZZANINE, str(out)])
    back = list(media.read_frames(out, width=96, height=64))
    assert np.array_equal(np.stack(back), np.concatenate([np.stack(clip) for clip in clips]))


def test_a_clip_that_is_short_of_frames_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "short.mkv", noise(2))
    raw = [
        "-f",
        "rawvideo",
        "-pixel_format",
        "rgb24",
        "-video_size",
        "96x64",
        "-framerate",
        "25",
        "-i",
        "pipe:0",
    ]
    with pytest.raises(ToolError, match=r"short\.mkv gave 2 frames, 3 were promised"):
        media.run_piped([_raw(path, frames=3)], [*raw, "-f", "null", "-"])


def _raw(path: Path, *, frames: int) -> media.FrameSource:
    arguments = ("-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    return media.FrameSource(name=path.name, arguments=arguments, frames=frames)
