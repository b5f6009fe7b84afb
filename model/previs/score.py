# SPDX-License-Identifier: Apache-2.0
"""Make a pose for each frame of a clip from speech, performance and seed, block by block.

Emotion gives way to speech where both need the same muscle: lips close on m, b, p whatever the
emotion. Drawing is in `warp`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float64

from manifests.timebase import ANALYSIS_HZ
from model.emotion import LABELS, Performance
from model.level_curve import HZ
from model.previs import CONTEXT_SECONDS, expression, gesture, visemes
from model.previs.expression import INDEX
from model.previs.filmed import FilmedPerformance
from model.previs.phones import PhoneDecoder
from model.previs.warp import Pose
from model.talker import Speech

BLOCK_FRAMES = 32
# of sound before and after the span, so that coarticulation crosses cuts
MARGIN_SECONDS = CONTEXT_SECONDS
EASE_SECONDS = 0.4
OPENING = 0.62  # how far the widest vowel opens the mouth, as weight of the jaw's unit alone
JAW_SHARE = 0.5  # of that; the rest is the lower lip's own, which is light and quick
LIP_FOR_JAW = expression.LIP_UNITS["AU26"].lower[0] / expression.LIP_UNITS["AU16"].lower[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechBlock:
    """Consecutive frames and what is heard in them.

    `times`: seconds from the start of the shot (frame centres). `lived`: the same from the start of
    the stretch that the shot is part of; blinks and sway follow this clock.
    """

    times: Float64[np.ndarray, " frames"]
    lived: Float64[np.ndarray, " frames"]
    speech: Float64[np.ndarray, "frames 5"]
    beat: Float64[np.ndarray, " frames"]
    speaking: Float64[np.ndarray, " frames"]


def make_poses(
    speech: Speech,
    performance: Performance,
    seed: int,
    *,
    phones: PhoneDecoder | None,
    filmed: FilmedPerformance | None = None,
) -> Iterator[Pose]:
    """Yield exactly `speech.frames` poses.

    Memory does not grow with the length beyond the sound itself. With `phones` None the signal
    alone moves the mouth; with `filmed` that performance leads brows, lids, corners and head.
    """
    actor = PortraitActor(speech, performance, seed, filmed)
    for block in make_blocks(speech, phones, seed):
        yield from actor.act(block)


def pose_emotion(label: str, intensity: float) -> Pose:
    """Make the pose of an emotion that is held in silence and looks at the camera."""
    weight = expression.scale_intensities(np.eye(len(LABELS))[LABELS.index(label)] * intensity)
    lid, look, bow = weight @ expression.build_bearing_matrix()
    return Pose(
        units=(weight @ expression.build_emotion_matrix()).astype(np.float32),
        head=np.array([0, 0, 0, 0, bow, 0], np.float32),
        lids=(float(lid), float(lid)),
        gaze=(0.0, float(look)),
    )


def find_liveliest(poses: Iterable[Pose], count: int) -> tuple[int, list[Pose]]:
    """Find the `count` consecutive poses between which the mouth moves most.

    Returns the number of the first, and the poses.
    """
    window: deque[Pose] = deque(maxlen=count)
    first, chosen, most = 0, list[Pose](), -1.0
    for number, pose in enumerate(poses):
        window.append(pose)
        spoken = np.array([posed.speech for posed in window])
        moved = float(np.abs(np.diff(spoken, axis=0)).sum())
        if len(window) > len(chosen) or moved > most:
            first, chosen, most = number + 1 - len(window), list(window), moved
    return first, chosen


def make_blocks(
    speech: Speech, phones: PhoneDecoder | None, seed: int = 0
) -> Iterator[SpeechBlock]:
    """Yield blocks of frames with what is heard in them."""
    samples, before = _take_span(speech)
    speaking, beat = _find_gestures(speech, visemes.measure_level(samples), seed)
    rows = _VisemeRows(samples, phones, speech)
    for start in range(0, speech.frames, BLOCK_FRAMES):
        frames = np.arange(start, min(start + BLOCK_FRAMES, speech.frames))
        times = (frames + 0.5) / float(speech.rate)
        ticks = (times + before) * HZ - 0.5
        lived = times + speech.before_frames / float(speech.rate)
        yield SpeechBlock(
            times=times,
            lived=lived,
            speech=rows.at(ticks),
            beat=_sample_track(beat, ticks),
            speaking=_sample_track(speaking, ticks),
        )


def _find_gestures(
    speech: Speech, level: visemes.SpeechLevel, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find phrases and beats of the head at 100 Hz, of a speaker or a listener."""
    if speech.role == "speaking":
        beats = gesture.find_stress(level.db, level.reference)
        return gesture.find_phrases(level.open), beats
    return np.zeros(len(level.db)), 0.7 * gesture.place_nods(level.open, seed)


