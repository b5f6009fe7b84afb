# SPDX-License-Identifier: Apache-2.0
"""Lines meet what was heard: in order or not, spoken twice or never, misheard, or without any words
at all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline.align import align

SCRIPT = (
    ("MARA", "There is a boat beyond the reef, and nobody sees it."),
    ("HENRIK", "Half my life I have kept this light."),
    ("MARA", "Nobody sails in this weather."),
    ("NADIA", "The board has decided to close the harbor."),
    ("HENRIK", "Satellites do not see the rocks."),
    ("NADIA", "Every ship has satellites now, old man."),
    ("MARA", "He came to fetch his mother."),
    ("HENRIK", "Stand back from the lever!"),
)


def _lines(script: Sequence[tuple[str, str]] = SCRIPT) -> list[Line]:
    return [
        Line(line_id=f"L{i}", order=i, scene="1", character=who, text=text)
        for i, (who, text) in enumerate(script)
    ]


class Stage:
    """Somebody speaks, and a recogniser and a diarization hear it."""

    def __init__(self) -> None:
        self.now = MASTER_HZ
        self.words: list[Word] = []
        self.turns: list[Turn] = []
        self.spans: list[tuple[int, int]] = []

    def say(self, voice: str, text: str, *, heard: str | None = None) -> None:
        """`text` at four words a second and half a second of pause; the recogniser writes `heard`
        (words in the same places)."""
        start = self.now
        for word in (text if heard is None else heard).split():
            self.words.append(
                Word(
                    transcript_id="t",
                    recording_id="r",
                    start=self.now,
                    end=self.now + MASTER_HZ // 4,
                    text=word,
                    probability=0.9,
                )
            )
            self.now += MASTER_HZ // 4
        self.now = start + len(text.split()) * MASTER_HZ // 4
        for exclusive in (True, False):
            self.turns.append(
                Turn(
                    diarization_id="d",
                    recording_id="r",
                    start=start,
                    end=self.now,
                    speaker=voice,
                    exclusive=exclusive,
                )
            )
        self.spans.append((start, self.now))
        self.now += MASTER_HZ // 2

    def cues(self, script: Sequence[tuple[str, str]] = SCRIPT, *, words: bool = True) -> list[Cue]:
        """What the matching makes of it."""
        return align.align_cues(
            _lines(script), self.turns, self.words if words else [], recordings=[self.recording()]
        )

    def recording(self) -> Recording:
        """The one recording of it all."""
        return Recording(
            recording_id="r",
            source="r.wav",
            source_digest="",
            order=0,
            offset_samples=0,
            samples=self.now + MASTER_HZ,
            master_path="",
            analysis_path="",
            source_hz=48_000,
            source_channels=1,
            peak_dbfs=-3.0,
            rms_dbfs=-20.0,
            clipped_samples=0,
            dc_offset=0.0,
        )


VOICES = {"MARA": "A", "HENRIK": "B", "NADIA": "C"}


def _spoken(order: Sequence[int]) -> Stage:
    stage = Stage()
    for i in order:
        who, text = SCRIPT[i]
        stage.say(VOICES[who], text)
    return stage


def _is_at(cue: Cue, span: tuple[int, int]) -> bool:
    return abs(cue.start - span[0]) < MASTER_HZ // 10 and abs(cue.end - span[1]) < MASTER_HZ // 10


def test_lines_spoken_as_written_are_all_matched_where_they_are_spoken() -> None:
    stage = _spoken(range(8))
    cues = stage.cues()
    assert all(_is_at(cue, span) for cue, span in zip(cues, stage.spans, strict=True))
    assert {cue.status for cue in cues} == {"matched"}
    assert {cue.recording_id for cue in cues} == {"r"}
    assert [cue.speaker for cue in cues] == [VOICES[who] for who, _ in SCRIPT]


@given(skipped=st.sets(st.integers(0, 7), max_size=4))
def test_lines_that_are_left_out_are_missing_and_the_others_stay(skipped: set[int]) -> None:
    order = [i for i in range(8) if i not in skipped]
    stage = _spoken(order)
    cues = stage.cues()
    spans = dict(zip(order, stage.spans, strict=True))
    for i, cue in enumerate(cues):
        if i in skipped:
            assert (cue.status, cue.start, cue.end) == ("missing", -1, -1)
        else:
            assert _is_at(cue, spans[i])


@given(place=st.integers(0, 6))
def test_two_lines_that_change_places_are_both_found(place: int) -> None:
    order = list(range(8))
    order[place], order[place + 1] = order[place + 1], order[place]
    stage = _spoken(order)
    spans = dict(zip(order, stage.spans, strict=True))
    assert all(_is_at(cue, spans[i]) for i, cue in enumerate(stage.cues()))


@given(start=st.integers(0, 7), count=st.integers(1, 8))
def test_after_a_retake_the_last_take_counts(start: int, count: int) -> None:
    again = list(range(start, min(8, start + count)))
    order = [*range(again[-1] + 1), *again, *range(again[-1] + 1, 8)]
    stage = _spoken(order)
    last = dict(zip(order, stage.spans, strict=True))
    cues = stage.cues()
    assert all(_is_at(cue, last[i]) for i, cue in enumerate(cues))
    assert all("take 2 of 2" in cues[i].reasons for i in again)


def test_words_that_are_not_in_the_script_disturb_nobody() -> None:
    stage = Stage()
    kept = []
    for i, (who, text) in enumerate(SCRIPT):
        stage.say(VOICES[who], text)
        kept.append(stage.spans[-1])
        if i % 3 == 0:
            stage.say(VOICES[who], "Sorry, can we take that one again please?")
    assert all(_is_at(cue, span) for cue, span in zip(stage.cues(), kept, strict=True))


def test_misheard_words_still_find_their_line() -> None:
    stage = Stage()
    heard = {
        1: "Have my live I of kept this like.",
        4: "Satellite do not sea the rox.",
        6: "He came too fetch is other.",
    }
    for i, (who, text) in enumerate(SCRIPT):
        stage.say(VOICES[who], text, heard=heard.get(i))
    cues = stage.cues()
    assert all(_is_at(cue, span) for cue, span in zip(cues, stage.spans, strict=True))
    assert cues[1].confidence < cues[0].confidence


def test_a_line_in_the_wrong_voice_needs_an_ear() -> None:
    stage = Stage()
    for i, (who, text) in enumerate(SCRIPT):
        stage.say("A" if i == 3 else VOICES[who], text)
    cues = stage.cues()
    assert [cue.status for cue in cues] == ["doubtful" if i == 3 else "matched" for i in range(8)]
    assert "NADIA's voice" in cues[3].reasons


def test_a_line_nobody_recognised_is_placed_by_its_voice_and_length() -> None:
    stage = Stage()
    for i, (who, text) in enumerate(SCRIPT):
        stage.say(VOICES[who], text, heard="" if i == 4 else None)
    cue = stage.cues()[4]
    assert _is_at(cue, stage.spans[4])
    assert "words not recognised" in cue.reasons


def test_numbers_and_abbreviations_meet_what_is_spoken() -> None:
    script = (
        ("MARA", "Dr. Reyes left in 1998."),
        ("HENRIK", "It cost me $250 on the 3rd day."),
        ("MARA", "Meet me at 7:30 at 42 Harbor Road."),
    )
    stage = Stage()
    stage.say("A", "doctor reyes left in nineteen ninety eight")
    stage.say("B", "it cost me two hundred fifty dollars on the third day")
    stage.say("A", "meet me at seven thirty at forty two harbor road")
    cues = stage.cues(script)
    assert all(_is_at(cue, span) for cue, span in zip(cues, stage.spans, strict=True))
    assert all(cue.confidence > 0.95 for cue in cues)
    written = [text for text, _, _ in json.loads(cues[1].words)]
    assert written == script[1][1].split()


def test_words_of_a_cue_are_the_written_ones_in_order_within_the_line() -> None:
    stage = Stage()
    for i, (who, text) in enumerate(SCRIPT):
        stage.say(VOICES[who], text, heard=text.replace("my life", "") if i == 1 else None)
    for cue, line in zip(stage.cues(), _lines(), strict=True):
        words = json.loads(cue.words)
        assert [text for text, _, _ in words] == line.text.split()
        assert all(start <= end for _, start, end in words)
        assert all(a[1] <= b[1] for a, b in itertools.pairwise(words))


def test_speech_that_is_no_line_is_told_with_its_words_and_voice() -> None:
    stage = Stage()
    for i, (who, text) in enumerate(SCRIPT):
        stage.say(VOICES[who], text)
        if i == 2:
            stage.say("C", "Okay, that was terrible. One more.")
    found = align.align_script(_lines(), stage.turns, stage.words, recordings=[stage.recording()])
    (left,) = found.unscripted
    assert (left.character, left.text) == ("NADIA", "Okay, that was terrible. One more.")
    assert (left.start, left.end) == stage.spans[3]
    assert found.names == {voice: who for who, voice in VOICES.items()}


def test_a_file_named_for_a_line_holds_that_line_only() -> None:
    stage = Stage()
    stage.say("A", "yes of course I will")
    stage.say("A", "yes of course I will")
    first = replace(
        stage.recording(), recording_id="first", source="takes/L1.wav", samples=5 * MASTER_HZ // 2
    )
    second = replace(
        first, recording_id="second", source="takes/L0.wav", offset_samples=5 * MASTER_HZ // 2
    )
    words = [
        replace(word, recording_id="first" if word.start < first.samples else "second")
        for word in stage.words
    ]
    script = (("MARA", "Yes, of course I will."), ("MARA", "Yes, of course I will."))
    cues = align.align_cues(_lines(script), stage.turns, words, recordings=[first, second])
    assert [cue.recording_id for cue in cues] == ["second", "first"]


def test_an_actors_own_track_is_searched_for_that_actors_lines_only() -> None:
    stage = _spoken(range(8))
    tracks = [
        replace(stage.recording(), recording_id=who, source=f"{who.lower()}.flac") for who in VOICES
    ]
    words = [  # every microphone hears everybody a little: all words stand on all tracks
        replace(word, recording_id=track.recording_id) for word in stage.words for track in tracks
    ]
    cues = align.align_cues(_lines(), stage.turns, words, recordings=tracks)
    assert all(_is_at(cue, span) for cue, span in zip(cues, stage.spans, strict=True))
    assert {cue.status for cue in cues} == {"matched"}


def test_times_given_in_the_sheet_are_taken_as_they_are() -> None:
    stage = _spoken(range(8))
    lines = _lines()
    lines[3] = replace(lines[3], audio_file="r.wav", start_seconds=1.5, end_seconds=2.25)
    cue = align.align_cues(
        lines, stage.turns, stage.words, recordings=[replace(stage.recording(), offset_samples=30)]
    )[3]
    assert (cue.start, cue.end, cue.confidence) == (72_030, 108_030, 1.0)


def test_an_enrolled_voice_that_the_words_contradict_needs_an_ear() -> None:
    stage = _spoken(range(8))
    known = align.AlignmentHints(enrolled={"A": "MARA", "B": "NADIA", "C": "NADIA"})
    cues = align.align_cues(
        _lines(), stage.turns, stage.words, recordings=[stage.recording()], hints=known
    )
    assert {cue.status for cue in cues if cue.character == "HENRIK"} == {"doubtful"}
    assert {cue.status for cue in cues if cue.character == "MARA"} == {"matched"}


def test_without_words_order_length_and_voice_find_every_line() -> None:
    stage = _spoken(range(8))
    cues = stage.cues(words=False)
    assert all(_is_at(cue, span) for cue, span in zip(cues, stage.spans, strict=True))
    assert {cue.words for cue in cues} == {"[]"}


@given(place=st.integers(0, 6))
def test_without_words_two_voices_that_change_places_are_found_and_need_an_ear(place: int) -> None:
    order = list(range(8))
    order[place], order[place + 1] = order[place + 1], order[place]
    stage = _spoken(order)
    spans = dict(zip(order, stage.spans, strict=True))
    cues = stage.cues(words=False)
    assert all(_is_at(cue, spans[i]) for i, cue in enumerate(cues))
    assert [cue.line_id for cue in cues if cue.status != "matched"] == [
        f"L{place}",
        f"L{place + 1}",
    ]
    assert "out of script order" in cues[place].reasons


def _under(stage: Stage, voice: str, start: int, end: int) -> None:
    """Somebody is heard under another's speech too."""
    stage.turns.append(
        replace(stage.turns[-1], speaker=voice, exclusive=False, start=start, end=end)
    )


