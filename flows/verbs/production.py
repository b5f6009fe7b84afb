# SPDX-License-Identifier: Apache-2.0
"""Run the verbs about a production, from init and plan to maintain, repair and query.

Engines are imported inside the verbs that need them.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Folder, Json, Out, Ray, Workers, group
from flows.view.damage import say_damage
from flows.view.screen import DONE, SOME_FAILED, print_table, say, say_json
from manifests.plurals import count_nouns

app = group()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to create")],
    as_json: Json = False,
) -> int:
    """Create a small production that renders at once; replace its files with your own."""
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
    inputs: Annotated[bool, typer.Option("--inputs", help="only check the input files")] = False,
    as_json: Json = False,
) -> int:
    """Show what would be rendered and why, and how long it would take.

    Listens to the recordings first if that has not been done yet.
    """
    from flows.view import plan as plan_view

    return plan_view.show_plan(folder, out=out, only_inputs=inputs, as_json=as_json)


@app.command()
def listen(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Show who says which line when, and which lines to check by ear.

    Writes cues.csv for your corrections, and the speaker turns as RTTM.
    """
    from flows.view import listen as listen_view

    return listen_view.show_listening(folder, out=out, as_json=as_json)


Wait = Annotated[
    float, typer.Option("--wait", min=0, help="seconds to wait for another run to end")
]


@app.command()
def render(
    folder: Folder,
    out: Out = None,
    ray: Ray = "",
    workers: Workers = 0,
    wait: Wait = 0,
    as_json: Json = False,
) -> int:
    """Render the production: listen, cut, generate, colour-match, assemble, deliver, check."""
    from flows import render as rendering

    return rendering.render(
        folder, out=out, ray=ray, workers=workers, wait_seconds=wait, as_json=as_json
    )


@app.command()
def status(
    folder: Folder,
    out: Out = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="keep watching until the run is over, from any machine")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show the states of the shots, who works on what, the versions, and failures."""
    from flows.view import status as status_view

    return status_view.show_status(folder, out=out, watch=watch, as_json=as_json)


@app.command()
def drain(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Finish the shots in progress, then stop. The next render continues from there."""
    from flows.ledger import live_decisions, record
    from flows.project import open_project
    from flows.who import current_user

    project = open_project(folder, out)
    run = record.find_newest_run(project)
    goes_on = run is not None and not run.is_over
    if goes_on:
        episode = project.production.episode
        project.store.append([live_decisions.new_drain_request(episode, by=current_user())])
    if as_json:
        say_json({"drained": goes_on})
    else:
        say("the run will stop after the shots in progress" if goes_on else "no render is running")
    return DONE


AllTables = Annotated[bool, typer.Option("--all", help="include tables with few small files")]
KeepHours = Annotated[
    int,
    typer.Option("--keep-hours", min=1, help="keep files that readers may still need for so long"),
]


@app.command()
def maintain(
    folder: Folder,
    out: Out = None,
    every: AllTables = False,
    keep: KeepHours = 24,
    as_json: Json = False,
) -> int:
    """Compact the record: join small files, delete files that nobody reads any more.

    Renders may run meanwhile.
    """
    from flows.project import open_project
    from manifests.upkeep import MANY_FILES, maintain_tables

    kept = maintain_tables(
        open_project(folder, out).store, many=2 if every else MANY_FILES, keep_hours=keep
    )
    if as_json:
        say_json(kept)
    else:
        for row in kept:
            files = count_nouns(row.before, "file")
            say(f"{row.table}: {files}, now {row.after}; {row.deleted} deleted")
        say("the record is compact" if kept else "nothing to join: every table has few files")
    return DONE


Yes = Annotated[bool, typer.Option("--yes", help="repair; otherwise only tell what is damaged")]


@app.command()
def repair(folder: Folder, out: Out = None, yes: Yes = False, as_json: Json = False) -> int:
    """Restore a damaged record: the newest state that can still be read.

    Lists what is lost, and keeps damaged tables aside. Takes come back from the rows that lie
    beside their files.
    """
    from flows.lease import hold_lease
    from flows.project import adopt_orphans, open_project
    from manifests.repair import examine_record, repair_record

    project = open_project(folder, out)
    if yes:
        with hold_lease(project.root, purpose="repair"):
            damaged = repair_record(project.store)
            adopted = adopt_orphans(open_project(folder, out))
    else:
        adopted = 0
        damaged = examine_record(project.store)
    if as_json:
        say_json({"repaired": yes, "tables": damaged, "adopted_takes": adopted})
    else:
        say_damage(damaged, repaired=yes, adopted=adopted)
    return SOME_FAILED if damaged and not yes else DONE


Select = Annotated[
    str, typer.Argument(metavar="SELECT", help="one SELECT over the tables of the record")
]


Seconds = Annotated[
    float, typer.Option(min=0.1, max=86400.0, help="stop a query that takes longer")
]


@app.command()
def query(
    folder: Folder, sql: Select, out: Out = None, seconds: Seconds = 60.0, as_json: Json = False
) -> int:
    """Query the record with SQL, read-only.

    SQL cannot read other files or reach a network. An answer has at most a million rows.
    """
    from flows.project import open_project
    from manifests.query import run_query as ask

    answer = ask(open_project(folder, out).store, sql, seconds=seconds)
    if as_json:
        say_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    else:
        print_table(answer.columns, answer.rows)
    return DONE
