# SPDX-License-Identifier: Apache-2.0
"""Change pitch, range, rate and loudness of speech in the same voice: time-domain PSOLA.

On mono 16 kHz sound. Grains of two periods around pitch marks are laid out anew: closer for a
higher pitch, repeated or dropped for another duration, so formants (who speaks) stay. Reference:
Moulines & Charpentier (1990), Pitch-synchronous waveform processing techniques.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from model.affect import prosody
from model.affect.prepared_corpus import HZ
from model.affect.prosody import Sound

UNVOICED_PERIOD = HZ // 200
SNAP = 0.2  # of a period: how far a pitch mark moves to the nearest crest
TILT_HZ = 1000.0
FADE = HZ // 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What to change.

    `pitch_semitones` of the mean; `pitch_range`: factor on the deviation from it; `rise_semitones`
    from first to last sound; `rate`: factor on speed; `energy_db`; `energy_range`: factor on the
    swing of loudness; `tilt_db` of what lies over 1 kHz; `pause_seconds` of silence, put where the
    voice is quietest.
    """

    pitch_semitones: float = 0.0
    pitch_range: float = 1.0
    rise_semitones: float = 0.0
    rate: float = 1.0
    energy_db: float = 0.0
    energy_range: float = 1.0
    tilt_db: float = 0.0
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModifiedSpeech:
    """An utterance in another manner. Sample n of the source moved to `map_sample(n)`."""

    sound: Sound
    rate: float
    pause_at: int
    pause: int

    def map_sample(self, sample: float) -> float:
        """Map a sample of the source to its place here."""
        moved = sample / self.rate
        return moved + self.pause if moved >= self.pause_at else moved


def modify_speech(sound: Sound, manner: Manner) -> ModifiedSpeech:
    """Say an utterance in another manner.

    The result is about `len(sound) / rate` long, plus the pause.
    """
    measured = prosody.measure_track(sound)
    marks, periods, voiced = _place_marks(sound, measured.f0)
    targets = _compute_target_pitch(measured, manner)
    gains = _compute_gains(measured, manner)
    out = np.zeros(round(len(sound) / manner.rate) + HZ // 10)
    at = float(marks[0]) / manner.rate
    while at < len(out) - HZ // 20:
        source = min(at * manner.rate, len(sound) - 1)
        nearest = int(np.abs(marks - source).argmin())
        step = min(int(source) // prosody.STEP, len(targets) - 1)
        _add_grain(
            out, _cut_grain(sound, marks[nearest], periods[nearest]) * gains[step], round(at)
        )
        at += HZ / targets[step] if voiced[nearest] and targets[step] else periods[nearest]
    tilted = _tilt_spectrum(out[: round(len(sound) / manner.rate)], manner.tilt_db)
    place, pause = _find_quietest(tilted), round(manner.pause_seconds * HZ)
    return ModifiedSpeech(
        sound=_insert_pause(tilted, place, pause), rate=manner.rate, pause_at=place, pause=pause
    )


def _place_marks(sound: Sound, f0: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place the middles of the grains, with the period at each and whether it is voiced.

    Voiced marks sit on crests of one sign.
    """
    crest = sound if sound.max() >= -sound.min() else -sound
    marks, periods, voiced = [], [], []
    at = float(UNVOICED_PERIOD)
    while at < len(sound) - UNVOICED_PERIOD:
        pitch = f0[min(int(at) // prosody.STEP, len(f0) - 1)]
        period = HZ / pitch if pitch else float(UNVOICED_PERIOD)
        place = round(at)
        if pitch:
            low, high = (
                max(0, round(at - SNAP * period)),
                min(len(sound), round(at + SNAP * period) + 1),
            )
            place = low + int(crest[low:high].argmax())
        marks.append(place)
        periods.append(round(period))
        voiced.append(bool(pitch))
        at = place + period
    return np.array(marks), np.array(periods), np.array(voiced)


def _compute_target_pitch(
    measured: prosody.ProsodyTrack, manner: Manner
) -> Float64[np.ndarray, " steps"]:
    """Compute the pitch in Hz to reach at each 10 ms of the source, 0 where it is unvoiced."""
    f0 = measured.f0
    voiced = f0 > 0
    if not voiced.any():
        return f0
    logs = np.log2(np.where(voiced, f0, 1))
    mean = logs[voiced].mean()
    along = np.linspace(-0.5, 0.5, len(f0)) * manner.rise_semitones / 12
    moved = mean + manner.pitch_semitones / 12 + (logs - mean) * manner.pitch_range + along
    return np.where(voiced, np.clip(2**moved, prosody.LOWEST_HZ, prosody.HIGHEST_HZ), 0)


def _compute_gains(measured: prosody.ProsodyTrack, manner: Manner) -> Float64[np.ndarray, " steps"]:
    """Compute the factor on each 10 ms: overall level, and swing around the mean of the speech."""
    mean = measured.energy_db[measured.spoken].mean()
    swing = np.clip(measured.energy_db - mean, -20, 10) * (manner.energy_range - 1)
    return np.asarray(10 ** ((manner.energy_db + swing) / 20))


def _cut_grain(sound: Sound, middle: int, period: int) -> Sound:
    low, high = middle - period, middle + period
    inside = sound[max(0, low) : min(len(sound), high)]
    whole = np.pad(inside, (max(0, -low), max(0, high - len(sound))))
    return whole * np.hanning(2 * period + 2)[1:-1]


def _add_grain(out: Sound, grain: Sound, middle: int) -> None:
    low = middle - len(grain) // 2
    first, last = max(0, low), min(len(out), low + len(grain))
    out[first:last] += grain[first - low : last - low]


def _tilt_spectrum(sound: Sound, tilt_db: float) -> Sound:
    """Apply a shelf around 1 kHz; the whole keeps its power."""
    if not tilt_db or not len(sound):
        return sound
    spectrum = np.fft.rfft(sound)
    ratio = np.fft.rfftfreq(len(sound), 1 / HZ) / TILT_HZ
    shelf = 10 ** (tilt_db / 20 * (ratio**2 / (1 + ratio**2) - 0.5))
    bent = np.fft.irfft(spectrum * shelf, len(sound))
    return np.asarray(bent * np.sqrt(np.mean(sound**2) / max(np.mean(bent**2), 1e-12)))


def _find_quietest(sound: Sound) -> int:
    """Find the sample around which the middle 60 % of the sound are quietest."""
    first = len(sound) // 5
    middle = np.convolve(sound[first : -first or None] ** 2, np.ones(HZ // 25), "same")
    return first + int(middle.argmin())


def _insert_pause(sound: Sound, place: int, pause: int) -> Sound:
    """Insert silence, with a fade on either side."""
    if not pause:
        return sound
    fade = np.linspace(1, 0, FADE)
    head, tail = sound[:place].copy(), sound[place:].copy()
    head[-FADE:] *= fade[-len(head) :]
    tail[:FADE] *= fade[::-1][: len(tail)]
    return np.concatenate([head, np.zeros(pause), tail])
