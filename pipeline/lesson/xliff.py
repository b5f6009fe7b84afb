# SPDX-License-Identifier: Apache-2.0
"""Exchange a script with translators as XLIFF 1.2 (OASIS Standard, 2008) or the core of 2.1 (2018).

2.0 is read too. There is one unit per line of the script and per title; notes hold what a
translator must know (who speaks, in what mood, on which slide). What comes back is untrusted XML:
documents with a type declaration are refused, so no entity is ever expanded or fetched.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
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
    """What a translator wrote.

    `texts` by line id; `titles` by the section's number from 1, as text.
    """

    language: str
    titles: dict[str, str]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A text to translate, with its notes or its translation ("" for none)."""

    name: str
    source: str
    notes: tuple[str, ...] = ()
    target: str = ""


def export(
    script: LessonScript, *, original: str, source: str, target: str, version: Version = "1.2"
) -> str:
    """Export the script as an XLIFF document to be filled in.

    `original`: the script's file name; `source`, `target`: languages (BCP 47).
    """
    ET.register_namespace("", NAMESPACES[version])
    write = _write_12 if version == "1.2" else _write_21
    root = write(_group_units(script), original, source, target)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def read(path: Path, script: LessonScript) -> Translation:
    """Read a translation of this script.

    Raises InputError for a file that is not XLIFF, for units that the script does not have, lacks
    or words differently by now, and for units that are not translated.
    """
    root = _parse(path)
    sources = {unit.name: unit.source for units in _group_units(script).values() for unit in units}
    units = list(_read_12(root) if root.get("version") == "1.2" else _read_21(root))
    if problems := list(_check_units(units, sources, path.name)):
        raise InputError(problems)
    found = {unit.name: unit.target for unit in units}
    titles = {match[1]: text for name, text in found.items() if (match := _TITLE.fullmatch(name))}
    texts = {name: text for name, text in found.items() if not _TITLE.fullmatch(name)}
    return Translation(language=_read_language(root), titles=titles, texts=texts)


def _check_units(units: Sequence[_Unit], sources: dict[str, str], file: str) -> Iterator[Problem]:
    names = set[str]()
    for unit in units:
        problem = _check_unit(unit, sources)
        if not problem and unit.name in names:
            problem = f"the unit {unit.name!r} appears twice"
        if problem:
            near = None if unit.name in sources else find_nearest(unit.name, list(sources))
            yield Problem(file=file, message=problem, nearest=near)
        names.add(unit.name)
    for name in sources:
        if name not in names:
            yield Problem(file=file, message=f"the unit {name!r} is missing")


def _group_units(script: LessonScript) -> dict[str, list[_Unit]]:
    """Group the units of every section under the section's name."""
    groups = dict[str, list[_Unit]]()
    for number, section in enumerate(script.sections, start=1):
        title = f"title of the section; slides {', '.join(section.slides)}"
        units = [_Unit(f"title-{number}", _strip_unprintable(section.title), (title,))]
        for line in script.lines_of(section):
            notes = [f"spoken by {line.character}"]
            notes += [f"emotion: {line.performance}"] if line.performance else []
            notes += [f"direction: {line.direction}"] if line.direction else []
            notes += [line.notes] if line.notes else []
            units.append(
                _Unit(
                    line.line_id,
                    _strip_unprintable(line.text),
                    tuple(map(_strip_unprintable, notes)),
                )
            )
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
    body = _add("1.2", _add("1.2", root, "file", attributes), "body")
    for name, units in groups.items():
        group = _add("1.2", body, "group", {"id": name})
        for unit in units:
            element = _add("1.2", group, "trans-unit", {"id": unit.name})
            _add("1.2", element, "source").text = unit.source
            for note in unit.notes:
                _add("1.2", element, "note").text = note
    return root


def _read_12(root: Any) -> Iterator[_Unit]:
    for unit in root.iter(_tag("1.2", "trans-unit")):
        source, target = (unit.find(_tag("1.2", name)) for name in ("source", "target"))
        undone = target is not None and target.get("state") in _UNDONE
        yield _Unit(
            unit.get("id", ""), _read_text(source), target="" if undone else _read_text(target)
        )


# 2.1


