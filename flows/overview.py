# SPDX-License-Identifier: Apache-2.0
"""The verbs about a production: what would be done, doing it, what was done; for people and as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flows import corrections, listening
from flows.corrections import Corrected
from flows.cut import Cutting, cut
from flows.film import Film, done, open_film
from flows.inputs import Inputs, read_inputs
from flows.lease import Note, held
from flows.plan import Plan, PlannedShot
from flows.plan import plan as compare
from flows.progress import bars, reporter
from flows.screen import complain, say, say_json, table
from manifests.report import query
from manifests.rows import Deliverable, Shot, Take
from manifests.timebase import MASTER_HZ, clock, timecode
from pipeline.turns import rttm as turns_as_rttm

DONE, SOME_FAILED = 0, 1


def plan(folder: Path, *, out: Path | None, only_inputs: bool, as_json: bool) -> int:
    """Check the inputs; listen if that is not cached; show each shot as new, changed (why) or cached."""
    film = open_film(folder, out)
    inputs = read_inputs(film)
    if only_inputs:
        facts = {"lines": len(inputs.lines), "characters": len(inputs.actors), "problems": []}
        say_json(facts) if as_json else say(f"{facts['lines']} lines, {facts['characters']} actors: nothing is wrong.")
        return DONE
    cutting = listen(film, inputs)
    planned = compare_with_record(cutting)
    if as_json:
        say_json(_plan_json(planned, cutting))
    else:
        _show_plan(planned, cutting)
    return DONE


def render(  # noqa: PLR0913 - each is an option of the verb
    folder: Path, *, out: Path | None, ray: str, workers: int, wait_seconds: float = 0, as_json: bool
) -> int:
    """Do what `plan` shows, or say that there is nothing to do, which takes no engine to find out.

    Raises BusyError when another run works on the production and is still at it after `wait_seconds`."""
    film = open_film(folder, out)
    inputs = read_inputs(film)
    standing = _standing(film, inputs)
    if standing is not None:
        return _nothing_to_do(film, standing, as_json=as_json)
    with held(film.root, purpose="render", wait_seconds=wait_seconds, on_wait=_say_who_holds_it) as lease, bars():
        standing = _standing(film, inputs) if lease.waited else None
        if standing is not None:
            return _nothing_to_do(film, standing, as_json=as_json)
        reporter().step("Starting the orchestrator")
        from flows.episode import episode

        outcome = episode(str(folder), out=str(out) if out else None, ray=ray, workers=workers)
    return _show_outcome(film, outcome, as_json=as_json)


def status(folder: Path, *, out: Path | None, as_json: bool) -> int:
    """The record in short."""
    film = open_film(folder, out)
    facts = _status_facts(film)
    if as_json:
        say_json(facts)
        return DONE
    say(f"{film.production.title}: {facts['shots']} shots, {facts['takes_done']} takes done, {facts['seconds']:.1f} s")
    for version in facts["versions"]:
        say(
            f"  {version['version']}: {version['files']} files, {version['fails']} failed checks, {version['warns']} warnings"
        )
    for failure in facts["failures"]:
        say(f"  failed: {failure['subject']}: {failure['reason']}")
    return SOME_FAILED if facts["failures"] else DONE


def listen(film: Film, inputs: Inputs) -> Cutting:
    """Bring in, listen and cut; says so when that takes an engine."""
    known = listening.known_recordings(film, inputs)
    if known is not None and listening.is_heard(film, known, inputs):
        return cut(film, inputs, known)
    with bars():
        reporter().step("Listening (kept for the next time)")
        return cut(film, inputs, listening.bring_in(film, inputs))


def hear(folder: Path, *, out: Path | None, as_json: bool) -> int:
    """Listen, print who says which line when, write the sheet to correct it and the turns as RTTM."""
    film = open_film(folder, out)
    cutting = listen(film, read_inputs(film))
    heard = cutting.heard
    sheet = corrections.export(film.root, heard)
    rttm = sheet.with_name("turns.rttm")
    rttm.write_text(turns_as_rttm(cutting.turns, uri=film.production.episode))
    if as_json:
        say_json(
            {"cues": heard.cues, "left_over": heard.found.left_over, "sheet": sheet, "rttm": rttm, **_complaints(heard)}
        )
    else:
        _show_heard(heard, sheet, rttm)
    return DONE


def compare_with_record(cutting: Cutting) -> Plan:
    """The cut against the takes that are done and the cut that was recorded last."""
    store = cutting.film.store
    return compare(
        cutting.shots,
        before=store.current_rows(Shot),
        done=set(done(cutting.film, cutting.shots)),
        history=store.rows(Take),
        workers=os.cpu_count() or 1,
    )


def _standing(film: Film, inputs: Inputs) -> list[Deliverable] | None:
    """The newest version's files when it is exactly what would be made now."""
    known = listening.known_recordings(film, inputs)
    if known is None or not listening.is_heard(film, known, inputs):
        return None
    cutting = cut(film, inputs, known)
    takes = done(film, cutting.shots)
    if any(shot.shot_id not in takes for shot in cutting.shots):
        return None
    from flows.finish import Reel, standing

    reel = Reel(shots=cutting.shots, takes=list(takes.values()), cues=cutting.heard.cues, recordings=known)
    return standing(film, reel)


def _say_who_holds_it(holder: Note) -> None:
    complain(f"waiting for {holder}")


def _nothing_to_do(film: Film, standing: list[Deliverable], *, as_json: bool) -> int:
    version = standing[0].version
    place = film.root / "deliverables" / version
    if as_json:
        say_json({"made": 0, "version": version, "folder": place, "files": [row.path for row in standing]})
    else:
        say(
            f"Nothing to do: {film.production.title} stands as {version} ({clock(standing[0].seconds)}) in {_short(place)}"
        )
    return DONE


