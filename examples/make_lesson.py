# SPDX-License-Identifier: Apache-2.0
"""Make the slides, the narration and the portrait of the sample lesson again. A user never needs
this; it is here as evidence.

    python examples/make_lesson.py slides python examples/make_lesson.py sound                  # in
    the environment that make_lighthouse.py describes python examples/make_lesson.py portrait
    KOFI.png

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

import make_lighthouse as voices
import numpy as np
from make_lighthouse import Said, Voice

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
voices.VOICES[KOFI] = Voice(
    level_db=0.0, timbre=(("jm_kumo", 1.0),), prosody=(("jm_kumo", 1.0),), pitch=1.04
)

NARRATION = (
    Said(
        character=KOFI,
        text="Hello, I am Kofi. In one minute you will know why every lighthouse blinks in its own way.",
        pause=0.8,
    ),
    Said(
        character=KOFI,
        text="The lamp inside a lighthouse is not very strong. The glass around it makes it strong.",
        pause=1.2,
    ),
    Said(
        character=KOFI,
        text="Rings of glass bend the light into one flat beam, and that beam can be seen from twenty miles away.",
        pause=0.6,
    ),
    Said(
        character=KOFI,
        text="When the glass turns, the beam sweeps over the sea. A ship sees a flash, and then it is dark.",
        pause=1.2,
    ),
    Said(
        character=KOFI,
        text="This light flashes three times, and then it rests for nine seconds. No other light on this coast does the same.",
        pause=0.7,
    ),
    Said(
        character=KOFI,
        text="So a captain counts the seconds, looks at the chart, and knows where the ship is.",
        pause=0.7,
    ),
    Said(
        character=KOFI,
        text="Imagine that night. No moon, no land, only black water.",
        pause=1.2,
        speed=0.94,
        gain_db=-1.5,
    ),
    Said(
        character=KOFI,
        text="And then one, two, three flashes. You know exactly where you are, and you are almost home.",
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
        (LESSON / "slides.pdf").write_bytes(slides())
    elif asked.verb == "sound":
        make_sound()
    else:
        voices.shrink(asked.picture, LESSON / "portraits" / "kofi.jpg")


def make_sound() -> None:
    """Speak the lesson and write the recording. Raises SystemExit when the script says something
    else.
    """
    rest = " ".join((LESSON / "lesson.md").read_text(encoding="utf-8").split())
    for said in NARRATION:
        _, found, rest = rest.partition(said.text)
        if not found:
            raise SystemExit(f"lesson.md does not hold, in this order: {said.text}")
    lines = [voices.speak(said) for said in NARRATION]
    voices.write_recording(
        LESSON / "recordings" / "narration.flac", voices.place(NARRATION, lines), lines
    )


# Slides


@dataclass
class Page:
    """A slide while it is drawn: PDF operators, in points from the upper left corner, and whether
    it shows the picture.
    """

    label: str
    operators: list[str] = field(default_factory=list)
    picture: bool = False

    def fill(self, colour: Colour) -> None:
        """Set the colour of what follows."""
        self.operators.append("{:.3f} {:.3f} {:.3f} rg".format(*colour))

    def box(self, left: float, top: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.fill(colour)
        self.operators.append(f"{left} {HIGH - top - height} {width} {height} re f")

    def shape(self, corners: Sequence[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self.fill(colour)
        (x, y), *others = corners
        path = [f"{x} {HIGH - y} m", *(f"{x} {HIGH - y} l" for x, y in others)]
        self.operators.append(" ".join([*path, "h f"]))

    def text(
        self,
        words: str,
        at: tuple[float, float],
        size: float,
        *,
        colour: Colour = INK,
        bold: bool = False,
    ) -> None:
        """One line of text whose baseline begins at a point."""
        self.fill(colour)
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "B" if bold else "R"
        self.operators.append(f"BT /{font} {size} Tf {at[0]} {HIGH - at[1]} Td ({escaped}) Tj ET")


def slides() -> bytes:
    """The PDF."""
    return pdf(
        [
            _title(),
            _lamp(),
            _rhythm(build=False),
            _rhythm(build=True),
            Page(label="4", picture=True),
        ],
        sea(),
    )


def _title() -> Page:
    page = Page(label="1")
    page.box(0, 0, WIDE, HIGH, NIGHT)
    page.shape([(610, 150), (960, 60), (960, 250)], (0.36, 0.36, 0.33))
    page.shape([(560, 470), (580, 170), (640, 170), (660, 470)], PAPER)
    page.box(573, 260, 74, 46, (0.75, 0.25, 0.2))
    page.box(566, 366, 88, 46, (0.75, 0.25, 0.2))
    page.box(584, 130, 52, 40, LAMP)
    page.shape([(576, 130), (610, 96), (644, 130)], (0.75, 0.25, 0.2))
    page.text("Why a lighthouse", (70, 220), 52, colour=PAPER, bold=True)
    page.text("blinks", (70, 282), 52, colour=PAPER, bold=True)
    page.text("One minute about light, glass and time", (70, 340), 22, colour=(0.7, 0.75, 0.85))
    return page


def _lamp() -> Page:
    page = _plain("2", "One small lamp")
    for number, words in enumerate(
        (
            "The lamp alone is weak.",
            "Rings of glass gather its light",
            "into one flat beam.",
            "Seen from 20 miles away.",
        )
    ):
        page.text(words, (70, 190 + 56 * number), 30)
    page.box(620, 216, 26, 90, LAMP)
    for ring in range(5):
        page.box(690 + 4 * abs(ring - 2), 150 + 46 * ring, 22, 38, (0.55, 0.72, 0.8))
        page.box(730, 166 + 46 * ring, 170, 6, LAMP)
    return page


def _rhythm(*, build: bool) -> Page:
    page = _plain("3b" if build else "3a", "Every light has a rhythm")
    page.text("The glass turns, and the beam sweeps over the sea.", (70, 180), 28)
    if build:
        for flash in range(3):
            page.box(80 + 66 * flash, 230, 34, 90, LAMP)
        page.box(80, 322, 800, 3, QUIET)
        page.text("3 flashes", (96, 356), 24)
        page.text("9 seconds of dark", (440, 356), 24)
        page.text("Count the seconds. Look at the chart. Know where you are.", (300, 470), 24)
    return page


def _plain(label: str, title: str) -> Page:
    page = Page(label=label)
    page.box(0, 0, WIDE, HIGH, PAPER)
    page.box(0, 0, 14, HIGH, LAMP)
    page.text(title, (70, 100), 44, bold=True)
    return page


def sea() -> np.ndarray:
    """A night at sea as a picture (height, width, 3) of bytes: sky, water, a lighthouse's beam."""
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


