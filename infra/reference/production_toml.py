# SPDX-License-Identifier: Apache-2.0
"""Write the pages about `production.toml` and the settings of talkers from their classes."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.reference.pages import NOTE, format_table, join_page
from model import nano, previs
from model.dice import settings as dice
from pipeline.script.production import Production

_TOP = """# production.toml

This page lists every key of `production.toml`, the file that makes a folder a production.

{note} `pipeline/script/production.py` and `settings.py`. Only `title` and `recordings` are
needed. An unknown key is an error; the message suggests the nearest key. Paths are relative to the
folder and stay inside it.

```toml
title = "The Lighthouse"
recordings = ["recordings/scene1.wav"]

[delivery]
profiles = ["web", "hls"]
```

## Top level
"""
HEADER = ("key", "default", "values", "meaning")


def describe_production_keys() -> str:
    """Write every key of `production.toml` with its default, its values and its meaning."""
    parts = [_TOP.format(note=NOTE)]
    tables = dict[str, type[BaseModel]]()
    for name, entry in Production.model_fields.items():
        if isinstance(entry.annotation, type) and issubclass(entry.annotation, BaseModel):
            tables[name] = entry.annotation
    parts += [*format_table(HEADER, _list_keys(Production)), ""]
    for name, table in tables.items():
        parts += [f"## [{name}]", "", _describe_table(table), ""]
        parts += [*format_table(HEADER, _list_keys(table)), ""]
    return join_page(parts)


def _describe_table(table: type[BaseModel]) -> str:
    """Write what a table is for, from its docstring: "`[cut]`: where shots begin and end."."""
    text = " ".join((inspect.getdoc(table) or "").split()).partition(": ")[2]
    return text[:1].upper() + text[1:]


def _list_keys(table: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, entry in table.model_fields.items():
        kind = entry.annotation
        if entry.exclude or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            continue
        meaning = entry.description or ""
        yield f"`{name}`", _format_default(entry), _describe_values(entry, meaning), meaning


def _format_default(entry: FieldInfo) -> str:
    if entry.is_required():
        return "needed"
    value = entry.default
    return f"`{json.dumps(str(value) if isinstance(value, Fraction) else value)}`"


def _describe_values(entry: FieldInfo, meaning: str) -> str:
    """Write which values are allowed, where the meaning does not list them."""
    choices = [f'`"{choice}"`' for choice in _list_choices(entry.annotation) if choice]
    if choices:
        named = all(choice.replace('"', "") in meaning for choice in choices)
        return "" if named else ", ".join(choices)
    return _format_limits({type(fact).__name__: fact for fact in entry.metadata})


def _list_choices(kind: Any) -> tuple[str, ...]:
    """List the words of a Literal, also of one inside a list or a dict."""
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    return tuple(choice for inner in typing.get_args(kind) for choice in _list_choices(inner))


def _format_limits(facts: Mapping[str, Any]) -> str:
    low = facts["Ge"].ge if "Ge" in facts else facts["Gt"].gt if "Gt" in facts else None
    if low is None:
        return ""
    above = "above " if "Gt" in facts else ""
    high = f" to {facts['Le'].le:g}" if "Le" in facts else " or more"
    step = f", a multiple of {facts['MultipleOf'].multiple_of}" if "MultipleOf" in facts else ""
    return f"{above}{low:g}{high}{step}"


# Talkers

_TALKERS = """# Talker settings

This page lists what you may write under `[talker_settings]` in `production.toml`.

{note} the settings classes of the talkers. Which keys are allowed depends on `talker`. `size` is
`[generate] size` unless you set it here.
"""
_BULLET = re.compile(r"- (?P<names>`.*?): (?P<text>.*)")
_NOTHING: Mapping[str, Any] = {}


def describe_talker_settings() -> str:
    """Write every setting of every talker."""
    parts = [_TALKERS.format(note=NOTE)]
    for title, kind, ranges, choices in (
        (
            "previs",
            previs.PrevisSettings,
            {"size": (previs.LEAST_SIZE, previs.MOST_SIZE)},
            _NOTHING,
        ),
        ("dice", dice.DiceSettings, dice.RANGES, dice.CHOICES),
        ("nano", nano.NanoSettings, nano.RANGES, _NOTHING),
    ):
        rows = _list_settings(kind, ranges, choices)
        parts += [f'## talker = "{title}"', "", *format_table(HEADER, rows), ""]
    return join_page(parts)


def _list_settings(
    kind: type[Any], ranges: Mapping[str, Any], choices: Mapping[str, Any]
) -> Iterator[tuple[str, ...]]:
    meanings = _read_meanings(kind)
    for entry in fields(kind):
        assert entry.default is not MISSING
        if "tuple" in str(entry.type):  # `talker_settings` takes plain values only
            continue
        low, high = ranges.get(entry.name, ("", ""))
        values = f"{low:g} to {high:g}" if entry.name in ranges else ""
        values = values or ", ".join(f'`"{choice}"`' for choice in choices.get(entry.name, ()))
        default = "" if entry.default is None else f"`{json.dumps(entry.default)}`"
        yield f"`{entry.name}`", default, values, meanings[entry.name]


def _read_meanings(kind: type[Any]) -> dict[str, str]:
    """Read the meaning of every setting from the list in the docstring of its class."""
    text = re.sub(r"\n {2,}(?=\S)", " ", inspect.getdoc(kind) or "").replace("None", "not set")
    meanings = dict[str, str]()
    for line in text.splitlines():
        if found := _BULLET.fullmatch(line):
            names = re.findall(r"`(\w+)`", found["names"])
            meanings |= dict.fromkeys(names, found["text"][:1].upper() + found["text"][1:])
    return meanings
