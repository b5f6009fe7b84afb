# SPDX-License-Identifier: Apache-2.0
"""Make the slides, the narration and the portrait of the sample lesson again.

A user never needs this; it is here as evidence.

    python examples/make_lesson.py slides
    python examples/make_lesson.py sound    # in the environment of make_lighthouse.py
    python examples/make_lesson.py portrait KOFI.png

The slides are a PDF of five pages (page labels 1, 2, 3a, 3b, 4), written by hand in PDF 1.7 (ISO
32000-1) with the standard font Helvetica, so that their text is text. Page 4 is a picture that
fills the slide. The narration is spoken by Kokoro-82M.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import narration
import numpy as np
from make_lighthouse import save_jpeg
from narration import ScriptedLine, Voice

LESSON = Path(__file__).resolve().parent / "lesson"
WIDE, HIGH = 960, 540  # points
NIGHT, PAPER, INK, QUIET, LAMP = (
    (0.06, 0.11, 0.2),
    (0.97, 0.96, 0.93),
    (0.1, 0.13, 0.2),
    (0.42, 0.44, 0.5),
    (0.95, 0.7, 0.2),
)
Colour = tuple[float, float, float]

KOFI = "PRESENTER"
narration.VOICES[KOFI] = Voice(
    level_db=0.0, timbre=(("jm_kumo", 1.0),), prosody=(("jm_kumo", 1.0),), pitch=1.04
)

NARRATION = (
    ScriptedLine(
        character=KOFI,
        text=(
            "Hello, I am Kofi. In one minute you will know why every lighthouse blinks in its own"
            " way."
        ),
        pause=0.8,
    ),
    ScriptedLine(
        character=KOFI,
        text=(
            "The lamp inside a lighthouse is not very strong. The glass around it makes it strong."
        ),
        pause=1.2,
    ),
    ScriptedLine(
        character=KOFI,
        text=(
            "Rings of glass bend the light into one flat beam, and that beam can be seen from "
            "twenty miles away."
        ),
        pause=0.6,
    ),
    ScriptedLine(
        character=KOFI,
        text=(
            "When the glass turns, the beam sweeps over the sea. A ship sees a flash, and then it"
            " is dark."
        ),
        pause=1.2,
    ),
    ScriptedLine(
        character=KOFI,
        text=(
            "This light flashes three times, and then it rests for nine seconds. No other light "
            "on this coast does the same."
        ),
        pause=0.7,
    ),
    ScriptedLine(
        character=KOFI,
        text="So a captain counts the seconds, looks at the chart, and knows where the ship is.",
        pause=0.7,
    ),
    ScriptedLine(
        character=KOFI,
        text="Imagine that night. No moon, no land, only black water.",
        pause=1.2,
        speed=0.94,
        gain_db=-1.5,
    ),
    ScriptedLine(
        character=KOFI,
        text=(
            "And then one, two, three flashes. You know exactly where you are, and you are almost"
            " home."
        ),
        pause=0.8,
        pitch=1.02,
        gain_db=1.0,
    ),
)


def main() -> None:
    """Read the command line and make what it asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("slides")
    verbs.add_parser("sound")
    verbs.add_parser("portrait").add_argument("picture", type=Path)
    asked = parser.parse_args()
    if asked.verb == "slides":
        (LESSON / "slides.pdf").write_bytes(draw_slides())
    elif asked.verb == "sound":
        make_sound()
    else:
        save_jpeg(asked.picture, LESSON / "portraits" / "kofi.jpg")


def make_sound() -> None:
    """Speak the lesson and write the recording.

    Raises SystemExit when the script says something else.
    """
    rest = " ".join((LESSON / "lesson.md").read_text(encoding="utf-8").split())
    for line in NARRATION:
        _, found, rest = rest.partition(line.text)
        if not found:
            raise SystemExit(f"lesson.md does not hold this line, in this order: {line.text}")
    sounds = [narration.speak_line(line) for line in NARRATION]
    placed = narration.place_lines(NARRATION, sounds)
    narration.write_recording(LESSON / "recordings" / "narration.flac", placed, sounds)


