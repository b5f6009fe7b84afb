# SPDX-License-Identifier: Apache-2.0
"""A SCORM 1.2 package: the lesson's video, captions, chapters and transcript behind a small player page, as one zip file.

Follows ADL SCORM 1.2 (2001): the Content Packaging and Run-Time Environment parts. One shareable content object; the player (`player/`)
finds the learning system's API, resumes where the learner stopped, reports completion when nine tenths were watched, and works
without a learning system too. The ADL schemas are not ours to give away, so packages name them and leave them out.
"""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem
from manifests.whole import whole
from pipeline.lesson.transcript import Entry, minutes, sections_html

PLAYER = Path(__file__).with_name("player")
MANIFEST = "imsmanifest.xml"
CP = "http://www.imsproject.org/xsd/imscp_rootv1p1p2"
ADL = "http://www.adlnet.org/xsd/adlcp_rootv1p2"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMAS = (
    "http://www.imsproject.org/xsd/imscp_rootv1p1p2 imscp_rootv1p1p2.xsd "
    "http://www.imsglobal.org/xsd/imsmd_rootv1p2p1 imsmd_rootv1p2p1.xsd "
    "http://www.adlnet.org/xsd/adlcp_rootv1p2 adlcp_rootv1p2.xsd"
)
_DAY_ONE = (1980, 1, 1, 0, 0, 0)  # so that the same lesson is the same file
_STORED = {".mp4", ".jpg", ".png"}  # packed already


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What goes into a package. `identifier` names it for learning systems and must stay when the lesson is mended."""

    title: str
    identifier: str
    language: str
    rate: Fraction
    transcript: Sequence[Entry]
    video: Path
    captions: Path
    chapters: Path
    poster: Path


def write(package: Package, path: Path) -> Path:
    """Write the package. Raises InputError when its own manifest would not be valid (a name that no XML can hold)."""
    media = {
        "lesson.mp4": package.video,
        "captions.vtt": package.captions,
        "chapters.vtt": package.chapters,
        "poster.jpg": package.poster,
    }
    texts = {
        "index.html": index_page(package),
        **{name: (PLAYER / name).read_text(encoding="utf-8") for name in ("player.js", "player.css")},
    }
    manifest = manifest_xml(package, files=["index.html", *sorted({*texts, *media} - {"index.html"})])
    problems = check(manifest, files={*texts, *media})
    if problems:
        raise InputError(problems)
    with whole(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, text in {MANIFEST: manifest, **texts}.items():
            archive.writestr(_entry(name), text.encode())
        for name, source in media.items():
            with source.open("rb") as file, archive.open(_entry(name), "w", force_zip64=True) as target:
                while block := file.read(1 << 20):
                    target.write(block)
    return path


def manifest_xml(package: Package, *, files: Sequence[str]) -> str:
    """`imsmanifest.xml`: one organization with one item, one resource that is the SCO, all its files."""
    for prefix, name in (("", CP), ("adlcp", ADL), ("xsi", XSI)):
        ET.register_namespace(prefix, name)
    title = _printable(package.title)
    root = ET.Element(
        f"{{{CP}}}manifest",
        {"identifier": _identifier(package.identifier), "version": "1.2", f"{{{XSI}}}schemaLocation": SCHEMAS},
    )
    metadata = ET.SubElement(root, f"{{{CP}}}metadata")
    ET.SubElement(metadata, f"{{{CP}}}schema").text = "ADL SCORM"
    ET.SubElement(metadata, f"{{{CP}}}schemaversion").text = "1.2"
    organizations = ET.SubElement(root, f"{{{CP}}}organizations", {"default": "lesson"})
    organization = ET.SubElement(organizations, f"{{{CP}}}organization", {"identifier": "lesson"})
    ET.SubElement(organization, f"{{{CP}}}title").text = title
    item = ET.SubElement(
        organization, f"{{{CP}}}item", {"identifier": "item", "identifierref": "sco", "isvisible": "true"}
    )
    ET.SubElement(item, f"{{{CP}}}title").text = title
    resources = ET.SubElement(root, f"{{{CP}}}resources")
    attributes = {"identifier": "sco", "type": "webcontent", f"{{{ADL}}}scormtype": "sco", "href": "index.html"}
    resource = ET.SubElement(resources, f"{{{CP}}}resource", attributes)
    for name in files:
        ET.SubElement(resource, f"{{{CP}}}file", {"href": name})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def check(manifest: str, *, files: set[str]) -> list[Problem]:
    """The rules of the Content Packaging part that a manifest must keep and a schema alone does not hold: references, files, one SCO."""
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    def wrong(message: str) -> Problem:
        return Problem(file=MANIFEST, message=message)

    try:
        root = ElementTree.fromstring(manifest.encode(), forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        return [wrong(f"not XML that can be read: {error}")]
    problems = list[Problem]()
    if root.tag != f"{{{CP}}}manifest" or [child.tag for child in root] != [
        f"{{{CP}}}{n}" for n in ("metadata", "organizations", "resources")
    ]:
        problems.append(wrong("a manifest holds metadata, organizations and resources, in this order"))
    identifiers = [e.get("identifier", "") for e in root.iter() if "identifier" in e.attrib]
    problems += [
        wrong(f"the identifier {name!r} is no XML name")
        for name in identifiers
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", name)
    ]
    problems += [
        wrong(f"the identifier {name!r} stands twice") for name in set(identifiers) if identifiers.count(name) > 1
    ]
    resources = {e.get("identifier", ""): e for e in root.iter(f"{{{CP}}}resource")}
    problems += [
        wrong(f"item refers to {e.get('identifierref')!r}, which is no resource")
        for e in root.iter(f"{{{CP}}}item") if e.get("identifierref", "") not in resources
    ]  # fmt: skip
    defaults = {e.get("identifier") for e in root.iter(f"{{{CP}}}organization")}
    problems += [
        wrong("the default organization is missing")
        for e in root.iter(f"{{{CP}}}organizations")
        if e.get("default") not in defaults
    ]
    for name, resource in resources.items():
        listed = [e.get("href", "") for e in resource.iter(f"{{{CP}}}file")]
        problems += [wrong(f"{href!r} is listed and not packed") for href in listed if href not in files]
        problems += [wrong(f"{href!r} is packed and not listed") for href in sorted(files - set(listed))]
        if (
            resource.get("href", "") not in listed
            or resource.get(f"{{{ADL}}}scormtype") != "sco"
            or resource.get("type") != "webcontent"
        ):
            problems.append(wrong(f"resource {name!r} is not a SCO with a page of its own"))
    return problems


def index_page(package: Package) -> str:
    """The player page with its chapters and transcript."""
    chapters = [
        f'<li><button type="button" data-seconds="{float(entry.frame / package.rate):.3f}">'
        f"<span>{minutes(entry.frame, package.rate)}</span> {html.escape(entry.title)}</button></li>"
        for entry in package.transcript
    ]
    values = {
        "language": html.escape(package.language),
        "title": html.escape(_printable(package.title)),
        "identifier": html.escape(_identifier(package.identifier)),
        "chapters": "\n".join(chapters),
        "transcript": "\n".join(sections_html(package.transcript, rate=package.rate, level=3)),
    }
    template = (PLAYER / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def contents(path: Path) -> Mapping[str, int]:
    """Names and sizes of what a package holds."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DAY_ONE)
    entry.compress_type = zipfile.ZIP_STORED if Path(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _identifier(text: str) -> str:
    """A name as XML's ID type allows."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")
    return plain if re.match(r"[A-Za-z_]", plain) else f"callsheet-{plain}"


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
