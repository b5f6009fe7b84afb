# SPDX-License-Identifier: Apache-2.0
"""The production file: what `production.toml` may say, every default in one place, every mistake with its key and line.

It names inputs and settings; it reads none of them (that is `script`, `cast`, `consent`, `ingest`). Every path it names lies inside
the production's folder: absolute paths, `..` and links that lead outside are refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from manifests.errors import InputError, Problem, nearest
from manifests.timebase import parse_rate
from pipeline import sheets, storage

FILE = "production.toml"
_SIZE = re.compile(r"(?P<width>[0-9]{2,5})x(?P<height>[0-9]{2,5})")
_MAXIMUM_SIDE = 8192
_LONGEST_PATH, _LONGEST_NAME = 1000, 255  # characters of a path, bytes of one name: more than file systems take
_LONGEST_FILE = 1 << 20  # bytes of a production file
_NO_PATH = re.compile(r"[\w+.,-]+:|\\|~")  # a protocol (https:, concat:), a drive, a share, somebody's home


def inside(folder: Path, relative: str) -> Path:
    """The file that `relative` names inside `folder`; it need not exist. Raises ValueError, with a reason for people, when it leads out.

    Names that begin with `-` are refused too: to an engine they would be options."""
    pure = PurePosixPath(relative)
    if not relative.strip() or not pure.parts:
        raise ValueError("an empty path")
    if len(relative) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in pure.parts):
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
class Absent:
    """Why a named file cannot be taken, in the words of a Problem."""

    message: str
    expected: str | None = None
    nearest: str | None = None


def locate(folder: Path, relative: str) -> Path | Absent:
    """The existing file that `relative` names inside `folder`, or why there is none and which names are like it."""
    try:
        path = inside(folder, relative)
    except ValueError as error:
        return Absent(message=str(error), expected="a relative path inside the production's folder")
    if path.is_file():
        return path
    place = path.parent if path.parent.is_dir() else folder
    names = sorted(str(p.relative_to(folder)) for p in place.iterdir() if not p.name.startswith("."))
    return Absent(message=f"no such file {relative!r}", nearest=nearest(relative, names))


def _rate(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("write a frame rate, such as 25 or '30000/1001'")
    try:
        return parse_rate(value)
    except InputError as error:
        problem = error.problems[0]
        raise ValueError(f"{problem.message}; expected {problem.expected}") from error


def _size(value: str) -> str:
    found = _SIZE.fullmatch(value)
    if not found:
        raise ValueError("write width x height in pixels, such as '1280x720'")
    if any(int(side) % 2 or not 64 <= int(side) <= _MAXIMUM_SIDE for side in found.groups()):
        raise ValueError(f"width and height must be even and between 64 and {_MAXIMUM_SIDE}, as video needs")
    return value


def _one_line(value: str) -> str:
    if not value.strip() or any(ord(letter) < 32 for letter in value):
        raise ValueError("write one line of text")
    if len(value) > _LONGEST_PATH:
        raise ValueError(f"write at most {_LONGEST_PATH} characters")
    return value.strip()


def _with_a_picture(names: list[str]) -> list[str]:
    if set(names) == {"stems"}:
        raise ValueError("name at least one profile with a picture; stems alone are no film")
    return list(dict.fromkeys(names))


def _box(edges: list[float]) -> list[float]:
    if edges and (len(edges) != 4 or edges[0] >= edges[2] or edges[1] >= edges[3]):
        raise ValueError("write left, top, right and bottom as shares of the picture, such as [0.3, 0.2, 0.7, 0.75]")
    return edges


Rate = Annotated[Fraction, BeforeValidator(_rate)]
Size = Annotated[str, AfterValidator(_size)]
Text = Annotated[str, AfterValidator(_one_line)]
Layout = Literal["single", "full-plate", "two-hander", "picture-in-picture"]
ProfileName = Literal["web", "master", "vertical", "alpha", "alpha-web", "stems"]
SHOT_REFERENCE = "shot:"  # before the number of a shot that is the look


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class CutTable(_Table):
    """`[cut]`: where shots begin and end."""

    minimum_shot_seconds: Annotated[float, Field(ge=0.2, le=10)] = 1.2
    """Nothing shorter is shown: short interjections stay off screen."""
    maximum_shot_seconds: Annotated[float, Field(ge=2, le=600)] = 20.0
    """Longer shots are split at pauses."""
    long_pause_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.5
    """Of a longer pause the rest shows the last speaker listening."""
    sound_leads_frames: Annotated[int, Field(ge=0, le=24)] = 8
    """J-cut: where a reply comes on the heels of a line, it is heard up to this many frames before its speaker is seen."""
    picture_leads_frames: Annotated[int, Field(ge=0, le=24)] = 8
    """L-cut: there, after a long speech, the next one is seen up to this many frames before the speech has ended."""
    scene_dissolve_frames: Annotated[int, Field(ge=0, le=100)] = 0
    """How long a scene comes up over the one before it; 0 is a plain cut. Inside a scene cuts are plain."""
    handle_frames: Annotated[int, Field(ge=0, le=100)] = 0
    """Frames drawn before and after every shot, for an editor who wants to move cuts."""


class LayoutTable(_Table):
    """`[layout]`: how the people of a scene share the picture."""

    default: Layout = "single"
    """`single`, `full-plate` (uncropped), `two-hander` (side by side) or `picture-in-picture` (the listener in a corner)."""
    scenes: dict[str, Layout] = {}
    """The layout of single scenes, by number or name: `{ sc03 = "two-hander" }`."""


class LookTable(_Table):
    """`[look]`: what shots are matched to. `reference` is a still, a `.cube`, another shot or "" for none."""

    method: Literal["monge-kantorovich", "reinhard", "none"] = "monge-kantorovich"
    """How colour is matched."""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the match is applied."""
    reference: str = ""
    """A still or a `.cube` to match to, or a shot of this film (`"shot:sc01_sh030"`); empty: neutral light."""
    reference_face: Annotated[list[Annotated[float, Field(ge=0, le=1)]], AfterValidator(_box)] = []
    """Where the face is in a reference still: left, top, right, bottom as shares of its sides. Without it nothing of it counts as skin."""


