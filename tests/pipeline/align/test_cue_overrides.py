# SPDX-License-Identifier: Apache-2.0
"""The cue sheet goes out, comes back changed, and the changes become decisions that hold."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from manifests.timebase import MASTER_HZ
from pipeline.align import cue_overrides
from pipeline.align.align import Alignment, AlignmentHints, align_script
from pipeline.align.cue_overrides import CueOverride
from pipeline.script import tables
from tests.pipeline.align.test_align import SCRIPT, VOICES, Stage, _lines

FRIDAY, SATURDAY, SUNDAY = "2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z"
CHARACTERS = ("MARA", "HENRIK", "NADIA")


def _stage() -> Stage:
    stage = Stage()
    for i in (0, 1, 2, 3, 2, 3, 4, 5, 6):  # lines 2 and 3 twice, line 7 never
        who, text = SCRIPT[i]
        stage.say(VOICES[who], text)
    return stage


def _found(circled: dict[str, int] | None = None, *, lines: int = 8) -> Alignment:
    stage = _stage()
    known = AlignmentHints(circled=circled or {})
    return align_script(
        _lines(SCRIPT[:lines]),
        stage.turns,
        stage.words,
        recordings=[stage.recording()],
        hints=known,
    )


@pytest.fixture
def edit(tmp_path: Path) -> Callable[..., list[CueOverride]]:
    """Export, change cells as a spreadsheet would, read the changes back."""

    def edited(cells: dict[tuple[str, str], str], *, at: str = SATURDAY) -> list[CueOverride]:
        path = tmp_path / "cues.csv"
        path.write_text(cue_overrides.export(_found(), at=at), encoding="utf-8")
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row.update(
                {name: text for (line, name), text in cells.items() if line == row["line_id"]}
            )
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        table = tables.read(path, needed=cue_overrides.COLUMNS, known=cue_overrides.COLUMNS)
        return cue_overrides.read_changes(table, characters=CHARACTERS)

    return edited


def test_an_untouched_sheet_changes_nothing(edit: Callable[..., list[CueOverride]]) -> None:
    assert edit({}) == []


def test_a_spreadsheet_that_drops_zeros_and_writes_minutes_changes_nothing(
    edit: Callable[..., list[CueOverride]],
) -> None:
    cue = _found().cues[0]
    exact = f"{cue.start / MASTER_HZ:.3f}"
    assert (
        edit(
            {
                ("L0", "start"): exact.rstrip("0").rstrip("."),
                ("L0", "end"): f"0:{cue.end / MASTER_HZ:06.3f}",
            }
        )
        == []
    )


def test_changed_cells_become_decisions_that_are_applied(
    edit: Callable[..., list[CueOverride]],
) -> None:
    cells = {
        ("L0", "start"): "0:00.5",
        ("L1", "character"): "nadia",
        ("L4", "ignore"): "Yes",
        ("L7", "start"): "30",
        ("L7", "end"): "31.5",
    }
    applied = cue_overrides.apply(_found(), edit(cells))
    assert applied.unfit == []
    cues = {cue.line_id: cue for cue in applied.cues}
    assert (cues["L0"].start, cues["L0"].status, cues["L0"].confidence) == (24_000, "matched", 1.0)
    assert cues["L1"].character == "NADIA"
    assert (cues["L4"].status, cues["L4"].reasons) == ("missing", "ignored by hand")
    assert (cues["L7"].start, cues["L7"].end) == (30 * MASTER_HZ, round(31.5 * MASTER_HZ))
    assert cues["L5"] == _found().cues[5]


def test_a_circled_take_is_used(edit: Callable[..., list[CueOverride]]) -> None:
    decided = edit({("L2", "take"): "1"})
    circled = cue_overrides.select_circled_takes(decided)
    assert circled == {"L2": 1}
    first, last = _found(circled).cues[2], _found().cues[2]
    assert first.start < last.start
    assert "take 1 of 2" in first.reasons


def test_a_newer_decision_is_not_overwritten_by_an_older_sheet(
    edit: Callable[..., list[CueOverride]],
) -> None:
    change = edit({("L0", "start"): "0.5", ("L1", "character"): "NADIA"}, at=SATURDAY)
    newer = CueOverride(line_id="L0", field="start", value="48000", at=SUNDAY)
    older = CueOverride(line_id="L1", field="character", value="MARA", at=FRIDAY)
    fresh, conflicts = cue_overrides.separate_conflicts(change, [newer, older])
    assert [(one.line_id, one.value) for one in fresh] == [("L1", "NADIA")]
    assert [str(one) for one in conflicts] == [
        f"L0, start: the sheet says 0.500 s, but 1.000 s was decided at {SUNDAY}"
    ]
    assert cue_overrides.separate_conflicts(change, [*change, newer])[1] == conflicts


def test_decisions_survive_a_script_edit_and_those_that_no_longer_fit_are_named() -> None:
    decided = [
        CueOverride(line_id="L1", field="start", value="96000", at=FRIDAY),
        CueOverride(line_id="L7", field="ignore", value="yes", at=FRIDAY),
        CueOverride(line_id="L2", field="take", value="5", at=FRIDAY),
        CueOverride(line_id="L3", field="end", value="0", at=FRIDAY),
    ]
    applied = cue_overrides.apply(_found(lines=7), decided)
    assert applied.cues[1].start == 96_000
    assert [text.split(":")[0] for text in applied.unfit] == ["L7", "L2", "L3"]


def test_a_line_moved_by_hand_takes_its_words_and_its_recording_along() -> None:
    recording = _stage().recording()
    second = replace(
        recording, recording_id="second", offset_samples=recording.samples, samples=60 * MASTER_HZ
    )
    found = _found()
    whole = json.loads(found.cues[0].words)
    trimmed, elsewhere = whole[0][1] + 480, recording.samples + MASTER_HZ
    decided = [
        CueOverride(line_id="L0", field="start", value=str(trimmed), at=FRIDAY),
        *(
            CueOverride(line_id=line, field=field, value=str(elsewhere + extra), at=FRIDAY)
            for line in ("L1", "L7")
            for field, extra in (("start", 0), ("end", MASTER_HZ))
        ),
        CueOverride(line_id="L2", field="character", value="NADIA", at=FRIDAY),
    ]
    applied = cue_overrides.apply(found, decided, recordings=[recording, second])
    assert applied.unfit == []
    cues = {cue.line_id: cue for cue in applied.cues}
    assert json.loads(cues["L0"].words) == [[whole[0][0], trimmed, whole[0][2]], *whole[1:]]
    assert cues["L0"].recording_id == recording.recording_id
    assert {(cues[line].recording_id, cues[line].words) for line in ("L1", "L7")} == {
        ("second", "[]")
    }
    assert cues["L2"].words == found.cues[2].words


def test_a_time_after_the_end_of_the_recordings_is_reported_and_not_applied() -> None:
    recording = _stage().recording()
    ends = recording.samples

    def moved(start: int, end: int) -> cue_overrides.AppliedOverrides:
        times = (("start", start), ("end", end))
        decided = [
            CueOverride(line_id="L6", field=name, value=str(value), at=FRIDAY)
            for name, value in times
        ]
        return cue_overrides.apply(_found(), decided, recordings=[recording])

    assert moved(ends - 4800, ends + 4800).cues[6].end == ends
    for late in (moved(ends - 4800, ends + 2 * MASTER_HZ), moved(ends, ends + 4800)):
        assert late.cues == _found().cues
        assert f"but the recordings end at {ends / MASTER_HZ:.3f} s" in late.unfit[0]


def test_the_latest_decision_counts_and_clearing_a_cell_takes_one_back() -> None:
    first = CueOverride(line_id="L1", field="start", value="96000", at=FRIDAY)
    second = CueOverride(line_id="L1", field="start", value="", at=SATURDAY)
    assert cue_overrides.apply(_found(), [second, first]).cues == _found().cues


def test_every_cell_that_makes_no_sense_is_named(edit: Callable[..., list[CueOverride]]) -> None:
    cells = {
        ("L0", "start"): "soon",
        ("L1", "character"): "HENRICK",
        ("L2", "take"): "last",
        ("L3", "ignore"): "maybe",
        ("L4", "exported"): "",
    }
    with pytest.raises(InputError) as caught:
        edit(cells)
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    assert "cues.csv, row 2, column start" in text
    assert "did you mean 'HENRIK'" in text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20))
def test_no_text_of_a_script_becomes_a_formula(text: str) -> None:
    stage = Stage()
    found = align_script(_lines((("=cmd()", text),)), [], [], recordings=[stage.recording()])
    rows = list(csv.reader(cue_overrides.export(found, at=FRIDAY).splitlines(keepends=True)))
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@"))]


def test_a_decision_goes_through_an_event_unharmed() -> None:
    one = CueOverride(line_id="L1", field="take", value="2", at=FRIDAY)
    assert CueOverride(**one.to_detail()) == one
