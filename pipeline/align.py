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
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline import byturns, edges, matching, spoken
from pipeline.byturns import Speech
from pipeline.matching import Reading
from pipeline.turns import touching

SURE = 0.6  # a cue with less confidence needs an ear
WHOLE = 0.85  # coverage from which a reading counts as the whole line
TAKE_COVERAGE = 0.55  # a later reading replaces an earlier one only if it is this much of the line ...
TAKE_SLACK = 0.25  # ... and at most this much less than the best one


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
    script, heard, speech = _script(lines), _heard(words), byturns.speech(turns)
    given = {i: cue for i, line in enumerate(lines) if (cue := _given(line, recordings)) is not None}
    taken = [take for take in _all_takes(script, heard, recordings, known) if take.reading.line not in given]
    names = _names(script, heard, taken, speech, known)
    sure = [_cue(script, heard, take, speech, names) for take in taken]
    unheard = {lines[take.reading.line].line_id: _unheard(script, take) for take in taken}
    cues = given | {
        take.reading.line: cue for take, cue in zip(taken, edges.snap(sure, turns, names, unheard), strict=True)
    }
    for gap in _gaps(script, cues, speech):
        cues |= _placed(script, gap, names if cues else None)
    names = names or byturns.assign_names(_spoken_by(list(cues.values()), speech))
    return Alignment(
        cues=[_located(cues.get(i) or _missing(line), recordings) for i, line in enumerate(lines)],
        takes={lines[take.reading.line].line_id: [_words_span(heard, r) for r in take.readings] for take in taken},
        chosen={lines[take.reading.line].line_id: take.number for take in taken},
        names=names,
        left_over=[
            _stretch(one, heard, names)
            for one in byturns.unclaimed(speech, [(cue.start, cue.end) for cue in cues.values()])
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Take:
    """The reading chosen for a line, its number (from 1) among all `readings` (in words, not tokens), and (token, word) pairs."""

    reading: Reading
    number: int
    readings: list[Reading]
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


def _given(line: Line, recordings: Sequence[Recording]) -> Cue | None:
    """The cue of a line whose sheet says where it is: in its audio file when it names one, else on the timeline."""
    if line.start_seconds is None or line.end_seconds is None or line.end_seconds <= line.start_seconds:
        return None
    named = [r for r in recordings if line.audio_file and Path(r.source).name == Path(line.audio_file).name]
    offset = named[0].offset_samples if named else 0
    start, end = (offset + round(seconds * MASTER_HZ) for seconds in (line.start_seconds, line.end_seconds))
    return _new_cue(line, (start, end), confidence=1.0, reasons="times given in the sheet")


def _all_takes(script: _Script, heard: _Heard, recordings: Sequence[Recording], known: Known) -> list[_Take]:
    """Each recording is searched for the lines it can hold; a line found in several is taken where it is heard best."""
    best: dict[int, _Take] = {}
    for scope, members in _scopes(script.lines, recordings).items():
        ids = {recording.recording_id for recording in members}
        for take in _takes(script, _of_recordings(heard, ids), scope, known):
            before = best.get(take.reading.line)
            if before is None or take.reading.coverage > before.reading.coverage:
                best[take.reading.line] = take
    return [best[line] for line in sorted(best)]


def _scopes(lines: Sequence[Line], recordings: Sequence[Recording]) -> dict[tuple[int, ...], list[Recording]]:
    """Which lines (by number) a recording can hold: those that name it, the line or the character it is named after, else all."""
    scopes: dict[tuple[int, ...], list[Recording]] = {}
    for recording in recordings:
        name, stem = Path(recording.source).name.casefold(), Path(recording.source).stem.casefold()
        named = [i for i, line in enumerate(lines) if Path(line.audio_file).name.casefold() == name]
        named = named or [i for i, line in enumerate(lines) if line.line_id.casefold() == stem]
        named = named or [i for i, line in enumerate(lines) if line.character.casefold() == stem]
        scopes.setdefault(tuple(named or range(len(lines))), []).append(recording)
    return scopes


def _of_recordings(heard: _Heard, ids: set[str]) -> _Heard:
    """The same words with the tokens of the given recordings only."""
    kept = [i for i, word in enumerate(heard.word) if heard.words[word].recording_id in ids]
    return replace(heard, tokens=[heard.tokens[i] for i in kept], word=[heard.word[i] for i in kept])


def _takes(script: _Script, heard: _Heard, scope: Sequence[int], known: Known) -> list[_Take]:
    """Search every line in all that was heard, chain the readings, and choose one a line."""
    vocabulary = sorted({token for i in scope for token in script.tokens[i]}), sorted(set(heard.tokens))
    table = matching.likeness(*vocabulary)
    rows, columns = ({token: i for i, token in enumerate(side)} for side in vocabulary)
    stream = [columns[token] for token in heard.tokens]
    scores = {i: table[[rows[token] for token in script.tokens[i]]][:, stream] for i in scope}
    weights = {i: np.array([matching.token_weight(token) for token in script.tokens[i]]) for i in scope}
    by_line: dict[int, list[Reading]] = {}
    for reading in matching.chain([r for i in scope for r in matching.readings(i, scores[i], weights[i])]):
        by_line.setdefault(reading.line, []).append(reading)
    taken = []
    for line, its in by_line.items():
        number = _chosen(its, known.circled.get(script.lines[line].line_id))
        reading = its[number]
        matched = matching.pairs(scores[line][:, reading.start : reading.end], weights[line])
        pairs = [(token, heard.word[reading.start + at]) for token, at in matched]
        spans = [replace(r, start=heard.word[r.start], end=heard.word[r.end - 1] + 1) for r in its]
        if pairs:
            taken.append(_Take(reading=reading, number=number + 1, readings=spans, pairs=pairs))
    return taken


def _chosen(readings: Sequence[Reading], circled: int | None) -> int:
    """The circled take, else the last one that is whole enough. Counted from 0."""
    if circled is not None and 1 <= circled <= len(readings):
        return circled - 1
    best = max(reading.coverage for reading in readings)
    enough = min(best, max(TAKE_COVERAGE, best - TAKE_SLACK))
    return max(i for i, reading in enumerate(readings) if reading.coverage >= enough)


def _words_span(heard: _Heard, reading: Reading) -> tuple[int, int]:
    words = heard.words[reading.start : reading.end]
    return min(word.start for word in words), max(word.end for word in words)


def _span(heard: _Heard, take: _Take) -> tuple[int, int]:
    spoken_in = [heard.words[word] for _, word in take.pairs]
    return min(word.start for word in spoken_in), max(word.end for word in spoken_in)


def _unheard(script: _Script, take: _Take) -> edges.Unheard:
    tokens = script.tokens[take.reading.line]
    first, last = take.pairs[0][0], take.pairs[-1][0]
    before, after = (sum(map(len, some)) + len(some) for some in (tokens[:first], tokens[last + 1 :]))
    pace = byturns.SECONDS_PER_LETTER * MASTER_HZ
    return edges.Unheard(before=round(before * pace), after=round(after * pace))


def _names(
    script: _Script, heard: _Heard, taken: Sequence[_Take], speech: Sequence[Speech], known: Known
) -> dict[str, str]:
    """Who each speaker is: as enrolled, else as the lines say; a voice too many is whoever's lines it mostly speaks."""
    shared = _shared(script, heard, taken, speech)
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


def _stretch(one: Speech, heard: _Heard, names: Mapping[str, str]) -> Stretch:
    said = [word.text for word in heard.words if one.start <= (word.start + word.end) // 2 < one.end]
    return Stretch(
        start=one.start, end=one.end, speaker=one.speaker, character=names.get(one.speaker, ""), text=" ".join(said)
    )


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
    for one in touching(speech, *span):
        shared = min(span[1], one.end) - max(span[0], one.start)
        seconds[one.speaker] = seconds.get(one.speaker, 0.0) + shared / MASTER_HZ
    return seconds


def _cue(script: _Script, heard: _Heard, take: _Take, speech: Sequence[Speech], names: Mapping[str, str]) -> Cue:
    line = script.lines[take.reading.line]
    start, end = _span(heard, take)
    voices = _speakers((start, end), speech)
    confidence, reasons = _judged(take, line, voices, names, seconds=(end - start) / MASTER_HZ)
    speaker = max(voices, key=lambda speaker: voices[speaker], default="")
    cue = _new_cue(line, (start, end), confidence=confidence, reasons="; ".join(reasons), speaker=speaker)
    return replace(cue, words=json.dumps(_timed_words(script, heard, take, (start, end)), ensure_ascii=False))


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
    if len(take.readings) > 1:
        reasons.append(f"take {take.number} of {len(take.readings)}")
    return round(confidence, 3), reasons


def _timed_words(script: _Script, heard: _Heard, take: _Take, span: tuple[int, int]) -> list[tuple[str, int, int]]:
    """The line's written words with times; those not heard share the time between their neighbours."""
    line = take.reading.line
    display, owner = script.display[line], script.owner[line]
    known: dict[int, tuple[int, int]] = {}
    for token, at in take.pairs:
        word = heard.words[at]
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
    free = byturns.unclaimed(speech, [(cue.start, cue.end) for cue in cues.values()])
    runs: list[list[int]] = []
    for i in range(len(script.lines)):
        if i not in cues:
            runs.append([*runs.pop(), i] if runs and runs[-1][-1] == i - 1 else [i])
    gaps = []
    for run in runs:
        after = cues[run[0] - 1].end if run[0] - 1 in cues else 0
        before = cues[run[-1] + 1].start if run[-1] + 1 in cues else None
        between = [
            s
            for s in free
            if s.start >= after - byturns.JOIN_SAMPLES and (before is None or s.end <= before + byturns.JOIN_SAMPLES)
        ]
        if between:
            gaps.append(_Gap(lines=run, speech=between))
    return gaps


def _placed(script: _Script, gap: _Gap, names: Mapping[str, str] | None) -> dict[int, Cue]:
    """Cues for a gap's lines by order, duration and speaker."""
    parts = [
        byturns.Part(character=line.character, seconds=byturns.expected_seconds(len(line.text)))
        for line in (script.lines[i] for i in gap.lines)
    ]
    matches, _ = byturns.match(parts, gap.speech, names=names)
    cues = {}
    for found in matches:
        start, end = gap.speech[found.turn].start, gap.speech[found.turn_end - 1].end
        total = sum(part.seconds for part in parts[found.line : found.line_end])
        for part, i in zip(parts[found.line : found.line_end], gap.lines[found.line : found.line_end], strict=True):
            stop = start + round((end - start) * part.seconds / total)
            cues[i] = _new_cue(
                script.lines[i],
                (start, stop),
                confidence=round(0.75 * math.exp(-found.cost / 3), 3),
                reasons="words not heard; placed by order, duration and voice",
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
        status="missing" if span[0] < 0 else "matched" if confidence >= SURE else "doubtful",
        confidence=confidence,
        reasons=reasons,
        speaker=speaker,
    )


def _missing(line: Line) -> Cue:
    return _new_cue(line, (-1, -1), confidence=0.0, reasons="not found in the recordings")


def _located(cue: Cue, recordings: Sequence[Recording]) -> Cue:
    """The cue with the recording that it begins in."""
    for recording in recordings:
        if recording.offset_samples <= cue.start < recording.offset_samples + recording.samples:
            return replace(cue, recording_id=recording.recording_id)
    return cue
