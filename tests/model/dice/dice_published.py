# SPDX-License-Identifier: Apache-2.0
"""A folder laid out as the published README asks for, with tiny random weights."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.dice.checkpoint import ADAPTER
from model.dice.config import DiceSizes
from model.dice.engine import DiceNetworks
from model.emotion import LABELS

SVD = "stable-video-diffusion-img2vid-xt"
State = dict[str, Tensor]


def lay_out(folder: Path, networks: DiceNetworks, *, whole_unet: bool = False) -> Path:
    """Write every published file below `folder` and return it."""
    states = {name: dict(module.state_dict()) for name, module in networks.modules().items()}
    unet = states["unet"]
    trained = {key: value for key, value in unet.items() if whole_unet or ADAPTER.search(key)}
    _pickle(folder / "DICE-Talk/unet.pth", trained)
    _pickle(folder / "DICE-Talk/audio_linear.pth", states["audio_projection"])
    _pickle(folder / "DICE-Talk/emo_model.pth", states["emotion_model"])
    _pickle(folder / "DICE-Talk/pose_guider.pth", states["pose_guider"])
    _pickle(
        folder / "RIFE/flownet.pkl",
        {f"module.{key}": value for key, value in states["interpolation"].items()},
    )
    base = {key: value for key, value in unet.items() if not ADAPTER.search(key)}
    whisper = {f"model.encoder.{key}": value for key, value in states["whisper"].items()}
    whisper["model.decoder.layer_norm.bias"] = torch.zeros(3)
    _model(
        folder / SVD / "unet/diffusion_pytorch_model.fp16.safetensors", base, networks.sizes.unet
    )
    _model(
        folder / SVD / "vae/diffusion_pytorch_model.fp16.safetensors",
        states["vae"],
        networks.sizes.vae,
    )
    _model(
        folder / SVD / "image_encoder/model.fp16.safetensors",
        states["image_encoder"],
        networks.sizes.clip,
    )
    _model(folder / "whisper-tiny/model.safetensors", whisper, networks.sizes.whisper)
    (folder / SVD / "scheduler").mkdir(parents=True)
    (folder / SVD / "scheduler/scheduler_config.json").write_text(
        json.dumps(networks.sizes.scheduler)
    )
    (folder / "emo").mkdir()
    for label, prior in zip(LABELS, networks.priors, strict=True):
        write_prior(folder / "emo" / f"{label}.npy", prior.numpy()[None])
    return folder


def write_prior(path: Path, mean: object) -> None:
    """A prior as it is published: a pickled dictionary inside a .npy."""
    np.save(path, np.array({"mu": mean}, dtype=object), allow_pickle=True)


def own_sizes(sizes: DiceSizes) -> DiceSizes:
    """Sizes of DICE-Talk's own files as given, those that are published beside weights as
    released."""
    return DiceSizes(
        audio=sizes.audio, emotion=sizes.emotion, pose=sizes.pose, interpolation=sizes.interpolation
    )


def _pickle(path: Path, state: State) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


def _model(path: Path, state: State, config: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    (path.parent / "config.json").write_text(json.dumps(config | {"_class_name": "Published"}))
