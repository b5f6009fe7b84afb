# SPDX-License-Identifier: Apache-2.0
"""Machines without a common disk hand files over through storage."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from flows.farm import shared
from flows.farm.farm_settings import FarmCallbacks, FarmSettings
from flows.farm.pool import make_takes
from flows.farm.ray_actor import ShotFailure, scratch_folder
from flows.project import open_project
from manifests.rows import Take
from pipeline.storage import Storage
from tests.conftest import Rendered
from tests.flows.farm.test_pool import job_of


def test_machines_without_a_common_disk_hand_takes_over_through_storage(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    storage = Storage(str(tmp_path / "shared"))
    portraits = shared.send_inputs(
        storage, shots[:2], job.recordings, folder=job.folder, root=job.root
    )
    nowhere = Path("/nowhere")
    far = replace(job, folder=nowhere, root=nowhere, storage=storage.url, portraits=portraits)
    results: list[Take | ShotFailure] = []
    make_takes(
        shots[:2],
        job=far,
        settings=FarmSettings(workers=1),
        hooks=FarmCallbacks(result=results.append),
    )
    wanted = [shot.shot_id for shot in shots[:2]]
    assert [result.shot_id for result in results if isinstance(result, Take)] == wanted
    assert list((scratch_folder(storage.url) / "media/takes").iterdir()) == [], (
        "nothing stays on the worker's machine"
    )
    brought = shared.fetch_takes(storage, wanted, root=tmp_path / "here")
    truth = {take.shot_id: take.media_digest for take in open_project(film.folder).store.read(Take)}
    assert {take.shot_id: take.media_digest for take in brought} == {
        shot_id: truth[shot_id] for shot_id in wanted
    }
    (tmp_path / "shared" / "takes" / f"{wanted[0]}.mkv").write_bytes(b"damaged")
    assert [
        take.shot_id for take in shared.fetch_takes(storage, wanted, root=tmp_path / "there")
    ] == wanted[1:]
    shutil.rmtree(scratch_folder(storage.url))
