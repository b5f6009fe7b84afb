# SPDX-License-Identifier: Apache-2.0
"""A film in miniature for tests of finishing.

It has painted portraits, lossless takes, a tone for a recording, and their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from manifests.identity import digest_file
from manifests.rows import Cut, Recording, Shot, Take
from manifests.timebase import MASTER_HZ, sample_of_frame
from pipeline.frame_writer import FrameWriter

FACE = (0.3, 0.2, 0.7, 0.75)
SKIN = {"mara": (0.76, 0.57, 0.48), "kofi": (0.47, 0.29, 0.20), "lin": (0.73, 0.56, 0.47)}
WALL = {"mara": (0.35, 0.45, 0.60), "kofi": (0.60, 0.45, 0.30), "lin": (0.40, 0.55, 0.45)}
BARS = [
    (235, 235, 235),
    (235, 235, 16),
    (16, 235, 235),
    (16, 235, 16),
    (235, 16, 235),
    (235, 16, 16),
    (16, 16, 235),
    (16, 16, 16),
    (191, 191, 191),
    (128, 128, 128),
    (64, 64, 64),
    (194, 150, 130),
    (115, 82, 68),
    (90, 120, 60),
    (60, 90, 160),
    (180, 90, 60),
]


def portrait(name: str, size: int = 128) -> np.ndarray:
    """Draw a head before a wall as floats in [0, 1].

    It has shaded skin, hair and a mouth; the wall has a soft pattern.
    """
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    light = 0.85 + 0.3 * (x - 0.5) + 0.1 * np.sin(9 * y)
    wall = np.array(WALL[name]) * (light + 0.15 * np.sin(17 * x) * np.cos(11 * y))[..., None]
    shade = (0.85 + 0.35 * (0.6 - x))[..., None]
    picture = np.where(
        _ellipse(x, y, (0.25, 0.08, 0.75, 0.8))[..., None],
        np.array([0.15, 0.11, 0.09]) * shade,
        wall,
    )
    picture = np.where(_ellipse(x, y, FACE)[..., None], np.array(SKIN[name]) * shade, picture)
    picture = np.where(
        _ellipse(x, y, (0.43, 0.6, 0.57, 0.66))[..., None],
        np.array([0.5, 0.25, 0.24]) * shade,
        picture,
    )
    return np.clip(picture, 0, 1)


def bars(width: int, height: int) -> np.ndarray:
    """Draw sixteen flat patches, eight by two, as 8-bit rgb."""
    picture = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(BARS):
        row, column = divmod(number, 8)
        picture[
            row * height // 2 : (row + 1) * height // 2,
            column * width // 8 : (column + 1) * width // 8,
        ] = colour
    return picture


def eight_bit(picture: np.ndarray) -> np.ndarray:
    """Convert floats in [0, 1] to 8-bit values."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


@dataclass
class TinyFilm:
    """A film whose shots and takes lie under `root` (the build folder), as a run leaves them."""

    root: Path
    rate: Fraction = Fraction(25)

    def __post_init__(self) -> None:
        self.shots: list[Shot] = []
        self.takes: list[Take] = []

    def add(
        self, pictures: list[np.ndarray], *, character: str = "mara", label: str = "previs"
    ) -> Shot:
        """Append a shot whose take holds `pictures` (8-bit rgb) to the timeline."""
        height, width = pictures[0].shape[:2]
        shot = self._build_shot(character, len(pictures), (width, height))
        path = self.root / "takes" / f"{shot.shot_id}.mkv"
        with FrameWriter(path, size=(width, height), rate=self.rate) as writer:
            for picture in pictures:
                writer.write(picture)
        self.shots.append(shot)
        self.takes.append(self._build_take(shot, path, label))
        return shot

    def _build_shot(self, character: str, frames: int, size: tuple[int, int]) -> Shot:
        start = self.shots[-1].end_frame if self.shots else 0
        order = len(self.shots)
        return Shot(
            shot_id=f"shot{order}_{character}",
            number=f"sc01_sh{10 * (order + 1):03}",
            order=order,
            scene="1",
            character=character,
            actor=character,
            role="speaking",
            line_ids=f"l{order}",
            text="",
            lang="en",
            performance="[]",
            start_frame=start,
            end_frame=start + frames,
            rate_num=self.rate.numerator,
            rate_den=self.rate.denominator,
            portrait="p.png",
            portrait_digest=character,
            face="only",
            audio_digest="",
            seed=0,
            width=size[0],
            height=size[1],
            talker="previs",
            talker_version="1",
            weights_digest="",
            talker_settings="{}",
        )

    def _build_take(self, shot: Shot, path: Path, label: str) -> Take:
        return Take(
            shot_id=shot.shot_id,
            path=path.relative_to(self.root).as_posix(),
            media_digest=digest_file(path),
            frames=shot.frames,
            rate_num=self.rate.numerator,
            rate_den=self.rate.denominator,
            width=shot.width,
            height=shot.height,
            talker="previs",
            talker_version="1",
            label=label,
            licences="",
            seed=0,
            face_left=FACE[0],
            face_top=FACE[1],
            face_right=FACE[2],
            face_bottom=FACE[3],
            wall_seconds=0.0,
            worker="w",
            run_id="r",
        )

    def cut_out(self, number: int, mattes: list[np.ndarray]) -> None:
        """Lay a matte beside the take of the given shot."""
        path = (self.root / self.takes[number].path).with_suffix(".matte.mkv")
        with FrameWriter(path, size=mattes[0].shape[::-1], rate=self.rate, pixels="gray") as writer:
            for matte in mattes:
                writer.write(matte)

    @property
    def samples(self) -> int:
        """Samples of sound that belong to the picture."""
        return sample_of_frame(self.shots[-1].end_frame, self.rate)

    def record(self, sound: np.ndarray, *, offset: int = 0) -> Recording:
        """Write a recording (48 kHz; mono or two channels) as ingest would leave it."""
        name = f"recording_{offset}_{len(sound)}"
        path = self.root / "recordings" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, MASTER_HZ, subtype="PCM_24")
        place = path.relative_to(self.root).as_posix()
        return Recording(
            recording_id=digest_file(path),
            source="a.wav",
            source_digest="",
            order=0,
            offset_samples=offset,
            samples=len(sound),
            master_path=place,
            analysis_path=place,
            source_hz=MASTER_HZ,
            source_channels=1,
            peak_dbfs=0.0,
            rms_dbfs=0.0,
            clipped_samples=0,
            dc_offset=0.0,
        )


def tone(samples: int, *, level: float = 0.1, hz: float = 440.0) -> np.ndarray:
    """Make a sine in [-level, level]."""
    return (level * np.sin(2 * np.pi * hz * np.arange(samples) / MASTER_HZ)).astype(np.float32)


def clicks(samples: int, at: list[int]) -> np.ndarray:
    """Make silence with short bursts that begin at the given samples."""
    sound = np.zeros(samples, np.float32)
    for start in at:
        sound[start : start + 240] = 0.5
    return sound


def counted(cuts: list[Cut]) -> int:
    """Count the frames that an edit list asks for."""
    return sum(cut.frames for cut in cuts)


def _ellipse(x: np.ndarray, y: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    left, top, right, bottom = box
    return ((x - (left + right) / 2) / ((right - left) / 2)) ** 2 + (
        (y - (top + bottom) / 2) / ((bottom - top) / 2)
    ) ** 2 < 1