def _take_span(speech: Speech) -> tuple[np.ndarray, float]:
    """Take the span with a margin of its context, and the seconds of it before the first frame."""
    margin = round(MARGIN_SECONDS * ANALYSIS_HZ)
    start = max(0, speech.lead - margin)
    length = int(speech.frames * Fraction(ANALYSIS_HZ) / speech.rate)
    samples = np.nan_to_num(
        speech.samples[start : speech.lead + length + margin], posinf=0.0, neginf=0.0
    )
    return samples, (speech.lead - start) / ANALYSIS_HZ


def _sample_track(track: np.ndarray, ticks: np.ndarray) -> np.ndarray:
    """Sample a 100 Hz track at fractional ticks; outside it is 0."""
    if not len(track):
        return np.zeros(len(ticks))
    return np.asarray(np.interp(ticks, np.arange(len(track)), track, left=0.0, right=0.0))


class _VisemeRows:
    """Viseme channels on demand.

    Pieces are decoded only when a frame needs them, and dropped when passed.
    """

    def __init__(self, samples: np.ndarray, phones: PhoneDecoder | None, speech: Speech) -> None:
        silent = speech.role == "listening"
        text = speech.text if speech.language.startswith("en") else None
        self._pieces = iter(()) if silent else visemes.stream_channels(samples, phones, text)
        self._rows = np.zeros((0, len(visemes.CHANNELS)))
        self._first = 0

    def at(self, ticks: np.ndarray) -> Float64[np.ndarray, "frames 5"]:
        while self._first + len(self._rows) < ticks[-1] + 2:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rows = np.concatenate([self._rows, piece])
        passed = max(0, int(ticks[0]) - 2 - self._first)
        self._rows, self._first = self._rows[passed:], self._first + min(passed, len(self._rows))
        places = ticks - self._first
        return np.stack([_sample_track(column, places) for column in self._rows.T], axis=1)


def _open_lips(
    units: np.ndarray, opening: tuple[np.ndarray, np.ndarray], press: np.ndarray, bite: np.ndarray
) -> None:
    """Open jaw and lips by what is spoken, in place; pressed and bitten lips stay closed."""
    (jaw, spread), free = opening, 1 - press

    def column(name: str) -> np.ndarray:
        return units[:, INDEX[name]]

    column("AU26")[:] = (column("AU26") + JAW_SHARE * OPENING * jaw) * free * (1 - 0.5 * bite)
    column("AU16")[:] += (1 - JAW_SHARE) * OPENING * LIP_FOR_JAW * jaw * (1 - 0.5 * bite)
    parted = column("AU25") + 0.22 * np.minimum(2 * jaw, 1) + 0.25 * spread
    column("AU25")[:] = parted * free * (1 - 0.5 * bite)
    for name in ("AU10", "AU16"):
        column(name)[:] *= free
    column("AU12")[:] *= 1 - 0.5 * press
    # a smile parts the lips where the sound needs them closed
    column("AU25")[:] -= press * (0.15 + 0.35 * column("AU12"))


