# SPDX-License-Identifier: Apache-2.0
"""Summarise a night for the morning: as values, as JSON, and as one self-contained page.

The page has no scripts and loads nothing; its links are relative. What leaves the machine
(`build_webhook_body`) names no path of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from flows.night.budget import UNLIMITED, NightLimits
from manifests import layout
from manifests.atomic_write import atomic_write

State = Literal["done", "standing", "left", "busy", "failed", "refused"]
STATES: dict[State, str] = {
    "done": "done",
    "standing": "nothing to do",
    "left": "left for the next night",
    "busy": "in use by another run",
    "failed": "failed",
    "refused": "bad input",
}
FINE = ("done", "standing")
COLUMNS = (
    "production",
    "state",
    "version",
    "shots",
    "made now",
    "left",
    "worker time",
    "check by ear",
    "check by eye",
)
SHOWN = 12  # items of one list on the page; the JSON has all
_ABSOLUTE = re.compile(r"(?<![\w./])/(?:[^\s/:;,'\"()]+/)*([^\s/:;,'\"()]+)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionReport:
    """What a night did with one production.

    `name` is its folder below ROOT; lists are lines for people; `seconds` are worker seconds of
    this night. `waiting_since` is the day of the night that first found work which no night has
    finished, "" when nothing waits. `tool`: an engine failed, not the production.
    """

    name: str
    state: State
    title: str = ""
    priority: int = 0
    version: str = ""
    shots: int = 0
    made: int = 0
    left: int = 0
    seconds: float = 0.0
    estimate: tuple[float, float] = (0.0, 0.0)
    waiting_since: str = ""
    reason: str = ""
    tool: bool = False
    advice: list[str] = field(default_factory=list)
    ear: list[str] = field(default_factory=list)
    eye: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSummary:
    """The summary of one night.

    `outcome`: running, done, some left (something failed or is left), refused, failed or stopped.
    """

    night: str
    root: Path
    began: str
    ended: str = ""
    outcome: str = "running"
    exit_code: int = 1
    limits: NightLimits = UNLIMITED
    reports: Sequence[ProductionReport] = ()
    message: str = ""

    @property
    def seconds(self) -> float:
        """Worker seconds of the night."""
        return sum(report.seconds for report in self.reports)

    def count(self, *states: str) -> int:
        """Count the productions that are in one of these states."""
        return sum(report.state in states for report in self.reports)


def to_json_values(summary: NightSummary) -> dict[str, Any]:
    """Convert the summary to JSON values."""
    limits = summary.limits
    return {
        "night": summary.night,
        "began": summary.began,
        "ended": summary.ended,
        "outcome": summary.outcome,
        "exit_code": summary.exit_code,
        "deadline": limits.ends_at.isoformat(timespec="seconds") if limits.ends_at else "",
        "budget_seconds": limits.worker_seconds if limits.worker_seconds < float("inf") else None,
        "worker_seconds": round(summary.seconds, 1),
        "cost": limits.format_cost(summary.seconds),
        "counts": {state: summary.count(state) for state in STATES},
        "message": summary.message,
        "productions": [asdict(report) for report in summary.reports],
    }


def format_lines(summary: NightSummary) -> list[str]:
    """Format the summary for a terminal: one line per production, then where the page is."""
    width = max((len(report.name) for report in summary.reports), default=0)
    states = [
        f"{r.name:{width}}  {STATES[r.state]}" + (f": {r.reason}" if r.reason else "")
        for r in summary.reports
    ]
    advice = [f"{report.name}: {line}" for report in summary.reports for line in report.advice]
    place = summary.root / layout.NIGHTS / summary.night / "summary.html"
    return [
        *states,
        *advice,
        f"{format_headline(summary)}; {format_duration(summary.seconds)} of worker time. {place}",
    ]


def build_webhook_body(summary: NightSummary) -> bytes:
    """Build the body for a webhook: the same JSON, without the paths of this machine."""
    return json.dumps(
        _map_strings(to_json_values(summary), lambda text: strip_paths(text, summary.root)),
        ensure_ascii=False,
    ).encode()


def strip_paths(text: str, root: Path) -> str:
    """Replace absolute paths by names: relative below `root`, otherwise the last part.

    >>> strip_paths("no such file '/data/show/a/cast.csv', see /tmp/x/log.txt", Path("/data/show"))
    "no such file 'a/cast.csv', see log.txt"
    """
    for prefix in dict.fromkeys((str(root.resolve()), str(root))):
        if prefix != "/":
            text = text.replace(f"{prefix}/", "").replace(prefix, "ROOT")
    return _ABSOLUTE.sub(r"\1", text)


def write_summary(summary: NightSummary, folder: Path) -> None:
    """Write `summary.json` and `summary.html`, each of them atomically."""
    texts = {
        "summary.json": json.dumps(to_json_values(summary), indent=1, ensure_ascii=False),
        "summary.html": render_page(summary, folder),
    }
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def render_page(summary: NightSummary, folder: Path) -> str:
    """Render the page; links are relative to `folder`, where it is written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    order: list[State] = ["failed", "refused", "left", "busy", "done", "standing"]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("summary.html").render(
        title=f"Night of {summary.night}: {format_headline(summary)}",
        facts=_list_facts(summary),
        columns=COLUMNS,
        reports=sorted(summary.reports, key=lambda report: order.index(report.state)),
        states=STATES,
        shown=SHOWN,
        cells=_list_cells,
        has_section=_has_section,
        anchor=_make_anchor,
        base=lambda report: _relative_path(summary.root / report.name, folder),
    )


