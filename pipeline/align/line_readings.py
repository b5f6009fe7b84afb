# SPDX-License-Identifier: Apache-2.0
"""Find the readings of each line in the recognised words: which takes there are, and which counts.

Pure. This module decides which recording can hold which lines, where each line is read and how
often, and which reading is used. `align`, `boundary_snapping` and `cue_confidence` decide when a
line begins and ends, and how sure that is.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from manifests.rows import Line, Recording, Word
from manifests.timebase import MASTER_HZ
from pipeline.align import text_alignment
from pipeline.align.text_alignment import ReadingCandidate
from pipeline.script import text_normalization
from pipeline.speech.turns import TimeSpan, find_touching

# a later reading replaces an earlier one only if it is this much of the line ...
TAKE_COVERAGE = 0.55
TAKE_SLACK = 0.25  # ... and at most this much less than the best one
WELL = 0.8  # coverage from which a reading shows how fast its character speaks
SQUEEZED = 0.35  # of its usual time: no word is spoken this fast
# a word in silence this far from the others was not spoken there
STRAY_SAMPLES = round(0.2 * MASTER_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTokens:
    """The script as tokens, by line.

    `display[i]`: line i's written words; `owner[i][t]`: the index of the written word of its token
    t.
    """

    lines: Sequence[Line]
    tokens: list[list[str]]
    display: list[list[str]]
    owner: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardTokens:
    """The recognised words as tokens, in order of time; `word[t]`: the index of token t's word."""

    words: Sequence[Word]
    tokens: list[str]
    word: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReading:
    """The reading of a line that is used: a take.

    `candidate`: where it is; `number`: its number (from 1) among all `candidates` (in words, not
    tokens); `pairs`: of token and word.
    """

    candidate: ReadingCandidate
    number: int
    candidates: list[ReadingCandidate]
    pairs: list[tuple[int, int]]


def tokenize_lines(lines: Sequence[Line]) -> ScriptTokens:
    """Split the lines into tokens as they are spoken."""
    texts = [text_normalization.split_words(line.text, language=line.lang) for line in lines]
    return ScriptTokens(
        lines=lines,
        tokens=[[token for _, tokens in words for token in tokens] for words in texts],
        display=[[text for text, _ in words] for words in texts],
        owner=[[i for i, (_, tokens) in enumerate(words) for _ in tokens] for words in texts],
    )


def tokenize_words(words: Sequence[Word]) -> HeardTokens:
    """Split the recognised words into tokens, in order of time."""
    ordered = sorted(words, key=lambda word: (word.start, word.end))
    tokens = [text_normalization.tokenize(word.text) for word in ordered]
    return HeardTokens(
        words=ordered,
        tokens=[token for of_word in tokens for token in of_word],
        word=[i for i, of_word in enumerate(tokens) for _ in of_word],
    )


def find_readings(
    script: ScriptTokens,
    spoken: HeardTokens,
    recordings: Sequence[Recording],
    circled: Mapping[str, int],
) -> list[LineReading]:
    """Find one reading for each line, searching each recording for the lines that it can hold.

    A line found in several recordings is read where its coverage is best. `circled`: the take to
    use, by line id.
    """
    best: dict[int, LineReading] = {}
    for scope, members in _find_scopes(script.lines, recordings).items():
        ids = {recording.recording_id for recording in members}
        for take in _choose_readings(script, _select_recordings(spoken, ids), scope, circled):
            before = best.get(take.candidate.line)
            if before is None or take.candidate.coverage > before.candidate.coverage:
                best[take.candidate.line] = take
    return [best[line] for line in sorted(best)]


def _find_scopes(
    lines: Sequence[Line], recordings: Sequence[Recording]
) -> dict[tuple[int, ...], list[Recording]]:
    """Find the numbers of the lines that each recording can hold.

    These are the lines that name it, or the line or the character that it is named after, else all
    lines.
    """
    by_file = _group_numbers(lines, lambda line: Path(line.audio_file).name)
    by_id = _group_numbers(lines, lambda line: line.line_id)
    by_character = _group_numbers(lines, lambda line: line.character)
    scopes: dict[tuple[int, ...], list[Recording]] = {}
    for recording in recordings:
        name, stem = Path(recording.source).name.casefold(), Path(recording.source).stem.casefold()
        named = by_file.get(name) or by_id.get(stem) or by_character.get(stem)
        scopes.setdefault(tuple(named or range(len(lines))), []).append(recording)
    return scopes


