# SPDX-License-Identifier: Apache-2.0
"""`callsheet review`: the local page for those who sign off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.progress import bars, reporter
from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, complain, say, say_json, shorten_path

if TYPE_CHECKING:
    from flows.project import Project

app = group()


@app.command()
def review(
    folder: Folder,
    out: Out = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="on 127.0.0.1; 0: any that is free")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only print the link")] = False,
    name: Annotated[
        str,
        typer.Option(
            "--as", help="whose decisions they are; default: CALLSHEET_USER or your login"
        ),
    ] = "",
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FOLDER", help="write the page as a folder that opens from disk"
        ),
    ] = None,
    notes: Annotated[
        Path | None,
        typer.Option(
            "--import", metavar="NOTES", help="record what was decided in an exported page"
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Open the page where shots are looked at and decided about. It works on this machine only,
    until Ctrl-C.
    """
    from flows.project import open_project
    from flows.who import checked, current_user

    project, reviewer = open_project(folder, out), checked(name) or current_user()
    if notes is not None:
        _take_in(project, notes, as_json=as_json)
    if export is not None:
        _export(project, export, reviewer=reviewer, as_json=as_json)
    if notes is None and export is None:
        _serve(project, reviewer=reviewer, port=port, browser=not no_browser, as_json=as_json)
    return DONE


def _serve(project: Project, *, reviewer: str, port: int, browser: bool, as_json: bool) -> None:
    from flows.review.serve import hand_out_links, prepare_server

    def show(link: str) -> None:
        say_json({"url": link}) if as_json else say(link)
        sys.stdout.flush()  # whoever reads it through a pipe waits for it

    reviewing = prepare_server(project, reviewer=reviewer, port=port)
    if not reviewing.session.read_snapshot().shots:
        complain(
            "Nothing is recorded yet: the page stays empty until `callsheet render` has begun."
        )
    hand_out_links(reviewing, show=show, browser=browser)
    complain("Each link opens one window, once. Enter prints another; Ctrl-C ends the review.")
    reviewing.run()


def _export(project: Project, folder: Path, *, reviewer: str, as_json: bool) -> None:
    from flows.review.export import export_page
    from flows.review.snapshot import read_snapshot

    with bars():
        reporter().step("Copies for the browser")
        page = export_page(
            read_snapshot(project), folder, reviewer=reviewer, progress=reporter().count
        )
    say_json({"page": page}) if as_json else say(
        f"{shorten_path(page)} opens without a server; its notes.json comes back with --import"
    )


def _take_in(project: Project, notes: Path, *, as_json: bool) -> None:
    from flows.review.notes import import_notes

    taken = import_notes(project, notes)
    if as_json:
        say_json(taken)
        return
    for line in taken.says:
        say(line)
    for one in taken.follows:
        about = (
            f"{one['shot'] or one['line'] or one['check']}: {one['name']} {one['words']}".rstrip()
        )
        say(f"{one['who']} decided this after the notes were made; the notes count now: {about}")
    say(f"{len(taken.event_ids)} events of {taken.reviewer}")
