# SPDX-License-Identifier: Apache-2.0
"""Split a Markdown text into blocks with line numbers; fenced code and front matter are emptied.

Escaped marks stand in Unicode's private use area until `restore_marks` puts them back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ESCAPED = 0xE000  # escaped marks stand in Unicode's private use area while the text is read
_MARKS = r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"""
_ESCAPE = re.compile(rf"\\([{re.escape(_MARKS)}])")
_PRIVATE = re.compile("[\ue000-\ue07f]")
OPEN_ASIDE = re.compile(r"<!--(?!.*-->)|\[\[(?!.*\]\])", re.DOTALL)
LIST_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+(?P<rest>.*)", re.DOTALL)
_UNDERLINE = re.compile("={2,}")  # under a heading of the first level
RULE = re.compile(r"([-*_])(?:\s*\1){2,}")


def split_blocks(text: str) -> Iterator[tuple[int, str]]:
    """Split a text into blocks with the number of their first line.

    Headings, rules and quotations are split by line; paragraphs and list items stay whole.
    """
    block: list[str] = []
    begins, fence = 0, ""
    for number, raw in enumerate(_empty_front_matter(text.splitlines()), start=1):
        line = _ESCAPE.sub(lambda found: chr(_ESCAPED + ord(found[1])), raw.strip())
        inside = bool(block) and bool(OPEN_ASIDE.search("\n".join(block)))
        if fence or (not inside and line.startswith(("```", "~~~"))):
            fence = "" if fence and line.startswith(fence) else fence or line[:3]
            line = ""
            inside = False
        if block and not inside and _UNDERLINE.fullmatch(line):
            yield begins, f"# {' '.join(block)}"
            line, block = "", []
        alone = not inside and (line.startswith(("#", ">", "|")) or bool(RULE.fullmatch(line)))
        if block and not inside and (not line or alone or LIST_ITEM.fullmatch(line)):
            yield begins, "\n".join(block)
            block = []
        if alone:
            yield number, line
        elif line or inside:
            begins = begins if block else number
            block.append(line)
    if block:
        yield begins, "\n".join(block)


def _empty_front_matter(lines: list[str]) -> list[str]:
    """Empty the YAML table before the text: it informs programs about the script."""
    if lines and lines[0].rstrip() == "---":
        end = next(
            (
                number
                for number, line in enumerate(lines[1:], start=1)
                if line.rstrip() in {"---", "..."}
            ),
            0,
        )
        if not any(line.startswith("#") for line in lines[:end]):
            return [""] * (end + 1) + lines[end + 1 :]
    return lines


def restore_marks(text: str) -> str:
    """Put escaped marks back as plain characters."""
    return _PRIVATE.sub(lambda found: chr(ord(found[0]) - _ESCAPED), text)
