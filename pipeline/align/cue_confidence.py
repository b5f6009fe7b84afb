# SPDX-License-Identifier: Apache-2.0
"""Rate the confidence of a cue: coverage of the words, voice, pace and place in the script.

Pure. Each doubt is a factor of the confidence with a reason in words. Voices are judged by seconds
of speech, so a word or two in the wrong voice weigh little, unless another character says the same
words next to it. A line of which few words were heard gains where its voice and its place in the
script agree.
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

SURE = 0.6  # a cue with less confidence needs a check by ear
WHOLE = 0.85  # coverage from which a reading counts as the whole line
# how far towards certainty order, voice and length bring a line whose words were hardly heard
IN_PLACE = 0.4
TELLING_SECONDS = 1.2  # of speech tell a voice; less tells less
UNSURE = 0.3  # mean probability of a line's words under which the recogniser guesses
AGREES = 0.8  # share of a line in its character's voice from which the voice agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How much of a cue's speech is in its character's voice.

    `share`: alone or under another's voice, 0 to 1; None where nobody speaks. `seconds`: of the
    speech that it was measured on.
    """

    share: float | None
    seconds: float

    def count_in_full(self) -> Agreement:
        """Count the agreement in full, however short the speech is.

        This is for lines whose words another line has too: only the voice tells them apart.
        """
        return replace(self, seconds=max(self.seconds, TELLING_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voices:
    """The speech, in order of time and without overlaps, and the turns heard underneath."""

    speech: Sequence[SpeechStretch]
    under: Sequence[Turn]

    def measure_seconds(self, span: tuple[int, int]) -> dict[str, float]:
        """Measure how long each speaker talks in a span, in seconds."""
        seconds: dict[str, float] = {}
        for stretch in find_touching(self.speech, *span):
            shared = min(span[1], stretch.end) - max(span[0], stretch.start)
            seconds[stretch.speaker] = seconds.get(stretch.speaker, 0.0) + shared / MASTER_HZ
        return seconds

    def measure_samples_under(
        self, span: tuple[int, int], character: str, names: Mapping[str, str]
    ) -> int:
        """Measure how long in a span a character's voice lies under another, in samples."""
        own = [turn for turn in self.under if turn.start < span[1] and turn.end > span[0]]
        own = [turn for turn in own if names.get(turn.speaker) == character]
        return sum(min(turn.end, span[1]) - max(turn.start, span[0]) for turn in own)

    def measure_agreement(self, cue: Cue, names: Mapping[str, str]) -> Agreement:
        """Measure how far a cue is in its character's voice."""
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
    """Rate a cue: its confidence, status and reasons.

    `probabilities`: the recogniser's, of the line's words. `in_order`: whether the cue lies between
    those of the lines before and after.
    """
    coverage = max(0.0, take.candidate.coverage)
    confidence, reasons = min(1.0, coverage / WHOLE), [f"{coverage:.0%} of the words heard"]
    voice_agrees = (agreement.share or 0.0) > AGREES
    if confidence < 1 and voice_agrees and len(take.candidates) == 1 and in_order:
        confidence = 1 - (1 - confidence) * (1 - IN_PLACE)
        reasons.append("in the expected place")
    ratings = (_rate_voice(cue, agreement), _rate_pace(cue), _rate_recogniser(probabilities))
    for factor, reason in ratings:
        confidence *= factor
        reasons += [reason] if reason else []
    if len(take.candidates) > 1:
        reasons.append(f"take {take.number} of {len(take.candidates)}")
    status = choose_status(confidence)
    return replace(cue, status=status, confidence=round(confidence, 3), reasons="; ".join(reasons))


def choose_status(confidence: float) -> str:
    """Choose the status: `matched`, or `doubtful` when the cue needs a check by ear."""
    return "matched" if confidence >= SURE else "doubtful"


def _rate_voice(cue: Cue, agreement: Agreement) -> tuple[float, str]:
    """Compute a factor of the confidence and its reason from the voice."""
    share = agreement.share
    if share is None:
        return 0.8, "no speech detected here"
    factor = 1 - 0.6 * (1 - share) * min(1.0, agreement.seconds / TELLING_SECONDS)
    if share > AGREES:
        return factor, "voice matches"
    percent = f"{share:.0%}"
    amount = "none" if percent == "0%" else f"only {percent}"
    return factor, f"{amount} in {cue.character}'s voice"


def _rate_pace(cue: Cue) -> tuple[float, str]:
    pace = (cue.end - cue.start) / MASTER_HZ / turn_alignment.estimate_seconds(len(cue.text))
    if 0.4 < pace < 2.5:
        return 1.0, ""
    return 0.7, "spoken unusually fast" if pace < 1 else "spoken unusually slowly"


def _rate_recogniser(probabilities: Sequence[float]) -> tuple[float, str]:
    sure = statistics.fmean(probabilities)
    unsure = "the recogniser is unsure of the words"
    return (1.0, "") if sure >= UNSURE else (1 - UNSURE + sure, unsure)
