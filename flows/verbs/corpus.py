# SPDX-License-Identifier: Apache-2.0
"""The verbs about corpora for training: make the synthetic one, read a published one, list the
clips of either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, SOME_FAILED, complain, print_table, say, say_json

app = group(
    help="Corpora for training: make the synthetic one, read a published one, list clips.",
    no_args_is_help=True,
)

MOST_SHOWN = 20
Corpus = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="the corpus; what is there already is kept")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="processes at once, one thread each")]


@app.command()
def make(
    folder: Corpus,
    identities: Annotated[
        int | None, typer.Option(min=8, help="use about so many of the portraits")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="another seed: other voices, lines and draws")
    ] = 0,
    jobs: Jobs = 2,
    only: Annotated[str, typer.Option(help="synthetic, units, or both (default)")] = "",
    as_json: Json = False,
) -> int:
    """Make the synthetic corpus from FOLDER/portraits and FOLDER/lines (infra/corpus.sh makes
    those).
    """
    from flows import corpus
    from flows.progress import bars

    with bars():
        made = corpus.make(folder, identities=identities, seed=seed, jobs=jobs, only=only)
    return _told(made, as_json)


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
    """Prepare a published corpus: faces, landmarks and sound of every clip that fits; the others
    are listed with their reason.
    """
    from flows import corpus
    from flows.progress import bars

    with bars():
        filled = corpus.read(name, source, folder, jobs=jobs)
    return _told(filled, as_json)


@app.command(name="list")
def listed(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="the corpus")],
    split: Annotated[str, typer.Option(help="train, judge, val or test; default: all")] = "",
    as_json: Json = False,
) -> int:
    """List the clips of a corpus: the ids by which `evaluate --clips` knows films, whose they are,
    and what is felt and said.
    """
    from flows import corpus

    clips = corpus.listed(folder, split)
    if as_json:
        say_json(clips)
    else:
        print_table(
            ("clip", "split", "person", "emotion", "level", "frames", "source", "text"),
            [
                (
                    clip.clip_id,
                    clip.split,
                    clip.identity,
                    clip.emotion,
                    clip.level,
                    clip.frames,
                    clip.source,
                    clip.text,
                )
                for clip in clips
            ],
        )
    return DONE


def _told(filled: object, as_json: bool) -> int:
    from flows.corpus import Filled

    assert isinstance(filled, Filled)
    if as_json:
        say_json(filled)
    else:
        say(
            f"{filled.folder}: {filled.clips} clips, {filled.new} of them new, digest {filled.digest}"
        )
        for reject in filled.rejects[:MOST_SHOWN]:
            complain(f"left out: {reject.subject}: {reject.reason}")
        if len(filled.rejects) > MOST_SHOWN:
            complain(f"left out: {len(filled.rejects)} in all; the record's rejects name them")
    return SOME_FAILED if filled.rejects else DONE