def _group_numbers(lines: Sequence[Line], name_of: Callable[[Line], str]) -> dict[str, list[int]]:
    """Group the numbers of lines that share a name, whatever its case."""
    numbers: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        numbers.setdefault(name_of(line).casefold(), []).append(number)
    return numbers


def _select_recordings(spoken: HeardTokens, ids: set[str]) -> HeardTokens:
    """Select the tokens of some recordings; the words stay."""
    selected = [i for i, word in enumerate(spoken.word) if spoken.words[word].recording_id in ids]
    return replace(
        spoken, tokens=[spoken.tokens[i] for i in selected], word=[spoken.word[i] for i in selected]
    )


class _Search:
    """Scores of script tokens against heard tokens, from one table of the words that occur."""

    def __init__(self, script: ScriptTokens, spoken: HeardTokens, scope: Sequence[int]) -> None:
        written = sorted({token for i in scope for token in script.tokens[i]})
        spoken_tokens = sorted(set(spoken.tokens))
        self._table = text_alignment.score_tokens(written, spoken_tokens)
        self._rows, columns = (
            {token: i for i, token in enumerate(side)} for side in (written, spoken_tokens)
        )
        self._stream = np.array([columns[token] for token in spoken.tokens], dtype=np.int64)
        self._tokens = script.tokens

    def score(self, line: int, start: int = 0, end: int | None = None) -> text_alignment.Scores:
        """Score the line's tokens against the heard tokens `[start, end)`."""
        rows = np.array([self._rows[token] for token in self._tokens[line]], dtype=np.int64)
        scores: text_alignment.Scores = self._table[np.ix_(rows, self._stream[start:end])]
        return scores

    def weigh(self, line: int) -> Float64[np.ndarray, " tokens"]:
        """Weigh the line's tokens."""
        return np.array([text_alignment.weigh_token(token) for token in self._tokens[line]])

    def find_candidates(self, line: int) -> list[ReadingCandidate]:
        """Find where the line may be read."""
        return text_alignment.find_candidates(line, self.score(line), self.weigh(line))


def _choose_readings(
    script: ScriptTokens, spoken: HeardTokens, scope: Sequence[int], circled: Mapping[str, int]
) -> list[LineReading]:
    """Search every line in all words, chain the candidates, and choose one for each line."""
    search = _Search(script, spoken, scope)
    found = [candidate for i in scope for candidate in search.find_candidates(i)]
    by_line: dict[int, list[ReadingCandidate]] = {}
    for candidate in text_alignment.chain_candidates(found):
        by_line.setdefault(candidate.line, []).append(candidate)
    readings = []
    for line, candidates in by_line.items():
        number = _choose_number(candidates, circled.get(script.lines[line].line_id))
        chosen = candidates[number]
        matched = text_alignment.pair_tokens(
            search.score(line, chosen.start, chosen.end), search.weigh(line)
        )
        pairs = [(token, spoken.word[chosen.start + at]) for token, at in matched]
        spans = [
            replace(c, start=spoken.word[c.start], end=spoken.word[c.end - 1] + 1)
            for c in candidates
        ]
        if pairs:
            readings.append(
                LineReading(candidate=chosen, number=number + 1, candidates=spans, pairs=pairs)
            )
    return readings


def _choose_number(readings: Sequence[ReadingCandidate], circled: int | None) -> int:
    """Choose the circled take, else the last one that is complete enough; counted from 0."""
    if circled is not None and 1 <= circled <= len(readings):
        return circled - 1
    best = max(reading.coverage for reading in readings)
    enough = min(best, max(TAKE_COVERAGE, best - TAKE_SLACK))
    return max(i for i, reading in enumerate(readings) if reading.coverage >= enough)


def is_echoed(script: ScriptTokens, line: int) -> bool:
    """Say whether another character says all words of this line right before or after it.

    An example is "Hello?" "Hello?".
    """
    own = set(script.tokens[line])
    beside = [i for i in (line - 1, line + 1) if 0 <= i < len(script.lines)]
    others = [i for i in beside if script.lines[i].character != script.lines[line].character]
    return any(own <= set(script.tokens[i]) for i in others)


