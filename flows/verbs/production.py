# SPDX-License-Identifier: Apache-2.0
"""The verbs about a production: begin, plan, listen, render, look. Engines are imported inside the
verbs that need them.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, print_table, say, say_json

app = group()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a new folder")],
    as_json: Json = False,
) -> int:
    """Write a small production that renders as it is; replace its files by your own."""
    from flows.starter import write_starter

    written = write_starter(folder)
    say_json({"written": written}) if as_json else say(
        f"{folder}: {len(written)} files. Next: callsheet render {shlex.quote(str(folder))}"
    )
    return DONE


@app.command()
def plan(
    folder: Folder,
    out: Out = None,
    inputs: Annotated[bool, typer.Option("--inputs", help="only check every input file")] = False,
    as_json: Json = False,
) -> int:
    """Show what would be rendered and why, and how long it would take. Listens first when that is
    not cached.
    """
    from flows.view import plan as plan_view

    return plan_view.show_plan(folder, out=out, only_inputs=inputs, as_json=as_json)


@app.command()
def listen(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Show who says which line when and what needs an ear; write cues.csv to correct it, and the
    turns as RTTM.
    """
    from flows.view import listen as listen_view

    return listen_view.show_listening(folder, out=out, as_json=as_json)


@app.command()
def render(
    folder: Folder,
    out: Out = None,
    ray: Annotated[
        str, typer.Option("--ray", help="address of a running Ray cluster; default: this machine")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="talkers at once; 0: one per CPU")
    ] = 0,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="seconds to wait for another run on it to end")
    ] = 0,
    as_json: Json = False,
) -> int:
    """Render the production: listen, cut, generate, colour-match, assemble, deliver, check."""
    from flows import render as overview

    return overview.render(
        folder, out=out, ray=ray, workers=workers, wait_seconds=wait, as_json=as_json
    )


@app.command()
def status(
    folder: Folder,
    out: Out = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="go on until the run is over; from any machine")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show what the record says: shots and their states, who makes what since when, versions,
    failures.
    """
    from flows.view import status as watching

    return watching.show_status(folder, out=out, watch=watch, as_json=as_json)


@app.command()
def drain(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Let a render that goes on finish what its workers make and begin nothing more; the next
    render goes on from there.
    """
    from flows.ledger import live_decisions, record
    from flows.project import open_project

    project = open_project(folder, out)
    run = record.find_newest_run(project)
    goes_on = run is not None and not run.is_over
    if goes_on:
        live_decisions.request_drain(project)
    if as_json:
        say_json({"drained": goes_on})
    else:
        say(
            "the run ends when its workers have made what they make now"
            if goes_on
            else "nobody renders this"
        )
    return DONE


@app.command()
def maintain(
    folder: Folder,
    out: Out = None,
    every: Annotated[bool, typer.Option("--all", help="also tables with few small files")] = False,
    keep: Annotated[
        int,
        typer.Option("--keep-hours", min=1, help="files that readers may need are kept so long"),
    ] = 24,
    as_json: Json = False,
) -> int:
    """Join the record's small files and delete those that nobody reads any more; renders may go on
    meanwhile.
    """
    from flows.project import open_project
    from manifests.upkeep import MANY_FILES, maintain_tables

    kept = maintain_tables(
        open_project(folder, out).store, many=2 if every else MANY_FILES, keep_hours=keep
    )
    if as_json:
        say_json(kept)
    else:
        for table_kept in kept:
            say(
                f"{table_kept.table}: {table_kept.before} files, now {table_kept.after}; {table_kept.deleted} deleted"
            )
        say("the record is kept" if kept else "nothing to join: every table has few files")
    return DONE


@app.command()
def query(
    folder: Folder,
    sql: Annotated[
        str,
        typer.Argument(metavar="SELECT", help="one SELECT over the manifests (docs/manifests.md)"),
    ],
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Ask the manifests, read-only."""
    from flows.project import open_project
    from manifests.query import run_query as ask

    answer = ask(open_project(folder, out).store, sql)
    if as_json:
        say_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    else:
        print_table(answer.columns, answer.rows)
    return DONE
