# SPDX-License-Identifier: Apache-2.0
"""Define the talker contract: portrait, speech, performance and seed in; frames out.

All talkers fulfil it (`model/previs`, `model/dice`, `model/nano`); `model.talkers` lists and loads
them. A talker gives exactly as many frames as were requested. It streams: memory does not grow with
the length of the clip. The same inputs and seed give the same frames on one build, whatever was
rendered before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from model.emotion import Performance

Frame = UInt8[np.ndarray, "height width 3"]
Matte = UInt8[np.ndarray, "height width"]
Role = Literal["speaking", "listening"]
TalkerSettings = dict[str, Any]
MATTE = "matte"  # in the talker settings of a shot whose take is written with the talker's matte


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portrait:
    """A person to animate.

    `name`: the file name that errors use. `pixels`: gamma-encoded sRGB, upright (EXIF orientation
    applied). `digest`: identity of the pixels and the face choice. `face`: `left`, `right`,
    `largest`, `only` (an error when there are several) or a 1-based number from the left. `alpha`:
    opacity of a cut-out portrait.
    """

    name: str
    pixels: UInt8[np.ndarray, "height width 3"]
    digest: str
    face: str = "only"
    alpha: UInt8[np.ndarray, "height width"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Speech:
    """The sound that a shot is animated to.

    `samples`: mono 16 kHz in [-1, 1]; the span of the shot with up to `Talker.context_seconds`
    before (`lead` samples) and after it. `frames`: how many to make, at `rate`; frame i starts at
    sample `lead + i * 16000 / rate`. `text`: the words spoken in the span, when known. `role`: a
    `listening` portrait hears the sound but does not speak it. `before_frames`: frames of the same
    uncut stretch before frame 0, from which blinks and sway continue.
    """

    samples: Float32[np.ndarray, " samples"]
    lead: int
    frames: int
    rate: Fraction
    text: str | None = None
    language: str = "en"
    role: Role = "speaking"
    before_frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeMeasures:
    """What a talker reports about a finished clip.

    `face_box`: left, top, right, bottom of the face at rest as fractions of the frame, for framing
    and crops. `warnings` are for people, `numbers` for the manifest.
    """

    face_box: tuple[float, float, float, float]
    warnings: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


class Clip(Protocol):
    """A clip in the making: size known before the first frame, measures after the last."""

    width: int
    height: int
    frames: int

    def __iter__(self) -> Iterator[Frame]:
        """Yield exactly `frames` RGB frames, once."""
        ...

    def measures(self) -> TakeMeasures:
        """Return the measures; they are complete after the last frame."""
        ...


@runtime_checkable
class LayeredClip(Protocol):
    """A clip that also tells which pixels are the talker.

    Iterate over it once, by `__iter__` or by `layers`.
    """

    def layers(self) -> Iterator[tuple[Frame, Matte]]:
        """Yield exactly `frames` pairs: an RGB frame and the talker's matte (straight alpha)."""
        ...


@runtime_checkable
class SteppedClip(Protocol):
    """A clip that works in steps before it shows frames.

    It calls `progress(steps done, steps)` before each step; an exception from there ends the clip.
    """

    progress: Callable[[int, int], None] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmotionGaussian:
    """An emotion that no label names: a Gaussian in the space of an emotion embedder.

    `embedder`: the digest of that embedder.
    """

    mean: Float32[np.ndarray, " 256"]
    logvar: Float32[np.ndarray, " 256"]
    embedder: str


@runtime_checkable
class GaussianTalker(Protocol):
    """A talker that also takes an `EmotionGaussian` in place of labels.

    The Gaussian must come from the talker's own embedder (`Description.embedder`).
    """

    def talk_as(
        self, portrait: Portrait, speech: Speech, feeling: EmotionGaussian, seed: int
    ) -> Clip:
        """Begin a clip in one emotion. Raises InputError as `Talker.talk` does."""
        ...


class Talker(Protocol):
    """Anything that makes a portrait talk.

    `version` is semantic: it changes when pixels change. `weights_digest` covers every weight file
    that shapes pixels. `context_seconds`: how much sound around a span it reads.
    """

    name: str
    version: str
    weights_digest: str
    context_seconds: float
    licences: tuple[str, ...]

    def talk(self, portrait: Portrait, speech: Speech, performance: Performance, seed: int) -> Clip:
        """Begin a clip.

        Raises:
            InputError: The portrait cannot be animated (no face, several faces, profile ...).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a plan needs to know about a talker without loading it.

    `label`: the name of its frames wherever they are shown. `weights`: names in
    `model.weight_catalogue`. `shaping`: the settings that shape pixels, for identities.
    `wants_gpu`: it takes a whole GPU where there is one. `frugal`: settings that need less memory
    and change no pixels, for a second try after it ran out. `embedder`: digest of the emotion
    embedder that its weights were trained with, "" when they know the eight labels only.
    """

    name: str
    version: str
    label: str
    weights_digest: str
    context_seconds: float
    licences: tuple[str, ...]
    weights: tuple[str, ...] = ()
    shaping: TalkerSettings = field(default_factory=dict)
    wants_gpu: bool = False
    frugal: TalkerSettings = field(default_factory=dict)
    embedder: str = ""
