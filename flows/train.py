# SPDX-License-Identifier: Apache-2.0
"""Train what `callsheet train` asks for, on this machine or on Ray workers.

Reads the settings file and connects the corpus with the trainer. `model/training` trains and knows
neither settings files nor Ray. This module is the only door to TensorBoard's event files.
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

from flows.progress import get_reporter
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
    """Top of a settings file; paths are relative to the file.

    `workers`: more than one are Ray workers, on the cluster at `address` or on this machine.
    `threads`: of each worker.
    """

    corpus: str = ""
    out: str = ""
    workers: int = field(default=1, metadata={"range": (1, 1024)})
    threads: int = field(default=1, metadata={"range": (1, 256)})
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """Result of a training. `seconds`: of this call, which may have resumed an earlier one."""

    kind: str
    out: Path
    digests: dict[str, str]
    seconds: float


def train(kind: str, config: Path) -> TrainingSummary:
    """Train what `config` describes and write it to the folder that it names.

    Raises:
        InputError: With every problem of the settings.
    """
    started = time.monotonic()
    settings = read_settings(kind, config)
    out = resolve_folder(config, settings.out)
    if settings.workers == 1:
        run_stages(kind, config)
    else:
        from flows.farm.training import run_on_workers

        get_reporter().step(
            f"Training on {settings.workers} Ray workers, which tell of it in {out}"
        )
        run_on_workers(
            partial(run_stages, kind, config.resolve()), settings.workers, address=settings.address
        )
    return TrainingSummary(
        kind=kind, out=out, digests=_read_digests(out, kind), seconds=time.monotonic() - started
    )


def resolve_folder(config: Path, folder: str) -> Path:
    """Resolve a folder of a settings file: relative to the file, or to `~`."""
    return config.parent / Path(folder).expanduser()


def read_settings(kind: str, config: Path) -> TrainSettings:
    """Read the top of the settings file, after a check of the whole file."""
    settings, _ = _read_all_settings(kind, config)
    return settings


def run_stages(kind: str, config: Path, workers: Workers | None = None) -> None:
    """Run the stages of a training one after another, in one worker."""
    import torch

    from model.training.workers import ALONE
    from pipeline.corpus import read as read_corpus

    settings, stages = _read_all_settings(kind, config)
    torch.set_num_threads(settings.threads)
    corpus = read_corpus(resolve_folder(config, settings.corpus))
    stage: Callable[..., None] = {
        "embedder": _train_embedder_and_bank,
        "diffusion": _train_diffusion_stages,
    }[kind]
    stage(corpus, stages, resolve_folder(config, settings.out), workers or ALONE)


def _train_embedder_and_bank(
    corpus: Any, stages: Mapping[str, Any], out: Path, workers: Workers
) -> None:
    from model.training import train_bank, train_embedder
    from model.training.run import TrainingRun

    for name in KINDS["embedder"]:
        wanted = stages[name]
        with report_scalars(out / name, workers, wanted.steps) as report:
            run = TrainingRun(out=out / name, report=report, workers=workers)
            if name == "embedder":
                embedder = train_embedder.train(corpus, wanted, run)
            else:
                train_bank.train(corpus, embedder, wanted, run)


def _train_diffusion_stages(
    corpus: Any, stages: Mapping[str, Any], out: Path, workers: Workers
) -> None:
    from model.training import train_diffusion
    from model.training.run import TrainingRun

    wanted = train_diffusion.DiffusionStages(**stages)
    place = out / "diffusion"
    with report_scalars(place, workers, wanted.steps) as report:
        run = TrainingRun(out=place, report=report, workers=workers)
        train_diffusion.train(corpus, wanted, run, show=partial(_write_samples, place / "samples"))


def _write_samples(folder: Path, step: int, films: Mapping[str, Any]) -> None:
    """Write samples of a training as lossless films of 25 frames a second.

    Films are arrays (frames, height, width, 3).
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
def report_scalars(out: Path, workers: Workers, steps: int) -> Iterator[Report]:
    """Yield a report that moves the bar and writes TensorBoard scalars to `out/events`.

    The report does nothing in workers that do not lead.
    """
    from model.training.reporting import ignore_report

    if not workers.leads:
        yield ignore_report
        return
    from tensorboardX import SummaryWriter

    get_reporter().step(f"Training: {out.name}")
    writers: list[SummaryWriter] = []

    def report(step: int, values: Mapping[str, float]) -> None:
        if not writers:  # steps that a training goes through again are shown once
            writers.append(SummaryWriter(str(out / EVENTS), purge_step=step))
        for name, value in values.items():
            writers[0].add_scalar(name, value, step)
        get_reporter().count(step + 1, steps)

    try:
        yield report
    finally:
        for writer in writers:
            writer.close()


