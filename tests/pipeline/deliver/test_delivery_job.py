# SPDX-License-Identifier: Apache-2.0
"""The identity of a delivered file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from manifests.rows import Cut
from pipeline.assemble import assemble
from pipeline.deliver import delivery_job, profiles
from tests.pipeline.deliver.test_deliver import job_for
from tests.pipeline.tiny_film import TinyFilm, eight_bit, portrait, tone

SIZE = (320, 180)


def test_the_identity_of_a_file_changes_with_what_is_in_it_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    film = TinyFilm(tmp_path / "media")
    film.add([eight_bit(portrait("mara"))] * 2)
    job = job_for(film, tone(film.samples))
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    first = delivery_job.compute_deliverable_id(cuts, job, profiles.WEB)
    again = assemble.build_cuts(film.shots, film.takes, [], version="v002", size=SIZE)
    assert (
        delivery_job.compute_deliverable_id(
            again, dataclasses.replace(job, sound_path=Path("/x")), profiles.WEB
        )
        == first
    )
    changed = [
        delivery_job.compute_deliverable_id([_graded_id(cuts[0])], job, profiles.WEB),
        delivery_job.compute_deliverable_id(
            cuts, dataclasses.replace(job, sound_id="x"), profiles.WEB
        ),
        delivery_job.compute_deliverable_id(
            cuts, dataclasses.replace(job, burn_in=False), profiles.WEB
        ),
        delivery_job.compute_deliverable_id(cuts, job, profiles.MASTER),
    ]
    assert len({first, *changed}) == 5


def _graded_id(cut: Cut) -> Cut:
    return dataclasses.replace(cut, grade_id="other")
