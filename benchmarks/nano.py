# SPDX-License-Identifier: Apache-2.0
"""Train, sample and pack the small diffusion talker from the command line.

    python -m benchmarks.nano train CORPUS OUT [--config FILE] [--start FOLDER] [--cache FOLDER]
        [--discriminator W] ...
    python -m benchmarks.nano pack FOLDER: the checkpoint that ships, in half precision
    python -m benchmarks.nano strip CORPUS FOLDER PNG: a strip of frames of every emotion
    python -m benchmarks.nano speed PORTRAIT ...: CPU milliseconds a frame
    python -m benchmarks.nano measure CORPUS FOLDER ... [--split test] [--limit N]
        [--guidance 1 2 3]: what judges say

`callsheet train diffusion` does the same training; this one writes PNGs to look at while it runs,
and prints CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from manifests.corpus_rows import CorpusClip
from model.affect import prepared_corpus as corpora
from model.affect.prepared_corpus import Corpus
from model.emotion import LABELS, Performance, parse_curve
from model.judges.evaluation import FrameMaker
from model.nano.networks import WEIGHTS, NanoNetworks, count_parameters, read_config
from model.nano.sample import request_clip, sample
from model.nano.sampling import NanoPlan
from model.nano.talker import load
from model.talker import Speech
from model.training import settings as tables
from model.training.run import TrainingRun
from model.training.train_autoencoder import AutoencoderSettings
from model.training.train_denoiser import DenoiserSettings
from model.training.train_diffusion import DiffusionSettings, DiffusionStages, train
from model.training.training_loop import Video
from pipeline import corpus
from pipeline.render import portraits

KINDS: dict[str, type[Any]] = {
    "diffusion": DiffusionSettings,
    "autoencoder": AutoencoderSettings,
    "motion": DenoiserSettings,
    "emotion": DenoiserSettings,
}
EVERY = 20  # steps between printed lines
STRIP_FRAMES, STRIP_EVERY = 24, 4


def read_stages(arguments: argparse.Namespace) -> DiffusionStages:
    """Read the stages of a settings file; the command line overrides them."""
    tables_read: dict[str, Any] = {}
    if arguments.config:
        tables_read = tomllib.loads(Path(arguments.config).read_text(encoding="utf-8"))
    read = {
        name: tables.read(kind, tables_read.get(name, {}), file=str(arguments.config), name=name)
        for name, kind in KINDS.items()
    }
    named = {
        name: str(Path(getattr(arguments, name)))
        for name in ("start", "cache")
        if getattr(arguments, name)
    }
    read["diffusion"] = replace(read["diffusion"], **named)
    if arguments.discriminator is not None:
        read["emotion"] = replace(read["emotion"], discriminator=arguments.discriminator)
    return DiffusionStages(**read)


def run_training(arguments: argparse.Namespace) -> None:
    """Train, and report progress."""
    torch.set_num_threads(arguments.threads)
    out = Path(arguments.out)
    stages = read_stages(arguments)
    print(
        f"{count_parameters(NanoNetworks.fresh(stages.sizes)):,} parameters, {stages.steps} steps",
        flush=True,
    )
    started = time.process_time(), time.monotonic()

    def report(step: int, values: Mapping[str, float]) -> None:
        if step % EVERY == 0:
            shown = "  ".join(
                f"{name.partition('/')[2]} {value:.4f}" for name, value in values.items()
            )
            cpu, wall = time.process_time() - started[0], time.monotonic() - started[1]
            print(
                f"{step:6d}  {cpu:7.1f} CPU s  {wall:7.1f} s  "
                f"{next(iter(values)).partition('/')[0]}  {shown}",
                flush=True,
            )

    def show(step: int, films: Mapping[str, Video]) -> None:
        for name, film in films.items():
            if len(film) == 1:
                write_picture(
                    film[0].numpy(),
                    out / "shown" / f"{name.replace('/', '-')}-{step:06d}.png",
                    scale=1.5,
                )

    finished = train(
        corpus.read(Path(arguments.corpus)), stages, TrainingRun(out=out, report=report), show=show
    )
    print(
        f"{finished}: {time.process_time() - started[0]:.0f} CPU s, "
        f"{time.monotonic() - started[1]:.0f} s",
        flush=True,
    )


def pack(arguments: argparse.Namespace) -> None:
    """Write a finished stage as the checkpoint of the package.

    Half precision, and a config without this machine's paths.
    """
    folder = Path(arguments.folder)
    config = read_config(folder)
    facts = {
        name: value for name, value in config.items() if name not in ("kind", "sizes", "begun from")
    }
    digest = NanoNetworks.load(folder).save(WEIGHTS, {**facts, "weights licence": "Apache-2.0"})
    size = (WEIGHTS / "model.safetensors").stat().st_size
    print(json.dumps({"digest": digest, "bytes": size}))


def draw_strip(arguments: argparse.Namespace) -> None:
    """Draw a row for each emotion, each of another person that was not trained on.

    A row shows the portrait, the real clip, and the clip generated from portrait and sound.
    """
    source = corpus.read(Path(arguments.corpus))
    nano, plan = NanoNetworks.load(Path(arguments.folder)), NanoPlan(guidance=arguments.guidance)
    people = source.identities("test")
    rows = []
    for number, label in enumerate(LABELS):
        person = people[number % len(people)]
        clips = [
            c
            for c in source.split("test")
            if (c.identity, c.emotion) == (person, label) and c.frames >= STRIP_FRAMES
        ]
        if not clips:
            continue
        clip = max(clips, key=lambda clip: clip.level)
        generated = sample(
            nano, request_clip(source, clip, frames=STRIP_FRAMES), seed=0, plan=plan
        ).numpy()
        real = source.array(clip, "faces", slice(0, STRIP_FRAMES))
        portrait = source.portrait(person).face
        gap = np.full((64, 8, 3), 255, np.uint8)
        picked = range(2, STRIP_FRAMES, STRIP_EVERY)
        rows.append(
            np.concatenate(
                [portrait, gap, *(real[i] for i in picked), gap, *(generated[i] for i in picked)],
                axis=1,
            )
        )
    write_picture(np.concatenate(rows), Path(arguments.png), scale=1.5)


def measure(arguments: argparse.Namespace) -> None:
    """Measure what judges say of real clips and of each checkpoint's clips at each guidance.

    With 95 % intervals.
    """
    from model.judges import trained
    from model.judges.evaluation import CorpusEvaluation, FrameWindow, choose_clips
    from model.judges.metrics import MetricSuite

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    source = corpus.read(Path(arguments.corpus))
    own = source.folder / "judges"
    clips = choose_clips(source, split=arguments.split, limit=arguments.limit, seed=arguments.seed)
    faces = {name: source.portrait(name).face for name in sorted({clip.identity for clip in clips})}
    suite = MetricSuite(own if trained.has_all_judges(own) else trained.SHIPPED, faces)
    evaluation = CorpusEvaluation(
        corpus=source,
        clips=clips,
        metrics=suite,
        window=FrameWindow(frames=arguments.frames),
        run_id="nano",
        seed=arguments.seed,
    )
    for subject, make in [("real", evaluation.read_real_frames), *_list_makers(arguments, source)]:
        started = time.process_time()
        print(
            f"{subject}: {len(list(evaluation.judge_subject(subject, make)))} clips, "
            f"{time.process_time() - started:.0f} CPU s",
            flush=True,
        )
    for score in evaluation.compute_scores():
        print(score, flush=True)


def _list_makers(arguments: argparse.Namespace, source: Corpus) -> list[tuple[str, FrameMaker]]:
    """Return a maker for every checkpoint and guidance."""
    found: list[tuple[str, FrameMaker]] = []
    for folder in arguments.folders:
        nano = NanoNetworks.load(Path(folder))
        plans = [NanoPlan(guidance=guidance) for guidance in arguments.guidance]
        found += [
            (f"{folder} at {plan.guidance:g}", _build_maker(source, nano, plan, arguments.seed))
            for plan in plans
        ]
    return found


def _build_maker(source: Corpus, nano: NanoNetworks, plan: NanoPlan, seed: int) -> FrameMaker:
    def make(clip: CorpusClip, window: slice) -> np.ndarray:
        return sample(
            nano, request_clip(source, clip, frames=window.stop), seed=seed, plan=plan
        ).numpy()[window]

    return make


def measure_speed(arguments: argparse.Namespace) -> None:
    """Measure CPU milliseconds a frame of the talker on portraits, with the cost of each clip.

    The sound is four seconds of a humming voice.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    talker, count = load(settings={}), 4 * corpora.RATE
    times = np.arange(4 * corpora.HZ) / corpora.HZ
    hum = np.sin(2 * np.pi * 140 * times) * np.sin(2 * np.pi * 2 * times) ** 2
    speech = Speech(
        samples=hum.astype(np.float32), lead=0, frames=count, rate=Fraction(corpora.RATE)
    )
    mood = Performance.from_curve(parse_curve("happy 0.8"), start=0, end=count)
    for path in arguments.portraits:
        portrait, started = portraits.read(Path(path), face="largest"), time.process_time()
        frames = sum(1 for _ in talker.talk(portrait, speech, mood, 0))
        print(
            f"{path}: {1000 * (time.process_time() - started) / frames:.0f} ms of CPU a frame",
            flush=True,
        )


def write_picture(rgb: np.ndarray, path: Path, *, scale: float) -> None:
    """Write a PNG, enlarged for viewing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    enlarged = cv2.resize(rgb[..., ::-1], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), enlarged)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.add_argument("corpus")
    training.add_argument("out")
    training.add_argument("--config", default="")
    training.add_argument("--start", default="")
    training.add_argument("--cache", default="")
    training.add_argument("--discriminator", type=float)
    training.add_argument("--threads", type=int, default=1)
    training.set_defaults(run=run_training)
    packing = commands.add_parser("pack")
    packing.add_argument("folder")
    packing.set_defaults(run=pack)
    stripping = commands.add_parser("strip")
    stripping.add_argument("corpus")
    stripping.add_argument("folder")
    stripping.add_argument("png")
    stripping.add_argument("--guidance", type=float, default=NanoPlan().guidance)
    stripping.set_defaults(run=draw_strip)
    timing = commands.add_parser("speed")
    timing.add_argument("portraits", nargs="+")
    timing.set_defaults(run=measure_speed)
    measuring = commands.add_parser("measure")
    measuring.add_argument("corpus")
    measuring.add_argument("folders", nargs="*")
    measuring.add_argument("--guidance", type=float, nargs="+", default=[NanoPlan().guidance])
    measuring.add_argument("--split", default="val")
    measuring.add_argument("--limit", type=int, default=48)
    measuring.add_argument("--frames", type=int, default=16)
    measuring.add_argument("--seed", type=int, default=0)
    measuring.set_defaults(run=measure)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
