# SPDX-License-Identifier: Apache-2.0
"""`evaluate`: judge a corpus and what a talker makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, print_table, say, say_json, shorten_path

if TYPE_CHECKING:
    from flows.evaluate import Evaluation

app = group()


@app.command()
def evaluate(
    corpus: Annotated[
        Path, typer.Option("--corpus", help="the folder of a prepared corpus (`corpus make`)")
    ],
    out: Annotated[Path, typer.Option("--out", help="where report.md and the record go")],
    clips: Annotated[
        Path | None,
        typer.Option(help="also judge a folder of films, CLIP.mp4 by clip id (`corpus list`)"),
    ] = None,
    talker: Annotated[
        str, typer.Option(help="also judge what a talker makes of every clip's portrait and sound")
    ] = "",
    weights: Annotated[
        str, typer.Option(help="folder of another checkpoint for --talker nano")
    ] = "",
    split: Annotated[str, typer.Option(help="whose clips: test, val, train or judge")] = "test",
    frames: Annotated[int, typer.Option(min=0, help="of each clip's middle; 0: all")] = 0,
    limit: Annotated[
        int, typer.Option(min=0, help="clips of each corpus, emotions in turn; 0: all")
    ] = 0,
    seed: Annotated[
        int, typer.Option(min=0, help="of the draw of clips, of wrong sounds, of the talker")
    ] = 0,
    train: Annotated[
        bool, typer.Option("--train", help="train this corpus' own judges first (minutes)")
    ] = False,
    foreign: Annotated[
        list[str] | None,
        typer.Option(
            help="ask too: syncnet-v2, arcface, hsemotion, i3d (their files in the cache)"
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Judge clips: emotion, identity, lip-sync, steadiness and distances, with 95 % intervals,
    beside the corpus' own clips.
    """
    from flows.evaluate import Request, evaluate
    from flows.progress import bars

    request = Request(
        corpus=corpus,
        out=out,
        clips=clips,
        talker=talker,
        weights=weights,
        split=split,
        frames=frames,
        limit=limit,
        seed=seed,
        train=train,
        foreign=tuple(foreign or ()),
    )
    with bars():
        made = evaluate(request)
    if as_json:
        say_json(made)
        return DONE
    _show(made)
    return DONE


def _show(made: Evaluation) -> None:
    """A table for each corpus, and where the report lies."""
    for name in sorted({row.corpus for row in made.scores}):
        say(f"{name} corpus")
        rows = [row for row in made.scores if row.corpus == name]
        print_table(
            ("subject", "measure", "value", "from", "to", "clips", "read against"),
            [
                (
                    r.subject,
                    r.measure,
                    r.value,
                    r.low,
                    r.high,
                    r.clips,
                    f"{r.reference:.3f} ({r.compared})"
                    if r.compared and r.reference is not None
                    else "",
                )
                for r in rows
            ],
        )
    say(f"{shorten_path(made.page.resolve())}; record in {shorten_path(made.record.resolve())}")
