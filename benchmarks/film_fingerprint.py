# SPDX-License-Identifier: Apache-2.0
"""Print what a render made, so that two builds of the code can be compared on one machine.

    python -m benchmarks.film_fingerprint BUILD > before.json
    python -m benchmarks.film_fingerprint BUILD --compare before.json

The fingerprint holds shot ids, cue rows (without the sentences that explain them), the numbers and
verdicts of the newest version's checks, and a SHA-256 of the decoded frames of every take.
`--compare` names every difference and ends with 1 when there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from manifests.query import run_query
from manifests.store import Store
from pipeline.media import read_frames

QUERIES = {
    "shots": 'select number, shot_id from shots order by "order", layer',
    "cues": 'select line_id, recording_id, character, start, "end", text, performance, status,'
    " confidence, speaker, words from cues order by line_id",
    "checks": "select profile, name, timecode, value, verdict from checks"
    " where version = (select max(version) from checks) order by all",
}

CHECK_VALUE = 3  # its column in the query; sentences around the numbers are for people
NUMBER = r"-?\d+(?:\.\d+)?"


def fingerprint(build: Path) -> dict[str, Any]:
    """Read the fingerprint of a build folder; every take is decoded once."""
    store = Store(build / "manifests")
    found: dict[str, Any] = {
        name: [list(row) for row in run_query(store, sql).rows] for name, sql in QUERIES.items()
    }
    for row in found["checks"]:
        row[CHECK_VALUE] = re.findall(NUMBER, row[CHECK_VALUE])
    takes = run_query(
        store,
        "select distinct t.shot_id, t.path, t.width, t.height from takes t"
        " join shots s on s.shot_id = t.shot_id order by t.shot_id",
    )
    found["frames"] = {
        shot_id: digest_frames(build / path, width, height)
        for shot_id, path, width, height in takes.rows
    }
    return found


def digest_frames(video: Path, width: int, height: int) -> str:
    """Digest the decoded frames of a video: SHA-256 over its 8-bit RGB pixels in order."""
    sha = hashlib.sha256()
    for frame in read_frames(video, width=width, height=height):
        sha.update(frame.tobytes())
    return sha.hexdigest()


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """List what differs between two fingerprints, one line each."""
    lines = []
    for name in ("shots", "cues", "checks"):
        old, new = ([json.dumps(row) for row in side[name]] for side in (before, after))
        lines += [f"{name}: only before: {row}" for row in old if row not in new]
        lines += [f"{name}: only after: {row}" for row in new if row not in old]
    for shot_id in sorted({*before["frames"], *after["frames"]}):
        if before["frames"].get(shot_id) != after["frames"].get(shot_id):
            lines.append(f"frames: {shot_id} differs")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Print a fingerprint, or compare it with an earlier one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args(arguments)
    found = json.loads(json.dumps(fingerprint(options.build), default=str))
    if options.compare is None:
        print(json.dumps(found, indent=1))
        return 0
    lines = differences(json.loads(options.compare.read_text()), found)
    counts = ", ".join(
        f"{len(found[name])} {name}" for name in ("shots", "cues", "checks", "frames")
    )
    print("\n".join([*lines, f"{len(lines)} differences in {counts} (frames: one digest a take)"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
