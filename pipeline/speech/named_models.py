# SPDX-License-Identifier: Apache-2.0
"""Check and identify models that a production names instead of the default weights.

A folder is identified by the bytes in it, wherever it lies, so the same model never listens to the
same sound twice. A name on the hub is identified by its name and revision. Nothing is loaded here.
Loading unpickles, so a production must only name models that it trusts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import digest, digest_file

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
# how a pyannote pipeline names what lies beside its config.yaml
PART = re.compile(r"\$model/([^\s@'\"#,}\]]+)")
RECOGNISER_FILES = ("model.bin", "config.json", "tokenizer.json")
NOT_MODEL = (".md", ".txt.license", ".gitattributes", ".gitignore")


def resolve_pipeline(text: str, *, folder: Path) -> str:
    """Resolve `[listen] diarization` to a pyannote pipeline: "" (default), a path or a hub name.

    `folder`: what relative paths are relative to. Raises InputError for a folder that is missing or
    incomplete.
    """
    if not text:
        return ""
    place = _resolve_path(text, folder)
    if not place.exists() and HUB_NAME.fullmatch(text):
        return text
    _check_folder(
        place,
        text,
        "diarization",
        expected="a folder with config.yaml, or a name such as owner/name",
    )
    _check_files(place, ["config.yaml", *_list_parts(place / "config.yaml")], "a pyannote pipeline")
    return str(place)


def _list_parts(config: Path) -> list[str]:
    if not config.is_file():
        return []
    return PART.findall(config.read_text(encoding="utf-8", errors="replace"))


def resolve_recogniser(text: str, *, folder: Path) -> str:
    """Resolve `[listen] recogniser` to a folder with a Whisper model, "" for the default.

    The model is in CTranslate2's format. As `resolve_pipeline`, but never a name on the hub.
    """
    if not text:
        return ""
    place = _resolve_path(text, folder)
    _check_folder(
        place,
        text,
        "recogniser",
        expected=f"a folder with {', '.join(RECOGNISER_FILES)} and vocabulary.*",
    )
    _check_files(
        place,
        [*RECOGNISER_FILES, *([] if list(place.glob("vocabulary.*")) else ["vocabulary.json"])],
        "a recogniser",
    )
    return str(place)


def identify_model(model: str) -> str:
    """Identify a folder of weights by its names and bytes, or a model on the hub by its name."""
    place = Path(model)
    if not place.is_dir():
        return model
    files = sorted(
        path
        for path in place.rglob("*")
        if path.is_file() and _is_model_file(path.relative_to(place))
    )
    return digest(
        {path.relative_to(place).as_posix(): _digest(path, *_read_state(path)) for path in files}
    )


def _read_state(path: Path) -> tuple[int, int]:
    """Read what changes when a file does: its size and modification time."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@functools.cache
def _digest(path: Path, _bytes: int, _changed: int) -> str:
    """Digest a file once a process: keys of steps ask for gigabytes again and again."""
    return digest_file(path)


def _is_model_file(path: Path) -> bool:
    return not path.name.endswith(NOT_MODEL) and not any(
        part.startswith(".") for part in path.parts
    )


def _resolve_path(text: str, folder: Path) -> Path:
    return (folder / Path(text).expanduser()).resolve()


def _check_folder(place: Path, text: str, column: str, *, expected: str) -> None:
    if place.is_dir():
        return
    beside = (
        [path.name for path in place.parent.iterdir() if path.is_dir()]
        if place.parent.is_dir()
        else []
    )
    message = f"[listen] {column}: no such folder {text!r}"
    raise InputError(
        Problem(
            file=str(place),
            message=message,
            expected=expected,
            nearest=find_nearest(place.name, beside),
        )
    )


def _check_files(place: Path, names: Iterable[str], what: str) -> None:
    missing = [name for name in names if not (place / name).exists()]
    if missing:
        message = f"this folder does not hold {what}"
        raise InputError(
            Problem(
                file=str(place),
                message=message,
                expected=", ".join(names),
                got=f"no {', no '.join(missing)}",
            )
        )
