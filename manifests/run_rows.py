# SPDX-License-Identifier: Apache-2.0
"""The row types of what happened: runs, events, rejected items, and the weight files of a run."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import dataclass
from typing import Any

from manifests.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Row):
    """An item that failed while the rest went on.

    `kind` is `input` or `tool`; `reason` is the text of the error.
    """

    run_id: str
    stage: str
    subject: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Row):
    """One run of a flow, written at its end.

    `outcome` is `done`, `partial`, `stopped` or `failed`.
    """

    run_id: str
    flow: str
    version: str
    outcome: str
    started_at: str
    finished_at: str
    shots: int
    takes_made: int
    takes_cached: int
    rejects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Row):
    """Something that happened to a subject: a state of the machine or a decision of a person.

    The current state is a view over these. `happened_at` is UTC ISO 8601 with microseconds. `name`:
    queued, running, done, failed, diarized, transcribed, approved, held ... `detail` is JSON, a
    plain text, or "".
    """

    event_id: str
    happened_at: str
    subject: str
    name: str
    actor: str
    run_id: str = ""
    detail: str = ""

    @property
    def detail_values(self) -> Any:
        """The detail, read as JSON; an empty object when there is none."""
        return json.loads(self.detail or "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile(Row):
    """A weight file that a run used, and its licence. `commercial` is `yes`, `no` or `unclear`."""

    name: str
    purpose: str
    source: str
    sha256: str
    licence: str
    commercial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile(Row):
    """A file of the build as it was made.

    `path` is relative to the build folder; `digest` is of its bytes. Size and time of change show
    cheaply whether the file was touched since. The newest row of a path counts.
    """

    path: str
    digest: str
    size_bytes: int
    modified_ns: int


def new_event(name: str, subject: str, *, actor: str, run_id: str = "", detail: str = "") -> Event:
    """Make an event that happens now."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    return Event(
        event_id=uuid.uuid4().hex,
        happened_at=now,
        subject=subject,
        name=name,
        actor=actor,
        run_id=run_id,
        detail=detail,
    )
