# SPDX-License-Identifier: Apache-2.0
"""Build the manifest of an xAPI package, `tincan.xml`: the activity's name and its first page.

The format is Rustici Software's ("Incorporating a Tin Can LRS into an LMS"), which learning systems
import as "xAPI" or "Tin Can" packages. `player/xapi.js` starts the page and reports to the learning
system.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET

MANIFEST = "tincan.xml"
NAMESPACE = "http://projecttincan.com/tincan.xsd"
# of the xAPI Video Profile 1.0, as the statements name it
VIDEO = "https://w3id.org/xapi/video/activity-type/video"


def make_activity_iri(identifier: str) -> str:
    """Make the activity's own IRI, the same for the same identifier.

    >>> make_activity_iri("lesson-1")
    'urn:uuid:6610a026-a2b8-58ff-8bd8-c80f64161f1b'
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"callsheet:{identifier}").urn


def build_manifest(title: str, *, identifier: str, language: str, page: str) -> str:
    """Build `tincan.xml` with one activity. `page`: the file that starts it."""
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(f"{{{NAMESPACE}}}tincan")
    activities = ET.SubElement(root, f"{{{NAMESPACE}}}activities")
    attributes = {"id": make_activity_iri(identifier), "type": VIDEO}
    activity = ET.SubElement(activities, f"{{{NAMESPACE}}}activity", attributes)
    for name, text in (("name", title), ("description", title), ("launch", page)):
        ET.SubElement(activity, f"{{{NAMESPACE}}}{name}", {"lang": language}).text = text
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
