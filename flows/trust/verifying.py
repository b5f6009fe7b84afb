# SPDX-License-Identifier: Apache-2.0
"""What one file is worth: its content credentials, what it measures, and whether it is what its production delivered."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.trust.purge import tombstone
from manifests.errors import InputError, ToolError
from manifests.identity import digest_file
from manifests.rows import Deliverable
from manifests.store import Store
from pipeline import credentials, hls, qc
from pipeline.credentials import Credentials

FILMS = (".mp4", ".mov", ".webm", ".mkv")
PLAYLIST = ".m3u8"
CHANGED = "changed"
NOT_DELIVERED = "it is not the file that was delivered: its digest differs from the record's"
PURGED = "purged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """`state`: valid, tampered, stripped (it was signed and holds no credentials now), missing (never signed, as far as is known), purged,
    or playlist (of HLS: its renditions carry the credentials). `delivered`: same or changed against the production's row, "" when it lies
    in no production. `problems`: why it is not well; empty when it is."""

    file: Path
    state: str
    credentials: Credentials | None
    delivered: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def verify(file: Path) -> Verified:
    """Read credentials, measure, compare with the record. Raises InputError when there is no such file and never was."""
    buried = tombstone(file)
    if buried is not None and not file.is_file():
        why = f"{buried['because']}; deleted at {buried['purged_at']} by {buried['by']}"
        return Verified(file=file, state=PURGED, credentials=None, problems=[why])
    row = _row(file)
    if file.suffix == PLAYLIST and file.is_file():
        return _ladder(file, row)
    found = credentials.verify(file)
    state = "stripped" if found.state == "missing" and _was_signed(file, row) else found.state
    delivered = _delivered(file, row)
    measured, problems = _measured(file, row)
    if state in ("tampered", "stripped", "missing"):
        problems.insert(0, f"credentials: {state}" + (f" ({found.detail})" if found.detail else ""))
    if delivered == CHANGED:
        problems.append(NOT_DELIVERED)
    return Verified(
        file=file, state=state, credentials=found, delivered=delivered, measured=measured, problems=problems
    )


def _ladder(master: Path, row: Deliverable | None) -> Verified:
    """A master playlist against the files that it leads to; the credentials are in those."""
    found = hls.look(master)
    facts = {
        "renditions": [rendition.path.name for rendition in found.renditions],
        "segments": sum(len(rendition.content.fragments) for rendition in found.renditions),
    }
    problems = list(found.problems)
    for rendition in found.renditions:
        problems += [f"{rendition.path.name}: {problem}" for problem in verify(rendition.path).problems]
    delivered = _delivered(master, row)
    if delivered == CHANGED:
        problems.append(NOT_DELIVERED)
    return Verified(
        file=master, state="playlist", credentials=None, delivered=delivered, measured=facts, problems=problems
    )


def _delivered(file: Path, row: Deliverable | None) -> str:
    if row is None:
        return ""
    return "same" if digest_file(file) == row.media_digest else CHANGED


def _row(file: Path) -> Deliverable | None:
    """The row of a file that lies in a production's deliverables."""
    place = next((folder for folder in file.resolve().parents[:3] if folder.name == "deliverables"), None)
    if place is None or not (place.parent / "manifests").is_dir():
        return None
    rows = Store(place.parent / "manifests").rows(Deliverable, path=file.resolve().relative_to(place).as_posix())
    return rows[-1] if rows else None


def _was_signed(file: Path, row: Deliverable | None) -> bool:
    """Whether the version's own checks say that this file held credentials."""
    if row is None:
        return False
    try:
        checks = json.loads((file.parent / "checks.json").read_text(encoding="utf-8"))["checks"]
    except (OSError, ValueError, KeyError):
        return True  # every delivered file is signed unless its checks say otherwise
    own = [one for one in checks if one["profile"] == row.profile and one["name"] == "content credentials"]
    return not own or own[0]["value"].startswith("valid")


def _measured(file: Path, row: Deliverable | None) -> tuple[dict[str, Any], list[str]]:
    """What one decode of a film says, and what of it is wrong in itself or against the record."""
    if file.suffix.lower() not in FILMS:
        return {}, []
    try:
        report = qc.measure(file)
    except (ToolError, InputError) as error:
        return {}, [f"it does not decode: {str(error).splitlines()[-1]}"]
    loud = report.loudness
    facts = {
        "frames": report.frames,
        "rate": str(report.rate),
        "size": f"{report.width}x{report.height}",
        "colour": report.colour,
        "loudness_lufs": loud.lufs if loud is not None and loud.measurable else None,
        "peak_dbtp": loud.peak_dbtp if loud is not None and loud.measurable else None,
        "black": [list(span) for span in report.black],
        "freeze": [list(span) for span in report.freeze],
        "silence": [list(span) for span in report.silence],
    }
    problems = [f"it does not decode cleanly: {report.errors[0]}"] if report.errors else []
    if row is not None:
        wanted = {"frames": row.frames, "size": f"{row.width}x{row.height}"}
        problems += [
            f"{name}: {facts[name]}, delivered were {value}" for name, value in wanted.items() if facts[name] != value
        ]
    return facts, problems


def plain(verified: Verified) -> dict[str, Any]:
    """For `--json`."""
    return dataclasses.asdict(verified)
