# SPDX-License-Identifier: Apache-2.0
"""The door to pocketsphinx: which phones are spoken when, from known text or from sound alone. US English models, in its wheel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

Samples = Float32[np.ndarray, " samples"]

# A guess at how a word that is not in the dictionary is spoken: good enough to align lips to, not to read aloud.
SPELLING: tuple[tuple[str, str], ...] = (
    *(("tch", "CH"), ("sch", "SH"), ("igh", "AY"), ("sh", "SH"), ("ch", "CH"), ("th", "TH"), ("ph", "F"), ("wh", "W")),
    *(("ck", "K"), ("ng", "NG"), ("qu", "K W"), ("ee", "IY"), ("ea", "IY"), ("oo", "UW"), ("ou", "AW"), ("ow", "OW")),
    *(("ai", "EY"), ("ay", "EY"), ("oi", "OY"), ("oy", "OY"), ("au", "AO"), ("aw", "AO"), ("er", "ER"), ("ir", "ER")),
    *(("a", "AE"), ("b", "B"), ("c", "K"), ("d", "D"), ("e", "EH"), ("f", "F"), ("g", "G"), ("h", "HH"), ("i", "IH")),
    *(("j", "JH"), ("k", "K"), ("l", "L"), ("m", "M"), ("n", "N"), ("o", "OW"), ("p", "P"), ("q", "K"), ("r", "R")),
    *(("s", "S"), ("t", "T"), ("u", "AH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"), ("z", "Z")),
)


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone (ARPAbet without stress, `SIL` for anything that is not speech) over [start, end) in 10 ms ticks."""

    name: str
    start: int
    end: int


class Phones:
    """Two decoders, loaded when first needed. Each utterance starts afresh, so the answer does not depend on what came before."""

    def decode(self, samples: Samples) -> list[Phone]:
        """Phones heard in mono 16 kHz sound."""
        decoder = self._listener
        _run(decoder, samples)
        return [_phone(part.word, part.start_frame, part.end_frame + 1) for part in decoder.seg() or ()]

    def align(self, samples: Samples, text: str) -> list[Phone] | None:
        """When the phones of `text` are spoken in the sound, or None when it cannot be fitted."""
        decoder = self._aligner
        words = re.findall(r"[a-z']+", text.lower())
        if not words:
            return None
        for word in words:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, _spelled(word), True)
        try:
            decoder.set_align_text(" ".join(words))
            _run(decoder, samples)
            if decoder.hyp() is None:
                return None
            decoder.set_alignment()
            _run(decoder, samples)
            alignment = decoder.get_alignment()
        except RuntimeError:  # pocketsphinx's way to say that no path fits
            return None
        if alignment is None:
            return None
        return [_phone(p.name, p.start, p.start + p.duration) for p in alignment.phones()]

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
        return pocketsphinx.Decoder(hmm=f"{model}/en-us", dict=f"{model}/cmudict-en-us.dict", lm=None, loglevel="FATAL")


def _run(decoder: Any, samples: Samples) -> None:
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()


def _phone(name: str, start: int, end: int) -> Phone:
    plain = name.strip("0123456789")
    return Phone(plain if plain.isalpha() and plain.isupper() else "SIL", start, end)


def _spelled(word: str) -> str:
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
