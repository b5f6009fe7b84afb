# SPDX-License-Identifier: Apache-2.0
"""Align the script with the recordings: a `Cue` for every line, with its times and confidence.

Pure: lines, turns and words in, cues out. Words identify the line; turns check who spoke, and cover
what the recogniser could not hear. Where they disagree, the cue is `doubtful` and says why. Without
words, lines are matched to turns by order, duration and speaker (`turn_alignment`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline.align import boundary_snapping, cue_confidence, line_readings, turn_alignment
from pipeline.align.cue_confidence import Voices
from pipeline.align.line_readings import HeardTokens, LineReading, ScriptTokens
from pipeline.align.new_cues import assign_recording, make_cue, make_missing_cue
from pipeline.align.turn_alignment import SpeechStretch
from pipeline.align.unheard_lines import find_gaps, place_lines
from pipeline.speech.turns import find_overlapped

# share of a speaker's seconds in one character's lines from which an extra voice counts as theirs
MAIN_VOICE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentHints:
    """What is known before the alignment.

    `enrolled`: the character of each speaker, from voice samples; `circled`: the take to use, by
    line id.
    """

    enrolled: Mapping[str, str] = field(default_factory=dict)
    circled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnscriptedSpeech:
    """A stretch of speech that no line claims: an ad-lib, a false start, an unused take.

    `start`, `end`: samples on the timeline.
    """

    start: int
    end: int
    speaker: str
    character: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The result: cues, takes, speakers and the speech that no line claims.

    `takes`: the spans found for each line, in order of time; `chosen`: the number (from 1) of the
    take that is used; `names`: the character of each speaker.
    """

    cues: list[Cue]
    takes: Mapping[str, list[tuple[int, int]]]
    chosen: Mapping[str, int]
    names: Mapping[str, str]
    unscripted: list[UnscriptedSpeech]


@dataclass(frozen=True, slots=True, kw_only=True)
class _AlignmentInputs:
    """The script, the words and the voices."""

    script: ScriptTokens
    words: HeardTokens
    voices: Voices


def align_cues(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    hints: AlignmentHints | None = None,
) -> list[Cue]:
    """Align the script and return one cue per line, in the script's order.

    `words` may be empty: then lines are placed by order, duration and voice.
    """
    return align_script(lines, turns, words, recordings=recordings, hints=hints).cues


def align_script(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    hints: AlignmentHints | None = None,
) -> Alignment:
    """Align the script as `align_cues` does, and return all that was found on the way."""
    hints = hints or AlignmentHints()
    inputs = _AlignmentInputs(
        script=line_readings.tokenize_lines(lines),
        words=line_readings.tokenize_words(words),
        voices=Voices(speech=turn_alignment.join_turns(turns), under=find_overlapped(turns)),
    )
    timed = _cue_timed_lines(lines, recordings)
    found = line_readings.find_readings(
        inputs.script, inputs.words, recordings, circled=hints.circled
    )
    takes = [take for take in found if take.candidate.line not in timed]
    names = _name_speakers(inputs, takes, hints)
    cues = timed | _cue_heard_lines(inputs, takes, turns, names)
    cues, names = _place_unheard_lines(inputs, cues, turns, names)
    return Alignment(
        cues=[
            assign_recording(cues.get(i) or make_missing_cue(line), recordings)
            for i, line in enumerate(lines)
        ],
        takes=_list_takes(inputs, takes),
        chosen={lines[take.candidate.line].line_id: take.number for take in takes},
        names=names,
        unscripted=_list_unscripted(inputs, list(cues.values()), names),
    )


def _list_takes(
    inputs: _AlignmentInputs, takes: Sequence[LineReading]
) -> dict[str, list[tuple[int, int]]]:
    """List the spans of every take of each line, by line id."""
    return {
        inputs.script.lines[take.candidate.line].line_id: [
            line_readings.measure_candidate(inputs.words, candidate)
            for candidate in take.candidates
        ]
        for take in takes
    }


def _cue_timed_lines(lines: Sequence[Line], recordings: Sequence[Recording]) -> dict[int, Cue]:
    """Make the cues of lines whose sheet says when they are spoken.

    The times are those of the line's audio file when it names one, else of the timeline.
    """
    begins = {Path(row.source).name: row.offset_samples for row in reversed(recordings)}
    cues = {}
    for number, line in enumerate(lines):
        begin, stop = line.start_seconds, line.end_seconds
        if begin is not None and stop is not None and begin < stop:
            offset = begins.get(Path(line.audio_file).name, 0) if line.audio_file else 0
            start, end = (offset + round(seconds * MASTER_HZ) for seconds in (begin, stop))
            reasons = "times from the line sheet"
            cues[number] = make_cue(line, (start, end), confidence=1.0, reasons=reasons)
    return cues


def _cue_heard_lines(
    inputs: _AlignmentInputs,
    takes: Sequence[LineReading],
    turns: Sequence[Turn],
    names: Mapping[str, str],
) -> dict[int, Cue]:
    """Make the cues of recognised lines: from first to last word, snapped to speech, then rated."""
    pace = line_readings.measure_pace(
        inputs.script, inputs.words, takes, usual=turn_alignment.SECONDS_PER_LETTER * MASTER_HZ
    )
    rough, unheard, clear = [], {}, []
    for take in takes:
        line = inputs.script.lines[take.candidate.line]
        trimmed = line_readings.drop_slipped_words(
            inputs.script, inputs.words, take, inputs.voices.speech, pace[line.character]
        )
        clear.append(trimmed)
        span = line_readings.measure_span(inputs.words, trimmed)
        rough.append(make_cue(line, span, confidence=1.0, reasons=""))
        unheard[line.line_id] = _estimate_unheard(inputs.script, trimmed, pace[line.character])
    snapped = boundary_snapping.snap_cues(rough, turns, names, unheard)
    in_order = _check_order(snapped)
    return {
        take.candidate.line: _rate(inputs, take, cue, names, in_order=in_order[i])
        for i, (take, cue) in enumerate(zip(clear, snapped, strict=True))
    }


