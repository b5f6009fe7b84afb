# SPDX-License-Identifier: Apache-2.0
"""Import released checkpoints, write our weight files, and load those strictly by one key table.

Released files are pickles. They are read here, once, with torch's weights-only reader, and written
as safetensors with sizes and digests. The first import is trusted and recorded; later imports must
bring the same files.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from manifests.atomic_write import atomic_folder
from manifests.errors import InputError, Problem
from manifests.identity import sha256_file
from model.conversion import read_pickle, read_prior
from model.dice import released, vision
from model.dice.config import Config, DiceSizes
from model.dice.emotion import EmotionModel
from model.dice.engine import DiceNetworks
from model.dice.interpolate import Interpolator
from model.dice.pose import PoseGuider
from model.dice.speech import AudioProjection, build_whisper_encoder
from model.dice.unet import DiceUNet
from model.emotion import LABELS
from model.state_keys import find_key_problems

State = dict[str, Tensor]
SVD = "stable-video-diffusion-img2vid-xt"
ADAPTER = re.compile(r"\.processor\.to_[kv]_ip\.")

KEY_TABLE: dict[str, tuple[tuple[str, str | None], ...]] = {
    "unet": (),
    "audio_projection": (),
    "emotion_model": (),
    "pose_guider": (),
    "interpolation": ((r"^module\.", ""), (r"^(?!block)", None)),
    "whisper": (
        (r"^(model\.)?decoder\.", None),
        (r"^proj_out\.", None),
        (r"^(model\.)?encoder\.", ""),
    ),
    "image_encoder": ((r"\.position_ids$", None),),
    "vae": (
        (r"\.query\.", ".to_q."),
        (r"\.key\.", ".to_k."),
        (r"\.value\.", ".to_v."),
        (r"\.proj_attn\.", ".to_out.0."),
    ),
}
"""How released keys become ours: rules tried in order, a pattern and its replacement, or None for a
key that is not used."""

BUILDERS: dict[str, Callable[[DiceSizes], nn.Module]] = {
    "unet": lambda sizes: DiceUNet.build(sizes.unet),
    "audio_projection": lambda sizes: AudioProjection(sizes.audio),
    "emotion_model": lambda sizes: EmotionModel(sizes.emotion),
    "pose_guider": lambda sizes: PoseGuider(sizes.pose),
    "interpolation": lambda sizes: Interpolator(sizes.interpolation),
    "whisper": lambda sizes: build_whisper_encoder(sizes.whisper),
    "image_encoder": lambda sizes: vision.build_image_encoder(sizes.clip),
    "vae": lambda sizes: vision.build_autoencoder(sizes.vae),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """A source file that was read, and its licence."""

    name: str
    bytes: int
    sha256: str
    licence: str
    commercial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import read.

    `first`: nothing was recorded before, so later imports must match these digests.
    """

    into: Path
    files: tuple[ImportedFile, ...]
    first: bool
    detector: bool


def rename_keys(component: str, state: Mapping[str, Tensor]) -> State:
    """Rename the keys of a released state dict to ours."""
    found: State = {}
    for key, value in state.items():
        name: str | None = key
        for pattern, replacement in KEY_TABLE[component]:
            if name is not None and re.search(pattern, name):
                name = None if replacement is None else re.sub(pattern, replacement, name)
        if name is not None:
            found[name] = value
    return found


def merge_unet(base: State, trained: State, *, file: str, sizes: DiceSizes) -> State:
    """Merge DICE-Talk's keys over SVD's.

    `trained` may be complete or partial, but must have all adapter keys and no unknown ones. Raises
    InputError otherwise.
    """
    with torch.device("meta"):
        expected = DiceUNet.build(sizes.unet).state_dict()
    adapters = [key for key in expected if ADAPTER.search(key)]
    problems = [
        Problem(file=file, message=f"missing adapter key {key!r}")
        for key in adapters
        if key not in trained
    ]
    problems += [
        p for p in find_key_problems(file, expected, trained) if "missing key" not in p.message
    ]
    merged = {**base, **trained}
    if not problems:
        problems = find_key_problems(f"{SVD}/unet with {file}", expected, merged)
    if problems:
        raise InputError(problems)
    return merged


