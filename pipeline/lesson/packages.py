# SPDX-License-Identifier: Apache-2.0
"""Pack a lesson for learning systems: video, captions, chapters, transcript and a player page.

A package is one zip file. The player (`player/`) is the same in every package. It resumes where the
learner stopped, reports completion after nine tenths are watched, and works without a learning
system too; the page says which kind of system it may look for. Only the manifest differs: `scorm`
and `tincan` write it.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.atomic_write import atomic_write
from manifests.errors import InputError
from pipeline.lesson import scorm, tincan
from pipeline.lesson.transcript import TranscriptEntry, format_minutes, render_sections
from pipeline.script.settings import PackageName

PLAYER = Path(__file__).with_name("player")
PLAYER_FILES = ("player.js", "scorm.js", "xapi.js", "player.css")
PAGE = "index.html"
_DAY_ONE = (1980, 1, 1, 0, 0, 0)  # so that the same lesson is the same file
_STORED = {".mp4", ".jpg", ".png"}  # packed already


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What goes into a package.

    `identifier` names it for learning systems, and must stay when the lesson is corrected.
    """

    title: str
    identifier: str
    language: str
    rate: Fraction
    transcript: Sequence[TranscriptEntry]
    video: Path
    captions: Path
    chapters: Path
    poster: Path


def write(package: Package, path: Path, *, kind: PackageName = "scorm12") -> Path:
    """Write the package.

    Raises InputError when its own manifest would not be valid (a name that no XML can hold).
    """
    media = {
        "lesson.mp4": package.video,
        "captions.vtt": package.captions,
        "chapters.vtt": package.chapters,
        "poster.jpg": package.poster,
    }
    texts = {
        PAGE: render_index_page(package, kind=kind),
        **{name: (PLAYER / name).read_text(encoding="utf-8") for name in PLAYER_FILES},
    }
    files = [PAGE, *sorted({*texts, *media} - {PAGE})]
    name, manifest = _build_manifest(package, kind, files=files)
    with atomic_write(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for file, text in {name: manifest, **texts}.items():
            archive.writestr(_make_zip_entry(file), text.encode())
        for file, source in media.items():
            _copy_file(source, archive, file)
    return path


def _copy_file(source: Path, archive: zipfile.ZipFile, name: str) -> None:
    with (
        source.open("rb") as opened,
        archive.open(_make_zip_entry(name), "w", force_zip64=True) as target,
    ):
        while block := opened.read(1 << 20):
            target.write(block)


def render_index_page(package: Package, *, kind: PackageName) -> str:
    """Render the player page with its chapters and transcript, for one kind of learning system."""
    chapters = [
        f'<li><button type="button" data-seconds="{float(entry.frame / package.rate):.3f}">'
        f"<span>{format_minutes(entry.frame, package.rate)}</span> "
        f"{html.escape(entry.title)}</button></li>"
        for entry in package.transcript
    ]
    values = {
        "language": html.escape(package.language),
        "title": html.escape(to_printable(package.title)),
        "identifier": html.escape(to_xml_name(package.identifier)),
        "activity": html.escape(tincan.make_activity_iri(package.identifier)),
        "system": kind,
        "connect": " connect-src http: https:;" if kind == "xapi" else "",
        "chapters": "\n".join(chapters),
        "transcript": "\n".join(render_sections(package.transcript, rate=package.rate, level=3)),
    }
    template = (PLAYER / PAGE).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def to_xml_name(text: str) -> str:
    """Convert a text to a name as XML's ID type allows."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")
    return plain if re.match(r"[A-Za-z_]", plain) else f"callsheet-{plain}"


def to_printable(text: str) -> str:
    """Put a text on one line, without characters that no XML can hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _build_manifest(
    package: Package, kind: PackageName, *, files: Sequence[str]
) -> tuple[str, str]:
    """Build the manifest's file name and text."""
    title = to_printable(package.title)
    if kind == "xapi":
        text = tincan.build_manifest(
            title, identifier=package.identifier, language=package.language, page=PAGE
        )
        return tincan.MANIFEST, text
    edition = scorm.EDITIONS[kind]
    text = scorm.build_manifest(
        title, identifier=to_xml_name(package.identifier), edition=edition, files=files
    )
    if problems := scorm.check(text, edition=edition, files=set(files)):
        raise InputError(problems)
    return scorm.MANIFEST, text


def _make_zip_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DAY_ONE)
    entry.compress_type = (
        zipfile.ZIP_STORED if Path(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    )
    entry.external_attr = 0o644 << 16
    return entry
