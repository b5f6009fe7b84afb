# SPDX-License-Identifier: Apache-2.0
"""One clip being made: part by part from noise to latents, then one stream of decoded, interpolated
and placed frames.

`production` mends what the reference does: no padding window, no frame denoised twice, sound with
context, overlapped decode, exact frame count, rounding. `parity` keeps the reference's arithmetic
and holds the last frame where the reference stops short.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from manifests.errors import InputError, Problem
from model.dice import parts, schedule, stream, vision
from model.dice import speech as hearing
from model.dice.engine import Networks, Sitter, conditions
from model.dice.framing import Framing
from model.dice.parts import Part
from model.dice.sampling import Conditions, Held, Job, Plan, denoise
from model.dice.settings import Settings
from model.emotion import Performance
from model.talker import Frame, Speech, TakeMeasures

WINDOW = 25
MEGABYTE = 1 << 20
Progress = Callable[[int, int], None]


class Cancelled(Exception):  # noqa: N818 (someone asked for it: not an error)
    """The clip was cancelled while it was being made."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """What a clip is made of. `name`: what errors call the portrait."""

    name: str
    framing: Framing
    sitter: Sitter
    speech: Speech
    performance: Performance
    seed: int


@dataclass(slots=True)
class _Log:
    warnings: list[str] = field(default_factory=list)
    evaluations: int = 0
    frames: int = 0
    retries: int = 0

    def retried(self, message: str) -> None:
        self.retries += 1
        self.warnings.append(message)


class DiceClip:
    """Frames are made as they are asked for. Set `progress` to be told (steps done, steps) before
    every run of the UNet.
    """

    def __init__(
        self, networks: Networks, settings: Settings, request: Request, warnings: Sequence[str] = ()
    ) -> None:
        """Decide the parts; nothing is computed yet. Raises InputError when parity is asked for
        less than 80 ms of sound.
        """
        self.width, self.height = request.framing.size
        self.frames = request.speech.frames
        self.progress: Progress | None = None
        self._networks = networks
        self._settings = settings
        self._request = request
        self._generator = torch.Generator().manual_seed(request.seed)
        self._log = _Log(list(warnings))
        self._cancelled = threading.Event()
        self._first: Job | None = None
        self._first_is_done = False
        self._begun = False
        self._parts = self._split()

    def cancel(self) -> None:
        """Stop at the next run of the UNet or the next frame, with `Cancelled`. May be called from
        any thread.
        """
        self._cancelled.set()

    def first_job(self) -> Job:
        """The first part, ready to be denoised, by itself or together with other clips'
        (`DiceTalker.together`).
        """
        if self._first is None:
            self._first = self._job(self._parts[0], None)
        return self._first

    @property
    def settings(self) -> Settings:
        """What it is made with."""
        return self._settings

    def denoised_together(self, evaluations: int) -> None:
        """Told when the first job has been denoised, and how many frame-evaluations were its
        share.
        """
        self._first_is_done = True
        self._log.evaluations += evaluations

    def __iter__(self) -> Iterator[Frame]:
        """Yield exactly `frames` RGB frames, once. Raises Cancelled after `cancel`."""
        if self._begun:
            raise RuntimeError(
                f"{self._request.name}: a clip is iterated once; ask the talker for another"
            )
        self._begun = True
        wanted = stream.places(self.frames, self._request.speech.rate)
        for image in stream.interpolated(self._networks.interpolator, self._images(), wanted):
            self._stop_when_cancelled()
            self._log.frames += 1
            yield self._frame(image)

    def measures(self) -> TakeMeasures:
        """Face box, warnings, and what the making took."""
        return TakeMeasures(
            face_box=self._request.framing.face_fractions,
            warnings=tuple(self._log.warnings),
            numbers={
                "frames": float(self._log.frames),
                "steps": float(self._settings.steps),
                "parts": float(len(self._parts)),
                "frame_evaluations": float(self._log.evaluations),
                "decode_retries": float(self._log.retries),
            },
        )

    def plan(self) -> Plan:
        """How this clip is denoised."""
        chosen, sizes = self._settings, self._networks.sizes
        emotion = chosen.audio if chosen.emotion is None else chosen.emotion
        return Plan(
            schedule=schedule.Schedule.of(sizes.scheduler, chosen.steps),
            guidance=schedule.Guidance(
                appearance=(chosen.appearance, chosen.appearance),
                audio=(chosen.audio, chosen.audio),
                emotion=(emotion, emotion),
            ),
            window=WINDOW,
            circular=chosen.mode == "parity",
            images_per_run=chosen.images_per_run,
        )

    def _split(self) -> list[Part]:
        if self._settings.mode == "parity":
            frames = len(self._span()) // (hearing.ROW_SAMPLES * hearing.ROWS_PER_FRAME)
            if not frames:
                message = "parity mode needs at least 80 ms of sound"
                raise InputError(Problem(file=self._request.name, message=message))
            return [Part(start=0, end=min(frames, hearing.LONGEST_UNITS // 2))]
        frames = stream.generated_frames(self.frames, self._request.speech.rate)
        longest = self._settings.segment_seconds
        return parts.split(
            self._request.speech, max(frames, schedule.SHORTEST), longest_seconds=longest
        )

    def _images(self) -> Iterator[vision.Image]:
        vae, chunk = self._networks.vae, self._settings.decode_chunk
        if self._settings.mode == "production":
            return stream.overlapped_decode(
                vae, self._latents(), chunk=chunk, note=self._log.retried
            )
        # The padding is decoded with the last frames, since it shares their chunk in the reference.
        return itertools.islice(
            vision.seamed_decode(vae, self._latents(), chunk=chunk), len(self._parts[0])
        )

    def _latents(self) -> Iterator[Float[Tensor, "4 h w"]]:
        """Clean latents of the frames that are shown, part after part."""
        plan = self.plan()
        tail: Tensor | None = None
        for number, part in enumerate(self._parts):
            job = self._job(part, tail) if number else self.first_job()
            self._first = None
            if number or not self._first_is_done:
                self._log.evaluations += denoise(
                    self._networks.unet, [job], plan, progress=self._reporter(number)
                )
            latents = job.latents
            del job  # with it go the projected tokens
            tail = latents[len(part) - parts.HELD : len(part)].clone()
            yield from latents[part.held :]

    def _job(self, part: Part, tail: Tensor | None) -> Job:
        padding = WINDOW if self._settings.mode == "parity" else 0
        sitter = self._request.sitter
        sigma = self.plan().schedule.sigmas[0]
        if padding:  # the reference draws noise for the picture first, and does not use it
            _draw(self._generator, (3, *(8 * side for side in sitter.scaled.shape[-2:])))
        noise = _draw(self._generator, (len(part) + padding, *sitter.scaled.shape)).to(
            sitter.scaled
        )
        held = None if tail is None else Held(tail, noise[: len(tail)].clone())
        return Job(self._conditions(part, padding), noise.mul_(sigma).add_(sitter.scaled), held)

    def _conditions(self, part: Part, padding: int) -> Conditions:
        budget = int(self._settings.kept_megabytes * MEGABYTE / 2)
        silent, windows = self._windows(part)
        heard = self._networks.heard(windows, silent_after=silent + padding, budget=budget)
        priors = self._networks.blended_priors(self._performed(part))
        felt = self._networks.felt(priors, silent_after=padding, budget=budget)
        motion = (self._settings.motion, self._settings.expression)
        return conditions(
            self._request.sitter, heard, felt, (float(stream.GENERATED_RATE), *motion)
        )

    def _windows(self, part: Part) -> tuple[int, Float[Tensor, "frames rows layers channels"]]:
        """Frames told of silence, and the windows heard in the others. A listening face is told of
        silence throughout.
        """
        whisper, sizes = self._networks.whisper, self._networks.sizes.audio
        if self._request.speech.role == "listening":
            return len(part), torch.zeros(0, sizes.rows, sizes.layers, sizes.channels)
        if self._settings.mode == "parity":
            windows = hearing.reference_windows(hearing.hard_features(whisper, self._span()))
            return len(part) - len(windows[: len(part)]), windows[: len(part)]
        samples, first_row = parts.sound_of(self._request.speech, part)
        features = hearing.overlapped_features(whisper, samples)
        return 0, hearing.frame_windows(
            features, frames=len(part), size=sizes.rows, first_row=first_row
        )

    def _performed(self, part: Part) -> Float[Tensor, "frames 8"]:
        """Performance weights at every generated frame: the performance is told in delivered
        frames.
        """
        ratio = float(self._request.speech.rate / stream.GENERATED_RATE)
        weights = self._request.performance.at(
            number * ratio for number in range(part.start, part.end)
        )
        return torch.from_numpy(weights).float()

    def _span(self) -> Float32[np.ndarray, " samples"]:
        speech = self._request.speech
        length = round(speech.frames * hearing.SAMPLE_HZ / speech.rate)
        return speech.samples[speech.lead : speech.lead + length]

    def _reporter(self, part: int) -> Progress:
        def report(done: int, steps: int) -> None:
            self._stop_when_cancelled()
            if self.progress is not None:
                self.progress(part * steps + done, len(self._parts) * steps)

        return report

    def _stop_when_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled(f"{self._request.name}: cancelled after {self._log.frames} frames")

    def _frame(self, image: Float[Tensor, "3 h w"]) -> Frame:
        levels = self._request.framing.place(image.mul(255).permute(1, 2, 0).float().cpu().numpy())
        if self._settings.mode == "production":
            levels = np.rint(levels)
        frame: Frame = levels.clip(0, 255).astype(np.uint8)
        return frame


def _draw(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """Noise is drawn on the CPU, so that a seed means the same everywhere."""
    return torch.randn(shape, generator=generator)
