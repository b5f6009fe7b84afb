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


@dataclass(frozen=True, slots=True, kw_only=True)
class VisemeTuning:
    """Numbers of the mouth shapes.

    Weights and widths of dominance were tried against forced alignment of two voices. The numbers
    of the signal alone were tried against the same, where the jaw reaches a correlation of 0.45 and
    0.73. Steps are of 10 ms, levels in dB of full scale.
    """

    # Timing.
    lead_seconds: float = 0.04  # mouths move before they sound
    # steps over which the weight of lips and jaw rounds a movement off; a jaw passes little above
    # 6 Hz
    inertia_steps: float = 2.8
    align_seconds: float = 60.0  # longer spans are decoded piece by piece
    # in longer spans the first piece is decoded, so that the first frame does not wait
    align_at_once_seconds: float = 6.0
    piece_seconds: tuple[float, float] = (2.5, 5.0)  # least and most
    piece_quiet_steps: float = 4.0  # smoothing of the level in which a quiet end is sought
    seam_steps: int = 6  # over which one piece becomes the next
    # Level.
    silence_db: float = -55.0  # below this nobody speaks
    loud_percentile: float = 95  # of the level: the reference
    open_below_db: float = 38.0  # under the reference, speech ends
    open_range_db: float = 8  # from silence to speech
    open_steps: float = 3.0  # smoothing
    force_range_db: tuple[float, float] = (-30, 6)  # about the reference
    force_steps: float = 12.0  # smoothing
    force_middle: float = 1.1  # gain of the jaw at the reference
    force_db: float = 60  # dB for a gain of 1 more
    force_range: tuple[float, float] = (0.8, 1.15)
    # Dominance: weight, share of half the phone's length, and least width in seconds.
    silence_pull: tuple[float, float, float] = (1.0, 0.75, 0.0)
    press_pull: tuple[float, float, float] = (3.5, 0.8, 0.028)  # m, b, p close whatever is beside
    bite_pull: tuple[float, float, float] = (2.5, 0.8, 0.03)
    shaped_pull: tuple[float, float, float] = (1.6, 1.1, 0.04)
    vowel_pull: tuple[float, float, float] = (1.2, 1.0, 0.045)
    other_pull: tuple[float, float, float] = (0.8, 0.9, 0.035)
    least_half_seconds: float = 0.03  # of a phone
    bell: float = 0.9  # steepness
    bell_reach: float = 4  # widths beyond which a pull is left out
    # The signal alone: bands in Hz, then what their ratios in dB say.
    bands: tuple[tuple[int, int], ...] = (
        *((150, 450), (450, 1000), (1000, 1800)),
        *((1800, 3200), (4000, 7800), (120, 4000)),
    )
    window_gain_db: float = 6  # of the Hann window
    loud_db: float = 26  # from shut to wide open under the reference
    first_share: float = 0.15  # of the first band beside the middle one
    hiss: tuple[float, float] = (2, 10)  # offset and range
    hiss_below_db: float = 40  # under the reference nothing hisses
    jaw: tuple[float, float] = (9, 14)  # offset and range
    jaw_range: tuple[float, float] = (0.15, 1.1)
    hiss_shuts: float = 0.75  # share of the jaw
    spread: tuple[float, float] = (2, 10)  # offset and range
    hiss_spreads: float = 0.4
    rounded: tuple[float, float] = (4, 10)  # offset and range
    rounded_opening: tuple[float, float] = (6, 10)  # offset and range
    press_steps: float = 8.0  # a press is a dip against the level smoothed over these
    press_least: float = 0.18
    press_gain: float = 3
    signal_steps: float = 3.0  # smoothing


TUNING = VisemeTuning()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechLevel:
    """Level of a sound at 100 Hz. `db`: full scale. `reference`: its 95th percentile."""

    db: Float64[np.ndarray, " times"]
    reference: float

    @property
    def open(self) -> Float64[np.ndarray, " times"]:
        """0 in silence, 1 in speech, smooth over some 50 ms."""
        floor = max(self.reference - TUNING.open_below_db, TUNING.silence_db)
        risen = np.clip((self.db - floor) / TUNING.open_range_db, 0, 1)
        return np.asarray(gaussian_filter1d(risen, TUNING.open_steps))

    @property
    def force(self) -> Float64[np.ndarray, " times"]:
        """Jaw gain from 0.8 to 1.15 with the level around each moment."""
        relative = np.clip(self.db - self.reference, *TUNING.force_range_db)
        relative = gaussian_filter1d(relative, TUNING.force_steps)
        gain = TUNING.force_middle + relative / TUNING.force_db
        return np.asarray(np.clip(gain, *TUNING.force_range))


def measure_level(samples: Samples) -> SpeechLevel:
    """Measure mono 16 kHz sound in whole 10 ms steps."""
    db = level_curve.to_decibels(level_curve.measure_power(samples), floor=1e-10)
    reference = np.percentile(db, TUNING.loud_percentile) if len(db) else TUNING.silence_db
    return SpeechLevel(db=db, reference=float(reference))


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
        ramp = np.clip((np.arange(len(channels)) + 1) / TUNING.seam_steps, 0, 1)[:, None]
        piece = last + (gated - last) * ramp
        last = piece[-1]
        yield piece