def format_headline(summary: NightSummary) -> str:
    """Summarise the night in one line."""
    if summary.outcome == "running":
        return "still running, or it was killed"
    if not summary.reports:
        return summary.message or "no productions"
    parts = [
        (summary.count("done"), "delivered"),
        (summary.count("standing"), "unchanged"),
        (summary.count("left", "busy"), "left"),
        (summary.count("failed", "refused"), "failed"),
    ]
    return ", ".join(f"{number} {word}" for number, word in parts if number)


def _list_facts(summary: NightSummary) -> list[str]:
    limits = summary.limits
    facts = [
        f"Began {_format_moment(summary.began)}"
        + (f", ended {_format_moment(summary.ended)}" if summary.ended else "")
    ]
    facts.append(f"{format_duration(summary.seconds)} of worker time")
    if limits.price:
        facts.append(
            f"{limits.format_cost(summary.seconds)} at {limits.price:g} {limits.currency} an hour"
        )
    if limits.ends_at:
        facts.append(f"deadline {limits.ends_at.isoformat(sep=' ', timespec='minutes')}")
    if limits.worker_seconds < float("inf"):
        facts.append(f"budget {format_duration(limits.worker_seconds)}")
    if summary.message and summary.reports:
        facts.append(summary.message)
    return facts


def _list_cells(report: ProductionReport) -> tuple[object, ...]:
    """List what stands in the columns of numbers; empty rather than zero."""
    return (
        report.version,
        report.shots or "",
        report.made or "",
        report.left or "",
        format_duration(report.seconds) if report.seconds else "",
        len(report.ear) or "",
        len(report.eye) or "",
    )


def _has_section(report: ProductionReport) -> bool:
    return report.state != "standing" or bool(report.ear or report.eye)


def format_duration(seconds: float) -> str:
    """Format seconds for people.

    >>> format_duration(42), format_duration(754), format_duration(9000)
    ('42 s', '12 min 34 s', '2 h 30 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _format_moment(text: str) -> str:
    return text.replace("T", " ")


def _make_anchor(report: ProductionReport) -> str:
    return re.sub(r"[^\w-]+", "-", report.name)


def _relative_path(place: Path, folder: Path) -> str:
    return Path(os.path.relpath(place, folder)).as_posix()


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_strings(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_map_strings(inner, change) for inner in value]
    return value
