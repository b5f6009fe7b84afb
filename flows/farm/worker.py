# SPDX-License-Identifier: Apache-2.0
"""What runs inside one Ray actor: one loaded talker that makes the takes of the shots it is given.

Frames go from the talker into a file on shared storage; only the take's row comes back. Portraits stay warm, because the pool
prefers to send a worker shots of the actor it has just drawn.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.engines import settle
from manifests.errors import InputError, ToolError
from manifests.rows import Recording, Shot, Take
from model.talker import Portrait, Settings, describe, load
from pipeline.render import Studio, generate

WARM_PORTRAITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all shots of one run share. `folder` is the production, `root` its build folder."""

    folder: Path
    root: Path
    recordings: Sequence[Recording]
    talker: str
    settings: Settings
    run_id: str
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a shot was not made. `kind` is `input` (never retried) or `tool`; `suspect` names the worker."""

    shot_id: str
    kind: str
    reason: str
    suspect: str = ""


class Worker:
    """One talker, loaded once. Becomes a Ray actor in `pool`."""

    def __init__(self, job: Job) -> None:
        """Load the talker. Raises InputError when weights are missing."""
        settle()
        import cv2
        import torch

        cv2.setNumThreads(1)
        torch.set_num_threads(job.threads)
        description = describe(job.talker, job.settings)
        self._job = job
        self._name = f"{socket.gethostname()}/{os.getpid()}"
        self._talker = load(job.talker, job.settings)
        self._portraits: dict[str, Portrait] = {}
        self._studio = Studio(
            root=job.root,
            recordings=job.recordings,
            worker=self._name,
            run_id=job.run_id,
            label=description.label,
            licences=description.licences,
            threads=job.threads,
        )

    def make(self, shot: Shot) -> Take | Failure:
        """Make one take. Errors come back as values: an exception of an actor means that the actor itself is gone."""
        try:
            return generate(shot, talker=self._talker, portrait=self._portrait(shot), studio=self._studio)
        except InputError as error:
            return Failure(shot_id=shot.shot_id, kind="input", reason=str(error), suspect=self._name)
        except (ToolError, OSError, MemoryError) as error:
            return Failure(shot_id=shot.shot_id, kind="tool", reason=str(error), suspect=self._name)

    def _portrait(self, shot: Shot) -> Portrait:
        if shot.portrait_digest not in self._portraits:
            from pipeline import portraits

            while len(self._portraits) >= WARM_PORTRAITS:
                self._portraits.pop(next(iter(self._portraits)))
            path = self._job.folder / shot.portrait
            self._portraits[shot.portrait_digest] = portraits.read(path, face=shot.face, name=shot.portrait)
        return self._portraits[shot.portrait_digest]
