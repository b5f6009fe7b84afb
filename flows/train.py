# SPDX-License-Identifier: Apache-2.0
"""`callsheet train`: read the settings, bring corpus and trainer together, on this machine or on
Ray workers.

Not the training: `model/training` does that and knows neither files of settings nor Ray. The only
door to TensorBoard's event files.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.progress import reporter
from manifests.errors import InputError, Problem, collect_problems, find_nearest
from pipeline.frame_writer import FrameWriter

if TYPE_CHECKING:
    from model.training.reporting import Report
    from model.training.train_diffusion import DiffusionSettings
    from model.training.workers import Workers

KINDS: dict[str, tuple[str, ...]] = {
    "embedder": ("embedder", "bank"),
    "diffusion": ("diffusion", "autoencoder", "motion", "emotion"),
}
"""What can be trained, and the tables of the settings file that say how. One file may hold the
tables of both."""
TABLES = tuple(name for names in KINDS.values() for name in names)
EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The top of a settings file. Paths are relative to the file. `workers`: more than one are Ray
    workers, on the cluster at `address` or on this machine. `threads`: of each worker.
    """

    corpus: str = ""
    out: str = ""
    workers: int = field(default=1, metadata={"range": (1, 1024)})
    threads: int = field(default=1, metadata={"range": (1, 256)})
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training left. `seconds`: of this call, which may have gone on from an earlier one."""

    kind: str
    out: Path
    digests: dict[str, str]
    seconds: float


def train(kind: str, config: Path) -> Trained:
    """Train what `config` says and write it to the folder that it names. Raises InputError with
    every problem of the settings.
    """
    started = time.monotonic()
    settings = read(kind, config)
    out = beside(config, settings.out)
    if settings.workers == 1:
        run_stages(kind, config)
    else:
        from flows.farm.training import run_on_workers

        reporter().step(f"Training on {settings.workers} Ray workers, which tell of it in {out}")
        run_on_workers(
            partial(run_stages, kind, config.resolve()), settings.workers, address=settings.address
        )
    return Trained(
        kind=kind, out=out, digests=_digests(out, kind), seconds=time.monotonic() - started
    )


def beside(config: Path, folder: str) -> Path:
    """A folder that a settings file names: relative to the file, or of one's home."""
    return config.parent / Path(folder).expanduser()


def read(kind: str, config: Path) -> TrainSettings:
    """The top of the settings file, when all of the file is in order."""
    settings, _ = _read(kind, config)
    return settings


def run_stages(kind: str, config: Path, workers: Workers | None = None) -> None:
    """In one worker: the corpus, then each stage of a training after the other."""
    import torch

    from model.training.workers import ALONE
    from pipeline.corpus import read as read_corpus

    settings, stages = _read(kind, config)
    torch.set_num_threads(settings.threads)
    corpus = read_corpus(beside(config, settings.corpus))
    stage: Callable[..., None] = {"embedder": _embedder_and_bank, "diffusion": _diffusion}[kind]
    stage(corpus, stages, beside(config, settings.out), workers or ALONE)


def _embedder_and_bank(corpus: Any, stages: Mapping[str, Any], out: Path, workers: Workers) -> None:
    from model.training import train_bank, train_embedder
    from model.training.run import TrainingRun

    for name in KINDS["embedder"]:
        wanted = stages[name]
        with scalars(out / name, workers, wanted.steps) as report:
            run = TrainingRun(out=out / name, report=report, workers=workers)
            if name == "embedder":
                embedder = train_embedder.train(corpus, wanted, run)
            else:
                train_bank.train(corpus, embedder, wanted, run)


def _diffusion(corpus: Any, stages: Mapping[str, Any], out: Path, workers: Workers) -> None:
    from model.training import train_diffusion
    from model.training.run import TrainingRun

    wanted = train_diffusion.DiffusionStages(**stages)
    place = out / "diffusion"
    with scalars(place, workers, wanted.steps) as report:
        run = TrainingRun(out=place, report=report, workers=workers)
        train_diffusion.train(corpus, wanted, run, show=partial(_write_samples, place / "samples"))