class DeliveryTable(_Table):
    """`[delivery]`: what is made. `burn_in` writes the previs mark into previs pictures."""

    profiles: Annotated[list[ProfileName], Field(min_length=1), AfterValidator(_with_a_picture)] = ["web", "master"]
    """The files of a version: `web`, `master`, `vertical` (9:16), `alpha` and `alpha-web` (the people alone, transparent), `stems`."""
    loudness_lufs: Annotated[float, Field(ge=-40, le=-5)] = -16.0
    """Integrated loudness of the programme (EBU R 128); the peak limit of -1.5 dBTP wins."""
    burn_in: bool = True
    """Write PREVIS into the picture of previs takes."""
    label: bool = False
    """Write "AI-generated" into a corner of every picture, all through."""
    burn_captions: bool = False
    """Write the captions into the pictures; they lie beside them in any case."""
    slate_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0
    """A card with title and format before the programme, in silence."""
    end_card_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0
    """A card after the programme that says what made its pictures."""

    @property
    def needs_matte(self) -> bool:
        """Whether takes must be written with the talker's matte."""
        return bool({"alpha", "alpha-web"} & set(self.profiles))


class ConsentTable(_Table):
    """`[consent]`: whether everybody on the actor sheet must have allowed it."""

    required: bool = True
    """Refuse to work for anybody whose valid consent is not on file."""


class ListenTable(_Table):
    """`[listen]`: other models than the packaged ones. Paths may lie outside the production: models are the machine's, not the film's."""

    diarization: str = ""
    """Who speaks: a folder of a pyannote pipeline (config.yaml, weights) or its hub name (then HF_TOKEN); empty: the packaged weights."""
    recogniser: str = ""
    """What is said: a folder with a CTranslate2 Whisper model in any language; empty: the packaged one, English."""


class LicencesTable(_Table):
    """`[licences]`: what the weights' licences must allow."""

    commercial: bool = False
    """Refuse weights whose licence does not clearly allow commercial use."""
    agreements: list[str] = []
    """Names of weights (`callsheet weights list`) for which you hold an agreement that allows it."""


