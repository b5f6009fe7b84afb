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
LIP_FOR_JAW = expression.LIP_UNITS["AU26"].lower[0] / expression.LIP_UNITS["AU16"].lower[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTuning:
    """Numbers of the score. Unless a line says otherwise they were chosen by eye.

    Weights of action units (AU) are in their own scale, where 1 is a full movement. IOD is the
    distance between the eyes. Head angles are in radians.
    """

    # Speech: how far each channel moves which unit.
    opening: float = 0.62  # of the widest vowel, as weight of the jaw's unit alone
    jaw_share: float = 0.5  # of that; the rest is the lower lip's own, which is light and quick
    part_jaw: float = 0.22  # AU25, lips apart, with an open jaw
    part_spread: float = 0.25  # AU25 with spread lips
    bite_closes: float = 0.5  # share of the opening that a bite takes away
    press_smile: float = 0.5  # share of a smile that pressed lips take away
    press_least: float = 0.15  # AU25 that pressed lips take back,
    press_for_smile: float = 0.35  # and more of it when a smile parts them
    strongest_channel: float = 1.2  # a channel counts up to here
    closing_gain: float = 1.6  # press and bite are whole well before the middle of their phone
    spread_to_stretch: float = 0.40  # AU20
    round_to_pucker: float = 0.75  # AU18
    press_to_press: float = 0.45  # AU24
    bite_to_bite: float = 0.7  # AU32
    bite_to_raise: float = 0.25  # AU10
    beat_to_brows: float = 0.18  # AU1 and AU2 on stressed words
    # Emotion gives way to speech.
    mouth_gives_way: float = 0.15  # share of the emotion's mouth units while speaking
    openers_give_way: float = 0.30  # share of the emotion's open jaw and lips while speaking
    ease_seconds: float = 0.4  # in which a line's emotion comes up,
    ease_from: float = 0.5  # from this share of it
    corner_seconds: tuple[float, ...] = (-0.12, -0.04, 0.04, 0.12)  # smooth the corners of a curve
    alive: tuple[float, float] = (0.10, 0.9)  # slow change of an emotion: share, and seconds
    sides: tuple[float, float] = (0.12, 3.0)  # difference of the halves of a face: share, seconds
    # Habits.
    nod: float = 0.7  # of a listener, against a speaker's beat
    blink_seconds: tuple[float, float] = (3.4, 4.0)  # mean between blinks: speaker, listener
    glance: tuple[float, float] = (0.014, 0.022)  # IOD: reach of a speaker's, a listener's eyes
    # Head: the size of its drift, and the seconds of one swing.
    drift_right: tuple[float, float] = (0.010, 0.9)  # IOD
    drift_down: tuple[float, float] = (0.008, 0.6)  # IOD
    drift_roll: tuple[float, float] = (0.010, 1.0)
    drift_yaw: tuple[float, float] = (0.035, 0.95)
    drift_pitch: tuple[float, float] = (0.020, 0.75)
    beat_down: float = 0.012  # IOD on a beat
    beat_pitch: float = 0.040
    breath_down: float = 0.006  # IOD
    breath_rise: float = 0.014  # IOD, of the shoulders


TUNING = ScoreTuning()


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
    return np.zeros(len(level.db)), TUNING.nod * gesture.place_nods(level.open, seed)


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

    opened, bitten = TUNING.opening * jaw, 1 - TUNING.bite_closes * bite
    column("AU26")[:] = (column("AU26") + TUNING.jaw_share * opened) * free * bitten
    column("AU16")[:] += (1 - TUNING.jaw_share) * opened * LIP_FOR_JAW * bitten
    parted = TUNING.part_jaw * np.minimum(2 * jaw, 1) + TUNING.part_spread * spread
    column("AU25")[:] = (column("AU25") + parted) * free * bitten
    for name in ("AU10", "AU16"):
        column(name)[:] *= free
    column("AU12")[:] *= 1 - TUNING.press_smile * press
    # a smile parts the lips where the sound needs them closed
    column("AU25")[:] -= press * (TUNING.press_least + TUNING.press_for_smile * column("AU12"))


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
        self._blinks = gesture.Blinks(seed, mean_seconds=TUNING.blink_seconds[listening])
        self._glances = gesture.Glances(seed, reach=TUNING.glance[listening])
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
        sides = self._differ_sides(block)
        for i in range(len(block.times)):
            yield Pose(
                units=units[i].astype(np.float32),
                head=head[i].astype(np.float32),
                lids=(float(closure[i, 0]), float(closure[i, 1])),
                gaze=(float(gaze[i, 0]), float(gaze[i, 1])),
                speech=tuple(block.speech[i].tolist()),
                sides=(float(sides[i, 0]), float(sides[i, 1])),
            )

    def _differ_sides(self, block: SpeechBlock) -> Float64[np.ndarray, "frames 2"]:
        share, seconds = TUNING.sides
        drifts = [gesture.make_drift(block.lived, self._seed, 20 + k, seconds) for k in (0, 1)]
        return share * np.stack(drifts, axis=1)

    def weigh_emotions(
        self, times: np.ndarray, lived: np.ndarray
    ) -> Float64[np.ndarray, "frames 8"]:
        """Return emotion weights: the curve, smoothed at its corners, eased in, and slowly alive.

        They ease in where a line begins.
        """
        shifts = TUNING.corner_seconds
        asked = np.mean(
            [self._performance.at((times + shift) * self._rate - 0.5) for shift in shifts], axis=0
        )
        size, seconds = TUNING.alive
        alive = 1 + size * gesture.make_drift(lived, self._seed, 1, seconds)
        if self._begins:
            share = np.clip(times / TUNING.ease_seconds, 0, 1)
            rise = 1 - TUNING.ease_from
            alive = alive * (TUNING.ease_from + rise * share**2 * (3 - 2 * share))
        return np.asarray(expression.scale_intensities(asked) * alive[:, None])

    def _mix_units(
        self, block: SpeechBlock, units: np.ndarray
    ) -> Float64[np.ndarray, "frames units"]:
        for name in expression.MOUTH:
            units[:, INDEX[name]] *= 1 - TUNING.mouth_gives_way * block.speaking
        for name in expression.OPENERS:
            units[:, INDEX[name]] *= 1 - TUNING.openers_give_way * block.speaking
        channels = np.clip(block.speech.T, 0, TUNING.strongest_channel)
        jaw, spread, rounded = channels[:3]
        press, bite = np.clip(TUNING.closing_gain * channels[3:], 0, 1)
        _open_lips(units, (jaw, spread), press, bite)
        additions = {
            "AU20": TUNING.spread_to_stretch * spread,
            "AU18": TUNING.round_to_pucker * rounded,
            "AU24": TUNING.press_to_press * press,
            "AU32": TUNING.bite_to_bite * bite,
            "AU10": TUNING.bite_to_raise * bite,
            "AU1": TUNING.beat_to_brows * block.beat,
            "AU2": TUNING.beat_to_brows * block.beat,
        }
        for name, amount in additions.items():
            units[:, INDEX[name]] += amount
        return units

    def _move_head(self, block: SpeechBlock, bow: np.ndarray) -> Float64[np.ndarray, "frames head"]:
        drifts = (
            *(TUNING.drift_right, TUNING.drift_down),
            *(TUNING.drift_roll, TUNING.drift_yaw, TUNING.drift_pitch),
        )
        right, down, roll, yaw, pitch = (
            size * gesture.make_drift(block.lived, self._seed, 10 + k, seconds)
            for k, (size, seconds) in enumerate(drifts)
        )
        rise = gesture.make_breath(block.lived, self._seed)
        return np.stack(
            [
                right,
                down + TUNING.beat_down * block.beat - TUNING.breath_down * rise,
                roll,
                yaw,
                pitch + TUNING.beat_pitch * block.beat + bow,
                TUNING.breath_rise * rise,
            ],
            axis=1,
        )
