# SPDX-License-Identifier: Apache-2.0
"""The script as XLIFF for translators, and their translation back: 1.2 (OASIS Standard, 2008) and
the core of 2.1 (2018; 2.0 is read too).

One unit per line of the script and per title; what a translator must know (who speaks, in what
mood, on which slide) is in notes. What comes back is untrusted XML: documents with a type
declaration are refused, so no entity is ever expanded or fetched.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from manifests.errors import InputError, Problem, find_nearest
from pipeline.lesson.lesson_script import LessonScript

Version = Literal["1.2", "2.1"]
VERSIONS: tuple[Version, ...] = get_args(Version)
NAMESPACES = {
    "1.2": "urn:oasis:names:tc:xliff:document:1.2",
    "2.0": "urn:oasis:names:tc:xliff:document:2.0",
    "2.1": "urn:oasis:names:tc:xliff:document:2.0",  # 2.1 kept it
}
LARGEST = 16 << 20  # bytes of a translation
LONGEST = 10_000  # characters of a unit, as of a sheet's cell
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_TITLE = re.compile(r"title-(\d+)")
# what no XML 1.0 document can hold
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_TOKEN = re.compile(r"[\w.-]+")  # names that may be ids in 2.1
# states of a target of 1.2 that only stands where one will be
_UNDONE = {"new", "needs-translation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a translator wrote: texts by line id, titles by the section's number from 1 (as text),
    and the language.
    """

    language: str
    titles: dict[str, str]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A text to translate with its notes, or with its translation ("" for none)."""

    name: str
    source: str
    notes: tuple[str, ...] = ()
    target: str = ""


def export(
    script: LessonScript, *, original: str, source: str, target: str, version: Version = "1.2"
) -> str:
    """The script as an XLIFF document to be filled. `original`: the script's file name; `source`,
    `target`: languages (BCP 47).
    """
    ET.register_namespace("", NAMESPACES[version])
    write = _write_12 if version == "1.2" else _write_21
    root = write(_groups(script), original, source, target)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def read(path: Path, script: LessonScript) -> Translation:
    """A translation of this very script. Raises InputError for what is not XLIFF, for units that
    the script has not, lacks or words differently by now, and for units that are not translated.
    """
    root = _parsed(path)
    problems = list[Problem]()
    wanted = {unit.name: unit.source for units in _groups(script).values() for unit in units}
    found: dict[str, str] = {}
    told = set[str]()
    for unit in _read_12(root) if root.get("version") == "1.2" else _read_21(root):
        problem = _unfit(unit, wanted) or (
            f"the unit {unit.name!r} stands twice" if unit.name in told else ""
        )
        if problem:
            near = None if unit.name in wanted else find_nearest(unit.name, list(wanted))
            problems.append(Problem(file=path.name, message=problem, nearest=near))
        else:
            found[unit.name] = unit.target
        told.add(unit.name)
    problems += [
        Problem(file=path.name, message=f"the unit {name!r} is missing")
        for name in wanted
        if name not in told
    ]
    if problems:
        raise InputError(problems)
    titles = {match[1]: text for name, text in found.items() if (match := _TITLE.fullmatch(name))}
    texts = {name: text for name, text in found.items() if not _TITLE.fullmatch(name)}
    return Translation(language=_language(root), titles=titles, texts=texts)


def _groups(script: LessonScript) -> dict[str, list[_Unit]]:
    """The units of every section, under the section's name."""
    groups = dict[str, list[_Unit]]()
    for number, section in enumerate(script.sections, start=1):
        title = f"title of the section; slides {', '.join(section.slides)}"
        units = [_Unit(f"title-{number}", _clean(section.title), (title,))]
        for line in script.lines_of(section):
            notes = [f"spoken by {line.character}"]
            notes += [f"emotion: {line.performance}"] if line.performance else []
            notes += [f"direction: {line.direction}"] if line.direction else []
            notes += [line.notes] if line.notes else []
            units.append(_Unit(line.line_id, _clean(line.text), tuple(map(_clean, notes))))
        groups[f"section-{number}"] = units
    return groups


# 1.2


def _write_12(
    groups: dict[str, list[_Unit]], original: str, source: str, target: str
) -> ET.Element:
    root = ET.Element(_tag("1.2", "xliff"), {"version": "1.2"})
    attributes = {
        "original": original,
        "datatype": "plaintext",
        "source-language": source,
        "target-language": target,
    }
    body = _sub("1.2", _sub("1.2", root, "file", attributes), "body")
    for name, units in groups.items():
        group = _sub("1.2", body, "group", {"id": name})
        for unit in units:
            element = _sub("1.2", group, "trans-unit", {"id": unit.name})
            _sub("1.2", element, "source").text = unit.source
            for note in unit.notes:
                _sub("1.2", element, "note").text = note
    return root


