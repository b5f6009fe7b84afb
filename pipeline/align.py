# SPDX-License-Identifier: Apache-2.0
"""Match the script to what was heard: a `Cue` for every line, with where it is spoken, how sure that is, and why.

Pure: lines, turns and words in, cues out. Words name the line; turns check who spoke and cover what the recogniser could not hear.
Where they disagree the cue says so (`doubtful`, "needs an ear") instead of guessing in silence. Without words, lines and turns are
put together by order, duration and speaker (`byturns`).
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline import byturns, edges, takes
from pipeline.byturns import Speech
from pipeline.takes import Heard, Script, Take
from pipeline.turns import overlapped, touching

SURE = 0.6  # a cue with less confidence needs an ear
WHOLE = 0.85  # coverage from which a reading counts as the whole line
IN_PLACE = 0.4  # how far towards certainty order, voice and length bring a line whose words were hardly heard
TELLING_SECONDS = 1.2  # of speech tell a voice; less tells less
UNSURE = 0.3  # mean probability of a line's words under which the recogniser guesses
AGREES = 0.8  # share of a line in its character's voice from which the voice agrees
MOSTLY = 0.5  # of what a line claims of another's time, from which its own voice is known to lie under it


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known beforehand. `enrolled`: the character of a speaker, from voice samples; `circled`: the take to use, by line id."""

    enrolled: Mapping[str, str] = field(default_factory=dict)
    circled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of speech that no line of the script claims: an ad-lib, a false start, an unused take. Samples on the timeline."""

    start: int
    end: int
    speaker: str
    character: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The cues; the takes found of each line, in order of time, and the number (from 1) of the one that was chosen; who each
    speaker is; and the speech that is left over."""

    cues: list[Cue]
    takes: Mapping[str, list[tuple[int, int]]]
    chosen: Mapping[str, int]
    names: Mapping[str, str]
    left_over: list[Stretch]


def align(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    known: Known | None = None,
) -> list[Cue]:
    """One cue a line, in the script's order. `words` may be empty: then lines are placed by order, duration and voice."""
    return match(lines, turns, words, recordings=recordings, known=known).cues


