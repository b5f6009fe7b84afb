# SPDX-License-Identifier: Apache-2.0
"""Check consents: who allowed the use of their likeness or voice, and for which uses and places.

A consent holds for uses (its `scope`) and places (its `territory`): words between `|`, compared as
they are written; nothing, or one of `EVERYTHING`, means all. A production says what it is used for
and where (`[consent] use`, `territory`). This module decides; `flows.trust.consents` revokes
consents and purges what was made before. It gives no legal advice: it checks rows against their own
dates and words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Actor, Consent
from pipeline.script import tables

NEEDED = ("consent_id", "subject", "covers")
COLUMNS = (*NEEDED, "scope", "territory", "valid_from", "valid_until", "evidence", "revoked_at")
COVERS = ("likeness", "voice")
EVERYTHING = {"any", "any use", "all", "all uses", "worldwide", "world"}
DAYS = ("valid_from", "valid_until", "revoked_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """The terms that consents are checked against.

    `on`: the day; `required`: whether a consent is needed at all; `use`, `territory`: what the
    production is used for and where ("": not checked); `file`: the sheet's name in problems.
    """

    on: date
    required: bool = True
    use: str = ""
    territory: str = ""
    file: str = "consents.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A recorded revocation of consents.

    It says whose consents ended, of which kind, which ones, when, and who recorded it. `word`:
    revoked or purged.
    """

    person: str
    covers: str
    consent_ids: tuple[str, ...]
    on: date
    by: str
    word: str = "revoked"


def read(path: Path) -> list[Consent]:
    """Read the rows of `consents.csv` (or XLSX, YAML).

    A row that covers `likeness|voice` becomes two `Consent`s with the same id.

    Raises InputError with every problem of the sheet, each with its row and column.
    """
    table = tables.read(path, needed=NEEDED, known=COLUMNS)
    problems = [problem for record in table.records for problem in _check_row(table, record)]
    problems += _check_unique_ids(table)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.row or problem.line or 0))
    return [
        Consent(
            covers=covers, **{name: _read_value(record, name) for name in COLUMNS if name != "covers"}
        )
        for record in table.records
        for covers in _split_kinds(record["covers"])
    ]


def check_consents(
    actors: Sequence[Actor],
    consents: Sequence[Consent],
    terms: ConsentTerms,
    *,
    withdrawals: Sequence[Withdrawal] = (),
) -> list[Problem]:
    """Find what prevents these actors from being shown on these terms.

    An actor needs a consent for the likeness. They need one for the voice when a voice sample is
    used, or when they ever gave one: then the recording is their voice, and the consent must hold.
    The `consent` cell names the consents (`|` between several); without names, all whose subject is
    the actor count. Where none is required, only a revoked consent is a problem. `withdrawals` were
    recorded and outrank the sheet: what they name does not count, whatever the sheet says.
    """
    held = apply_withdrawals(consents, withdrawals)
    return [
        problem for actor in actors for problem in _check_actor(actor, held, terms, withdrawals)
    ]


def apply_withdrawals(
    consents: Sequence[Consent], withdrawals: Sequence[Withdrawal]
) -> list[Consent]:
    """Revoke the consents that were withdrawn on the day of their withdrawal.

    An earlier revocation in the sheet stays.
    """
    days = {
        (name, one.covers): one.on.isoformat() for one in withdrawals for name in one.consent_ids
    }
    return [
        replace(consent, revoked_at=min(filter(None, (consent.revoked_at, day))))
        if (day := days.get((consent.consent_id, consent.covers)))
        else consent
        for consent in consents
    ]


def OF_PERSON(consents: Sequence[Consent], person: str) -> list[Consent]:
    """The consents that somebody gave."""
    return [consent for consent in consents if is_same_person(consent.subject, person)]


