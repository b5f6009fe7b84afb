# SPDX-License-Identifier: Apache-2.0
"""Slides: stills of the delivered size with where their text is, the same identity for the same
pixels, every wrong file named."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont

from manifests.errors import InputError
from pipeline.lesson import slides
from pipeline.lesson.layouts import Arrangement, Rect, place

SAMPLE = Path(__file__).parents[3] / "examples" / "lesson" / "slides.pdf"
SIZE = (640, 360)
PAGES = ("1", "2", "3a", "3b", "4")


def drawn(
    text: str = "", size: tuple[int, int] = SIZE, paper: tuple[int, int, int] = (250, 250, 245)
) -> Image.Image:
    image = Image.new("RGB", size, paper)
    ImageDraw.Draw(image).text((40, 40), text, font=ImageFont.load_default(24), fill=(20, 20, 30))
    return image


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def folder_of(tmp_path: Path, **pictures: Image.Image) -> Path:
    folder = tmp_path / "slides"
    folder.mkdir()
    for name, image in pictures.items():
        image.save(folder / f"{name}.png")
    return folder


def test_a_pdf_gives_stills_of_the_delivered_size_under_their_page_labels(tmp_path: Path) -> None:
    found = slides.read(SAMPLE, size=SIZE, root=tmp_path)
    assert tuple(slide.name for slide in found) == tuple(slides.list_names(SAMPLE)) == PAGES
    assert {pixels_of(slide.path).shape for slide in found} == {(360, 640, 3)}
    assert [slide.full_bleed for slide in found] == [False, False, False, False, True]
    assert "Rings of glass" in found[1].text


def unboxed_strokes(slide: slides.Slide) -> int:
    """How many dark pixels of a slide lie in none of its text boxes."""
    dark = pixels_of(slide.path).astype(int).sum(axis=2) < 300
    for box in slide.boxes:
        dark[box.top : box.bottom, box.left : box.right] = False
    return int(dark.sum())


def test_every_dark_stroke_of_a_text_slide_lies_in_its_text_boxes_or_is_a_drawing(
    tmp_path: Path,
) -> None:
    # 3a: a title, a line, a yellow bar at the left
    build = slides.read(SAMPLE, size=(1280, 720), root=tmp_path)[2]
    assert unboxed_strokes(build) == 0


@contextlib.contextmanager
def slide_changed(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    """A PDF of the sample's slide 3a alone, saved to `path` when its page was changed."""
    with pypdfium2.PdfDocument(SAMPLE) as document, pypdfium2.PdfDocument.new() as single:
        single.import_pages(document, [2])
        yield single
        single.save(path)


@pytest.mark.parametrize("turned", [90, 180])
def test_text_is_found_where_it_is_drawn_on_turned_and_cropped_pages(
    tmp_path: Path, turned: int
) -> None:
    with slide_changed(tmp_path / "turned.pdf") as document:
        document[0].set_rotation(turned)
        document[0].set_cropbox(50, 60, 930, 540)
    (build,) = slides.read(tmp_path / "turned.pdf", size=SIZE, root=tmp_path)
    assert build.boxes and unboxed_strokes(build) == 0


def test_words_of_a_scanned_page_are_text(tmp_path: Path) -> None:
    drawn("Words that a scanner saw").save(tmp_path / "scan.pdf")
    (scan,) = slides.read(tmp_path / "scan.pdf", size=SIZE, root=tmp_path)
    assert scan.boxes and unboxed_strokes(scan) == 0


def test_words_in_a_picture_on_a_slide_are_text_and_those_of_a_backdrop_are_not(
    tmp_path: Path,
) -> None:
    screenshot = drawn("A button in a screenshot")
    for name, share in (("part", 0.6), ("backdrop", 1.0)):
        with slide_changed(tmp_path / f"{name}.pdf") as document:
            page = document[0]
            picture = pypdfium2.PdfImage.new(document)
            picture.set_bitmap(pypdfium2.PdfBitmap.from_pil(screenshot))
            picture.set_matrix(pypdfium2.PdfMatrix().scale(960 * share, 540 * share))
            page.insert_obj(picture)
            page.gen_content()
    with slide_changed(tmp_path / "plain.pdf"):
        pass
    plain, part, backdrop = (
        slides.read(tmp_path / f"{name}.pdf", size=SIZE, root=tmp_path)[0].boxes
        for name in ("plain", "part", "backdrop")
    )
    assert set(plain) < set(part) and plain == backdrop
    assert all(box.top > 144 - 6 and box.right < 384 + 6 for box in set(part) - set(plain))


