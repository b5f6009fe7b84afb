# SPDX-License-Identifier: Apache-2.0
"""List and name the files of slides: a PDF, or a folder of numbered pictures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from manifests.errors import InputError, Problem

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST_FILE, MOST_SLIDES = 512 << 20, 500
_NUMBERED = re.compile(r"(?:.*?[^0-9])?0*(?P<number>\d+)[-_ ]?(?P<letter>[a-z]?)", re.IGNORECASE)


def name_picture(file: Path) -> str:
    """A picture's slide name: the last number in its file name and a letter after it, else the
    whole stem with hyphens for what no script can name.

    >>> name_of_picture(Path("slide-03b.png")), name_of_picture(Path("cover.png"))
    ('3b', 'cover')
    """
    found = _NUMBERED.fullmatch(file.stem)
    return (
        f"{found['number']}{found['letter'].lower()}"
        if found
        else re.sub(r"[^\w.-]+", "-", file.stem)[:60]
    )


def list_slide_files(path: Path) -> list[Path]:
    """The PDF itself, or the folder's pictures in the order of their numbers. Raises InputError."""
    if path.is_dir():
        pictures = [
            file
            for file in path.iterdir()
            if file.suffix.lower() in PICTURES and not file.name.startswith(".")
        ]
        if not pictures:
            raise InputError(
                Problem(
                    file=path.name,
                    message="no slides in this folder",
                    expected="pictures such as 01.png, 02a.png",
                )
            )
        return sorted(pictures, key=_sort_key)
    if not path.is_file():
        raise InputError(
            Problem(
                file=path.name, message="no such file", expected="a PDF or a folder of pictures"
            )
        )
    if path.suffix.lower() != ".pdf":
        raise InputError(
            Problem(
                file=path.name,
                message="not slides",
                expected="a PDF or a folder of pictures",
                got=path.suffix,
            )
        )
    return [path]


def check_slide_files(path: Path) -> list[str]:
    files = list_slide_files(path)
    too_large = [file for file in files if file.stat().st_size > LARGEST_FILE]
    problems = [
        Problem(
            file=file.name, message="the file is too large", expected=f"{LARGEST_FILE >> 20} MB"
        )
        for file in too_large
    ]
    if len(files) > MOST_SLIDES:
        problems.append(
            Problem(
                file=path.name, message=f"{len(files)} slides", expected=f"at most {MOST_SLIDES}"
            )
        )
    found = [name_picture(file) for file in files] if path.is_dir() else []
    twice = {name for name, times in Counter(found).items() if times > 1}
    problems += [
        Problem(file=f"{path.name}/{file.name}", message=f"two slides are called {name!r}")
        for file, name in zip(files, found, strict=False)
        if name in twice
    ]
    if problems:
        raise InputError(problems)
    return found


def _sort_key(file: Path) -> tuple[bool, int, str, str]:
    found = _NUMBERED.fullmatch(file.stem)
    return (
        (False, int(found["number"]), found["letter"].lower(), file.name)
        if found
        else (True, 0, file.stem, file.name)
    )
