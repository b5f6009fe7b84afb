# SPDX-License-Identifier: Apache-2.0
"""Train the small diffusion talker from a corpus to a checkpoint: read `train` from top to bottom.

It runs stage after stage. Every stage has a folder of its own; a training that was killed resumes
from its last save, and a finished stage is not repeated. Results are in
docs/how-it-works/measurements/training.md. The step of the released DICE-Talk is in `train_dice`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem, collect_problems
from manifests.identity import digest, digest_bytes
from model.affect import checkpoint
from model.affect.bank import EmotionBank
from model.affect.embedder import EmotionEmbedder
from model.affect.prepared_corpus import Corpus
from model.affect.priors import EmotionPriors
from model.nano.networks import NanoNetworks, read_config
from model.nano.sizes import NanoSizes
from model.training import train_autoencoder, train_denoiser
from model.training.latent_dataset import LatentDataset, References
from model.training.resuming import find_differences
from model.training.run import TrainingRun
from model.training.train_autoencoder import AutoencoderSettings
from model.training.train_denoiser import DenoiserSettings
from model.training.training_loop import Show, Video, ignore_samples

SHOWN_CLIPS = 64  # of people not trained on, for samples
STAGES = ("autoencoder", "motion", "emotion")
LISTENED_CLIPS = 400  # from which mean and deviation of prosody are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    """What a training builds on.

    `start`: folder of a finished stage of another training to continue after ("" to start at the
    first stage). `embedder`, `bank`: folders of checkpoints whose priors and tokens encode emotions
    ("" for fixed random directions and a projection learnt here). `cache`: folder of latents that
    trainings can share ("" for a folder of this one).
    """

    start: str = ""
    embedder: str = ""
    bank: str = ""
    cache: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionStages:
    """Settings of a whole training."""

    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    motion: DenoiserSettings = field(default_factory=DenoiserSettings)
    emotion: DenoiserSettings = field(default_factory=DenoiserSettings)
    sizes: NanoSizes = field(default_factory=NanoSizes)

    @property
    def steps(self) -> int:
        """Steps of all stages that will run."""
        return sum(getattr(self, name).steps for name in self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages that will run, in order.

        Raises InputError when `start` is no finished stage.
        """
        if not self.diffusion.start:
            return STAGES
        return STAGES[STAGES.index(_stage_of(Path(self.diffusion.start))) + 1 :] or STAGES[-1:]


def check(chosen: DiffusionSettings) -> None:
    """Check that the folders hold what they should. Raises InputError with every problem."""
    problems, digests = list[Problem](), dict[str, str]()
    looks: dict[str, Callable[[Path], str]] = {
        "start": _stage_of,
        "embedder": _embedder_digest,
        "bank": _bank_embedder_digest,
    }
    for name, look in looks.items():
        folder, found = getattr(chosen, name), list[Problem]()
        if folder:
            digests[name] = collect_problems(found, partial(look, Path(folder))) or ""
        problems += [replace(problem, column=f"diffusion.{name}") for problem in found]
    if chosen.bank and (problem := _check_bank(chosen, digests, is_read=not problems)):
        problems.append(problem)
    if problems:
        raise InputError(problems)


def _check_bank(
    chosen: DiffusionSettings, digests: Mapping[str, str], *, is_read: bool
) -> Problem | None:
    """Check that the bank belongs to the embedder. `is_read`: both digests could be read."""
    column, got = "diffusion.bank", None
    if not chosen.embedder:
        message, expected = "a bank needs its embedder's priors", "the embedder's folder as well"
    elif is_read and digests["bank"] != digests["embedder"]:
        message, expected = "the bank of another embedder", f"one of {digests['embedder']}"
        got = digests["bank"]
    else:
        return None
    return Problem(file=chosen.bank, column=column, message=message, expected=expected, got=got)


