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
Ray = Annotated[
    str, typer.Option("--ray", help="address of a running Ray cluster; default: this machine")
]
Workers = Annotated[int, typer.Option("--workers", min=0, help="talkers at once; 0: one per CPU")]


def group(**options: Any) -> typer.Typer:
    """Make a group of verbs with plain help; `flows.cli` reports its errors."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )
