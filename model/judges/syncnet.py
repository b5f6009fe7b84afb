# SPDX-License-Identifier: Apache-2.0
"""Run SyncNet v2, the field's lip-sync judge, on prepared crops.

It gives confidence (LSE-C), least distance (LSE-D) and offset. Layer sizes and tensor names are
those of the published weights. It was trained on 224 px faces cut 1.8 times the box of another
detector; on enlarged 64 px crops its numbers lie below those of papers, so compare them only with
real clips measured here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, Int16, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import sha256_file
from model.conversion import read_pickle
from model.judges import external, sound

SIDE = 224
SPAN = 5
STEPS = SPAN * sound.STEPS_PER_FRAME
MOST_OFFSET = 15  # frames of offset, either way, as in the published evaluation
SOURCE = "converted from"  # in the header of the converted tensors
COEFFICIENTS, FILTERS, LIFTER, EMPHASIS = 13, 26, 22, 0.97

Faces = UInt8[np.ndarray, "frames height width 3"]
Samples = Int16[np.ndarray, " samples"]
# (convolution: channels in and out, kernel, stride, padding; pool after it: kernel, stride,
# padding, or None)
Layer = tuple[
    tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    tuple[tuple[int, ...], ...] | None,
]
AUDIO_LAYERS: tuple[Layer, ...] = (
    ((1, 64, (3, 3), (1, 1), (1, 1)), ((1, 1), (1, 1), (0, 0))),
    ((64, 192, (3, 3), (1, 1), (1, 1)), ((3, 3), (1, 2), (0, 0))),
    ((192, 384, (3, 3), (1, 1), (1, 1)), None),
    ((384, 256, (3, 3), (1, 1), (1, 1)), None),
    ((256, 256, (3, 3), (1, 1), (1, 1)), ((3, 3), (2, 2), (0, 0))),
    ((256, 512, (5, 4), (1, 1), (0, 0)), None),
)
PICTURE_LAYERS: tuple[Layer, ...] = (
    ((3, 96, (5, 7, 7), (1, 2, 2), (0, 0, 0)), ((1, 3, 3), (1, 2, 2), (0, 0, 0))),
    ((96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)), ((1, 3, 3), (1, 2, 2), (0, 1, 1))),
    ((256, 256, (1, 3, 3), (1, 1, 1), (0, 1, 1)), None),
    ((256, 256, (1, 3, 3), (1, 1, 1), (0, 1, 1)), None),
    ((256, 256, (1, 3, 3), (1, 1, 1), (0, 1, 1)), ((1, 3, 3), (1, 2, 2), (0, 0, 0))),
    ((256, 512, (1, 6, 6), (1, 1, 1), (0, 0, 0)), None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncNetScore:
    """SyncNet v2's answer: LSE-C, LSE-D, and by how many frames the picture is late."""

    confidence: float
    distance: float
    offset: int


class SyncNetV2(nn.Module):
    """The two nets under the names of the published tensors."""

    def __init__(self) -> None:
        """Lay out the nets; they have 14 million parameters."""
        super().__init__()
        self.netcnnaud, self.netcnnlip = _build_layers(AUDIO_LAYERS), _build_layers(PICTURE_LAYERS)
        self.netfcaud, self.netfclip = _build_head(), _build_head()

    def embed_sound(self, sounds: Tensor) -> Tensor:
        """Embed [moments, 1, 13, 20] cepstral coefficients as [moments, 1024]."""
        embedded: Tensor = self.netfcaud(self.netcnnaud(sounds).flatten(1))
        return embedded

    def embed_pictures(self, mouths: Tensor) -> Tensor:
        """Embed [moments, 3 (BGR, 0 to 255), 5, 224, 224] as [moments, 1024]."""
        embedded: Tensor = self.netfclip(self.netcnnlip(mouths).flatten(1))
        return embedded


def load_syncnet() -> SyncNetV2:
    """Load the net from the cache; the published pickle is converted once.

    Raises:
        InputError: It is missing or something else.
    """
    net = SyncNetV2()
    published = external.locate_weights("syncnet-v2")
    tensors = load_file(_convert_pickle(published))
    expected = net.state_dict()
    tensors |= {
        name: value for name, value in expected.items() if name.endswith("num_batches_tracked")
    }
    wrong = _find_wrong_tensors(tensors, expected)
    if wrong:
        message, got = "not the tensors of SyncNet v2", ", ".join(wrong[:6])
        raise InputError(Problem(file=str(published), message=message, got=got))
    net.load_state_dict(tensors, strict=True)
    return net.eval()


