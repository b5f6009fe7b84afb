# SPDX-License-Identifier: Apache-2.0
"""The production file: what `production.toml` may say, every default in one place, every mistake
with its key and line.

It names inputs and settings; it reads none of them (that is `script`, `cast`, `consent`, `ingest`).
Every path it names lies inside the production's folder: absolute paths, `..` and links that lead
outside are refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from manifests.errors import InputError, Problem, find_nearest
from pipeline.script import tables as sheets
from pipeline.script.settings import (
    SHOT_REFERENCE,
    ConsentTable,
    CutTable,
    DeliveryTable,
    FarmTable,
    GenerateTable,
    LayoutTable,
    LessonTable,
    LicencesTable,
    ListenTable,
    LookTable,
    Rate,
    SettingsTable,
    Size,
    StorageTable,
    Text,
)

FILE = "production.toml"
# characters of a path, bytes of one name: more than file systems take
_LONGEST_PATH, _LONGEST_NAME = 1000, 255
_LONGEST_FILE = 1 << 20  # bytes of a production file
_MESSAGES = {
    "too_short": "write at least one in the list",
    "string_pattern_mismatch": "write a language code, such as en, de or zh-Hans",
    "string_type": "write a text in quotes",
    "list_type": "write a list, such as [...]",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
}  # in plainer words than pydantic's
# a protocol (https:, concat:), a drive, a share, somebody's home
_NO_PATH = re.compile(r"[\w+.,-]+:|\\|~")


def resolve_inside(folder: Path, relative: str) -> Path:
    """The file that `relative` names inside `folder`; it need not exist. Raises ValueError, with a
    reason for people, when it leads out.

    Names that begin with `-` are refused too: to an engine they would be options.
    """
    pure = PurePosixPath(relative)
    if not relative.strip() or not pure.parts:
        raise ValueError("an empty path")
    if len(relative) > _LONGEST_PATH or any(
        len(part.encode()) > _LONGEST_NAME for part in pure.parts
    ):
        raise ValueError(f"a path of {len(relative)} characters is too long to be a file's")
    if pure.is_absolute() or _NO_PATH.match(relative):
        raise ValueError(f"{relative!r} is not a path inside the production's folder")
    if ".." in pure.parts:
        raise ValueError(f"{relative!r} leaves the production's folder")
    if any(part.startswith("-") for part in pure.parts):
        raise ValueError(f"{relative!r} begins with '-' and would be taken for an option")
    if any(ord(letter) < 32 for letter in relative):
        raise ValueError(f"{relative!r} holds a control character")
    path = folder / pure
    try:
        within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise ValueError(f"{relative!r} is a link that leads nowhere") from error
    if not within:
        raise ValueError(f"{relative!r} is a link that leads outside the production's folder")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableFile:
    """Why a named file cannot be taken, in the words of a Problem."""

    message: str
    expected: str | None = None
    nearest: str | None = None


def locate(folder: Path, relative: str) -> Path | UnusableFile:
    """The existing file that `relative` names inside `folder`, or why there is none and which names
    are like it.
    """
    try:
        path = resolve_inside(folder, relative)
    except ValueError as error:
        return UnusableFile(
            message=str(error), expected="a relative path inside the production's folder"
        )
    if path.is_file():
        return path
    place = path.parent if path.parent.is_dir() else folder
    names = sorted(
        str(p.relative_to(folder)) for p in place.iterdir() if not p.name.startswith(".")
    )
    return UnusableFile(message=f"no such file {relative!r}", nearest=find_nearest(relative, names))


class Production(SettingsTable):
    """A production as its file describes it; paths are text relative to `folder` until `path`
    resolves them.
    """

    folder: Annotated[Path, Field(exclude=True)] = Path()
    title: Text
    """The production's title, as it stands in the files that are delivered."""
    episode: Text = "1"
    """The episode's name."""
    kind: Literal["episode", "lesson"] = "episode"
    """What is made: an episode from a script, or a lesson from slides and a script."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """Language of lines that name none (BCP 47). What the recogniser does not know is matched by
    turns alone."""
    rate: Rate = Fraction(25)
    """Frames per second: 24, 25, 30, 50, "23.976", "29.97" or a fraction such as "30000/1001"."""
    size: Size = "1280x720"
    """Width and height of the delivered picture, both even."""
    script: str = "script.fountain"
    """The script: Fountain, or a line sheet (.csv, .xlsx); of a lesson Markdown (.md), or a line
    sheet."""
    cast: str = "cast.csv"
    """The actor sheet (.csv, .xlsx, .yaml)."""
    consents: str = "consents.csv"
    """Who allowed what."""
    emotions: str = ""
    """A table `word, emotion` that extends the words for emotions
    (`pipeline/script/emotion_synonyms.csv`)."""
    recordings: Annotated[list[str], Field(min_length=1, max_length=1000)]
    """The recorded dialogue, in the order of the timeline."""
    talker: Literal["previs", "dice", "nano"] = "previs"
    """Who draws the frames: `previs` (any CPU), `dice` (DICE-Talk) or `nano` (the diffusion
    demonstration)."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """What a night renders first: higher before lower."""
    talker_settings: dict[str, str | int | float | bool] = {}  # noqa: RUF012 - pydantic copies it
    """Settings of the talker, see docs/previs.md, docs/dice.md and docs/nano.md."""
    listen: ListenTable = ListenTable()
    cut: CutTable = CutTable()
    layout: LayoutTable = LayoutTable()
    look: LookTable = LookTable()
    delivery: DeliveryTable = DeliveryTable()
    consent: ConsentTable = ConsentTable()
    generate: GenerateTable = GenerateTable()
    lesson: LessonTable = LessonTable()
    farm: FarmTable = FarmTable()
    storage: StorageTable = StorageTable()
    licences: LicencesTable = LicencesTable()

    @property
    def width(self) -> int:
        """Pixels across of the delivered picture."""
        return int(self.size.partition("x")[0])

    @property
    def height(self) -> int:
        """Pixels down of the delivered picture."""
        return int(self.size.partition("x")[2])

    def resolve_path(self, relative: str) -> Path:
        """Where a path of the production file lies; `load` has checked that it is inside the
        folder.
        """
        return resolve_inside(self.folder, relative)

    def list_files(self) -> Iterator[tuple[str, str]]:
        """Key and relative path of every file that the production names. `consents` counts only
        when consent is required.
        """
        yield "script", self.script
        yield "cast", self.cast
        if self.consent.required:
            yield "consents", self.consents
        if self.emotions:
            yield "emotions", self.emotions
        if self.look.reference and not self.look.reference.startswith(SHOT_REFERENCE):
            yield "look.reference", self.look.reference
        for recording in self.recordings:
            yield "recordings", recording


def load(folder: Path) -> Production:
    """Read `folder/production.toml`. Raises InputError with every wrong key, value and missing
    file, each with its line.
    """
    production, problems = read(folder)
    if problems or production is None:
        raise InputError(problems)
    return production


def read(folder: Path) -> tuple[Production | None, list[Problem]]:
    """What `folder/production.toml` says as far as it can be understood, and every wrong key, value
    and missing file, with its line.

    What is wrong stands at its default, so that what is right and the files beside it can be
    checked all the same; None where too little is left. Raises InputError when there is no such
    file or it is no TOML.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(_not_a_production(folder))
    text = sheets.read_text(path, maximum=_LONGEST_FILE)
    values = _toml(text)
    try:
        production = Production.model_validate({**values, "folder": folder})
    except ValidationError as error:
        details = error.errors()
        problems = [_problem(detail, text) for detail in details]
        rest = _understood(values, details, folder)
        return rest, problems + (
            _absent(rest, text, passing={str(detail["loc"][0]) for detail in details})
            if rest
            else []
        )
    return production, [*_absent(production, text), *_unfit_for_its_kind(production, text)]


