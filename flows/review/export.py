# SPDX-License-Identifier: Apache-2.0
"""The review page without a server: one folder that opens from disk, and the `report.html` that
lies in every version.

Both are the same page with its document in `data.js`. An export is to be handed on and holds copies
of all media; a report lies beside its version's files, plays those, and keeps only thumbnails of
its own (`report/`), so that a version stays one folder without doubles.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.project import Project
from flows.review import media, pack
from flows.review.document import Document, ShotEntry, TakeEntry
from flows.review.payload import build_document
from flows.review.snapshot import Snapshot, preview_version, read_logs
from flows.version import Version
from flows.who import current_user
from manifests.atomic_write import hidden_folder
from manifests.errors import InputError, Problem
from manifests.rows import Cut
from pipeline.deliver.contact_sheet import Frame
from pipeline.deliver.profiles import WEB

REPORT = "report"
THUMBNAIL = (160, 90)
Progress = Callable[[int, int], None]


def export_page(
    reading: Snapshot, folder: Path, *, reviewer: str, progress: Progress | None = None
) -> Path:
    """Write the page with everything it shows into a folder that is not there yet; returns its
    `index.html`.

    Raises InputError when there is nothing to show, or something stands in the folder's place.
    """
    if not reading.shots:
        raise InputError(
            Problem(
                file=str(reading.project.folder),
                message="nothing was rendered yet",
                expected="a finished run of render",
            )
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            Problem(
                file=str(folder),
                message="there is something already",
                expected="a new or an empty folder",
            )
        )
    with hidden_folder(folder) as staged:
        told = _without_server(build_document(reading, reviewer=reviewer), reading)
        _copy_media(told, reading, staged, progress=progress)
        for name, data in {**pack.build_files(), "data.js": encode_data_js(told)}.items():
            _write(staged / name, data)
        if folder.exists():
            folder.rmdir()
        staged.rename(folder)
    return folder / "index.html"


def write_report(project: Project, made: Version, cuts: Sequence[Cut]) -> Path:
    """Write `report.html` and `report/` into the folder of a version that is about to stand. Takes
    have no copies there: what is seen is the version. Thumbnails are there already when they were
    cut out with the contact sheet (`keep_thumbs`).
    """
    reading, folder = preview_version(project, made, cuts), made.folder
    told = _without_server(build_document(reading, reviewer=current_user()), reading)
    told["video"] = WEB.file if told["video"] else None
    for shot in told["shots"]:
        thumb = f"{REPORT}/thumbs/{shot['shot_id']}.jpg"
        shot["thumb"] = thumb if (folder / thumb).is_file() else ""
        shot["before"] = ""
        shot["takes"] = [TakeEntry(**{**take, "url": ""}) for take in shot["takes"]]  # type: ignore[typeddict-item]
    files = {**pack.build_files(), "data.js": encode_data_js(told)}
    page = files.pop("index.html").decode()
    for name, data in files.items():
        page = re.sub(rf'(href|src)="{re.escape(name)}"', rf'\1="{REPORT}/{name}"', page)
        _write(folder / REPORT / name, data)
    _write(folder / "report.html", page.encode())
    return folder / "report.html"


def write_thumbnails(pictures: Mapping[int, Frame], cuts: Iterable[Cut], folder: Path) -> None:
    """Keep the middle frames of events (`middle`), cut out of a version's file, as small JPEGs for
    its report.
    """
    from PIL import Image

    for cut in cuts:
        path = folder / REPORT / "thumbs" / f"{cut.shot_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pictures[find_middle_frame(cut)])
        picture.thumbnail(THUMBNAIL)
        picture.save(path, quality=80)


def find_middle_frame(cut: Cut) -> int:
    """The frame that stands for an event."""
    return (cut.start_frame + cut.end_frame) // 2


def encode_data_js(told: Document | Mapping[str, Any]) -> bytes:
    """A document as a script: nothing in it can end the script or begin markup."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f"window.CALLSHEET = {text};\n".encode()


def _without_server(told: Document, reading: Snapshot) -> Document:
    """The document as a page needs it that can ask for nothing."""
    said = read_logs(reading, reading.shots)
    for shot in told["shots"]:
        shot["log"] = said[shot["shot_id"]]
    told["exported"] = True
    told["peaks"] = media.read_peaks(reading) or None
    told["sound"] = told["captions"] = None
    return told


def _copy_media(
    told: Document, reading: Snapshot, folder: Path, *, progress: Progress | None
) -> None:
    """Copy what the document names and let it name the copies."""
    if told["video"] is not None and told["version"] is not None:
        told["video"] = _copied(
            media.find_version_file(reading, told["version"]), folder, f"media/{WEB.file}"
        )
    for number, shot in enumerate(told["shots"], start=1):
        shot["thumb"] = _copied(
            media.make_thumbnail(reading, shot["shot_id"]),
            folder,
            f"media/thumbs/{shot['shot_id']}.jpg",
        )
        for take in shot["takes"]:
            take["url"] = _copied(
                media.make_take_copy(reading, take["take_id"]),
                folder,
                f"media/takes/{take['take_id']}.mp4",
            )
        shot["before"] = _before(shot)
        if progress is not None:
            progress(number, len(told["shots"]))


def _before(shot: ShotEntry) -> str:
    return next((take["url"] for take in shot["takes"] if take["current"]), "")


def _copied(path: Path | None, folder: Path, name: str) -> str:
    if path is None:
        return ""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / name)
    return name


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
