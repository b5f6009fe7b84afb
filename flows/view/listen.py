# SPDX-License-Identifier: Apache-2.0
"""Show who says which line when and what to check by ear, and write the sheet of corrections."""

from __future__ import annotations

from pathlib import Path

from flows import corrections, listening
from flows.corrections import CorrectedCues
from flows.cut import listen_and_cut
from flows.inputs import read_inputs
from flows.project import Project, open_project
from flows.view.screen import DONE, print_table, say, say_json, shorten_path
from manifests.rows import Cue
from manifests.timebase import MASTER_HZ, format_clock
from pipeline.speech import transcribe
from pipeline.speech.turns import format_rttm as turns_as_rttm


def show_listening(folder: Path, *, out: Path | None, as_json: bool) -> int:
    """Listen, print who says which line when, and write cues.csv and the turns as RTTM."""
    project = open_project(folder, out)
    current_cut = listen_and_cut(project, read_inputs(project))
    cues = current_cut.corrected
    sheet = corrections.export_sheet(project.root, cues)
    rttm = sheet.with_name("turns.rttm")
    rttm.write_text(turns_as_rttm(current_cut.turns, uri=project.production.episode))
    if as_json:
        say_json(
            {
                "cues": cues.cues,
                "left_over": cues.found.unscripted,
                "sheet": sheet,
                "rttm": rttm,
                "notes": list_notes(project),
                **list_conflicts(cues),
            }
        )
    else:
        _show_cues(cues, sheet, rttm)
        for line in list_notes(project):
            say(line)
    return DONE


def _show_cues(cues: CorrectedCues, sheet: Path, rttm: Path) -> None:
    columns = ("line", "character", "starts", "ends", "status", "confidence", "text")
    print_table(columns, [_describe_cue(cue) for cue in cues.cues])
    for stretch in cues.found.unscripted:
        start, end = (format_clock(at / MASTER_HZ) for at in (stretch.start, stretch.end))
        who = stretch.character or stretch.speaker
        say(f"unused speech: {start} to {end}, {who}: {stretch.text}")
    for cue in cues.unsure_cues:
        say(f"check by ear: {cue.line_id} {cue.character}: {cue.text[:60]} ({cue.reasons})")
    for line in format_conflicts(cues):
        say(line)
    say(f"Edit {shorten_path(sheet)}; the next plan applies your changes.")
    say(f"Speaker turns: {shorten_path(rttm)}")


def _describe_cue(cue: Cue) -> tuple[str, ...]:
    found = cue.start >= 0
    return (
        cue.line_id,
        cue.character,
        format_clock(cue.start / MASTER_HZ) if found else "-",
        format_clock(cue.end / MASTER_HZ) if found else "-",
        cue.status,
        f"{cue.confidence:.2f}",
        cue.text[:40],
    )


def format_conflicts(cues: CorrectedCues) -> list[str]:
    """Format the decisions that could not be applied, one line each."""
    titles = {"no longer fits": "no longer fits", "decided otherwise since": "newer decision"}
    return [
        f"{titles[kind]}: {line}" for kind, lines in list_conflicts(cues).items() for line in lines
    ]


def list_notes(project: Project) -> list[str]:
    """List what people must know about how this production is listened to."""
    note = transcribe.describe_unknown_language(listening.resolve_word_settings(project))
    return [note] if note else []


def list_conflicts(cues: CorrectedCues) -> dict[str, list[str]]:
    """List the decisions that could not be applied, by kind."""
    return {
        "no longer fits": cues.unfit,
        "decided otherwise since": [str(conflict) for conflict in cues.conflicts],
    }
