# SPDX-License-Identifier: Apache-2.0
"""Generate the reference page of the review page's keys from its own table."""

from __future__ import annotations

import re

from flows.review import pack
from infra.reference.pages import NOTE, format_table, join_page

SHOWN = {" ": "Space", "ArrowUp": "↑", "ArrowDown": "↓", "A": "Shift A"}
GROUP = re.compile(r'^  \["(\w+)", \[\n(.*?)^  \]\],', re.MULTILINE | re.DOTALL)
KEY = re.compile(r'^    \["(.+?)", "(.+?)", ', re.MULTILINE)


def describe_review_keys() -> str:
    """Write every key of the page with what it does, by group."""
    table = (pack.PAGE / "keys.js").read_text().partition("export const GROUPS")[2]
    rows = [
        (SHOWN.get(key, key.upper()), does.removesuffix(" (Shift)"), group.lower())
        for group, keys in GROUP.findall(table)
        for key, does in KEY.findall(keys)
    ]
    text = "Everything on the review page works without a mouse. Single letters can be switched off"
    return join_page(
        [
            *("# Keys of the review page", "", "This page lists every key of the review page.", ""),
            *(f"{NOTE} `flows/review/page/keys.js`.", ""),
            *(f"{text} in the dialog of `?`.", ""),
            *format_table(("key", "what it does", "group"), rows),
        ]
    )
