# SPDX-License-Identifier: Apache-2.0
"""The morning summary: nothing in it runs or leaks, whatever productions are called."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flows.night.budget import NightLimits
from flows.night.summary import (
    NightSummary,
    ProductionReport,
    build_webhook_body,
    format_duration,
    render_page,
    strip_paths,
)

ROOT = Path("/srv/show")
NASTY = ProductionReport(
    name='a/<img src=x onerror="alert(1)">',
    state="failed",
    title="<script>alert(1)</script>",
    reason="ffmpeg failed\ncommand: /usr/bin/ffmpeg -i /srv/show/a/build/x.mkv /tmp/secret/out.mp4",
    advice=["'/home/somebody/.ssh/id' is not readable", "see /srv/show"],
)


def summary(*reports: ProductionReport) -> NightSummary:
    return NightSummary(
        night="2026-11-22",
        root=ROOT,
        began="2026-11-22T22:00:00+00:00",
        outcome="done",
        reports=reports,
    )


def test_what_people_wrote_is_text_and_never_markup() -> None:
    text = render_page(summary(NASTY), ROOT / ".callsheet/nights/2026-11-22")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_webhook_learns_no_path_of_this_machine() -> None:
    body = build_webhook_body(summary(NASTY)).decode()
    assert "/srv" not in body
    assert "/home" not in body
    assert "/usr/bin" not in body
    assert "/tmp" not in body
    told = json.loads(body)["productions"][0]
    assert told["reason"] == "ffmpeg failed\ncommand: ffmpeg -i a/build/x.mkv out.mp4"
    assert told["advice"] == ["'id' is not readable", "see ROOT"]


@given(
    st.lists(
        st.text(
            alphabet=st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
        ),
        min_size=2,
    )
)
def test_no_absolute_path_survives(parts: list[str]) -> None:
    plain = [
        part
        for part in ("".join(p for p in part if p.isalnum() or p in "-_.") for part in parts)
        if part.strip(".")
    ]
    if len(plain) >= 2:
        assert strip_paths(f"lost '/{'/'.join(plain)}'", ROOT) == f"lost '{plain[-1]}'"


def test_an_unchanged_production_takes_one_line_of_the_page() -> None:
    text = render_page(summary(ProductionReport(name="a", state="standing")), ROOT)
    assert "nothing to do" in text
    assert "<section" not in text


def test_a_long_list_is_cut_on_the_page_and_whole_in_the_json() -> None:
    report = ProductionReport(
        name="a", state="done", ear=[f"line {number}" for number in range(40)]
    )
    assert "and 28 more" in render_page(summary(report), ROOT)
    assert len(json.loads(build_webhook_body(summary(report)))["productions"][0]["ear"]) == 40


def test_cost_and_limits_are_said() -> None:
    limits = NightLimits(worker_seconds=7200, price=3, currency="EUR")
    one = NightSummary(
        night="n",
        root=ROOT,
        began="b",
        limits=limits,
        reports=[ProductionReport(name="a", state="done", seconds=1800)],
    )
    text = render_page(one, ROOT)
    assert "1.50 EUR at 3 EUR an hour" in text
    assert "budget 2 h 0 min" in text
    assert format_duration(59.6) == "1 min 0 s"
