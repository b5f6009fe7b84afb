# SPDX-License-Identifier: Apache-2.0
"""The script and what was heard as words that can be compared, and the readings of each line found
there: its takes.

Pure. Which recording can hold which lines, where each line was read, how often, and which reading
counts. When a line begins and ends and how sure that is, `align` and `edges` decide.
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
WELL = 0.8  # coverage from which a reading tells how fast its character speaks
SQUEEZED = 0.35  # of its usual time: no word is spoken so fast
# a word in silence this far from the others is not where it was heard
STRAY_SAMPLES = round(0.2 * MASTER_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTokens:
    """The lines as tokens. `display[i]` are line i's written words, `owner[i][t]` the written word
    of its token t.
    """

    lines: Sequence[Line]
    tokens: list[list[str]]
    display: list[list[str]]
    owner: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardTokens:
    """The words as tokens, in order of time; `word[t]` is the index of token t's word."""

    words: Sequence[Word]
    tokens: list[str]
    word: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReading:
    """The reading chosen for a line, its number (from 1) among all `readings` (in words, not
    tokens), and (token, word) pairs.
    """

    candidate: ReadingCandidate
    number: int
    candidates: list[ReadingCandidate]
    pairs: list[tuple[int, int]]


def tokenize_lines(lines: Sequence[Line]) -> ScriptTokens:
    """The lines as tokens, as they are spoken."""
    texts = [text_normalization.split_words(line.text, language=line.lang) for line in lines]
    return ScriptTokens(
        lines=lines,
        tokens=[[token for _, tokens in words for token in tokens] for words in texts],
        display=[[text for text, _ in words] for words in texts],
        owner=[[i for i, (_, tokens) in enumerate(words) for _ in tokens] for words in texts],
    )


def tokenize_words(words: Sequence[Word]) -> HeardTokens:
    """The words as tokens, in order of time."""
    ordered = sorted(words, key=lambda word: (word.start, word.end))
    tokens = [text_normalization.tokenize(word.text) for word in ordered]
    return HeardTokens(
        words=ordered,
        tokens=[token for of_word in tokens for token in of_word],
        word=[i for i, of_word in enumerate(tokens) for _ in of_word],
    )


def find_readings(
    script: ScriptTokens,
    heard: HeardTokens,
    recordings: Sequence[Recording],
    circled: Mapping[str, int],
) -> list[LineReading]:
    """Each recording is searched for the lines it can hold; a line found in several is taken where
    it is heard best.

    `circled`: the take to use, by line id.
    """
    best: dict[int, LineReading] = {}
    for scope, members in _scopes(script.lines, recordings).items():
        ids = {recording.recording_id for recording in members}
        for take in _takes(script, _of_recordings(heard, ids), scope, circled):
            before = best.get(take.candidate.line)
            if before is None or take.candidate.coverage > before.candidate.coverage:
                best[take.candidate.line] = take
    return [best[line] for line in sorted(best)]


def _scopes(
    lines: Sequence[Line], recordings: Sequence[Recording]
) -> dict[tuple[int, ...], list[Recording]]:
    """Which lines (by number) a recording can hold: those that name it, the line or the character
    it is named after, else all.
    """
    by_file = _numbers_by(lines, lambda line: Path(line.audio_file).name)
    by_id = _numbers_by(lines, lambda line: line.line_id)
    by_character = _numbers_by(lines, lambda line: line.character)
    scopes: dict[tuple[int, ...], list[Recording]] = {}
    for recording in recordings:
        name, stem = Path(recording.source).name.casefold(), Path(recording.source).stem.casefold()
        named = by_file.get(name) or by_id.get(stem) or by_character.get(stem)
        scopes.setdefault(tuple(named or range(len(lines))), []).append(recording)
    return scopes


def _numbers_by(lines: Sequence[Line], name_of: Callable[[Line], str]) -> dict[str, list[int]]:
    """The numbers of the lines that share a name, whatever its case."""
    numbers: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        numbers.setdefault(name_of(line).casefold(), []).append(number)
    return numbers


def _of_recordings(heard: HeardTokens, ids: set[str]) -> HeardTokens:
    """The same words with the tokens of the given recordings only."""
    kept = [i for i, word in enumerate(heard.word) if heard.words[word].recording_id in ids]
    return replace(
        heard, tokens=[heard.tokens[i] for i in kept], word=[heard.word[i] for i in kept]
    )


class _Search:
    """Likenesses of script and heard words: one small table of the words that occur, from which a
    line's scores are read.
    """

    def __init__(self, script: ScriptTokens, heard: HeardTokens, scope: Sequence[int]) -> None:
        written, said = (
            sorted({token for i in scope for token in script.tokens[i]}),
            sorted(set(heard.tokens)),
        )
        self._table = text_alignment.score_tokens(written, said)
        self._rows, columns = (
            {token: i for i, token in enumerate(side)} for side in (written, said)
        )
        self._stream = np.array([columns[token] for token in heard.tokens], dtype=np.int64)
        self._tokens = script.tokens

    def scores(self, line: int, start: int = 0, end: int | None = None) -> text_alignment.Scores:
        """Of the line's tokens against the heard tokens `[start, end)`."""
        rows = np.array([self._rows[token] for token in self._tokens[line]], dtype=np.int64)
        scores: text_alignment.Scores = self._table[np.ix_(rows, self._stream[start:end])]
        return scores

    def weights(self, line: int) -> Float64[np.ndarray, " tokens"]:
        """Of the line's tokens."""
        return np.array([text_alignment.weigh_token(token) for token in self._tokens[line]])

    def readings(self, line: int) -> list[ReadingCandidate]:
        """Where the line may be heard."""
        return text_alignment.find_candidates(line, self.scores(line), self.weights(line))


