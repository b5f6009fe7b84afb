# SPDX-License-Identifier: Apache-2.0
"""The manifest of a SCORM package, in the two editions that learning systems take, and the rules
that it must keep.

Follows ADL SCORM 1.2 (2001, Content Packaging) and SCORM 2004 4th Edition (2009, Content
Aggregation Model): one shareable content object and no sequencing, so that the learning system's
own rules hold. The ADL schemas are not ours to give away, so packages name them and leave them out.
How the player talks to a learning system is in `player/scorm.js`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from manifests.errors import Problem

MANIFEST = "imsmanifest.xml"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What differs between the editions: version, namespaces of Content Packaging and of ADL's
    part, the attribute that says what a resource is, and the schemas that are named.
    """

    version: str
    cp: str
    adl: str
    kind: str
    schemas: str


EDITIONS = {
    "scorm12": Edition(
        version="1.2",
        cp="http://www.imsproject.org/xsd/imscp_rootv1p1p2",
        adl="http://www.adlnet.org/xsd/adlcp_rootv1p2",
        kind="scormtype",
        schemas="http://www.imsproject.org/xsd/imscp_rootv1p1p2 imscp_rootv1p1p2.xsd "
        "http://www.imsglobal.org/xsd/imsmd_rootv1p2p1 imsmd_rootv1p2p1.xsd "
        "http://www.adlnet.org/xsd/adlcp_rootv1p2 adlcp_rootv1p2.xsd",
    ),
    "scorm2004": Edition(
        version="2004 4th Edition",
        cp="http://www.imsglobal.org/xsd/imscp_v1p1",
        adl="http://www.adlnet.org/xsd/adlcp_v1p3",
        kind="scormType",
        schemas="http://www.imsglobal.org/xsd/imscp_v1p1 imscp_v1p1.xsd http://www.adlnet.org/xsd/adlcp_v1p3 adlcp_v1p3.xsd "
        "http://www.adlnet.org/xsd/adlseq_v1p3 adlseq_v1p3.xsd http://www.adlnet.org/xsd/adlnav_v1p3 adlnav_v1p3.xsd "
        "http://www.imsglobal.org/xsd/imsss imsss_v1p0.xsd",
    ),
}


def build_manifest(title: str, *, identifier: str, edition: Edition, files: Sequence[str]) -> str:
    """`imsmanifest.xml`: one organization with one item, one resource that is the SCO, all its
    files; the first is its page.

    `identifier`: an XML name.
    """
    for prefix, name in (("", edition.cp), ("adlcp", edition.adl), ("xsi", XSI)):
        ET.register_namespace(prefix, name)

    def element(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
        made = ET.SubElement(parent, f"{{{edition.cp}}}{name}", attributes)
        made.text = text or None
        return made

    root = ET.Element(f"{{{edition.cp}}}manifest", {"identifier": identifier, "version": "1"})
    root.set(f"{{{XSI}}}schemaLocation", edition.schemas)
    metadata = element(root, "metadata")
    element(metadata, "schema", "ADL SCORM")
    element(metadata, "schemaversion", edition.version)
    organization = element(
        element(root, "organizations", default="lesson"), "organization", identifier="lesson"
    )
    element(organization, "title", title)
    item = element(organization, "item", identifier="item", identifierref="sco", isvisible="true")
    element(item, "title", title)
    resource = element(
        element(root, "resources"), "resource", identifier="sco", type="webcontent", href=files[0]
    )
    resource.set(f"{{{edition.adl}}}{edition.kind}", "sco")
    for name in files:
        element(resource, "file", href=name)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def check(manifest: str, *, edition: Edition, files: set[str]) -> list[Problem]:
    """The rules of the Content Packaging part that a manifest must keep and a schema alone does not
    hold: references, files, one SCO.
    """
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root = ElementTree.fromstring(manifest.encode(), forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        return [_wrong(f"not XML that can be read: {error}")]
    messages = [*_broken_structure(root, edition), *_broken_references(root, edition)]
    for resource in root.iter(f"{{{edition.cp}}}resource"):
        messages += _broken_resource(resource, edition, files)
    return [_wrong(message) for message in messages]


def _broken_structure(root: Any, edition: Edition) -> Iterator[str]:
    parts = [f"{{{edition.cp}}}{name}" for name in ("metadata", "organizations", "resources")]
    if root.tag != f"{{{edition.cp}}}manifest" or [child.tag for child in root] != parts:
        yield "a manifest holds metadata, organizations and resources, in this order"
    told = [
        root.findtext(f"{parts[0]}/{{{edition.cp}}}{name}") for name in ("schema", "schemaversion")
    ]
    if told != ["ADL SCORM", edition.version]:
        yield f"the metadata do not say ADL SCORM, {edition.version}"
    identifiers = [one.get("identifier", "") for one in root.iter() if "identifier" in one.attrib]
    for name in identifiers:
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            yield f"the identifier {name!r} is no XML name"
    for name in set(identifiers):
        if identifiers.count(name) > 1:
            yield f"the identifier {name!r} stands twice"


def _broken_references(root: Any, edition: Edition) -> Iterator[str]:
    resources = {one.get("identifier", "") for one in root.iter(f"{{{edition.cp}}}resource")}
    for item in root.iter(f"{{{edition.cp}}}item"):
        if item.get("identifierref", "") not in resources:
            yield f"item refers to {item.get('identifierref')!r}, which is no resource"
    organizations = {one.get("identifier") for one in root.iter(f"{{{edition.cp}}}organization")}
    for one in root.iter(f"{{{edition.cp}}}organizations"):
        if one.get("default") not in organizations:
            yield "the default organization is missing"


def _broken_resource(resource: Any, edition: Edition, files: set[str]) -> Iterator[str]:
    listed = [one.get("href", "") for one in resource.iter(f"{{{edition.cp}}}file")]
    yield from (f"{href!r} is listed and not packed" for href in listed if href not in files)
    yield from (f"{href!r} is packed and not listed" for href in sorted(files - set(listed)))
    is_sco = (
        resource.get(f"{{{edition.adl}}}{edition.kind}") == "sco"
        and resource.get("type") == "webcontent"
    )
    if not is_sco or resource.get("href", "") not in listed:
        yield f"resource {resource.get('identifier')!r} is not a SCO with a page of its own"


def _wrong(message: str) -> Problem:
    return Problem(file=MANIFEST, message=message)
