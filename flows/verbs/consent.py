# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet consent ...`: list, revoke and purge what a person consented to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.verbs.options import Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, print_table, say, say_json
from manifests.errors import InputError, Problem
from manifests.plurals import count_nouns

if TYPE_CHECKING:
    from flows.project import Project
    from flows.trust.purge import PurgePlan

app = group(
    help="List what an actor consented to and appears in, revoke consent, delete their media.",
    no_args_is_help=True,
)

Person = Annotated[
    str, typer.Argument(metavar="ACTOR", help="the person, as named in the cast or the consents")
]
Folders = Annotated[
    list[Path], typer.Argument(metavar="PRODUCTION...", help="folders with production.toml")
]
Covers = Annotated[str, typer.Option("--covers", help="likeness, voice, or both")]
Reason = Annotated[str, typer.Option("--reason", help="why, for the record")]
Yes = Annotated[bool, typer.Option("--yes", help="do it; without this, only list it")]
KINDS = {"likeness": ("likeness",), "voice": ("voice",), "both": ("likeness", "voice")}


@app.command("list")
def consent_list(
    actor: Person, productions: Folders, out: Out = None, as_json: Json = False
) -> int:
    """Show a person's consents and revocations, and every delivered file that contains them."""
    from flows.trust import consents

    found = [
        consents.collect_facts(project, person)
        for project, person in _find_person(actor, productions, out)
    ]
    if as_json:
        say_json(found)
        return DONE
    for facts in found:
        _show_facts(facts)
    return DONE


def _show_facts(facts: Mapping[str, Any]) -> None:
    say(f"{facts['production']}: {facts['person']}")
    for row in facts["consents"]:
        until = f"until {row.valid_until}" if row.valid_until else "no end date"
        ended = f", revoked on {row.revoked_at}" if row.revoked_at else ""
        say(f"  consent {row.consent_id}: {row.covers}, {row.scope or 'any use'}, {until}{ended}")
    for row in facts["withdrawn"]:
        say(f"  {row.word} on {row.on} by {row.by}: {row.covers}")
    rows = [
        (r.version, r.profile, r.what, r.path, "exists" if r.stands else "deleted")
        for r in facts["deliverables"]
    ]
    print_table(("version", "profile", "contains", "file", "now"), rows)


@app.command()
def revoke(
    actor: Person,
    productions: Folders,
    covers: Covers = "both",
    reason: Reason = "",
    yes: Yes = False,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Revoke consents: nothing with this person is planned, rendered or published any more.

    Files stay; `purge` deletes them.
    """
    from flows.trust import consents
    from flows.who import current_user

    kinds = _parse_kinds(covers)
    found: list[tuple[Path, str, list[str]]] = []
    for project, person in _find_person(actor, productions, out):
        if yes:
            consents.revoke_consent(project, person, covers=kinds, by=current_user(), reason=reason)
        files = [row.path for row in consents.list_delivered_files(project, person) if row.stands]
        found.append((project.folder, person, files))
    if as_json:
        names = ("production", "person", "still_there")
        state = {"covers": kinds, "revoked": yes}
        say_json([dict(zip(names, facts, strict=True)) | state for facts in found])
        return DONE
    for folder, person, files in found:
        done = "revoked" if yes else "would be revoked"
        contain = "still contains" if len(files) == 1 else "still contain"
        say(
            f"{folder}: {person}: {' and '.join(kinds)} {done};"
            f" {count_nouns(len(files), 'delivered file')} {contain} them"
        )
    say("`callsheet consent purge` deletes them." if yes else "Nothing was revoked; add --yes.")
    return DONE


@app.command()
def purge(
    actor: Person,
    productions: Folders,
    covers: Covers = "both",
    reason: Reason = "",
    yes: Yes = False,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """List all media made of and from this person, and delete them with --yes.

    Rows, digests and a tombstone stay.
    """
    from flows.trust import purge as purging
    from flows.who import current_user

    kinds, found = _parse_kinds(covers), []
    for project, person in _find_person(actor, productions, out):
        planned = purging.plan_purge(project, person, covers=kinds)
        found.append((project, planned, planned.bytes))
        if yes:
            purging.carry_out_purge(project, planned, by=current_user(), reason=reason)
    if as_json:
        say_json([_describe_purge(*facts, purged=yes) for facts in found])
    else:
        for project, planned, _ in found:
            _show_purge(project, planned, done=yes)
        if not yes:
            say("Nothing was deleted; add --yes.")
    return SOME_FAILED if yes and any(planned.remains for _, planned, _ in found) else DONE


def _describe_purge(
    project: Project, planned: PurgePlan, size: int, *, purged: bool
) -> dict[str, Any]:
    """Describe a purge for programs. `size`: bytes."""
    return {
        "production": project.folder,
        "purged": purged,
        "bytes": size,
        "plan": {
            "person": planned.person,
            "covers": planned.covers,
            "versions": planned.versions,
            "remains": planned.remains,
            "files": [{"path": path, "why": why} for path, why in planned.files.items()],
            "stored": [{"name": name, "why": why} for name, why in planned.stored.items()],
        },
    }


def _show_purge(project: Project, planned: PurgePlan, *, done: bool) -> None:
    url = project.production.storage.url
    stored = [(f"{url}/{name}", why) for name, why in planned.stored.items()]
    rows = [*planned.files.items(), *stored]
    print_table(("deleted" if done else "would be deleted", "because"), rows)
    for remaining in planned.remains:
        say(f"stays: {remaining}")
    say(f"{project.folder}: {count_nouns(len(rows), 'file')}")


def _find_person(
    actor: str, productions: list[Path], out: Path | None
) -> Iterator[tuple[Project, str]]:
    """Find the person in every production, in every spelling that it uses.

    Raises InputError for the first production that does not know them.
    """
    from flows.project import open_project
    from flows.trust import consents

    if out is not None and len(productions) > 1:
        raise InputError(
            Problem(
                file="--out",
                message="several productions cannot share one build folder",
                expected="one PRODUCTION",
            )
        )
    projects = [open_project(folder, out) for folder in productions]
    yield from [
        (project, person) for project in projects for person in consents.find_people(project, actor)
    ]


def _parse_kinds(covers: str) -> tuple[str, ...]:
    if covers not in KINDS:
        raise InputError(
            Problem(
                file="--covers",
                message="not a kind of consent",
                expected=", ".join(KINDS),
                got=repr(covers),
            )
        )
    return KINDS[covers]
