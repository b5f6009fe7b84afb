# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet evaluate`: measure a corpus, and what a talker makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, print_table, say, say_json, shorten_path

if TYPE_CHECKING:
    from flows.evaluate import Evaluation
    from manifests.corpus_rows import Score

app = group()


Corpus = Annotated[
    Path, typer.Option("--corpus", help="the folder of a prepared corpus (`corpus make`)")
]
Report = Annotated[Path, typer.Option("--out", help="where report.md and the record go")]
Clips = Annotated[
    Path | None,
    typer.Option(help="also evaluate a folder of films, CLIP.mp4 by clip id (`corpus list`)"),
]
Talker = Annotated[
    str, typer.Option(help="also evaluate what a talker makes of every clip's portrait and sound")
]
Weights = Annotated[str, typer.Option(help="folder of another checkpoint for --talker nano")]
Split = Annotated[str, typer.Option(help="which clips: test, val, train or judge")]
Frames = Annotated[int, typer.Option(min=0, help="frames from each clip's middle; 0: all")]
Limit = Annotated[int, typer.Option(min=0, help="clips of each corpus, emotions in turn; 0: all")]
Seed = Annotated[
    int, typer.Option(min=0, help="seed for the choice of clips and wrong sounds, and the talker")
]
Train = Annotated[
    bool, typer.Option("--train", help="train this corpus' own judges first (minutes)")
]
Foreign = Annotated[
    list[str] | None,
    typer.Option(help="also use: syncnet-v2, arcface, hsemotion, i3d (their files in the cache)"),
]


@app.command()
def evaluate(
    corpus: Corpus,
    out: Report,
    clips: Clips = None,
    talker: Talker = "",
    weights: Weights = "",
    split: Split = "test",
    frames: Frames = 0,
    limit: Limit = 0,
    seed: Seed = 0,
    train: Train = False,
    foreign: Foreign = None,
    as_json: Json = False,
) -> int:
    """Evaluate clips: emotion, identity, lip-sync, steadiness and distances.

    Values have 95 % intervals and stand beside those of the corpus' own clips.
    """
    from flows.evaluate import EvaluationRequest, evaluate
    from flows.progress import show_progress

    request = EvaluationRequest(
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
    with show_progress():
        evaluation = evaluate(request)
    if as_json:
        say_json(evaluation)
        return DONE
    _show_scores(evaluation)
    return DONE


def _show_scores(evaluation: Evaluation) -> None:
    """Print a table for each corpus, and where the report is."""
    for name in sorted({row.corpus for row in evaluation.scores}):
        say(f"{name} corpus")
        print_table(
            ("subject", "measure", "value", "from", "to", "clips", "compared with"),
            [
                (r.subject, r.measure, r.value, r.low, r.high, r.clips, _describe_reference(r))
                for r in evaluation.scores
                if r.corpus == name
            ],
        )
    page, record = (shorten_path(p.resolve()) for p in (evaluation.page, evaluation.record))
    say(f"{page}; record in {record}")


def _describe_reference(row: Score) -> str:
    known = row.compared and row.reference is not None
    return f"{row.reference:.3f} ({row.compared})" if known else ""
