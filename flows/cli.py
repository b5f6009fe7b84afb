# SPDX-License-Identifier: Apache-2.0
"""Run the command line: results on stdout, the rest on stderr, `--json` everywhere.

Exit codes: 0 done, 1 some items failed (they are named), 2 bad input, 3 a tool is missing or
failed; stopped: 130 by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal. The verbs are in
`flows.verbs`. They import heavy engines only when they need them, so that planning and queries
stay quick.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from flows.engines import configure_engines
from flows.stop_signals import describe_stop, stop_on_signals, was_stopped
from flows.verbs import (
    checks,
    clip,
    consent,
    corpus,
    evaluate,
    finishing,
    lesson,
    machine,
    nightly,
    production,
    review,
    shot,
    train,
    weights,
)
from flows.verbs.options import group
from flows.view.screen import BAD_INPUT, DONE, STOPPED, TOOL_FAILED, complain, say, say_json
from manifests.errors import InputError, Problem, ToolError

DISK = {
    getattr(errno, name)
    for name in (
        "EACCES",
        "EDQUOT",
        "EFBIG",
        "EIO",
        "ENOSPC",
        "ENOTDIR",
        "EPERM",
        "EROFS",
        "ESTALE",
    )
    if hasattr(errno, name)
}  # not bugs: the disk is full, gone, read-only or not ours

app = group(
    name="callsheet",
    help="Turn a script, an actor sheet and recorded dialogue into a finished episode of talking"
    " portraits.",
    no_args_is_help=True,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"callsheet {importlib.metadata.version('callsheet')}")
        raise typer.Exit


@app.callback()
def _before_any_verb(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


for verbs in (
    production,
    review,
    finishing,
    checks,
    nightly,
    lesson,
    clip,
    train,
    evaluate,
    machine,
):
    app.add_typer(verbs.app)
app.add_typer(weights.app, name="weights")
app.add_typer(shot.app, name="shot")
app.add_typer(lesson.xliff, name="xliff")
app.add_typer(consent.app, name="consent")
app.add_typer(corpus.app, name="corpus")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the `callsheet` command, and exit."""
    stop_on_signals()
    configure_engines()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def leave() -> NoReturn:
    """Run `main` for the shell, then leave the process at once."""
    try:
        main()
    except SystemExit as done:
        _leave_at_once(int(done.code or DONE))
    raise AssertionError("main always exits")


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = int(app(args=arguments, prog_name="callsheet", standalone_mode=False) or DONE)
        return _report_stop() if code == STOPPED else code
    except KeyboardInterrupt:
        return _report_stop()
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:  # noqa: BLE001 - unknown ones are raised again
        if was_stopped():  # native code makes other errors of it
            return _report_stop()
        return _report_error(error, as_json)


def _report_error(error: Exception, as_json: bool) -> int:
    """Report an error that people can mend. Raises any other: that is a bug."""
    if isinstance(error, InputError):
        return _report_problems(list(error.problems), as_json)
    if isinstance(error, ToolError | OSError):
        return _report_tool_failure(error, as_json)
    if hasattr(error, "format_message"):  # click's own: wrong options and arguments
        return _report_wrong_command(error.format_message(), as_json)
    raise error


def _leave_at_once(code: int) -> NoReturn:
    """Run the exit hooks (they stop the orchestrator's server) and end the process.

    A normal exit could abort: native threads of engines may still run while the interpreter shuts
    down, after the work is done and reported.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # the shell may have closed it
            with contextlib.suppress(BrokenPipeError):  # nobody reads our output any more
                stream.flush()
    atexit._run_exitfuncs()
    os._exit(code)


def _report_stop() -> int:
    reason, code = describe_stop()
    complain(f"Stopped: {reason}. Finished work is kept; run the same command again to continue.")
    return code


def _report_tool_failure(error: ToolError | OSError, as_json: bool) -> int:
    """Report a failure of a tool or the disk. Raises any other OSError: that is a bug."""
    message = str(error)
    if isinstance(error, OSError):
        if error.errno not in DISK:
            raise error
        message = f"{error.strerror}: {error.filename or 'a file of the run'}"
    say_json({"error": "tool", "message": message}) if as_json else complain(message)
    return TOOL_FAILED


def _report_wrong_command(message: str, as_json: bool) -> int:
    """Report wrong options and arguments in click's words; for a group without a verb, its help."""
    if message.startswith("Usage: ") and not as_json:
        complain(message)
        return BAD_INPUT
    return _report_problems([Problem(file="command line", message=message)], as_json)


def _report_problems(problems: list[Problem], as_json: bool) -> int:
    if as_json:
        say_json({"error": "input", "problems": problems})
    else:
        for problem in problems:
            complain(str(problem))
        if len(problems) > 1:
            complain(f"{len(problems)} problems found; nothing was written.")
    return BAD_INPUT