def _check_actor(
    actor: Actor,
    consents: Sequence[Consent],
    terms: ConsentTerms,
    withdrawals: Sequence[Withdrawal],
) -> Iterator[Problem]:
    who = f"{actor.actor} (character {actor.character})"
    named = [part.strip() for part in re.split(r"[|;,]", actor.consent) if part.strip()]
    known = sorted({consent.consent_id for consent in consents})
    unknown = [name for name in named if name not in known]
    for name in unknown if terms.required else []:
        message = f"{who} names the consent {name!r}, which is not in this sheet"
        yield Problem(file=terms.file, message=message, nearest=find_nearest(name, known))
    held = [
        one
        for one in consents
        if (one.consent_id in named if named else is_same_person(one.subject, actor.actor))
    ]
    for consent in held:
        if not is_same_person(consent.subject, actor.actor):
            message = f"{who} names the consent {consent.consent_id!r}, which was given by {consent.subject!r}"
            yield Problem(file=terms.file, message=message)
    mine = [one for one in withdrawals if is_same_person(one.person, actor.actor)]
    for covers in COVERS:
        recorded = [one for one in mine if one.covers == covers]
        of_kind = [
            one for one in held if one.covers == covers and is_same_person(one.subject, actor.actor)
        ]
        if covers == "voice" and not (actor.voice_sample or recorded or of_kind):
            continue  # the recording may hold somebody else's voice
        reasons = [_explain_refusal(consent, terms) for consent in of_kind]
        stopped = bool(recorded) or any(reason.startswith("revoked") for reason in reasons)
        if all(reasons) and (stopped or terms.required) and (recorded or not unknown):
            told = [f"{c.consent_id} {reason}" for c, reason in zip(of_kind, reasons, strict=True)]
            told += [f"{one.word} on {one.on.isoformat()} by {one.by}" for one in recorded]
            message = f"{who} has no valid consent for {covers} on {terms.on.isoformat()}"
            near = find_nearest(actor.actor, _list_subjects(consents, held))
            yield Problem(
                file=terms.file, message=message, got="; ".join(told) or "none", nearest=near
            )


def _explain_refusal(consent: Consent, terms: ConsentTerms) -> str:
    """Say why a consent does not hold; "" when it does.

    The last day of validity and the day before a revocation count as valid.
    """
    if consent.revoked_at and date.fromisoformat(consent.revoked_at) <= terms.on:
        return f"revoked on {consent.revoked_at}"
    if consent.valid_from and date.fromisoformat(consent.valid_from) > terms.on:
        return f"begins on {consent.valid_from}"
    if consent.valid_until and date.fromisoformat(consent.valid_until) < terms.on:
        return f"ended on {consent.valid_until}"
    for word, given, asked in (
        ("use", consent.scope, terms.use),
        ("territory", consent.territory, terms.territory),
    ):
        if missing := _list_missing(given, asked):
            return f"covers the {word} {given!r}, not {missing!r}"
    return ""


def _list_missing(given: str, asked: str) -> str:
    """List what is asked for but not granted; "" when everything is."""
    allowed = set(_split_words(given))
    if not allowed or allowed & EVERYTHING:
        return ""
    return " | ".join(word for word in _split_words(asked) if word not in allowed)


def _split_words(cell: str) -> list[str]:
    return [" ".join(part.casefold().split()) for part in re.split(r"[|;,]", cell) if part.strip()]


def _list_subjects(consents: Sequence[Consent], held: Sequence[Consent]) -> list[str]:
    return [] if held else sorted({consent.subject for consent in consents})


def is_same_person(one: str, other: str) -> bool:
    """Say whether two spellings name one person; case and spaces do not matter."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _split_kinds(cell: str) -> list[str]:
    return list(
        dict.fromkeys(part.strip() for part in re.split(r"[|;,]", cell.casefold()) if part.strip())
    )


def _read_value(record: tables.SheetRecord, column: str) -> str:
    day = _read_day(record[column]) if column in DAYS else None
    return day.isoformat() if day else record[column]


def _read_day(cell: str) -> date | None:
    """Read an ISO 8601 day or instant; of an instant only the day counts."""
    try:
        return datetime.fromisoformat(cell).date()
    except ValueError:
        return None


def _check_row(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    yield from (
        table.problem(record, column, "this cell is empty")
        for column in NEEDED
        if not record[column]
    )
    for kind in _split_kinds(record["covers"]):
        if kind not in COVERS:
            yield table.problem(
                record,
                "covers",
                "unknown kind of consent",
                expected="likeness, voice or likeness|voice",
                got=repr(kind),
                nearest=find_nearest(kind, COVERS),
            )
    bad = [column for column in DAYS if record[column] and _read_day(record[column]) is None]
    for column in bad:
        yield table.problem(
            record,
            column,
            "not a day",
            expected="a day such as 2026-11-22",
            got=repr(record[column]),
        )
    first, last = _read_day(record["valid_from"]), _read_day(record["valid_until"])
    if first and last and last < first:
        yield table.problem(
            record, "valid_until", f"the consent ends on {last} before it begins on {first}"
        )


def _check_unique_ids(table: tables.SheetTable) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for record in table.records:
        for kind in _split_kinds(record["covers"]):
            first = seen.setdefault((record["consent_id"], kind), record.number)
            if first != record.number and record["consent_id"]:
                message = (
                    f"the consent {record['consent_id']!r} for {kind} stands in row {first} already"
                )
                yield table.problem(record, "consent_id", message)
