# SPDX-License-Identifier: Apache-2.0
"""Writes `schemas/v<version>/<table>` for row types whose version has no fixture yet: one row with
every field set.

Run it when a row type's version is raised (before the upgrade step is written), and commit what it
writes."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

from manifests.schema import ROW_TYPES, VERSIONS
from manifests.store import Store

SAMPLES = {str: "text", int: 7, float: 0.5, bool: True}


def main() -> None:
    """Write the missing fixtures."""
    for kind in ROW_TYPES:
        store = Store(Path(__file__).parent / "schemas" / f"v{VERSIONS[kind.__name__]}")
        if not store.has(kind):
            hints = typing.get_type_hints(kind)
            store.append(
                [
                    kind(
                        **{
                            f.name: SAMPLES.get(hints[f.name], 0.5)
                            for f in dataclasses.fields(kind)
                        }
                    )
                ]
            )


if __name__ == "__main__":
    main()
