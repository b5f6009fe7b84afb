# SPDX-License-Identifier: Apache-2.0
"""Notes that were made in an exported page: `notes.json`, read like a sheet. All problems are told
before anything is written.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.project import Project
from flows.review import decide, decision_requests
from flows.review.decide import DecisionDraft
from flows.review.document import FORMAT, DecisionEntry
from flows.review.payload import describe_decisions, digest_production
from flows.review.snapshot import Snapshot, read_snapshot
from flows.who import LONGEST_NAME, current_user
from manifests.errors import InputError, Problem
from manifests.identity import digest_file
from manifests.run_rows import Event
from manifests.store import new_event

IMPORTED = "imported"
LARGEST_BYTES, MOST_DECISIONS = 16 << 20, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedNotes:
    """What came of notes: whose they are, the ids of the events, what was decided in words, and
    which decisions in the record were newer than the notes on the same thing (the notes count all
    the same, being decided later here).
    """

    reviewer: str
    event_ids: list[str]
    says: list[str]
    follows: list[DecisionEntry]


def import_notes(project: Project, path: Path) -> ImportedNotes:
    """Record the decisions of a file. Raises one InputError with every problem (row: from 1),
    having written nothing.
    """
    notes = _read(path)
    reading = read_snapshot(project)
    problems, rows = _of_this(notes, reading, path), notes.get("decisions")
    reviewer, key = str(notes.get("reviewer") or current_user()), digest_file(path)
    drawn: list[DecisionDraft] = []
    for row, body in enumerate(rows if isinstance(rows, list) else [], start=1):
        try:
            drawn.append(
                decide.draft_decision(
                    decision_requests.read_request(body, reading), reading, who=reviewer
                )
            )
        except InputError as error:
            problems += [
                dataclasses.replace(one, file=str(path), row=row) for one in error.problems
            ]
    if project.store.has(Event, name=IMPORTED, subject=key):
        problems.append(Problem(file=str(path), message="these notes were imported already"))
    if problems:
        raise InputError(problems)
    ids, says = decide.commit_drafts(drawn, reading, who=reviewer)
    project.store.append([new_event(IMPORTED, key, actor=current_user(), detail=path.name)])
    return ImportedNotes(
        reviewer=reviewer, event_ids=ids, says=says, follows=_newer(drawn, reading)
    )


def _newer(drawn: list[DecisionDraft], reading: Snapshot) -> list[DecisionEntry]:
    found = {
        one.event_id: one
        for made in drawn
        for one in reading.events
        if made.wish.at and one.happened_at > made.wish.at and one.subject in made.wish.subjects
    }
    return describe_decisions(reading, sorted(found.values(), key=lambda one: one.happened_at))


def _read(path: Path) -> Mapping[str, Any]:
    """The file's outermost object. Raises InputError when it is no such file."""
    if not path.is_file():
        raise InputError(
            Problem(
                file=str(path), message="no such file", expected="notes.json of an exported page"
            )
        )
    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(
            Problem(
                file=str(path), message="too large", expected=f"at most {LARGEST_BYTES >> 20} MB"
            )
        )
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise InputError(
            Problem(file=str(path), message="not a JSON file", got=str(error)[:200])
        ) from error
    if not isinstance(notes, dict):
        raise InputError(
            Problem(
                file=str(path),
                message="not notes of a review page",
                expected='{"decisions": [...]}',
            )
        )
    return notes


def _of_this(notes: Mapping[str, Any], reading: Snapshot, path: Path) -> list[Problem]:
    """What is wrong with the file as a whole."""
    problems, rows, reviewer = list[Problem](), notes.get("decisions"), notes.get("reviewer", "")
    if notes.get("format") != FORMAT:
        problems.append(
            Problem(
                file=str(path),
                column="format",
                message="another format",
                expected=str(FORMAT),
                got=str(notes.get("format")),
            )
        )
    if notes.get("digest") != digest_production(reading):
        title = reading.project.production.title
        problems.append(
            Problem(
                file=str(path),
                column="digest",
                message=f"these notes are not about {title!r}",
                got=str(notes.get("digest")),
            )
        )
    if not isinstance(reviewer, str) or len(reviewer) > LONGEST_NAME:
        problems.append(
            Problem(
                file=str(path),
                column="reviewer",
                message="not a name",
                expected=f"at most {LONGEST_NAME} characters",
            )
        )
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_DECISIONS:
        problems.append(
            Problem(
                file=str(path),
                column="decisions",
                message="no decisions",
                expected=f"a list of 1 to {MOST_DECISIONS}",
            )
        )
    return problems