def _read_pieces(
    samples: Samples, level: SpeechLevel, phones: PhoneDecoder | None, text: str | None
) -> Iterator[tuple[int, int, Channels]]:
    """Yield (start, end, channels) of consecutive pieces that cover the sound."""
    ticks = len(level.db)
    align = bool(phones and text) and ticks <= TUNING.align_seconds * HZ
    start = 0
    while start < ticks:
        if align and (start > 0 or ticks <= TUNING.align_at_once_seconds * HZ):
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
    if db.max() < TUNING.silence_db:
        return np.zeros((len(db), len(CHANNELS)))
    if phones is None:
        return from_signal(piece, reference)
    return from_phones(phones.decode(piece), len(db))


def _find_quiet_end(db: np.ndarray, start: int) -> int:
    """Find where the piece that begins at `start` ends: the quietest moment within its lengths."""
    least, most = (round(seconds * HZ) for seconds in TUNING.piece_seconds)
    if len(db) - start <= most:
        return len(db)
    window = gaussian_filter1d(db[start + least : start + most], TUNING.piece_quiet_steps)
    return start + least + int(window.argmin())


def from_phones(phones: Iterable[Phone], ticks: int) -> Channels:
    """Return the channels of phones over `ticks` steps of 10 ms."""
    times = (np.arange(ticks) + 0.5) / HZ
    pulled = np.zeros((ticks, len(CHANNELS)))
    total = np.full(ticks, 1e-6)
    for phone in phones:
        low, high = (edge / HZ - TUNING.lead_seconds for edge in (phone.start, phone.end))
        half = max((high - low) / 2, TUNING.least_half_seconds)
        weight, width = _find_dominance(phone.name, half)
        reach = TUNING.bell_reach * width
        near = slice(max(0, int((low - reach) * HZ)), max(0, int((high + reach) * HZ) + 1))
        bell = weight * np.exp(-TUNING.bell * ((times[near] - (low + high) / 2) / width) ** 2)
        pulled[near] += bell[:, None] * np.array(TARGETS.get(phone.name, REST))
        total[near] += bell
    return np.asarray(gaussian_filter1d(pulled / total[:, None], TUNING.inertia_steps, axis=0))


def _find_dominance(name: str, half: float) -> tuple[float, float]:
    """Return weight and width (seconds) of a phone's pull, for half its length in seconds."""
    weight, share, least = _choose_pull(name)
    return weight, max(half * share, least)


def _choose_pull(name: str) -> tuple[float, float, float]:
    target = TARGETS.get(name)
    if target is None:
        return TUNING.silence_pull
    if target[3]:
        return TUNING.press_pull
    if target[4]:
        return TUNING.bite_pull
    if name in SHAPED:
        return TUNING.shaped_pull
    return TUNING.vowel_pull if name in VOWELS else TUNING.other_pull


def from_signal(samples: Samples, reference: float) -> Channels:
    """Return channels from band energies alone.

    This works for any language; it does not know bilabials and labiodentals for certain.
    """
    ticks = len(samples) // HOP
    padded = np.pad(samples, (WINDOW // 2 - HOP // 2, WINDOW))
    index = np.arange(ticks)[:, None] * HOP + np.arange(WINDOW)
    power = np.abs(np.fft.rfft(padded[index] * np.hanning(WINDOW))) ** 2 + 1e-9
    channels = _read_bands([_sum_band(power, *edges) for edges in TUNING.bands], reference)
    lead = round(TUNING.lead_seconds * HZ)
    smooth = gaussian_filter1d(channels, TUNING.signal_steps, axis=0)
    ahead = np.roll(smooth, -lead, axis=0)
    ahead[-lead:] = 0
    return np.asarray(ahead)


def _read_bands(bands: list[np.ndarray], reference: float) -> Channels:
    """Read the channels from the power in bands; see `VisemeTuning.bands`."""
    low, first, middle, second, high, voice = bands
    db = 10 * np.log10(voice / WINDOW**2) + TUNING.window_gain_db
    loud = np.clip((db - reference + TUNING.loud_db) / TUNING.loud_db, 0, 1)
    opening = _to_decibels(first / low)
    front = _to_decibels(second / (middle + TUNING.first_share * first))
    hiss = _rise(_to_decibels(high / voice), TUNING.hiss)
    hiss = hiss * (db > reference - TUNING.hiss_below_db)
    offset, width = TUNING.jaw
    jaw = loud * np.clip((opening + offset) / width, *TUNING.jaw_range)
    spread = loud * _rise(front, TUNING.spread) * (1 - hiss)
    offset, width = TUNING.rounded
    rounded = loud * np.clip((-front - offset) / width, 0, 1)
    dip = gaussian_filter1d(loud, TUNING.press_steps) - loud - TUNING.press_least
    return np.stack(
        [
            jaw * (1 - TUNING.hiss_shuts * hiss),
            np.maximum(spread, TUNING.hiss_spreads * hiss),
            rounded * _rise(-opening, TUNING.rounded_opening),
            np.clip(dip * TUNING.press_gain, 0, 1),
            np.zeros(len(loud)),
        ],
        axis=1,
    )


def _rise(ratio: np.ndarray, edge: tuple[float, float]) -> np.ndarray:
    """Rise from 0 to 1 over a range of dB. `edge`: its offset, and how many dB it takes."""
    offset, width = edge
    return np.clip((ratio + offset) / width, 0, 1)


def _sum_band(power: np.ndarray, low: float, high: float) -> np.ndarray:
    frequencies = np.fft.rfftfreq(WINDOW, 1 / ANALYSIS_HZ)
    return np.asarray(power[:, (frequencies >= low) & (frequencies < high)].sum(axis=1))


def _to_decibels(ratio: np.ndarray) -> np.ndarray:
    return np.asarray(10 * np.log10(ratio + 1e-9))
