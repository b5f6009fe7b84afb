# SPDX-License-Identifier: Apache-2.0
"""What the listening benchmark takes for true: folders as people make them, their mistakes, and the
measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import listening_measures as measures
from benchmarks import listening_truth as truth
from manifests.errors import InputError
from manifests.rows import Cue
from manifests.timebase import MASTER_HZ
from pipeline.speech.turns import SpeakerSpan


def _folder(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        stem, _, kind = name.rpartition("_")
        (folder / f"{stem}.{kind}").write_text(text)
    return folder


def test_a_folder_as_people_make_it_is_read_whole(tmp_path: Path) -> None:
    _folder(
        tmp_path,
        a_wav="",
        a_rttm="; made by hand\nSPKR-INFO a 1 <NA> <NA> <NA> unknown x <NA> <NA>\n"
        "SPEAKER a 1 0.50 1.25 <NA> <NA> Anna <NA> <NA>\n"
        "SPEAKER a 1 1.5 1 <NA> <NA> Ben <NA> <NA>\n",
        a_csv="\ufeffSpeaker,Text,Start,End,Notes\nANNA,Hello.,0.5,0:01.75,loud\n"
        "BEN,Never said.,,,\n",
        alone_wav="",
    )
    known, left_out = truth.read_folder(tmp_path)
    assert [one.sound.name for one in known] == ["a.wav"]
    assert [(span.start, span.end, span.speaker) for span in known[0].turns] == [
        (24_000, 84_000, 0),
        (72_000, 120_000, 1),
    ]
    assert [(t.line.character, t.line.text, t.start, t.end) for t in known[0].sheet] == [
        ("ANNA", "Hello.", 24_000, 84_000),
        ("BEN", "Never said.", -1, -1),
    ]
    assert left_out == ["alone.wav: left out, there is no alone.rttm"]


def test_all_mistakes_of_a_folder_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    _folder(
        tmp_path,
        a_wav="",
        a_rttm="SPEAKER a 1 soon 1 <NA> <NA> A <NA> <NA>\n"
        "SPEAKER a 1 1 -2 <NA> <NA> A <NA> <NA>\nwhat\n",
        a_csv="character,text,start,end\nA,Hello.,two,3\nB,,1,2\nC,Late.,3,2\nD,Half.,,2\n",
        b_wav="",
        b_rttm="SPEAKER b 1 1 1 <NA> <NA> A <NA> <NA>\n",
        b_csv="who,text,begin,end\nA,Hello.,1,2\n",
        c_rttm="SPEAKER c 1 1 1 <NA> <NA> A <NA> <NA>\n",
    )
    with pytest.raises(InputError) as caught:
        truth.read_folder(tmp_path)
    places = [str(problem).partition(":")[0] for problem in caught.value.problems]
    assert places == [
        *(f"a.rttm, line {line}" for line in (1, 2, 3)),
        "a.csv, row 2, column start",
        "a.csv, row 3",
        "a.csv, row 4, column end",
        "a.csv, row 5, column end",
        "b.csv, column character",
        "b.csv, column start",
        "c.rttm",
    ]


def test_truth_is_read_as_other_tools_write_it(tmp_path: Path) -> None:
    """Names with spaces, several recordings in one file, turns of no length, spreadsheets with
    semicolons, files of a Mac."""
    (tmp_path / "Take 1.WAV").write_text("")
    (tmp_path / "Take 1.mp4").write_text("")
    (tmp_path / "._Take 1.rttm").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "Take 1.rttm").write_text(
        "SPEAKER Take 1 1 2.0 1.5 <NA> <NA> Speaker 1 <NA> <NA>\r\n"
        "speaker\tTake 1\t1\t4.0\t0.0\t<NA>\t<NA>\tSpeaker 2\t0.97\t<NA>\r\n"
        "SPEAKER Take 1 1 5.0 1.0 <NA> <NA> Speaker 2\r\n"
        "SPEAKER Take 2 1 0.0 9.0 <NA> <NA> Speaker 3 <NA> <NA>\r\n"
        "SPEAKER Take_1x 1 0.0 9.0 speech unknown X\r\n"
    )
    (tmp_path / "Take 1.CSV").write_text(
        'character;speaker;text;start_time;end_time\nANNA;S1;"Yes; I do.";2,0;3,5\n;;;;\n'
    )
    known, left_out = truth.read_folder(tmp_path)
    second = MASTER_HZ
    assert not left_out
    assert known[0].sound.name == "Take 1.WAV"
    assert [(span.start, span.end, span.speaker) for span in known[0].turns] == [
        (2 * second, round(3.5 * second), 0),
        (5 * second, 6 * second, 1),
    ]
    assert [(one.line.character, one.line.text, one.start, one.end) for one in known[0].sheet] == [
        ("ANNA", "Yes; I do.", 2 * second, round(3.5 * second))
    ]


@pytest.mark.parametrize("kind", ["rttm", "csv"])
def test_truth_that_is_no_text_is_one_clear_problem(tmp_path: Path, kind: str) -> None:
    _folder(tmp_path, a_wav="", a_rttm="SPEAKER a 1 1 1 <NA> <NA> A <NA> <NA>\n")
    (tmp_path / f"a.{kind}").write_text(
        "SPEAKER a 1 1 1 <NA> <NA> \xc4nna <NA> <NA>\n", encoding="utf-16"
    )
    with pytest.raises(InputError, match=rf"a\.{kind}, line 1: this is not UTF-8 text"):
        truth.read_folder(tmp_path)


def test_what_is_true_after_the_end_of_an_excerpt_is_left_out_and_told(tmp_path: Path) -> None:
    _folder(
        tmp_path,
        a_wav="",
        a_rttm="SPEAKER a 1 1 9 <NA> <NA> A <NA> <NA>\nSPEAKER a 1 20 1 <NA> <NA> B <NA> <NA>\n",
        a_csv="character,text,start,end\nA,One.,1,2\nB,Two.,20,21\nC,Three.,,\n",
    )
    (whole,), _ = truth.read_folder(tmp_path)
    known, left_out = truth.cut_to_recording(whole, 5 * MASTER_HZ)
    assert [(turn.start, turn.end) for turn in known.turns] == [(MASTER_HZ, 5 * MASTER_HZ)]
    assert [one.line.text for one in known.sheet] == ["One.", "Three."]
    assert left_out == [
        "a.wav ends at 5.0 s: 1 turns after that left out",
        "a.wav ends at 5.0 s: 1 lines after that left out",
    ]
    with pytest.raises(InputError, match="no turn of its RTTM lies in this recording"):
        truth.cut_to_recording(whole, MASTER_HZ)


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_with_nothing_to_measure_says_what_it_wants(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "corpus"
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match=r"NAME\.wav \+ NAME\.rttm" if made else "no such folder"):
        truth.read_folder(folder)


def _cue(character: str, start: int, end: int) -> Cue:
    return Cue(
        line_id="L",
        recording_id="r",
        character=character,
        start=start,
        end=end,
        text="",
        performance="",
        status="matched",
        confidence=1.0,
    )


def test_where_two_lines_overlap_both_characters_have_to_be_on(tmp_path: Path) -> None:
    second = MASTER_HZ
    _folder(tmp_path, a_csv="character,text,start,end\nA,One.,0,2\nB,Two.,1,3\n")
    sheet = truth.read_sheet(tmp_path / "a.csv")
    whole = [_cue("A", 0, 2 * second), _cue("B", second, 3 * second)]
    half = [_cue("A", 0, 2 * second), _cue("B", 2 * second, 3 * second)]
    assert measures.measure_right_share(whole, sheet) == 1
    assert measures.measure_right_share(half, sheet) == 0.75
    found, starts, ends = measures.measure_line_errors(half, sheet)
    assert (found, starts, ends) == (0.5, [0.0], [0.0])


def test_the_diarization_error_is_pyannotes_with_names_that_do_not_matter() -> None:
    def spans(*found: tuple[float, float, int]) -> list[SpeakerSpan]:
        return [
            SpeakerSpan(
                start=round(a * MASTER_HZ), end=round(b * MASTER_HZ), speaker=who, exclusive=False
            )
            for a, b, who in found
        ]

    true = spans((0, 4, 0), (5, 9, 1))
    assert measures.measure_diarization_error(true, spans((0.1, 4, 7), (5, 9, 3))) == 0
    assert measures.measure_diarization_error(true, spans((0, 4, 0), (5, 9, 0))) == pytest.approx(
        0.5, abs=0.01
    )
