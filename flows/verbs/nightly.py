# SPDX-License-Identifier: Apache-2.0
"""The verbs of the night: do one now, or serve them on a schedule."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, complain, say, say_json

app = group()

Root = Annotated[Path, typer.Argument(metavar="ROOT", help="a folder with productions in it")]


@app.command()
def nightly(
    root: Root,
    deadline: Annotated[
        str, typer.Option(help="no shot begins later: 06:00 (local), 06:00Z, or date and time")
    ] = "",
    hours: Annotated[
        float, typer.Option(min=0, help="no shot begins later than so many hours from now")
    ] = 0,
    budget: Annotated[
        str, typer.Option(help="worker time (3600, 90m, 2h) or money (20 EUR, needs --price)")
    ] = "",
    price: Annotated[
        str,
        typer.Option(help="of one worker-hour, e.g. '1.90 EUR'; the summary then says the cost"),
    ] = "",
    ray: Annotated[
        str, typer.Option("--ray", help="address of a running Ray cluster; default: this machine")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="talkers at once; 0: one per CPU")
    ] = 0,
    depth: Annotated[
        int, typer.Option(min=0, max=12, help="how many folders below ROOT productions may lie")
    ] = 4,
    webhook: Annotated[
        str, typer.Option(envvar="CALLSHEET_WEBHOOK", help="https URL that gets the summary")
    ] = "",
    webhook_private: Annotated[
        bool, typer.Option("--webhook-private", help="the webhook may be in a private network")
    ] = False,
    as_json: Json = False,
) -> int:
    """Render what changed in every production below ROOT, within a deadline and a budget; write a
    morning summary.
    """
    from flows.night.nightly import Asked, night
    from flows.progress import bars

    # stopped by a service manager: the summary still says so
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = Asked(
        deadline=deadline,
        hours=hours,
        budget=budget,
        price=price,
        ray=ray,
        workers=workers,
        depth=depth,
        webhook=webhook,
        webhook_private=webhook_private,
    )
    with bars():
        summary = night(root, asked)
    if as_json:
        from flows.night.summary import plain

        say_json(plain(summary))
    else:
        from flows.night.summary import lines

        for line in lines(summary):
            say(line)
        if summary.message:
            complain(summary.message)
    return summary.exit_code


@app.command()
def serve(
    root: Root,
    file: Annotated[Path, typer.Option("--file", help="what runs when")] = Path(
        "infra/prefect.yaml"
    ),
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="of a Prefect server of our own, on loopback")
    ] = 4200,
    as_json: Json = False,
) -> int:
    """Serve the nights of ROOT on their schedule, with the Prefect server of PREFECT_API_URL or one
    of its own.
    """
    from flows.night.deployments import serve as serve_nights

    def announce(url: str) -> None:
        facts = {"root": root.resolve(), "prefect": url}
        say_json(facts) if as_json else say(f"Serving {root}; Prefect is at {url}. Ctrl-C ends it.")

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    serve_nights(root, file, port=port, announce=announce)
    return DONE
