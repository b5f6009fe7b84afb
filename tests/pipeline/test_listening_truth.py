# SPDX-License-Identifier: Apache-2.0
"""What the listening benchmark takes for true: folders as people make them, their mistakes, and the measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import listening_truth as truth
from manifests.errors import InputError
from manifests.rows import Cue
from manifests.timebase import MASTER_HZ
from pipeline.turns import SpeakerSpan


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
        "SPEAKER a 1 0.50 1.25 <NA> <NA> Anna <NA> <NA>\nSPEAKER a 1 1.5 1 <NA> <NA> Ben <NA> <NA>\n",
        a_csv="\ufeffSpeaker,Text,Start,End,Notes\nANNA,Hello.,0.5,0:01.75,loud\nBEN,Never said.,,,\n",
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
        a_rttm="SPEAKER a 1 soon 1 <NA> <NA> A <NA> <NA>\nSPEAKER a 1 1 -2 <NA> <NA> A <NA> <NA>\nwhat\n",
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
        "a.csv, row 2, column start", "a.csv, row 3", "a.csv, row 4, column end", "a.csv, row 5, column end",
        "b.csv, column character", "b.csv, column start", "c.rttm",
    ]  # fmt: skip


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_with_nothing_to_measure_says_what_it_wants(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "corpus"
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match=r"NAME\.wav \+ NAME\.rttm" if made else "no such folder"):
        truth.read_folder(folder)


def _cue(character: str, start: int, end: int) -> Cue:
    return Cue(
        line_id="L", recording_id="r", character=character, start=start, end=end, text="", performance="",
        status="matched", confidence=1.0,
    )  # fmt: skip


def test_where_two_lines_overlap_both_characters_have_to_be_on(tmp_path: Path) -> None:
    second = MASTER_HZ
    _folder(tmp_path, a_csv="character,text,start,end\nA,One.,0,2\nB,Two.,1,3\n")
    sheet = truth.read_sheet(tmp_path / "a.csv")
    whole = [_cue("A", 0, 2 * second), _cue("B", second, 3 * second)]
    half = [_cue("A", 0, 2 * second), _cue("B", 2 * second, 3 * second)]
    assert truth.right_share(whole, sheet) == 1
    assert truth.right_share(half, sheet) == 0.75
    found, starts, ends = truth.line_errors(half, sheet)
    assert (found, starts, ends) == (0.5, [0.0], [0.0])


def test_the_diarization_error_is_pyannotes_with_names_that_do_not_matter() -> None:
    def spans(*found: tuple[float, float, int]) -> list[SpeakerSpan]:
        return [
            SpeakerSpan(start=round(a * MASTER_HZ), end=round(b * MASTER_HZ), speaker=who, exclusive=False)
            for a, b, who in found
        ]

    true = spans((0, 4, 0), (5, 9, 1))
    assert truth.diarization_error(true, spans((0.1, 4, 7), (5, 9, 3))) == 0
    assert truth.diarization_error(true, spans((0, 4, 0), (5, 9, 0))) == pytest.approx(0.5, abs=0.01)
