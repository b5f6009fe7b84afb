# SPDX-License-Identifier: Apache-2.0
"""Define what `callsheet talk` can be asked for, and check it before anything is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.timebase import parse_rate
from model.emotion import EmotionError, parse_curve
from model.talker import TalkerSettings
from model.talkers import describe

MOST_FPS = 120
SUFFIXES = (".mp4", ".mov", ".mkv")
LOSSLESS_SUFFIXES = (".mkv",)
MATTE_SUFFIXES = (".mov", ".webm", ".mkv")
SHEET_SUFFIXES = (".png", ".jpg", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRequest:
    """A clip to make, from which files and how.

    `emotion` is a curve of the grammar over the whole clip. `emotion_from` is a sample of a
    performance whose emotion is used instead. `face` is chosen as in the cast sheet.
    """

    portrait: Path
    speech: Path
    out: Path
    emotion: str = "neutral"
    emotion_from: Path | None = None
    text: str | None = None
    language: str = "en"
    rate: Fraction = Fraction(25)
    seed: int = 0
    face: str = "only"
    talker: str = "previs"
    settings: TalkerSettings = field(default_factory=dict)
    lossless: bool = False
    alpha: bool = False
    track: Path | None = None
    performance_from: Path | None = None
    contact_sheet: Path | None = None


def parse_fps(text: str) -> Fraction:
    """Parse the frame rate of a clip, a usual name, a whole number or a ratio from 1 to `MOST_FPS`.

    >>> parse_fps("29.97"), parse_fps("60"), parse_fps("60000/1001")
    (Fraction(30000, 1001), Fraction(60, 1), Fraction(60000, 1001))
    """
    try:
        return parse_rate(text, file="--fps")
    except InputError:
        rate = (
            Fraction(text)
            if re.fullmatch(r"[0-9]{1,6}(/[1-9][0-9]{0,5})?", text.strip())
            else Fraction(0)
        )
        if 1 <= rate <= MOST_FPS:
            return rate
        message = f"{text!r} is not a frame rate"
        expected = f"25, 29.97, 30000/1001 or another whole number or ratio from 1 to {MOST_FPS}"
        raise InputError(Problem(file="--fps", message=message, expected=expected)) from None


def check_request(request: ClipRequest) -> str:
    """Check the whole request and return its emotion.

    Raises:
        InputError: With every problem of the request.
    """
    problems = _check_file_names(request)
    problems += _check_emotion(request)
    for _, path in _list_inputs(request):
        if not path.is_file():
            problems.append(Problem(file=str(path), message="no such file"))
    try:
        describe(request.talker, request.settings)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return request.emotion


def _check_emotion(request: ClipRequest) -> list[Problem]:
    problems = []
    try:
        parse_curve(request.emotion)
    except EmotionError as error:
        problems.append(
            Problem(
                file="--emotion", message=str(error), got=error.got, nearest=error.nearest_names
            )
        )
    if request.emotion_from and request.emotion != "neutral":
        message = "give either --emotion or --emotion-from, not both"
        problems.append(Problem(file="--emotion-from", message=message, got=request.emotion))
    return problems


def _check_file_names(request: ClipRequest) -> list[Problem]:
    """Check the names of the files to write."""
    found = [_check_suffix(request), _check_sheet_suffix(request), *_check_places(request)]
    return [problem for problem in found if problem is not None]


def _check_sheet_suffix(request: ClipRequest) -> Problem | None:
    sheet = request.contact_sheet
    if sheet is None or sheet.suffix.lower() in SHEET_SUFFIXES:
        return None
    message, expected = "not a file name for a contact sheet", " or ".join(SHEET_SUFFIXES)
    return Problem(file=str(sheet), message=message, expected=expected)


def _check_places(request: ClipRequest) -> list[Problem]:
    """Check that each file can be written where it is named, over nothing else."""
    problems = list[Problem]()
    taken = {path.resolve(): name for name, path in _list_inputs(request)}
    for path in (request.out, request.track, request.contact_sheet):
        if path is None:
            continue
        if not path.resolve().parent.is_dir():
            problems.append(Problem(file=str(path), message="its folder does not exist"))
        elif path.is_dir():
            problems.append(
                Problem(file=str(path), message="this is a folder", expected="a file name")
            )
        elif path.resolve() in taken:
            message = f"would overwrite {taken[path.resolve()]}"
            problems.append(Problem(file=str(path), message=message, expected="another name"))
        taken.setdefault(path.resolve(), "another file of this clip")
    return problems


def _check_suffix(request: ClipRequest) -> Problem | None:
    """Check that the clip's name ends with a container that can hold it."""
    kind, known = "a clip", tuple[str, ...](SUFFIXES)
    if request.lossless:
        kind, known = "a lossless clip", LOSSLESS_SUFFIXES
    elif request.alpha:
        kind, known = "a clip with a matte", MATTE_SUFFIXES
    if request.out.suffix in known:
        return None
    near = find_nearest(request.out.suffix, known)
    message = f"not a file name for {kind}"
    return Problem(
        file=str(request.out), message=message, expected=" or ".join(known), nearest=near
    )


def _list_inputs(request: ClipRequest) -> list[tuple[str, Path]]:
    named = {
        "the portrait": request.portrait,
        "the speech": request.speech,
        "the filmed performance": request.performance_from,
        "the sample of an emotion": request.emotion_from,
    }
    return [(name, path) for name, path in named.items() if path is not None]