def _not_a_production(folder: Path) -> Problem:
    if folder.is_file():
        message, expected = (
            "this is a file, not a production's folder",
            f"the folder that holds {FILE}",
        )
        return Problem(file=str(folder), message=message, expected=expected)
    message = "no such file: this folder is not a production"
    expected = f"a folder with {FILE} (callsheet init DIR makes one)"
    return Problem(file=str(folder / FILE), message=message, expected=expected)


def _understood(
    values: dict[str, Any], details: list[ErrorDetails], folder: Path
) -> Production | None:
    """The production without the keys that are wrong; a missing or wrong title or recording is made
    up.
    """
    made_up: dict[str, Any] = {"title": "?", "recordings": ["?"]}
    wrong = {str(detail["loc"][0]) for detail in details}
    right = {key: value for key, value in values.items() if key not in wrong}
    try:
        return Production.model_validate({**made_up, **right, "folder": folder})
    except ValidationError:  # keys that fit only each other
        return None


def _absent(production: Production, text: str, *, passing: Container[str] = ()) -> list[Problem]:
    """The files that a production names and that are not there; of a file with wrong keys only
    those that it writes itself.
    """
    return [
        Problem(
            file=FILE,
            line=_line_of(text, key),
            column=key,
            message=found.message,
            expected=found.expected,
            nearest=found.nearest,
        )
        for key, relative in production.list_files()
        if not (passing and (key in passing or _line_of(text, key) is None))
        and isinstance(found := locate(production.folder, relative), UnusableFile)
    ]


