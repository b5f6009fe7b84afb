# SPDX-License-Identifier: Apache-2.0
"""Import `notes.json`, the decisions that people took in an exported page.

Every problem is reported before anything is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.project import Project
from flows.review import decide, decision_requests
from flows.review.decide import RequestDraft
from flows.review.document import FORMAT, DecisionEntry
from flows.review.payload import describe_decisions, digest_production
from flows.review.snapshot import Snapshot, read_snapshot
from flows.who import LONGEST_NAME
from manifests.errors import InputError, Problem
from manifests.identity import digest_file
from manifests.plain_text import parse_json
from manifests.run_rows import Event, new_event

IMPORTED = "imported"
LARGEST_BYTES, MOST_DECISIONS = 16 << 20, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedNotes:
    """The result of an import: the reviewer, the ids of the events, the decisions in words.

    `follows`: decisions in the record on the same subjects that are newer than the notes. The notes
    still win, because they are recorded later.
    """

    reviewer: str
    event_ids: list[str]
    says: list[str]
    follows: list[DecisionEntry]


def import_notes(project: Project, path: Path, *, by: str) -> ImportedNotes:
    """Record the decisions of a file.

    They are the reviewer's that the file names, or `by`'s, who imports it.

    Raises:
        InputError: Every problem at once (rows count from 1); nothing was written.
    """
    notes = _read_notes(path)
    snapshot = read_snapshot(project)
    problems, rows = _check_notes(notes, snapshot, path), notes.get("decisions")
    reviewer, key = str(notes.get("reviewer") or by), digest_file(path)
    drafts: list[RequestDraft] = []
    for row, body in enumerate(rows if isinstance(rows, list) else [], start=1):
        try:
            request = decision_requests.read_request(body, snapshot)
            drafts.append(decide.draft_request(request, snapshot, by=reviewer))
        except InputError as error:
            problems += [
                dataclasses.replace(problem, file=str(path), row=row) for problem in error.problems
            ]
    if project.store.has(Event, name=IMPORTED, subject=key):
        problems.append(Problem(file=str(path), message="these notes were imported already"))
    if problems:
        raise InputError(problems)
    ids, says = decide.commit_drafts(drafts, snapshot, by=reviewer)
    project.store.append([new_event(IMPORTED, key, actor=by, detail=path.name)])
    return ImportedNotes(
        reviewer=reviewer, event_ids=ids, says=says, follows=_list_newer_decisions(drafts, snapshot)
    )


def _list_newer_decisions(
    drafts: Sequence[RequestDraft], snapshot: Snapshot
) -> list[DecisionEntry]:
    """List the decisions in the record that are newer than a request on the same subject."""
    found = {
        event.event_id: event
        for request in (draft.request for draft in drafts if draft.request.at)
        for event in snapshot.events
        if event.happened_at > request.at and event.subject in request.subjects
    }
    return describe_decisions(snapshot, sorted(found.values(), key=lambda event: event.happened_at))


def _read_notes(path: Path) -> Mapping[str, Any]:
    """Read the file's outermost object. Raises InputError when it is not a file of notes."""

    def refuse(message: str, **facts: str) -> InputError:
        return InputError(Problem(file=str(path), message=message, **facts))  # type: ignore[arg-type]

    if not path.is_file():
        raise refuse("no such file", expected="notes.json of an exported page")
    if path.stat().st_size > LARGEST_BYTES:
        raise refuse("the file is too large", expected=f"at most {LARGEST_BYTES >> 20} MB")
    try:
        notes = parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise refuse("not a JSON file", got=str(error)[:200]) from error
    if not isinstance(notes, dict):
        raise refuse("not the notes of a review page", expected='{"decisions": [...]}')
    return notes


def _check_notes(notes: Mapping[str, Any], snapshot: Snapshot, path: Path) -> list[Problem]:
    """Check the fields that concern the file as a whole."""
    problems = list[Problem]()

    def complain(column: str, message: str, *, expected: str = "", got: str = "") -> None:
        problems.append(
            Problem(
                file=str(path),
                column=column,
                message=message,
                expected=expected or None,
                got=got or None,
            )
        )

    if notes.get("format") != FORMAT:
        complain("format", "unknown format", expected=str(FORMAT), got=str(notes.get("format")))
    if notes.get("digest") != digest_production(snapshot):
        title = snapshot.project.production.title
        message = f"these notes do not belong to {title!r}"
        complain("digest", message, got=str(notes.get("digest")))
    reviewer, rows = notes.get("reviewer", ""), notes.get("decisions")
    if not isinstance(reviewer, str) or len(reviewer) > LONGEST_NAME:
        expected = f"at most {LONGEST_NAME} characters"
        complain("reviewer", "not a valid name", expected=expected)
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_DECISIONS:
        expected = f"a list of 1 to {MOST_DECISIONS}"
        complain("decisions", "the file holds no decisions", expected=expected)
    return problems
