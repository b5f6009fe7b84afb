# SPDX-License-Identifier: Apache-2.0
"""Tables of `production.toml`: every setting with its default, its limits and its meaning."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from manifests.errors import InputError
from manifests.timebase import parse_rate
from pipeline import storage

FILE = "production.toml"
_SIZE = re.compile(r"(?P<width>[0-9]{2,5})x(?P<height>[0-9]{2,5})")
_MAXIMUM_SIDE = 8192
LONGEST_TEXT = 1000


def _check_rate(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("write a frame rate, such as 25 or '30000/1001'")
    try:
        return parse_rate(value)
    except InputError as error:
        problem = error.problems[0]
        raise ValueError(f"{problem.message}; expected {problem.expected}") from error


def _check_size(value: str) -> str:
    found = _SIZE.fullmatch(value)
    if not found:
        raise ValueError("write width x height in pixels, such as '1280x720'")
    if any(int(side) % 2 or not 64 <= int(side) <= _MAXIMUM_SIDE for side in found.groups()):
        raise ValueError(
            f"width and height must be even and between 64 and {_MAXIMUM_SIDE}, as video needs"
        )
    return value


def _check_one_line(value: str) -> str:
    if not value.strip() or any(ord(letter) < 32 for letter in value):
        raise ValueError("write one line of text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"write at most {LONGEST_TEXT} characters")
    return value.strip()


def _check_optional_line(value: str) -> str:
    return _check_one_line(value) if value else value


def _check_profiles(names: list[str]) -> list[str]:
    if set(names) == {"stems"}:
        raise ValueError("name at least one profile with a picture; stems alone are not a film")
    return list(dict.fromkeys(names))


def _check_box(edges: list[float]) -> list[float]:
    if edges and (len(edges) != 4 or edges[0] >= edges[2] or edges[1] >= edges[3]):
        raise ValueError(
            "write left, top, right and bottom as fractions of the picture, "
            "such as [0.3, 0.2, 0.7, 0.75]"
        )
    return edges


Rate = Annotated[Fraction, BeforeValidator(_check_rate)]
Size = Annotated[str, AfterValidator(_check_size)]
Text = Annotated[str, AfterValidator(_check_one_line)]
Layout = Literal["single", "full-plate", "two-hander", "picture-in-picture"]
PackageName = Literal["scorm12", "scorm2004", "xapi"]
ProfileName = Literal[
    "web", "master", "hevc", "av1", "hls", "vertical", "alpha", "alpha-web", "stems"
]
SHOT_REFERENCE = "shot:"  # goes before the number of a shot that is the look


class SettingsTable(BaseModel):
    """Base of all tables: unknown keys and wrong types are errors.

    The docstring of each key is its documentation.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class CutTable(SettingsTable):
    """`[cut]`: where shots begin and end."""

    minimum_shot_seconds: Annotated[float, Field(ge=0.2, le=10)] = 1.2
    """Nothing shorter is shown: short interjections stay off screen."""
    maximum_shot_seconds: Annotated[float, Field(ge=2, le=600)] = 20.0
    """Longer shots are split at pauses."""
    long_pause_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.5
    """Beyond this length, a pause shows the last speaker listening."""
    sound_leads_frames: Annotated[int, Field(ge=0, le=24)] = 8
    """J-cut: a reply that follows a line closely is heard up to this many frames before its speaker
    is seen."""
    picture_leads_frames: Annotated[int, Field(ge=0, le=24)] = 8
    """L-cut: after a long speech, the next speaker is seen up to this many frames before the speech
    ends."""
    scene_dissolve_frames: Annotated[int, Field(ge=0, le=100)] = 0
    """Length of the dissolve between scenes; 0 is a plain cut. Cuts inside a scene are plain."""
    handle_frames: Annotated[int, Field(ge=0, le=100)] = 0
    """Frames drawn before and after every shot, for an editor who wants to move cuts."""


class LayoutTable(SettingsTable):
    """`[layout]`: how the people of a scene share the picture."""

    default: Layout = "single"
    """`single`, `full-plate` (uncropped), `two-hander` (side by side) or `picture-in-picture` (the
    listener in a corner)."""
    scenes: dict[str, Layout] = {}
    """The layout of single scenes, by number or name: `{ sc03 = "two-hander" }`."""
    overlaps: Literal["", "two-hander", "picture-in-picture"] = ""
    """The layout of scenes in which people talk over each other for a second or more. Empty: the
    same as other scenes."""