def _price(value: str) -> str:
    if value and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})? [A-Z]{3}", value):
        raise ValueError("write an amount and a currency, such as '1.20 EUR'")
    return value


class GenerateTable(_Table):
    """`[generate]`: how takes are made, by whom, and what that costs."""

    size: Annotated[int, Field(ge=128, le=2048, multiple_of=16)] = 1024
    """Short side of generated frames in pixels, never more than the portrait has (DICE-Talk was trained at 512)."""
    gate: Literal["none", "approved"] = "none"
    """`approved`: only shots whose previs take is approved (`callsheet shot approve`) are made by the talker; the rest stays previs."""
    price_per_hour: Annotated[str, AfterValidator(_price)] = ""
    """What one worker costs an hour, such as `"1.20 EUR"`, for the estimate of `plan`; empty: nothing is said of cost."""

    @property
    def price(self) -> tuple[float, str] | None:
        """Amount and currency of a worker's hour."""
        amount, _, currency = self.price_per_hour.partition(" ")
        return (float(amount), currency) if self.price_per_hour else None


def _clock(value: str) -> str:
    if value and not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("write a time of day in UTC, such as '06:00'")
    return value


class FarmTable(_Table):
    """`[farm]`: how takes are made, and when a run stops to begin new ones."""

    workers: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Talkers at once; 0: one per CPU, or per GPU where the talker wants one."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """How often a shot is tried in all when tools fail or workers die."""
    silence_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """After so long without a frame or denoising step a worker counts as hung (or after ten times what a shot takes, if that is more)."""
    stop_after_failures: Annotated[int, Field(ge=0)] = 0
    """So many failed shots stop the run; 0: never."""
    budget_seconds: Annotated[float, Field(ge=0)] = 0.0
    """So many seconds of all workers together stop the run; 0: any."""
    deadline: Annotated[str, AfterValidator(_clock)] = ""
    """A time of day in UTC (`"06:00"`): no shot begins that would not be done by then."""


class StorageTable(_Table):
    """`[storage]`: what the machines of a cluster share when they do not share the production's folder."""

    url: Annotated[str, AfterValidator(storage.checked_url)] = ""
    """A folder (absolute) or `s3://bucket/folder`; credentials come from the environment. Empty: workers write into the build folder."""


class LessonTable(_Table):
    """`[lesson]`: what a production of `kind = "lesson"` shows beside its presenter (docs/lessons.md)."""

    slides: str = ""
    """A PDF, or a folder of pictures (01.png, 02a.png, 02b.png)."""
    layout: str = "corner, bottom-right, size 30%, round"
    """Where the presenter is when the script says nothing of it: `corner`, `presenter full`, `slide only` or `side by side`."""
    presenter: Text = "PRESENTER"
    """The character who speaks when the script names nobody."""
    scorm: bool = True
    """Write a SCORM 1.2 package for learning systems."""


