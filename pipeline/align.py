# SPDX-License-Identifier: Apache-2.0
"""Match the script to what was heard: a `Cue` for every line, with where it is spoken, how sure that is, and why.

Pure: lines, turns and words in, cues out. Words name the line; turns check who spoke and cover what the recogniser could not hear.
Where they disagree the cue says so (`doubtful`, "needs an ear") instead of guessing in silence. Without words, lines and turns are
put together by order, duration and speaker (`byturns`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline import byturns, edges, matching, spoken
from pipeline.byturns import Speech
from pipeline.matching import Reading

SURE = 0.6  # a cue with less confidence needs an ear
WHOLE = 0.85  # coverage from which a reading counts as the whole line
TAKE_COVERAGE = 0.55  # a later reading replaces an earlier one only if it is this much of the line ...
TAKE_SLACK = 0.25  # ... and at most this much less than the best one
JOIN_SAMPLES = round(0.4 * MASTER_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    """The lines as tokens. `display[i]` are line i's written words, `owner[i][t]` the written word of its token t."""

    lines: Sequence[Line]
    tokens: list[list[str]]
    display: list[list[str]]
    owner: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """The words as tokens, in order of time; `word[t]` is the index of token t's word."""

    words: Sequence[Word]
    tokens: list[str]
    word: list[int]