def train(
    corpus: Corpus, stages: DiffusionStages, run: TrainingRun, *, show: Show = ignore_samples
) -> Path:
    """Train on the split `train` and return the folder of the finished checkpoint.

    Raises InputError when the corpus cannot be trained on, or the run's folder holds a training
    with other settings.
    """
    chosen, window = stages.diffusion, stages.sizes.window
    check(chosen)
    cache = Path(chosen.cache) if chosen.cache else run.out / "cache"
    references = References.of(corpus, corpus.split("train"), cache=cache, least=window)
    seen = References.of(
        corpus,
        _spread_clips(corpus.split("val") or corpus.split("train")),
        cache=cache,
        least=window,
    )
    facts = collect_facts(corpus, stages)
    nano = _prepare_networks(stages)

    if "autoencoder" in stages.names and not _load_finished(nano, run.out / "autoencoder", facts):
        fit_prosody_scale(nano, references)
        part = _stage_run(run, "autoencoder", 0)
        train_autoencoder.train(
            nano, references, stages.autoencoder, part, show=_prefix_names(show, part)
        )
        _save_stage(nano, part, facts)

    weights = digest_module(nano.autoencoder)
    dataset = LatentDataset.of(references, nano.autoencoder, cache=cache, weights=weights)
    shown = LatentDataset.of(seen, nano.autoencoder, cache=cache, weights=weights)
    for name, settings, before in _denoiser_stages(stages):
        if _load_finished(nano, run.out / name, facts):
            continue
        part = _stage_run(run, name, before)
        data = train_denoiser.DenoiserData(
            dataset=dataset, shown=shown, facts={**facts, "begun from": digest_module(nano)}
        )
        train_denoiser.train(nano, data, settings, part, show=_prefix_names(show, part))
        _save_stage(nano, part, facts)
    return run.out / "emotion"


def collect_facts(corpus: Corpus, stages: DiffusionStages) -> dict[str, Any]:
    """Collect the facts of a checkpoint: data, licences, settings, emotion checkpoints."""
    chosen = stages.diffusion
    folders = {"embedder": chosen.embedder, "bank": chosen.bank}
    digests = {
        name: checkpoint.read_digest(Path(folder)) for name, folder in folders.items() if folder
    }
    facts = {
        "data": describe_data(corpus),
        "licences": list(corpus.licences),
        "settings": {name: asdict(getattr(stages, name)) for name in stages.names},
        "seed": stages.emotion.seed,
        "told by": digests,
    }
    return facts | ({"begun after": _describe_origin(Path(chosen.start))} if chosen.start else {})


def describe_data(corpus: Corpus) -> dict[str, Any]:
    """Describe the training data: the clips of the split `train`, by digest and number."""
    clips = corpus.split("train")
    return {
        "digest": digest([clip.clip_id for clip in clips]),
        "clips": len(clips),
        "people": len({clip.identity for clip in clips}),
        "corpora": sorted({clip.corpus for clip in clips}),
    }