class Production(_Table):
    """A production as its file describes it; paths are text relative to `folder` until `path` resolves them."""

    folder: Annotated[Path, Field(exclude=True)] = Path()
    title: Text
    """The production's title, as it stands in the files that are delivered."""
    episode: Text = "1"
    """The episode's name."""
    kind: Literal["episode", "lesson"] = "episode"
    """What is made: an episode from a script, or a lesson from slides and a script."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """Language of lines that name none (BCP 47). What the recogniser does not know is matched by turns alone."""
    rate: Rate = Fraction(25)
    """Frames per second: 24, 25, 30, 50, "23.976", "29.97" or a fraction such as "30000/1001"."""
    size: Size = "1280x720"
    """Width and height of the delivered picture, both even."""
    script: str = "script.fountain"
    """The script: Fountain, or a line sheet (.csv, .xlsx); of a lesson Markdown (.md), or a line sheet."""
    cast: str = "cast.csv"
    """The actor sheet (.csv, .xlsx, .yaml)."""
    consents: str = "consents.csv"
    """Who allowed what."""
    emotions: str = ""
    """A table `word, emotion` that extends the words for emotions (`pipeline/synonyms.csv`)."""
    recordings: Annotated[list[str], Field(min_length=1, max_length=1000)]
    """The recorded dialogue, in the order of the timeline."""
    talker: Literal["previs", "dice"] = "previs"
    """Who draws the frames: `previs` (any CPU) or `dice` (DICE-Talk)."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """What a night renders first: higher before lower."""
    talker_settings: dict[str, str | int | float | bool] = {}
    """Settings of the talker, see docs/previs.md and docs/dice.md."""
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

    def path(self, relative: str) -> Path:
        """Where a path of the production file lies; `load` has checked that it is inside the folder."""
        return inside(self.folder, relative)

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Key and relative path of every file that the production names. `consents` counts only when consent is required."""
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
    """Read `folder/production.toml`. Raises InputError with every wrong key, value and missing file, each with its line."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(Problem(file=str(path), message="no such file: this folder is not a production",
                                 expected="a folder with production.toml (callsheet init DIR makes one)"))  # fmt: skip
    text = sheets.decode(path, maximum=_LONGEST_FILE)
    try:
        production = Production.model_validate({**_toml(text), "folder": folder})
    except ValidationError as error:
        raise InputError([_problem(detail, text) for detail in error.errors()]) from error
    problems = [
        Problem(
            file=FILE, line=_line_of(text, key), column=key,
            message=found.message, expected=found.expected, nearest=found.nearest,
        )
        for key, relative in production.named_files()
        if isinstance(found := locate(folder, relative), Absent)
    ]  # fmt: skip
    problems += _unfit_for_its_kind(production, text)
    if problems:
        raise InputError(problems)
    return production


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
        yield wrong("delivery.profiles", f"a lesson is not made as {', '.join(others)}", expected="web, master")
    found = (
        locate(production.folder, slides)
        if slides
        else Absent(message="a lesson needs slides", expected="a PDF or a folder")
    )
    if isinstance(found, Absent) and not (slides and _is_folder(production.folder, slides)):
        yield wrong("lesson.slides", found.message, expected=found.expected, nearest=found.nearest)


def _is_folder(folder: Path, relative: str) -> bool:
    try:
        return inside(folder, relative).is_dir()
    except ValueError:
        return False


def _toml(text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else text.count("\n") + 1
        raise InputError(Problem(file=FILE, line=number, message=f"not valid TOML: {reason or error}")) from error
    except RecursionError as error:
        raise InputError(Problem(file=FILE, message="nested too deep", expected="tables of plain values")) from error
    if "folder" in values:
        raise InputError(Problem(file=FILE, line=_line_of(text, "folder"), column="folder", message="unknown key"))
    return values


def _problem(detail: ErrorDetails, text: str) -> Problem:
    names = [str(part) for part in detail["loc"]]
    key = ".".join(names)
    line = _line_of(text, key)
    if detail["type"] == "extra_forbidden":
        known = _keys(names[:-1])
        near = nearest(names[-1], known)
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
        near = nearest(str(detail["input"]), known)
        return Problem(
            file=FILE,
            line=line,
            column=key,
            message="not one of the choices",
            expected=_either(known),
            got=got,
            nearest=near,
        )
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(file=FILE, line=line, column=key, message=message, got=got)


def _either(names: list[str]) -> str:
    return "one of " + ", ".join(names)


def _keys(tables: list[str]) -> list[str]:
    model: type[BaseModel] = Production
    for name in tables:
        annotation = model.model_fields[name].annotation
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else model
    return [name for name in model.model_fields if name != "folder"]


def _line_of(text: str, key: str) -> int | None:
    """The line on which a key such as `cut.minimum_shot_seconds` or `recordings.0` stands: a search, since tomllib keeps no places."""
    table, wanted = "", _without_indices(key)
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1] + "."
            if header[1] == wanted:
                return number
        elif (entry := re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)) and table + entry[1] == wanted:
            return number
    parent = wanted.rpartition(".")[0]
    return _line_of(text, parent) if parent else None


def _without_indices(key: str) -> str:
    return ".".join(part for part in key.split(".") if not part.isdigit())


def as_plain(production: Production) -> Mapping[str, Any]:
    """Every setting with its value, defaults included, for the record and for `plan --json`."""
    return production.model_dump(mode="json")
