# SPDX-License-Identifier: Apache-2.0
"""Export the review page without a server: as a folder, or as the `report.html` of a version.

Both are the same page with its document in `data.js`. An exported folder is meant to be passed on
and holds copies of all media. A report lies beside its version's files and plays those; only its
thumbnails are its own (`report/`), so that a version holds nothing twice.
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
from manifests import layout
from manifests.atomic_write import hidden_folder
from manifests.errors import InputError, Problem
from manifests.rows import Cut
from pipeline.deliver.contact_sheet import Frame
from pipeline.deliver.profiles import WEB

THUMBNAIL = (160, 90)
Progress = Callable[[int, int], None]


def export_page(
    snapshot: Snapshot, folder: Path, *, reviewer: str, progress: Progress | None = None
) -> Path:
    """Write the page with everything it shows into a new folder, and return its `index.html`.

    Raises:
        InputError: There is nothing to show, or the folder is not empty.
    """
    _check_export(snapshot, folder)
    with hidden_folder(folder) as staged:
        document = _detach_document(build_document(snapshot, reviewer=reviewer), snapshot)
        _copy_media(document, snapshot, staged, progress=progress)
        for name, data in {**pack.build_files(), "data.js": encode_data_js(document)}.items():
            _write(staged / name, data)
        if folder.exists():
            folder.rmdir()
        staged.rename(folder)
    return folder / "index.html"


def _check_export(snapshot: Snapshot, folder: Path) -> None:
    """Raise InputError when there is nothing to show, or the folder is not empty."""
    if not snapshot.shots:
        place, message = str(snapshot.project.folder), "nothing has been rendered yet"
        expected = "a finished run of `callsheet render`"
        raise InputError(Problem(file=place, message=message, expected=expected))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message, expected = "the folder is not empty", "a new or an empty folder"
        raise InputError(Problem(file=str(folder), message=message, expected=expected))


def write_report(project: Project, version: Version, cuts: Sequence[Cut]) -> Path:
    """Write `report.html` and `report/` into the folder of a version before it is recorded.

    Takes have no copies there: the report shows the version. Thumbnails are there already if they
    were cut out together with the contact sheet (`write_thumbnails`).
    """
    snapshot, folder = preview_version(project, version, cuts), version.folder
    document = _detach_document(build_document(snapshot, reviewer=current_user()), snapshot)
    document["video"] = WEB.file if document["video"] else None
    for shot in document["shots"]:
        thumb = f"{layout.REPORT}/thumbs/{shot['shot_id']}.jpg"
        shot["thumb"] = thumb if (folder / thumb).is_file() else ""
        shot["before"] = ""
        shot["takes"] = [TakeEntry(**{**take, "url": ""}) for take in shot["takes"]]  # type: ignore[typeddict-item]
    files = {**pack.build_files(), "data.js": encode_data_js(document)}
    page = files.pop("index.html").decode()
    for name, data in files.items():
        page = re.sub(rf'(href|src)="{re.escape(name)}"', rf'\1="{layout.REPORT}/{name}"', page)
        _write(folder / layout.REPORT / name, data)
    _write(folder / layout.REPORT_PAGE, page.encode())
    return folder / layout.REPORT_PAGE


def write_thumbnails(pictures: Mapping[int, Frame], cuts: Iterable[Cut], folder: Path) -> None:
    """Write the middle frames of a version's clips as small JPEGs for its report.

    `pictures`: by frame, cut out of the version's file (see `find_middle_frame`).
    """
    from PIL import Image

    for cut in cuts:
        path = folder / layout.REPORT / "thumbs" / f"{cut.shot_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pictures[find_middle_frame(cut)])
        picture.thumbnail(THUMBNAIL)
        picture.save(path, quality=80)


def find_middle_frame(cut: Cut) -> int:
    """Find the frame that represents a clip."""
    return (cut.start_frame + cut.end_frame) // 2


def encode_data_js(document: Document | Mapping[str, Any]) -> bytes:
    """Encode a document as a script; nothing in it can end the script or begin markup."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f"window.CALLSHEET = {text};\n".encode()


def _detach_document(document: Document, snapshot: Snapshot) -> Document:
    """Put everything into the document that a page would ask the server for."""
    logs = read_logs(snapshot, snapshot.shots)
    for shot in document["shots"]:
        shot["log"] = logs[shot["shot_id"]]
    document["exported"] = True
    document["peaks"] = media.read_peaks(snapshot) or None
    document["sound"] = document["captions"] = None
    return document


def _copy_media(
    document: Document, snapshot: Snapshot, folder: Path, *, progress: Progress | None
) -> None:
    """Copy the media that the document names, and let it name the copies."""
    if document["video"] is not None and document["version"] is not None:
        document["video"] = _copy_file(
            media.find_version_file(snapshot, document["version"]), folder, f"media/{WEB.file}"
        )
    for number, shot in enumerate(document["shots"], start=1):
        shot["thumb"] = _copy_file(
            media.make_thumbnail(snapshot, shot["shot_id"]),
            folder,
            f"media/thumbs/{shot['shot_id']}.jpg",
        )
        for take in shot["takes"]:
            take["url"] = _copy_file(
                media.make_take_copy(snapshot, take["take_id"]),
                folder,
                f"media/takes/{take['take_id']}.mp4",
            )
        shot["before"] = _find_current_url(shot)
        if progress is not None:
            progress(number, len(document["shots"]))


def _find_current_url(shot: ShotEntry) -> str:
    return next((take["url"] for take in shot["takes"] if take["current"]), "")


def _copy_file(path: Path | None, folder: Path, name: str) -> str:
    if path is None:
        return ""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / name)
    return name


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
