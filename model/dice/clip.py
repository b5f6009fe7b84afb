# SPDX-License-Identifier: Apache-2.0
"""Make one clip: part after part from noise to latents, then one stream of placed frames.

The mode `production` corrects what the reference does: no padding window, no frame denoised twice,
sound with context, overlapped decoding, the exact number of frames, rounding. The mode `parity`
keeps the reference's arithmetic and holds the last frame where the reference stops short.
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
from model.dice import parts, schedule, speech, stream, vision
from model.dice.engine import DiceNetworks, EncodedPortrait, condition_clip
from model.dice.framing import DiceFraming
from model.dice.guidance import Guidance
from model.dice.parts import ClipPart
from model.dice.sampling import ClipConditioning, DenoiseJob, DenoisePlan, HeldFrames, denoise
from model.dice.settings import DiceSettings
from model.emotion import Performance
from model.talker import Frame, Speech, TakeMeasures

WINDOW = 25
MEGABYTE = 1 << 20
Progress = Callable[[int, int], None]


class ClipCancelled(Exception):  # noqa: N818 (someone asked for it: not an error)
    """The clip was cancelled before it was finished."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiceRequest:
    """The inputs of a clip. `name`: how errors call the portrait."""

    name: str
    framing: DiceFraming
    portrait: EncodedPortrait
    speech: Speech
    performance: Performance
    seed: int


@dataclass(slots=True)
class _ClipLog:
    warnings: list[str] = field(default_factory=list)
    evaluations: int = 0
    frames: int = 0
    retries: int = 0

    def note_retry(self, message: str) -> None:
        self.retries += 1
        self.warnings.append(message)


