# SPDX-License-Identifier: Apache-2.0
"""`callsheet train`: make the parts that users may want of their own data: the emotion embedder
with its bank, and diffusion.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, say, say_json

app = group()


@app.command()
def train(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="embedder (with its bank) or diffusion")
    ],
    config: Annotated[
        Path, typer.Option("--config", help="a settings file (TOML); see docs/training.md")
    ],
    as_json: Json = False,
) -> int:
    """Train on a corpus; a training that was stopped goes on where it was."""
    from flows.progress import bars
    from flows.train import train as run

    with bars():
        trained = run(kind, config)
    if as_json:
        say_json(trained)
    else:
        for name, digest in trained.digests.items():
            say(f"{trained.out / name}: {digest}")
        say(f"{trained.seconds:.0f} s")
    return DONE
