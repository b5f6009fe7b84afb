# SPDX-License-Identifier: Apache-2.0
"""All weight files that Callsheet knows of: those it fetches itself, and DICE-Talk's, which their user downloads and imports."""

from __future__ import annotations

from manifests.rows import ModelFile
from model import weights
from model.dice import released


def inventory() -> list[ModelFile]:
    """One row a file or folder. `sha256` is "" for what the user downloads: an import records its own."""
    own = [
        ModelFile(
            name=weight.name,
            purpose=weight.purpose,
            source=f"{weight.package} {weight.version}",
            sha256=weight.sha256,
            licence=weight.licence,
            commercial=weight.commercial,
        )
        for weight in weights.CATALOGUE
    ]
    dice = [
        ModelFile(
            name=source.path,
            purpose=f"DICE-Talk ({', '.join(source.becomes)})",
            source=source.origin,
            sha256="",
            licence=source.licence,
            commercial=source.commercial,
        )
        for source in (*released.SOURCES, released.EMOTIONS)
    ]
    return own + dice


def is_here(row: ModelFile) -> bool:
    """Whether the weights are in place."""
    if any(weight.name == row.name for weight in weights.CATALOGUE):
        return weights.present(row.name)
    return (released.folder() / released.RECORD).is_file()
