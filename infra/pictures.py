# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the README: `python -m infra.pictures film|readme [FOLDER]`.

`film` cuts moments of the rendered example into an animated picture, in docs/images. `readme` draws
the README as a code host does, as wide as a phone and a desk, in .cache/readme, and names what is
too wide.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from flows.project import open_project
from manifests.query import run_query
from pipeline import media

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
EXAMPLE = ROOT / "examples" / "lighthouse"
ANIMATED = "lighthouse.webp"

SIZE = (640, 360)
EVERY = 2  # frames of the film a frame of the picture: 25 becomes 12.5 a second
QUALITY = 84  # of WebP; the picture has about 1 MB
README_FOLDER = ROOT / ".cache" / "readme"  # these pictures are not committed
WIDTHS = {390: "readme-390.png", 1440: "readme-1440.png"}

SHOTS = """
SELECT number, start_frame, rate_num, rate_den, s.character, l.performance
FROM shots s JOIN lines l
ON l.character = s.character AND list_contains(string_split(s.line_ids, '|'), l.line_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A stretch of a shot, from so many seconds after its first frame."""

    shot: str
    start: Fraction
    seconds: Fraction


def moment(shot: str, start: str, seconds: str) -> Moment:
    """Make a moment of decimal seconds."""
    return Moment(shot=shot, start=Fraction(start), seconds=Fraction(seconds))


MOMENTS = (  # three people and their emotions, in the order of the film
    moment("sc01_sh050", "0.2", "1.4"),
    moment("sc01_sh060", "0.2", "1.3"),
    moment("sc01_sh080", "1.9", "2.3"),
    moment("sc02_sh060", "2.2", "3.4"),
    moment("sc02_sh090", "0.3", "1.3"),
)


def draw_film(folder: Path = EXAMPLE) -> list[Image.Image]:
    """Draw the moments of a rendered production, each frame with who is seen and how they feel."""
    project = open_project(folder)
    shots = {row[0]: row[1:] for row in run_query(project.store, SHOTS).rows}
    film = folder / "build" / "deliverables" / "latest" / "web.mp4"
    return [picture for part in MOMENTS for picture in draw_moment(film, part, shots[part.shot])]


def draw_moment(film: Path, part: Moment, shot: tuple[Any, ...]) -> Iterator[Image.Image]:
    """Draw the frames of a moment."""
    first, numerator, denominator, character, performance = shot
    rate = Fraction(numerator, denominator)
    start = Fraction(first) / rate + part.start
    frames = media.read_frames(film, width=SIZE[0], height=SIZE[1], start=start)
    for frame in itertools.islice(frames, 0, int(part.seconds * rate), EVERY):
        yield label_picture(Image.fromarray(frame), f"{character}   {performance}")


def label_picture(picture: Image.Image, text: str) -> Image.Image:
    """Write a label into the lower left corner."""
    font = ImageFont.load_default(18)
    left, top = 16, picture.height - 38
    box = (left - 8, top - 5, left + int(font.getlength(text)) + 8, top + 25)
    shade = Image.new("L", picture.size, 0)
    ImageDraw.Draw(shade).rounded_rectangle(box, radius=5, fill=150)
    picture.paste((12, 14, 18), (0, 0), shade)
    ImageDraw.Draw(picture).text((left, top), text, font=font, fill=(240, 240, 240))
    return picture


def save_film(pictures: list[Image.Image], path: Path) -> None:
    """Save an animated picture that plays for ever."""
    milliseconds = 1000 * EVERY // 25
    first, *others = pictures
    options = {"duration": milliseconds, "loop": 0, "quality": QUALITY, "method": 6}
    first.save(path, format="WEBP", save_all=True, append_images=others, **options)


STYLE = """
body { font: 16px/1.5 "Noto Sans", "DejaVu Sans", sans-serif; color: #1f2328; margin: 0 }
main { max-width: 830px; margin: 0 auto; padding: 16px; overflow-wrap: break-word }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: .3em; line-height: 1.25 }
h1 { font-size: 2em } h2 { font-size: 1.5em; margin-top: 24px }
p, ul, table, pre { margin: 0 0 16px } ul { padding-left: 2em }
a { color: #0969da; text-decoration: none } img { max-width: 100% }
code { font: 85%/1.45 "DejaVu Sans Mono", monospace; background: #818b981f; border-radius: 6px }
code { padding: .2em .4em; overflow-wrap: anywhere }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto }
pre code { background: none; padding: 0; font-size: 13.6px; overflow-wrap: normal }
table { display: block; width: max-content; max-width: 100%; overflow: auto }
table { border-collapse: collapse } th, td { border: 1px solid #d1d9e0; padding: 6px 13px }
"""


def build_page(markdown: str) -> str:
    """Build a web page from Markdown, in the manner of code hosts."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(markdown)
    head = f'<meta charset="utf-8"><base href="{ROOT.as_uri()}/"><style>{STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body><main>{body}</main></body></html>"


TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll('table, img, pre')]
    .filter(part => part.scrollWidth > part.clientWidth + 1)
    .map(part => `${part.tagName}: ${part.scrollWidth} of ${part.clientWidth} px`)"""


def find_too_wide(page: Any, width: int) -> list[str]:
    """Find the page, tables, pictures and code that do not fit into a window of that width."""
    page.set_viewport_size({"width": width, "height": 900})
    return list(page.evaluate(TOO_WIDE))


def show_readme(folder: Path) -> list[str]:
    """Save pictures of the README in a folder; return what was too wide."""
    from playwright.sync_api import sync_playwright

    source = folder / "readme.html"
    source.write_text(build_page((ROOT / "README.md").read_text()))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto(source.as_uri())
        wide = [f"{width} px: {what}" for width in WIDTHS for what in find_too_wide(page, width)]
        for width, name in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=folder / name, full_page=True)
        browser.close()
    source.unlink()
    return wide


def main() -> None:
    """Draw what the command line asks for."""
    what, *rest = sys.argv[1:]
    usual = IMAGES if what == "film" else README_FOLDER
    folder = Path(rest[0]) if rest else usual
    folder.mkdir(parents=True, exist_ok=True)
    if what == "film":
        save_film(draw_film(), folder / ANIMATED)
    else:
        sys.stdout.writelines(f"too wide: {line}\n" for line in show_readme(folder))


if __name__ == "__main__":
    main()