def _show_outcome(film: Film, outcome: Any, *, as_json: bool) -> int:
    version = outcome.version
    failed = bool(outcome.rejects) or version is None or bool(version.failed)
    if as_json:
        say_json(outcome)
        return SOME_FAILED if failed else DONE
    for line in outcome.missing:
        say(f"not heard: {line}")
    for reject in outcome.rejects:
        say(f"failed: {reject.subject}: {reject.reason}")
    if version is None:
        say(f"{len(outcome.rejects)} of {outcome.shots} shots failed; no version was made. Mend them and run again.")
        return SOME_FAILED
    seconds = version.deliverables[0].seconds
    say(f"{film.production.title}: {outcome.shots} shots, {outcome.made} takes made now, {clock(seconds)} long")
    for row in version.deliverables:
        say(f"  {row.profile:8} {_short(film.root / 'deliverables' / row.path)}")
    for check in version.failed:
        say(f"failed check: {check.profile} {check.name}: {check.value} (limit {check.limit}) {check.advice}")
    warnings = sum(check.verdict == "warn" for check in version.checks)
    say(
        f"  checks   {len(version.checks) - len(version.failed) - warnings} passed, {warnings} warnings, {len(version.failed)} failed"
    )
    say(f"Look first at {_short(version.folder / 'contact_sheet.png')}, then play {_short(version.folder / 'web.mp4')}")
    return SOME_FAILED if failed else DONE


def _show_plan(planned: Plan, cutting: Cutting) -> None:
    rows = [
        (
            entry.shot.number,
            timecode(entry.shot.start_frame, entry.shot.rate),
            entry.shot.frames,
            entry.shot.character,
            entry.state + (f" ({', '.join(entry.why)})" if entry.why else ""),
            entry.shot.text[:48],
        )
        for entry in planned.shots
    ]
    table(("shot", "starts", "frames", "character", "state", "text"), rows)
    for cue in cutting.heard.needs_an_ear:
        say(f"{cue.status}: {cue.character}: {cue.text} ({cue.reasons})")
    for said in (f"{kind}: {one}" for kind, several in _complaints(cutting.heard).items() for one in several):
        say(said)
    counts = ", ".join(f"{planned.count(state)} {state}" for state in ("new", "changed", "cached"))
    low, high = planned.estimate.low_seconds, planned.estimate.high_seconds
    cost = f"; about {low:.0f} to {high:.0f} s on {planned.estimate.workers} workers" if planned.to_render else ""
    say(f"{len(planned.shots)} shots: {counts}{cost}")


def _show_heard(heard: Corrected, sheet: Path, rttm: Path) -> None:
    rows = [
        (
            cue.line_id,
            cue.character,
            clock(cue.start / MASTER_HZ) if cue.start >= 0 else "-",
            clock(cue.end / MASTER_HZ) if cue.start >= 0 else "-",
            cue.status,
            f"{cue.confidence:.2f}",
            cue.text[:40],
        )
        for cue in heard.cues
    ]
    table(("line", "character", "starts", "ends", "status", "sure", "text"), rows)
    for stretch in heard.found.left_over:
        span = f"{clock(stretch.start / MASTER_HZ)} to {clock(stretch.end / MASTER_HZ)}"
        say(f"not in the script: {span}, {stretch.character or stretch.speaker}: {stretch.text}")
    for cue in heard.needs_an_ear:
        say(f"needs an ear: {cue.line_id} {cue.character}: {cue.text[:60]} ({cue.reasons})")
    for said in (f"{kind}: {one}" for kind, several in _complaints(heard).items() for one in several):
        say(said)
    say(
        f"Correct start, end, character, take or ignore in {_short(sheet)}; the next plan takes it in. Turns: {_short(rttm)}"
    )


def _complaints(heard: Corrected) -> dict[str, list[str]]:
    """Decisions that could not be applied."""
    return {"no longer fits": heard.unfit, "decided otherwise since": [str(one) for one in heard.conflicts]}


def _plan_json(planned: Plan, cutting: Cutting) -> dict[str, Any]:
    def shot(entry: PlannedShot) -> dict[str, Any]:
        names = ("shot_id", "number", "character", "role", "start_frame", "end_frame", "text")
        return {name: getattr(entry.shot, name) for name in names} | {"state": entry.state, "why": entry.why}

    return {
        "shots": [shot(entry) for entry in planned.shots],
        "estimate": planned.estimate,
        "unsure": cutting.heard.needs_an_ear,
    }


def _status_facts(film: Film) -> dict[str, Any]:
    shots, seconds = query(film.store, "SELECT count(*), coalesce(sum(seconds), 0) FROM shots").rows[0]
    done = query(film.store, "SELECT count(DISTINCT shot_id) FROM shots SEMI JOIN takes USING (shot_id)").rows[0][0]
    versions = query(
        film.store,
        "SELECT version, count(DISTINCT path) AS files,"
        " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'fail') AS fails,"
        " (SELECT count(*) FROM checks c WHERE c.version = d.version AND verdict = 'warn') AS warns"
        " FROM deliverables d GROUP BY version ORDER BY version",
    )
    failures = query(
        film.store,
        "SELECT subject, reason FROM rejects WHERE run_id = (SELECT arg_max(run_id, finished_at) FROM runs)",
    )
    return {
        "shots": shots,
        "takes_done": done,
        "seconds": float(seconds),
        "versions": [dict(zip(versions.columns, row, strict=True)) for row in versions.rows],
        "failures": [dict(zip(failures.columns, row, strict=True)) for row in failures.rows],
    }


def _short(path: Path) -> str:
    """A path as people would type it from where they stand."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
