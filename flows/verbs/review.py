# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet review`: the local page for those who sign off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.progress import get_reporter, show_progress
from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, complain, say, say_json, shorten_path
from manifests.plurals import count_nouns

if TYPE_CHECKING:
    from flows.project import Project

app = group()


Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="port on 127.0.0.1; 0: any free port")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="only print the link")]
ReviewerName = Annotated[
    str, typer.Option("--as", help="your name on decisions; default: CALLSHEET_USER or your login")
]
ExportFolder = Annotated[
    Path | None,
    typer.Option(
        "--export", metavar="FOLDER", help="write the page as a folder that opens without a server"
    ),
]
NotesFile = Annotated[
    Path | None,
    typer.Option("--import", metavar="NOTES", help="record the decisions from an exported page"),
]


@app.command()
def review(
    folder: Folder,
    out: Out = None,
    port: Port = 0,
    no_browser: NoBrowser = False,
    name: ReviewerName = "",
    export: ExportFolder = None,
    notes: NotesFile = None,
    as_json: Json = False,
) -> int:
    """Review shots on a local web page, until Ctrl-C. Only this machine can open it."""
    from flows.project import open_project
    from flows.who import current_user, parse_name

    project, reviewer = open_project(folder, out), parse_name(name) or current_user()
    if notes is not None:
        _import_notes(project, notes, by=current_user(), as_json=as_json)
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
        complain("Nothing is recorded yet; the page is empty until `callsheet render` starts.")
    hand_out_links(reviewing, show=show, browser=browser)
    complain("Each link opens one window. Press Enter for another link, Ctrl-C to end.")
    reviewing.run()


def _export(project: Project, folder: Path, *, reviewer: str, as_json: bool) -> None:
    from flows.review.export import export_page
    from flows.review.snapshot import read_snapshot

    with show_progress():
        get_reporter().step("Making copies for the browser")
        page = export_page(
            read_snapshot(project), folder, reviewer=reviewer, progress=get_reporter().count
        )
    say_json({"page": page}) if as_json else say(
        f"{shorten_path(page)} opens without a server; import its notes.json with --import"
    )


def _import_notes(project: Project, notes: Path, *, by: str, as_json: bool) -> None:
    from flows.review.notes import import_notes

    imported = import_notes(project, notes, by=by)
    if as_json:
        say_json(imported)
        return
    for line in imported.says:
        say(line)
    for entry in imported.follows:
        subject = entry["shot"] or entry["line"] or entry["check"]
        decision = f"{entry['name']} {entry['words']}".rstrip()
        say(f"{subject}: the notes override a newer decision of {entry['who']}: {decision}")
    say(f"{count_nouns(len(imported.event_ids), 'event')} of {imported.reviewer} recorded")