def pdf(pages: Sequence[Page], picture: np.ndarray) -> bytes:
    """The pages as a PDF file with page labels; the same bytes every time."""
    high, wide, _ = picture.shape
    pixels = zlib.compress(np.ascontiguousarray(picture).tobytes(), 9)
    labels = " ".join(f"{number} << /P ({page.label}) >>" for number, page in enumerate(pages))
    first = 6  # the number of the first page's object
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects: list[bytes] = [
        f"<< /Type /Catalog /Pages 2 0 R /Lang (en) /PageLabels << /Nums [{labels}] >> >>".encode(),
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] /MediaBox [0 0 {WIDE} {HIGH}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        _stream(
            pixels,
            f"/Type /XObject /Subtype /Image /Width {wide} /Height {high} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode ",
        ),
    ]
    for number, page in enumerate(pages):
        resources = "<< /Font << /R 3 0 R /B 4 0 R >> /XObject << /P 5 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /Resources {resources} /Contents {first + 2 * number + 1} 0 R >>".encode()
        )
        shown = [f"q {WIDE} 0 0 {HIGH} 0 0 cm /P Do Q"] if page.picture else []
        objects.append(_stream("\n".join([*shown, *page.operators]).encode("cp1252"), ""))
    return _file(objects)


def _stream(data: bytes, entries: str) -> bytes:
    return f"<< {entries}/Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
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