def _read_12(root: Any) -> Iterator[_Unit]:
    for unit in root.iter(_tag("1.2", "trans-unit")):
        source, target = (unit.find(_tag("1.2", name)) for name in ("source", "target"))
        undone = target is not None and target.get("state") in _UNDONE
        yield _Unit(unit.get("id", ""), _text(source), target="" if undone else _text(target))


# 2.1


def _write_21(
    groups: dict[str, list[_Unit]], original: str, source: str, target: str
) -> ET.Element:
    root = ET.Element(
        _tag("2.1", "xliff"), {"version": "2.1", "srcLang": source, "trgLang": target}
    )
    file = _sub("2.1", root, "file", {"id": "script", "original": original})
    count = 0
    for name, units in groups.items():
        group = _sub("2.1", file, "group", {"id": name})
        for unit in units:
            count += 1
            token = unit.name if _TOKEN.fullmatch(unit.name) else f"unit-{count}"
            element = _sub("2.1", group, "unit", {"id": token, "name": unit.name})
            notes = _sub("2.1", element, "notes")
            for note in unit.notes:
                _sub("2.1", notes, "note").text = note
            _sub("2.1", _sub("2.1", element, "segment"), "source").text = unit.source
    return root


def _read_21(root: Any) -> Iterator[_Unit]:
    """Units whose segments are joined again, as tools may have split them: translations in the
    order that they give.
    """
    for unit in root.iter(_tag("2.1", "unit")):
        parts = [
            child
            for child in unit
            if child.tag in {_tag("2.1", "segment"), _tag("2.1", "ignorable")}
        ]
        sources = ["".join(_source_of(part).itertext()) for part in parts]
        yield _Unit(
            unit.get("name") or unit.get("id", ""),
            " ".join("".join(sources).split()),
            target=_joined_targets(parts),
        )


def _joined_targets(parts: list[Any]) -> str:
    """The translation of a unit, "" where a segment has none. What lies between segments is as in
    the source unless it is given.
    """
    placed = list[tuple[int, str]]()
    for number, part in enumerate(parts, start=1):
        target = part.find(_tag("2.1", "target"))
        if not _text(target) and part.tag == _tag("2.1", "segment"):
            return ""
        given = _source_of(part) if target is None else target
        order = given.get("order", "")
        placed.append((int(order) if order.isdecimal() else number, "".join(given.itertext())))
    return " ".join("".join(text for _, text in sorted(placed, key=lambda one: one[0])).split())


def _source_of(part: Any) -> Any:
    source = part.find(_tag("2.1", "source"))
    return ET.Element("source") if source is None else source


# Both


def _parsed(path: Path) -> Any:
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    if not path.is_file():
        raise InputError(Problem(file=path.name, message="no such file"))
    if path.stat().st_size > LARGEST:
        raise InputError(
            Problem(
                file=path.name,
                message="the file is too large",
                expected=f"at most {LARGEST >> 20} MB",
            )
        )
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise InputError(
            Problem(
                file=path.name,
                message="a document type or entities: refused",
                expected="plain XLIFF",
            )
        ) from error
    except (ET.ParseError, ValueError) as error:
        line = getattr(error, "position", (None,))[0]
        raise InputError(
            Problem(file=path.name, line=line, message=f"not XML that can be read: {error}")
        ) from error
    version = root.get("version", "")
    if root.tag != f"{{{NAMESPACES.get(version)}}}xliff":
        known = ", ".join(f'<xliff version="{one}">' for one in NAMESPACES)
        raise InputError(
            Problem(
                file=path.name,
                message="not XLIFF that is read here",
                expected=known,
                got=f"{root.tag} {version}",
            )
        )
    return root


def _language(root: Any) -> str:
    if root.get("version") != "1.2":
        return str(root.get("trgLang", ""))
    return next((file.get("target-language", "") for file in root.iter(_tag("1.2", "file"))), "")


def _unfit(unit: _Unit, wanted: dict[str, str]) -> str:
    """Why a unit cannot be taken, or ""."""
    if unit.name not in wanted:
        return f"the script has no unit {unit.name!r}"
    if unit.source != " ".join(wanted[unit.name].split()):
        return f"the script says something else by now in {unit.name!r}: export it again"
    if not unit.target:
        return f"{unit.name!r} is not translated"
    return (
        f"{unit.name!r} is longer than {LONGEST} characters" if len(unit.target) > LONGEST else ""
    )


def _text(element: Any) -> str:
    """An element's words in one line, inline marks left out."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _tag(version: str, name: str) -> str:
    return f"{{{NAMESPACES[version]}}}{name}"


def _sub(
    version: str, parent: ET.Element, name: str, attributes: dict[str, str] | None = None
) -> ET.Element:
    return ET.SubElement(parent, _tag(version, name), attributes or {})


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
