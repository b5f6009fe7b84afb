# SPDX-License-Identifier: Apache-2.0
"""Files of external metrics: where they are had, and that they stay the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from manifests.errors import InputError
from model.judges import external, external_metrics


def test_files_that_are_not_there_are_all_named_with_where_they_are_had_and_their_licence(
    cache: Path,
) -> None:
    with pytest.raises(InputError) as caught:
        external_metrics.ExternalMetrics([judge.name for judge in external.EXTERNAL_JUDGES], {})
    told = str(caught.value)
    assert len(caught.value.problems) == len(external.EXTERNAL_JUDGES)
    for judge in external.EXTERNAL_JUDGES:
        assert str(cache / judge.file) in told
        assert judge.source in told
        assert judge.licence in told


def test_an_unknown_judge_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'arcface'"):
        external.find_judge("arc-face")


def test_another_file_than_the_one_that_was_used_first_is_refused(cache: Path) -> None:
    file = cache / "w600k_r50.onnx"
    file.write_bytes(b"half of")
    assert external.locate_weights("arcface") == file
    file.write_bytes(b"first")
    external.record_digest("arcface")  # only what was loaded
    assert (cache / "w600k_r50.onnx.sha256").read_text().strip() == hashlib.sha256(
        b"first"
    ).hexdigest()
    file.write_bytes(b"second")
    with pytest.raises(InputError, match="not the file that was used before"):
        external.locate_weights("arcface")
