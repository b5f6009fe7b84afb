# SPDX-License-Identifier: Apache-2.0
"""Findings of the doctor, and how its checks make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
SETUP = "run `make setup`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    `finding` is what the check found; `mend` is what to do about it, "" when nothing is wrong.
    """

    name: str
    state: State
    finding: str
    mend: str = ""


def report_ok(name: str, finding: str) -> Finding:
    """Report that nothing is wrong."""
    return Finding(name=name, state="ok", finding=finding)


def report_warning(name: str, finding: str, advice: str) -> Finding:
    """Report something that works but will cause trouble."""
    return Finding(name=name, state="warn", finding=finding, mend=advice)


def report_failure(name: str, finding: str, advice: str) -> Finding:
    """Report something that does not work."""
    return Finding(name=name, state="fail", finding=finding, mend=advice)
