# SPDX-License-Identifier: Apache-2.0
"""Build and check the manifest of a SCORM package, in the two editions that learning systems take.

Follows ADL SCORM 1.2 (2001, Content Packaging) and SCORM 2004 4th Edition (2009, Content
Aggregation Model): one shareable content object and no sequencing, so that the learning system's
own rules hold. The ADL schemas may not be redistributed, so packages name them and leave them out.
`player/scorm.js` talks to the learning system.
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
    """What differs between the editions.

    `cp`, `adl`: the namespaces of Content Packaging and of ADL's part; `kind`: the attribute that
    says what a resource is; `schemas`: the schemas that are named.
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
        schemas="http://www.imsglobal.org/xsd/imscp_v1p1 imscp_v1p1.xsd "
        "http://www.adlnet.org/xsd/adlcp_v1p3 adlcp_v1p3.xsd "
        "http://www.adlnet.org/xsd/adlseq_v1p3 adlseq_v1p3.xsd "
        "http://www.adlnet.org/xsd/adlnav_v1p3 adlnav_v1p3.xsd "
        "http://www.imsglobal.org/xsd/imsss imsss_v1p0.xsd",
    ),
}


def build_manifest(title: str, *, identifier: str, edition: Edition, files: Sequence[str]) -> str:
    """Build `imsmanifest.xml`: one organization with one item, and one resource, the SCO.

    `identifier`: an XML name; `files`: all of the SCO's, of which the first is its page.
    """
    for prefix, name in (("", edition.cp), ("adlcp", edition.adl), ("xsi", XSI)):
        ET.register_namespace(prefix, name)
    root = ET.Element(f"{{{edition.cp}}}manifest", {"identifier": identifier, "version": "1"})
    root.set(f"{{{XSI}}}schemaLocation", edition.schemas)
    metadata = _add(root, edition, "metadata")
    _add(metadata, edition, "schema", "ADL SCORM")
    _add(metadata, edition, "schemaversion", edition.version)
    organizations = _add(root, edition, "organizations", default="lesson")
    organization = _add(organizations, edition, "organization", identifier="lesson")
    _add(organization, edition, "title", title)
    item = _add(
        organization, edition, "item", identifier="item", identifierref="sco", isvisible="true"
    )
    _add(item, edition, "title", title)
    _add_resource(root, edition, files)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_resource(root: ET.Element, edition: Edition, files: Sequence[str]) -> None:
    resources = _add(root, edition, "resources")
    resource = _add(
        resources, edition, "resource", identifier="sco", type="webcontent", href=files[0]
    )
    resource.set(f"{{{edition.adl}}}{edition.kind}", "sco")
    for name in files:
        _add(resource, edition, "file", href=name)


def _add(
    parent: ET.Element, edition: Edition, name: str, text: str = "", **attributes: str
) -> ET.Element:
    element = ET.SubElement(parent, f"{{{edition.cp}}}{name}", attributes)
    element.text = text or None
    return element


def check(manifest: str, *, edition: Edition, files: set[str]) -> list[Problem]:
    """Check the rules of Content Packaging that a schema alone does not hold.

    These are references, files, and one SCO.
    """
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root = ElementTree.fromstring(manifest.encode(), forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        return [_make_problem(f"not readable XML: {error}")]
    messages = [*_check_structure(root, edition), *_check_references(root, edition)]
    for resource in root.iter(f"{{{edition.cp}}}resource"):
        messages += _check_resource(resource, edition, files)
    return [_make_problem(message) for message in messages]


def _check_structure(root: Any, edition: Edition) -> Iterator[str]:
    parts = [f"{{{edition.cp}}}{name}" for name in ("metadata", "organizations", "resources")]
    if root.tag != f"{{{edition.cp}}}manifest" or [child.tag for child in root] != parts:
        yield "a manifest needs metadata, organizations and resources, in this order"
    schema, version = (
        root.findtext(f"{parts[0]}/{{{edition.cp}}}{name}") for name in ("schema", "schemaversion")
    )
    if (schema, version) != ("ADL SCORM", edition.version):
        yield f"the metadata do not name ADL SCORM, {edition.version}"
    identifiers = [e.get("identifier", "") for e in root.iter() if "identifier" in e.attrib]
    for name in identifiers:
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            yield f"the identifier {name!r} is not an XML name"
    for name in set(identifiers):
        if identifiers.count(name) > 1:
            yield f"the identifier {name!r} appears twice"


def _check_references(root: Any, edition: Edition) -> Iterator[str]:
    resources = {e.get("identifier", "") for e in root.iter(f"{{{edition.cp}}}resource")}
    for item in root.iter(f"{{{edition.cp}}}item"):
        if item.get("identifierref", "") not in resources:
            yield f"an item refers to {item.get('identifierref')!r}, which is not a resource"
    organizations = {e.get("identifier") for e in root.iter(f"{{{edition.cp}}}organization")}
    for element in root.iter(f"{{{edition.cp}}}organizations"):
        if element.get("default") not in organizations:
            yield "the default organization is missing"


def _check_resource(resource: Any, edition: Edition, files: set[str]) -> Iterator[str]:
    listed = [e.get("href", "") for e in resource.iter(f"{{{edition.cp}}}file")]
    yield from (f"{href!r} is listed but not packed" for href in listed if href not in files)
    yield from (f"{href!r} is packed but not listed" for href in sorted(files - set(listed)))
    is_sco = (
        resource.get(f"{{{edition.adl}}}{edition.kind}") == "sco"
        and resource.get("type") == "webcontent"
    )
    if not is_sco or resource.get("href", "") not in listed:
        yield f"resource {resource.get('identifier')!r} is not a SCO with a page of its own"


def _make_problem(message: str) -> Problem:
    return Problem(file=MANIFEST, message=message)