def measure_candidate(spoken: HeardTokens, reading: ReadingCandidate) -> tuple[int, int]:
    """Measure from the first to the last word of a candidate (in words), in samples."""
    words = spoken.words[reading.start : reading.end]
    return min(word.start for word in words), max(word.end for word in words)


def measure_span(spoken: HeardTokens, take: LineReading) -> tuple[int, int]:
    """Measure from the first to the last word of a take that is in the line, in samples."""
    spoken_in = [spoken.words[word] for _, word in take.pairs]
    return min(word.start for word in spoken_in), max(word.end for word in spoken_in)


def measure_pace(
    script: ScriptTokens, spoken: HeardTokens, taken: Sequence[LineReading], *, usual: float
) -> dict[str, float]:
    """Measure each character's samples per letter (spaces count) in lines that were heard well.

    A character with too few such lines has the pace of everybody; without any it is `usual`.
    """
    found: dict[str, list[float]] = {}
    for take in taken:
        tokens = script.tokens[take.candidate.line]
        if take.candidate.coverage > WELL and len(tokens) > 2:
            start, end = measure_span(spoken, take)
            for name in (script.lines[take.candidate.line].character, ""):
                found.setdefault(name, []).append((end - start) / count_letters(tokens))
    everybody = statistics.median(found.get("", [usual]))
    return {
        line.character: statistics.median(its)
        if len(its := found.get(line.character, [])) > 2
        else everybody
        for line in script.lines
    }


def count_letters(tokens: Sequence[str]) -> int:
    """Count the letters of some words, and a space for each."""
    return sum(map(len, tokens)) + len(tokens)


def drop_slipped_words(
    script: ScriptTokens,
    spoken: HeardTokens,
    take: LineReading,
    speech: Sequence[TimeSpan],
    pace: float,
) -> LineReading:
    """Drop words at the ends of a take whose times are impossible.

    Such words last next to no time, or lie in silence far from the rest. The recogniser heard them,
    but with wrong times; treated as not heard, they get their usual time (`pace`, samples a letter)
    beside the others. `speech`: in order of time, without overlaps. At least half of the pairs
    stay.
    """
    tokens = script.tokens[take.candidate.line]

    def slipped(pair: tuple[int, int], inner: tuple[int, int]) -> bool:
        token, word = pair[0], spoken.words[pair[1]]
        beside = spoken.words[inner[1]]
        squeezed = word.end - word.start < SQUEEZED * pace * count_letters([tokens[token]])
        gap = max(beside.start - word.end, word.start - beside.end)
        return squeezed or (gap > STRAY_SAMPLES and not find_touching(speech, word.start, word.end))

    pairs = list(take.pairs)
    least = max(1, len(pairs) // 2)
    while len(pairs) > least and slipped(pairs[0], pairs[1]):
        pairs = pairs[1:]
    while len(pairs) > least and slipped(pairs[-1], pairs[-2]):
        pairs = pairs[:-1]
    return replace(take, pairs=pairs)


def time_words(
    script: ScriptTokens, spoken: HeardTokens, take: LineReading, within: tuple[int, int]
) -> list[tuple[str, int, int]]:
    """Give the line's written words times inside `within`.

    Words that were not heard share the time between their neighbours.
    """
    line = take.candidate.line
    display, owner = script.display[line], script.owner[line]
    known: dict[int, tuple[int, int]] = {}
    for token, at in take.pairs:
        first, last = (
            min(max(time, within[0]), within[1])
            for time in (spoken.words[at].start, spoken.words[at].end)
        )
        start, end = known.get(owner[token], (first, last))
        known[owner[token]] = (min(start, first), max(end, last))
    return [
        (text, *times)
        for text, times in zip(display, _fill_times(known, len(display), within), strict=True)
    ]


def _fill_times(
    known: Mapping[int, tuple[int, int]], count: int, within: tuple[int, int]
) -> list[tuple[int, int]]:
    times: list[tuple[int, int]] = []
    for i in range(count):
        if i in known:
            times.append(known[i])
            continue
        following = next((j for j in range(i, count) if j in known), count)
        begin = times[-1][1] if times else within[0]
        until = known[following][0] if following < count else within[1]
        share = max(0, until - begin) // (following - i)
        times.append((begin, begin + share))
    return times
