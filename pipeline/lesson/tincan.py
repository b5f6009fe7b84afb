# SPDX-License-Identifier: Apache-2.0
"""The manifest of an xAPI package, `tincan.xml`: what the activity is called and which page begins
it.

The format is Rustici Software's ("Incorporating a Tin Can LRS into an LMS"), which learning systems
import as "xAPI" or "Tin Can" packages. How the page is begun and what it reports is in
`player/xapi.js`.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET

MANIFEST = "tincan.xml"
NAMESPACE = "http://projecttincan.com/tincan.xsd"
# of the xAPI Video Profile 1.0, as the statements name it
VIDEO = "https://w3id.org/xapi/video/activity-type/video"


def make_activity_iri(identifier: str) -> str:
    """The activity's own IRI, the same for the same identifier.

    >>> activity("lesson-1")
    'urn:uuid:6610a026-a2b8-58ff-8bd8-c80f64161f1b'
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"callsheet:{identifier}").urn


def build_manifest(title: str, *, identifier: str, language: str, page: str) -> str:
    """`tincan.xml` with one activity. `page`: the file that begins it."""
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(f"{{{NAMESPACE}}}tincan")
    activities = ET.SubElement(root, f"{{{NAMESPACE}}}activities")
    one = ET.SubElement(
        activities, f"{{{NAMESPACE}}}activity", {"id": make_activity_iri(identifier), "type": VIDEO}
    )
    for name, text in (("name", title), ("description", title), ("launch", page)):
        ET.SubElement(one, f"{{{NAMESPACE}}}{name}", {"lang": language}).text = text
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
