# SPDX-License-Identifier: Apache-2.0
"""Match the script to what was heard: a `Cue` for every line, with where it is spoken, how sure
that is, and why.

Pure: lines, turns and words in, cues out. Words name the line; turns check who spoke and cover what
the recogniser could not hear. Where they disagree the cue says so (`doubtful`, "needs an ear")
instead of guessing in silence. Without words, lines and turns are put together by order, duration
and speaker (`byturns`).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline.align import boundary_snapping, cue_confidence, turn_alignment
from pipeline.align import line_readings as takes
from pipeline.align.cue_confidence import Voices
from pipeline.align.line_readings import HeardTokens, LineReading, ScriptTokens
from pipeline.align.turn_alignment import SpeechStretch
from pipeline.speech.turns import find_overlapped, find_touching

# of what a line claims of another's time, from which its own voice is known to lie under it
MOSTLY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentHints:
    """What is known beforehand. `enrolled`: the character of a speaker, from voice samples;
    `circled`: the take to use, by line id.
    """

    enrolled: Mapping[str, str] = field(default_factory=dict)
    circled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnscriptedSpeech:
    """A stretch of speech that no line of the script claims: an ad-lib, a false start, an unused
    take. Samples on the timeline.
    """

    start: int
    end: int
    speaker: str
    character: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The cues; the takes found of each line, in order of time, and the number (from 1) of the one
    that was chosen; who each speaker is; and the speech that is left over.
    """

    cues: list[Cue]
    takes: Mapping[str, list[tuple[int, int]]]
    chosen: Mapping[str, int]
    names: Mapping[str, str]
    unscripted: list[UnscriptedSpeech]


