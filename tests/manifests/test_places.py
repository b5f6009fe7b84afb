# SPDX-License-Identifier: Apache-2.0
"""Where the record may lie: folders with any name that people give, and a clear word about those
that its engine cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.project import open_project
from manifests import query
from manifests.errors import InputError
from manifests.rows import Consent
from manifests.run_rows import Event, new_event
from manifests.store import Store
from manifests.upkeep import maintain_tables


@pytest.mark.parametrize("name", ["Meine Szene ü", "100% #1? it's {a+b} & *x*", "灯台"])
def test_a_record_is_asked_and_kept_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name / "manifests")
    store.replace(Consent, [Consent(consent_id="c1", subject="Mara Voss", covers="likeness")])
    store.append([new_event("said ü/1", "x", actor="me")])
    maintain_tables(store, kinds=(Event,), many=1)
    assert query.run_query(store, "select consent_id from consents").rows == (("c1",),)
    assert query.run_query(store, "select name from all_events order by 1").rows == (
        ("said ü/1",),
        ("snapshot",),
    )
    assert all(Path(file).is_file() for kind in (Consent, Event) for file in store.list_files(kind))


@pytest.mark.parametrize("name", ["cut [final]", "a|b", "a^b", "my%20film", "a\\b", "a\tb"])
def test_a_folder_that_the_record_cannot_lie_in_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    (folder / "recordings").mkdir(parents=True)
    (folder / "recordings" / "a.wav").touch()
    for file in ("script.fountain", "cast.csv", "consents.csv"):
        (folder / file).touch()
    (folder / "production.toml").write_text('title = "T"\nrecordings = ["recordings/a.wav"]\n')
    with pytest.raises(InputError, match="the record cannot lie in a folder"):
        open_project(folder)
    assert open_project(folder, tmp_path / "elsewhere").root == tmp_path / "elsewhere"


def test_an_answer_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 1000000 rows"):
        query.run_query(Store(tmp_path), "select 1 from range(3000000000)")
