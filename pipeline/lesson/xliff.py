# SPDX-License-Identifier: Apache-2.0
"""The script as XLIFF 1.2 for translators, and their translation back. (OASIS Standard, 1 February 2008.)

One unit per line of the script and per title; what a translator must know (who speaks, in what mood, on which slide) is in notes.
What comes back is untrusted XML: documents with a type declaration are refused, so no entity is ever expanded or fetched.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem, nearest
from pipeline.lesson.script import LessonScript

NAMESPACE = "urn:oasis:names:tc:xliff:document:1.2"
LARGEST = 16 << 20  # bytes of a translation
LONGEST = 10_000  # characters of a unit, as of a sheet's cell
_TITLE = re.compile(r"title-(\d+)")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what no XML 1.0 document can hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a translator wrote: texts by line id, titles by the section's number from 1 (as text), and the language."""

    language: str
    titles: dict[str, str]
    texts: dict[str, str]


def export(script: LessonScript, *, original: str, source: str, target: str) -> str:
    """The script as an XLIFF document to be filled. `original`: the script's file name; `source`, `target`: languages (BCP 47)."""
    ET.register_namespace("", NAMESPACE)
    root = _element(None, "xliff", version="1.2")
    attributes = {"original": original, "datatype": "plaintext", "source-language": source, "target-language": target}
    file = _element(root, "file", **attributes)
    body = _element(file, "body")
    for number, section in enumerate(script.sections, start=1):
        group = _element(body, "group", id=f"section-{number}")
        _unit(group, f"title-{number}", section.title, [f"title of the section; slides {', '.join(section.slides)}"])
        for line in script.lines_of(section):
            notes = [f"spoken by {line.character}"]
            notes += [f"emotion: {line.performance}"] if line.performance else []
            notes += [f"direction: {line.direction}"] if line.direction else []
            _unit(group, line.line_id, line.text, [*notes, *([line.notes] if line.notes else [])])
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def read(path: Path, script: LessonScript) -> Translation:
    """A translation of this very script. Raises InputError for what is not XLIFF 1.2, for units that the script has not, lacks or words
    differently by now, and for units that are not translated."""
    root = _parsed(path)
    problems = list[Problem]()
    wanted = _units_of(script)
    found: dict[str, str] = {}
    for unit in root.iter(f"{{{NAMESPACE}}}trans-unit"):
        name, text = unit.get("id", ""), _text(unit.find(f"{{{NAMESPACE}}}target"))
        problem = _unfit(unit, name, text, wanted)
        if problem or name in found:
            message = problem or f"the unit {name!r} stands twice"
            problems.append(
                Problem(
                    file=path.name, message=message, nearest=None if name in wanted else nearest(name, list(wanted))
                )
            )
        else:
            found[name] = text
    told = {unit.get("id", "") for unit in root.iter(f"{{{NAMESPACE}}}trans-unit")}
    problems += [
        Problem(file=path.name, message=f"the unit {name!r} is missing") for name in wanted if name not in told
    ]
    if problems:
        raise InputError(problems)
    language = next((file.get("target-language", "") for file in root.iter(f"{{{NAMESPACE}}}file")), "")
    titles = {match[1]: text for name, text in found.items() if (match := _TITLE.fullmatch(name))}
    return Translation(
        language=language, titles=titles, texts={n: t for n, t in found.items() if not _TITLE.fullmatch(n)}
    )


def _parsed(path: Path) -> Any:
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    if not path.is_file():
        raise InputError(Problem(file=path.name, message="no such file"))
    if path.stat().st_size > LARGEST:
        raise InputError(
            Problem(file=path.name, message="the file is too large", expected=f"at most {LARGEST >> 20} MB")
        )
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise InputError(
            Problem(file=path.name, message="a document type or entities: refused", expected="plain XLIFF 1.2")
        ) from error
    except (ET.ParseError, ValueError) as error:
        line = getattr(error, "position", (None,))[0]
        raise InputError(Problem(file=path.name, line=line, message=f"not XML that can be read: {error}")) from error
    if root.tag != f"{{{NAMESPACE}}}xliff" or root.get("version") != "1.2":
        raise InputError(
            Problem(file=path.name, message="not XLIFF 1.2", expected='<xliff version="1.2">', got=root.tag)
        )
    return root


def _units_of(script: LessonScript) -> dict[str, str]:
    titles = {f"title-{number}": section.title for number, section in enumerate(script.sections, start=1)}
    return titles | {line.line_id: line.text for line in script.lines}


def _unfit(unit: Any, name: str, text: str, wanted: dict[str, str]) -> str:
    """Why a unit cannot be taken, or ""."""
    if name not in wanted:
        return f"the script has no unit {name!r}"
    if _text(unit.find(f"{{{NAMESPACE}}}source")) != " ".join(_clean(wanted[name]).split()):
        return f"the script says something else by now in {name!r}: export it again"
    if not text:
        return f"{name!r} is not translated"
    return f"{name!r} is longer than {LONGEST} characters" if len(text) > LONGEST else ""


def _text(element: Any) -> str:
    """An element's words in one line, inline marks left out."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _unit(group: ET.Element, name: str, text: str, notes: list[str]) -> None:
    unit = _element(group, "trans-unit", id=name)
    _element(unit, "source").text = _clean(text)
    for note in _clean_all(notes):
        _element(unit, "note").text = note


def _element(parent: ET.Element | None, name: str, **attributes: str) -> ET.Element:
    tag = f"{{{NAMESPACE}}}{name}"
    return ET.Element(tag, attributes) if parent is None else ET.SubElement(parent, tag, attributes)


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("", text)


def _clean_all(texts: list[str]) -> Iterator[str]:
    return (_clean(text) for text in texts)
