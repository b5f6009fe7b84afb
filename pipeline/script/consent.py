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
from pipeline.script import sheet_columns, tables

NEEDED = sheet_columns.list_needed_names(sheet_columns.CONSENTS)
COLUMNS = sheet_columns.list_names(sheet_columns.CONSENTS)
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
            covers=covers,
            **{name: _read_value(record, name) for name in COLUMNS if name != "covers"},
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


def select_by_person(consents: Sequence[Consent], person: str) -> list[Consent]:
    """Select the consents that a person gave."""
    return [consent for consent in consents if is_same_person(consent.subject, person)]


def apply_withdrawals(
    consents: Sequence[Consent], withdrawals: Sequence[Withdrawal]
) -> list[Consent]:
    """Revoke the consents that were withdrawn on the day of their withdrawal.

    An earlier revocation in the sheet stays.
    """
    days = {
        (name, withdrawal.covers): withdrawal.on.isoformat()
        for withdrawal in withdrawals
        for name in withdrawal.consent_ids
    }
    return [
        replace(consent, revoked_at=min(filter(None, (consent.revoked_at, day))))
        if (day := days.get((consent.consent_id, consent.covers)))
        else consent
        for consent in consents
    ]


def _check_actor(
    actor: Actor,
    consents: Sequence[Consent],
    terms: ConsentTerms,
    withdrawals: Sequence[Withdrawal],
) -> Iterator[Problem]:
    named = [part.strip() for part in re.split(r"[|;,]", actor.consent) if part.strip()]
    known = {consent.consent_id for consent in consents}
    unknown = [name for name in named if name not in known]
    held = [
        consent
        for consent in consents
        if (consent.consent_id in named if named else is_same_person(consent.subject, actor.actor))
    ]
    yield from _check_names(actor, consents, held, unknown if terms.required else [], terms.file)
    for covers in COVERS:
        recorded = [
            withdrawal
            for withdrawal in withdrawals
            if is_same_person(withdrawal.person, actor.actor) and withdrawal.covers == covers
        ]
        of_kind = [
            consent
            for consent in held
            if consent.covers == covers and is_same_person(consent.subject, actor.actor)
        ]
        if covers == "voice" and not (actor.voice_sample or recorded or of_kind):
            continue  # the recording may hold somebody else's voice
        refusals = _list_refusals(of_kind, recorded, terms)
        if refusals is not None and (recorded or not unknown):
            yield Problem(
                file=terms.file,
                message=f"{_introduce(actor)} has no valid consent for {covers} on {terms.on}",
                got="; ".join(refusals) or "none",
                nearest=find_nearest(actor.actor, _list_subjects(consents, held)),
            )


def _list_refusals(
    consents: Sequence[Consent], withdrawals: Sequence[Withdrawal], terms: ConsentTerms
) -> list[str] | None:
    """List why none of an actor's consents of a kind holds; None when nothing is wrong."""
    reasons = [_explain_refusal(consent, terms) for consent in consents]
    stopped = bool(withdrawals) or any(reason.startswith("revoked") for reason in reasons)
    if not all(reasons) or not (stopped or terms.required):
        return None
    refusals = [f"{c.consent_id} {reason}" for c, reason in zip(consents, reasons, strict=True)]
    return refusals + [f"{w.word} on {w.on.isoformat()} by {w.by}" for w in withdrawals]


def _check_names(
    actor: Actor,
    consents: Sequence[Consent],
    held: Sequence[Consent],
    unknown: Sequence[str],
    file: str,
) -> Iterator[Problem]:
    """Check that the consents which the cast names exist and are the actor's own."""
    known = sorted({consent.consent_id for consent in consents})
    for name in unknown:
        message = f"{_introduce(actor)} relies on consent {name!r}, which is not in this sheet"
        yield Problem(file=file, message=message, nearest=find_nearest(name, known))
    for consent in held:
        if not is_same_person(consent.subject, actor.actor):
            message = f"{_introduce(actor)} relies on consent {consent.consent_id!r}"
            yield Problem(file=file, message=f"{message}, which {consent.subject!r} gave")


def _introduce(actor: Actor) -> str:
    return f"{actor.actor} (character {actor.character})"


def _explain_refusal(consent: Consent, terms: ConsentTerms) -> str:
    """Say why a consent does not hold; "" when it does.

    The last day of validity and the day before a revocation count as valid.
    """
    if consent.revoked_at and date.fromisoformat(consent.revoked_at) <= terms.on:
        return f"revoked on {consent.revoked_at}"
    if consent.valid_from and date.fromisoformat(consent.valid_from) > terms.on:
        return f"starts on {consent.valid_from}"
    if consent.valid_until and date.fromisoformat(consent.valid_until) < terms.on:
        return f"ended on {consent.valid_until}"
    for word, granted, needed in (
        ("use", consent.scope, terms.use),
        ("territory", consent.territory, terms.territory),
    ):
        if missing := _list_missing(granted, needed):
            return f"covers {word} {granted!r}, not {missing!r}"
    return ""


def _list_missing(granted: str, needed: str) -> str:
    """List the words that are needed but not granted; "" when all are."""
    allowed = set(_split_words(granted))
    if not allowed or allowed & EVERYTHING:
        return ""
    return " | ".join(word for word in _split_words(needed) if word not in allowed)


def _split_words(cell: str) -> list[str]:
    return [" ".join(part.casefold().split()) for part in re.split(r"[|;,]", cell) if part.strip()]


def _list_subjects(consents: Sequence[Consent], held: Sequence[Consent]) -> list[str]:
    return [] if held else sorted({consent.subject for consent in consents})


def is_same_person(name: str, other: str) -> bool:
    """Say whether two spellings name the same person; case and spaces do not matter."""
    return " ".join(name.casefold().split()) == " ".join(other.casefold().split())


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
    for column in NEEDED:
        if not record[column]:
            yield table.problem(record, column, "this cell is empty")
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
    yield from _check_days(table, record)


def _check_days(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    for column in DAYS:
        if record[column] and _read_day(record[column]) is None:
            expected, got = "a date such as 2026-11-22", repr(record[column])
            yield table.problem(record, column, "not a date", expected=expected, got=got)
    first, last = _read_day(record["valid_from"]), _read_day(record["valid_until"])
    if first and last and last < first:
        message = f"the consent ends on {last}, before it starts on {first}"
        yield table.problem(record, "valid_until", message)


def _check_unique_ids(table: tables.SheetTable) -> Iterator[Problem]:
    first_numbers: dict[tuple[str, str], int] = {}
    unit = "line" if table.by_line else "row"
    for record in table.records:
        name = record["consent_id"]
        for kind in _split_kinds(record["covers"]):
            first = first_numbers.setdefault((name, kind), record.number)
            if first != record.number and name:
                message = f"consent {name!r} for {kind} is already in {unit} {first}"
                yield table.problem(record, "consent_id", message)
