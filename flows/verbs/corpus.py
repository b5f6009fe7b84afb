# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet corpus ...`: make the synthetic corpus, read a published one, list clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, SOME_FAILED, complain, print_table, say, say_json
from manifests.plurals import count_nouns

if TYPE_CHECKING:
    from flows.corpus import CorpusSummary

app = group(
    help="Prepare corpora for training: make a synthetic one, read a published one, list clips.",
    no_args_is_help=True,
)

MOST_SHOWN = 20  # clips left out that are named
Corpus = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="the corpus; existing clips are kept")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="processes at once, one thread each")]


@app.command()
def make(
    folder: Corpus,
    identities: Annotated[
        int | None, typer.Option(min=8, help="use about this many of the portraits")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="another seed gives other voices, lines and choices")
    ] = 0,
    jobs: Jobs = 2,
    only: Annotated[str, typer.Option(help="synthetic, units, or both (default)")] = "",
    as_json: Json = False,
) -> int:
    """Make the synthetic corpus from FOLDER/portraits and FOLDER/lines.

    infra/corpus.sh makes both.
    """
    from flows import corpus
    from flows.progress import show_progress

    with show_progress():
        filled = corpus.make_corpus(folder, identities=identities, seed=seed, jobs=jobs, only=only)
    return _report(filled, as_json)


@app.command()
def read(
    name: Annotated[str, typer.Argument(metavar="CORPUS", help="mead, hdtf or crema-d")],
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="the folder with its files, laid out as published"),
    ],
    folder: Corpus,
    jobs: Jobs = 2,
    as_json: Json = False,
) -> int:
    """Prepare a published corpus: faces, landmarks and sound of every usable clip.

    Clips that are left out are listed with the reason.
    """
    from flows import corpus
    from flows.progress import show_progress

    with show_progress():
        filled = corpus.prepare_corpus(name, source, folder, jobs=jobs)
    return _report(filled, as_json)


@app.command(name="list")
def list_clips(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="the corpus")],
    split: Annotated[str, typer.Option(help="train, judge, val or test; default: all")] = "",
    as_json: Json = False,
) -> int:
    """List the clips of a corpus with their ids, people, emotions and texts.

    `evaluate --clips` finds films by these ids.
    """
    from flows import corpus

    clips = corpus.list_clips(folder, split)
    if as_json:
        say_json(clips)
    else:
        columns = ("clip_id", "split", "identity", "emotion", "level", "frames", "source", "text")
        titles = ("clip", "split", "person", *columns[3:])
        print_table(titles, [[getattr(clip, name) for name in columns] for clip in clips])
    return DONE


def _report(filled: CorpusSummary, as_json: bool) -> int:
    """Print what a corpus holds now, and which clips were left out."""
    if as_json:
        say_json(filled)
    else:
        clips = count_nouns(filled.clips, "clip")
        say(f"{filled.folder}: {clips}, {filled.new} new, digest {filled.digest}")
        for reject in filled.rejects[:MOST_SHOWN]:
            complain(f"left out: {reject.subject}: {reject.reason}")
        if len(filled.rejects) > MOST_SHOWN:
            complain(f"{len(filled.rejects)} clips left out in all; the table `rejects` lists them")
    return SOME_FAILED if filled.rejects else DONE
