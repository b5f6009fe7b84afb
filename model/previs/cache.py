# SPDX-License-Identifier: Apache-2.0
"""Cache solved portraits on disk: an uncompressed .npz of plain arrays for each.

A file is named by what it was solved from, and nothing is unpickled. A file that cannot be read is
solved again and replaced; writing is atomic, so that workers may share the folder.
"""

from __future__ import annotations

import logging
import zipfile
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.identity import digest, digest_file
from model import weights
from model.previs import VERSION
from model.previs.warp import Puppet

log = logging.getLogger(__name__)
KEPT_FILES = 200


def puppet_folder() -> Path:
    """Return the folder of solved portraits: `previs` in Callsheet's cache folder."""
    return weights.cache_folder() / layout.CACHED_PORTRAITS


def load_puppet(key: str) -> Puppet | None:
    """Load the puppet under a key, or None."""
    path = _puppet_path(key)
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        puppet = _unpack_value(Puppet, arrays, "")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        log.warning("cannot read the solved portrait %s (%s); solving it again", path, error)
        return None
    assert isinstance(puppet, Puppet)
    return puppet


def save_puppet(key: str, puppet: Puppet) -> None:
    """Save a puppet.

    A folder that cannot be written only gives a warning: the cache is a convenience.
    """
    path = _puppet_path(key)
    arrays: dict[str, np.ndarray] = {}
    _pack_value(puppet, "", arrays)
    try:
        with atomic_write(path) as partial:
            np.savez(partial, **arrays)  # type: ignore[arg-type]
        _prune_folder(path.parent)
    except OSError as error:
        log.warning("cannot save a solved portrait in %s: %s", path.parent, error)


def _puppet_path(key: str) -> Path:
    return puppet_folder() / f"{key}-{VERSION}-{_digest_sources()}.npz"


@cache
def _digest_sources() -> str:
    """Digest this package's sources: other code may solve a portrait differently."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return digest([source.name + digest_file(source) for source in sources])[:12]


def _prune_folder(kept: Path) -> None:
    files = sorted(kept.glob("*.npz"), key=lambda file: file.stat().st_mtime)
    for file in files[:-KEPT_FILES]:
        file.unlink(missing_ok=True)


def _pack_value(value: Any, name: str, arrays: dict[str, np.ndarray]) -> None:
    if is_dataclass(value):
        for field in fields(value):
            _pack_value(getattr(value, field.name), f"{name}.{field.name}", arrays)
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        for index, part in enumerate(value):
            _pack_value(part, f"{name}.{index}", arrays)
    else:
        arrays[name] = np.asarray(value)


def _unpack_value(kind: Any, arrays: dict[str, np.ndarray], name: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(
            **{
                f.name: _unpack_value(hints[f.name], arrays, f"{name}.{f.name}")
                for f in fields(kind)
            }
        )
    if get_origin(kind) is tuple and is_dataclass(get_args(kind)[0]):
        return tuple(
            _unpack_value(part, arrays, f"{name}.{index}")
            for index, part in enumerate(get_args(kind))
        )
    array = arrays[name]
    if kind in (int, float):
        return kind(array)
    return tuple(array.tolist()) if get_origin(kind) is tuple else array