def match(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    known: Known | None = None,
) -> Alignment:
    """As `align`, with all that was found on the way."""
    known = known or Known()
    heard = _Listened(
        script=takes.written(lines),
        words=takes.heard_words(words),
        speech=byturns.speech(turns),
        under=overlapped(turns),
    )
    given = {i: cue for i, line in enumerate(lines) if (cue := _given(line, recordings)) is not None}
    found = takes.find(heard.script, heard.words, recordings, circled=known.circled)
    taken = [take for take in found if take.reading.line not in given]
    names = _names(heard, taken, known)
    cues = given | _heard_cues(heard, taken, turns, names)
    placed: dict[int, Cue] = {}
    for gap in _gaps(heard, cues, names):
        placed |= _placed(heard.script, gap, names if cues else None)
    names = names or byturns.assign_names(_spoken_by([*cues.values(), *placed.values()], heard.speech))
    snapped = edges.snap(list(placed.values()), turns, names, {}, beside=list(cues.values()))
    cues |= dict(zip(placed, snapped, strict=True))
    claimed = [(cue.start, cue.end) for cue in cues.values()]
    return Alignment(
        cues=[_located(cues.get(i) or _missing(line), recordings) for i, line in enumerate(lines)],
        takes={
            lines[take.reading.line].line_id: [takes.reading_span(heard.words, r) for r in take.readings]
            for take in taken
        },
        chosen={lines[take.reading.line].line_id: take.number for take in taken},
        names=names,
        left_over=[_stretch(one, heard.words, names) for one in byturns.unclaimed(heard.speech, claimed)],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listened:
    """The script, the words, the speech (never overlapping), and who else is heard under it."""

    script: Script
    words: Heard
    speech: Sequence[Speech]
    under: Sequence[Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """Lines that were not heard and the speech nobody has claimed between their neighbours."""

    lines: list[int]
    speech: list[Speech]


def _given(line: Line, recordings: Sequence[Recording]) -> Cue | None:
    """The cue of a line whose sheet says where it is: in its audio file when it names one, else on the timeline."""
    if line.start_seconds is None or line.end_seconds is None or line.end_seconds <= line.start_seconds:
        return None
    named = [r for r in recordings if line.audio_file and Path(r.source).name == Path(line.audio_file).name]
    offset = named[0].offset_samples if named else 0
    start, end = (offset + round(seconds * MASTER_HZ) for seconds in (line.start_seconds, line.end_seconds))
    return _new_cue(line, (start, end), confidence=1.0, reasons="times given in the sheet")


def _heard_cues(
    heard: _Listened, taken: Sequence[Take], turns: Sequence[Turn], names: Mapping[str, str]
) -> dict[int, Cue]:
    """Cues of the lines that were recognised: from the first word to the last, drawn to the speech, then judged."""
    pace = takes.pace(heard.script, heard.words, taken, usual=byturns.SECONDS_PER_LETTER * MASTER_HZ)
    rough, unheard, clear = [], {}, []
    for take in taken:
        line = heard.script.lines[take.reading.line]
        clear.append(takes.without_slips(heard.script, heard.words, take, heard.speech, pace[line.character]))
        rough.append(_new_cue(line, takes.span(heard.words, clear[-1]), confidence=1.0, reasons=""))
        unheard[line.line_id] = _unheard(heard.script, clear[-1], pace[line.character])
    snapped = edges.snap(rough, turns, names, unheard)
    return {
        take.reading.line: _judged(heard, take, cue, _Place(names=names, cues=snapped, number=i))
        for i, (take, cue) in enumerate(zip(clear, snapped, strict=True))
    }


def _unheard(script: Script, take: Take, pace: float) -> edges.Unheard:
    tokens = script.tokens[take.reading.line]
    first, last = take.pairs[0][0], take.pairs[-1][0]
    return edges.Unheard(
        before=round(takes.letters(tokens[:first]) * pace), after=round(takes.letters(tokens[last + 1 :]) * pace)
    )


def _names(heard: _Listened, taken: Sequence[Take], known: Known) -> dict[str, str]:
    """Who each speaker is: as enrolled, else as the lines say; a voice too many is whoever's lines it mostly speaks."""
    shared = _shared(heard, taken)
    open_pairs = {pair: seconds for pair, seconds in shared.items() if pair[0] not in known.enrolled}
    names = byturns.assign_names(open_pairs) | dict(known.enrolled)
    for speaker in sorted({speaker for speaker, _ in open_pairs} - set(names)):
        its = {character: seconds for (who, character), seconds in open_pairs.items() if who == speaker}
        best = max(its, key=lambda character: its[character])
        if its[best] > 0.6 * sum(its.values()):
            names[speaker] = best
    return names


def _spoken_by(cues: Sequence[Cue], speech: Sequence[Speech]) -> dict[tuple[str, str], float]:
    seconds: dict[tuple[str, str], float] = {}
    for cue in cues:
        for speaker, shared in _speakers((cue.start, cue.end), speech).items():
            seconds[speaker, cue.character] = seconds.get((speaker, cue.character), 0.0) + shared
    return seconds


def _stretch(one: Speech, heard: Heard, names: Mapping[str, str]) -> Stretch:
    said = [word.text for word in heard.words if one.start <= (word.start + word.end) // 2 < one.end]
    return Stretch(
        start=one.start, end=one.end, speaker=one.speaker, character=names.get(one.speaker, ""), text=" ".join(said)
    )


def _shared(heard: _Listened, taken: Sequence[Take]) -> dict[tuple[str, str], float]:
    """Seconds that each speaker talks during lines of each character, surer readings counting more."""
    seconds: dict[tuple[str, str], float] = {}
    for take in taken:
        character = heard.script.lines[take.reading.line].character
        for speaker, shared in _speakers(takes.span(heard.words, take), heard.speech).items():
            pair = (speaker, character)
            seconds[pair] = seconds.get(pair, 0.0) + shared * take.reading.coverage
    return seconds


def _speakers(span: tuple[int, int], speech: Sequence[Speech]) -> dict[str, float]:
    """Seconds of the span that each speaker talks."""
    seconds: dict[str, float] = {}
    for one in touching(speech, *span):
        shared = min(span[1], one.end) - max(span[0], one.start)
        seconds[one.speaker] = seconds.get(one.speaker, 0.0) + shared / MASTER_HZ
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A cue among the others that were heard, in the script's order, and who each speaker is."""

    names: Mapping[str, str]
    cues: Sequence[Cue]
    number: int

    def in_order(self) -> bool:
        """Whether it begins after the line before and before the line after."""
        around = self.cues[max(0, self.number - 1) : self.number + 2]
        return all(a.start < b.start for a, b in itertools.pairwise(around))


def _judged(heard: _Listened, take: Take, cue: Cue, place: _Place) -> Cue:
    """The cue with its words, how sure it is, and why."""
    span = (cue.start, cue.end)
    voices = _speakers(span, heard.speech)
    agreement = _agreement(cue, voices, heard.under, place.names)
    coverage = max(0.0, take.reading.coverage)
    confidence, reasons = min(1.0, coverage / WHOLE), [f"{coverage:.0%} of the words heard"]
    if confidence < 1 and agreement is not None and agreement > AGREES and len(take.readings) == 1 and place.in_order():
        confidence = 1 - (1 - confidence) * (1 - IN_PLACE)
        reasons.append("in its place")
    for factor, reason in (
        _by_voice(cue, agreement, seconds=sum(voices.values())),
        _by_pace(cue),
        _by_recogniser([heard.words.words[word].probability for _, word in take.pairs]),
    ):
        confidence *= factor
        reasons += [reason] if reason else []
    if len(take.readings) > 1:
        reasons.append(f"take {take.number} of {len(take.readings)}")
    words = takes.timed_words(heard.script, heard.words, take, span)
    return replace(
        cue,
        status=_status(confidence),
        confidence=round(confidence, 3),
        reasons="; ".join(reasons),
        speaker=max(voices, key=lambda speaker: voices[speaker], default=""),
        words=json.dumps(words, ensure_ascii=False),
    )


def _by_voice(cue: Cue, agreement: float | None, *, seconds: float) -> tuple[float, str]:
    """A factor of the confidence and its reason: `seconds` of speech are in the cue, `agreement` of it in the right voice."""
    if agreement is None:
        return 0.8, "the diarization hears nobody here"
    factor = 1 - 0.6 * (1 - agreement) * min(1.0, seconds / TELLING_SECONDS)
    return (
        factor,
        "the voice agrees" if agreement > AGREES else f"only {agreement:.0%} of it in {cue.character}'s voice",
    )


def _by_pace(cue: Cue) -> tuple[float, str]:
    pace = (cue.end - cue.start) / MASTER_HZ / byturns.expected_seconds(len(cue.text))
    if 0.4 < pace < 2.5:
        return 1.0, ""
    return 0.7, "spoken unusually fast" if pace < 1 else "spoken unusually slowly"


def _by_recogniser(probabilities: Sequence[float]) -> tuple[float, str]:
    sure = statistics.fmean(probabilities)
    return (1.0, "") if sure >= UNSURE else (1 - UNSURE + sure, "the recogniser is unsure")


def _agreement(cue: Cue, voices: Mapping[str, float], under: Sequence[Turn], names: Mapping[str, str]) -> float | None:
    """Share of the speech in a cue that is in its character's voice, alone or under another's; None where nobody speaks."""
    known = sum(voices.values())
    own = sum(seconds for speaker, seconds in voices.items() if names.get(speaker) == cue.character)
    own += _under((cue.start, cue.end), cue.character, under, names) / MASTER_HZ
    return min(1.0, own / known) if known else None


def _under(span: tuple[int, int], character: str, under: Sequence[Turn], names: Mapping[str, str]) -> int:
    """Samples of a span in which a character's voice lies under another."""
    own = [
        turn for turn in under if turn.start < span[1] and turn.end > span[0] and names.get(turn.speaker) == character
    ]
    return sum(min(turn.end, span[1]) - max(turn.start, span[0]) for turn in own)


def _gaps(heard: _Listened, cues: Mapping[int, Cue], names: Mapping[str, str]) -> list[_Gap]:
    """Runs of lines without a cue, each with the unclaimed speech between the cues before and after it."""
    free = byturns.unclaimed(heard.speech, [claim for cue in cues.values() for claim in _claims(cue, heard, names)])
    runs: list[list[int]] = []
    for i in range(len(heard.script.lines)):
        if i not in cues:
            runs.append([*runs.pop(), i] if runs and runs[-1][-1] == i - 1 else [i])
    gaps = []
    for run in runs:
        after = cues[run[0] - 1].end if run[0] - 1 in cues else 0
        before = cues[run[-1] + 1].start if run[-1] + 1 in cues else None
        between = [
            s
            for s in free
            if s.start >= after - byturns.JOIN_SAMPLES and (before is None or s.start < before + byturns.JOIN_SAMPLES)
        ]
        if between:
            gaps.append(_Gap(lines=run, speech=between))
    return gaps


def _claims(cue: Cue, heard: _Listened, names: Mapping[str, str]) -> list[tuple[int, int]]:
    """What a cue takes of the speech: all of it, but not another's time where its own voice is known to lie under."""
    claims = []
    last = cue.start
    for one in touching(heard.speech, cue.start, cue.end):
        span = (max(one.start, cue.start), min(one.end, cue.end))
        other = one.speaker in names and names[one.speaker] != cue.character
        if other and _under(span, cue.character, heard.under, names) > MOSTLY * (span[1] - span[0]):
            claims.append((last, span[0]))
            last = span[1]
    return [*claims, (last, cue.end)]


def _placed(script: Script, gap: _Gap, names: Mapping[str, str] | None) -> dict[int, Cue]:
    """Cues for a gap's lines by order, duration and speaker."""
    parts = [
        byturns.Part(character=line.character, seconds=byturns.expected_seconds(len(line.text)))
        for line in (script.lines[i] for i in gap.lines)
    ]
    matches, _ = byturns.match(parts, gap.speech, names=names)
    swapped = {i for a, b in itertools.pairwise(matches) if a.turn > b.turn for i in (a.line, b.line)}
    cues = {}
    for found in matches:
        order = (
            "by voice and length, out of the script's order"
            if found.line in swapped
            else "by order, duration and voice"
        )
        start, end = gap.speech[found.turn].start, gap.speech[found.turn_end - 1].end
        total = sum(part.seconds for part in parts[found.line : found.line_end])
        for part, i in zip(parts[found.line : found.line_end], gap.lines[found.line : found.line_end], strict=True):
            stop = start + round((end - start) * part.seconds / total)
            cues[i] = _new_cue(
                script.lines[i],
                (start, stop),
                confidence=round(0.75 * math.exp(-found.cost / 3), 3),
                reasons=f"words not heard; placed {order}",
                speaker=gap.speech[found.turn].speaker,
            )
            start, total = stop, total - part.seconds
    return cues


def _new_cue(line: Line, span: tuple[int, int], *, confidence: float, reasons: str, speaker: str = "") -> Cue:
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=span[0],
        end=span[1],
        text=line.text,
        performance=line.performance,
        status="missing" if span[0] < 0 else _status(confidence),
        confidence=confidence,
        reasons=reasons,
        speaker=speaker,
    )


def _status(confidence: float) -> str:
    return "matched" if confidence >= SURE else "doubtful"


def _missing(line: Line) -> Cue:
    return _new_cue(line, (-1, -1), confidence=0.0, reasons="not found in the recordings")


def _located(cue: Cue, recordings: Sequence[Recording]) -> Cue:
    """The cue with the recording that it begins in."""
    for recording in recordings:
        if recording.offset_samples <= cue.start < recording.offset_samples + recording.samples:
            return replace(cue, recording_id=recording.recording_id)
    return cue
