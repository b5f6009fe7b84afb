# SPDX-License-Identifier: Apache-2.0
"""Check of lip sync: how far the mouths in a finished file lag behind its own sound.

The gap of the lips is measured in the pictures (468-point mesh) of a few speaking shots; how open a
mouth should be is predicted from the sound (phones). The lag is where both agree best. The curve of
the sound is the one that drives previs, so this finds what went wrong after a take was rendered,
and how far another talker's lips are from it. It does not judge how good the lips are.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from manifests.delivery_rows import Check
from manifests.timebase import ANALYSIS_HZ, format_timecode
from model.level_curve import HZ
from pipeline import media
from pipeline.checks.check_faces import (
    ExpectedFace,
    Frame,
    ScreenedFile,
    load_recogniser,
    read_window,
)

if TYPE_CHECKING:
    from model.likeness import FaceRecogniser

MOST_SHOTS, MOST_SECONDS, LEAST_SECONDS = 3, 3.0, 1.2
LONGEST_LAG = 12  # frames, either way
WARN_SECONDS, FAIL_SECONDS = 0.08, 0.16  # two and four frames at 25
SURE = 0.5  # correlation from which a lag is believed
CONTEXT_SECONDS = Fraction(1, 2)  # of sound before the pictures, so that phones begin well

Series = Float64[np.ndarray, " frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """The lag of one shot in frames, positive when the picture is late, and its correlation."""

    scene: ExpectedFace
    frames: int
    correlation: float


def choose_shots(scenes: Sequence[ExpectedFace], *, rate: Fraction) -> list[ExpectedFace]:
    """Choose the speaking shots to measure: the longest of each character first."""
    speaking = [
        scene for scene in scenes if scene.speaking and scene.cut.frames >= LEAST_SECONDS * rate
    ]
    seen: dict[str, int] = {}
    ranked = []
    for scene in sorted(speaking, key=lambda scene: -scene.cut.frames):
        seen[scene.character] = seen.get(scene.character, 0) + 1
        ranked.append((seen[scene.character], -scene.cut.frames, scene.cut.start_frame, scene))
    return [scene for *_, scene in sorted(ranked, key=lambda entry: entry[:3])[:MOST_SHOTS]]


def measure_lags(screen: ScreenedFile, scenes: Sequence[ExpectedFace]) -> list[Lag]:
    """Measure the lag of each shot in which a face could be followed.

    Raises InputError when weights are missing, ToolError when the file cannot be read.
    """
    recogniser = load_recogniser()
    lags = []
    for scene in scenes:
        count = min(scene.cut.frames, round(MOST_SECONDS * screen.rate))
        first = scene.cut.start_frame + (scene.cut.frames - count) // 2
        gap = _measure_gap(recogniser, scene, read_window(screen, scene, first, count))
        if gap is not None and len(gap) > 2 * LONGEST_LAG:
            frames, correlation = find_best_lag(gap, _predict_opening(screen, first, len(gap)))
            lags.append(Lag(scene=scene, frames=frames, correlation=correlation))
    return lags


def find_best_lag(gap: Series, opening: Series) -> tuple[int, float]:
    """Find the lag in frames at which the gap follows the opening best, and the correlation there.

    Both are 0 when one of the curves stands still.

    >>> wave = np.sin(np.arange(60) ** 1.3)
    >>> find_best_lag(np.roll(wave, 3), wave)[0]
    3
    """
    best = (0.0, 0)
    for lag in range(-LONGEST_LAG, LONGEST_LAG + 1):
        seen = gap[max(lag, 0) : len(gap) + min(lag, 0)]
        predicted = opening[max(-lag, 0) : len(opening) + min(-lag, 0)]
        if seen.std() > 1e-6 and predicted.std() > 1e-6:
            best = max(best, (float(np.corrcoef(seen, predicted)[0, 1]), -abs(lag), lag)[::2])
    return best[1], best[0]


def check_lag(lags: Sequence[Lag], *, version: str, profile: str, rate: Fraction) -> Check:
    """Check the median lag of the shots in which picture and sound agree well enough to measure."""
    limit = f"{float(WARN_SECONDS * rate):.0f} frames ({1000 * WARN_SECONDS:.0f} ms)"
    about = {"version": version, "profile": profile, "name": "lip-sync", "limit": limit}
    sure = [lag for lag in lags if lag.correlation >= SURE]
    if not lags:
        return Check(**about, value="no speaking shot is long enough", verdict="pass")
    if not sure:
        value = f"not measurable in {len(lags)} shots"
        return Check(**about, value=value, verdict="warn", advice="watch the lips")
    median = statistics.median(lag.frames for lag in sure)
    seconds = median / float(rate)
    value = f"{median:+g} frames ({1000 * seconds:+.0f} ms), median of {len(sure)} shots"
    if abs(seconds) <= WARN_SECONDS:
        return Check(**about, value=value, verdict="pass")
    return Check(
        **about,
        value=value,
        verdict="fail" if abs(seconds) > FAIL_SECONDS else "warn",
        timecode=format_timecode(sure[0].scene.cut.start_frame, rate),
        advice=f"the picture is {'late' if median > 0 else 'early'}: check the place of the sound",
    )


def _measure_gap(
    recogniser: FaceRecogniser, scene: ExpectedFace, frames: Iterable[Frame]
) -> Series | None:
    """Measure the distance of the inner lips in inter-ocular distances, frame by frame.

    The result is None when the first frame holds no face.
    """
    face, gaps = None, []
    for frame in frames:
        face = (
            recogniser.find_face_near(frame, scene.middle)
            if face is None
            else recogniser.landmarker.follow(frame, face)
        )
        if face is None:
            return None
        gaps.append(
            float((face.points[14, :2] - face.points[13, :2]) @ face.axes[:, 1] / face.unit)
        )
    return np.array(gaps) if gaps else None


def _predict_opening(screen: ScreenedFile, first: int, count: int) -> Series:
    """Predict from the sound how open a mouth is, frame by frame from timeline frame `first` on."""
    from model.previs import visemes
    from model.previs.phones import PhoneDecoder

    begin = Fraction(first) / screen.rate
    lead = min(begin, CONTEXT_SECONDS)
    wanted = round((lead + Fraction(count) / screen.rate) * ANALYSIS_HZ)
    samples = _read_samples(screen.path, begin - lead, wanted)
    rows = np.concatenate(list(visemes.stream_channels(samples, PhoneDecoder())))
    opening = rows[:, 0] * (1 - 0.95 * rows[:, 3])  # jaw, less where the lips press
    ticks = (float(lead) + (np.arange(count) + 0.5) / float(screen.rate)) * HZ - 0.5
    series: Series = np.interp(ticks, np.arange(len(opening)), opening)
    return series


def _read_samples(path: Path, start: Fraction, count: int) -> Float32[np.ndarray, " samples"]:
    """Read at most `count` mono samples from `start` (seconds) on; silence when there are none."""
    blocks, have = [], 0
    for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=1, block_seconds=1.0, start=start):
        blocks.append(block[:, 0])
        have += len(block)
        if have >= count:
            break
    return np.concatenate(blocks)[:count] if blocks else np.zeros(count, np.float32)