def _find_wrong_tensors(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """Name tensors that are missing, too many, or of another shape."""
    shared = expected.keys() & tensors.keys()
    misshapen = {name for name in shared if expected[name].shape != tensors[name].shape}
    return sorted(set(expected.keys() ^ tensors.keys()) | misshapen)


@torch.inference_mode()
def measure_sync(net: SyncNetV2, faces: Faces, speech: Samples) -> SyncNetScore:
    """Measure a clip whose first picture belongs to the first frame of the sound (25 a second).

    Raises:
        ValueError: There are fewer than five frames.
    """
    cepstra = torch.from_numpy(compute_cepstra(speech))
    moments = min(len(faces), len(cepstra) // sound.STEPS_PER_FRAME) - SPAN + 1
    if moments < 1:
        raise ValueError(f"{len(faces)} pictures and {len(cepstra)} steps of sound are too few")
    large = np.stack(
        [cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[..., ::-1] for face in faces]
    )
    # BGR, frames, height, width
    frames = torch.from_numpy(large.astype(np.float32)).permute(3, 0, 1, 2)
    of_pictures = torch.cat(
        [net.embed_pictures(frames[None, :, t : t + SPAN]) for t in range(moments)]
    )
    windows = [cepstra[t * sound.STEPS_PER_FRAME :][:STEPS].T for t in range(moments)]
    of_sounds = net.embed_sound(torch.stack(windows)[:, None])
    return _score_offsets(torch.cdist(of_pictures, of_sounds).double().numpy())


def compute_cepstra(speech: Samples) -> Float32[np.ndarray, "steps 13"]:
    """Compute mel-frequency cepstra, 100 a second (Davis & Mermelstein 1980).

    The usual recipe: 26 triangles, lifter 22, energy first.
    """
    plain = speech.astype(np.float64)
    sharp = np.append(plain[:1], plain[1:] - EMPHASIS * plain[:-1])
    steps = max(1 + -(-(len(sharp) - sound.WINDOW) // sound.STEP), 1)
    padded = np.pad(sharp, (0, max((steps - 1) * sound.STEP + sound.WINDOW - len(sharp), 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, sound.WINDOW)[:: sound.STEP][:steps]
    power = np.abs(np.fft.rfft(windows, sound.FFT)) ** 2 / sound.FFT
    tiny = np.finfo(np.float64).eps
    bands = np.log(np.maximum(power @ _build_triangles().T, tiny))
    order, place = np.arange(COEFFICIENTS)[:, None], np.arange(FILTERS)
    cosines = np.cos(np.pi * order * (2 * place + 1) / (2 * FILTERS)) * np.sqrt(
        np.where(order == 0, 1, 2) / FILTERS
    )
    cepstra = (bands @ cosines.T) * (
        1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    )
    cepstra[:, 0] = np.log(np.maximum(power.sum(axis=1), tiny))
    return np.asarray(cepstra, np.float32)


def _convert_pickle(published: Path) -> Path:
    """Convert the pickle to plain tensors beside it, again when it is another file than before."""
    target, source = published.with_name("syncnet_v2.safetensors"), sha256_file(published)
    if not target.is_file() or _read_source(target) != source:
        tensors = {name: value.contiguous() for name, value in read_pickle(published).items()}
        with atomic_write(target) as partial:
            save_file(tensors, partial, metadata={SOURCE: source})
    return target


def _read_source(target: Path) -> str:
    """Read the digest of the file that tensors were converted from; "" when they do not say."""
    try:
        with safe_open(target, framework="pt") as file:
            return str((file.metadata() or {}).get(SOURCE, ""))
    except SafetensorError:
        return ""


def _build_layers(layers: tuple[Layer, ...]) -> nn.Sequential:
    flat = len(layers[0][0][2]) == 2
    conv, norm, pool = (
        (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)
        if flat
        else (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d)
    )
    parts: list[nn.Module] = []
    for (before, after, kernel, stride, padding), pooling in layers:
        parts += [conv(before, after, kernel, stride, padding), norm(after), nn.ReLU()]  # type: ignore[arg-type]
        parts += [pool(*pooling)] if pooling else []  # type: ignore[arg-type]
    return nn.Sequential(*parts)


def _build_head() -> nn.Sequential:
    parts = (nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
    return nn.Sequential(OrderedDict((str(place), part) for place, part in enumerate(parts)))


def _build_triangles() -> Float64[np.ndarray, "bands bins"]:
    """Build 26 triangles from 0 to 8 kHz whose corners are whole bins."""
    top = 2595 * np.log10(1 + 8000 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    corners = np.floor((sound.FFT + 1) * edges / 16000)
    bins = np.arange(sound.FFT // 2 + 1)
    low, peak, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - low) / (peak - low), (high - bins) / (high - peak)
    return np.asarray(np.where(bins < peak, np.clip(rising, 0, None), np.clip(falling, 0, None)))


def _score_offsets(distances: Float64[np.ndarray, "pictures sounds"]) -> SyncNetScore:
    """Average over pictures by offset.

    The sound of `offset` frames before belongs to the picture.
    """
    count = len(distances)
    reach = min(MOST_OFFSET, count - 1)
    table = {
        offset: float(np.diagonal(distances, -offset).mean()) for offset in range(-reach, reach + 1)
    }
    offset = min(sorted(table, key=abs), key=lambda frames: table[frames])
    median = float(np.median(list(table.values())))
    return SyncNetScore(confidence=median - table[offset], distance=table[offset], offset=offset)
