# SPDX-License-Identifier: Apache-2.0
"""Run the verbs of the night: render one now, or serve them on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, Ray, Workers, group
from flows.view.screen import DONE, complain, say, say_json

app = group()

Root = Annotated[Path, typer.Argument(metavar="ROOT", help="a folder with productions in it")]


Deadline = Annotated[
    str, typer.Option(help="begin no shot after: 06:00 (local), 06:00Z, or date and time")
]
Hours = Annotated[
    float, typer.Option(min=0, help="begin no shot later than this many hours from now")
]
Budget = Annotated[
    str, typer.Option(help="worker time (3600, 90m, 2h) or money (20 EUR, needs --price)")
]
Price = Annotated[
    str, typer.Option(help="price of a worker-hour, e.g. '1.90 EUR'; adds the cost to the summary")
]
Depth = Annotated[int, typer.Option(min=0, max=12, help="folder levels below ROOT to search")]
Webhook = Annotated[
    str, typer.Option(envvar="CALLSHEET_WEBHOOK", help="https URL to send the summary to")
]
WebhookPrivate = Annotated[
    bool, typer.Option("--webhook-private", help="allow a webhook in a private network")
]


@app.command()
def nightly(
    root: Root,
    deadline: Deadline = "",
    hours: Hours = 0,
    budget: Budget = "",
    price: Price = "",
    ray: Ray = "",
    workers: Workers = 0,
    depth: Depth = 4,
    webhook: Webhook = "",
    webhook_private: WebhookPrivate = False,
    as_json: Json = False,
) -> int:
    """Render every changed production below ROOT and write a morning summary.

    The night ends at its deadline, or when its budget is spent.
    """
    from flows.night.nightly import NightOptions, run_night
    from flows.progress import show_progress

    asked = NightOptions(
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
    with show_progress():
        summary = run_night(root, asked)
    if as_json:
        from flows.night.summary import to_json_values

        say_json(to_json_values(summary))
    else:
        from flows.night.summary import format_lines

        for line in format_lines(summary):
            say(line)
        if summary.message:
            complain(summary.message)
    return summary.exit_code


Schedule = Annotated[
    Path | None, typer.Option("--file", help="another schedule, as a prefect.yaml")
]
Port = Annotated[
    int, typer.Option(min=1, max=65535, help="port of its own Prefect server, on loopback")
]


@app.command()
def serve(root: Root, file: Schedule = None, port: Port = 4200, as_json: Json = False) -> int:
    """Render the productions below ROOT every night, on a schedule.

    Uses the Prefect server at PREFECT_API_URL, or starts its own.
    """
    from flows.prefect_server import bypass_proxies, choose_prefect_home

    choose_prefect_home()
    bypass_proxies()
    from flows.night.deployments import SCHEDULE, serve_nights

    def announce(url: str) -> None:
        facts = {"root": root.resolve(), "prefect": url}
        say_json(facts) if as_json else say(
            f"Serving {root}; Prefect runs at {url}. Press Ctrl-C to stop."
        )

    serve_nights(root, file or SCHEDULE, port=port, announce=announce)
    return DONE