def _takes(
    script: ScriptTokens, heard: HeardTokens, scope: Sequence[int], circled: Mapping[str, int]
) -> list[LineReading]:
    """Search every line in all that was heard, chain the readings, and choose one a line."""
    search = _Search(script, heard, scope)
    by_line: dict[int, list[ReadingCandidate]] = {}
    for reading in text_alignment.chain_candidates(
        [reading for i in scope for reading in search.readings(i)]
    ):
        by_line.setdefault(reading.line, []).append(reading)
    taken = []
    for line, its in by_line.items():
        number = _chosen(its, circled.get(script.lines[line].line_id))
        reading = its[number]
        matched = text_alignment.pair_tokens(
            search.scores(line, reading.start, reading.end), search.weights(line)
        )
        pairs = [(token, heard.word[reading.start + at]) for token, at in matched]
        spans = [replace(r, start=heard.word[r.start], end=heard.word[r.end - 1] + 1) for r in its]
        if pairs:
            taken.append(
                LineReading(candidate=reading, number=number + 1, candidates=spans, pairs=pairs)
            )
    return taken


def _chosen(readings: Sequence[ReadingCandidate], circled: int | None) -> int:
    """The circled take, else the last one that is whole enough. Counted from 0."""
    if circled is not None and 1 <= circled <= len(readings):
        return circled - 1
    best = max(reading.coverage for reading in readings)
    enough = min(best, max(TAKE_COVERAGE, best - TAKE_SLACK))
    return max(i for i, reading in enumerate(readings) if reading.coverage >= enough)


def is_echoed(script: ScriptTokens, line: int) -> bool:
    """Whether another character says all words of this line right before or after it ("Hello?"
    "Hello?").
    """
    own = set(script.tokens[line])
    beside = [i for i in (line - 1, line + 1) if 0 <= i < len(script.lines)]
    others = [i for i in beside if script.lines[i].character != script.lines[line].character]
    return any(own <= set(script.tokens[i]) for i in others)


def measure_candidate(heard: HeardTokens, reading: ReadingCandidate) -> tuple[int, int]:
    """From the first to the last word of a reading (in words), in samples."""
    words = heard.words[reading.start : reading.end]
    return min(word.start for word in words), max(word.end for word in words)


def measure_span(heard: HeardTokens, take: LineReading) -> tuple[int, int]:
    """From the first to the last word of a take that is in the line, in samples."""
    spoken_in = [heard.words[word] for _, word in take.pairs]
    return min(word.start for word in spoken_in), max(word.end for word in spoken_in)


def measure_pace(
    script: ScriptTokens, heard: HeardTokens, taken: Sequence[LineReading], *, usual: float
) -> dict[str, float]:
    """Samples per letter (spaces count) that each character takes in lines that were heard well;
    `usual` where there are too few.
    """
    found: dict[str, list[float]] = {}
    for take in taken:
        tokens = script.tokens[take.candidate.line]
        if take.candidate.coverage > WELL and len(tokens) > 2:
            start, end = measure_span(heard, take)
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
    """Letters of some words, and a space for each."""
    return sum(map(len, tokens)) + len(tokens)


def drop_slipped_words(
    script: ScriptTokens,
    heard: HeardTokens,
    take: LineReading,
    speech: Sequence[TimeSpan],
    pace: float,
) -> LineReading:
    """The take less words at its ends whose times cannot be: next to no time, or in silence far
    from the rest.

    The recogniser heard them, but its clock slipped; as not heard they get their usual time
    (`pace`, samples a letter) beside the others. `speech`: in order of time, none over another. At
    least half of the pairs stay.
    """
    tokens = script.tokens[take.candidate.line]

    def slipped(pair: tuple[int, int], inner: tuple[int, int]) -> bool:
        token, word = pair[0], heard.words[pair[1]]
        beside = heard.words[inner[1]]
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
    script: ScriptTokens, heard: HeardTokens, take: LineReading, within: tuple[int, int]
) -> list[tuple[str, int, int]]:
    """The line's written words with times inside `within`; those not heard share the time between
    their neighbours.
    """
    line = take.candidate.line
    display, owner = script.display[line], script.owner[line]
    known: dict[int, tuple[int, int]] = {}
    for token, at in take.pairs:
        first, last = (
            min(max(time, within[0]), within[1])
            for time in (heard.words[at].start, heard.words[at].end)
        )
        start, end = known.get(owner[token], (first, last))
        known[owner[token]] = (min(start, first), max(end, last))
    return [
        (text, *times)
        for text, times in zip(display, _filled(known, len(display), within), strict=True)
    ]


def _filled(
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
