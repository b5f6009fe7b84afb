# SPDX-License-Identifier: Apache-2.0
"""One finding of the doctor, and what all its checks need to make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
SETUP = "run `make setup`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check. `finding` says what was found; `mend` what to do about it, "" when nothing is
    wrong.
    """

    name: str
    state: State
    finding: str
    mend: str = ""


def report_ok(name: str, finding: str) -> Finding:
    """Nothing is wrong."""
    return Finding(name=name, state="ok", finding=finding)


def report_warning(name: str, finding: str, mend: str) -> Finding:
    """It works, but it will bite."""
    return Finding(name=name, state="warn", finding=finding, mend=mend)


def report_failure(name: str, finding: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(name=name, state="fail", finding=finding, mend=mend)
