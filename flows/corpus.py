# SPDX-License-Identifier: Apache-2.0
"""Make, prepare or list a corpus.

Clips are made in processes and their rows go into the record; existing clips are left as they
are.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.progress import get_reporter
from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem, ToolError, find_nearest
from manifests.run_rows import Reject
from model.affect.prepared_corpus import SPLITS
from pipeline import corpus
from pipeline.corpus import synthetic, unit_heads
from pipeline.corpus.layout import CorpusPerformance
from pipeline.corpus.synthetic import LINES, PORTRAITS, UNITS, NeutralLine, PlannedClip
from pipeline.corpus.unit_heads import PlannedUnits

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BATCH_ROWS = 200  # a commit
PARTS = ("synthetic", "units")
MOST_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSummary:
    """Summary of a corpus: its clips, how many are new, and what was rejected."""

    folder: str
    clips: int
    new: int
    rejects: list[Reject]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResult:
    """Result of one piece of work."""

    clips: list[CorpusClip]
    rejects: list[Reject]


Work = tuple[Callable[..., WorkResult], tuple[object, ...]]
"""What one process does at a time: a function at the top of a module, and what it is given."""


def make_corpus(
    folder: Path, *, identities: int | None, seed: int, jobs: int, only: str = ""
) -> CorpusSummary:
    """Make the synthetic corpus and the units set.

    The corpus is made from the portraits and lines in `folder`, the units set from its stills when
    they exist. `only` is `synthetic` or `units`.

    Raises:
        InputError: The sources of a part are missing.
    """
    if only not in ("", *PARTS):
        raise InputError(
            Problem(file="--only", message="no such part", expected=" or ".join(PARTS), got=only)
        )
    lines = synthetic.read_lines(folder / LINES)
    there = {row.clip_id for row in corpus.open_record(folder).read(CorpusClip)}
    work: list[Work] = []
    if only != "units":
        work += _group_by_identity(
            folder, _plan(folder, lines, identities=identities, seed=seed), there
        )
    if only == "units" or (not only and (folder / UNITS / "units.csv").is_file()):
        work += _group_by_identity(
            folder, unit_heads.plan_units(folder / UNITS, lines, seed=seed), there
        )
    return _run_work(folder, work, jobs=jobs)


def prepare_corpus(name: str, source: Path, folder: Path, *, jobs: int) -> CorpusSummary:
    """Prepare a published corpus that lies in `source` as it was published.

    Raises:
        InputError: No clip of it is in `source`.
    """
    from pipeline.corpus import recorded

    known = recorded.KNOWN
    _check_source(name, source, known)
    found = known[name].layout(source)
    strange = [
        build_reject(path, reason) for path, reason in recorded.list_unknown_files(found, source)
    ]
    if not found.performances:
        none = Problem(
            file=str(source), message=f"no clip of {name} is here", expected=known[name].shape
        )
        raise InputError([none, *_list_first_refusals(strange)])
    there = {(row.source, row.text_id) for row in corpus.open_record(folder).read(CorpusClip)}
    missing: dict[str, list[CorpusPerformance]] = {}
    for clip in found.performances:
        if (clip.video.relative_to(source).as_posix(), clip.text_id) not in there:
            missing.setdefault(clip.identity, []).append(clip)
    work: list[Work] = [
        (_prepare_clips_of_identity, (name, source, folder, some)) for some in missing.values()
    ]
    return _run_work(folder, work, jobs=jobs, rejects=strange)


def _check_source(name: str, source: Path, known: Iterable[str]) -> None:
    """Check that a reader for the corpus exists, and its folder."""
    if name not in known:
        expected, near = " or ".join(known), find_nearest(name, known)
        raise InputError(
            Problem(
                file="corpus", message=f"no reader for {name!r}", expected=expected, nearest=near
            )
        )
    if not source.is_dir():
        raise InputError(
            Problem(
                file=str(source), message="no such folder", expected=f"{name} as it was published"
            )
        )


def list_clips(folder: Path, split: str = "") -> list[CorpusClip]:
    """List the clips of a corpus, or of one split of it, person after person.

    Raises:
        InputError: The split is unknown, or there is no corpus.
    """
    if split not in ("", *SPLITS):
        near, expected = find_nearest(split, SPLITS), " or ".join(SPLITS)
        raise InputError(
            Problem(file="--split", message=f"no split {split!r}", expected=expected, nearest=near)
        )
    clips = [clip for clip in corpus.read(folder).clips if split in ("", clip.split)]
    return sorted(
        clips, key=lambda clip: (clip.identity, clip.emotion, clip.level, clip.source, clip.clip_id)
    )


def _plan(
    folder: Path, lines: Sequence[NeutralLine], *, identities: int | None, seed: int
) -> list[PlannedClip]:
    people = synthetic.read_people(folder / PORTRAITS, most=identities)
    synthetic.check_voices(people, lines)
    return synthetic.plan_clips(people, lines, seed=seed)


def _group_by_identity(
    folder: Path, planned: Sequence[PlannedClip] | Sequence[PlannedUnits], there: set[str]
) -> list[Work]:
    """Group missing clips into one piece of work per identity."""
    missing: dict[str, list[PlannedClip | PlannedUnits]] = {}
    for clip in planned:
        if clip.clip_id not in there:
            missing.setdefault(clip.identity, []).append(clip)
    return [(_make_clips_of_identity, (folder, clips)) for clips in missing.values()]


def _run_work(
    folder: Path, work: Sequence[Work], *, jobs: int, rejects: Sequence[Reject] = ()
) -> CorpusSummary:
    record, rejects = corpus.open_record(folder), list(rejects)
    waiting: list[CorpusClip] = []
    new, progress = 0, get_reporter()
    progress.step("corpus")
    for count, done in enumerate(_collect_results(work, jobs), 1):
        waiting += done.clips
        rejects += done.rejects
        new += len(done.clips)
        if len(waiting) >= BATCH_ROWS or count == len(work):
            record.append(waiting)
            waiting = []
        progress.count(count, len(work))
    record.append(rejects)
    if rejects and not record.read(CorpusClip):
        raise InputError(
            [
                Problem(file=str(folder), message="no clip could be used"),
                *_list_first_refusals(rejects),
            ]
        )
    filled = corpus.read(folder)
    return CorpusSummary(
        folder=str(folder), clips=len(filled.clips), new=new, rejects=rejects, digest=filled.digest
    )


def _collect_results(work: Sequence[Work], jobs: int) -> Iterator[WorkResult]:
    """Yield results as they arrive, from this process or from `jobs` processes."""
    if jobs <= 1:
        yield from (function(*arguments) for function, arguments in work)
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        _limit_threads(),
        ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_exit_with_parent) as pool,
    ):
        for future in as_completed(
            [pool.submit(function, *arguments) for function, arguments in work]
        ):
            yield future.result()


def _exit_with_parent() -> None:
    """End this process when its parent is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _limit_threads() -> Iterator[None]:
    """Limit processes that are started in the block to one thread.

    Libraries read these environment variables when they load.
    """
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


