# SPDX-License-Identifier: Apache-2.0
"""The site loads nothing from other addresses: what counts as loading, and what as a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.site_resources import check_site, find_outside

OTHER = "https://example.com/x"


@pytest.mark.parametrize(
    "text",
    [
        f'<script src="{OTHER}"></script>',
        f'<link rel="stylesheet" href="{OTHER}">',
        f'<link rel="preconnect" href="{OTHER}">',
        f'<img src="{OTHER}">',
        '<img src="//example.com/x">',
        f'<p style="background: url({OTHER})">',
        f"<style>@import '{OTHER}'</style>",
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(text: str) -> None:
    assert find_outside("index.html", text) in ([OTHER], ["//example.com/x"])


@pytest.mark.parametrize(
    "text",
    [
        f'<a href="{OTHER}">a link</a>',
        f'<link rel="canonical" href="{OTHER}">',
        '<script src="assets/x.js"></script>',
        f"<p>{OTHER}</p>",
        '<img src="data:image/png;base64,//8=">',
    ],
)
def test_links_and_own_files_are_not(text: str) -> None:
    assert find_outside("index.html", text) == []


def test_style_sheets_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(f'@font-face {{ src: url("{OTHER}") }} p {{ x: url(a.png) }}')
    assert list(check_site(tmp_path)) == [f"{tmp_path / 'a.css'}: loads {OTHER}"]


def test_a_folder_without_pages_is_no_site(tmp_path: Path) -> None:
    assert len(list(check_site(tmp_path))) == 1
