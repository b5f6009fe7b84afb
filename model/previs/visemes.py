# SPDX-License-Identifier: Apache-2.0
"""Turn speech into mouth shapes: jaw, spread, round, press and bite at 100 Hz.

Three sources, best first: forced alignment of the known text, a phone decoder, the signal alone
(any language). Coarticulation is by dominance functions (Cohen & Massaro 1993): every phone pulls
toward its target with a bell of its own weight and width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy.ndimage import gaussian_filter1d

from manifests.timebase import ANALYSIS_HZ
from model import level_curve
from model.level_curve import HOP, HZ
from model.previs.phones import Phone, PhoneDecoder

CHANNELS = ("jaw", "spread", "round", "press", "bite")
LEAD_SECONDS = 0.04  # mouths move before they sound
# steps over which the weight of lips and jaw rounds a movement off (a jaw passes little above 6 Hz)
INERTIA = 2.8
ALIGN_SECONDS = 60.0  # longer spans are decoded piece by piece
# in longer spans the first piece is decoded, so that the first frame does not wait
ALIGN_AT_ONCE_SECONDS = 6.0
PIECE_SECONDS = (2.5, 5.0)
SILENCE_DB = -55.0  # full scale; below this nobody speaks
WINDOW = 512

Channels = Float64[np.ndarray, "times 5"]
Samples = Float32[np.ndarray, " samples"]
Target = tuple[float, float, float, float, float]

# jaw, spread, round, press, bite of the 39 ARPAbet phones.
TARGETS: dict[str, Target] = {
    "AA": (0.95, 0, 0, 0, 0),
    "AE": (0.82, 0.35, 0, 0, 0),
    "AH": (0.6, 0.1, 0, 0, 0),
    "AO": (0.75, 0, 0.55, 0, 0),
    "AW": (0.8, 0, 0.35, 0, 0),
    "AY": (0.85, 0.2, 0, 0, 0),
    "EH": (0.62, 0.35, 0, 0, 0),
    "ER": (0.35, 0, 0.4, 0, 0),
    "EY": (0.5, 0.5, 0, 0, 0),
    "IH": (0.35, 0.4, 0, 0, 0),
    "IY": (0.22, 0.75, 0, 0, 0),
    "OW": (0.55, 0, 0.8, 0, 0),
    "OY": (0.6, 0, 0.7, 0, 0),
    "UH": (0.35, 0, 0.6, 0, 0),
    "UW": (0.22, 0, 1, 0, 0),
    "W": (0.12, 0, 0.9, 0, 0),
    "R": (0.25, 0, 0.45, 0, 0),
    "L": (0.35, 0.15, 0, 0, 0),
    "Y": (0.2, 0.5, 0, 0, 0),
    **dict.fromkeys(("M", "B", "P"), (0.0, 0.0, 0.0, 1.0, 0.0)),
    **dict.fromkeys(("F", "V"), (0.1, 0.0, 0.0, 0.0, 1.0)),
    **dict.fromkeys(("TH", "DH"), (0.25, 0.1, 0.0, 0.0, 0.0)),
    **dict.fromkeys(("D", "N"), (0.22, 0.2, 0.0, 0.0, 0.0)),
    "T": (0.2, 0.25, 0, 0, 0),
    **dict.fromkeys(("S", "Z"), (0.12, 0.4, 0.0, 0.0, 0.0)),
    **dict.fromkeys(("SH", "ZH"), (0.18, 0.0, 0.55, 0.0, 0.0)),
    **dict.fromkeys(("CH", "JH"), (0.18, 0.0, 0.5, 0.0, 0.0)),
    **dict.fromkeys(("K", "G", "NG"), (0.32, 0.1, 0.0, 0.0, 0.0)),
    "HH": (0.4, 0, 0, 0, 0),
}
REST: Target = (0.0, 0.0, 0.0, 0.0, 0.0)
VOWELS = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "IY", "OY", "UH", "ER", "IH"))
SHAPED = frozenset(("SH", "CH", "JH", "ZH", "S", "Z", "UW", "W", "OW"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechLevel:
    """Level of a sound at 100 Hz. `db`: full scale. `reference`: its 95th percentile."""

    db: Float64[np.ndarray, " times"]
    reference: float

    @property
    def open(self) -> Float64[np.ndarray, " times"]:
        """0 in silence, 1 in speech, smooth over some 50 ms."""
        floor = max(self.reference - 38.0, SILENCE_DB)
        return np.asarray(gaussian_filter1d(np.clip((self.db - floor) / 8, 0, 1), 3.0))

    @property
    def force(self) -> Float64[np.ndarray, " times"]:
        """Jaw gain from 0.8 to 1.15 with the level around each moment."""
        relative = gaussian_filter1d(np.clip(self.db - self.reference, -30, 6), 12.0)
        return np.asarray(np.clip(1.1 + relative / 60, 0.8, 1.15))


def measure_level(samples: Samples) -> SpeechLevel:
    """Measure mono 16 kHz sound in whole 10 ms steps."""
    db = level_curve.to_decibels(level_curve.measure_power(samples), floor=1e-10)
    return SpeechLevel(db=db, reference=float(np.percentile(db, 95)) if len(db) else SILENCE_DB)


def stream_channels(
    samples: Samples, phones: PhoneDecoder | None, text: str | None = None
) -> Iterator[Channels]:
    """Yield channels of mono 16 kHz speech, piece by piece; a row for each whole 10 ms.

    With `phones` None the signal alone is read. Text is aligned when the span is short enough and
    the words can be found.
    """
    level = measure_level(samples)
    opened, force = level.open, level.force
    last = np.zeros(len(CHANNELS))
    for start, end, channels in _read_pieces(samples, level, phones, text):
        gated = channels * opened[start:end, None]
        gated[:, 0] *= force[start:end]
        ramp = np.clip((np.arange(len(channels)) + 1) / 6, 0, 1)[:, None]
        piece = last + (gated - last) * ramp
        last = piece[-1]
        yield piece


def _read_pieces(
    samples: Samples, level: SpeechLevel, phones: PhoneDecoder | None, text: str | None
) -> Iterator[tuple[int, int, Channels]]:
    """Yield (start, end, channels) of consecutive pieces that cover the sound."""
    ticks = len(level.db)
    align = bool(phones and text) and ticks <= ALIGN_SECONDS * HZ
    start = 0
    while start < ticks:
        if align and (start > 0 or ticks <= ALIGN_AT_ONCE_SECONDS * HZ):
            align = False
            spoken = phones.align(samples, text) if phones and text else None
            if spoken is not None:
                yield start, ticks, from_phones(spoken, ticks)[start:]
                return
        end = _find_quiet_end(level.db, start)
        yield (
            start,
            end,
            _read_piece(
                samples[start * HOP : end * HOP], level.db[start:end], level.reference, phones
            ),
        )
        start = end


def _read_piece(
    piece: Samples, db: np.ndarray, reference: float, phones: PhoneDecoder | None
) -> Channels:
    """Return the channels of a piece whose words are not known. `db`: its level."""
    if db.max() < SILENCE_DB:
        return np.zeros((len(db), len(CHANNELS)))
    if phones is None:
        return from_signal(piece, reference)
    return from_phones(phones.decode(piece), len(db))


def _find_quiet_end(db: np.ndarray, start: int) -> int:
    """Find where the piece that begins at `start` ends: the quietest moment within its lengths."""
    least, most = (round(seconds * HZ) for seconds in PIECE_SECONDS)
    if len(db) - start <= most:
        return len(db)
    window = gaussian_filter1d(db[start + least : start + most], 4.0)
    return start + least + int(window.argmin())


def from_phones(phones: Iterable[Phone], ticks: int) -> Channels:
    """Return the channels of phones over `ticks` steps of 10 ms."""
    times = (np.arange(ticks) + 0.5) / HZ
    pulled = np.zeros((ticks, len(CHANNELS)))
    total = np.full(ticks, 1e-6)
    for phone in phones:
        low, high = phone.start / HZ - LEAD_SECONDS, phone.end / HZ - LEAD_SECONDS
        weight, width = _find_dominance(phone.name, max((high - low) / 2, 0.03))
        near = slice(max(0, int((low - 4 * width) * HZ)), max(0, int((high + 4 * width) * HZ) + 1))
        bell = weight * np.exp(-0.9 * ((times[near] - (low + high) / 2) / width) ** 2)
        pulled[near] += bell[:, None] * np.array(TARGETS.get(phone.name, REST))
        total[near] += bell
    return np.asarray(gaussian_filter1d(pulled / total[:, None], INERTIA, axis=0))


def _find_dominance(name: str, half: float) -> tuple[float, float]:
    """Return weight and width (seconds) of a phone's pull, for half its length in seconds."""
    target = TARGETS.get(name)
    if target is None:
        return 1.0, half * 0.75
    if target[3]:
        return 3.5, max(half * 0.8, 0.028)
    if target[4]:
        return 2.5, max(half * 0.8, 0.03)
    if name in SHAPED:
        return 1.6, max(half * 1.1, 0.04)
    if name in VOWELS:
        return 1.2, max(half, 0.045)
    return 0.8, max(half * 0.9, 0.035)


