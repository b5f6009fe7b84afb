# SPDX-License-Identifier: Apache-2.0
"""Portrait files as people have them."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from manifests.errors import InputError
from pipeline import media
from pipeline.render import portraits

ACTOR = Path(__file__).parents[3] / "examples" / "lighthouse" / "portraits" / "mara.png"


def picture(path: Path, size: tuple[int, int] = (320, 256), **options: object) -> Path:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 2] = (200, 40, 10)
    PIL.Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_png_jpeg_and_webp_are_read(tmp_path: Path, name: str) -> None:
    read = portraits.read(picture(tmp_path / name))
    assert read.pixels.shape == (256, 320, 3)
    assert abs(int(read.pixels[10, 10, 0]) - 200) < 12
    assert read.alpha is None


def test_a_camera_held_sideways_gives_an_upright_portrait(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    read = portraits.read(picture(tmp_path / "turned.jpg", exif=exif, quality=95))
    assert read.pixels.shape == (320, 256, 3)
    assert read.pixels[160, 250, 0] > 150
    assert read.pixels[160, 5, 0] < 60


def swapped_profile() -> bytes:
    """A profile of our own: sRGB whose red and blue lights are exchanged, under another name."""
    made = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    return (
        made.replace(b"rXYZ", b"tmp ")
        .replace(b"bXYZ", b"rXYZ")
        .replace(b"tmp ", b"bXYZ")
        .replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    )


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_colours_are_those_that_the_embedded_profile_means(tmp_path: Path, name: str) -> None:
    read = portraits.read(picture(tmp_path / name, icc_profile=swapped_profile()))
    assert read.pixels[10, 10, 2] > 180
    assert read.pixels[10, 10, 0] < 60


@pytest.mark.parametrize("profile", [b"", b"rubbish" * 40, "sRGB"])
def test_srgb_and_profiles_that_say_nothing_leave_pixels_as_they_are(
    tmp_path: Path, profile: bytes | str
) -> None:
    if isinstance(profile, str):
        profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    read = portraits.read(picture(tmp_path / "a.png", icc_profile=profile))
    assert tuple(read.pixels[10, 10]) == (200, 40, 10)


def test_transparency_survives_a_profile(tmp_path: Path) -> None:
    pixels = np.full((256, 256, 4), 255, np.uint8)
    pixels[:128, :, 3] = 90
    PIL.Image.fromarray(pixels).save(tmp_path / "cut.png", icc_profile=swapped_profile())
    read = portraits.read(tmp_path / "cut.png")
    assert read.alpha is not None
    assert (read.alpha[0, 0], read.alpha[200, 0]) == (90, 255)


def test_grey_of_sixteen_bits_is_read_by_its_upper_eight(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 256 * 256).astype(np.uint16).reshape(256, 256)
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png")
    read = portraits.read(tmp_path / "grey.png")
    assert (read.pixels[..., 0] == grey >> 8).all()


def test_transparency_is_kept(tmp_path: Path) -> None:
    pixels = np.full((256, 256, 4), 255, np.uint8)
    pixels[:128, :, 3] = 0
    PIL.Image.fromarray(pixels).save(tmp_path / "cut.png")
    read = portraits.read(tmp_path / "cut.png")
    assert read.alpha is not None
    assert read.alpha[0, 0] == 0
    assert read.alpha[200, 0] == 255


def test_the_identity_follows_the_pixels_and_the_choice_of_face_not_the_name(
    tmp_path: Path,
) -> None:
    one, two = (
        portraits.read(picture(tmp_path / "a.png")),
        portraits.read(picture(tmp_path / "b.png")),
    )
    assert one.digest == two.digest
    assert portraits.read(tmp_path / "a.png", face="left").digest != one.digest
    changed = one.pixels.copy()
    changed[0, 0, 0] ^= 1
    assert portraits.build_portrait(changed, name="a.png").digest != one.digest


def test_wrong_files_are_refused_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "cut.png").write_bytes(ACTOR.read_bytes()[:5000])
    picture(tmp_path / "small.png", (200, 300))
    for name, message in (
        ("missing.png", "no such file"),
        ("text.png", "not a readable picture"),
        ("cut.png", "not a readable picture"),
        ("small.png", "too small"),
    ):
        with pytest.raises(InputError, match=message):
            portraits.read(tmp_path / name)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(InputError, match=r"bomb\.png"):
        portraits.read(tmp_path / "bomb.png")


@pytest.mark.proof
def test_of_a_film_the_frame_with_a_face_is_taken(tmp_path: Path) -> None:
    actor = PIL.Image.open(ACTOR).convert("RGB").resize((320, 320))
    face, blank = np.asarray(actor), np.full((320, 320, 3), 70, np.uint8)
    arguments = ["-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", str(tmp_path / "film.mp4")]
    _write(tmp_path / "film.mp4", [blank] * 10 + [face] * 15, arguments)
    read = portraits.read(tmp_path / "film.mp4")
    assert np.abs(read.pixels.astype(int) - face).mean() < 6
    _write(tmp_path / "empty.mp4", [blank] * 10, [*arguments[:-1], str(tmp_path / "empty.mp4")])
    with pytest.raises(InputError, match="no face was found"):
        portraits.read(tmp_path / "empty.mp4")


def _write(path: Path, frames: list[np.ndarray], arguments: list[str]) -> None:
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
    height, width = frames[0].shape[:2]
    rate = str(Fraction(25))
    given = [
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        rate,
        "-i",
        str(raw),
    ]
    media.run([*given, *arguments])
