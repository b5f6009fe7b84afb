# SPDX-License-Identifier: Apache-2.0
"""Find which phones are spoken when, from known text or from sound alone: the door to pocketsphinx.

US English models, in its wheel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

from model import level_curve
from model.previs import fitting

Samples = Float32[np.ndarray, " samples"]

TICK = level_curve.HOP  # samples in 10 ms
ROOM = 12  # ticks around a run of words in which its ends are sought
# An alignment was forced upon other words when a phone has more ticks than `LONGEST`, or more than
# `SHORT_SHARE` of the phones have at most `SHORT` ticks.
LONGEST, SHORT, SHORT_SHARE = 45, 3, 0.24
# Sound this far below its loudest counts as speech; the words must cover this share of it.
LOUD_DB, SPOKEN_SHARE = 18.0, 0.8

# A guess at how a word that is not in the dictionary is spoken: good enough to align lips to, not
# to read aloud.
SPELLING: tuple[tuple[str, str], ...] = (
    *(
        ("tch", "CH"),
        ("sch", "SH"),
        ("igh", "AY"),
        ("sh", "SH"),
        ("ch", "CH"),
        ("th", "TH"),
        ("ph", "F"),
        ("wh", "W"),
    ),
    *(
        ("ck", "K"),
        ("ng", "NG"),
        ("qu", "K W"),
        ("ee", "IY"),
        ("ea", "IY"),
        ("oo", "UW"),
        ("ou", "AW"),
        ("ow", "OW"),
    ),
    *(
        ("ai", "EY"),
        ("ay", "EY"),
        ("oi", "OY"),
        ("oy", "OY"),
        ("au", "AO"),
        ("aw", "AO"),
        ("er", "ER"),
        ("ir", "ER"),
    ),
    *(
        ("a", "AE"),
        ("b", "B"),
        ("c", "K"),
        ("d", "D"),
        ("e", "EH"),
        ("f", "F"),
        ("g", "G"),
        ("h", "HH"),
        ("i", "IH"),
    ),
    *(
        ("j", "JH"),
        ("k", "K"),
        ("l", "L"),
        ("m", "M"),
        ("n", "N"),
        ("o", "OW"),
        ("p", "P"),
        ("q", "K"),
        ("r", "R"),
    ),
    *(
        ("s", "S"),
        ("t", "T"),
        ("u", "AH"),
        ("v", "V"),
        ("w", "W"),
        ("x", "K S"),
        ("y", "IY"),
        ("z", "Z"),
    ),
)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone over [start, end) in 10 ms ticks.

    `name`: ARPAbet without stress, or `SIL` for anything that is not speech.
    """

    name: str
    start: int
    end: int