_LOADED: dict[str, Any] = {}  # of this process: networks are loaded once


def _make_clips_of_identity(
    folder: Path, planned: Sequence[PlannedClip | PlannedUnits]
) -> WorkResult:
    """Make all missing clips of one identity, in this process."""
    from pipeline.corpus.generate import ClipGenerator
    from pipeline.corpus.prepare import UnfitError

    if "studio" not in _LOADED or _LOADED["studio"].folder != folder:
        _LOADED["studio"] = ClipGenerator(folder)
    studio: ClipGenerator = _LOADED["studio"]
    identity, is_units = planned[0].identity, isinstance(planned[0], PlannedUnits)
    try:
        studio.prepare_portrait(identity, among=UNITS if is_units else PORTRAITS)
    except (UnfitError, InputError) as error:
        return WorkResult(clips=[], rejects=[build_reject(identity, str(error))])
    clips, rejects = [], []
    for clip in planned:
        try:
            clips.append(
                studio.make_units_clip(clip)
                if isinstance(clip, PlannedUnits)
                else studio.make_clip(clip)
            )
        except (UnfitError, InputError) as error:
            rejects.append(build_reject(clip.clip_id, str(error)))
    return WorkResult(clips=clips, rejects=rejects)


def _prepare_clips_of_identity(
    name: str, source: Path, folder: Path, performed: Sequence[CorpusPerformance]
) -> WorkResult:
    """Prepare all missing clips of one identity of a published corpus."""
    from pipeline.corpus import recorded
    from pipeline.corpus.prepare import Preparer, UnfitError

    if "preparer" not in _LOADED:
        _LOADED["preparer"] = Preparer()
    preparer: Preparer = _LOADED["preparer"]
    clips, rejects = [], []
    for clip in performed:
        try:
            clips.append(
                recorded.prepare_clip(
                    clip, preparer, root=source, folder=folder, corpus=recorded.KNOWN[name]
                )
            )
        # the last: a file that may not be read
        except (UnfitError, InputError, ToolError, OSError) as error:
            rejects.append(build_reject(clip.video.relative_to(source).as_posix(), str(error)))
    return WorkResult(clips=clips, rejects=rejects)


def build_reject(subject: str, reason: str) -> Reject:
    """Build the row of an item that could not be used."""
    return Reject(
        run_id=uuid.uuid4().hex, stage="corpus", subject=subject, kind="input", reason=reason
    )


def _list_first_refusals(rejects: Sequence[Reject]) -> list[Problem]:
    """List the first rejects as problems, for a run in which nothing else is left."""
    return [Problem(file=reject.subject, message=reject.reason) for reject in rejects[:MOST_LISTED]]
