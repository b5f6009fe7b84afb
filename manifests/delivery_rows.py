# SPDX-License-Identifier: Apache-2.0
"""The row types of a delivery: the files of a version, and what was measured on them."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable(Row):
    """One file of a version.

    `deliverable_id` keys the cut, the sound and the profile's settings.
    """

    deliverable_id: str
    version: str
    profile: str
    path: str
    media_digest: str
    frames: int
    seconds: float
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Row):
    """One measurement of one deliverable.

    `verdict` is `pass`, `warn` or `fail`; `timecode` is "" for the whole file.
    """

    version: str
    profile: str
    name: str
    value: str
    limit: str
    verdict: str
    timecode: str = ""
    advice: str = ""