class PhoneDecoder:
    """Two decoders, loaded when first needed.

    Each utterance starts afresh, so the answer does not depend on what came before.
    """

    def decode(self, samples: Samples) -> list[Phone]:
        """Decode phones from mono 16 kHz sound."""
        decoder = self._listener
        _run_decoder(decoder, samples)
        return [
            _make_phone(part.word, part.start_frame, part.end_frame + 1)
            for part in decoder.seg() or ()
        ]

    def align(self, samples: Samples, text: str) -> list[Phone] | None:
        """Align the phones of `text` with the sound; None when next to nothing of it is heard.

        Where text and sound differ (a cut through a line, a word left out), the words that are
        heard are aligned each in its place, and what lies between them is decoded.
        """
        words = self._split_words(text)
        if not words:
            return None
        whole = self._align_words(samples, words)
        if whole is not None and not _is_forced(whole, samples):
            return whole
        return self._align_runs(samples, words)

    def _split_words(self, text: str) -> list[str]:
        """Split a text into words, and add spellings for those that the dictionary lacks."""
        words = re.findall(r"[a-z']+", text.lower())
        for word in words:
            if self._aligner.lookup_word(word) is None:
                self._aligner.add_word(word, _spell_word(word), True)
        return words

    def _align_words(self, samples: Samples, words: list[str]) -> list[Phone] | None:
        """Align exactly these words, or return None when they do not fit."""
        decoder = self._aligner
        try:
            decoder.set_align_text(" ".join(words))
            _run_decoder(decoder, samples)
            if decoder.hyp() is None:
                return None
            decoder.set_alignment()
            _run_decoder(decoder, samples)
            alignment = decoder.get_alignment()
        except RuntimeError:  # pocketsphinx's way to say that no path fits
            return None
        if alignment is None:
            return None
        return [_make_phone(p.name, p.start, p.start + p.duration) for p in alignment.phones()]

    def _align_runs(self, samples: Samples, words: list[str]) -> list[Phone] | None:
        """Decode phones, and align runs of words that are heard in them in their place."""
        decoded = self.decode(samples)
        spoken = [phone for phone in decoded if phone.name != "SIL"]
        spelled = [
            [_make_phone(name, 0, 0).name for name in self._aligner.lookup_word(word).split()]
            for word in words
        ]
        phones, done = [], 0
        for run in fitting.find_runs(spelled, [phone.name for phone in spoken]):
            low = max(spoken[run.start].start - ROOM, done)
            high = min(spoken[run.end - 1].end + ROOM, len(samples) // TICK)
            inside = self._align_run(samples[low * TICK : high * TICK], words[run.first : run.last])
            if inside is None:
                continue
            phones += _clip_phones(decoded, done, low)
            phones += [Phone(phone.name, phone.start + low, phone.end + low) for phone in inside]
            done = high
        return [*phones, *_clip_phones(decoded, done, len(samples) // TICK)] if phones else None

    def _align_run(self, samples: Samples, words: list[str]) -> list[Phone] | None:
        """Align a run of words, whose ends may be half cut away."""
        for known in (words, words[1:], words[:-1], words[1:-1]):
            aligned = self._align_words(samples, known) if known else None
            if aligned:
                return aligned
        return None

    @cached_property
    def _listener(self) -> Any:
        import pocketsphinx

        model = pocketsphinx.get_model_path("en-us")
        return pocketsphinx.Decoder(
            hmm=f"{model}/en-us",
            allphone=f"{model}/en-us-phone.lm.bin",
            lw=2.0,
            beam=1e-20,
            pbeam=1e-20,
            loglevel="FATAL",
        )

    @cached_property
    def _aligner(self) -> Any:
        import pocketsphinx

        model = pocketsphinx.get_model_path("en-us")
        return pocketsphinx.Decoder(
            hmm=f"{model}/en-us", dict=f"{model}/cmudict-en-us.dict", lm=None, loglevel="FATAL"
        )


def _run_decoder(decoder: Any, samples: Samples) -> None:
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()


def _is_forced(phones: list[Phone], samples: Samples) -> bool:
    """Tell whether an alignment squeezes or stretches words to fit other sound.

    It also counts as forced when it leaves much of the speech as silence.
    """
    lengths = np.array([phone.end - phone.start for phone in phones if phone.name != "SIL"])
    if (
        not len(lengths)
        or lengths.max() > LONGEST
        or float(np.mean(lengths <= SHORT)) > SHORT_SHARE
    ):
        return True
    power = level_curve.measure_power(samples, precision=np.float32)
    db = level_curve.to_decibels(power, floor=1e-10)
    loud = db > np.percentile(db, 95) - LOUD_DB
    spoken = np.zeros(len(db), bool)
    for phone in phones:
        spoken[phone.start : phone.end] = phone.name != "SIL"
    return bool(loud.any()) and float(np.mean(spoken[loud])) < SPOKEN_SHARE


def _clip_phones(phones: list[Phone], low: int, high: int) -> list[Phone]:
    """Return the parts of phones that lie in [low, high)."""
    return [
        Phone(phone.name, max(phone.start, low), min(phone.end, high))
        for phone in phones
        if phone.start < high and phone.end > low
    ]


def _make_phone(name: str, start: int, end: int) -> Phone:
    plain = name.strip("0123456789")
    return Phone(plain if plain.isalpha() and plain.isupper() else "SIL", start, end)


def _spell_word(word: str) -> str:
    spoken: list[str] = []
    while word:
        for letters, sound in SPELLING:
            if word.startswith(letters):
                spoken.append(sound)
                word = word.removeprefix(letters)
                break
        else:
            word = word[1:]
    return " ".join(spoken) or "AH"
