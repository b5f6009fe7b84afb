# SPDX-License-Identifier: Apache-2.0
"""Run a worker inside a Ray actor: load one talker and make the takes of the shots it gets.

Frames go from the talker into a file on shared storage; only the take's row comes back. Portraits
stay loaded, because the pool prefers to send a worker shots of the actor it has just drawn.
`make_take` runs in one thread; `count_steps` and `cancel` are called beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.engines import configure_engines
from flows.farm import shared
from flows.farm.shot_tasks import FailureKind, ShotTask
from manifests import layout
from manifests.errors import InputError, ToolError
from manifests.identity import digest
from manifests.rows import Recording, Shot, Take
from model import talkers
from model.talker import Portrait, Talker, TalkerSettings
from model.weights import cache_folder
from pipeline.render import render
from pipeline.render.render import RenderContext
from pipeline.storage import Storage

WARM_PORTRAITS = 4
NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "insufficient memory",
    "cannot allocate memory",
)
NO_SPACE = ("no space left on device", "disk quota exceeded", "file too large")
Loader = Callable[[str, TalkerSettings], Talker]


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmJob:
    """What all shots of one run share.

    `folder` is the production, `root` its build folder. `storage`: URL of the storage that driver
    and workers share when they do not share `folder` and `root`; `portraits` maps portrait paths to
    stored names. `load` makes the talker; measurements and tests pass another.
    """

    folder: Path
    root: Path
    recordings: Sequence[Recording]
    talker: str
    settings: TalkerSettings
    run_id: str
    threads: int = 1
    storage: str = ""
    portraits: Mapping[str, str] = field(default_factory=dict)
    load: Loader = talkers.load


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady:
    """A worker that has loaded its talker.

    `name` is host/pid, `node` Ray's id of its machine, `gpus` the ids of the GPUs that it alone
    uses.
    """

    name: str
    node: str
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFailure:
    """Why a shot was not made.

    `kind` as in `policy`; `input` is never retried. `suspect` names the worker.
    """

    shot_id: str
    kind: FailureKind
    reason: str
    suspect: str = ""


class _CancelledError(Exception):
    """The shot is not wanted any more."""


@dataclass(slots=True)
class _LoadedTalker:
    """A loaded talker and the portraits that it has warm."""

    talker: Talker
    portraits: dict[str, Portrait] = field(default_factory=dict)


class Worker:
    """A worker with one talker, loaded once. It becomes a Ray actor in `pool`."""

    def __init__(self, job: FarmJob) -> None:
        """Load nothing yet."""
        configure_engines()
        self._job = job
        self._name = f"{socket.gethostname()}/{os.getpid()}"
        self._steps = 0
        self._unwanted: set[str] = set()
        self._usual: _LoadedTalker | None = None
        self._storage = Storage(job.storage) if job.storage else None
        self._root = scratch_folder(job.storage) if job.storage else job.root

    def load(self) -> WorkerReady | ShotFailure:
        """Load the talker; a failure says why this worker is of no use, such as no weights."""
        import ray

        context = ray.get_runtime_context()
        gpus = context.get_accelerator_ids().get("GPU", [])
        if not gpus:
            # any GPU of this machine belongs to another worker
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        try:
            self._description = talkers.describe(self._job.talker, self._job.settings)
            self._usual = _LoadedTalker(self._load_talker(self._job.settings))
            if self._storage:
                shared.fetch_recordings(self._storage, self._job.recordings, root=self._root)
        except Exception as error:  # noqa: BLE001 - whatever it is, this worker is of no use
            return self._describe_failure("", error)
        return WorkerReady(name=self._name, node=context.get_node_id(), gpus=tuple(gpus))

    def make_take(self, task: ShotTask) -> Take | ShotFailure:
        """Make one take.

        Errors come back as values: an exception from an actor means that the actor itself is gone.
        """
        shot = task.shot
        try:
            self._count_step(shot)
            return (
                self._make_small(shot)
                if task.small
                else self._make_and_store(shot, self._load_usual_talker())
            )
        except Exception as error:  # noqa: BLE001 - a bug in a talker fails its shot, not the run
            return self._describe_failure(shot.shot_id, error)
        finally:
            self._unwanted.discard(shot.shot_id)

    def count_steps(self) -> int:
        """Count frames and denoising steps: while the count grows, the worker is not hung."""
        return self._steps

    def cancel(self, shot_id: str) -> None:
        """Stop that shot at its next frame or denoising step, or before it begins."""
        self._unwanted.add(shot_id)

    def _load_talker(self, settings: TalkerSettings) -> Talker:
        """Load the talker, and hold the threads of its engines to the worker's CPUs."""
        import cv2

        talker = self._job.load(self._job.talker, settings)
        cv2.setNumThreads(self._job.threads)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(self._job.threads)
        return talker

    def _load_usual_talker(self) -> _LoadedTalker:
        if self._usual is None:
            self._usual = _LoadedTalker(self._load_talker(self._job.settings))
        return self._usual

    def _make_and_store(self, shot: Shot, talking: _LoadedTalker) -> Take:
        """Make a take in the build folder, or on this machine and then move it into storage."""
        if self._storage is None:
            return self._generate_take(shot, talking)
        take = shared.read_stored_take(self._storage, shot.shot_id) or self._generate_take(
            shot, talking
        )
        if render.take_path(shot.shot_id, root=self._root).is_file():
            shared.store_take(self._storage, take, root=self._root)
        return take

    def _generate_take(self, shot: Shot, talking: _LoadedTalker) -> Take:
        description = self._description
        context = RenderContext(
            root=self._root,
            recordings=self._job.recordings,
            worker=self._name,
            run_id=self._job.run_id,
            label=description.label,
            licences=description.licences,
            threads=self._job.threads,
        )
        portrait = self._load_portrait(shot, talking)
        return render.generate_take(
            shot,
            talker=talking.talker,
            portrait=portrait,
            context=context,
            progress=lambda *_: self._count_step(shot),
        )

    def _make_small(self, shot: Shot) -> Take:
        """Make a take with the talker's settings for less memory; the take notes this.

        The usual talker is unloaded for it.
        """
        self._usual = None
        gc.collect()
        settings = {**self._job.settings, **self._description.frugal}
        take = self._make_and_store(shot, _LoadedTalker(self._load_talker(settings)))
        measures = {**take.measure_values, "memory_retries": 1.0}
        return dataclasses.replace(take, measures=json.dumps(measures, sort_keys=True))

    def _count_step(self, shot: Shot) -> None:
        self._steps += 1
        if shot.shot_id in self._unwanted:
            raise _CancelledError

    def _load_portrait(self, shot: Shot, talking: _LoadedTalker) -> Portrait:
        kept = talking.portraits
        if shot.portrait_digest not in kept:
            from pipeline.render import portraits

            while len(kept) >= WARM_PORTRAITS:
                kept.pop(next(iter(kept)))
            path = self._find_portrait_file(shot)
            kept[shot.portrait_digest] = portraits.read(path, face=shot.face, name=shot.portrait)
        return kept[shot.portrait_digest]

    def _find_portrait_file(self, shot: Shot) -> Path:
        if self._storage is None:
            return self._job.folder / shot.portrait
        name = self._job.portraits[shot.portrait]
        return shared.fetch_file(self._storage, name, self._root / name)

    def _describe_failure(self, shot_id: str, error: Exception) -> ShotFailure:
        kind = classify_failure(error)
        reason = str(error)
        if not isinstance(error, InputError | ToolError | OSError | MemoryError | _CancelledError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}, line {place.lineno}"
            reason = f"{type(error).__name__}: {error} ({where})"
        return ShotFailure(
            shot_id=shot_id, kind=kind, reason=reason or type(error).__name__, suspect=self._name
        )


def scratch_folder(url: str) -> Path:
    """Name this machine's folder for files from a storage and for takes not yet stored in it."""
    return cache_folder() / layout.CACHED_WORK / digest(url)


def end_process(name: str) -> None:
    """Kill the worker of that name, if it is on this machine."""
    host, _, pid = name.rpartition("/")
    if host == socket.gethostname():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def classify_failure(error: Exception) -> FailureKind:
    """Classify an error: bad input, out of memory, disk full, cancelled, or a failed tool.

    >>> classify_failure(OSError(28, "No space left on device"))
    'full'
    """
    if isinstance(error, _CancelledError):
        return "cancelled"
    if isinstance(error, InputError):
        return "input"
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in NO_MEMORY):
        return "memory"
    if (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    ) or any(words in text for words in NO_SPACE):
        return "full"
    return "tool"