def import_released(
    source: Path, into: Path, *, allow_torchscript: bool = False, sizes: DiceSizes | None = None
) -> ImportReport:
    """Read the published layout below `source` and write our weight files to `into`.

    `sizes`: expected of DICE-Talk's own files, by default the released ones; sizes that diffusers
    and transformers write beside their weights are read from there. Raises InputError with
    everything that is missing, does not fit, or differs from the first import.
    """
    priors = _find_priors(source)
    missing = [s.problem(source) for s in released.SOURCES if not (source / s.path).exists()]
    missing += [] if len(priors) == len(LABELS) else [_describe_missing_priors(source, priors)]
    if missing:
        raise InputError(missing)
    files = _digest_files(source, priors.values(), detector=allow_torchscript)
    first = _check_unchanged(into, files)
    sizes = _read_published_sizes(source, sizes or DiceSizes())
    has_detector = allow_torchscript and (source / released.DETECTOR).is_file()
    with atomic_folder(into) as partial:
        _convert(source, partial, sizes)
        save_file(
            {label: read_prior(path) for label, path in priors.items()},
            partial / f"{released.PRIORS}.safetensors",
        )
        if has_detector:
            shutil.copyfile(source / released.DETECTOR, partial / released.DETECTOR)
        record = {"sizes": sizes.plain(), "files": [asdict(file) for file in files]}
        (partial / released.RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return ImportReport(into=into, files=tuple(files), first=first, detector=has_detector)


def load_networks(place: Path) -> DiceNetworks:
    """Load the imported networks.

    Raises InputError when files are missing, or keys are missing, unknown or misshapen.
    """
    sizes = DiceSizes.from_plain(released.read_record(place)["sizes"])
    loaded = {
        name: _load(BUILDERS[name], sizes, place / f"{name}.safetensors") for name in BUILDERS
    }
    priors = load_file(place / f"{released.PRIORS}.safetensors")
    return DiceNetworks(
        sizes=sizes,
        whisper=loaded["whisper"],
        audio=cast(AudioProjection, loaded["audio_projection"]),
        emotion=cast(EmotionModel, loaded["emotion_model"]),
        pose=cast(PoseGuider, loaded["pose_guider"]),
        unet=cast(DiceUNet, loaded["unet"]),
        vae=loaded["vae"],
        clip=loaded["image_encoder"],
        interpolator=cast(Interpolator, loaded["interpolation"]),
        priors=torch.stack([priors[label].float() for label in LABELS]),
    )


def _load(build: Callable[[DiceSizes], nn.Module], sizes: DiceSizes, file: Path) -> nn.Module:
    """Build a network and load its weights.

    A network that has parameters only is built without memory; the loaded tensors become its
    parameters.
    """
    with torch.device("meta"):
        module = build(sizes)
    if any(True for _ in module.buffers()):
        module = build(sizes)
    state = load_file(file)
    problems = find_key_problems(str(file), module.state_dict(), state)
    if problems:
        raise InputError(problems)
    module.load_state_dict(state, assign=True)
    return module.eval()


def _find_priors(source: Path) -> dict[str, Path]:
    return {
        path.stem: path
        for path in sorted(source.rglob("*.npy"), reverse=True)
        if path.stem in LABELS
    }


def _describe_missing_priors(source: Path, found: Mapping[str, Path]) -> Problem:
    lost = ", ".join(f"{label}.npy" for label in LABELS if label not in found)
    problem = released.EMOTIONS.problem(source)
    return Problem(file=problem.file, message=f"{problem.message}: {lost}")


def _find_weight_files(source: Path) -> dict[str, Path]:
    """Find the weight file of each component."""
    files = {s.becomes[0]: source / s.path for s in released.SOURCES if (source / s.path).is_file()}
    files["base"] = _find_variant(source / SVD / "unet", "diffusion_pytorch_model")
    files["vae"] = _find_variant(source / SVD / "vae", "diffusion_pytorch_model")
    files["image_encoder"] = _find_variant(source / SVD / "image_encoder", "model")
    files["whisper"] = _find_variant(source / "whisper-tiny", "model")
    return files


def _find_variant(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.fp16.safetensors", f"{stem}.safetensors"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        Problem(
            file=str(folder),
            message="this folder holds no weights",
            expected=f"{stem}.safetensors or {stem}.fp16.safetensors",
        )
    )


def _digest_files(source: Path, priors: Iterable[Path], *, detector: bool) -> list[ImportedFile]:
    licences = {name: (s.licence, s.commercial) for s in released.SOURCES for name in s.becomes}
    licences["base"] = (released.STABILITY, "unclear")
    own = (released.NON_COMMERCIAL, "no")
    read = [(path, licences[name]) for name, path in _find_weight_files(source).items()] + [
        (path, own) for path in priors
    ]
    if detector and (source / released.DETECTOR).is_file():
        read.append((source / released.DETECTOR, own))
    return [
        ImportedFile(
            name=str(path.relative_to(source)),
            bytes=path.stat().st_size,
            sha256=sha256_file(path),
            licence=licence,
            commercial=commercial,
        )
        for path, (licence, commercial) in read
    ]


def _check_unchanged(into: Path, files: Iterable[ImportedFile]) -> bool:
    """Return whether this is the first import. Raises InputError for files that changed since."""
    if not (into / released.RECORD).is_file():
        return True
    record = json.loads((into / released.RECORD).read_text())
    known = {file["name"]: file["sha256"] for file in record["files"]}
    changed = [file for file in files if file.name in known and known[file.name] != file.sha256]
    if changed:
        message = f"this file differs from the first import; remove {into} to trust the new one"
        problems = [
            Problem(file=f.name, message=message, expected=f"sha256 {known[f.name]}", got=f.sha256)
            for f in changed
        ]
        raise InputError(problems)
    return False


def _read_published_sizes(source: Path, expected: DiceSizes) -> DiceSizes:
    def published(path: str, known: Config) -> Config:
        file = source / path
        if not file.is_file():
            raise InputError(Problem(file=str(file), message="the configuration is missing"))
        found = json.loads(file.read_text())
        return {name: found.get(name, value) for name, value in known.items()}

    return replace(
        expected,
        unet=published(f"{SVD}/unet/config.json", expected.unet),
        vae=published(f"{SVD}/vae/config.json", expected.vae),
        clip=published(f"{SVD}/image_encoder/config.json", expected.clip),
        whisper=published("whisper-tiny/config.json", expected.whisper),
        scheduler=published(f"{SVD}/scheduler/scheduler_config.json", expected.scheduler),
    )


def _convert(source: Path, into: Path, sizes: DiceSizes) -> None:
    files = _find_weight_files(source)
    problems: list[Problem] = []
    for name, build in BUILDERS.items():
        state = rename_keys(name, _read(files[name]))
        if name == "unet":
            state = merge_unet(_read(files["base"]), state, file=str(files[name]), sizes=sizes)
        else:
            with torch.device("meta"):
                problems += find_key_problems(str(files[name]), build(sizes).state_dict(), state)
        save_file(
            {key: value.contiguous() for key, value in state.items()}, into / f"{name}.safetensors"
        )
    if problems:
        raise InputError(problems)


def _read(path: Path) -> State:
    return load_file(path) if path.suffix == ".safetensors" else read_pickle(path)