def align(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    enrolled: Mapping[str, str] | None = None,
) -> list[Cue]:
    """One cue a line, in the script's order. `words` may be empty. `enrolled`: character of a speaker known by a voice sample."""
    script, heard, speech = _script(lines), _heard(words), _speech(turns)
    taken = _takes(script, heard)
    names = dict(enrolled or {}) or byturns.assign_names(_shared(script, heard, taken, speech))
    sure = [_cue(script, heard, take, speech, names) for take in taken]
    unheard = {lines[take.reading.line].line_id: _unheard(script, take) for take in taken}
    snapped = edges.snap(sure, turns, names, unheard)
    cues = {take.reading.line: cue for take, cue in zip(taken, snapped, strict=True)}
    for gap in _gaps(script, cues, speech):
        cues |= _placed(script, gap, names if cues else None)
    found = [cues.get(i) or _missing(line) for i, line in enumerate(lines)]
    return [_located(cue, recordings) for cue in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """The reading chosen for a line, its number among `count` readings, and (token, heard token) pairs."""

    reading: Reading
    number: int
    count: int
    pairs: list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """Lines that were not heard and the speech nobody has claimed between their neighbours."""

    lines: list[int]
    speech: list[Speech]


def _script(lines: Sequence[Line]) -> _Script:
    words = [spoken.words(line.text, language=line.lang) for line in lines]
    return _Script(
        lines=lines,
        tokens=[[token for _, tokens in written for token in tokens] for written in words],
        display=[[text for text, _ in written] for written in words],
        owner=[[i for i, (_, tokens) in enumerate(written) for _ in tokens] for written in words],
    )


def _heard(words: Sequence[Word]) -> _Heard:
    ordered = sorted(words, key=lambda word: (word.start, word.end))
    tokens = [spoken.tokens(word.text) for word in ordered]
    return _Heard(
        words=ordered,
        tokens=[token for of_word in tokens for token in of_word],
        word=[i for i, of_word in enumerate(tokens) for _ in of_word],
    )


def _speech(turns: Sequence[Turn]) -> list[Speech]:
    """Exclusive turns with short pauses closed, in order of time."""
    joined: list[Speech] = []
    for turn in sorted((turn for turn in turns if turn.exclusive), key=lambda turn: turn.start):
        seconds = (turn.end - turn.start) / MASTER_HZ
        last = joined[-1] if joined else None
        if last and last.speaker == turn.speaker and turn.start - last.end < JOIN_SAMPLES:
            joined[-1] = replace(last, end=turn.end, seconds=last.seconds + seconds)
        else:
            joined.append(Speech(start=turn.start, end=turn.end, seconds=seconds, speaker=turn.speaker))
    return joined


def _takes(script: _Script, heard: _Heard) -> list[_Take]:
    """Search every line in all that was heard, chain the readings, and choose one a line: the last one that is whole enough."""
    vocabulary = sorted({token for tokens in script.tokens for token in tokens}), sorted(set(heard.tokens))
    table = matching.likeness(*vocabulary)
    rows, columns = ({token: i for i, token in enumerate(side)} for side in vocabulary)
    stream = [columns[token] for token in heard.tokens]
    scores = [table[[rows[token] for token in tokens]][:, stream] for tokens in script.tokens]
    weights = [np.array([matching.token_weight(token) for token in tokens]) for tokens in script.tokens]
    found = [r for i in range(len(scores)) for r in matching.readings(i, scores[i], weights[i])]
    by_line: dict[int, list[Reading]] = {}
    for reading in matching.chain(found):
        by_line.setdefault(reading.line, []).append(reading)
    taken = []
    for line, its in by_line.items():
        number = _chosen(its)
        reading = its[number]
        matched = matching.pairs(scores[line][:, reading.start : reading.end], weights[line])
        pairs = [(token, reading.start + word) for token, word in matched]
        if pairs:
            taken.append(_Take(reading=reading, number=number + 1, count=len(its), pairs=pairs))
    return taken


def _chosen(readings: Sequence[Reading]) -> int:
    best = max(reading.coverage for reading in readings)
    enough = max(TAKE_COVERAGE, best - TAKE_SLACK)
    return max((i for i, r in enumerate(readings) if r.coverage >= min(enough, best)), default=len(readings) - 1)


def _span(heard: _Heard, take: _Take) -> tuple[int, int]:
    spoken_in = [heard.words[heard.word[token]] for _, token in take.pairs]
    return min(word.start for word in spoken_in), max(word.end for word in spoken_in)


def _unheard(script: _Script, take: _Take) -> edges.Unheard:
    tokens = script.tokens[take.reading.line]
    first, last = take.pairs[0][0], take.pairs[-1][0]
    before, after = (sum(map(len, some)) + len(some) for some in (tokens[:first], tokens[last + 1 :]))
    pace = byturns.SECONDS_PER_LETTER * MASTER_HZ
    return edges.Unheard(before=round(before * pace), after=round(after * pace))


def _shared(
    script: _Script, heard: _Heard, taken: Sequence[_Take], speech: Sequence[Speech]
) -> dict[tuple[str, str], float]:
    """Seconds that each speaker talks during lines of each character, surer readings counting more."""
    seconds: dict[tuple[str, str], float] = {}
    for take in taken:
        character = script.lines[take.reading.line].character
        for speaker, shared in _speakers(_span(heard, take), speech).items():
            pair = (speaker, character)
            seconds[pair] = seconds.get(pair, 0.0) + shared * take.reading.coverage
    return seconds


def _speakers(span: tuple[int, int], speech: Sequence[Speech]) -> dict[str, float]:
    """Seconds of the span that each speaker talks."""
    seconds: dict[str, float] = {}
    for one in speech:
        shared = min(span[1], one.end) - max(span[0], one.start)
        if shared > 0:
            seconds[one.speaker] = seconds.get(one.speaker, 0.0) + shared / MASTER_HZ
    return seconds


def _cue(script: _Script, heard: _Heard, take: _Take, speech: Sequence[Speech], names: Mapping[str, str]) -> Cue:
    line = script.lines[take.reading.line]
    start, end = _span(heard, take)
    voices = _speakers((start, end), speech)
    confidence, reasons = _judged(take, line, voices, names, seconds=(end - start) / MASTER_HZ)
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=start,
        end=end,
        text=line.text,
        performance=line.performance,
        status="matched" if confidence >= SURE else "doubtful",
        confidence=confidence,
        reasons="; ".join(reasons),
        speaker=max(voices, key=lambda speaker: voices[speaker], default=""),
        words=json.dumps(_timed_words(script, heard, take, (start, end)), ensure_ascii=False),
    )


def _judged(
    take: _Take, line: Line, voices: Mapping[str, float], names: Mapping[str, str], *, seconds: float
) -> tuple[float, list[str]]:
    coverage = max(0.0, take.reading.coverage)
    reasons = [f"{coverage:.0%} of the words heard"]
    confidence = min(1.0, coverage / WHOLE)
    known = sum(voices.values())
    agreeing = sum(shared for speaker, shared in voices.items() if names.get(speaker) == line.character)
    if not known:
        confidence *= 0.8
        reasons.append("the diarization hears nobody here")
    else:
        agreement = agreeing / known
        confidence *= 0.4 + 0.6 * agreement
        reasons.append(
            "the voice agrees" if agreement > 0.8 else f"only {agreement:.0%} of it in {line.character}'s voice"
        )
    pace = seconds / byturns.expected_seconds(len(line.text))
    if not 0.4 < pace < 2.5:
        confidence *= 0.7
        reasons.append("spoken unusually fast" if pace < 1 else "spoken unusually slowly")
    if take.count > 1:
        reasons.append(f"take {take.number} of {take.count}")
    return round(confidence, 3), reasons