def test_a_line_that_begins_under_the_end_of_another_begins_where_its_voice_does() -> None:
    stage = _spoken([0, 1])
    start, end = stage.spans[1]
    stage.now = end - MASTER_HZ // 2  # half a second early
    stage.say("A", SCRIPT[2][1], heard="x x in this weather")
    over = MASTER_HZ // 2
    stage.turns[-2:] = [replace(turn, start=end) for turn in stage.turns[-2:]]
    _under(stage, "A", end - over, end)
    cues = stage.cues(SCRIPT[:3])
    assert _is_at(cues[1], (start, end))
    assert _is_at(cues[2], (end - over, stage.spans[2][1]))


def test_a_short_line_that_lies_under_another_leaves_that_one_whole() -> None:
    script = (*SCRIPT[:3], ("NADIA", "Why not?"), ("MARA", "Come on."), *SCRIPT[3:])
    stage = _spoken([0, 1, 2])
    stage.say("C", "Why not?", heard="")
    start, end = stage.spans[-1]
    stage.words += [
        replace(stage.words[0], start=start + at, end=start + at + MASTER_HZ // 4, text=text)
        for at, text in ((MASTER_HZ // 16, "come"), (MASTER_HZ // 16 + MASTER_HZ // 4, "on"))
    ]
    _under(stage, "A", start + MASTER_HZ // 16, end)
    for i in range(3, 8):
        stage.say(VOICES[SCRIPT[i][0]], SCRIPT[i][1])
    cues = stage.cues(script)
    assert _is_at(cues[3], (start, end))
    assert _is_at(cues[4], (start, end))


@pytest.mark.parametrize("slip", ["stray", "squeezed"])
def test_a_word_whose_time_cannot_be_does_not_move_its_line(slip: str) -> None:
    stage = _spoken(range(8))
    first = next(i for i, word in enumerate(stage.words) if word.start == stage.spans[3][0])
    word = stage.words[first]
    early = word.start - MASTER_HZ // 3
    times = {"stray": (early, early + MASTER_HZ // 4), "squeezed": (early, early + 480)}[slip]
    stage.words[first] = replace(word, start=times[0], end=times[1])
    cues = stage.cues()
    assert _is_at(cues[3], stage.spans[3])
    assert cues[3].status == "matched"
    times_of_words = json.loads(cues[3].words)
    assert all(cues[3].start <= begin <= end <= cues[3].end for _, begin, end in times_of_words)


def test_half_a_line_in_its_place_and_voice_needs_no_ear_and_elsewhere_it_does() -> None:
    for voice, status in (("C", "matched"), ("A", "doubtful")):
        stage = _spoken(range(5))
        stage.say(voice, SCRIPT[5][1], heard="every ship has x x x x")
        for i in (6, 7):
            stage.say(VOICES[SCRIPT[i][0]], SCRIPT[i][1])
        assert stage.cues()[5].status == status


def test_a_word_or_two_tell_little_of_a_voice() -> None:
    script = (*SCRIPT, ("HENRIK", "Why not?"))
    stage = _spoken(range(8))
    stage.say("A", "Why not?")
    cue = stage.cues(script)[8]
    assert cue.status == "matched"
    assert "none in HENRIK's voice" in cue.reasons


def test_a_word_that_two_characters_say_in_turn_is_told_by_its_voice_however_short() -> None:
    script = (*SCRIPT, ("MARA", "Hello?"), ("HENRIK", "Hello?"))
    for voices, statuses in ((("A", "B"), ["matched"] * 2), (("B", "A"), ["doubtful"] * 2)):
        stage = _spoken(range(8))
        for voice in voices:
            stage.say(voice, "Hello?")
        assert [cue.status for cue in stage.cues(script)[8:]] == statuses


def test_nothing_heard_means_every_line_is_missing() -> None:
    assert {cue.status for cue in Stage().cues()} == {"missing"}
    assert align.align_cues([], [], [], recordings=[]) == []
