# SPDX-License-Identifier: Apache-2.0
"""A production and its record, shared by all steps of the film.

`inputs`, `listening`, `cut`, `generate` and `finishing` are the steps. `episode` runs them as
Prefect tasks; `plan` calls them directly. A step that needs an engine first looks whether the
record has its result under the same key (`StepCache`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flows import intact
from manifests import layout
from manifests.errors import InputError, Problem
from manifests.rows import Recording, Row, Shot, Take
from manifests.run_rows import Event, new_event
from manifests.store import Store
from model.talker import TalkerSettings
from pipeline.render import render
from pipeline.script import production as productions
from pipeline.script.production import Production

R = TypeVar("R", bound=Row)
_UNFIT = re.compile(
    r"[\[\]^|\\\x00-\x1f]|%[0-9A-Fa-f]{2}"
)  # deltalake 1.6.6 panics over these, or reads them as escapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A production, its build folder and its record.

    Paths in rows are relative to `root`, the build folder.
    """

    production: Production
    root: Path
    store: Store

    @property
    def folder(self) -> Path:
        """Folder of the production's own files."""
        return self.production.folder

    @property
    def talker_settings(self) -> TalkerSettings:
        """Settings of the production's talker."""
        return self.resolve_talker_settings(self.production.talker)

    def resolve_talker_settings(self, talker: str) -> TalkerSettings:
        """Resolve the settings of a talker.

        They hold the size of the frames and, for the production's own talker, the production's
        settings.
        """
        own = dict(self.production.talker_settings) if talker == self.production.talker else {}
        weights = own.get("weights")
        # a folder: found from the production, wherever a worker stands
        if isinstance(weights, str) and weights:
            own["weights"] = str((self.folder / Path(weights).expanduser()).resolve())
        return {"size": self.production.generate.size, **own}


def open_project(folder: Path, out: Path | None = None) -> Project:
    """Read `production.toml`; nothing is created.

    Raises:
        InputError: production.toml is wrong, or the record cannot lie in the build folder.
    """
    production = productions.load(folder)
    root = (out or folder / layout.BUILD).resolve()
    if unfit := _UNFIT.search(str(root)):
        message = f"the record cannot lie in a folder whose path holds {unfit[0]!r}"
        expected = "another name, or --out with a folder elsewhere"
        raise InputError(Problem(file=str(root), message=message, expected=expected))
    return Project(production=production, root=root, store=Store(root / layout.RECORD))


def find_done_takes(project: Project, shots: Sequence[Shot]) -> dict[str, Take]:
    """Find the finished takes of shots, by shot id.

    A take is finished when its media are in place and undamaged, and its row is committed, or known
    from the file beside it after a crash. Nothing is written, so this is safe while a
    render runs; a render commits such takes with `commit_orphans`.
    """
    wanted = list(dict.fromkeys(shot.shot_id for shot in shots))
    rows = {take.shot_id: take for take in project.store.find_rows(Take, "shot_id", wanted)}
    takes = {key: take for key, take in rows.items() if (project.root / take.path).is_file()}
    orphans = (render.adopt_take(key, root=project.root) for key in wanted if key not in takes)
    takes |= {take.shot_id: take for take in orphans if take is not None}
    damaged = _find_damaged_takes(project, takes.values())
    return {key: take for key, take in takes.items() if key not in damaged}


def find_damaged_takes(project: Project, shots: Sequence[Shot]) -> set[str]:
    """Find the shots whose take is there but damaged, by shot id."""
    ids = dict.fromkeys(shot.shot_id for shot in shots)
    return _find_damaged_takes(project, project.store.find_rows(Take, "shot_id", ids))


def _find_damaged_takes(project: Project, takes: Iterable[Take]) -> set[str]:
    files = [name for take in takes for name in list_take_files(take)]
    damaged = intact.find_damaged(project.store, project.root, files)
    return {layout.identity_of(name) for name in damaged}


def list_take_files(take: Take) -> tuple[str, str]:
    """List the media of a take: its frames, and the matte that some takes have."""
    return take.path, layout.matte_file(take.shot_id)


def adopt_orphans(project: Project) -> int:
    """Commit the rows of all takes whose row lies beside the file only; return how many.

    Only the run that holds the production may call this.
    """
    keys = {layout.identity_of(file.name) for file in (project.root / layout.TAKES).glob("*.json")}
    keys -= project.store.find_keys(Take, "shot_id", keys)
    found = (render.adopt_take(key, root=project.root) for key in sorted(keys))
    takes = {take.shot_id: take for take in found if take is not None}
    commit_orphans(project, takes)
    return len(takes)


def commit_orphans(project: Project, takes: Mapping[str, Take]) -> None:
    """Commit the rows of takes that have none.

    Only the run that holds the production may call this.
    """
    if not takes:
        return
    known = project.store.find_keys(Take, "shot_id", takes)
    project.store.append([take for key, take in takes.items() if key not in known])


def count_timeline_samples(recordings: Sequence[Recording]) -> int:
    """Count the samples of the timeline, at 48 kHz."""
    return max(
        (recording.offset_samples + recording.samples for recording in recordings), default=0
    )


@dataclass(frozen=True, slots=True)
class StepCache:
    """Rows of a step, made once per key.

    An event records that the rows exist, also when there are none.
    """

    store: Store
    name: str
    key: str

    def __call__(self, kind: type[R], make: Callable[[], Sequence[R]], **where: str) -> list[R]:
        """Return the rows from the record; make them first when the key is new."""
        if not self.store.has(Event, name=self.name, subject=self.key):
            rows = make()
            self.store.append(rows)
            self.store.append(
                [new_event(self.name, self.key, actor="callsheet", detail=f"{len(rows)} rows")]
            )
        return self.store.read(kind, **where)