def _write_21(
    groups: dict[str, list[_Unit]], original: str, source: str, target: str
) -> ET.Element:
    root = ET.Element(
        _tag("2.1", "xliff"), {"version": "2.1", "srcLang": source, "trgLang": target}
    )
    file = _add("2.1", root, "file", {"id": "script", "original": original})
    count = 0
    for name, units in groups.items():
        group = _add("2.1", file, "group", {"id": name})
        for unit in units:
            count += 1
            token = unit.name if _TOKEN.fullmatch(unit.name) else f"unit-{count}"
            element = _add("2.1", group, "unit", {"id": token, "name": unit.name})
            notes = _add("2.1", element, "notes")
            for note in unit.notes:
                _add("2.1", notes, "note").text = note
            _add("2.1", _add("2.1", element, "segment"), "source").text = unit.source
    return root


def _read_21(root: Any) -> Iterator[_Unit]:
    """Read units whose segments are joined again, as tools may have split them.

    Translations come in the order that they state.
    """
    for unit in root.iter(_tag("2.1", "unit")):
        parts = [
            child
            for child in unit
            if child.tag in {_tag("2.1", "segment"), _tag("2.1", "ignorable")}
        ]
        sources = ["".join(_find_source(part).itertext()) for part in parts]
        yield _Unit(
            unit.get("name") or unit.get("id", ""),
            " ".join("".join(sources).split()),
            target=_join_targets(parts),
        )


def _join_targets(parts: list[Any]) -> str:
    """Join the translation of a unit; "" where a segment has none.

    What lies between segments is as in the source unless it is translated too.
    """
    placed = list[tuple[int, str]]()
    for number, part in enumerate(parts, start=1):
        target = part.find(_tag("2.1", "target"))
        if not _read_text(target) and part.tag == _tag("2.1", "segment"):
            return ""
        element = _find_source(part) if target is None else target
        order = element.get("order", "")
        placed.append((int(order) if order.isdecimal() else number, "".join(element.itertext())))
    return " ".join("".join(text for _, text in sorted(placed, key=lambda item: item[0])).split())


def _find_source(part: Any) -> Any:
    source = part.find(_tag("2.1", "source"))
    return ET.Element("source") if source is None else source


# Both


def _parse(path: Path) -> Any:
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    _check_file(path)
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        message = "a document type or entities are not accepted"
        problem = Problem(file=path.name, message=message, expected="plain XLIFF")
        raise InputError(problem) from error
    except (ET.ParseError, ValueError) as error:
        line = getattr(error, "position", (None,))[0]
        message = f"not readable XML: {error}"
        raise InputError(Problem(file=path.name, line=line, message=message)) from error
    _check_version(root, path.name)
    return root


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(Problem(file=path.name, message="no such file"))
    if path.stat().st_size > LARGEST:
        message, expected = "the file is too large", f"at most {LARGEST >> 20} MB"
        raise InputError(Problem(file=path.name, message=message, expected=expected))


def _check_version(root: Any, file: str) -> None:
    version = root.get("version", "")
    if root.tag != f"{{{NAMESPACES.get(version)}}}xliff":
        known = ", ".join(f'<xliff version="{name}">' for name in NAMESPACES)
        message = "not a supported version of XLIFF"
        got = f"{root.tag} {version}"
        raise InputError(Problem(file=file, message=message, expected=known, got=got))


def _read_language(root: Any) -> str:
    if root.get("version") != "1.2":
        return str(root.get("trgLang", ""))
    return next((file.get("target-language", "") for file in root.iter(_tag("1.2", "file"))), "")


def _check_unit(unit: _Unit, sources: dict[str, str]) -> str:
    """Say why a unit cannot be used, or ""."""
    if unit.name not in sources:
        return f"the script has no unit {unit.name!r}"
    if unit.source != " ".join(sources[unit.name].split()):
        return f"the script has changed at {unit.name!r} since the export; export it again"
    if not unit.target:
        return f"{unit.name!r} is not translated"
    if len(unit.target) > LONGEST:
        return f"{unit.name!r} is longer than {LONGEST} characters"
    return ""


def _read_text(element: Any) -> str:
    """Read an element's words on one line, without inline marks."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _tag(version: str, name: str) -> str:
    return f"{{{NAMESPACES[version]}}}{name}"


def _add(
    version: str, parent: ET.Element, name: str, attributes: dict[str, str] | None = None
) -> ET.Element:
    return ET.SubElement(parent, _tag(version, name), attributes or {})


def _strip_unprintable(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
