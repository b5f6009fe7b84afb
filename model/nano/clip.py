# SPDX-License-Identifier: Apache-2.0
"""Make one clip of the small talker as a stream of frames.

Latents come in windows, are interpolated to the asked frame rate, decoded, and placed in the
portrait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from model.affect.prepared_corpus import HEARD_PER_FRAME, RATE
from model.emotion import Performance
from model.nano.autoencoder import PortraitFeatures
from model.nano.conditions import gather_context
from model.nano.framing import ENLARGED, DecodedFrame, NanoFraming
from model.nano.networks import NanoNetworks
from model.nano.sampling import NanoPlan, Progress, SamplingRun, stream_latents
from model.nano.speech import ShotFeatures
from model.talker import Frame, Speech, TakeMeasures

SEED_STRIDE = 7_919  # between seeds of pieces of one stretch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoRequest:
    """The inputs of a clip. `name`: how errors call the portrait."""

    name: str
    framing: NanoFraming
    look: PortraitFeatures
    speech: Speech
    performance: Performance
    track: ShotFeatures
    seed: int


class NanoClip:
    """A clip whose frames are made as they are asked for.

    `progress`, if set, is called with (steps done, steps) before every step of denoising.
    """

    def __init__(self, nano: NanoNetworks, plan: NanoPlan, request: NanoRequest) -> None:
        """Prepare the clip; nothing is computed yet."""
        self.height, self.width = request.framing.plate.shape[:2]
        self.frames = request.speech.frames
        self.progress: Progress | None = None
        self._nano = nano
        self._request = request
        seed = request.seed + SEED_STRIDE * request.speech.before_frames
        self._run = SamplingRun(
            plan=plan, generator=torch.Generator().manual_seed(seed % 2**63), progress=self._report
        )
        self._done = 0
        self._started = False

    def __iter__(self) -> Iterator[Frame]:
        """Yield exactly `frames` RGB frames, once."""
        if self._started:
            raise RuntimeError(
                f"{self._request.name}: this clip was already iterated; ask the talker for another"
            )
        self._started = True
        for latents in interpolate_latents(
            self._latents(), frames=self.frames, rate=self._request.speech.rate
        ):
            self._done += 1
            yield self._request.framing.place(self._decode(latents))

    def measures(self) -> TakeMeasures:
        """Report the face box, warnings, and what the clip cost."""
        framing, count = self._request.framing, self._run.count
        warnings = [
            "diffusion demonstration: a small network trained on made faces, 64 px; not DICE-Talk"
        ]
        if framing.enlargement >= ENLARGED:
            warnings.append(
                f"painted parts have {len(framing.face)} px and are enlarged "
                f"{framing.enlargement:.1f} times"
            )
        return TakeMeasures(
            face_box=framing.box,
            warnings=tuple(warnings),
            numbers={
                "frames": float(self._done),
                "steps": float(self._run.plan.steps),
                "branches": float(self._run.plan.branches),
                "windows": float(count.windows),
                "frame_evaluations": float(count.evaluations),
                "enlargement": round(framing.enlargement, 2),
            },
        )

    def _latents(self) -> Iterator[Float[Tensor, "latent grid grid"]]:
        """Yield one latent for each frame at 25 a second."""
        look = self._request.look.features[2][0]
        frames = count_generated_frames(self.frames, self._request.speech.rate)
        for piece in stream_latents(
            self._nano, look, self._embed_conditions, frames=frames, run=self._run
        ):
            yield from piece

    @torch.no_grad()
    def _embed_conditions(self, frames: range) -> tuple[Tensor, Tensor]:
        """Embed sound and emotion at the frames of a window."""
        sizes, nano = self._nano.sizes, self._nano
        # frames enough on either side for what stands around a frame
        reach = max(sizes.rows, sizes.prosody_frames)
        rows = range(frames.start - reach, frames.stop + reach)
        states, prosody = self._request.track.rows(rows)
        inner = range(reach, reach + len(frames))
        states = gather_context(states, frames=inner, size=sizes.rows, stride=HEARD_PER_FRAME)
        beside = gather_context(prosody, frames=inner, size=sizes.prosody_frames, stride=1)
        ratio = float(self._request.speech.rate / RATE)
        weights = torch.from_numpy(
            self._request.performance.at(number * ratio for number in frames)
        ).float()
        return nano.hearing(states[None], beside[None])[0], nano.feeling(weights[None])[0]

    @torch.no_grad()
    def _decode(self, latents: Float[Tensor, "latent grid grid"]) -> DecodedFrame:
        autoencoder = self._nano.autoencoder
        flow, mask, paint = autoencoder.decode_parts(
            autoencoder.denormalize(latents[None]), self._request.look
        )
        return DecodedFrame(
            flow=flow[0].permute(1, 2, 0).contiguous().numpy(),
            mask=mask[0, 0].contiguous().numpy(),
            paint=((paint[0].permute(1, 2, 0) + 1) * 127.5).contiguous().numpy(),
        )

    def _report(self, done: int, steps: int) -> None:
        if self.progress is not None:
            self.progress(done, steps)


def count_generated_frames(frames: int, rate: Fraction) -> int:
    """Count the frames at 25 a second that span all asked frames.

    >>> count_generated_frames(24, Fraction(24)), count_generated_frames(60, Fraction(30))
    (25, 51)
    >>> count_generated_frames(1, Fraction(30))
    1
    """
    last = (frames - 1) * RATE / rate
    return -(-last.numerator // last.denominator) + 1


def interpolate_latents(
    latents: Iterator[Tensor], *, frames: int, rate: Fraction
) -> Iterator[Tensor]:
    """Yield the latent at each asked frame: one of `latents`, or linear between two of them."""
    stream_of = enumerate(latents)
    number, after = next(stream_of)
    before = after
    for frame in range(frames):
        place = frame * RATE / rate
        while number < place:
            before = after
            number, after = next(stream_of)
        share = float(place - (number - 1)) if number > place else 1.0
        yield torch.lerp(before, after, share)
