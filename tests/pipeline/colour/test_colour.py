# SPDX-License-Identifier: Apache-2.0
"""Test colour arithmetic against published values and its own inverses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.colour import colour

# Sharma, Wu and Dalal 2005, table 1: Lab pairs and their CIEDE2000 difference.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""

colours = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(np.array)


def test_ciede2000_gives_the_published_differences_both_ways() -> None:
    table = np.array([line.split() for line in SHARMA.split("\n") if line], dtype=np.float64)
    first, second, published = table[:, :3], table[:, 3:6], table[:, 6]
    assert np.abs(colour.delta_e(first, second) - published).max() < 6e-5
    assert np.allclose(colour.delta_e(first, second), colour.delta_e(second, first))


@given(colours)
def test_lab_and_srgb_come_back(rgb: np.ndarray) -> None:
    assert np.allclose(colour.lab_to_rgb(colour.rgb_to_lab(rgb)), rgb, atol=1e-6)
    assert np.allclose(colour.linear_to_srgb(colour.srgb_to_linear(rgb)), rgb, atol=1e-6)


def test_srgb_is_decoded_on_both_sides_of_the_edge_of_the_standard() -> None:
    edge = np.array([0.04045, np.nextafter(0.04045, 1)])
    expected = [0.04045 / 12.92, ((0.04045 + 0.055) / 1.055) ** 2.4]
    assert np.abs(colour.srgb_to_linear(edge) - expected).max() < 1e-12


def test_white_is_exactly_neutral() -> None:
    assert np.allclose(colour.rgb_to_lab(np.ones(3)), [100, 0, 0], atol=1e-9)


@given(st.lists(st.floats(0.6, 1.6), min_size=3, max_size=3).map(np.array), st.integers(0, 2**16))
def test_monge_kantorovich_finds_a_known_gain_exactly(gain: np.ndarray, seed: int) -> None:
    cloud = np.random.default_rng(seed).uniform(0.1, 0.6, (400, 3)) @ np.array(
        [[1, 0.3, 0.1], [0, 1, 0.2], [0, 0, 1]]
    )
    even = np.ones(len(cloud))
    matrix, offset = colour.estimate_monge_kantorovich(
        colour.compute_moments(cloud, even), colour.compute_moments(cloud * gain, even), floor=1e-12
    )
    assert np.allclose(cloud @ matrix.T + offset, cloud * gain, atol=1e-5)


def test_reinhard_matches_mean_and_spread() -> None:
    random = np.random.default_rng(7)
    source, target = random.normal(0.4, 0.1, (500, 3)), random.normal(0.6, 0.2, (500, 3))
    even = np.ones(500)
    matrix, offset = colour.estimate_reinhard(
        colour.compute_moments(source, even), colour.compute_moments(target, even)
    )
    moved = source @ matrix.T + offset
    assert np.allclose(moved.mean(axis=0), target.mean(axis=0))
    assert np.allclose(moved.std(axis=0), target.std(axis=0), rtol=1e-3)


def test_a_cube_file_keeps_an_affine_map_between_its_points(tmp_path: Path) -> None:
    matrix = np.array([[0.8, 0.1, 0.0], [0.05, 0.9, 0.0], [0.0, 0.1, 0.7]])
    colour.write_cube(
        tmp_path / "a.cube", colour.sample_cube(lambda rgb: rgb @ matrix.T), title='look "one"\n'
    )
    cube = colour.read_cube(tmp_path / "a.cube")
    rgb = np.random.default_rng(0).uniform(0, 1, (200, 3))
    assert np.abs(colour.apply_cube(cube, rgb) - rgb @ matrix.T).max() < 2e-6
    assert [p.name for p in tmp_path.iterdir()] == ["a.cube"]


# an identity of two points a side
GREYS = ["0 0 0", "1 0 0", "0 1 0", "1 1 0", "0 0 1", "1 0 1", "0 1 1", "1 1 1"]


def halved(rows: list[str]) -> list[str]:
    return [row.replace("1", "0.5") for row in rows]


@pytest.mark.parametrize(
    ("lines", "gain"),
    [
        (["LUT_3D_SIZE 2", *GREYS], 1),
        (
            [
                "# made by hand",
                "",
                '  TITLE "a # b"',
                "lut_3d_size\t2  # points",
                *(f"  {row}\t" for row in GREYS),
                "",
            ],
            1,
        ),
        (["LUT_3D_SIZE 2", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 2 2 2", *GREYS], 0.5),
        (
            [
                "LUT_3D_SIZE 2",
                "DOMAIN_MIN -1 -1 -1",
                "DOMAIN_MAX 1 1 1",
                *(r.replace("0", "-1") for r in GREYS),
            ],
            1,
        ),
        (["LUT_3D_SIZE 2", "LUT_3D_INPUT_RANGE 0.0 4.0", *GREYS], 0.25),
        (["LUT_1D_SIZE 2", "0 0 0", "0.5 0.5 0.5"], 0.5),
        (["LUT_1D_SIZE 3", "LUT_1D_INPUT_RANGE 0 2", "0 0 0", "1 1 1", "2 2 2"], 1),
        (["DOMAIN_MAX 1 1 1", "LUT_3D_SIZE 2", *halved(GREYS)], 0.5),
    ],
    ids=[
        "plain",
        "loosely written",
        "domain to 2",
        "domain from -1",
        "input range",
        "1D",
        "1D with range",
        "size second",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_cubes_are_read_as_grading_programs_write_them(
    tmp_path: Path, lines: list[str], gain: float, newline: str
) -> None:
    (tmp_path / "look.cube").write_text(
        "\ufeff" + newline.join(lines), encoding="utf-8", newline=""
    )
    rgb = np.random.default_rng(1).uniform(0, 1, (50, 3))
    looked_up = colour.apply_cube(colour.read_cube(tmp_path / "look.cube"), rgb)
    assert np.abs(looked_up - gain * rgb).max() < 1e-6


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["LUT_3D_SIZE 2", "LUT_1D_SIZE 2", *GREYS], "not both"),
        (["LUT_3D_SIZE 2", "DOMAIN_MAX 0 0 0", *GREYS], "domain"),
        (["LUT_3D_SIZE 2", "DOMAIN_MAX 1 1", *GREYS], "domain"),
        (["LUT_3D_SIZE 2", "DOMAIN_MIN x y z", *GREYS], "domain"),
        (["LUT_3D_SIZE two", *GREYS], "size"),
        (["LUT_3D_SIZE 2", *GREYS[:-1], "1 1 0x1"], "not a number"),
        (["LUT_1D_SIZE 70000", "0 0 0"], "size"),
        (["hello"], "LUT_3D_SIZE"),
    ],
)
def test_a_cube_that_is_none_says_what_is_wrong(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    (tmp_path / "look.cube").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        colour.read_cube(tmp_path / "look.cube")


def test_a_cube_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    with pytest.raises(ValueError, match="needs 8 rows"):
        colour.read_cube(tmp_path / "b.cube")
