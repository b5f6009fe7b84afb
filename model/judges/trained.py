# SPDX-License-Identifier: Apache-2.0
"""Save and load trained judges: safetensors, and a JSON page beside them.

The page says what a judge was trained on and how well it did. The judges that ship (`weights/`
beside this file) were trained on identities of the synthetic corpus that no generator saw. Judges
of another corpus are trained by `callsheet evaluate --train` and lie in that corpus' folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor, nn

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import digest_file

SHIPPED = Path(__file__).parent / "weights"
NAMES = ("emotion", "lipsync")

Page = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOrigin:
    """Where a judge comes from: the page beside its weights.

    `data`: digest of the clips it saw. `split`: theirs. `identities`, `clips`: those it learned
    from. `scores`: of clips that it did not learn from; the one that chose its best epoch
    (`chosen_by`) is therefore a little too good.
    """

    judge: str
    version: int
    corpus: str
    data: str
    split: str
    identities: int
    clips: int
    seed: int
    licences: tuple[str, ...]
    scores: dict[str, float]
    chosen_by: str
    settings: dict[str, float]
    weights: str = ""


def copy_state(net: nn.Module) -> dict[str, Tensor]:
    """Copy the state of a net that goes on training."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def save_judge(net: nn.Module, origin: JudgeOrigin, folder: Path) -> JudgeOrigin:
    """Write weights and page; return the page with the digest of the weights."""
    target = folder / f"{origin.judge}.safetensors"
    with atomic_write(target) as partial:
        partial.write_bytes(
            save({name: value.detach().contiguous() for name, value in net.state_dict().items()})
        )
    page = {name: getattr(origin, name) for name in JudgeOrigin.__slots__} | {
        "weights": digest_file(target)
    }
    (folder / f"{origin.judge}.json").write_text(json.dumps(page, indent=1) + "\n")
    return _parse_origin(page)


def load_judge(net: nn.Module, judge: str, folder: Path) -> JudgeOrigin:
    """Fill a net with saved weights.

    Raises:
        InputError: A file is missing, or is not the one that its page describes.
    """
    weights, page = folder / f"{judge}.safetensors", folder / f"{judge}.json"
    missing = [path for path in (weights, page) if not path.is_file()]
    if missing:
        message = "the judge is missing; train it by `callsheet evaluate --corpus FOLDER --train`"
        raise InputError([Problem(file=str(path), message=message) for path in missing])
    origin = _parse_origin(json.loads(page.read_text()))
    if digest_file(weights) != origin.weights:
        expected = f"digest {origin.weights}"
        raise InputError(
            Problem(
                file=str(weights), message="not the weights that its page names", expected=expected
            )
        )
    net.load_state_dict(load_file(weights), strict=True)
    net.eval()
    return origin


def has_all_judges(folder: Path) -> bool:
    """Tell whether a folder holds every judge."""
    return all((folder / f"{name}.json").is_file() for name in NAMES)


def _parse_origin(page: Page) -> JudgeOrigin:
    return JudgeOrigin(**{**page, "licences": tuple(page["licences"])})
