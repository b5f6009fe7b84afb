# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet train`: train the emotion embedder with its bank, or a diffusion talker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, say, say_json

app = group()


Kind = Annotated[str, typer.Argument(metavar="KIND", help="embedder (with its bank) or diffusion")]
Config = Annotated[Path, typer.Option("--config", help="a settings file (TOML)")]


@app.command()
def train(kind: Kind, config: Config, as_json: Json = False) -> int:
    """Train on a corpus. A stopped training continues where it was."""
    from flows.progress import show_progress
    from flows.train import train as run

    with show_progress():
        trained = run(kind, config)
    if as_json:
        say_json(trained)
    else:
        for name, digest in trained.digests.items():
            say(f"{trained.out / name}: {digest}")
        say(f"{trained.seconds:.0f} s")
    return DONE
