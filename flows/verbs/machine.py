# SPDX-License-Identifier: Apache-2.0
"""The verbs about this machine and about single files: doctor, verify."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.screen import say, say_json, table
from flows.verbs.options import DONE, SOME_FAILED, TOOL_FAILED, Json, group

app = group()


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a delivered file")], as_json: Json = False
) -> int:
    """Read a file's content credentials: valid, tampered with, or missing, and who signed."""
    from pipeline.credentials import verify as read_credentials

    found = read_credentials(file)
    if as_json:
        say_json({"file": file, **asdict(found)})
    else:
        trust = "trusted" if found.trusted else "not trusted"
        say(f"{file}: {found.state}" + (f", signed by {found.signer} ({trust})" if found.signer else ""))
        if found.detail:
            say(found.detail)
    return DONE if found.state == "valid" else SOME_FAILED


@app.command()
def doctor(as_json: Json = False) -> int:
    """Check this machine: Python, ffmpeg, weights, engines, disk; say how to mend what is missing."""
    from flows.doctor import examine

    findings = examine()
    if as_json:
        say_json(findings)
    else:
        table(("check", "state", "finding"), [(f.name, f.state, f.finding) for f in findings])
    return TOOL_FAILED if any(finding.state == "fail" for finding in findings) else DONE
