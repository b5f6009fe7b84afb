# SPDX-License-Identifier: Apache-2.0
"""The verbs about what was delivered: verify a file, waive a failed check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, say, say_json

app = group()


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a delivered file")],
    as_json: Json = False,
) -> int:
    """Read a file's content credentials (valid, tampered with, stripped, missing), measure it,
    compare it with the record.
    """
    from flows.trust import verifying

    found = verifying.verify(file)
    if as_json:
        say_json(verifying.plain(found))
        return SOME_FAILED if found.problems else DONE
    signer = found.credentials.signer if found.credentials else ""
    trust = "trusted" if found.credentials and found.credentials.trusted else "not trusted"
    say(f"{file}: {found.state}" + (f", signed by {signer} ({trust})" if signer else ""))
    if found.measured:
        told = {name: value for name, value in found.measured.items() if value not in (None, [])}
        say("  " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()))
    if found.delivered == "same":
        unsigned = (
            f"; {found.credentials.detail}"
            if found.credentials and found.state == "missing"
            else ""
        )
        say(f"  it is the file that was delivered{unsigned}")
    for problem in found.problems:
        say(f"  {problem}")
    for check in found.checks:
        if check.verdict == "warn":
            at = f" at {check.timecode}" if check.timecode else ""
            say(
                f"  warning: {check.name}: {check.value}{at} (limit {check.limit})"
                + (f": {check.advice}" if check.advice else "")
            )
    return SOME_FAILED if found.problems else DONE


@app.command()
def waive(
    folder: Folder,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="v003")],
    check: Annotated[
        str,
        typer.Argument(
            metavar="CHECK", help="a failed check: loudness, or of one file: 'web: loudness'"
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", help="why it may fail, for the record")],
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Let a failed check of one version pass, with your name and reason; publish the version when
    nothing else stops it.
    """
    from flows.project import open_project
    from flows.trust import waivers

    outcome = waivers.waive(open_project(folder, out), version, check, reason=reason)
    if as_json:
        say_json(outcome)
        return SOME_FAILED if outcome.left else DONE
    for one in outcome.waived:
        say(f"waived: {one.profile}: {one.name}: {one.value} (limit {one.limit})")
    for one in outcome.left:
        say(f"still fails: {one.profile}: {one.name}: {one.value} (limit {one.limit})")
    if outcome.published:
        say(f"latest is {version}")
    elif not outcome.left:
        say("latest is a newer version and stays")
    return SOME_FAILED if outcome.left else DONE
