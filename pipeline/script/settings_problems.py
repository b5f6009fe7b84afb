# SPDX-License-Identifier: Apache-2.0
"""Describe wrong settings of `production.toml`: the key, its line, and what is expected.

Pydantic finds what is wrong; this module says it in plain words and finds the line.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from manifests.errors import InputError, Problem, find_nearest
from pipeline.script.settings import FILE

_MESSAGES = {
    "too_short": "write at least one in the list",
    "string_pattern_mismatch": "write a language code, such as en, de or zh-Hans",
    "string_type": "write a text in quotes",
    "list_type": "write a list, such as [...]",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
}  # in plainer words than pydantic's


def parse_toml(text: str) -> dict[str, Any]:
    """Parse the text of a production file. Raises InputError with the line of a syntax error."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_describe_syntax_error(str(error), text)) from error
    except ValueError as error:  # a number of thousands of digits
        message, expected = "holds a number that is too long", "numbers of ordinary size"
        raise InputError(Problem(file=FILE, message=message, expected=expected)) from error
    except RecursionError as error:
        expected = "tables of plain values"
        raise InputError(
            Problem(file=FILE, message="nested too deeply", expected=expected)
        ) from error
    if "folder" in values:
        line = find_line(text, "folder")
        raise InputError(Problem(file=FILE, line=line, column="folder", message="unknown key"))
    return values


def _describe_syntax_error(message: str, text: str) -> Problem:
    reason, _, place = message.rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = int(line[1]) if line else text.count("\n") + 1
    return Problem(file=FILE, line=number, message=f"not valid TOML: {reason or message}")


def describe_error(detail: ErrorDetails, text: str, model: type[BaseModel]) -> Problem:
    """Describe one of pydantic's errors as a Problem with its key and line.

    `text`: the production file; `model`: the class whose fields are the keys.
    """
    names = [str(part) for part in detail["loc"]]
    key = ".".join(names)
    if detail["type"] == "missing":
        return Problem(file=FILE, column=key, message="this key is missing")
    line = find_line(text, key)
    if detail["type"] == "extra_forbidden":
        return _describe_unknown_key(key, names, line, model)
    if detail["type"] == "literal_error":
        return _describe_choice(detail, key, line)
    expected, got = None, repr(detail["input"])
    if detail["type"] == "model_type":
        message, expected = "this is a table, not a value", f"a line [{key}] with its keys below"
    else:
        message = _MESSAGES.get(detail["type"]) or _shorten(detail["msg"])
    return Problem(file=FILE, line=line, column=key, message=message, expected=expected, got=got)


def find_line(text: str, key: str) -> int | None:
    """Find the line of a key such as `cut.minimum_shot_seconds` or `recordings.0`.

    This searches the text, since tomllib keeps no places. A key that is not there has the line of
    its table, or None.
    """
    table, wanted = "", ".".join(part for part in key.split(".") if not part.isdigit())
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1] + "."
            if header[1] == wanted:
                return number
            continue
        entry = re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)
        if entry and table + entry[1] == wanted:
            return number
    parent = wanted.rpartition(".")[0]
    return find_line(text, parent) if parent else None


def _describe_unknown_key(
    key: str, names: list[str], line: int | None, model: type[BaseModel]
) -> Problem:
    known = _list_keys(names[:-1], model)
    near = find_nearest(names[-1], known)
    expected = None if near else _list_choices(known)
    return Problem(
        file=FILE, line=line, column=key, message="unknown key", nearest=near, expected=expected
    )


def _describe_choice(detail: ErrorDetails, key: str, line: int | None) -> Problem:
    choices = [name.strip("'") for name in re.split(r", | or ", detail["ctx"]["expected"])]
    return Problem(
        file=FILE,
        line=line,
        column=key,
        message="not a valid choice",
        expected=_list_choices(choices),
        got=repr(detail["input"]),
        nearest=find_nearest(str(detail["input"]), choices),
    )


def _shorten(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _list_choices(names: list[str]) -> str:
    return "one of " + ", ".join(names)


def _list_keys(tables: list[str], model: type[BaseModel]) -> list[str]:
    """List the keys of a table, found by its names from `model` down."""
    for name in tables:
        annotation = model.model_fields[name].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return [name for name in model.model_fields if name != "folder"]
