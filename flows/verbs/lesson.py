# SPDX-License-Identifier: Apache-2.0
"""The verbs about lessons: a whole course at once, and scripts to translators and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.verbs.options import Folder, Json, group
from flows.view.screen import DONE, print_table, say, say_json

app = group()
xliff = group(
    help="A lesson's script to translators and back (XLIFF 1.2 and 2.1).", no_args_is_help=True
)

Language = Annotated[
    str, typer.Option("--to", help="the language to translate into, such as de or pt-BR")
]


@app.command()
def course(
    root: Annotated[
        Path,
        typer.Argument(
            metavar="COURSE", help="a folder with lessons in it, in the order of their names"
        ),
    ],
    ray: Annotated[
        str, typer.Option("--ray", help="address of a running Ray cluster; default: this machine")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="talkers at once; 0: one per CPU")
    ] = 0,
    as_json: Json = False,
) -> int:
    """Render every lesson of a course that is not as it should be; print and write one list
    (course.json).
    """
    from flows.night.course import render
    from flows.night.nightly import Asked
    from flows.night.summary import FINE
    from flows.progress import bars
    from manifests.timebase import format_clock

    with bars():
        made = render(root, Asked(ray=ray, workers=workers))
    if as_json:
        say_json(
            {"lessons": made.lessons, "seconds": made.seconds, "exit_code": made.summary.exit_code}
        )
        return made.summary.exit_code
    rows = [
        (row.name, row.title, row.version or "-", format_clock(row.seconds), row.state, row.reason)
        for row in made.lessons
    ]
    print_table(("lesson", "title", "version", "length", "state", ""), rows)
    for row in made.lessons:
        for line in row.advice:
            say(f"{row.name}: {line}")
    fine = sum(report.state in FINE for report in made.summary.reports)
    say(
        f"{fine} of {len(made.lessons)} lessons are as they should be, {format_clock(made.seconds)} together. {root / 'course.json'}"
    )
    return made.summary.exit_code


@xliff.command("export")
def export_script(
    folder: Folder,
    to: Language,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="the file to write; default: PRODUCTION/script.LANGUAGE.xlf"
        ),
    ] = None,
    version: Annotated[
        Literal["1.2", "2.1"],
        typer.Option("--xliff", help="the version of XLIFF that the translators' tool reads"),
    ] = "1.2",
    as_json: Json = False,
) -> int:
    """Write a lesson's script as XLIFF, one unit a line and a title."""
    from flows.verbs.translation import export_xliff

    target = out or folder / f"script.{to}.xlf"
    units = export_xliff(folder, language=to, out=target, version=version)
    say_json({"units": units, "file": target}) if as_json else say(f"{target}: {units} units")
    return DONE


@xliff.command("import")
def import_script(
    folder: Folder,
    translated: Annotated[
        Path, typer.Argument(metavar="FILE", help="the XLIFF file with its targets filled")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="the script to write; default: FILE's name and .md"),
    ] = None,
    as_json: Json = False,
) -> int:
    """Write the script in the translation's words, as Markdown; refuse it when anything is missing
    or no longer fits.
    """
    from flows.verbs.translation import import_xliff

    target = out or folder / f"{translated.name.removesuffix('.xlf').removesuffix('.xliff')}.md"
    language = import_xliff(folder, translated, out=target)
    say_json({"language": language, "file": target}) if as_json else say(
        f"{target}: the script in {language or 'its new language'}"
    )
    return DONE