def _read_all_settings(kind: str, config: Path) -> tuple[TrainSettings, dict[str, Any]]:
    """Read the top of the file and the settings of each stage.

    Raises:
        InputError: With every problem of the settings.
    """
    from model.training import settings as tables

    _check_kind(kind)
    table_values, file = _read_toml(config), str(config)
    wanted = {
        name: table_values.pop(name, {})
        for name in TABLES
        if name in table_values or name in KINDS[kind]
    }
    problems, stages = list[Problem](), dict[str, Any]()
    top = collect_problems(
        problems,
        lambda: tables.read(TrainSettings, table_values, file=file, name="", beside=TABLES),
    )
    for name, table in wanted.items():
        stages[name] = collect_problems(problems, partial(_read_stage, name, table, file))
    problems += _find_missing_folders(table_values, config)
    if kind == "diffusion" and stages["diffusion"]:
        stages["diffusion"] = collect_problems(
            problems, partial(_resolve_start_folders, stages["diffusion"], config)
        )
    if top and not problems:
        problems += _find_uneven_batches(_select_trained_stages(kind, stages), top.workers, file)
    if problems or top is None:
        raise InputError(problems)
    return top, {name: stages[name] for name in KINDS[kind]}


def _check_kind(kind: str) -> None:
    """Check that Callsheet trains such a thing."""
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


def _resolve_start_folders(chosen: DiffusionSettings, config: Path) -> DiffusionSettings:
    """Resolve the folders that diffusion starts from.

    Raises:
        InputError: A folder holds something else.
    """
    from model.training import train_diffusion

    named = {name: getattr(chosen, name) for name in ("start", "embedder", "bank", "cache")}
    found = replace(
        chosen,
        **{name: str(resolve_folder(config, folder)) for name, folder in named.items() if folder},
    )
    train_diffusion.check(found)
    return found


def _select_trained_stages(kind: str, stages: Mapping[str, Any]) -> dict[str, Any]:
    """Select the stages to train, without those that diffusion skips."""
    from model.training import train_diffusion

    if kind == "embedder":
        return {name: stages[name] for name in KINDS[kind]}
    named = train_diffusion.DiffusionStages(diffusion=stages["diffusion"]).names
    return {name: stages[name] for name in named}


def _find_uneven_batches(stages: Mapping[str, Any], workers: int, file: str) -> list[Problem]:
    """Find batches that do not divide equally among workers and their slices."""
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


def _read_stage(name: str, table: object, file: str) -> Any:
    from model.training import settings as tables

    if not isinstance(table, dict):
        raise InputError(
            Problem(file=file, column=name, message="not a table", expected=f"[{name}]")
        )
    return tables.read(_choose_settings_class(name), table, file=file, name=name)


def _choose_settings_class(name: str) -> type[Any]:
    """Choose the class of settings that a table holds."""
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


def _find_missing_folders(table_values: Mapping[str, object], config: Path) -> list[Problem]:
    """Find folders that the settings must name or that must exist."""
    problems = [
        Problem(
            file=str(config), column=name, message="must be given", expected=f'{name} = "a folder"'
        )
        for name in ("corpus", "out")
        if table_values.get(name, "") == ""
    ]
    corpus = table_values.get("corpus")
    if isinstance(corpus, str) and corpus and not resolve_folder(config, corpus).is_dir():
        problems.append(
            Problem(file=str(config), column="corpus", message="no such folder", got=corpus)
        )
    out = table_values.get("out")
    if isinstance(out, str) and resolve_folder(config, out).is_file():
        problems.append(
            Problem(file=str(config), column="out", message="a file, not a folder", got=out)
        )
    return problems


def _read_digests(out: Path, kind: str) -> dict[str, str]:
    """Read the digests of finished checkpoints, by their path below `out`."""
    found = sorted({*out.glob("*/digest"), *out.glob("*/*/digest")})
    places = {place.parent.relative_to(out): place for place in found}
    return {
        name.as_posix(): place.read_text(encoding="utf-8").strip()
        for name, place in places.items()
        if name.parts[0] in KINDS[kind]
    }


def _read_toml(config: Path) -> dict[str, Any]:
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