def _unfit_for_its_kind(production: Production, text: str) -> Iterator[Problem]:
    """What a lesson lacks or cannot have, and a `[lesson]` table in an episode."""
    slides = production.lesson.slides

    def wrong(key: str, message: str, **facts: str | None) -> Problem:
        return Problem(file=FILE, line=_line_of(text, key), column=key, message=message, **facts)  # type: ignore[arg-type]

    if production.kind != "lesson":
        if slides:
            yield wrong("lesson.slides", "an episode has no slides", expected='kind = "lesson"')
        return
    others = sorted(set(production.delivery.profiles) - {"web", "master"})
    if others:
        yield wrong(
            "delivery.profiles",
            f"a lesson is not made as {', '.join(others)}",
            expected="web, master",
        )
    yield from (
        wrong(key, "lessons are made without this so far") for key in _not_in_lessons(production)
    )
    found = (
        locate(production.folder, slides)
        if slides
        else UnusableFile(message="a lesson needs slides", expected="a PDF or a folder")
    )
    if isinstance(found, UnusableFile) and not (slides and _is_folder(production.folder, slides)):
        yield wrong("lesson.slides", found.message, expected=found.expected, nearest=found.nearest)


def _not_in_lessons(production: Production) -> Iterator[str]:
    """Keys of an episode's finishing that are set and would be passed over in a lesson."""
    for name in ("label", "burn_captions", "watermark", "slate_seconds", "end_card_seconds"):
        if getattr(production.delivery, name):
            yield f"delivery.{name}"
    if production.layout != LayoutTable():
        yield "layout"


def _is_folder(folder: Path, relative: str) -> bool:
    try:
        return resolve_inside(folder, relative).is_dir()
    except ValueError:
        return False


def _toml(text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else text.count("\n") + 1
        raise InputError(
            Problem(file=FILE, line=number, message=f"not valid TOML: {reason or error}")
        ) from error
    except RecursionError as error:
        raise InputError(
            Problem(file=FILE, message="nested too deep", expected="tables of plain values")
        ) from error
    if "folder" in values:
        raise InputError(
            Problem(
                file=FILE, line=_line_of(text, "folder"), column="folder", message="unknown key"
            )
        )
    return values


def _problem(detail: ErrorDetails, text: str) -> Problem:
    names = [str(part) for part in detail["loc"]]
    key = ".".join(names)
    line = _line_of(text, key)
    if detail["type"] == "extra_forbidden":
        known = _keys(names[:-1])
        near = find_nearest(names[-1], known)
        return Problem(
            file=FILE,
            line=line,
            column=key,
            message="unknown key",
            nearest=near,
            expected=None if near else _either(known),
        )
    if detail["type"] == "missing":
        return Problem(file=FILE, column=key, message="this key is missing")
    got = repr(detail["input"])
    if detail["type"] == "literal_error":
        known = [name.strip("'") for name in re.split(r", | or ", detail["ctx"]["expected"])]
        near = find_nearest(str(detail["input"]), known)
        return Problem(
            file=FILE,
            line=line,
            column=key,
            message="not one of the choices",
            expected=_either(known),
            got=got,
            nearest=near,
        )
    if detail["type"] == "model_type":
        message, expected = (
            "this is a table of keys, not a value",
            f"a line [{key}], and its keys below",
        )
        return Problem(
            file=FILE, line=line, column=key, message=message, expected=expected, got=got
        )
    message = _MESSAGES.get(detail["type"]) or detail["msg"].removeprefix(
        "Value error, "
    ).removeprefix("Input ")
    return Problem(file=FILE, line=line, column=key, message=message, got=got)


def _either(names: list[str]) -> str:
    return "one of " + ", ".join(names)


def _keys(tables: list[str]) -> list[str]:
    model: type[BaseModel] = Production
    for name in tables:
        annotation = model.model_fields[name].annotation
        model = (
            annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel)
            else model
        )
    return [name for name in model.model_fields if name != "folder"]


def _line_of(text: str, key: str) -> int | None:
    """The line on which a key such as `cut.minimum_shot_seconds` or `recordings.0` stands: a
    search, since tomllib keeps no places.
    """
    table, wanted = "", _without_indices(key)
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1] + "."
            if header[1] == wanted:
                return number
        elif (entry := re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)) and table + entry[
            1
        ] == wanted:
            return number
    parent = wanted.rpartition(".")[0]
    return _line_of(text, parent) if parent else None


def _without_indices(key: str) -> str:
    return ".".join(part for part in key.split(".") if not part.isdigit())


def as_plain(production: Production) -> Mapping[str, Any]:
    """Every setting with its value, defaults included, for the record and for `plan --json`."""
    return production.model_dump(mode="json")
