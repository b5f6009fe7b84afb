# SPDX-License-Identifier: Apache-2.0
"""Judge the previs talker: emotion, identity, lip sync, jitter, colour, stillness.

    python -m benchmarks.previs_judge [PORTRAIT ...] [--seconds 1.8] [--only emotion,sync]

The judges are networks that had no part in making the talker. Run it in the environment that
`infra/judge.sh` makes (`make judge-previs`). Without portraits it judges the example's cast and the
heads of tests/data/heads, one after the other. The judges' weights are fetched once into the cache
folder and checked. Results are in docs/how-it-works/measurements/previs.md.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIGHTHOUSE = ROOT / "examples" / "lighthouse"
HEADS = ROOT / "tests" / "data" / "heads"
ALL = "emotion,identity,contempt,sync,closure,jitter,colour,background"


def main() -> None:
    """Run the chosen judgements and print a table of each, for each group of portraits."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    arguments = _parse_arguments()
    groups = (
        [tuple(arguments.portraits)]
        if arguments.portraits
        else [_list_cast(), tuple(sorted(HEADS.glob("head_*.jpg")))]
    )
    for group in groups:
        print("\n#", *(path.stem for path in group), flush=True)
        judge(group, arguments)


def judge(group: tuple[Path, ...], arguments: argparse.Namespace) -> None:
    """Judge one group of portraits."""
    import cv2
    import torch

    from benchmarks.previs_judge import feeling, speaking, steadiness
    from benchmarks.previs_judge.bench import Bench, BenchInputs

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    judgements = {
        "emotion": feeling.judge_emotion,
        "identity": feeling.judge_identity,
        "contempt": feeling.judge_contempt,
        "colour": feeling.judge_colour,
        "sync": speaking.judge_sync,
        "closure": speaking.judge_closure,
        "jitter": steadiness.judge_jitter,
        "background": steadiness.judge_background,
    }
    bench = Bench(
        BenchInputs(
            portraits=group,
            speech=arguments.speech,
            start=arguments.start,
            seconds=arguments.seconds,
            text=arguments.text,
        )
    )
    for name in arguments.only.split(","):
        print(f"\n== {name}", flush=True)
        judgements[name](bench)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("portraits", nargs="*", type=Path)
    parser.add_argument("--speech", type=Path, default=LIGHTHOUSE / "recordings" / "dialogue.flac")
    parser.add_argument("--text", help="the words spoken, when known")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the recording")
    parser.add_argument("--seconds", type=float, default=1.8, help="length of a clip")
    parser.add_argument("--only", default=ALL, help=f"some of {ALL}")
    return parser.parse_args()


def _list_cast() -> tuple[Path, ...]:
    """Return the example's cast, whole faces only."""
    own = [
        path
        for path in sorted((LIGHTHOUSE / "portraits").glob("*.png"))
        if "plate" not in path.stem
    ]
    return (*own, *sorted(HEADS.glob("actor_*.jpg")))


if __name__ == "__main__":
    main()