def _timed_words(script: _Script, heard: _Heard, take: _Take, span: tuple[int, int]) -> list[tuple[str, int, int]]:
    """The line's written words with times; those not heard share the time between their neighbours."""
    line = take.reading.line
    display, owner = script.display[line], script.owner[line]
    known: dict[int, tuple[int, int]] = {}
    for token, at in take.pairs:
        word = heard.words[heard.word[at]]
        start, end = known.get(owner[token], (word.start, word.end))
        known[owner[token]] = (min(start, word.start), max(end, word.end))
    return [(text, *times) for text, times in zip(display, _filled(known, len(display), span), strict=True)]


def _filled(known: Mapping[int, tuple[int, int]], count: int, span: tuple[int, int]) -> list[tuple[int, int]]:
    times: list[tuple[int, int]] = []
    for i in range(count):
        if i in known:
            times.append(known[i])
            continue
        following = next((j for j in range(i, count) if j in known), count)
        begin = times[-1][1] if times else span[0]
        until = known[following][0] if following < count else span[1]
        share = max(0, until - begin) // (following - i)
        times.append((begin, begin + share))
    return times


def _gaps(script: _Script, cues: Mapping[int, Cue], speech: Sequence[Speech]) -> list[_Gap]:
    """Runs of lines without a cue, each with the unclaimed speech between the cues before and after it."""
    free = _unclaimed(speech, list(cues.values()))
    runs: list[list[int]] = []
    for i in range(len(script.lines)):
        if i not in cues:
            runs.append([*runs.pop(), i] if runs and runs[-1][-1] == i - 1 else [i])
    gaps = []
    for run in runs:
        after = cues[run[0] - 1].end if run[0] - 1 in cues else 0
        before = cues[run[-1] + 1].start if run[-1] + 1 in cues else None
        between = [
            s for s in free if s.start >= after - JOIN_SAMPLES and (before is None or s.end <= before + JOIN_SAMPLES)
        ]
        if between:
            gaps.append(_Gap(lines=run, speech=between))
    return gaps


def _unclaimed(speech: Sequence[Speech], cues: Sequence[Cue]) -> list[Speech]:
    """Speech less the spans of the cues; scraps under a fifth of a second are left out."""
    free = list(speech)
    for cue in cues:
        free = [rest for one in free for rest in _without(one, cue.start, cue.end)]
    return [one for one in free if one.end - one.start > MASTER_HZ // 5]


def _without(one: Speech, start: int, end: int) -> list[Speech]:
    if end <= one.start or start >= one.end:
        return [one]
    parts = [(one.start, min(start, one.end)), (max(end, one.start), one.end)]
    return [replace(one, start=a, end=b, seconds=(b - a) / MASTER_HZ) for a, b in parts if a < b]


def _placed(script: _Script, gap: _Gap, names: Mapping[str, str] | None) -> dict[int, Cue]:
    """Cues for a gap's lines by order, duration and speaker."""
    parts = [
        byturns.Part(character=line.character, seconds=byturns.expected_seconds(len(line.text)))
        for line in (script.lines[i] for i in gap.lines)
    ]
    matches, _ = byturns.match(parts, gap.speech, names=names)
    cues = {}
    for match in matches:
        start, end = gap.speech[match.turn].start, gap.speech[match.turn_end - 1].end
        total = sum(part.seconds for part in parts[match.line : match.line_end])
        for part, i in zip(parts[match.line : match.line_end], gap.lines[match.line : match.line_end], strict=True):
            stop = start + round((end - start) * part.seconds / total)
            cues[i] = _placed_cue(script.lines[i], start, stop, match.cost, gap.speech[match.turn].speaker)
            start, total = stop, total - part.seconds
    return cues


def _placed_cue(line: Line, start: int, end: int, cost: float, speaker: str) -> Cue:
    confidence = round(0.75 * math.exp(-cost / 3), 3)
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=start,
        end=end,
        text=line.text,
        performance=line.performance,
        status="matched" if confidence >= SURE else "doubtful",
        confidence=confidence,
        reasons="words not heard; placed by order, duration and voice",
        speaker=speaker,
    )


def _missing(line: Line) -> Cue:
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=-1,
        end=-1,
        text=line.text,
        performance=line.performance,
        status="missing",
        confidence=0.0,
        reasons="not found in the recordings",
    )


def _located(cue: Cue, recordings: Sequence[Recording]) -> Cue:
    """The cue with the recording that it begins in."""
    for recording in recordings:
        if recording.offset_samples <= cue.start < recording.offset_samples + recording.samples:
            return replace(cue, recording_id=recording.recording_id)
    return cue