def test_pictures_of_sixteen_bits_and_turned_photographs_are_seen_as_people_see_them(
    tmp_path: Path,
) -> None:
    folder = folder_of(
        tmp_path, **{"1": Image.fromarray(np.full((90, 160), 0x4000, dtype=np.uint16))}
    )
    turned = Image.new("RGB", (90, 160), (10, 20, 30))
    turned.paste((240, 230, 220), (0, 0, 90, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # "the right side is the top"
    turned.save(folder / "2.jpg", quality=95, exif=exif)
    deep, photograph = (
        pixels_of(slide.path) for slide in slides.read(folder, size=SIZE, root=tmp_path)
    )
    assert (deep == 0x40).all()
    assert photograph[180, 600].max() > 200 and photograph[180, 40].max() < 50


def test_on_the_sample_slides_no_pixel_of_text_lies_under_the_presenter(tmp_path: Path) -> None:
    found = {slide.name: slide for slide in slides.read(SAMPLE, size=(1280, 720), root=tmp_path)}
    for names in (["1"], ["2"], ["3a", "3b"]):
        shown = [found[name] for name in names]
        placed = place(
            Arrangement(),
            (1280, 720),
            slides.collect_text_boxes(shown),
            art=[r for s in shown for r in s.art],
        )
        assert placed.covered == 0 and placed.presenter is not None
        box = placed.presenter
        for slide in shown:
            under = pixels_of(slide.path)[box.top : box.bottom, box.left : box.right].reshape(-1, 3)
            assert len(np.unique(under, axis=0)) < 9, (
                f"something is drawn under the presenter on slide {slide.name}"
            )


def test_what_was_read_once_is_read_from_its_stills(tmp_path: Path) -> None:
    first = slides.read(SAMPLE, size=SIZE, root=tmp_path)
    before = {slide.path: slide.path.stat().st_mtime_ns for slide in first}
    assert slides.read(SAMPLE, size=SIZE, root=tmp_path) == first
    first[0].path.unlink()
    again = slides.read(SAMPLE, size=SIZE, root=tmp_path)
    assert again == first and all(
        path.stat().st_mtime_ns == time for path, time in before.items() if path != first[0].path
    )


def test_pictures_are_named_by_their_numbers_and_ordered(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, **{"s10": drawn("x"), "s2b": drawn("b"), "s2a": drawn("a"), "cover": drawn("c")}
    )
    assert slides.list_names(folder) == ["2a", "2b", "10", "cover"]
    assert [slide.name for slide in slides.read(folder, size=SIZE, root=tmp_path)] == [
        "2a",
        "2b",
        "10",
        "cover",
    ]


def test_the_same_pixels_are_the_same_slide_whatever_the_file(tmp_path: Path) -> None:
    one = slides.read(folder_of(tmp_path, **{"1": drawn("same")}), size=SIZE, root=tmp_path)[0]
    (tmp_path / "other").mkdir()
    drawn("same").save(tmp_path / "other" / "9.webp", lossless=True)
    other = slides.read(tmp_path / "other", size=SIZE, root=tmp_path)[0]
    assert one.digest == other.digest and one.name != other.name


def test_words_in_a_picture_are_found_and_paper_and_gradients_are_not(tmp_path: Path) -> None:
    ramp = Image.fromarray(
        np.linspace(0, 255, 640).astype(np.uint8)[None, :, None].repeat(360, 0).repeat(3, 2)
    )
    folder = folder_of(tmp_path, **{"1": drawn("Words on a slide"), "2": drawn(), "3": ramp})
    words, paper, gradient = slides.read(folder, size=SIZE, root=tmp_path)
    left, top, right, bottom = (
        f([getattr(b, e) for b in words.boxes])
        for f, e in ((min, "left"), (min, "top"), (max, "right"), (max, "bottom"))
    )
    assert left <= 42 and top <= 48 and 200 < right < 320 and 60 < bottom < 90
    assert not paper.boxes and not gradient.boxes and not gradient.full_bleed


def test_a_slide_of_another_shape_stands_on_its_own_paper(tmp_path: Path) -> None:
    slide = slides.read(
        folder_of(tmp_path, **{"1": drawn("x", (400, 300), (200, 30, 30))}),
        size=SIZE,
        root=tmp_path,
    )[0]
    pixels = pixels_of(slide.path)
    assert slide.paper == "c81e1e" and (pixels[:, :70] == (200, 30, 30)).all()


def test_files_that_are_no_slides_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (tmp_path / "script.md").write_text("# hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, message in (
        ("broken.pdf", "cannot be read"),
        ("script.md", "not slides"),
        ("empty", "no slides"),
        ("missing.pdf", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            slides.list_names(tmp_path / name)
    with pytest.raises(InputError, match="not a readable picture"):
        slides.read(tmp_path / "torn", size=SIZE, root=tmp_path)


def bare_pdf(path: Path, *, trailer: str = "") -> None:
    """A PDF of no page, with more in its trailer."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 0 /Kids [] >>"]
    text, places = "%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    start = len(text)
    text += f"xref\n0 3\n0000000000 65535 f \n{table}trailer\n<< /Size 3 /Root 1 0 R {trailer} >>\n"
    text += f"startxref\n{start}\n%%EOF\n"
    path.write_text(text)


def test_a_locked_pdf_and_one_without_pages_are_told_of(tmp_path: Path) -> None:
    bare_pdf(tmp_path / "none.pdf")
    with pytest.raises(
        InputError,
        match=r"none.pdf: the PDF cannot be read \(expected a complete PDF of 1 to 500 pages",
    ):
        slides.list_names(tmp_path / "none.pdf")
    lock = f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'ab' * 32}> /U <{'cd' * 32}> >>"
    bare_pdf(tmp_path / "locked.pdf", trailer=f"/Encrypt {lock} /ID [<{'01' * 16}> <{'01' * 16}>]")
    with pytest.raises(InputError, match=r"locked.pdf: the PDF needs a password"):
        slides.list_names(tmp_path / "locked.pdf")


def test_a_damaged_pdf_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = SAMPLE.read_bytes()
    chance = random.Random(7)
    for number in range(8):
        damaged = bytearray(whole[: len(whole) - 700 * number])
        for _ in range(20):
            damaged[chance.randrange(len(damaged) - 5000, len(damaged))] = chance.randrange(256)
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            assert slides.read(path, size=(160, 90), root=tmp_path)


def test_two_pictures_of_one_number_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, **{"a1": drawn("x"), "b1": drawn("y")})
    with pytest.raises(InputError, match="two slides are called '1'"):
        slides.list_names(folder)


def test_text_boxes_stay_inside_the_picture(tmp_path: Path) -> None:
    for slide in slides.read(SAMPLE, size=(320, 180), root=tmp_path):
        assert all(
            Rect(0, 0, 320, 180).overlap(box) == box.width * box.height for box in slide.boxes
        )
