# SPDX-License-Identifier: Apache-2.0
"""Build networks, sizes and sounds from golden fixtures of DICE-Talk, for their comparison."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.golden import Compared, Fixture, Json
from model.dice import speech
from model.dice.config import AudioSizes, EmotionSizes, PoseSizes
from model.dice.emotion import EmotionModel
from model.dice.unet import DiceUNet


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Whisper, the audio projection and the emotion model of an `audio_windows` fixture."""

    encoder: nn.Module
    audio: speech.AudioProjection
    emotion: EmotionModel

    @classmethod
    def of(cls, f: Fixture) -> Listener:
        """Build from the fixture's sizes and weights."""
        encoder, audio = (
            speech.build_whisper_encoder(f.about["whisper"]),
            read_audio_sizes(f.about["audio_proj"]),
        )
        projection, emotion = (
            speech.AudioProjection(audio),
            EmotionModel(read_emotion_sizes(f.about["emotion"])),
        )
        f.fill(encoder, "w/whisper.").double()
        f.fill(projection, "w/audio.")
        f.fill(emotion, "w/emotion.")
        return cls(encoder, projection, emotion)

    def list_outputs(
        self, f: Fixture, wav: np.ndarray, limit: int | None
    ) -> dict[str, Callable[[], Tensor]]:
        """Return what can be compared of one recording."""
        limits = {} if limit is None else {"limit_units": limit}
        windows = speech.cut_reference_windows(
            speech.extract_hard_features(self.encoder, wav, **limits)
        )
        prior = f.tensors["in/mu"]
        return {
            "mel": lambda: speech.compute_log_mel(wav, bins=f.about["whisper"]["num_mel_bins"]).T,
            "windows": lambda: windows,
            "audio_tokens": lambda: self.audio(windows),
            "uncond_audio_tokens": lambda: self.audio(torch.zeros_like(windows)),
            "emotion_tokens": lambda: self.emotion(prior),
            "uncond_emotion_tokens": lambda: self.emotion(torch.zeros_like(prior)),
        }


def read_audio_sizes(config: Json) -> AudioSizes:
    return AudioSizes(
        rows=config["seq_len"],
        layers=config["blocks"],
        channels=config["channels"],
        hidden=config["intermediate_dim"],
        tokens=config["context_tokens"],
        dim=config["output_dim"],
    )


def read_emotion_sizes(config: Json) -> EmotionSizes:
    return EmotionSizes(
        prior=config["feat"],
        hidden=config["inter"],
        tokens=config["tokens"],
        dim=config["D"],
        bank=config["codebook"],
        heads=config["heads"],
        feature=config["ncls_in"],
    )


def read_pose_sizes(config: Json) -> PoseSizes:
    return PoseSizes(
        inputs=config["conditioning_channels"],
        channels=tuple(config["block_out_channels"]),
        outputs=config["conditioning_embedding_channels"],
    )


def build_unet(f: Fixture) -> DiceUNet:
    network = DiceUNet.build(f.about["config"], adapters=len(f.about.get("ip_tokens", (32, 32))))
    f.fill(network)
    return network


def read_sound(f: Fixture, case: str) -> np.ndarray:
    stored = [key for key in f.tensors if key.startswith("in/wav_")]
    if match := re.search(r"synth_wav\(([\d.]+)\)", f.about.get(f"wav_{case}", "")):
        return _synthesize_voice(float(match[1]))
    key = f"in/wav_{case}_i16"
    return to_float(f.tensors[key if key in f.tensors else stored[0]])


def _synthesize_voice(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * speech.SAMPLE_HZ)) / speech.SAMPLE_HZ
    turn = 2 * np.pi
    voice = (
        0.4
        * np.sin(turn * (140 * t + 3 * np.sin(turn * 2.1 * t)))
        * (0.5 + 0.5 * np.sin(turn * 3.3 * t))
    )
    voice += 0.1 * np.sin(turn * (900 + 200 * np.sin(turn * 0.7 * t)) * t)
    return to_float(torch.from_numpy(np.round(voice * 32767 * 0.8).astype(np.int16)))


def to_float(wav: Tensor) -> np.ndarray:
    return wav.numpy().astype(np.float32) / 32768


def cut_part(values: Tensor, part: str) -> Tensor:
    if match := re.fullmatch(r"first_?(\d*)", part):
        return values[: int(match[1] or 1)]
    if match := re.fullmatch(r"last_?(\d*)", part):
        return values[-int(match[1] or 1) :]
    if match := re.fullmatch(r"(\d+)_(\d+)", part):
        return values[int(match[1]) : int(match[2])]
    return values


def find_grid(mask: Tensor, pixels: int) -> tuple[int, int]:
    height, width = mask.shape[-2:]
    factor = math.isqrt(height * width // pixels)
    return height // factor, width // factor


def compare_equal(name: str, wanted: object, got: object) -> Compared:
    return Compared(name, 0.0 if wanted == got else math.inf, 0)


def keep_output(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    def keep(_: nn.Module, __: object, answer: Tensor | tuple[Tensor, ...]) -> None:
        seen[name] = (answer if isinstance(answer, Tensor) else answer[0]).clone()

    return keep
