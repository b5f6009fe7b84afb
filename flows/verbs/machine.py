# SPDX-License-Identifier: Apache-2.0
"""The verbs about this machine: doctor."""

from __future__ import annotations

from flows.screen import say_json, table
from flows.verbs.options import DONE, TOOL_FAILED, Json, group

app = group()


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