# Slides


@dataclass
class SlidePage:
    """A slide that is being drawn, as PDF operators.

    Coordinates are in points from the upper left corner. `picture`: whether the slide shows it.
    """

    label: str
    operators: list[str] = field(default_factory=list)
    picture: bool = False

    def set_colour(self, colour: Colour) -> None:
        """Set the colour of what follows."""
        self.operators.append("{:.3f} {:.3f} {:.3f} rg".format(*colour))

    def draw_box(
        self, left: float, top: float, width: float, height: float, colour: Colour
    ) -> None:
        """Draw a filled rectangle."""
        self.set_colour(colour)
        self.operators.append(f"{left} {HIGH - top - height} {width} {height} re f")

    def draw_polygon(self, corners: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Draw a filled polygon."""
        self.set_colour(colour)
        (x, y), *others = corners
        path = [f"{x} {HIGH - y} m", *(f"{x} {HIGH - y} l" for x, y in others)]
        self.operators.append(" ".join([*path, "h f"]))

    def write_text(
        self,
        words: str,
        at: tuple[float, float],
        size: float,
        *,
        colour: Colour = INK,
        bold: bool = False,
    ) -> None:
        """Write one line of text whose baseline begins at a point."""
        self.set_colour(colour)
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "B" if bold else "R"
        self.operators.append(f"BT /{font} {size} Tf {at[0]} {HIGH - at[1]} Td ({escaped}) Tj ET")


def draw_slides() -> bytes:
    """Draw all slides into one PDF file."""
    return write_pdf(
        [
            _draw_title(),
            _draw_lamp(),
            _draw_rhythm(build=False),
            _draw_rhythm(build=True),
            SlidePage(label="4", picture=True),
        ],
        draw_sea(),
    )


def _draw_title() -> SlidePage:
    page = SlidePage(label="1")
    page.draw_box(0, 0, WIDE, HIGH, NIGHT)
    page.draw_polygon([(610, 150), (960, 60), (960, 250)], (0.36, 0.36, 0.33))
    page.draw_polygon([(560, 470), (580, 170), (640, 170), (660, 470)], PAPER)
    page.draw_box(573, 260, 74, 46, (0.75, 0.25, 0.2))
    page.draw_box(566, 366, 88, 46, (0.75, 0.25, 0.2))
    page.draw_box(584, 130, 52, 40, LAMP)
    page.draw_polygon([(576, 130), (610, 96), (644, 130)], (0.75, 0.25, 0.2))
    page.write_text("Why a lighthouse", (70, 220), 52, colour=PAPER, bold=True)
    page.write_text("blinks", (70, 282), 52, colour=PAPER, bold=True)
    page.write_text(
        "One minute about light, glass and time", (70, 340), 22, colour=(0.7, 0.75, 0.85)
    )
    return page


def _draw_lamp() -> SlidePage:
    page = _start_page("2", "One small lamp")
    for number, words in enumerate(
        (
            "The lamp alone is weak.",
            "Rings of glass gather its light",
            "into one flat beam.",
            "Seen from 20 miles away.",
        )
    ):
        page.write_text(words, (70, 190 + 56 * number), 30)
    page.draw_box(620, 216, 26, 90, LAMP)
    for ring in range(5):
        page.draw_box(690 + 4 * abs(ring - 2), 150 + 46 * ring, 22, 38, (0.55, 0.72, 0.8))
        page.draw_box(730, 166 + 46 * ring, 170, 6, LAMP)
    return page


def _draw_rhythm(*, build: bool) -> SlidePage:
    page = _start_page("3b" if build else "3a", "Every light has a rhythm")
    page.write_text("The glass turns, and the beam sweeps over the sea.", (70, 180), 28)
    if build:
        for flash in range(3):
            page.draw_box(80 + 66 * flash, 230, 34, 90, LAMP)
        page.draw_box(80, 322, 800, 3, QUIET)
        page.write_text("3 flashes", (96, 356), 24)
        page.write_text("9 seconds of dark", (440, 356), 24)
        page.write_text("Count the seconds. Look at the chart. Know where you are.", (300, 470), 24)
    return page


def _start_page(label: str, title: str) -> SlidePage:
    page = SlidePage(label=label)
    page.draw_box(0, 0, WIDE, HIGH, PAPER)
    page.draw_box(0, 0, 14, HIGH, LAMP)
    page.write_text(title, (70, 100), 44, bold=True)
    return page


def draw_sea() -> np.ndarray:
    """Draw a night at sea, (height, width, 3) bytes: sky, water, a lighthouse and its beam."""
    high, wide = 540, 960
    down, across = np.mgrid[0:high, 0:wide] / [[[high]], [[wide]]]
    noise = np.random.default_rng(4)
    light = 0.05 + 0.1 * (1 - down) + 0.02 * noise.standard_normal((high, wide))
    stars = (noise.random((high, wide)) > 0.9985) & (down < 0.55)
    light = light + 0.6 * stars
    waves = np.sin(1080 * (down - 0.6).clip(0) ** 0.5 + 9 * np.sin(across * 14))
    water = down > 0.62
    light = np.where(water, 0.06 + 0.03 * waves + 0.03 * noise.standard_normal((high, wide)), light)
    beam = np.exp(
        -(((down - 0.45) - 0.06 * (0.8 - across)) ** 2)
        / (0.0006 + 0.02 * (0.8 - across).clip(0) ** 2)
    ) * (across < 0.8)
    tower = (
        (abs(across - 0.8) < 0.008 + 0.012 * (down - 0.42).clip(0)) & (down > 0.42) & (down < 0.66)
    )
    rgb = (
        light[..., None] * [0.7, 0.85, 1.3]
        + beam[..., None] * 0.5 * np.array([1.0, 0.9, 0.6]) * (~water | (beam > 0.4))[..., None]
    )
    rgb = np.where(tower[..., None], 0.02, rgb)
    coded: np.ndarray = (rgb.clip(0, 1) ** 0.8 * 255 + 0.5).astype(np.uint8)
    return coded


def write_pdf(pages: Sequence[SlidePage], picture: np.ndarray) -> bytes:
    """Write the pages as a PDF file with page labels; the same bytes every time."""
    high, wide, _ = picture.shape
    pixels = zlib.compress(np.ascontiguousarray(picture).tobytes(), 9)
    labels = " ".join(f"{number} << /P ({page.label}) >>" for number, page in enumerate(pages))
    first = 6  # the number of the first page's object
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    size = f"/MediaBox [0 0 {WIDE} {HIGH}]"
    entries = f"/Width {wide} /Height {high} /ColorSpace /DeviceRGB /BitsPerComponent 8 "
    objects: list[bytes] = [
        f"<< /Type /Catalog /Pages 2 0 R /Lang (en) /PageLabels << /Nums [{labels}] >> >>".encode(),
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] {size} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        _build_stream(pixels, f"/Type /XObject /Subtype /Image {entries}/Filter /FlateDecode "),
    ]
    for number, page in enumerate(pages):
        resources = "<< /Font << /R 3 0 R /B 4 0 R >> /XObject << /P 5 0 R >> >>"
        contents = f"/Contents {first + 2 * number + 1} 0 R"
        page_object = f"<< /Type /Page /Parent 2 0 R /Resources {resources} {contents} >>"
        objects.append(page_object.encode())
        shown = [f"q {WIDE} 0 0 {HIGH} 0 0 cm /P Do Q"] if page.picture else []
        objects.append(_build_stream("\n".join([*shown, *page.operators]).encode("cp1252"), ""))
    return _join_objects(objects)


def _build_stream(data: bytes, entries: str) -> bytes:
    return f"<< {entries}/Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _join_objects(objects: Sequence[bytes]) -> bytes:
    written, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(written)
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    written += (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    )
    return bytes(written)


if __name__ == "__main__":
    main()
