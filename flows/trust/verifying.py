# SPDX-License-Identifier: Apache-2.0
"""Verify a file: its content credentials, its measurements, and whether it is as delivered."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.trust.purge import read_tombstone
from manifests import layout
from manifests.delivery_rows import Check, Deliverable
from manifests.errors import InputError, ToolError
from manifests.identity import digest_file
from manifests.store import Store
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.checks import media_report, qc
from pipeline.checks.media_report import MediaReport
from pipeline.deliver import c2pa_signing, hls, watermark
from pipeline.deliver.c2pa_signing import Credentials

FILMS = (".mp4", ".mov", ".webm", ".mkv")
PLAYLIST = ".m3u8"
SAME, CHANGED = "same", "changed"
NOT_DELIVERED = "this is not the delivered file: its digest differs from the one in the record"
CHANGED_UNSIGNED = "credentials: valid, but the file was changed in a part that they do not cover"
PURGED = "purged"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedFile:
    """The result of verifying a file.

    `state`: valid; tampered (by its credentials, or its digest is not the record's); stripped (it
    was signed and holds no credentials now); missing (never signed, as far as is known; no problem
    of a file that was delivered so); purged; or playlist (of HLS: its renditions carry the
    credentials).

    `delivered`: same or changed against the production's row, "" when the file lies in no
    production. `checks`: those of its version when it is the delivered file, otherwise what one
    decode shows. `problems`: what is wrong; empty when nothing is.
    """

    file: Path
    state: str
    credentials: Credentials | None
    delivered: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def verify_file(file: Path) -> VerifiedFile:
    """Read the credentials of a file, measure it, and compare it with the record.

    Raises InputError when there is no such file and never was.
    """
    buried = read_tombstone(file)
    if buried is not None and not file.is_file():
        why = f"{buried['because']}; deleted at {buried['purged_at']} by {buried['by']}"
        return VerifiedFile(file=file, state=PURGED, credentials=None, problems=[why])
    row = _find_row(file)
    if file.suffix == PLAYLIST and file.is_file():
        return _verify_playlist(file, row)
    found = c2pa_signing.verify_credentials(file)
    delivered = _compare_digest(file, row)
    state, credentials = _judge_credentials(
        found, delivered, was_signed=found.state == "missing" and _was_signed(file, row)
    )
    report, decoding = _measure_film(file)
    measured, checks = dict[str, Any](), list[Check]()
    if report:
        measured = _list_facts(report) | {"watermark": _read_watermark(file)}
        checks = _list_checks(file, row, report, is_delivered=delivered == SAME)
    failures = [_describe_check(check) for check in checks if check.verdict == "fail"]
    return VerifiedFile(
        file=file,
        state=state,
        credentials=found,
        delivered=delivered,
        measured=measured,
        checks=checks,
        problems=[
            *credentials,
            *decoding,
            *(failures if delivered != SAME else []),
            *([NOT_DELIVERED] if delivered == CHANGED else []),
        ],
    )


def _judge_credentials(
    found: Credentials, delivered: str, *, was_signed: bool
) -> tuple[str, list[str]]:
    """Judge the state of a file by its credentials and its digest; return it with its problem."""
    state = "stripped" if found.state == "missing" and was_signed else found.state
    if state == "valid" and delivered == CHANGED:
        return "tampered", [CHANGED_UNSIGNED]
    if state not in ("tampered", "stripped", "missing") or (state, delivered) == ("missing", SAME):
        return state, []
    return state, [f"credentials: {state}" + (f" ({found.detail})" if found.detail else "")]


def _read_watermark(file: Path) -> str | None:
    """Read the number of a film's watermark, None when there is none."""
    try:
        found = watermark.find_watermark(file)
    except (ToolError, InputError):
        return None
    return found.code if found else None


def _verify_playlist(master: Path, row: Deliverable | None) -> VerifiedFile:
    """Verify a master playlist and the files that it leads to, which hold the credentials."""
    found = hls.inspect_playlists(master)
    facts = {
        "renditions": [rendition.path.name for rendition in found.renditions],
        "segments": sum(len(rendition.content.fragments) for rendition in found.renditions),
    }
    problems = list(found.problems)
    for rendition in found.renditions:
        problems += [
            f"{rendition.path.name}: {problem}" for problem in verify_file(rendition.path).problems
        ]
    delivered = _compare_digest(master, row)
    if delivered == CHANGED:
        problems.append(NOT_DELIVERED)
    return VerifiedFile(
        file=master,
        state="playlist",
        credentials=None,
        delivered=delivered,
        measured=facts,
        problems=problems,
    )


def _compare_digest(file: Path, row: Deliverable | None) -> str:
    if row is None:
        return ""
    return SAME if digest_file(file) == row.media_digest else CHANGED


def _find_deliverables_folder(file: Path) -> Path | None:
    """Find the folder of deliverables that a file lies in."""
    return next(
        (folder for folder in file.resolve().parents[:3] if folder.name == layout.DELIVERABLES),
        None,
    )


def _open_record(place: Path) -> Store:
    return Store(place.parent / layout.RECORD)


def _find_row(file: Path) -> Deliverable | None:
    """Find the row of a file that lies in a production's deliverables."""
    place = _find_deliverables_folder(file)
    if place is None or not (place.parent / layout.RECORD).is_dir():
        return None
    rows = _open_record(place).read(Deliverable, path=file.resolve().relative_to(place).as_posix())
    return rows[-1] if rows else None


def _was_signed(file: Path, row: Deliverable | None) -> bool:
    """Check whether the version's own checks say that this file held credentials."""
    if row is None:
        return False
    try:
        checks = json.loads((file.parent / layout.CHECKS).read_text(encoding="utf-8"))["checks"]
    except (OSError, ValueError, KeyError):
        return True  # every delivered file is signed unless its checks say otherwise
    own = [
        check
        for check in checks
        if check["profile"] == row.profile and check["name"] == "content credentials"
    ]
    return not own or own[0]["value"].startswith("valid")


def _measure_film(file: Path) -> tuple[MediaReport | None, list[str]]:
    """Measure a film by decoding it once; other files are not decoded."""
    if file.suffix.lower() not in FILMS:
        return None, []
    try:
        return media_report.measure_file(file), []
    except InputError as error:
        return None, [f"cannot be decoded: {str(error).splitlines()[-1]}"]


def _list_facts(report: MediaReport) -> dict[str, Any]:
    loud = report.loudness
    return {
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


def _list_checks(
    file: Path, row: Deliverable | None, report: MediaReport, *, is_delivered: bool
) -> list[Check]:
    """List the recorded checks of an unchanged file, or judge it without its production."""
    place = _find_deliverables_folder(file)
    if row is not None and place is not None and is_delivered:
        return _open_record(place).read(Check, version=row.version, profile=row.profile)
    expected = qc.ExpectedMedia(
        frames=row.frames if row else report.frames,
        rate=report.rate,
        width=row.width if row else report.width,
        height=row.height if row else report.height,
        loudness=LoudnessSettings(target_lufs=None),
    )
    version, profile = (row.version, row.profile) if row else ("", file.suffix.lstrip("."))
    return qc.check_report(report, expected, version=version, profile=profile)


def _describe_check(check: Check) -> str:
    at = f" at {check.timecode}" if check.timecode else ""
    return f"{check.name}: {check.value}{at}, expected {check.limit}" + (
        f" ({check.advice})" if check.advice else ""
    )


def to_json_values(verified: VerifiedFile) -> dict[str, Any]:
    """Convert to values for `--json`."""
    return dataclasses.asdict(verified)
