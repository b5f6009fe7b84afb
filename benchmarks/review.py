# SPDX-License-Identifier: Apache-2.0
"""Measure the page for dailies at size: `python -m benchmarks.review PRODUCTION [--shots 1000]`.

PRODUCTION must be rendered. Its shots are recorded again and again in a copy. It prints CPU and
wall seconds of reading the record as the page's document, of a decision, and of the document after
it.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.record import measure
from flows.ledger.decisions import new_decision
from flows.ledger.shot_diff import describe_reviewed_take
from flows.ledger.shot_matching import identify_places
from flows.project import Project, open_project
from flows.review.review_session import ReviewSession
from manifests.delivery_rows import Check, Deliverable
from manifests.rows import Cue, Cut, Shot, Take
from manifests.timebase import sample_of_frame

APPROVED_SHARE = 0.6


def lengthen_production(folder: Path, shots: int) -> Project:
    """Repeat the production's shots up to `shots`, with rows for everything.

    The first 60 % are approved. Takes share their files.
    """
    scene = open_project(folder)
    store = scene.store
    takes = {take.shot_id: take for take in store.read(Take)}
    parts = list(
        zip(
            store.read_current(Shot),
            store.read_current(Cue),
            store.read(Cut, version="v001"),
            strict=True,
        )
    )
    planned, copies, cues, cuts, end = [], [], [], [], 0
    for order in range(shots):
        shot, cue, cut = parts[order % len(parts)]
        key, line, start, end = (
            f"{order:032x}",
            f"line-{order}",
            end,
            end + shot.end_frame - shot.start_frame,
        )
        number = f"sc{order // 50 + 1:02}_sh{order % 50 * 10 + 10:03}"
        span = {"start_frame": start, "end_frame": end}
        planned.append(
            dataclasses.replace(
                shot, shot_id=key, number=number, order=order, line_ids=line, **span
            )
        )
        path = f"media/takes/{key}.mkv"
        (scene.root / path).symlink_to(scene.root / takes[shot.shot_id].path)
        copies.append(dataclasses.replace(takes[shot.shot_id], shot_id=key, path=path))
        times = {"start": sample_of_frame(start, shot.rate), "end": sample_of_frame(end, shot.rate)}
        cues.append(dataclasses.replace(cue, line_id=line, **times))
        cuts.append(
            dataclasses.replace(
                cut, version="v002", order=order, shot_id=key, number=number, **span
            )
        )
    store.append(copies)
    store.replace(Shot, planned)
    store.replace(Cue, cues)
    store.append(cuts)
    (scene.root / "deliverables" / "v001").rename(scene.root / "deliverables" / "v002")
    store.append(
        [dataclasses.replace(row, version="v002", frames=end) for row in store.read(Deliverable)]
    )
    store.append([dataclasses.replace(row, version="v002") for row in store.read(Check)])
    approvals = [
        new_decision("approved", place, shot, by="bench", **describe_reviewed_take(shot))
        for place, shot in zip(identify_places(planned), planned, strict=True)
    ]
    store.append(approvals[: round(shots * APPROVED_SHARE)])
    return scene


def main() -> None:
    """Make the long production and print what the page's server needs for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("production", type=Path)
    parser.add_argument("--shots", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(arguments.production, Path(scratch) / "scene", symlinks=True))
        film = lengthen_production(folder, arguments.shots)
        ReviewSession(film, reviewer="").encode_document()  # what is imported is imported
        session = ReviewSession(film, reviewer="Anna")
        text = measure(
            f"the document of {arguments.shots} shots, from the record", session.encode_document
        )
        print(f"{len(text) / 1e6:.2f} MB")
        shot = film.store.read_current(Shot)[arguments.shots // 2]
        measure("a decision", lambda: session.decide({"name": "hold", "shots": [shot.shot_id]}))
        time.sleep(1)
        measure("the document after it", session.encode_document)


if __name__ == "__main__":
    main()