class PortraitActor:
    """Turns sound into poses; holds only what the seed gives."""

    def __init__(
        self,
        speech: Speech,
        performance: Performance,
        seed: int,
        filmed: FilmedPerformance | None = None,
    ) -> None:
        """Draw the actor's habits for this clip from the seed."""
        listening = speech.role == "listening"
        self._rate = float(speech.rate)
        self._performance = performance
        self._filmed = filmed
        self._seed = seed
        self._emotions = expression.build_emotion_matrix()
        self._bearings = expression.build_bearing_matrix()
        self._blinks = gesture.Blinks(seed, mean_seconds=4.0 if listening else 3.4)
        self._glances = gesture.Glances(seed, reach=0.022 if listening else 0.014)
        self._begins = performance.keys[0].frame >= 0

    def act(self, block: SpeechBlock) -> Iterator[Pose]:
        """Yield a pose for each frame of the block."""
        felt = self.weigh_emotions(block.times, block.lived)
        lid, look, bow = (felt @ self._bearings).T
        moved = felt @ self._emotions
        head = self._move_head(block, bow)
        blink = np.repeat(self._blinks.measure_closure(block.lived)[:, None], 2, axis=1)
        if self._filmed is not None:
            taken, head, blink = self._filmed.sample_at(block.times)
            moved = moved + taken
        units = self._mix_units(block, moved)
        closure = np.clip(lid[:, None] + (1 - lid[:, None]) * blink, 0, 1)
        gaze = self._glances.at(block.lived) + np.stack([0 * look, look], axis=1)
        sides = 0.12 * np.stack(
            [gesture.make_drift(block.lived, self._seed, 20 + k, 3.0) for k in (0, 1)], axis=1
        )
        for i in range(len(block.times)):
            yield Pose(
                units=units[i].astype(np.float32),
                head=head[i].astype(np.float32),
                lids=(float(closure[i, 0]), float(closure[i, 1])),
                gaze=(float(gaze[i, 0]), float(gaze[i, 1])),
                speech=tuple(block.speech[i].tolist()),
                sides=(float(sides[i, 0]), float(sides[i, 1])),
            )

    def weigh_emotions(
        self, times: np.ndarray, lived: np.ndarray
    ) -> Float64[np.ndarray, "frames 8"]:
        """Return emotion weights: the curve, smoothed at its corners, eased in, and slowly alive.

        They ease in where a line begins.
        """
        spread = np.array([-0.12, -0.04, 0.04, 0.12])
        asked = np.mean(
            [self._performance.at((times + shift) * self._rate - 0.5) for shift in spread], axis=0
        )
        alive = 1 + 0.10 * gesture.make_drift(lived, self._seed, 1, 0.9)
        if self._begins:
            share = np.clip(times / EASE_SECONDS, 0, 1)
            alive = alive * (0.5 + 0.5 * share**2 * (3 - 2 * share))
        return np.asarray(expression.scale_intensities(asked) * alive[:, None])

    def _mix_units(
        self, block: SpeechBlock, units: np.ndarray
    ) -> Float64[np.ndarray, "frames units"]:
        for name in expression.MOUTH:
            units[:, INDEX[name]] *= 1 - 0.15 * block.speaking
        for name in expression.OPENERS:
            units[:, INDEX[name]] *= 1 - 0.30 * block.speaking
        jaw, spread, rounded, press, bite = np.clip(block.speech.T, 0, 1.2)
        press, bite = (np.clip(1.6 * closing, 0, 1) for closing in (press, bite))
        _open_lips(units, (jaw, spread), press, bite)
        additions = {
            **{"AU20": 0.40 * spread, "AU18": 0.75 * rounded},
            **{"AU24": 0.45 * press, "AU32": 0.7 * bite, "AU10": 0.25 * bite},
            **{"AU1": 0.18 * block.beat, "AU2": 0.18 * block.beat},
        }
        for name, amount in additions.items():
            units[:, INDEX[name]] += amount
        return units

    def _move_head(self, block: SpeechBlock, bow: np.ndarray) -> Float64[np.ndarray, "frames head"]:
        right, down, roll, yaw, pitch = (
            gesture.make_drift(block.lived, self._seed, 10 + k, seconds)
            for k, seconds in enumerate((0.9, 0.6, 1.0, 0.95, 0.75))
        )
        rise = gesture.make_breath(block.lived, self._seed)
        return np.stack(
            [
                0.010 * right,
                0.008 * down + 0.012 * block.beat - 0.006 * rise,
                0.010 * roll,
                0.035 * yaw,
                0.020 * pitch + 0.040 * block.beat + bow,
                0.014 * rise,
            ],
            axis=1,
        )
