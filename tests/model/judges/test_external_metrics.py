# SPDX-License-Identifier: Apache-2.0
"""The field's judges: files that a user put into the cache, here made small or untrained, and what
is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from model.judges import external_metrics


def test_graphs_and_archives_of_something_else_are_refused_before_anything_is_judged(
    cache: Path,
) -> None:
    for file in ("w600k_r50.onnx", "enet_b0_8_best_vgaf.onnx"):
        (cache / file).write_bytes(mean_of_channels())
    (cache / "i3d_torchscript.pt").write_bytes(b"no archive")
    with pytest.raises(InputError) as caught:
        external_metrics.ExternalMetrics(["arcface", "hsemotion", "i3d"], {})
    told = [(problem.message, problem.expected, problem.got) for problem in caught.value.problems]
    assert told[:2] == [
        ("not the graph of this judge", "512 numbers for a picture of 112 px", "3"),
        ("not the graph of this judge", "8 numbers for a picture of 224 px", "3"),
    ]
    assert told[2][0] == "not an archive of I3D that can be run"
    assert not list(cache.glob("*.sha256"))


def mean_of_channels() -> bytes:
    """An ONNX file written by hand (protobuf): GlobalAveragePool of [n, 3, height, width], then
    Flatten."""

    def field(number: int, content: bytes | str | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3, content])
        data = content.encode() if isinstance(content, str) else content
        return bytes([number << 3 | 2, len(data)]) + data

    def node(kind: str, given: str, made: str) -> bytes:
        return field(1, given) + field(2, made) + field(4, kind)

    def value(name: str, sides: tuple[str | int, ...]) -> bytes:
        shape = b"".join(
            field(1, field(2, side) if isinstance(side, str) else field(1, side)) for side in sides
        )
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    graph = field(1, node("GlobalAveragePool", "x", "mean")) + field(
        1, node("Flatten", "mean", "y")
    )
    graph += (
        field(2, "means")
        + field(11, value("x", ("n", 3, "h", "w")))
        + field(12, value("y", ("n", 3)))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
