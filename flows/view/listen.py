# SPDX-License-Identifier: Apache-2.0
"""`listen`: who says which line when, what needs an ear, the sheet to correct it; for people and as
JSON.
"""

from __future__ import annotations

from pathlib import Path

from flows import corrections, listening
from flows.corrections import CorrectedCues
from flows.cut import listen_and_cut
from flows.inputs import read_inputs
from flows.project import Project, open_project
from flows.view.screen import DONE, print_table, say, say_json, shorten_path
from manifests.timebase import MASTER_HZ, format_clock
from pipeline.speech import transcribe
from pipeline.speech.turns import format_rttm as turns_as_rttm


def show_listening(folder: Path, *, out: Path | None, as_json: bool) -> int:
    """Listen, print who says which line when, write the sheet to correct it and the turns as
    RTTM.
    """
    project = open_project(folder, out)
    cutting = listen_and_cut(project, read_inputs(project))
    heard = cutting.corrected
    sheet = corrections.export_sheet(project.root, heard)
    rttm = sheet.with_name("turns.rttm")
    rttm.write_text(turns_as_rttm(cutting.turns, uri=project.production.episode))
    if as_json:
        say_json(
            {
                "cues": heard.cues,
                "left_over": heard.found.unscripted,
                "sheet": sheet,
                "rttm": rttm,
                "notes": list_notes(project),
                **list_conflicts(heard),
            }
        )
    else:
        _show_heard(heard, sheet, rttm)
        for said in list_notes(project):
            say(said)
    return DONE


def _show_heard(heard: CorrectedCues, sheet: Path, rttm: Path) -> None:
    rows = [
        (
            cue.line_id,
            cue.character,
            format_clock(cue.start / MASTER_HZ) if cue.start >= 0 else "-",
            format_clock(cue.end / MASTER_HZ) if cue.start >= 0 else "-",
            cue.status,
            f"{cue.confidence:.2f}",
            cue.text[:40],
        )
        for cue in heard.cues
    ]
    print_table(("line", "character", "starts", "ends", "status", "sure", "text"), rows)
    for stretch in heard.found.unscripted:
        span = (
            f"{format_clock(stretch.start / MASTER_HZ)} to {format_clock(stretch.end / MASTER_HZ)}"
        )
        say(f"not in the script: {span}, {stretch.character or stretch.speaker}: {stretch.text}")
    for cue in heard.unsure_cues:
        say(f"needs an ear: {cue.line_id} {cue.character}: {cue.text[:60]} ({cue.reasons})")
    for said in (
        f"{kind}: {one}" for kind, several in list_conflicts(heard).items() for one in several
    ):
        say(said)
    say(
        f"Correct start, end, character, take or ignore in {shorten_path(sheet)}; the next plan takes it in. Turns: {shorten_path(rttm)}"
    )


def list_notes(project: Project) -> list[str]:
    """What people must know of how this production is listened to."""
    deaf = transcribe.describe_unknown_language(listening.resolve_word_settings(project))
    return [deaf] if deaf else []


def list_conflicts(heard: CorrectedCues) -> dict[str, list[str]]:
    """Decisions that could not be applied."""
    return {
        "no longer fits": heard.unfit,
        "decided otherwise since": [str(one) for one in heard.conflicts],
    }
