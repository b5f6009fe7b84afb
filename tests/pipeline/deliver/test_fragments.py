# SPDX-License-Identifier: Apache-2.0
"""Fragmented MP4 files are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from pipeline.deliver import fragments


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U",
        b"\0\0\0\x08moof",
        b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0" * 64,
    ],
)
def test_what_is_no_fragmented_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable fragmented MP4"):
        fragments.read_fragments(path)
