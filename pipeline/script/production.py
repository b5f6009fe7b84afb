# SPDX-License-Identifier: Apache-2.0
"""Read `production.toml`: the inputs and settings of a production, with every default in one place.

The file names inputs; `script`, `cast`, `consent` and `ingest` read them. Its tables are in
`settings`, the paths it may name in `file_paths`, the words for its mistakes in
`settings_problems`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from manifests.errors import InputError, Problem
from pipeline.script.file_paths import UnusableFile, locate, resolve_inside
from pipeline.script.settings import (
    FILE,
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
from pipeline.script.settings_problems import describe_error, find_line, parse_toml
from pipeline.script.text_files import read_text

_LONGEST_FILE = 1 << 20  # bytes of a production file


class Production(SettingsTable):
    """A production as its file describes it.

    Paths are text, relative to `folder`, until `resolve_path` resolves them.
    """

    folder: Annotated[Path, Field(exclude=True)] = Path()
    title: Text
    """The production's title, as it stands in the files that are delivered."""
    episode: Text = "1"
    """The episode's name."""
    kind: Literal["episode", "lesson"] = "episode"
    """The kind of production: an episode from a script, or a lesson from slides and a script."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """Language of lines that name none (BCP 47). Lines in a language that the recogniser does not
    know are matched by turns alone."""
    rate: Rate = Fraction(25)
    """Frames per second: 24, 25, 30, 50, "23.976", "29.97" or a fraction such as "30000/1001"."""
    size: Size = "1280x720"
    """Width and height of the delivered picture, both even."""
    script: str = "script.fountain"
    """The script: Fountain or a line sheet (.csv, .xlsx); for a lesson, Markdown (.md) or a line
    sheet."""
    cast: str = "cast.csv"
    """The actor sheet (.csv, .xlsx, .yaml)."""
    consents: str = "consents.csv"
    """The sheet of consents: who allowed the use of their likeness or voice."""
    emotions: str = ""
    """A table `word, emotion` that adds words for emotions
    (`pipeline/script/emotion_synonyms.csv`)."""
    recordings: Annotated[list[str], Field(min_length=1, max_length=1000)]
    """The recorded dialogue, in the order of the timeline."""
    talker: Literal["previs", "dice", "nano"] = "previs"
    """The talker that draws the frames: `previs` (any CPU), `dice` (DICE-Talk) or `nano` (the
    diffusion demonstration)."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """The order in which a night renders productions: higher before lower."""
    talker_settings: dict[str, str | int | float | bool] = {}  # noqa: RUF012 - pydantic copies it
    """Settings of the talker."""
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
        """Width of the delivered picture, in pixels."""
        return int(self.size.partition("x")[0])

    @property
    def height(self) -> int:
        """Height of the delivered picture, in pixels."""
        return int(self.size.partition("x")[2])

    def resolve_path(self, relative: str) -> Path:
        """Resolve a path of the production file; `load` has checked that it lies inside."""
        return resolve_inside(self.folder, relative)

    def list_files(self) -> Iterator[tuple[str, str]]:
        """List the key and relative path of every file that the production names.

        `consents` is listed only when consent is required.
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
    """Read `folder/production.toml`.

    Raises InputError with every wrong key, wrong value and missing file, each with its line.
    """
    production, problems = read(folder)
    if problems or production is None:
        raise InputError(problems)
    return production


def read(folder: Path) -> tuple[Production | None, list[Problem]]:
    """Read `folder/production.toml` as far as it can be understood, with every problem in it.

    A wrong key or value is replaced by its default, so that the rest and the files beside it can
    still be checked; the production is None where too little is left. Problems are wrong keys,
    wrong values and missing files, each with its line.

    Raises InputError when there is no such file or it is not TOML.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(_describe_missing_production(folder))
    text = read_text(path, maximum=_LONGEST_FILE)
    values = parse_toml(text)
    try:
        production = Production.model_validate({**values, "folder": folder})
    except ValidationError as error:
        return _read_valid_part(values, error.errors(), folder, text)
    problems = [*_check_files(production, text), *_check_kind(production, text)]
    return production, problems


def _describe_missing_production(folder: Path) -> Problem:
    if folder.is_file():
        message = "this is a file, not a production folder"
        return Problem(file=str(folder), message=message, expected=f"the folder that holds {FILE}")
    return Problem(
        file=str(folder / FILE),
        message="no such file: this folder is not a production",
        expected=f"a folder with {FILE} (create one with callsheet init DIR)",
    )


def _read_valid_part(
    values: dict[str, Any], details: list[ErrorDetails], folder: Path, text: str
) -> tuple[Production | None, list[Problem]]:
    problems = [describe_error(detail, text, Production) for detail in details]
    wrong = {str(detail["loc"][0]) for detail in details}
    production = _drop_keys(values, wrong, folder)
    if production:
        problems += _check_files(production, text, skipped=wrong)
    return production, problems


def _drop_keys(values: dict[str, Any], wrong: Collection[str], folder: Path) -> Production | None:
    """Build the production without wrong keys; a title and a recording are made up if need be."""
    made_up: dict[str, Any] = {"title": "?", "recordings": ["?"]}
    right = {key: value for key, value in values.items() if key not in wrong}
    try:
        return Production.model_validate({**made_up, **right, "folder": folder})
    except ValidationError:  # keys that fit only each other
        return None


def _check_files(
    production: Production, text: str, *, skipped: Collection[str] = ()
) -> list[Problem]:
    """Find the files that a production names and that cannot be used.

    `skipped`: wrong keys; where there are some, only the files that the text itself names count.
    """
    problems = []
    for key, relative in production.list_files():
        line = find_line(text, key)
        if skipped and (key in skipped or line is None):
            continue
        found = locate(production.folder, relative)
        if isinstance(found, UnusableFile):
            problems.append(_describe_file(found, key, line))
    return problems


def _describe_file(found: UnusableFile, key: str, line: int | None) -> Problem:
    return Problem(
        file=FILE,
        line=line,
        column=key,
        message=found.message,
        expected=found.expected,
        nearest=found.nearest,
    )


def _check_kind(production: Production, text: str) -> Iterator[Problem]:
    """Check that an episode has no slides, and a lesson only what lessons support."""
    slides = production.lesson.slides
    if production.kind != "lesson":
        if slides:
            yield _key_problem(
                text, "lesson.slides", "an episode has no slides", expected='kind = "lesson"'
            )
        return
    others = sorted(set(production.delivery.profiles) - {"web", "master"})
    if others:
        message = f"a lesson cannot be delivered as {', '.join(others)}"
        yield _key_problem(text, "delivery.profiles", message, expected="web, master")
    for key in _list_unsupported_keys(production):
        yield _key_problem(text, key, "lessons do not support this setting yet")
    if not (slides and _is_folder(production.folder, slides)):
        yield from _check_slides_file(production, text)


def _check_slides_file(production: Production, text: str) -> Iterator[Problem]:
    slides = production.lesson.slides
    found: Path | UnusableFile = UnusableFile(
        message="a lesson needs slides", expected="a PDF or a folder of pictures"
    )
    if slides:
        found = locate(production.folder, slides)
    if isinstance(found, UnusableFile):
        yield _describe_file(found, "lesson.slides", find_line(text, "lesson.slides"))


def _key_problem(text: str, key: str, message: str, *, expected: str | None = None) -> Problem:
    line = find_line(text, key)
    return Problem(file=FILE, line=line, column=key, message=message, expected=expected)


def _list_unsupported_keys(production: Production) -> Iterator[str]:
    """List the keys of an episode's finishing that are set and that a lesson would ignore."""
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