class DiceClip:
    """A clip whose frames are made as they are asked for.

    `progress`, if set, is called with (steps done, steps) before every run of the UNet.
    """

    def __init__(
        self,
        networks: DiceNetworks,
        settings: DiceSettings,
        request: DiceRequest,
        warnings: Sequence[str] = (),
    ) -> None:
        """Decide the parts; nothing is computed yet.

        Raises InputError when parity is asked for less than 80 ms of sound.
        """
        self.width, self.height = request.framing.size
        self.frames = request.speech.frames
        self.progress: Progress | None = None
        self._networks = networks
        self._settings = settings
        self._request = request
        self._generator = torch.Generator().manual_seed(request.seed)
        self._log = _ClipLog(list(warnings))
        self._cancelled = threading.Event()
        self._first: DenoiseJob | None = None
        self._first_is_denoised = False
        self._started = False
        self._parts = self._split()

    def cancel(self) -> None:
        """Stop at the next run of the UNet or the next frame, with `ClipCancelled`.

        May be called from any thread.
        """
        self._cancelled.set()

    def prepare_first_job(self) -> DenoiseJob:
        """Prepare the first part for denoising, alone or with other clips."""
        if self._first is None:
            self._first = self._prepare_job(self._parts[0], None)
        return self._first

    @property
    def settings(self) -> DiceSettings:
        """Settings that the clip is made with."""
        return self._settings

    def record_shared_run(self, evaluations: int) -> None:
        """Record that the first job has been denoised, and its share of frame evaluations."""
        self._first_is_denoised = True
        self._log.evaluations += evaluations

    def __iter__(self) -> Iterator[Frame]:
        """Yield exactly `frames` RGB frames, once. Raises ClipCancelled after `cancel`."""
        if self._started:
            raise RuntimeError(
                f"{self._request.name}: this clip was already iterated; ask the talker for another"
            )
        self._started = True
        places = stream.place_frames(self.frames, self._request.speech.rate)
        for image in stream.interpolate_frames(self._networks.interpolator, self._decode(), places):
            self._raise_if_cancelled()
            self._log.frames += 1
            yield self._place(image)

    def measures(self) -> TakeMeasures:
        """Report the face box, warnings, and what the clip cost."""
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

    def plan(self) -> DenoisePlan:
        """Plan the denoising of this clip."""
        chosen, sizes = self._settings, self._networks.sizes
        emotion = chosen.audio if chosen.emotion is None else chosen.emotion
        return DenoisePlan(
            schedule=schedule.Schedule.of(sizes.scheduler, chosen.steps),
            guidance=Guidance(
                appearance=(chosen.appearance, chosen.appearance),
                audio=(chosen.audio, chosen.audio),
                emotion=(emotion, emotion),
            ),
            window=WINDOW,
            circular=chosen.mode == "parity",
            images_per_run=chosen.images_per_run,
        )

    def _split(self) -> list[ClipPart]:
        if self._settings.mode == "parity":
            frames = len(self._cut_span()) // (speech.ROW_SAMPLES * speech.ROWS_PER_FRAME)
            if not frames:
                message = "parity mode needs at least 80 ms of sound"
                raise InputError(Problem(file=self._request.name, message=message))
            return [ClipPart(start=0, end=min(frames, speech.LONGEST_UNITS // 2))]
        frames = stream.count_generated_frames(self.frames, self._request.speech.rate)
        longest = self._settings.segment_seconds
        return parts.split_speech(
            self._request.speech, max(frames, schedule.SHORTEST), longest_seconds=longest
        )

    def _decode(self) -> Iterator[vision.Image]:
        vae, chunk = self._networks.vae, self._settings.decode_chunk
        if self._settings.mode == "production":
            return stream.decode_overlapped(
                vae, self._denoise_parts(), chunk=chunk, note=self._log.note_retry
            )
        # The padding is decoded with the last frames, since it shares their chunk in the reference.
        return itertools.islice(
            vision.decode_seamed(vae, self._denoise_parts(), chunk=chunk), len(self._parts[0])
        )

    def _denoise_parts(self) -> Iterator[Float[Tensor, "4 h w"]]:
        """Yield clean latents of the frames that are shown, part after part."""
        plan = self.plan()
        tail: Tensor | None = None
        for number, part in enumerate(self._parts):
            job = self._prepare_job(part, tail) if number else self.prepare_first_job()
            self._first = None
            if number or not self._first_is_denoised:
                self._log.evaluations += denoise(
                    self._networks.unet, [job], plan, progress=self._make_reporter(number)
                )
            latents = job.latents
            del job  # with it go the projected tokens
            tail = latents[len(part) - parts.HELD_FRAMES : len(part)].clone()
            yield from latents[part.held :]

    def _prepare_job(self, part: ClipPart, tail: Tensor | None) -> DenoiseJob:
        padding = WINDOW if self._settings.mode == "parity" else 0
        portrait = self._request.portrait
        sigma = self.plan().schedule.sigmas[0]
        if padding:  # the reference draws noise for the picture first, and does not use it
            _draw(self._generator, (3, *(8 * side for side in portrait.scaled.shape[-2:])))
        noise = _draw(self._generator, (len(part) + padding, *portrait.scaled.shape)).to(
            portrait.scaled
        )
        held = None if tail is None else HeldFrames(tail, noise[: len(tail)].clone())
        return DenoiseJob(
            self._prepare_conditions(part, padding), noise.mul_(sigma).add_(portrait.scaled), held
        )

    def _prepare_conditions(self, part: ClipPart, padding: int) -> ClipConditioning:
        budget = int(self._settings.kept_megabytes * MEGABYTE / 2)
        silent, windows = self._cut_windows(part)
        audio = self._networks.encode_audio(windows, silent_after=silent + padding, budget=budget)
        priors = self._networks.blend_priors(self._performance_weights(part))
        emotion = self._networks.encode_emotion(priors, silent_after=padding, budget=budget)
        motion = (self._settings.motion, self._settings.expression)
        return condition_clip(
            self._request.portrait, audio, emotion, (float(stream.GENERATED_RATE), *motion)
        )

    def _cut_windows(
        self, part: ClipPart
    ) -> tuple[int, Float[Tensor, "frames rows layers channels"]]:
        """Return the number of silent frames, and the sound windows of the others.

        A listening face hears silence throughout.
        """
        whisper, sizes = self._networks.whisper, self._networks.sizes.audio
        if self._request.speech.role == "listening":
            return len(part), torch.zeros(0, sizes.rows, sizes.layers, sizes.channels)
        if self._settings.mode == "parity":
            windows = speech.cut_reference_windows(
                speech.extract_hard_features(whisper, self._cut_span())
            )
            return len(part) - len(windows[: len(part)]), windows[: len(part)]
        samples, first_row = parts.cut_sound(self._request.speech, part)
        features = speech.extract_overlapped_features(whisper, samples)
        return 0, speech.cut_frame_windows(
            features, frames=len(part), size=sizes.rows, first_row=first_row
        )

    def _performance_weights(self, part: ClipPart) -> Float[Tensor, "frames 8"]:
        """Return performance weights at every generated frame.

        The performance counts in delivered frames.
        """
        ratio = float(self._request.speech.rate / stream.GENERATED_RATE)
        weights = self._request.performance.at(
            number * ratio for number in range(part.start, part.end)
        )
        return torch.from_numpy(weights).float()

    def _cut_span(self) -> Float32[np.ndarray, " samples"]:
        sound = self._request.speech
        length = round(sound.frames * speech.SAMPLE_HZ / sound.rate)
        return sound.samples[sound.lead : sound.lead + length]

    def _make_reporter(self, part: int) -> Progress:
        def report(done: int, steps: int) -> None:
            self._raise_if_cancelled()
            if self.progress is not None:
                self.progress(part * steps + done, len(self._parts) * steps)

        return report

    def _raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise ClipCancelled(f"{self._request.name}: cancelled after {self._log.frames} frames")

    def _place(self, image: Float[Tensor, "3 h w"]) -> Frame:
        levels = self._request.framing.place(image.mul(255).permute(1, 2, 0).float().cpu().numpy())
        if self._settings.mode == "production":
            levels = np.rint(levels)
        frame: Frame = levels.clip(0, 255).astype(np.uint8)
        return frame


def _draw(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """Draw noise on the CPU, so that a seed means the same on every device."""
    return torch.randn(shape, generator=generator)