def _write_samples(folder: Path, step: int, films: Mapping[str, Any]) -> None:
    """What a training shows on its way, as lossless films (frames, height, width, 3) of 25 frames a
    second.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, film in films.items():
        frames = np.asarray(film)
        path = folder / f"{step:06}-{name.replace('/', '-')}.mkv"
        with FrameWriter(
            path, size=(frames.shape[2], frames.shape[1]), rate=Fraction(25)
        ) as writer:
            for frame in frames:
                writer.write(np.ascontiguousarray(frame))


@contextmanager
def scalars(out: Path, workers: Workers, steps: int) -> Iterator[Report]:
    """A report that moves the bar and writes TensorBoard scalars to `out/events`; silent in workers
    that do not lead.
    """
    from model.training.reporting import ignore_report

    if not workers.leads:
        yield ignore_report
        return
    from tensorboardX import SummaryWriter

    reporter().step(f"Training: {out.name}")
    writers: list[SummaryWriter] = []

    def report(step: int, values: Mapping[str, float]) -> None:
        if not writers:  # steps that a training goes through again are shown once
            writers.append(SummaryWriter(str(out / EVENTS), purge_step=step))
        for name, value in values.items():
            writers[0].add_scalar(name, value, step)
        reporter().count(step + 1, steps)

    try:
        yield report
    finally:
        for writer in writers:
            writer.close()


def _read(kind: str, config: Path) -> tuple[TrainSettings, dict[str, Any]]:
    """The top of the file and the settings of each stage."""
    from model.training import settings as tables

    if kind not in KINDS:
        message = f"nothing called {kind!r} is trained"
        raise InputError(
            Problem(
                file="train",
                message=message,
                expected=" or ".join(KINDS),
                nearest=find_nearest(kind, KINDS),
            )
        )
    given, file = _toml(config), str(config)
    wanted = {name: given.pop(name, {}) for name in TABLES if name in given or name in KINDS[kind]}
    problems, stages = list[Problem](), dict[str, Any]()
    top = collect_problems(
        problems, lambda: tables.read(TrainSettings, given, file=file, name="", beside=TABLES)
    )
    for name, table in wanted.items():
        stages[name] = collect_problems(problems, partial(_stage, name, table, file))
    problems += _missing(given, config)
    if kind == "diffusion" and stages["diffusion"]:
        stages["diffusion"] = collect_problems(
            problems, partial(_folders, stages["diffusion"], config)
        )
    if top and not problems:
        problems += _undivided(_gone_through(kind, stages), top.workers, file)
    if problems or top is None:
        raise InputError(problems)
    return top, {name: stages[name] for name in KINDS[kind]}


def _folders(chosen: DiffusionSettings, config: Path) -> DiffusionSettings:
    """The folders that diffusion begins with, found from the settings file. Raises InputError when
    they hold something else.
    """
    from model.training import train_diffusion

    named = {name: getattr(chosen, name) for name in ("start", "embedder", "bank", "cache")}
    found = replace(
        chosen, **{name: str(beside(config, folder)) for name, folder in named.items() if folder}
    )
    train_diffusion.check(found)
    return found


def _gone_through(kind: str, stages: Mapping[str, Any]) -> dict[str, Any]:
    """The stages that will be trained: not those before the one that diffusion begins after."""
    from model.training import train_diffusion

    if kind == "embedder":
        return {name: stages[name] for name in KINDS[kind]}
    named = train_diffusion.DiffusionStages(diffusion=stages["diffusion"]).names
    return {name: stages[name] for name in named}


def _undivided(stages: Mapping[str, Any], workers: int, file: str) -> list[Problem]:
    """Batches of which not every worker, and every slice of a worker, would get as much."""
    problems = list[Problem]()
    for name, stage in stages.items():
        column, parts = (
            ("batch", workers * stage.accumulate)
            if hasattr(stage, "batch")
            else ("identities", workers)
        )
        size = getattr(stage, column)
        if size % parts:
            message = f"does not divide into {parts} equal parts (workers, and slices of each)"
            expected, place = f"a multiple of {parts}", f"{name}.{column}"
            problems.append(
                Problem(file=file, column=place, message=message, expected=expected, got=str(size))
            )
    return problems


def _stage(name: str, table: object, file: str) -> Any:
    from model.training import settings as tables

    if not isinstance(table, dict):
        raise InputError(
            Problem(file=file, column=name, message="not a table", expected=f"[{name}]")
        )
    return tables.read(_kind_of(name), table, file=file, name=name)


def _kind_of(name: str) -> type[Any]:
    """The settings that a table holds."""
    from model.training import (
        train_autoencoder,
        train_bank,
        train_denoiser,
        train_diffusion,
        train_embedder,
    )

    kinds: dict[str, type[Any]] = {
        "embedder": train_embedder.EmbedderSettings,
        "bank": train_bank.BankSettings,
        "diffusion": train_diffusion.DiffusionSettings,
        "autoencoder": train_autoencoder.AutoencoderSettings,
        "motion": train_denoiser.DenoiserSettings,
        "emotion": train_denoiser.DenoiserSettings,
    }
    return kinds[name]


def _missing(given: Mapping[str, object], config: Path) -> list[Problem]:
    """What must be there and is not."""
    problems = [
        Problem(
            file=str(config), column=name, message="must be given", expected=f'{name} = "a folder"'
        )
        for name in ("corpus", "out")
        if given.get(name, "") == ""
    ]
    corpus = given.get("corpus")
    if isinstance(corpus, str) and corpus and not beside(config, corpus).is_dir():
        problems.append(
            Problem(file=str(config), column="corpus", message="no such folder", got=corpus)
        )
    out = given.get("out")
    if isinstance(out, str) and beside(config, out).is_file():
        problems.append(
            Problem(file=str(config), column="out", message="a file, not a folder", got=out)
        )
    return problems


def _digests(out: Path, kind: str) -> dict[str, str]:
    """What stands finished: checkpoints by their place below `out`."""
    found = sorted({*out.glob("*/digest"), *out.glob("*/*/digest")})
    places = {place.parent.relative_to(out): place for place in found}
    return {
        name.as_posix(): place.read_text(encoding="utf-8").strip()
        for name, place in places.items()
        if name.parts[0] in KINDS[kind]
    }


def _toml(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            Problem(file=str(config), message="no such file", expected="a settings file (TOML)")
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            Problem(file=str(config), message=f"not a settings file: {error}")
        ) from error
