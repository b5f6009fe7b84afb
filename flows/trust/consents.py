# SPDX-License-Identifier: Apache-2.0
"""Check consents against the record: revocations, delivered files, the gate at plan and publish.

A revocation is an event and outranks the sheet, whatever the sheet says later. Only a consent with
another id, given since, opens the gate again. `flows.trust.purge` deletes what was made.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.project import Project
from manifests import layout
from manifests.errors import InputError, Problem, collect_problems, find_nearest
from manifests.query import run_query
from manifests.rows import Actor, Consent
from manifests.run_rows import Event, new_event
from manifests.store import Store
from pipeline.script import consent
from pipeline.script.consent import COVERS, ConsentTerms, Withdrawal

REVOKED, PURGING, PURGED = "consent revoked", "purge began", "purged"

DELIVERED_FILES_QUERY = """
WITH seen AS (
    SELECT DISTINCT c.version, 'likeness' AS what
    FROM all_cuts c JOIN all_shots s USING (shot_id) WHERE s.actor = $1
  UNION
    SELECT DISTINCT c.version, 'voice' FROM all_cuts c JOIN all_shots s USING (shot_id)
    JOIN all_cues q ON list_contains(string_split(s.line_ids, '|'), q.line_id)
    JOIN all_actors a ON a.character = q.character WHERE a.actor = $1 AND q.start >= 0
)
SELECT d.version, d.profile, d.path, d.media_digest,
    string_agg(DISTINCT seen.what, ' and ' ORDER BY seen.what) AS what
FROM all_deliverables d JOIN seen USING (version) GROUP BY ALL ORDER BY d.version, d.profile, d.path
"""
"""Every file that was ever delivered with a person's likeness or voice; `$1` is the person.

`callsheet query` runs it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """A delivered file that a person is in.

    `what`: likeness, voice, or both; `stands`: whether the file still exists.
    """

    version: str
    profile: str
    path: str
    media_digest: str
    what: str
    stands: bool


def read_terms(project: Project) -> ConsentTerms:
    """Read the terms that consents of this production must meet today."""
    settings = project.production.consent
    return ConsentTerms(
        on=_read_date(),
        required=settings.required,
        use=settings.use or project.production.kind,
        territory=settings.territory,
        file=project.production.consents,
    )


def list_refusals(
    project: Project, actors: Sequence[Actor], consents: Sequence[Consent]
) -> list[Problem]:
    """List what keeps these actors out of the production today, by the sheet and the record."""
    return consent.check_consents(
        actors, consents, read_terms(project), withdrawals=list_withdrawals(project)
    )


def list_withdrawn_actors(project: Project) -> list[Actor]:
    """List actors of the last recorded cast who withdrew a consent.

    This works even when a sheet cannot be read, for example since a purge deleted a portrait.
    """
    gone = {withdrawal.person for withdrawal in list_withdrawals(project)}
    return (
        [actor for actor in project.store.read_current(Actor) if actor.actor in gone]
        if gone
        else []
    )


def require_consents(project: Project) -> None:
    """Check all consents again before publishing, from the sheet and the record.

    Raises InputError when a consent of anybody in the cast is missing or no longer holds.
    """
    problems = list[Problem]()
    sheet = read_consents(project, problems)
    problems += list_refusals(project, project.store.read_current(Actor), sheet)
    if problems:
        raise InputError(problems)


def read_consents(project: Project, problems: list[Problem]) -> list[Consent]:
    """Read the consents of the sheet as it is now; add its problems to `problems`."""
    path = project.production.resolve_path(project.production.consents)
    return (collect_problems(problems, lambda: consent.read(path)) if path.is_file() else []) or []


def list_withdrawals(project: Project) -> list[Withdrawal]:
    """List what was revoked or purged in this production, oldest first."""
    found = {
        row.event_id: row
        for store in _open_stores(project)
        for row in store.read(Event, name=[REVOKED, PURGING])
    }
    rows = sorted(found.values(), key=lambda row: row.happened_at)
    return [withdrawal for row in rows for withdrawal in _read_withdrawals(row)]


