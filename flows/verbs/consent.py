# SPDX-License-Identifier: Apache-2.0
"""`callsheet consent ...`: what somebody allowed and is in; taking it back; deleting what was made
of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, Out, group
from flows.view.screen import DONE, SOME_FAILED, print_table, say, say_json
from manifests.errors import InputError, Problem

if TYPE_CHECKING:
    from flows.project import Project
    from flows.trust.purge import Purge

app = group(
    help="What an actor allowed and is in; taking it back; deleting what was made of them.",
    no_args_is_help=True,
)

Person = Annotated[
    str, typer.Argument(metavar="ACTOR", help="the person, as the cast or the consents name them")
]
Folders = Annotated[
    list[Path], typer.Argument(metavar="PRODUCTION...", help="folders with production.toml")
]
Covers = Annotated[str, typer.Option("--covers", help="likeness, voice, or both")]
Reason = Annotated[str, typer.Option("--reason", help="why, for the record")]
Yes = Annotated[bool, typer.Option("--yes", help="do it; without this it is only listed")]
KINDS = {"likeness": ("likeness",), "voice": ("voice",), "both": ("likeness", "voice")}


@app.command("list")
def consent_list(
    actor: Person, productions: Folders, out: Out = None, as_json: Json = False
) -> int:
    """Show consents, revocations, and every file that was ever delivered with this person in it."""
    from flows.trust import consents

    found = [consents.facts(project, person) for project, person in _each(actor, productions, out)]
    if as_json:
        say_json(found)
        return DONE
    for one in found:
        say(f"{one['production']}: {one['person']}")
        for row in one["consents"]:
            until = f"to {row.valid_until}" if row.valid_until else "without end"
            ended = f", revoked on {row.revoked_at}" if row.revoked_at else ""
            say(
                f"  consent {row.consent_id}: {row.covers}, {row.scope or 'any use'}, {until}{ended}"
            )
        for row in one["withdrawn"]:
            say(f"  {row.word} on {row.on} by {row.by}: {row.covers}")
        rows = [
            (r.version, r.profile, r.what, r.path, "stands" if r.stands else "gone")
            for r in one["deliverables"]
        ]
        print_table(("version", "profile", "holds", "file", "now"), rows)
    return DONE


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
    """Take consents back: nothing with this person is planned, rendered or published any more.
    Files stay; see purge.
    """
    from flows.trust import consents

    kinds = _kinds(covers)
    found: list[tuple[Path, str, list[str]]] = []
    for project, person in _each(actor, productions, out):
        if yes:
            consents.revoke(project, person, covers=kinds, reason=reason)
        found.append(
            (
                project.folder,
                person,
                [one.path for one in consents.touched(project, person) if one.stands],
            )
        )
    if as_json:
        names = ("production", "person", "still_there")
        say_json(
            [
                dict(zip(names, one, strict=True)) | {"covers": kinds, "revoked": yes}
                for one in found
            ]
        )
        return DONE
    for folder, person, files in found:
        done = "is revoked" if yes else "would be revoked"
        say(f"{folder}: {person}: {' and '.join(kinds)} {done}; {len(files)} files with them stand")
    say("`callsheet consent purge` deletes them." if yes else "Nothing was done: add --yes.")
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
    """List, and with --yes delete, all media made of and from this person, in all versions; rows,
    digests and a tombstone stay.
    """
    from flows.trust import purge as purging

    kinds, found = _kinds(covers), []
    for project, person in _each(actor, productions, out):
        planned = purging.plan(project, person, covers=kinds)
        found.append((project, planned, planned.bytes))
        if yes:
            purging.carry_out(project, planned, reason=reason)
    if as_json:
        say_json(
            [
                {
                    "production": project.folder,
                    "purged": yes,
                    "bytes": size,
                    "plan": {
                        "person": one.person,
                        "covers": one.covers,
                        "versions": one.versions,
                        "remains": one.remains,
                        "files": [{"path": path, "why": why} for path, why in one.files.items()],
                        "stored": [{"name": name, "why": why} for name, why in one.stored.items()],
                    },
                }
                for project, one, size in found
            ]
        )
    else:
        for project, one, _ in found:
            _show(project, one, done=yes)
        if not yes:
            say("Nothing was deleted: add --yes.")
    return SOME_FAILED if yes and any(one.remains for _, one, _ in found) else DONE


def _show(project: Project, one: Purge, *, done: bool) -> None:
    stored = [(f"{project.production.storage.url}/{name}", why) for name, why in one.stored.items()]
    print_table(
        ("deleted" if done else "would be deleted", "because"), [*one.files.items(), *stored]
    )
    for left in one.remains:
        say(f"stays: {left}")
    say(f"{project.folder}: {len(one.files) + len(stored)} files")


def _each(actor: str, productions: list[Path], out: Path | None) -> Iterator[tuple[Project, str]]:
    """Every production with the person as it is written there, every spelling. Raises InputError
    for the first that does not know them.
    """
    from flows.project import open_project
    from flows.trust import consents

    if out is not None and len(productions) > 1:
        raise InputError(
            Problem(
                file="--out",
                message="one build folder of several productions",
                expected="one PRODUCTION",
            )
        )
    projects = [open_project(folder, out) for folder in productions]
    yield from [
        (project, person)
        for project in projects
        for person in consents.people_named(project, actor)
    ]


def _kinds(covers: str) -> tuple[str, ...]:
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
