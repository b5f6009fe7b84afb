# SPDX-License-Identifier: Apache-2.0
"""Run the verbs about finished films: conform a timeline that an editor changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, say, say_json
from manifests.plurals import count_nouns

if TYPE_CHECKING:
    from flows.finishing.conforming import ConformedVersion

app = group()

EDIT_CHECKS = ("picture against sound", "held frames")  # warnings that an editor needs at once


Timeline = Annotated[
    Path, typer.Argument(metavar="OTIO", help="timeline.otio of a version, changed by an editor")
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="seconds to wait for another run to end")
]


@app.command()
def conform(
    folder: Folder, edited: Timeline, out: Out = None, wait: Wait = 0.0, as_json: Json = False
) -> int:
    """Make a version from an edited timeline: trims, slips, splits, reordering, dissolves.

    Nothing is generated or graded again.
    """
    from flows.finishing import conforming

    result = conforming.conform(folder, edited, out=out, wait_seconds=wait)
    if as_json:
        say_json(result)
    else:
        _show_result(result)
    return SOME_FAILED if result.version.failed else DONE


def _show_result(result: ConformedVersion) -> None:
    version = result.version
    changed = count_nouns(len(result.changed), "clip")
    removed = count_nouns(len(result.removed), "shot")
    say(f"{version.name}: {changed} changed, {removed} removed")
    for row in version.deliverables:
        say(f"  {row.profile:9} {version.folder.parent / row.path}")
    for check in version.checks:
        if check.verdict == "fail" or (check.verdict == "warn" and check.name in EDIT_CHECKS):
            fact = f"{check.profile}: {check.name}: {check.value}"
            say(f"  {check.verdict}: {fact}; {check.advice}")
