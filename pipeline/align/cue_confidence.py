# SPDX-License-Identifier: Apache-2.0
"""How sure a cue is, and why: how much of the line was heard, in whose voice, at what pace, in
which place.

Pure. Each doubt is a factor of the confidence with a reason in words. A voice is told by seconds of
speech, so a word or two in the wrong one weigh little, unless another character says the same words
next to it; a line of which little was heard gains where its voice and its place in the script
agree.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from manifests.rows import Cue, Turn
from manifests.timebase import MASTER_HZ
from pipeline.align import turn_alignment
from pipeline.align.line_readings import LineReading
from pipeline.align.turn_alignment import SpeechStretch
from pipeline.speech.turns import find_touching

SURE = 0.6  # a cue with less confidence needs an ear
WHOLE = 0.85  # coverage from which a reading counts as the whole line
# how far towards certainty order, voice and length bring a line whose words were hardly heard
IN_PLACE = 0.4
TELLING_SECONDS = 1.2  # of speech tell a voice; less tells less
UNSURE = 0.3  # mean probability of a line's words under which the recogniser guesses
AGREES = 0.8  # share of a line in its character's voice from which the voice agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Share of a cue's speech that is in its character's voice, alone or under another's (None
    where nobody speaks), and how many seconds of speech that is said of.
    """

    share: float | None
    seconds: float

    def count_in_full(self) -> Agreement:
        """The same, counted in full however short it is: where a line's words are another's too,
        only the voice tells them apart.
        """
        return replace(self, seconds=max(self.seconds, TELLING_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voices:
    """The speech, in order of time and never overlapping, and who else is heard under it."""

    speech: Sequence[SpeechStretch]
    under: Sequence[Turn]

    def measure_seconds(self, span: tuple[int, int]) -> dict[str, float]:
        """How long each speaker talks in a span."""
        found: dict[str, float] = {}
        for one in find_touching(self.speech, *span):
            shared = min(span[1], one.end) - max(span[0], one.start)
            found[one.speaker] = found.get(one.speaker, 0.0) + shared / MASTER_HZ
        return found

    def measure_samples_under(
        self, span: tuple[int, int], character: str, names: Mapping[str, str]
    ) -> int:
        """How long in a span a character's voice lies under another."""
        own = [turn for turn in self.under if turn.start < span[1] and turn.end > span[0]]
        own = [turn for turn in own if names.get(turn.speaker) == character]
        return sum(min(turn.end, span[1]) - max(turn.start, span[0]) for turn in own)

    def measure_agreement(self, cue: Cue, names: Mapping[str, str]) -> Agreement:
        """Whether a cue is in its character's voice."""
        span = (cue.start, cue.end)
        seconds = self.measure_seconds(span)
        own = sum(
            length for speaker, length in seconds.items() if names.get(speaker) == cue.character
        )
        own += self.measure_samples_under(span, cue.character, names) / MASTER_HZ
        known = sum(seconds.values())
        return Agreement(share=min(1.0, own / known) if known else None, seconds=known)


def rate_cue(
    cue: Cue,
    take: LineReading,
    probabilities: Sequence[float],
    *,
    agreement: Agreement,
    in_order: bool,
) -> Cue:
    """The cue with its confidence, status and reasons.

    `probabilities`: the recogniser's, of the line's words. `in_order`: whether the cue lies between
    those of the lines before and after.
    """
    coverage = max(0.0, take.candidate.coverage)
    confidence, reasons = min(1.0, coverage / WHOLE), [f"{coverage:.0%} of the words heard"]
    if (
        confidence < 1
        and (agreement.share or 0.0) > AGREES
        and len(take.candidates) == 1
        and in_order
    ):
        confidence = 1 - (1 - confidence) * (1 - IN_PLACE)
        reasons.append("in its place")
    for factor, reason in (_by_voice(cue, agreement), _by_pace(cue), _by_recogniser(probabilities)):
        confidence *= factor
        reasons += [reason] if reason else []
    if len(take.candidates) > 1:
        reasons.append(f"take {take.number} of {len(take.candidates)}")
    return replace(
        cue,
        status=choose_status(confidence),
        confidence=round(confidence, 3),
        reasons="; ".join(reasons),
    )


def choose_status(confidence: float) -> str:
    """`matched`, or `doubtful` when it needs an ear."""
    return "matched" if confidence >= SURE else "doubtful"


def _by_voice(cue: Cue, agreement: Agreement) -> tuple[float, str]:
    """A factor of the confidence, and its reason."""
    share = agreement.share
    if share is None:
        return 0.8, "the diarization hears nobody here"
    factor = 1 - 0.6 * (1 - share) * min(1.0, agreement.seconds / TELLING_SECONDS)
    return (
        factor,
        "the voice agrees"
        if share > AGREES
        else f"only {share:.0%} of it in {cue.character}'s voice",
    )


def _by_pace(cue: Cue) -> tuple[float, str]:
    pace = (cue.end - cue.start) / MASTER_HZ / turn_alignment.estimate_seconds(len(cue.text))
    if 0.4 < pace < 2.5:
        return 1.0, ""
    return 0.7, "spoken unusually fast" if pace < 1 else "spoken unusually slowly"


def _by_recogniser(probabilities: Sequence[float]) -> tuple[float, str]:
    sure = statistics.fmean(probabilities)
    return (1.0, "") if sure >= UNSURE else (1 - UNSURE + sure, "the recogniser is unsure")
