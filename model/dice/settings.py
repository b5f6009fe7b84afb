# SPDX-License-Identifier: Apache-2.0
"""Settings of the DICE-Talk talker: what a production may choose, and the check of its table.

Frozen; one talker keeps one set. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from manifests.errors import InputError, Problem, find_nearest

FILE = "dice settings"
CHOICES = {
    "build": ("released", "tiny"),
    "mode": ("production", "parity"),
    "framing": ("crop", "full"),
    "detector": ("mediapipe", "yoloface"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "dtype": ("auto", "float32", "bfloat16", "float16"),
}
RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, 200),
    "appearance": (0, 30),
    "audio": (0, 30),
    "emotion": (0, 30),
    "motion": (0, 255),
    "expression": (0, 255),
    "generated_side": (64, 2048),
    "size": (64, 4320),
    "decode_chunk": (1, 64),
    "images_per_run": (1, 10_000),
    "kept_megabytes": (0, 100_000),
    "segment_seconds": (4, 600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiceSettings:
    """Settings of the talker. Defaults are the published ones where there are any.

    - `build`: `released` weights, or `tiny` random ones of the same classes, whose frames mean
      nothing.
    - `mode`: `production`, or `parity`, the reference's arithmetic with its padding, seams and
      rounding.
    - `steps`: denoising steps.
    - `appearance`, `audio`, `emotion`: guidance strengths; emotion None means as strong as audio.
    - `motion`, `expression`: SVD's motion bucket and its second use for expression.
    - `generated_side`: pixels of the generated square (multiple of 64); with framing `full`, of
      the picture's short side.
    - `framing`: generate a square `crop` round the face, or the `full` picture.
    - `paste_back`: put the crop back into the picture.
    - `size`: short side of the frames in pixels when pasted back, None for the portrait's own.
    - `face_box`: left, top, right, bottom as fractions of the portrait; None finds the face.
    - `detector`: finds the face; `yoloface` is the published TorchScript file, if its import was
      allowed.
    - `decode_chunk`: frames decoded together.
    - `images_per_run`: frames times branches that one run of the UNet may hold.
    - `kept_megabytes`: memory for projected audio and emotion tokens of a clip.
    - `segment_seconds`: longer shots are made in parts, cut at pauses.
    - `device`, `dtype`: auto is CUDA with float16, else CPU with float32. Loading refuses a `dtype`
      that the processor cannot compute in.
    - `compile`: compile the networks (torch.compile) before the first frame.
    """

    build: str = "released"
    mode: str = "production"
    steps: int = 25
    appearance: float = 3.0
    audio: float = 6.0
    emotion: float | None = None
    motion: float = 8.0
    expression: float = 16.0
    generated_side: int = 512
    framing: str = "crop"
    paste_back: bool = True
    size: int | None = None
    face_box: tuple[float, float, float, float] | None = None
    detector: str = "mediapipe"
    decode_chunk: int = 10
    images_per_run: int = 75
    kept_megabytes: float = 1024.0
    segment_seconds: float = 60.0
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False

    def plain(self) -> dict[str, Any]:
        """Convert to a mapping that `read_settings` reads."""
        return asdict(self)


TINY = DiceSettings(
    build="tiny", steps=2, generated_side=64, kept_megabytes=8.0, device="cpu", dtype="float32"
)


def read_settings(table: Mapping[str, object]) -> DiceSettings:
    """Check a mapping from a settings file. Raises InputError with every problem at once."""
    known = [field.name for field in fields(DiceSettings)]
    problems = [_describe_unknown(name, known) for name in table if name not in known]
    base = TINY if table.get("build") == "tiny" else DiceSettings()
    values: dict[str, Any] = {}
    for name in (name for name in known if name in table):
        problem, values[name] = _check_value(name, table[name], getattr(base, name))
        problems += [problem] if problem else []
    if problems:
        raise InputError(problems)
    return replace(base, **values)


def _check_value(name: str, value: object, default: object) -> tuple[Problem | None, object]:
    if value is None and (default is None or name in ("emotion", "size", "face_box")):
        return None, None
    if name == "face_box":
        return _check_box(value)
    if name in CHOICES:
        choices = CHOICES[name]
        return (
            None if value in choices else _describe_bad(name, value, " or ".join(choices), choices)
        ), value
    if name not in RANGES:
        return (
            None if isinstance(value, bool) else _describe_bad(name, value, "true or false")
        ), value
    whole = isinstance(default, int) or name == "size"
    return _check_number(name, value, whole)


def _check_number(name: str, value: object, whole: bool) -> tuple[Problem | None, object]:
    least, most = RANGES[name]
    expected = f"a {'whole ' if whole else ''}number from {least:g} to {most:g}"
    good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not good or not least <= float(str(value)) <= most:
        return _describe_bad(name, value, expected), value
    if name == "generated_side" and int(str(value)) % 64:
        return _describe_bad(name, value, "a multiple of 64"), value
    return None, value if whole else float(str(value))


def _check_box(value: object) -> tuple[Problem | None, object]:
    numbers = (
        tuple(float(v) for v in value if isinstance(v, int | float))
        if isinstance(value, list | tuple)
        else ()
    )
    if len(numbers) != 4 or not (
        0 <= numbers[0] < numbers[2] <= 1 and 0 <= numbers[1] < numbers[3] <= 1
    ):
        return _describe_bad(
            "face_box", value, "left, top, right, bottom as fractions of the picture"
        ), value
    return None, numbers


def _describe_bad(
    name: str, value: object, expected: str, choices: tuple[str, ...] = ()
) -> Problem:
    near = find_nearest(value, choices) if isinstance(value, str) and choices else None
    return Problem(
        file=FILE,
        column=name,
        message=f"bad {name}",
        expected=expected,
        got=repr(value),
        nearest=near,
    )


def _describe_unknown(name: str, known: list[str]) -> Problem:
    return Problem(
        file=FILE,
        column=name,
        message=f"unknown setting {name!r}",
        nearest=find_nearest(name, known),
    )
