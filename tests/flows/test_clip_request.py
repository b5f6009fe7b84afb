# SPDX-License-Identifier: Apache-2.0
"""Everything that is wrong with a request for a clip is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.clip_request import ClipRequest, parse_fps
from flows.talk import make_clip
from manifests.errors import InputError


def test_all_that_is_wrong_with_a_request_is_told_at_once(tmp_path: Path) -> None:
    request = ClipRequest(
        portrait=tmp_path / "no.png",
        speech=tmp_path / "no.wav",
        out=tmp_path / "o.avi",
        emotion="hapy",
    )
    with pytest.raises(InputError) as told:
        make_clip(request)
    assert len(told.value.problems) == 4
    assert "'happy'" in str(told.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["0", "-25", "121", "24.5.1", "1e9", "25/0", "abc", ""])
def test_a_rate_that_no_clip_can_have_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--fps: .* is not a frame rate"):
        parse_fps(text)
