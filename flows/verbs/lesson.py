# SPDX-License-Identifier: Apache-2.0
"""Run the verbs about lessons: render a course, send scripts to translators and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.verbs.options import Folder, Json, Ray, Workers, group
from flows.view.screen import DONE, print_table, say, say_json
from manifests.plurals import count_nouns

if TYPE_CHECKING:
    from flows.night.course import Course

app = group()
xliff = group(
    help="Send a lesson's script to translators and back (XLIFF 1.2 and 2.1).", no_args_is_help=True
)

Language = Annotated[
    str, typer.Option("--to", help="the language to translate into, such as de or pt-BR")
]


CourseFolder = Annotated[
    Path,
    typer.Argument(metavar="COURSE", help="a folder with lessons, in the order of their names"),
]


@app.command()
def course(root: CourseFolder, ray: Ray = "", workers: Workers = 0, as_json: Json = False) -> int:
    """Render every lesson of a course that is out of date, and write a list (course.json)."""
    from flows.night.course import render_course
    from flows.night.nightly import NightOptions
    from flows.progress import show_progress

    with show_progress():
        rendered = render_course(root, NightOptions(ray=ray, workers=workers))
    if as_json:
        say_json(
            {
                "lessons": rendered.lessons,
                "seconds": rendered.seconds,
                "exit_code": rendered.summary.exit_code,
            }
        )
    else:
        _show_course(rendered, root)
    return rendered.summary.exit_code


def _show_course(course: Course, root: Path) -> None:
    """Print a line for each lesson, advice, and how many lessons are up to date."""
    from flows.night.summary import FINE
    from manifests.timebase import format_clock

    rows = [
        (row.name, row.title, row.version or "-", format_clock(row.seconds), row.state, row.reason)
        for row in course.lessons
    ]
    print_table(("lesson", "title", "version", "length", "state", ""), rows)
    for row in course.lessons:
        for line in row.advice:
            say(f"{row.name}: {line}")
    fine = sum(report.state in FINE for report in course.summary.reports)
    lessons = count_nouns(len(course.lessons), "lesson")
    total = f"total length {format_clock(course.seconds)}"
    say(f"{fine} of {lessons} up to date, {total}. See {root / 'course.json'}")


XliffFile = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="the file to write; default: PRODUCTION/script.LANGUAGE.xlf"),
]
XliffVersion = Annotated[
    Literal["1.2", "2.1"],
    typer.Option("--xliff", help="the version of XLIFF that the translators' tool reads"),
]


@xliff.command("export")
def export_script(
    folder: Folder,
    to: Language,
    out: XliffFile = None,
    version: XliffVersion = "1.2",
    as_json: Json = False,
) -> int:
    """Write a lesson's script as XLIFF, one unit for each line and title."""
    from flows.verbs.translation import export_xliff

    target = out or folder / f"script.{to}.xlf"
    units = export_xliff(folder, language=to, out=target, version=version)
    say_json({"units": units, "file": target}) if as_json else say(
        f"{target}: {count_nouns(units, 'unit')}"
    )
    return DONE


Translated = Annotated[Path, typer.Argument(metavar="FILE", help="the translated XLIFF file")]
ScriptFile = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="the script to write; default: FILE's name and .md"),
]


@xliff.command("import")
def import_script(
    folder: Folder, translated: Translated, out: ScriptFile = None, as_json: Json = False
) -> int:
    """Write the translated script as Markdown.

    The translation is refused if a unit is missing or no longer fits the script.
    """
    from flows.verbs.translation import import_xliff

    target = out or folder / f"{translated.name.removesuffix('.xlf').removesuffix('.xliff')}.md"
    language = import_xliff(folder, translated, out=target)
    say_json({"language": language, "file": target}) if as_json else say(
        f"{target}: the script in {language or 'its new language'}"
    )
    return DONE
