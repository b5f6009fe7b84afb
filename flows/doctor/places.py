# SPDX-License-Identifier: Apache-2.0
"""The doctor's look at places: may we write there, is there room, do its clock and ours agree, does
what is set answer.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path

import flows
from flows.doctor.finding import Finding, report_failure, report_warning, report_ok
from flows.inputs import read_inputs, weights_used
from flows.project import Project, open_project
from manifests.errors import InputError, ToolError
from model import weights

LEAST_FREE_GIB = 5
MOST_SKEW_SECONDS = 5.0
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def check_cache() -> list[Finding]:
    """The folder with weights and models."""
    folder = weights.cache_folder()
    return [
        check_writable("cache", folder, mend="set CALLSHEET_CACHE to a folder of yours"),
        check_free_space("cache space", folder),
    ]


def check_clock() -> Finding:
    """Whether this machine's clocks run, and show a time that can be. No network is asked."""
    steady, wall = time.monotonic(), time.time()
    time.sleep(0.01)
    now = datetime.now(UTC)
    if time.monotonic() <= steady or time.time() < wall:
        return report_failure(
            "clock",
            "the clock stands still or runs backwards",
            "look at the machine's time service",
        )
    installed = datetime.fromtimestamp(Path(flows.__file__).stat().st_mtime, UTC)
    if now < max(EARLIEST, installed):
        found = f"it is {now.isoformat(timespec='minutes')} here, before this was installed"
        return report_failure(
            "clock", found, "set the clock: signatures and logs of today would be refused"
        )
    return report_ok(
        "clock",
        f"{now.isoformat(timespec='seconds')}, local {datetime.now().astimezone():%H:%M %Z}",
    )


def check_production(folder: Path, *, deep: bool) -> list[Finding]:
    """A production's inputs, licence profile, build folder and storage."""
    try:
        project = open_project(folder)
    except InputError as error:
        return [
            report_failure(
                "production",
                str(error).splitlines()[0],
                "callsheet plan --inputs shows all problems",
            )
        ]
    place = check_writable("build folder", project.root, mend=f"make {project.root} yours, or give --out")
    findings = [
        _check_inputs(project),
        _check_licence_profile(project),
        place,
        check_free_space("build space", project.root),
    ]
    if project.production.storage.url:
        findings.append(check_storage(project.production.storage.url, deep=deep))
    return findings


def check_writable(name: str, folder: Path, *, mend: str) -> Finding:
    """Create, flush to disk, rename and remove a small file, as takes do; compare the file system's
    clock with ours.
    """
    place = next(p for p in (folder, *folder.parents) if p.exists())
    first = place / f".callsheet-doctor-{uuid.uuid4().hex}"
    second = first.with_suffix(".renamed")
    try:
        with first.open("x") as file:
            file.write("callsheet doctor\n")
            file.flush()
            os.fsync(file.fileno())
        first.rename(second)
        skew = second.stat().st_mtime - time.time()
    except OSError as error:
        return report_failure(name, f"{place}: {error.strerror or error}", mend)
    finally:
        for left in (first, second):
            # on a disk that is read-only, not even what is not there can be removed
            with contextlib.suppress(OSError):
                left.unlink()
    if abs(skew) > MOST_SKEW_SECONDS:
        found = f"{place} is written, but its clock differs from ours by {skew:+.0f} s"
        return report_warning(name, found, "set both clocks; file times on this storage mislead")
    return report_ok(name, f"{folder}: written, flushed, renamed")


def check_free_space(name: str, folder: Path) -> Finding:
    """Free space where a folder is or will be."""
    place = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(place).free / 2**30
    if free < LEAST_FREE_GIB:
        return report_warning(
            name,
            f"{free:.1f} GiB free at {place}",
            f"free space: takes are lossless; {LEAST_FREE_GIB} GiB is little",
        )
    return report_ok(name, f"{free:.0f} GiB free")


def check_storage(url: str, *, deep: bool) -> Finding:
    """Shared storage: asked whether it answers; `deep` also writes and reads a small file there."""
    from pipeline.storage import Storage

    mend = "look at [storage] url, and for s3:// at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
    if url.startswith("/"):
        return check_writable("storage", Path(url), mend=mend)
    try:
        kept = Storage(url)
        kept.exists("callsheet-doctor")
        if deep:
            kept.put(Path(flows.__file__), "callsheet-doctor")
            if kept.read_text("callsheet-doctor") != Path(flows.__file__).read_text():
                return report_failure("storage", f"{url} gave back something else than was written", mend)
    except (InputError, ToolError) as error:
        return report_failure("storage", str(error).splitlines()[0], mend)
    return report_ok("storage", f"{url}: {'written and read' if deep else 'it answers'}")


def check_prefect_server(url: str) -> Finding:
    """A Prefect server that is set: does it answer, and is it closed to strangers?"""
    health = f"{url.rstrip('/')}/health"
    mend = "start it, or unset PREFECT_API_URL"
    try:
        with urllib.request.urlopen(health, timeout=3):  # noqa: S310 - the server that the person named
            pass
        with urllib.request.urlopen(f"{url.rstrip('/')}/admin/version", timeout=3):  # noqa: S310
            return report_failure(
                "prefect server",
                f"{url} answers anybody",
                "start it with PREFECT_SERVER_API_AUTH_STRING set",
            )
    except urllib.error.HTTPError as error:
        if error.code != 401:
            return report_failure("prefect server", f"{url} answers {error.code}", mend)
    except (OSError, ValueError) as error:
        return report_failure("prefect server", f"{url} does not answer: {error}", mend)
    if "PREFECT_API_AUTH_STRING" not in os.environ:
        return report_failure(
            "prefect server",
            f"{url} asks who we are",
            "set PREFECT_API_AUTH_STRING to NAME:PASSWORD",
        )
    return report_ok("prefect server", f"{url} answers, and asks strangers for a password")


def _check_inputs(project: Project) -> Finding:
    try:
        given = read_inputs(project)
    except InputError as error:
        count = len(error.problems)
        mend = "callsheet plan --inputs shows all of them"
        return report_failure(
            "inputs",
            f"{count} problem{'' if count == 1 else 's'}; the first: {error.problems[0]}",
            mend,
        )
    return report_ok("inputs", f"{len(given.lines)} lines, {len(given.actors)} actors")


def _check_licence_profile(project: Project) -> Finding:
    licences = project.production.licences
    try:
        used = weights_used(project)
    except InputError as error:
        return report_failure(
            "licence profile", str(error.problems[0]), "mend the talker's settings or weights first"
        )
    unclear = [
        row.name for row in used if row.commercial != "yes" and row.name not in licences.agreements
    ]
    if licences.commercial and unclear:
        mend = "another talker, or the names under licences.agreements when you hold an agreement"
        return report_failure(
            "licence profile", f"commercial, but not clearly allowed: {', '.join(unclear)}", mend
        )
    kind = "commercial" if licences.commercial else "not commercial"
    rest = f"; would not do for commercial use: {', '.join(unclear)}" if unclear else ""
    return report_ok("licence profile", f"{kind}, {len(used)} weights{rest}")
