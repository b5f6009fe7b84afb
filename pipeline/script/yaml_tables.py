# SPDX-License-Identifier: Apache-2.0
"""Read a table from YAML: a list of mappings, one for each row. The door to YAML.

Scalars stay text. Anchors, aliases and deep nesting are refused before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from pipeline.script.column_names import find_duplicates, normalize_column
from pipeline.script.text_files import read_text

MAXIMUM_DEPTH = 4  # of YAML: cast > row > list of aliases


def read_yaml_rows(path: Path, file: str) -> list[tuple[int, dict[str, str]]]:
    """Read each row's first line number and its cells by column.

    The file holds a list of mappings, or a mapping whose only key holds that list.

    Raises InputError with every row that is not a mapping of text.
    """
    import yaml

    node = _compose(read_text(path, file), file)
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        node = node.value[0][1]
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise InputError(
            Problem(
                file=file,
                message="the sheet has no rows",
                expected="a list with one mapping per row",
            )
        )
    return _read_rows(node.value, file)


def _compose(text: str, file: str) -> Any:
    import yaml

    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader), file)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(
            Problem(file=file, line=line, message=f"not valid YAML: {error.problem}")
        ) from error
    except yaml.YAMLError as error:
        raise InputError(Problem(file=file, message=f"not valid YAML: {error}")) from error


def _check_events(events: Iterable[Any], file: str) -> None:
    """Refuse aliases, a few lines of which unfold to gigabytes, and deep nesting."""
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None):
            message = "YAML anchors and aliases are not accepted"
            raise InputError(Problem(file=file, line=line, message=message, got=event.anchor))
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAXIMUM_DEPTH:
            expected = "a list with one mapping per row"
            raise InputError(
                Problem(file=file, line=line, message="nested too deeply", expected=expected)
            )


def _read_rows(nodes: Iterable[Any], file: str) -> list[tuple[int, dict[str, str]]]:
    import yaml

    rows: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    for node in nodes:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            expected = "a mapping of column names to values"
            problems.append(
                Problem(file=file, line=line, message="this item is not a row", expected=expected)
            )
            continue
        names = [normalize_column(str(key.value)) for key, _ in node.value]
        values = [_read_cell(value) for _, value in node.value]
        cells = dict(zip(names, values, strict=True))
        problems += _check_cells(cells, names, file, line)
        rows.append((line, {name: cell or "" for name, cell in cells.items()}))
    if problems:
        raise InputError(problems)
    return rows


def _check_cells(
    cells: dict[str, str | None], names: list[str], file: str, line: int
) -> Iterator[Problem]:
    for name in find_duplicates(names):
        yield Problem(file=file, line=line, column=name, message="this column appears twice")
    for name, cell in cells.items():
        if cell is None:
            message = "this value is neither text nor a list of texts"
            yield Problem(file=file, line=line, column=name, message=message)


def _read_cell(node: Any) -> str | None:
    """Read a scalar as text, a list of scalars joined by `|`, and anything else as None."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()
    if isinstance(node, yaml.SequenceNode) and all(
        isinstance(item, yaml.ScalarNode) for item in node.value
    ):
        return "|".join(str(item.value).strip() for item in node.value)
    return None