@torch.no_grad()
def fit_prosody_scale(nano: NanoNetworks, references: References) -> None:
    """Let the network standardise prosody as the training clips need it."""
    rows = references.rows[:: max(len(references.rows) // LISTENED_CLIPS, 1)]
    prosody = torch.cat([torch.from_numpy(references.corpus.array(row, "prosody")) for row in rows])
    nano.hearing.middle.copy_(prosody.mean(0))
    nano.hearing.spread.copy_(prosody.std(0).clamp(min=1e-3))


def digest_module(module: nn.Module) -> str:
    """Digest all weights as they are now."""
    return digest_bytes(
        to_bytes({name: value.contiguous() for name, value in module.state_dict().items()})
    )


def _stage_of(folder: Path) -> str:
    """Read which stage a checkpoint finished.

    Raises InputError when it belongs to no stage of this training.
    """
    stage = str(read_config(folder).get("stage"))
    if stage not in STAGES:
        message = "this folder is no finished stage of a training"
        raise InputError(
            Problem(file=str(folder), message=message, expected=" or ".join(STAGES), got=stage)
        )
    return stage


def _embedder_digest(folder: Path) -> str:
    """Read the digest of an embedder, and check that its priors are there."""
    embedder = EmotionEmbedder.load(folder)
    EmotionPriors.load(folder)
    return embedder.digest


def _bank_embedder_digest(folder: Path) -> str:
    """Read the digest of the embedder that a bank was trained on."""
    EmotionBank.load(folder)
    return str(checkpoint.read_config(folder).get("embedder"))


def _describe_origin(folder: Path) -> dict[str, Any]:
    """Describe the training of the checkpoint that this one continues.

    This training knows its data and settings from nowhere else.
    """
    config = read_config(folder)
    kept = ("stage", "data", "licences", "settings", "seed", "told by", "begun after")
    return {
        "digest": checkpoint.read_digest(folder),
        **{name: config[name] for name in kept if name in config},
    }


def _prepare_networks(stages: DiffusionStages) -> NanoNetworks:
    """Create fresh networks or load those of `start`, and give them the emotion checkpoints."""
    chosen = stages.diffusion
    sizes = replace(stages.sizes, banked=True) if chosen.bank else stages.sizes
    nano = NanoNetworks.fresh(sizes, seed=stages.autoencoder.seed)
    if chosen.start:
        nano.take_over(NanoNetworks.load(Path(chosen.start)))
    if chosen.embedder:
        nano.feeling.adopt(EmotionPriors.load(Path(chosen.embedder)).mean)
    if chosen.bank:
        own = EmotionBank.load(Path(chosen.bank)).state_dict()
        nano.feeling.bank.load_state_dict(
            {name: value for name, value in own.items() if name != "usage"}
        )
    return nano


def _denoiser_stages(stages: DiffusionStages) -> list[tuple[str, DenoiserSettings, int]]:
    """List name, settings and earlier steps of each denoiser stage that will run."""
    before, found = 0, []
    for name in stages.names:
        if name == "motion":
            found.append((name, replace(stages.motion, emotion=False), before))
        elif name == "emotion":
            found.append((name, stages.emotion, before))
        before += getattr(stages, name).steps
    return found


def _stage_run(run: TrainingRun, name: str, before: int) -> TrainingRun:
    """Make the run of one stage: a folder below, names and steps as in the whole training."""

    def report(step: int, values: Mapping[str, float]) -> None:
        run.report(before + step, {f"{name}/{key}": value for key, value in values.items()})

    return TrainingRun(out=run.out / name, report=report, workers=run.workers)


def _prefix_names(show: Show, part: TrainingRun) -> Show:
    def named(step: int, films: Mapping[str, Video]) -> None:
        show(step, {f"{part.out.name}/{name}": film for name, film in films.items()})

    return named


def _load_finished(nano: NanoNetworks, folder: Path, facts: Mapping[str, Any]) -> bool:
    """Load a finished stage. Raises InputError when it had other settings or data."""
    if not (folder / checkpoint.DIGEST).is_file():
        return False
    config = checkpoint.read_config(folder)
    problems = find_differences(
        folder, {name: config.get(name) for name in facts}, _round_trip_json(facts)
    )
    if problems:
        raise InputError(problems)
    checkpoint.load_into(nano, folder)
    return True


def _round_trip_json(value: Any) -> Any:
    """Return the value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def _save_stage(nano: NanoNetworks, part: TrainingRun, facts: Mapping[str, Any]) -> None:
    if part.workers.leads:
        nano.save(part.out, {**facts, "stage": part.out.name}, dtype=torch.float32)


def _spread_clips(rows: Sequence[CorpusClip]) -> list[CorpusClip]:
    """Choose a few clips from all over a split."""
    return list(rows[:: max(len(rows) // SHOWN_CLIPS, 1)])
