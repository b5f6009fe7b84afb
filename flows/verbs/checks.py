# SPDX-License-Identifier: Apache-2.0
"""Run the verbs about deliveries: verify a file, waive a failed check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, say, say_json

if TYPE_CHECKING:
    from flows.trust.verifying import VerifiedFile

app = group()


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a delivered file")],
    as_json: Json = False,
) -> int:
    """Verify a delivered file: content credentials and measurements."""
    from flows.trust import verifying

    found = verifying.verify_file(file)
    if as_json:
        say_json(verifying.to_json_values(found))
        return SOME_FAILED if found.problems else DONE
    for line in _describe_file(file, found):
        say(line)
    return SOME_FAILED if found.problems else DONE


def _describe_file(file: Path, found: VerifiedFile) -> Iterator[str]:
    """Describe a verified file, one line a fact."""
    credentials = found.credentials
    signer = credentials.signer if credentials else ""
    trust = "trusted" if credentials and credentials.trusted else "not trusted"
    yield f"{file}: {found.state}" + (f", signed by {signer} ({trust})" if signer else "")
    if found.measured:
        facts = {name: value for name, value in found.measured.items() if value not in (None, [])}
        yield "  " + ", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in facts.items())
    if found.delivered == "same":
        unsigned = f"; {credentials.detail}" if credentials and found.state == "missing" else ""
        yield f"  this is the file that was delivered{unsigned}"
    yield from (f"  {problem}" for problem in found.problems)
    for check in found.checks:
        if check.verdict == "warn":
            at = f" at {check.timecode}" if check.timecode else ""
            advice = f": {check.advice}" if check.advice else ""
            yield f"  warning: {check.name}: {check.value}{at} (limit {check.limit}){advice}"


VersionName = Annotated[str, typer.Argument(metavar="VERSION", help="v003")]
CheckName = Annotated[
    str,
    typer.Argument(
        metavar="CHECK", help="a failed check (loudness), or that of one file ('web: loudness')"
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="why the check may fail, for the record")]


@app.command()
def waive(
    folder: Folder,
    version: VersionName,
    check: CheckName,
    reason: Reason,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Waive a failed check of one version, with your name and reason.

    The version is published if no other check stops it.
    """
    from flows.project import open_project
    from flows.trust import waivers
    from flows.who import current_user

    project = open_project(folder, out)
    outcome = waivers.waive_check(project, version, check, reason=reason, by=current_user())
    if as_json:
        say_json(outcome)
        return SOME_FAILED if outcome.left else DONE
    for row in outcome.waived:
        say(f"waived: {row.profile}: {row.name}: {row.value} (limit {row.limit})")
    for row in outcome.left:
        say(f"still failing: {row.profile}: {row.name}: {row.value} (limit {row.limit})")
    if outcome.published:
        say(f"latest is now {version}")
    elif not outcome.left:
        say("latest stays at a newer version")
    return SOME_FAILED if outcome.left else DONE
