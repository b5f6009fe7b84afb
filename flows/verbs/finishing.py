# SPDX-License-Identifier: Apache-2.0
"""The verbs about finished films: take back a timeline from an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, say, say_json

app = group()

OF_THE_EDIT = ("picture against sound", "held frames")  # what an editor wants to know at once


@app.command()
def conform(
    folder: Folder,
    edited: Annotated[
        Path,
        typer.Argument(metavar="OTIO", help="timeline.otio of a version, changed by an editor"),
    ],
    out: Out = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="seconds to wait for a run that is at work")
    ] = 0.0,
    as_json: Json = False,
) -> int:
    """Make a version of an edited timeline: trims, slips, splits, another order, dissolves. Nothing
    is generated or graded again.
    """
    from flows.finishing.conforming import conform as make

    made = make(folder, edited, out=out, wait_seconds=wait)
    if as_json:
        say_json(made)
    else:
        say(
            f"{made.version.name}: {len(made.changed)} events changed, {len(made.removed)} shots removed"
        )
        for row in made.version.deliverables:
            say(f"  {row.profile:9} {made.version.folder.parent / row.path}")
        for check in made.version.checks:
            if check.verdict == "fail" or (check.verdict == "warn" and check.name in OF_THE_EDIT):
                say(
                    f"  {check.verdict}: {check.profile}: {check.name}: {check.value}; {check.advice}"
                )
    return SOME_FAILED if made.version.failed else DONE
