# SPDX-License-Identifier: Apache-2.0
"""Check places: folders are writable and have space, clocks agree, servers and storage answer."""

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
from flows.doctor.finding import Finding, report_failure, report_ok, report_warning
from flows.inputs import list_weights_used, read_inputs
from flows.project import Project, open_project
from manifests.errors import InputError, ToolError
from manifests.plurals import count_nouns
from model import weights

LEAST_FREE_GIB = 5
MOST_SKEW_SECONDS = 5.0
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def check_cache() -> list[Finding]:
    """Check the folder with weights and models."""
    folder = weights.cache_folder()
    return [
        check_writable(
            "cache", folder, advice="set CALLSHEET_CACHE to a folder that you can write to"
        ),
        check_free_space("cache space", folder),
    ]


def check_clock() -> Finding:
    """Check that the clocks run and show a plausible time. No network is used."""
    steady, wall = time.monotonic(), time.time()
    time.sleep(0.01)
    now = datetime.now(UTC)
    if time.monotonic() <= steady or time.time() < wall:
        return report_failure(
            "clock", "the clock stands still or runs backwards", "check the machine's time service"
        )
    installed = datetime.fromtimestamp(Path(flows.__file__).stat().st_mtime, UTC)
    if now < max(EARLIEST, installed):
        found = (
            f"the clock shows {now.isoformat(timespec='minutes')}, before Callsheet was installed"
        )
        return report_failure("clock", found, "set the clock: signatures made now would be refused")
    return report_ok(
        "clock",
        f"{now.isoformat(timespec='seconds')}, local {datetime.now().astimezone():%H:%M %Z}",
    )


def check_production(folder: Path, *, deep: bool) -> list[Finding]:
    """Check a production's inputs, licence profile, build folder and storage."""
    try:
        project = open_project(folder)
    except InputError as error:
        return [
            report_failure(
                "production",
                str(error).splitlines()[0],
                "run `callsheet plan --inputs` to see all problems",
            )
        ]
    place = check_writable(
        "build folder", project.root, advice=f"make {project.root} writable, or use --out"
    )
    findings = [
        _check_inputs(project),
        _check_licence_profile(project),
        place,
        check_free_space("build space", project.root),
    ]
    if project.production.storage.url:
        findings.append(check_storage(project.production.storage.url, deep=deep))
    return findings


def check_writable(name: str, folder: Path, *, advice: str) -> Finding:
    """Write, flush, rename and remove a small file, as takes do; compare the clocks.

    The time stamp of the file shows the clock of its file system.
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
        return report_failure(name, f"{place}: {error.strerror or error}", advice)
    finally:
        for left in (first, second):
            # a read-only disk refuses even to remove a file that does not exist
            with contextlib.suppress(OSError):
                left.unlink()
    if abs(skew) > MOST_SKEW_SECONDS:
        found = f"{place} is writable, but its clock differs from this machine's by {skew:+.0f} s"
        return report_warning(
            name, found, "set both clocks; the time stamps of files there are wrong"
        )
    return report_ok(name, f"{folder}: writable")


def check_free_space(name: str, folder: Path) -> Finding:
    """Check the free space where a folder is or will be."""
    place = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(place).free / 2**30
    if free < LEAST_FREE_GIB:
        return report_warning(
            name,
            f"{free:.1f} GiB free at {place}",
            f"free at least {LEAST_FREE_GIB} GiB: takes are lossless and large",
        )
    return report_ok(name, f"{free:.0f} GiB free")


def check_storage(url: str, *, deep: bool) -> Finding:
    """Check that shared storage answers; `deep` also writes and reads a small file there."""
    from pipeline.storage import Storage

    advice = (
        "check [storage] url, and for s3:// also AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and"
        " AWS_ENDPOINT_URL"
    )
    if url.startswith("/"):
        return check_writable("storage", Path(url), advice=advice)
    try:
        kept = Storage(url)
        kept.exists("callsheet-doctor")
        if deep:
            kept.put(Path(flows.__file__), "callsheet-doctor")
            if kept.read_text("callsheet-doctor") != Path(flows.__file__).read_text():
                return report_failure(
                    "storage", f"{url} returned other data than was written", advice
                )
    except (InputError, ToolError) as error:
        return report_failure("storage", str(error).splitlines()[0], advice)
    return report_ok("storage", f"{url}: {'writes and reads' if deep else 'answers'}")


def check_prefect_server(url: str) -> Finding:
    """Check that the Prefect server that is set answers, and asks strangers for a password."""
    advice = "start the server, or unset PREFECT_API_URL"
    try:
        is_open = _answers_strangers(url)
    except urllib.error.HTTPError as error:
        return report_failure("prefect server", f"{url} answers {error.code}", advice)
    except (OSError, ValueError) as error:
        return report_failure("prefect server", f"{url} does not answer: {error}", advice)
    if is_open:
        advice = "set PREFECT_SERVER_API_AUTH_STRING and restart the server"
        return report_failure(
            "prefect server", f"{url} accepts requests without a password", advice
        )
    if "PREFECT_API_AUTH_STRING" not in os.environ:
        advice = "set PREFECT_API_AUTH_STRING to NAME:PASSWORD"
        return report_failure("prefect server", f"{url} asks for a password", advice)
    return report_ok("prefect server", f"{url} answers and requires a password")


def _answers_strangers(url: str) -> bool:
    """Check whether a server answers requests without a password; raises when it is not well."""
    base = url.rstrip("/")
    try:
        with urllib.request.urlopen(f"{base}/health", timeout=3):  # noqa: S310 - named by the user
            pass
        with urllib.request.urlopen(f"{base}/admin/version", timeout=3):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        if error.code == 401:
            return False
        raise


def _check_inputs(project: Project) -> Finding:
    try:
        inputs = read_inputs(project)
    except InputError as error:
        count = len(error.problems)
        advice = "run `callsheet plan --inputs` to see all of them"
        return report_failure(
            "inputs", f"{count_nouns(count, 'problem')}; the first: {error.problems[0]}", advice
        )
    return report_ok(
        "inputs",
        f"{count_nouns(len(inputs.lines), 'line')}, {count_nouns(len(inputs.actors), 'actor')}",
    )


def _check_licence_profile(project: Project) -> Finding:
    licences = project.production.licences
    try:
        used = list_weights_used(project)
    except InputError as error:
        return report_failure(
            "licence profile",
            str(error.problems[0]),
            "correct the talker's settings, or fetch its weights, first",
        )
    unclear = [
        row.name for row in used if row.commercial != "yes" and row.name not in licences.agreements
    ]
    if licences.commercial and unclear:
        advice = "use another talker, or list the names under licences.agreements if you have one"
        return report_failure(
            "licence profile",
            f"the production is commercial, but these weights may not be: {', '.join(unclear)}",
            advice,
        )
    kind = "commercial" if licences.commercial else "not commercial"
    rest = f"; not clear for commercial use: {', '.join(unclear)}" if unclear else ""
    return report_ok("licence profile", f"{kind}, {count_nouns(len(used), 'weight file')}{rest}")
