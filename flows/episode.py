# SPDX-License-Identifier: Apache-2.0
"""Render an episode from script to deliverables, as a Prefect flow.

Each step is a Prefect task, retried only when a tool failed. The record is ours (`manifests`), not
Prefect's: Prefect keeps no results, and a second run finds finished work in the record. The flow
runs with a Prefect server of its own or with a configured one.
"""

from __future__ import annotations

import contextvars
import datetime
import functools
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import cut, inputs, intact, listening
from flows import generate as generation
from flows.disk import detect_full_disk, is_disk_full
from flows.farm.farm_settings import FarmSettings
from flows.finishing import kinds as finishing
from flows.generate import GenerationResult
from flows.inputs import Inputs
from flows.ledger import marks, record
from flows.ledger.live_decisions import watch_decisions
from flows.prefect_server import watch_cancelling
from flows.progress import get_reporter
from flows.project import Project, open_project
from flows.stop_signals import keep_stopping_on_signals
from flows.version import Version, VersionInputs
from manifests.errors import InputError, ToolError
from manifests.rows import Cue, Recording, Shot
from manifests.run_rows import Event, ModelFile, Reject, Run, new_event
from manifests.upkeep import maintain_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a run.

    `version` is None when nothing was delivered; `rejects`, `left` and `held` then say why (see
    `generate.GenerationResult`). `marks`: what marks the version (slates, several talkers).
    `seconds`: worker time spent, also on failures. `damaged`: files that were damaged and made
    again.
    """

    run_id: str
    shots: int
    made: int
    version: Version | None
    rejects: list[Reject] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    stopped: str = ""
    note: str = ""
    held: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    damaged: list[str] = field(default_factory=list)


def _is_tool_error(_task: Any, _run: Any, state: Any) -> bool:
    """Tell whether a retry may help: a tool failed, and the disk is not full."""
    try:
        state.result()
    except ToolError as error:
        return not is_disk_full(error)
    except Exception:  # noqa: BLE001 - any other error: no retry
        return False
    return False


def step(title: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Turn a function into a step of the film.

    The step is a Prefect task called `title`, reported as progress and retried only on tool errors.
    """

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def announced(*arguments: Any, **named: Any) -> Any:
            get_reporter().step(title)
            return function(*arguments, **named)

        engine = task(
            name=title,
            retries=2,
            retry_delay_seconds=1,
            retry_condition_fn=_is_tool_error,
            cache_policy=NO_CACHE,
            persist_result=False,
        )
        stepped: Callable[..., Any] = engine(announced)
        return stepped

    return make


read_inputs = step("Script, cast and consents")(inputs.read_inputs)
ingest_recordings = step("Recordings")(listening.ingest_recordings)
split_by_speaker = step("Speakers")(listening.split_by_speaker)
transcribe_words = step("Words")(listening.transcribe_words)
match_lines = step("Lines and cues")(listening.match_lines)
break_down = step("The cut")(cut.break_down)
generate = step("Takes")(generation.generate)
match_colours = step("Colour")(finishing.match_colours)
make_version = step("Assembly and delivery")(finishing.make_version)


@dataclass(slots=True)
class _FlowEnd:
    """How the body of a flow ended, whatever Prefect makes of it."""

    outcome: Outcome | None = None
    error: Exception | None = None


_END = contextvars.ContextVar[_FlowEnd | None]("flow_end", default=None)


def run_episode(folder: str, **options: Any) -> Outcome:
    """Run the flow `episode`; a film that is finished stays so if Prefect's server then fails.

    Raises what the flow raises, and ToolError when Prefect itself fails before the film is done.
    """
    end = _FlowEnd()
    before = _END.set(end)
    try:
        outcome: Outcome = episode(folder, **options)
        return outcome
    except (InputError, ToolError):
        raise
    except Exception as error:
        if end.outcome is not None:
            log.warning("Prefect did not record the end of this run: %s", error)
            return end.outcome
        if end.error is not None:
            raise end.error from error
        raise ToolError(f"Prefect failed: {type(error).__name__}: {error}") from error
    finally:
        _END.reset(before)


