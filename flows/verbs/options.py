# SPDX-License-Identifier: Apache-2.0
"""Define the options that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Folder = Annotated[
    Path, typer.Argument(metavar="PRODUCTION", help="the folder with production.toml")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="where results go; default: PRODUCTION/build")
]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def group(**options: Any) -> typer.Typer:
    """A group of verbs: plain help, no completion machinery, errors as `flows.cli` reports them."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )
