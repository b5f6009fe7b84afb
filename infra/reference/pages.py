# SPDX-License-Identifier: Apache-2.0
"""Write Markdown: pages, tables and links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTE = "`make docs` writes this page from"


def join_page(parts: Iterable[str]) -> str:
    """Join lines to a page that ends with one line feed."""
    return "\n".join(parts).rstrip() + "\n"


def link_file(text: str, target: str) -> str:
    """Write a link."""
    return f"[{text}]({target})"


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table; a bar inside a cell is escaped."""
    lines = [list(header), ["---"] * len(header), *rows]
    return [f"|{'|'.join(map(_escape, cells))}|" for cells in lines]


def _escape(cell: str) -> str:
    """Escape bars, which would end the cell; inside code only an entity survives."""
    code = re.sub(r"`([^`]*\|[^`]*)`", r"<code>\1</code>", cell)
    return " ".join(code.replace("|", "&#124;").split())