def _check_order(cues: Sequence[Cue]) -> list[bool]:
    """Check for each cue, in the script's order, that it begins between its neighbours."""
    around = [cues[max(0, i - 1) : i + 2] for i in range(len(cues))]
    return [all(a.start < b.start for a, b in itertools.pairwise(some)) for some in around]


def _rate(
    inputs: _AlignmentInputs,
    take: LineReading,
    cue: Cue,
    names: Mapping[str, str],
    *,
    in_order: bool,
) -> Cue:
    """Add the words, the speaker and the confidence to a cue."""
    seconds = inputs.voices.measure_seconds((cue.start, cue.end))
    words = line_readings.time_words(inputs.script, inputs.words, take, (cue.start, cue.end))
    agreement = inputs.voices.measure_agreement(cue, names)
    if line_readings.is_echoed(inputs.script, take.candidate.line):
        agreement = agreement.count_in_full()
    return replace(
        cue_confidence.rate_cue(
            cue,
            take,
            [inputs.words.words[word].probability for _, word in take.pairs],
            agreement=agreement,
            in_order=in_order,
        ),
        speaker=max(seconds, key=lambda speaker: seconds[speaker], default=""),
        words=json.dumps(words, ensure_ascii=False),
    )


def _estimate_unheard(
    script: ScriptTokens, take: LineReading, pace: float
) -> boundary_snapping.UnheardWords:
    tokens = script.tokens[take.candidate.line]
    first, last = take.pairs[0][0], take.pairs[-1][0]
    return boundary_snapping.UnheardWords(
        before=round(line_readings.count_letters(tokens[:first]) * pace),
        after=round(line_readings.count_letters(tokens[last + 1 :]) * pace),
    )


def _place_unheard_lines(
    inputs: _AlignmentInputs, cues: dict[int, Cue], turns: Sequence[Turn], names: dict[str, str]
) -> tuple[dict[int, Cue], dict[str, str]]:
    """Add the cues of lines that were not recognised, and name the speakers where no words did."""
    placed: dict[int, Cue] = {}
    for gap in find_gaps(inputs.script, inputs.voices, cues, names):
        placed |= place_lines(inputs.script, gap, names if cues else None)
    names = names or turn_alignment.assign_names(
        _share_by_cues([*cues.values(), *placed.values()], inputs.voices)
    )
    snapped = boundary_snapping.snap_cues(
        list(placed.values()), turns, names, {}, fixed=list(cues.values())
    )
    return cues | dict(zip(placed, snapped, strict=True)), names


def _list_unscripted(
    inputs: _AlignmentInputs, cues: Sequence[Cue], names: Mapping[str, str]
) -> list[UnscriptedSpeech]:
    free = turn_alignment.subtract_spans(
        inputs.voices.speech, [(cue.start, cue.end) for cue in cues]
    )
    return [_describe_speech(stretch, inputs.words, names) for stretch in free]


def _describe_speech(
    stretch: SpeechStretch, spoken: HeardTokens, names: Mapping[str, str]
) -> UnscriptedSpeech:
    words = [
        word.text
        for word in spoken.words
        if stretch.start <= (word.start + word.end) // 2 < stretch.end
    ]
    return UnscriptedSpeech(
        start=stretch.start,
        end=stretch.end,
        speaker=stretch.speaker,
        character=names.get(stretch.speaker, ""),
        text=" ".join(words),
    )


# Speakers


def _name_speakers(
    inputs: _AlignmentInputs, takes: Sequence[LineReading], hints: AlignmentHints
) -> dict[str, str]:
    """Name each speaker: as enrolled, else as the lines suggest.

    A voice too many is the character whose lines it mostly speaks.
    """
    shared = _share_by_takes(inputs, takes)
    open_pairs = {
        pair: seconds for pair, seconds in shared.items() if pair[0] not in hints.enrolled
    }
    names = turn_alignment.assign_names(open_pairs) | dict(hints.enrolled)
    for speaker in sorted({speaker for speaker, _ in open_pairs} - set(names)):
        seconds = {
            character: shared_seconds
            for (who, character), shared_seconds in open_pairs.items()
            if who == speaker
        }
        best = max(seconds, key=lambda character: seconds[character])
        if seconds[best] > MAIN_VOICE * sum(seconds.values()):
            names[speaker] = best
    return names


def _share_by_cues(cues: Sequence[Cue], voices: Voices) -> dict[tuple[str, str], float]:
    """Sum the seconds that each speaker talks during cues of each character."""
    seconds: dict[tuple[str, str], float] = {}
    for cue in cues:
        for speaker, shared in voices.measure_seconds((cue.start, cue.end)).items():
            seconds[speaker, cue.character] = seconds.get((speaker, cue.character), 0.0) + shared
    return seconds


def _share_by_takes(
    inputs: _AlignmentInputs, takes: Sequence[LineReading]
) -> dict[tuple[str, str], float]:
    """Sum the seconds that each speaker talks during lines of each character, by coverage."""
    seconds: dict[tuple[str, str], float] = {}
    for take in takes:
        character = inputs.script.lines[take.candidate.line].character
        span = line_readings.measure_span(inputs.words, take)
        for speaker, shared in inputs.voices.measure_seconds(span).items():
            pair = (speaker, character)
            seconds[pair] = seconds.get(pair, 0.0) + shared * take.candidate.coverage
    return seconds