def align_cues(
    lines: Sequence[Line],
    turns: Sequence[Turn],
    words: Sequence[Word],
    *,
    recordings: Sequence[Recording],
    hints: AlignmentHints | None = None,
) -> list[Cue]:
    """One cue a line, in the script's order. `words` may be empty: then lines are placed by order,
    duration and voice.
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
    """As `align`, with all that was found on the way."""
    hints = hints or AlignmentHints()
    heard = _AlignmentInputs(
        script=takes.tokenize_lines(lines),
        words=takes.tokenize_words(words),
        voices=Voices(speech=turn_alignment.join_turns(turns), under=find_overlapped(turns)),
    )
    begins = {Path(row.source).name: row.offset_samples for row in reversed(recordings)}
    given = {i: cue for i, line in enumerate(lines) if (cue := _given(line, begins)) is not None}
    found = takes.find_readings(heard.script, heard.words, recordings, circled=hints.circled)
    taken = [take for take in found if take.candidate.line not in given]
    names = _names(heard, taken, hints)
    cues = given | _heard_cues(heard, taken, turns, names)
    placed: dict[int, Cue] = {}
    for gap in _gaps(heard, cues, names):
        placed |= _placed(heard.script, gap, names if cues else None)
    names = names or turn_alignment.assign_names(
        _spoken_by([*cues.values(), *placed.values()], heard.voices)
    )
    snapped = boundary_snapping.snap_cues(
        list(placed.values()), turns, names, {}, fixed=list(cues.values())
    )
    cues |= dict(zip(placed, snapped, strict=True))
    claimed = [(cue.start, cue.end) for cue in cues.values()]
    return Alignment(
        cues=[
            assign_recording(cues.get(i) or _missing(line), recordings)
            for i, line in enumerate(lines)
        ],
        takes={
            lines[take.candidate.line].line_id: [
                takes.measure_candidate(heard.words, r) for r in take.candidates
            ]
            for take in taken
        },
        chosen={lines[take.candidate.line].line_id: take.number for take in taken},
        names=names,
        unscripted=[
            _stretch(one, heard.words, names)
            for one in turn_alignment.subtract_spans(heard.voices.speech, claimed)
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _AlignmentInputs:
    """The script, the words and the voices."""

    script: ScriptTokens
    words: HeardTokens
    voices: Voices


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """Lines that were not heard and the speech nobody has claimed between their neighbours."""

    lines: list[int]
    speech: list[SpeechStretch]


def _given(line: Line, begins: Mapping[str, int]) -> Cue | None:
    """The cue of a line whose sheet says where it is: in its audio file when it names one, else on
    the timeline.

    `begins`: where the recording of each file name begins.
    """
    if (
        line.start_seconds is None
        or line.end_seconds is None
        or line.end_seconds <= line.start_seconds
    ):
        return None
    offset = begins.get(Path(line.audio_file).name, 0) if line.audio_file else 0
    start, end = (
        offset + round(seconds * MASTER_HZ) for seconds in (line.start_seconds, line.end_seconds)
    )
    return _new_cue(line, (start, end), confidence=1.0, reasons="times given in the sheet")


def _heard_cues(
    heard: _AlignmentInputs,
    taken: Sequence[LineReading],
    turns: Sequence[Turn],
    names: Mapping[str, str],
) -> dict[int, Cue]:
    """Cues of the lines that were recognised: from the first word to the last, drawn to the speech,
    then judged.
    """
    pace = takes.measure_pace(
        heard.script, heard.words, taken, usual=turn_alignment.SECONDS_PER_LETTER * MASTER_HZ
    )
    rough, unheard, clear = [], {}, []
    for take in taken:
        line = heard.script.lines[take.candidate.line]
        clear.append(
            takes.drop_slipped_words(
                heard.script, heard.words, take, heard.voices.speech, pace[line.character]
            )
        )
        rough.append(
            _new_cue(line, takes.measure_span(heard.words, clear[-1]), confidence=1.0, reasons="")
        )
        unheard[line.line_id] = _unheard(heard.script, clear[-1], pace[line.character])
    snapped = boundary_snapping.snap_cues(rough, turns, names, unheard)
    in_order = _in_order(snapped)
    return {
        take.candidate.line: _judged(heard, take, cue, names, in_order=in_order[i])
        for i, (take, cue) in enumerate(zip(clear, snapped, strict=True))
    }


def _in_order(cues: Sequence[Cue]) -> list[bool]:
    """Whether each cue, in the script's order, begins after the one before and before the one
    after.
    """
    around = [cues[max(0, i - 1) : i + 2] for i in range(len(cues))]
    return [all(a.start < b.start for a, b in itertools.pairwise(some)) for some in around]


def _judged(
    heard: _AlignmentInputs,
    take: LineReading,
    cue: Cue,
    names: Mapping[str, str],
    *,
    in_order: bool,
) -> Cue:
    """The cue with its words, its speaker and how sure it is."""
    seconds = heard.voices.measure_seconds((cue.start, cue.end))
    words = takes.time_words(heard.script, heard.words, take, (cue.start, cue.end))
    agreement = heard.voices.measure_agreement(cue, names)
    if takes.is_echoed(heard.script, take.candidate.line):
        agreement = agreement.count_in_full()
    return replace(
        cue_confidence.rate_cue(
            cue,
            take,
            [heard.words.words[word].probability for _, word in take.pairs],
            agreement=agreement,
            in_order=in_order,
        ),
        speaker=max(seconds, key=lambda speaker: seconds[speaker], default=""),
        words=json.dumps(words, ensure_ascii=False),
    )


def _unheard(
    script: ScriptTokens, take: LineReading, pace: float
) -> boundary_snapping.UnheardWords:
    tokens = script.tokens[take.candidate.line]
    first, last = take.pairs[0][0], take.pairs[-1][0]
    return boundary_snapping.UnheardWords(
        before=round(takes.count_letters(tokens[:first]) * pace),
        after=round(takes.count_letters(tokens[last + 1 :]) * pace),
    )


def _names(
    heard: _AlignmentInputs, taken: Sequence[LineReading], known: AlignmentHints
) -> dict[str, str]:
    """Who each speaker is: as enrolled, else as the lines say; a voice too many is whoever's lines
    it mostly speaks.
    """
    shared = _shared(heard, taken)
    open_pairs = {
        pair: seconds for pair, seconds in shared.items() if pair[0] not in known.enrolled
    }
    names = turn_alignment.assign_names(open_pairs) | dict(known.enrolled)
    for speaker in sorted({speaker for speaker, _ in open_pairs} - set(names)):
        its = {
            character: seconds for (who, character), seconds in open_pairs.items() if who == speaker
        }
        best = max(its, key=lambda character: its[character])
        if its[best] > 0.6 * sum(its.values()):
            names[speaker] = best
    return names


def _spoken_by(cues: Sequence[Cue], voices: Voices) -> dict[tuple[str, str], float]:
    seconds: dict[tuple[str, str], float] = {}
    for cue in cues:
        for speaker, shared in voices.measure_seconds((cue.start, cue.end)).items():
            seconds[speaker, cue.character] = seconds.get((speaker, cue.character), 0.0) + shared
    return seconds


def _stretch(one: SpeechStretch, heard: HeardTokens, names: Mapping[str, str]) -> UnscriptedSpeech:
    said = [
        word.text for word in heard.words if one.start <= (word.start + word.end) // 2 < one.end
    ]
    return UnscriptedSpeech(
        start=one.start,
        end=one.end,
        speaker=one.speaker,
        character=names.get(one.speaker, ""),
        text=" ".join(said),
    )


def _shared(heard: _AlignmentInputs, taken: Sequence[LineReading]) -> dict[tuple[str, str], float]:
    """Seconds that each speaker talks during lines of each character, surer readings counting
    more.
    """
    seconds: dict[tuple[str, str], float] = {}
    for take in taken:
        character = heard.script.lines[take.candidate.line].character
        for speaker, shared in heard.voices.measure_seconds(
            takes.measure_span(heard.words, take)
        ).items():
            pair = (speaker, character)
            seconds[pair] = seconds.get(pair, 0.0) + shared * take.candidate.coverage
    return seconds


def _gaps(heard: _AlignmentInputs, cues: Mapping[int, Cue], names: Mapping[str, str]) -> list[_Gap]:
    """Runs of lines without a cue, each with the unclaimed speech between the cues before and after
    it.
    """
    free = turn_alignment.subtract_spans(
        heard.voices.speech,
        [claim for cue in cues.values() for claim in _claims(cue, heard, names)],
    )
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
            if s.start >= after - turn_alignment.JOIN_SAMPLES
            and (before is None or s.start < before + turn_alignment.JOIN_SAMPLES)
        ]
        if between:
            gaps.append(_Gap(lines=run, speech=between))
    return gaps


def _claims(cue: Cue, heard: _AlignmentInputs, names: Mapping[str, str]) -> list[tuple[int, int]]:
    """What a cue takes of the speech: all of it, but not another's time where its own voice is
    known to lie under.
    """
    claims = []
    last = cue.start
    for one in find_touching(heard.voices.speech, cue.start, cue.end):
        span = (max(one.start, cue.start), min(one.end, cue.end))
        other = one.speaker in names and names[one.speaker] != cue.character
        if other and heard.voices.measure_samples_under(span, cue.character, names) > MOSTLY * (
            span[1] - span[0]
        ):
            claims.append((last, span[0]))
            last = span[1]
    return [*claims, (last, cue.end)]


def _placed(script: ScriptTokens, gap: _Gap, names: Mapping[str, str] | None) -> dict[int, Cue]:
    """Cues for a gap's lines by order, duration and speaker."""
    parts = [
        turn_alignment.ExpectedLine(
            character=line.character, seconds=turn_alignment.estimate_seconds(len(line.text))
        )
        for line in (script.lines[i] for i in gap.lines)
    ]
    matches, _ = turn_alignment.match_lines(parts, gap.speech, names=names)
    swapped = {
        i for a, b in itertools.pairwise(matches) if a.turn > b.turn for i in (a.line, b.line)
    }
    cues = {}
    for found in matches:
        order = (
            "by voice and length, out of the script's order"
            if found.line in swapped
            else "by order, duration and voice"
        )
        start, end = gap.speech[found.turn].start, gap.speech[found.turn_end - 1].end
        total = sum(part.seconds for part in parts[found.line : found.line_end])
        for part, i in zip(
            parts[found.line : found.line_end], gap.lines[found.line : found.line_end], strict=True
        ):
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


def _new_cue(
    line: Line, span: tuple[int, int], *, confidence: float, reasons: str, speaker: str = ""
) -> Cue:
    return Cue(
        line_id=line.line_id,
        recording_id="",
        character=line.character,
        start=span[0],
        end=span[1],
        text=line.text,
        performance=line.performance,
        status="missing" if span[0] < 0 else cue_confidence.choose_status(confidence),
        confidence=confidence,
        reasons=reasons,
        speaker=speaker,
    )


def _missing(line: Line) -> Cue:
    return _new_cue(line, (-1, -1), confidence=0.0, reasons="not found in the recordings")


def assign_recording(cue: Cue, recordings: Sequence[Recording]) -> Cue:
    """The cue with the recording that it begins in."""
    for recording in recordings:
        if recording.offset_samples <= cue.start < recording.offset_samples + recording.samples:
            return replace(cue, recording_id=recording.recording_id)
    return cue
