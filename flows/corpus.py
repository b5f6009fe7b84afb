# SPDX-License-Identifier: Apache-2.0
"""Make or read a corpus: clips in processes, rows into the record, whatever was made before left as
it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.progress import reporter
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
MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a corpus got: clips that are there now, those of them that are new, and what was
    refused.
    """

    folder: str
    clips: int
    new: int
    rejects: list[Reject]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one piece of work came to."""

    clips: list[CorpusClip]
    rejects: list[Reject]


Work = tuple[Callable[..., Done], tuple[object, ...]]
"""What one process does at a time: a function at the top of a module, and what it is given."""


def make(folder: Path, *, identities: int | None, seed: int, jobs: int, only: str = "") -> Filled:
    """Make the synthetic corpus from the portraits and lines in `folder`, and the units set from
    its stills when they are there.

    `only` is `synthetic` or `units`. Raises InputError when what a part is made from is missing.
    """
    if only not in ("", *PARTS):
        raise InputError(
            Problem(file="--only", message="no such part", expected=" or ".join(PARTS), got=only)
        )
    lines = synthetic.read_lines(folder / LINES)
    there = {row.clip_id for row in corpus.open_record(folder).read(CorpusClip)}
    work: list[Work] = []
    if only != "units":
        work += _by_identity(folder, _plan(folder, lines, identities=identities, seed=seed), there)
    if only == "units" or (not only and (folder / UNITS / "units.csv").is_file()):
        work += _by_identity(folder, unit_heads.plan_units(folder / UNITS, lines, seed=seed), there)
    return _fill(folder, work, jobs=jobs)


def read(name: str, source: Path, folder: Path, *, jobs: int) -> Filled:
    """Prepare a published corpus that lies in `source` as it was published. Raises InputError when
    nothing of it is found there.
    """
    from pipeline.corpus import recorded

    known = recorded.KNOWN
    if name not in known:
        problem = Problem(
            file="corpus", message=f"no reader for {name!r}", expected=" or ".join(known)
        )
        raise InputError(dataclasses.replace(problem, nearest=find_nearest(name, known)))
    if not source.is_dir():
        raise InputError(
            Problem(
                file=str(source), message="no such folder", expected=f"{name} as it was published"
            )
        )
    found = known[name].layout(source)
    strange = [
        rejected(path, reason) for path, reason in recorded.list_unknown_files(found, source)
    ]
    if not found.performances:
        none = Problem(
            file=str(source), message=f"no clip of {name} is here", expected=known[name].shape
        )
        raise InputError([none, *_told(strange)])
    there = {(row.source, row.text_id) for row in corpus.open_record(folder).read(CorpusClip)}
    missing: dict[str, list[CorpusPerformance]] = {}
    for one in found.performances:
        if (one.video.relative_to(source).as_posix(), one.text_id) not in there:
            missing.setdefault(one.identity, []).append(one)
    work: list[Work] = [(_prepare, (name, source, folder, some)) for some in missing.values()]
    return _fill(folder, work, jobs=jobs, rejects=strange)


def listed(folder: Path, split: str = "") -> list[CorpusClip]:
    """The clips of a corpus, or of one split of it, person after person. Raises InputError for an
    unknown split, or where no corpus is.
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


def _by_identity(
    folder: Path, planned: Sequence[PlannedClip] | Sequence[PlannedUnits], there: set[str]
) -> list[Work]:
    """One piece of work for each identity that still lacks clips."""
    missing: dict[str, list[PlannedClip | PlannedUnits]] = {}
    for clip in planned:
        if clip.clip_id not in there:
            missing.setdefault(clip.identity, []).append(clip)
    return [(_perform, (folder, clips)) for clips in missing.values()]


def _fill(
    folder: Path, work: Sequence[Work], *, jobs: int, rejects: Sequence[Reject] = ()
) -> Filled:
    record, rejects = corpus.open_record(folder), list(rejects)
    waiting: list[CorpusClip] = []
    new, told = 0, reporter()
    told.step("corpus")
    for count, done in enumerate(_done(work, jobs), 1):
        waiting += done.clips
        rejects += done.rejects
        new += len(done.clips)
        if len(waiting) >= BATCH_ROWS or count == len(work):
            record.append(waiting)
            waiting = []
        told.count(count, len(work))
    record.append(rejects)
    if rejects and not record.read(CorpusClip):
        raise InputError(
            [Problem(file=str(folder), message="no clip could be used"), *_told(rejects)]
        )
    filled = corpus.read(folder)
    return Filled(
        folder=str(folder), clips=len(filled.clips), new=new, rejects=rejects, digest=filled.digest
    )


def _done(work: Sequence[Work], jobs: int) -> Iterator[Done]:
    """Results as they come: from this process, or from several of one thread each."""
    if jobs <= 1:
        yield from (function(*given) for function, given in work)
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        _single_threads(),
        ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_leave_with_parent) as pool,
    ):
        for future in as_completed([pool.submit(function, *given) for function, given in work]):
            yield future.result()


def _leave_with_parent() -> None:
    """End this process when the one that started it is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _single_threads() -> Iterator[None]:
    """Processes that are started within read these variables as they load their libraries."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


_LOADED: dict[str, Any] = {}  # of this process: networks are loaded once


def _perform(folder: Path, planned: Sequence[PlannedClip | PlannedUnits]) -> Done:
    """All missing clips of one identity, in this process."""
    from pipeline.corpus.generate import ClipGenerator
    from pipeline.corpus.prepare import UnfitError

    if "studio" not in _LOADED or _LOADED["studio"].folder != folder:
        _LOADED["studio"] = ClipGenerator(folder)
    studio: ClipGenerator = _LOADED["studio"]
    identity, is_units = planned[0].identity, isinstance(planned[0], PlannedUnits)
    try:
        studio.prepare_portrait(identity, among=UNITS if is_units else PORTRAITS)
    except (UnfitError, InputError) as error:
        return Done(clips=[], rejects=[rejected(identity, str(error))])
    clips, rejects = [], []
    for one in planned:
        try:
            clips.append(
                studio.make_units_clip(one)
                if isinstance(one, PlannedUnits)
                else studio.make_clip(one)
            )
        except (UnfitError, InputError) as error:
            rejects.append(rejected(one.clip_id, str(error)))
    return Done(clips=clips, rejects=rejects)


def _prepare(name: str, source: Path, folder: Path, performed: Sequence[CorpusPerformance]) -> Done:
    """All missing clips of one identity of a published corpus, in this process."""
    from pipeline.corpus import recorded
    from pipeline.corpus.prepare import Preparer, UnfitError

    if "preparer" not in _LOADED:
        _LOADED["preparer"] = Preparer()
    preparer: Preparer = _LOADED["preparer"]
    clips, rejects = [], []
    for one in performed:
        try:
            clips.append(
                recorded.prepare_clip(
                    one, preparer, root=source, folder=folder, corpus=recorded.KNOWN[name]
                )
            )
        # the last: a file that may not be read
        except (UnfitError, InputError, ToolError, OSError) as error:
            rejects.append(rejected(one.video.relative_to(source).as_posix(), str(error)))
    return Done(clips=clips, rejects=rejects)


def rejected(subject: str, reason: str) -> Reject:
    """An item that could not be used."""
    return Reject(
        run_id=uuid.uuid4().hex, stage="corpus", subject=subject, kind="input", reason=reason
    )


def _told(rejects: Sequence[Reject]) -> list[Problem]:
    """The first few refusals as problems, where nothing but refusals is left."""
    return [Problem(file=reject.subject, message=reject.reason) for reject in rejects[:MOST_TOLD]]