def from_signal(samples: Samples, reference: float) -> Channels:
    """Return channels from band energies alone.

    This works for any language; it does not know bilabials and labiodentals for certain.
    """
    ticks = len(samples) // HOP
    padded = np.pad(samples, (WINDOW // 2 - HOP // 2, WINDOW))
    index = np.arange(ticks)[:, None] * HOP + np.arange(WINDOW)
    power = np.abs(np.fft.rfft(padded[index] * np.hanning(WINDOW))) ** 2 + 1e-9
    low, first, middle, second, high, voice = (_sum_band(power, *edges) for edges in _BANDS)
    db = 10 * np.log10(voice / WINDOW**2) + 6
    loud = np.clip((db - reference + 26) / 26, 0, 1)
    opening = _to_decibels(first / low)
    front = _to_decibels(second / (middle + 0.15 * first))
    hiss = np.clip((_to_decibels(high / voice) + 2) / 10, 0, 1) * (db > reference - 40)
    jaw = loud * np.clip((opening + 9) / 14, 0.15, 1.1) * (1 - 0.75 * hiss)
    spread = np.maximum(loud * np.clip((front + 2) / 10, 0, 1) * (1 - hiss), 0.4 * hiss)
    rounded = loud * np.clip((-front - 4) / 10, 0, 1) * np.clip((6 - opening) / 10, 0, 1)
    press = np.clip((gaussian_filter1d(loud, 8.0) - loud - 0.18) * 3, 0, 1)
    channels = np.stack([jaw, spread, rounded, press, np.zeros(ticks)], axis=1)
    ahead = np.roll(gaussian_filter1d(channels, 3.0, axis=0), -round(LEAD_SECONDS * HZ), axis=0)
    ahead[-round(LEAD_SECONDS * HZ) :] = 0
    return np.asarray(ahead)


_BANDS = ((150, 450), (450, 1000), (1000, 1800), (1800, 3200), (4000, 7800), (120, 4000))


def _sum_band(power: np.ndarray, low: float, high: float) -> np.ndarray:
    frequencies = np.fft.rfftfreq(WINDOW, 1 / ANALYSIS_HZ)
    return np.asarray(power[:, (frequencies >= low) & (frequencies < high)].sum(axis=1))


def _to_decibels(ratio: np.ndarray) -> np.ndarray:
    return np.asarray(10 * np.log10(ratio + 1e-9))