@flow(name="episode", validate_parameters=False, persist_result=False)
def episode(  # noqa: PLR0913 - each is a parameter that people see in Prefect
    folder: str,
    *,
    out: str | None = None,
    ray: str = "",
    workers: int = 0,
    until: float = 0.0,
    budget: float = 0.0,
) -> Outcome:
    """Render a production.

    `folder` holds `production.toml`; `out` replaces its `build`; `ray` is a cluster's address.
    `until` (seconds since 1970) and `budget` (worker seconds) stop the farm as `[farm]` does; 0
    means never.

    Raises:
        InputError: With all problems of the inputs, before anything is made.
    """
    keep_stopping_on_signals()  # Prefect has just taken SIGTERM
    project, end = open_project(Path(folder), Path(out) if out else None), _END.get() or _FlowEnd()
    try:
        with detect_full_disk(project), watch_cancelling():
            end.outcome = _run_steps(
                project, address=ray, workers=workers, until=until, budget=budget
            )
    except Exception as error:
        end.error = error
        raise
    return end.outcome


def _run_steps(
    project: Project, *, address: str, workers: int, until: float, budget: float
) -> Outcome:
    """Run the steps one after another."""
    run_id, began = uuid.uuid4().hex, _now()
    begins = new_event(record.RUN, run_id, actor="callsheet")
    project.store.append([begins])

    checked = read_inputs(project)
    recordings = ingest_recordings(project, checked)
    turns = split_by_speaker(project, recordings, checked)
    words = transcribe_words(project, recordings)
    cues = match_lines(project, checked, turns, words, recordings).cues
    farm = generation.merge_farm_settings(
        project, address=address, workers=workers, until=until, budget_seconds=budget
    )
    shots, generated = _make_cut_and_takes(
        project, checked, cues, recordings, run=begins, settings=farm
    )
    held = record.list_held_shots(project.store, shots)
    version = None
    if not (generated.rejects or generated.left or held):
        version = _finish_version(
            project,
            VersionInputs(shots=shots, takes=generated.takes, cues=cues, recordings=recordings),
        )

    outcome = Outcome(
        run_id=run_id,
        shots=len(shots),
        made=generated.made,
        version=version,
        rejects=generated.rejects,
        missing=list_missing_lines(cues),
        left=generated.left,
        stopped=generated.stopped,
        note=generated.note,
        held=held,
        marks=marks.describe_marks(version.checks) if version else [],
        seconds=generated.seconds,
        damaged=intact.list_discarded(project.store, since=begins.happened_at),
    )
    _remember_run(project, outcome, began)
    return outcome


def _finish_version(project: Project, version_inputs: VersionInputs) -> Version:
    """Match the colours, assemble and deliver."""
    grades = match_colours(project, version_inputs)
    version: Version = make_version(
        project, version_inputs, finishing.build_cuts(project, version_inputs, grades)
    )
    return version


def _make_cut_and_takes(  # noqa: PLR0913 - what the steps before know
    project: Project,
    checked: Inputs,
    cues: list[Cue],
    recordings: list[Recording],
    *,
    run: Event,
    settings: FarmSettings,
) -> tuple[list[Shot], GenerationResult]:
    """Make the cut and its takes; repeat while people change decisions meanwhile."""
    takes_made, seconds = 0, 0.0
    while True:
        shots = break_down(project, checked, cues, recordings)
        cut.record_cut(project, checked, cues, shots)
        decided = record.read_decisions(project.store, shots)
        left = replace(settings, budget_seconds=generation.compute_budget_left(settings, seconds))
        farm = generation.Farm(
            settings=left, steer=watch_decisions(project, shots, began=run.happened_at)
        )
        generated = generate(project, shots, recordings, run_id=run.subject, farm=farm)
        takes_made, seconds = takes_made + generated.made, seconds + generated.seconds
        if generated.stopped or record.read_decisions(project.store, shots) == decided:
            return shots, replace(generated, made=takes_made, seconds=seconds)


def list_missing_lines(cues: list[Cue]) -> list[str]:
    """List the lines that were not heard, as text for people."""
    return [f"{cue.character}: {cue.text}" for cue in cues if cue.status == "missing"]


def _remember_run(project: Project, outcome: Outcome, began: str) -> None:
    version = outcome.version
    failed = bool(outcome.rejects) or version is None or bool(version.failed)
    row = Run(
        run_id=outcome.run_id,
        flow="episode",
        version=version.name if version else "",
        outcome="partial" if failed else "done",
        started_at=began,
        finished_at=_now(),
        shots=outcome.shots,
        takes_made=outcome.made,
        takes_cached=outcome.shots - outcome.made - len(outcome.rejects),
        rejects=len(outcome.rejects),
    )
    project.store.append([row])
    project.store.replace(ModelFile, inputs.list_weights_used(project))
    maintain_tables(project.store)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
