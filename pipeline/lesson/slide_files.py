# SPDX-License-Identifier: Apache-2.0
"""List and name the files of slides: a PDF, or a folder of numbered pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from manifests.errors import InputError, Problem

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST_FILE, MOST_SLIDES = 512 << 20, 500
_NUMBERED = re.compile(r"(?:.*?[^0-9])?0*(?P<number>\d+)[-_ ]?(?P<letter>[a-z]?)", re.IGNORECASE)


def name_picture(file: Path) -> str:
    """Name a picture's slide: the last number in its file name and a letter after it.

    Without a number it is the whole stem, with hyphens for what no script can name.

    >>> name_picture(Path("slide-03b.png")), name_picture(Path("cover.png"))
    ('3b', 'cover')
    """
    found = _NUMBERED.fullmatch(file.stem)
    return (
        f"{found['number']}{found['letter'].lower()}"
        if found
        else re.sub(r"[^\w.-]+", "-", file.stem)[:60]
    )


def list_slide_files(path: Path) -> list[Path]:
    """List the PDF itself, or the folder's pictures in the order of their numbers.

    Raises InputError for anything else.
    """
    expected = "a PDF or a folder of pictures"
    if path.is_dir():
        return _list_pictures(path)
    if not path.is_file():
        raise InputError(Problem(file=path.name, message="no such file", expected=expected))
    if path.suffix.lower() != ".pdf":
        message = "these are not slides"
        raise InputError(
            Problem(file=path.name, message=message, expected=expected, got=path.suffix)
        )
    return [path]


def _list_pictures(folder: Path) -> list[Path]:
    pictures = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in PICTURES and not file.name.startswith(".")
    ]
    if not pictures:
        message, expected = "there are no slides in this folder", "pictures such as 01.png, 02a.png"
        raise InputError(Problem(file=folder.name, message=message, expected=expected))
    return sorted(pictures, key=_sort_key)


def check_slide_files(path: Path) -> list[str]:
    """Check the number, size and names of slide files, and return the names of pictures.

    Raises InputError with every problem. A PDF has no names here.
    """
    files = list_slide_files(path)
    names = [name_picture(file) for file in files] if path.is_dir() else []
    problems = [*_check_sizes(path, files), *_check_names(path, files, names)]
    if problems:
        raise InputError(problems)
    return names


def _check_sizes(path: Path, files: list[Path]) -> Iterator[Problem]:
    for file in files:
        if file.stat().st_size > LARGEST_FILE:
            message, expected = "the file is too large", f"at most {LARGEST_FILE >> 20} MB"
            yield Problem(file=file.name, message=message, expected=expected)
    if len(files) > MOST_SLIDES:
        message, expected = f"there are {len(files)} slides", f"at most {MOST_SLIDES}"
        yield Problem(file=path.name, message=message, expected=expected)


def _check_names(path: Path, files: list[Path], names: list[str]) -> Iterator[Problem]:
    counts = Counter(names)
    for file, name in zip(files, names, strict=False):
        if counts[name] > 1:
            message = f"two slides are called {name!r}"
            yield Problem(file=f"{path.name}/{file.name}", message=message)


def _sort_key(file: Path) -> tuple[bool, int, str, str]:
    found = _NUMBERED.fullmatch(file.stem)
    return (
        (False, int(found["number"]), found["letter"].lower(), file.name)
        if found
        else (True, 0, file.stem, file.name)
    )
