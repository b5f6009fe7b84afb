# SPDX-License-Identifier: Apache-2.0
"""Run the verbs about this machine: doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, TOOL_FAILED, print_table, say, say_json

app = group()


Production = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PRODUCTION]", help="also check a production's inputs, folders and storage"
    ),
]
Deep = Annotated[bool, typer.Option("--deep", help="also start Ray and Prefect (takes a minute)")]


@app.command()
def doctor(folder: Production = None, deep: Deep = False, as_json: Json = False) -> int:
    """Check Python, ffmpeg, weights, engines, disk and clock, and suggest fixes."""
    from flows.doctor.examine import examine_machine

    findings = examine_machine(folder, deep=deep)
    if as_json:
        say_json(findings)
    else:
        print_table(("check", "state", "finding"), [(f.name, f.state, f.finding) for f in findings])
        for finding in findings:
            if finding.mend:
                say(f"{finding.name}: {finding.mend}")
    return TOOL_FAILED if any(finding.state == "fail" for finding in findings) else DONE