class LookTable(SettingsTable):
    """`[look]`: what the colour of shots is matched to.

    `reference` is a still, a `.cube`, another shot, or "" for none. A `look` in the actor sheet
    takes precedence.
    """

    method: Literal["monge-kantorovich", "reinhard", "none"] = "monge-kantorovich"
    """How colour is matched."""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the match is applied."""
    limit: Annotated[float, Field(gt=0, le=100)] = 14.0
    """The largest shift of a shot's mean colour, in CIEDE2000. A larger shift is reduced to this,
    and the shot is flagged."""
    reference: str = ""
    """A still or a `.cube` to match to, or a shot of this film (`"shot:sc01_sh030"`); empty:
    neutral light."""
    reference_face: Annotated[
        list[Annotated[float, Field(ge=0, le=1)]], AfterValidator(_check_box)
    ] = []
    """Where the face is in a reference still: left, top, right, bottom as fractions of its sides.
    Empty: the largest face that is found."""


class DeliveryTable(SettingsTable):
    """`[delivery]`: which files a version has, and what is written into them."""

    profiles: Annotated[list[ProfileName], Field(min_length=1), AfterValidator(_check_profiles)] = [
        "web",
        "master",
    ]
    """The files of a version: `web`, `master`, `hevc`, `av1`, `hls`, `vertical` (9:16), `alpha` and
    `alpha-web` (people without a background), `stems`."""
    loudness_lufs: Annotated[float, Field(ge=-40, le=-5)] = -16.0
    """Integrated loudness of the programme (EBU R 128); the peak limit takes precedence."""
    peak_dbtp: Annotated[float, Field(ge=-20, le=0)] = -1.5
    """The highest true peak of the programme."""
    burn_in: bool = True
    """Write PREVIS into the picture of previs takes, and DIFFUSION DEMONSTRATION into those of
    nano."""
    label: bool = False
    """Write "AI-generated" into a corner of every picture, from start to end."""
    burn_captions: bool = False
    """Write the captions into the pictures. Caption files are delivered in any case."""
    watermark: Annotated[str, AfterValidator(_check_optional_line)] = ""
    """A text, such as the studio and the recipient, that is hidden in all pictures together with
    the version. Empty: no watermark."""
    slate_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Length of a silent card with title and format before the programme."""
    end_card_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Length of a card after the programme that says what made its pictures."""

    @property
    def needs_matte(self) -> bool:
        """Whether takes must be written with the talker's matte."""
        return bool({"alpha", "alpha-web"} & set(self.profiles))


class ConsentTable(SettingsTable):
    """`[consent]`: whether every actor must have given consent, and for which use."""

    required: bool = True
    """Refuse to render an actor without a valid consent on file."""
    use: str = ""
    """What the production is used for, words between `|`. A consent whose `scope` names uses must
    name all of these. Empty: the `kind`."""
    territory: str = ""
    """Where the production is shown, words between `|`. A consent whose `territory` names places
    must name all of these. Empty: not checked."""


class ListenTable(SettingsTable):
    """`[listen]`: other models than the packaged ones.

    Paths may lie outside the production: models belong to the machine, not to the film.
    """

    diarization: str = ""
    """The diarization model: a folder of a pyannote pipeline (config.yaml, weights) or its hub name
    (then HF_TOKEN). Empty: the packaged weights."""
    recogniser: str = ""
    """The speech recogniser: a folder with a CTranslate2 Whisper model in any language. Empty: the
    packaged model for English."""


class LicencesTable(SettingsTable):
    """`[licences]`: what the weights' licences must allow."""

    commercial: bool = False
    """Refuse weights whose licence does not clearly allow commercial use."""
    agreements: list[str] = []
    """Names of weights (`callsheet weights list`) for which you hold an agreement that allows
    commercial use."""


def _check_price(value: str) -> str:
    if value and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})? [A-Z]{3}", value):
        raise ValueError("write an amount and a currency, such as '1.20 EUR'")
    return value


class GenerateTable(SettingsTable):
    """`[generate]`: how takes are made and what a worker costs."""

    size: Annotated[int, Field(ge=128, le=2048, multiple_of=16)] = 1024
    """Short side of generated frames in pixels, at most that of the portrait (DICE-Talk was trained
    at 512)."""
    gate: Literal["none", "approved"] = "none"
    """`approved`: the talker makes only shots whose previs take is approved
    (`callsheet shot approve`); the rest stays previs."""
    price_per_hour: Annotated[str, AfterValidator(_check_price)] = ""
    """What one worker costs per hour, such as `"1.20 EUR"`, for the estimate of `plan`. Empty: no
    estimate of cost."""

    @property
    def price(self) -> tuple[float, str] | None:
        """The amount and currency of a worker's hour, or None."""
        amount, _, currency = self.price_per_hour.partition(" ")
        return (float(amount), currency) if self.price_per_hour else None


def _check_time_of_day(value: str) -> str:
    if value and not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("write a time of day in UTC, such as '06:00'")
    return value


class FarmTable(SettingsTable):
    """`[farm]`: how many workers make takes, and when a run stops starting new ones."""

    workers: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Number of workers; 0: one per CPU, or one per GPU if the talker needs one."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """How often a shot is tried in total when tools fail or workers die."""
    silence_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """A worker counts as hung after this long without a frame or denoising step, or after ten times
    the duration of a shot if that is longer."""
    stop_after_failures: Annotated[int, Field(ge=0)] = 0
    """Stop the run after this many failed shots; 0: never."""
    budget_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Stop the run after this many seconds of all workers together; 0: no limit."""
    deadline: Annotated[str, AfterValidator(_check_time_of_day)] = ""
    """A time of day in UTC (`"06:00"`). No shot starts that would not be finished by then."""


class StorageTable(SettingsTable):
    """`[storage]`: a place that the machines of a cluster share.

    It is needed when they do not share the production folder.
    """

    url: Annotated[str, AfterValidator(storage.check_url)] = ""
    """An absolute folder or `s3://bucket/folder`; credentials come from the environment. Empty:
    workers write into the build folder."""


class LessonTable(SettingsTable):
    """`[lesson]`: what a production of `kind = "lesson"` shows beside its presenter."""

    slides: str = ""
    """A PDF, or a folder of pictures (01.png, 02a.png, 02b.png)."""
    layout: str = "corner, bottom-right, size 30%, round"
    """Where the presenter is unless the script says otherwise: `corner`, `presenter full`, `slide
    only` or `side by side`."""
    presenter: Text = "PRESENTER"
    """The character who speaks when the script names nobody else."""
    packages: list[PackageName] = ["scorm12"]
    """The packages for learning systems: `scorm12`, `scorm2004` (4th Edition), `xapi`
    (`tincan.xml`); `[]` for none."""
