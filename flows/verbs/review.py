# SPDX-License-Identifier: Apache-2.0
"""`callsheet review`: the local page for those who sign off."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.verbs.options import DONE, Folder, Json, Out, group
from flows.view.screen import complain, say, say_json

app = group()


@app.command()
def review(
    folder: Folder,
    out: Out = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="on 127.0.0.1; 0: any that is free")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only print the link")] = False,
    name: Annotated[
        str, typer.Option("--as", help="whose decisions they are; default: CALLSHEET_USER or your login")
    ] = "",
    as_json: Json = False,
) -> int:
    """Open the page where shots are looked at and decided about. It works on this machine only, until Ctrl-C."""
    from flows.film import open_film
    from flows.review.serve import hand_out, prepare
    from flows.who import me

    reviewing = prepare(open_film(folder, out), reviewer=name or me(), port=port)
    show = (lambda link: say_json({"url": link})) if as_json else say
    hand_out(reviewing, show=show, browser=not no_browser)
    if not as_json:
        complain("Each link opens one window, once. Enter prints another; Ctrl-C ends the review.")
    reviewing.run()
    return DONE