def _read_withdrawals(row: Event) -> list[Withdrawal]:
    detail = row.detail_values
    return [
        Withdrawal(
            person=row.subject,
            covers=covers,
            consent_ids=tuple(detail["consents"]),
            on=datetime.date.fromisoformat(row.happened_at[:10]),
            by=row.actor,
            word="purged" if row.name == PURGING else "revoked",
        )
        for covers in detail["covers"]
    ]


def revoke_consent(
    project: Project, person: str, *, covers: Sequence[str] = COVERS, by: str, reason: str = ""
) -> Event:
    """Record that a person revokes what they allowed.

    From now on, nothing with them is planned, rendered or published here. The revocation is also
    recorded in the production's own build folder, so that it holds wherever the results go.
    """
    detail = _describe_withdrawal(project, person, covers, reason)
    return _record_event(project, new_event(REVOKED, person, actor=by, detail=detail))


def begin_purge(
    project: Project, person: str, *, covers: Sequence[str] = COVERS, by: str, reason: str = ""
) -> Event:
    """Record that a purge begins; it revokes the consents too (see `revoke_consent`)."""
    detail = _describe_withdrawal(project, person, covers, reason)
    return _record_event(project, new_event(PURGING, person, actor=by, detail=detail))


def _describe_withdrawal(project: Project, person: str, covers: Sequence[str], reason: str) -> str:
    consents = consent.select_by_person(read_consents(project, []), person)
    ids = sorted({row.consent_id for row in consents if row.covers in covers})
    detail = {"covers": list(covers), "consents": ids, "reason": reason}
    return json.dumps(detail, ensure_ascii=False)


def _record_event(project: Project, event: Event) -> Event:
    for store in _open_stores(project):
        store.append([event])
    return event


def _open_stores(project: Project) -> list[Store]:
    """Open the record, and that of the production's own build folder when `--out` is elsewhere."""
    home = (project.folder / layout.BUILD).resolve()
    return [project.store] if project.root == home else [project.store, Store(home / layout.RECORD)]


def find_people(project: Project, name: str) -> list[str]:
    """Find an actor's name in every spelling that the record and the sheets use.

    Raises InputError with the nearest names.
    """
    known = {row.actor for row in project.store.read(Actor)} | {
        row.subject for row in read_consents(project, [])
    }
    known |= {actor for actor in _read_cast_names(project) if actor}
    if found := [other for other in sorted(known) if consent.is_same_person(other, name)]:
        return found
    message = f"nobody named {name!r} is or was in this production"
    raise InputError(
        Problem(file=str(project.folder), message=message, nearest=find_nearest(name, known))
    )


def list_delivered_files(project: Project, person: str) -> list[DeliveredFile]:
    """List every file that was ever delivered with a person in it."""
    answer = run_query(project.store, DELIVERED_FILES_QUERY, [person])
    place = project.root / layout.DELIVERABLES
    return [
        DeliveredFile(
            **dict(zip(answer.columns, row, strict=True)),
            stands=(place / row[answer.columns.index("path")]).is_file(),
        )
        for row in answer.rows
    ]


def collect_facts(project: Project, person: str) -> dict[str, Any]:
    """Collect the consents and revocations of a person, and every file they are in."""
    return {
        "production": project.folder,
        "person": person,
        "consents": consent.apply_withdrawals(
            consent.select_by_person(read_consents(project, []), person), list_withdrawals(project)
        ),
        "withdrawn": [row for row in list_withdrawals(project) if row.person == person],
        "purged": [
            row.happened_at for row in project.store.read(Event, name=PURGED, subject=person)
        ],
        "deliverables": list_delivered_files(project, person),
    }


def _read_cast_names(project: Project) -> list[str]:
    """Read the actors' names in the current cast sheet; none when it cannot be read."""
    from pipeline.script import cast, emotion_synonyms

    path = project.production.resolve_path(project.production.cast)
    actors = (
        collect_problems(
            [], lambda: cast.read(path, words=emotion_synonyms.load_words(), folder=project.folder)
        )
        or []
    )
    return [actor.actor for actor in actors]


def _read_date() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
