# SPDX-License-Identifier: Apache-2.0
"""Train the small diffusion talker from a corpus to a checkpoint, stage after stage: read `train` from top to bottom.

Not the released DICE-Talk: its own step is in `train_dice`. Every stage has a folder of its own; a training that was killed goes on where
it was last saved, and a stage that is done is not done again. Results are in docs/experiments.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_bytes
from manifests.rows import CorpusClip
from model.nano.networks import Nano, read_config
from model.nano.sizes import Sizes
from model.training import checkpoint, train_autoencoder, train_denoiser
from model.training.bank import EmotionBank
from model.training.corpus import Corpus
from model.training.course import Film, Show, unseen
from model.training.priors import Priors
from model.training.reel import Reel, References
from model.training.run import Run
from model.training.train_autoencoder import AutoencoderSettings
from model.training.train_denoiser import DenoiserSettings

SHOWN_CLIPS = 64  # of people not trained on, for samples
STAGES = ("autoencoder", "motion", "emotion")
LISTENED_CLIPS = 400  # from which mean and deviation of prosody are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    """`start`: folder of a finished stage of another training to go on after ("" to begin at the beginning). `embedder`, `bank`: folders
    of checkpoints whose priors and tokens say what emotions are ("" for fixed random directions and a projection learnt here).
    `cache`: where latents are kept, to be shared by trainings ("" for a folder of this one)."""

    start: str = ""
    embedder: str = ""
    bank: str = ""
    cache: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A whole training."""

    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    motion: DenoiserSettings = field(default_factory=DenoiserSettings)
    emotion: DenoiserSettings = field(default_factory=DenoiserSettings)
    sizes: Sizes = field(default_factory=Sizes)

    @property
    def steps(self) -> int:
        """Steps of all stages that are to be done."""
        return sum(getattr(self, name).steps for name in self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages that are to be done, in order. Raises InputError when `start` is no finished stage."""
        if not self.diffusion.start:
            return STAGES
        done = str(read_config(Path(self.diffusion.start)).get("stage"))
        return STAGES[STAGES.index(done) + 1 :] or STAGES[-1:]


def train(corpus: Corpus, stages: Stages, run: Run, *, show: Show = unseen) -> Path:
    """Train on the split `train` and return the folder of the finished checkpoint.

    Raises InputError when the corpus cannot be trained on, or the run's folder holds a training with other settings."""
    chosen, window = stages.diffusion, stages.sizes.window
    cache = Path(chosen.cache) if chosen.cache else run.out / "cache"
    references = References.of(corpus, corpus.split("train"), cache=cache, least=window)
    seen = References.of(corpus, _spread(corpus.split("val") or corpus.split("train")), cache=cache, least=window)
    facts = facts_of(corpus, stages)
    nano = _begun(stages)

    if "autoencoder" in stages.names and not _taken_up(nano, run.out / "autoencoder", facts):
        listen(nano, references)
        part = _part(run, "autoencoder", 0)
        train_autoencoder.train(nano, references, stages.autoencoder, part, show=_named(show, part))
        _finish(nano, part, facts)

    weights = digest_of(nano.autoencoder)
    reel = Reel.of(references, nano.autoencoder, cache=cache, weights=weights)
    shown = Reel.of(seen, nano.autoencoder, cache=cache, weights=weights)
    for name, settings, before in _denoising(stages):
        if _taken_up(nano, run.out / name, facts):
            continue
        part = _part(run, name, before)
        kit = train_denoiser.Kit(reel=reel, shown=shown, facts={**facts, "begun from": digest_of(nano)})
        train_denoiser.train(nano, kit, settings, part, show=_named(show, part))
        _finish(nano, part, facts)
    return run.out / "emotion"


def facts_of(corpus: Corpus, stages: Stages) -> dict[str, Any]:
    """What stands beside the weights: data, licences, settings, and what emotions were told by."""
    digests = {
        name: checkpoint.read_digest(Path(folder))
        for name, folder in (("embedder", stages.diffusion.embedder), ("bank", stages.diffusion.bank))
        if folder
    }
    return {
        "data": data_of(corpus),
        "licences": list(corpus.licences),
        "settings": {name: asdict(getattr(stages, name)) for name in ("autoencoder", "motion", "emotion")},
        "seed": stages.emotion.seed,
        "told by": digests,
    }


def data_of(corpus: Corpus) -> dict[str, Any]:
    """What was trained on: the clips of the split `train`, by their digest and number."""
    clips = corpus.split("train")
    return {
        "digest": digest([clip.clip_id for clip in clips]),
        "clips": len(clips),
        "people": len({clip.identity for clip in clips}),
        "corpora": sorted({clip.corpus for clip in clips}),
    }


@torch.no_grad()
def listen(nano: Nano, references: References) -> None:
    """Let the network standardise prosody as the training clips need it."""
    rows = references.rows[:: max(len(references.rows) // LISTENED_CLIPS, 1)]
    prosody = torch.cat([torch.from_numpy(references.corpus.array(row, "prosody")) for row in rows])
    nano.hearing.middle.copy_(prosody.mean(0))
    nano.hearing.spread.copy_(prosody.std(0).clamp(min=1e-3))


def digest_of(module: nn.Module) -> str:
    """Identity of all weights as they are now."""
    return digest_bytes(to_bytes({name: value.contiguous() for name, value in module.state_dict().items()}))


def _begun(stages: Stages) -> Nano:
    """Fresh networks, or those of the stage that is gone on from, with the emotions that were asked for."""
    chosen = stages.diffusion
    sizes = replace(stages.sizes, banked=True) if chosen.bank else stages.sizes
    nano = Nano.fresh(sizes, seed=stages.autoencoder.seed)
    if chosen.start:
        nano.take_over(Nano.load(Path(chosen.start)))
    if bool(chosen.bank) and not chosen.embedder:
        message = "a bank is asked in the priors of its embedder"
        raise InputError(
            Problem(file="diffusion", column="embedder", message=message, expected="the embedder's folder")
        )
    if chosen.embedder:
        nano.feeling.adopt(Priors.load(Path(chosen.embedder)).mean)
    if chosen.bank:
        own = EmotionBank.load(Path(chosen.bank)).state_dict()
        nano.feeling.bank.load_state_dict({name: value for name, value in own.items() if name != "usage"})
    return nano


def _denoising(stages: Stages) -> list[tuple[str, DenoiserSettings, int]]:
    """Name, settings and steps before each stage of the denoiser that is to be done."""
    before, found = 0, []
    for name in stages.names:
        if name == "motion":
            found.append((name, replace(stages.motion, emotion=False), before))
        elif name == "emotion":
            found.append((name, stages.emotion, before))
        before += getattr(stages, name).steps
    return found


def _part(run: Run, name: str, before: int) -> Run:
    """The run of one stage: a folder below, names and steps told as the whole training's."""

    def report(step: int, values: Mapping[str, float]) -> None:
        run.report(before + step, {f"{name}/{key}": value for key, value in values.items()})

    return Run(out=run.out / name, report=report, workers=run.workers)


def _named(show: Show, part: Run) -> Show:
    def named(step: int, films: Mapping[str, Film]) -> None:
        show(step, {f"{part.out.name}/{name}": film for name, film in films.items()})

    return named


def _taken_up(nano: Nano, folder: Path, facts: Mapping[str, Any]) -> bool:
    """Load a stage that is done. Raises InputError when it was done with other settings or data."""
    if not (folder / checkpoint.DIGEST).is_file():
        return False
    config = checkpoint.read_config(folder)
    changed = sorted(name for name in facts if config.get(name) != _plain(facts[name]))
    if changed:
        message = "this stage was done with other values; use another folder"
        raise InputError([Problem(file=str(folder), column=name, message=message) for name in changed])
    checkpoint.load_into(nano, folder)
    return True


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return json.loads(json.dumps(value))


def _finish(nano: Nano, part: Run, facts: Mapping[str, Any]) -> None:
    if part.workers.leads:
        nano.save(part.out, {**facts, "stage": part.out.name}, dtype=torch.float32)


def _spread(rows: Sequence[CorpusClip]) -> list[CorpusClip]:
    """A few clips from all over a split."""
    return list(rows[:: max(len(rows) // SHOWN_CLIPS, 1)])
