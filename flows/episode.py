# SPDX-License-Identifier: Apache-2.0
"""The episode, from script to deliverables: the table of contents of the film, as a Prefect flow.

Prefect orchestrates: each step is a task, retried only when a tool failed. The record is ours
(`manifests`), not Prefect's: its results are not kept, and a second run finds what is done there.
It runs with a server of its own and against a configured one alike.
"""

from __future__ import annotations

import datetime
import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import cut, inputs, listening
from flows import generate as generation
from flows.disk import full_disk_told, is_full
from flows.farm.pool import FarmSettings
from flows.finishing import kinds as finishing
from flows.finishing.kinds import Version, VersionInputs
from flows.generate import Generated
from flows.inputs import Inputs
from flows.ledger import marks, record
from flows.ledger.live_decisions import watch_decisions
from flows.progress import reporter
from flows.project import Project, open_project
from manifests.errors import ToolError
from manifests.rows import Cue, Recording, Shot
from manifests.run_rows import Event, ModelFile, Reject, Run, new_event
from manifests.upkeep import maintain_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did. `version` is None when nothing was delivered: then `rejects`, `left` and
    `held` say why (as `generate.Generated`). `marks`: what the version is marked with (slates,
    several talkers). `seconds` of worker time were spent, also on what failed.
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


def _is_tool_error(_task: Any, _run: Any, state: Any) -> bool:
    """Only a tool that failed is worth another try; what a person gave is not, nor a full disk."""
    try:
        state.result()
    except ToolError as error:
        return not is_full(error)
    except Exception:  # noqa: BLE001 - any other error: no retry
        return False
    return False


def step(title: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A step of the film: a Prefect task of that name, announced to whoever listens, retried on
    tool errors only.
    """

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def announced(*arguments: Any, **named: Any) -> Any:
            reporter().step(title)
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
bring_in = step("Recordings")(listening.ingest_recordings)
split_by_speaker = step("Speakers")(listening.split_by_speaker)
hear_words = step("Words")(listening.transcribe_words)
match = step("Lines and cues")(listening.match_lines)
break_down = step("The cut")(cut.break_down)
generate = step("Takes")(generation.generate)
colour_match = step("Colour")(finishing.colour_match)
make_version = step("Assembly and delivery")(finishing.make_version)


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
    """Render a production. `folder` holds `production.toml`; `out` replaces its `build`; `ray` is a
    cluster's address.

    `until` (seconds since 1970) and `budget` (worker seconds) stop the farm as `[farm]` does, 0 for
    never.

    Raises InputError with all problems of the inputs before anything is made.
    """
    project = open_project(Path(folder), Path(out) if out else None)
    with full_disk_told(project):
        return _made(project, address=ray, workers=workers, until=until, budget=budget)


def _made(project: Project, *, address: str, workers: int, until: float, budget: float) -> Outcome:
    """The steps, one after another."""
    run_id, began = uuid.uuid4().hex, _now()
    begins = new_event(record.RUN, run_id, actor="callsheet")
    project.store.append([begins])

    given = read_inputs(project)
    recordings = bring_in(project, given)
    turns = split_by_speaker(project, recordings, given)
    words = hear_words(project, recordings)
    cues = match(project, given, turns, words, recordings).cues
    farm = generation.farm_settings(
        project, address=address, workers=workers, until=until, budget_seconds=budget
    )
    shots, generated = _make_takes(project, given, cues, recordings, run=begins, settings=farm)
    held = record.list_held_shots(project.store, shots)
    version = None
    if not (generated.rejects or generated.left or held):
        reel = VersionInputs(shots=shots, takes=generated.takes, cues=cues, recordings=recordings)
        grades = colour_match(project, reel)
        version = make_version(project, reel, finishing.edit(project, reel, grades))

    outcome = Outcome(
        run_id=run_id,
        shots=len(shots),
        made=generated.made,
        version=version,
        rejects=generated.rejects,
        missing=missing_lines(cues),
        left=generated.left,
        stopped=generated.stopped,
        note=generated.note,
        held=held,
        marks=marks.describe_marks(version.checks) if version else [],
        seconds=generated.seconds,
    )
    _remember_run(project, outcome, began)
    return outcome


def _make_takes(  # noqa: PLR0913 - what the steps before know
    project: Project,
    given: Inputs,
    cues: list[Cue],
    recordings: list[Recording],
    *,
    run: Event,
    settings: FarmSettings,
) -> tuple[list[Shot], Generated]:
    """The cut and its takes; again as long as people decide otherwise while takes are made."""
    made, seconds = 0, 0.0
    while True:
        shots = break_down(project, given, cues, recordings)
        cut.record_cut(project, given, cues, shots)
        decided = record.read_decisions(project.store, shots)
        left = replace(settings, budget_seconds=generation.budget_left(settings, seconds))
        farm = generation.Farm(
            settings=left, steer=watch_decisions(project, shots, began=run.happened_at)
        )
        generated = generate(project, shots, recordings, run_id=run.subject, farm=farm)
        made, seconds = made + generated.made, seconds + generated.seconds
        if generated.stopped or record.read_decisions(project.store, shots) == decided:
            return shots, replace(generated, made=made, seconds=seconds)


def missing_lines(cues: list[Cue]) -> list[str]:
    """Lines that were not heard, in people's words."""
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
    project.store.replace(ModelFile, inputs.weights_used(project))
    maintain_tables(project.store)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
