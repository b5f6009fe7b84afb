# SPDX-License-Identifier: Apache-2.0
"""List all weight files that Callsheet knows.

These are weights that it fetches, weights that it ships, and DICE-Talk's, which users import.
"""

from __future__ import annotations

from manifests.run_rows import ModelFile
from model import nano, weights
from model.affect import packaged
from model.dice import released
from model.weight_catalogue import CATALOGUE

CARRIED = {
    "nano": (nano.WEIGHTS, f"{nano.LABEL}, trained on made faces and synthetic speech"),
    "emotion-embedder": (packaged.PACKAGED, f"emotions from samples, {packaged.LABEL}"),
}


def list_weights() -> list[ModelFile]:
    """List one row per file or folder.

    `sha256` is "" for files that the user downloads: an import records its own.
    """
    return _list_fetched() + _list_shipped() + _list_dice_sources()


def _list_fetched() -> list[ModelFile]:
    """List the weights that Callsheet fetches."""
    return [
        ModelFile(
            name=weight.name,
            purpose=weight.purpose,
            source=f"{weight.package} {weight.version}",
            sha256=weight.sha256,
            licence=weight.licence,
            commercial=weight.commercial,
        )
        for weight in CATALOGUE
    ]


def _list_dice_sources() -> list[ModelFile]:
    """List the files of DICE-Talk, which users import."""
    return [
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


def _list_shipped() -> list[ModelFile]:
    """List the weights that this package ships."""
    return [
        ModelFile(
            name=name,
            purpose=purpose,
            source="this package",
            sha256="",
            licence="Apache-2.0",
            commercial="yes",
        )
        for name, (_, purpose) in CARRIED.items()
    ]


def are_weights_present(row: ModelFile) -> bool:
    """Tell whether the weights are in place."""
    if row.name in CARRIED:
        return CARRIED[row.name][0].is_dir()
    if any(weight.name == row.name for weight in CATALOGUE):
        return weights.is_present(row.name)
    return (released.locate_weights() / released.RECORD).is_file()
