# SPDX-License-Identifier: Apache-2.0
"""Draw `docs/images/layouts.jpg`: the starter in every layout, upright and transparent.

`python -m benchmarks.finishing_pictures [FOLDER]`. The production is made in FOLDER and kept there,
else in a temporary folder. Three frames of each are drawn.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from flows import listening
from flows.cut import CurrentCut, cut_recordings
from flows.finishing import episode
from flows.inputs import read_inputs
from flows.project import Project, open_project
from flows.starter import write_starter
from flows.version import VersionInputs
from manifests.rows import Take
from model.talkers import load
from pipeline import media
from pipeline.deliver import contact_sheet
from pipeline.render import portraits
from pipeline.render.render import RenderContext, generate_take

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LAYOUTS = ("single", "full-plate", "two-hander", "picture-in-picture")
CELL = (320, 180)
SHARES = (0.15, 0.45, 0.85)  # where in the film the frames are taken

Cell = tuple[np.ndarray, str, str]


def main() -> None:
    """Render and tile."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary) / "scene"
        if not folder.exists():
            write_starter(folder)
        plain = re.sub(
            'size = "1280x720"', 'size = "640x360"', (folder / "production.toml").read_text()
        )
        cells: list[Cell] = []
        for layout in LAYOUTS:
            profiles = ["web", "vertical", "alpha"] if layout == "single" else ["web"]
            version = render(folder, plain, layout, profiles)
            cells += read_three_frames(version / "web.mp4", CELL, f"layout = {layout}")
            if "vertical" in profiles:
                upright = list(read_three_frames(version / "vertical.mp4", (180, 320), "vertical"))
                people = list(read_on_checkers(version / "alpha.mov", "alpha, over checkers"))
        (folder / "production.toml").write_text(plain)
        contact_sheet.tile_pictures(cells, IMAGES / "layouts.png", columns=3)
        contact_sheet.tile_pictures(upright, IMAGES / "upright.png", columns=3)
        contact_sheet.tile_pictures(people, IMAGES / "transparent.png", columns=3)
    for name in ("layouts", "upright", "transparent"):
        with Image.open(IMAGES / f"{name}.png") as image:
            image.convert("RGB").save(IMAGES / f"{name}.jpg", quality=85)
        (IMAGES / f"{name}.png").unlink()


def render(folder: Path, plain: str, layout: str, profiles: list[str]) -> Path:
    """Render a version of the production in a layout, in this process.

    Twelve seconds need no farm.
    """
    settings = plain.replace(
        'profiles = ["web", "master"]', f"profiles = {profiles}".replace("'", '"')
    )
    (folder / "production.toml").write_text(
        settings + f'\n[layout]\ndefault = "{layout}"\n\n[generate]\nsize = 512\n'
    )
    film = open_project(folder)
    inputs = read_inputs(film)
    cutting = cut_recordings(film, inputs, listening.ingest_recordings(film, inputs))
    takes = list(_render_takes(film, cutting))
    inputs_of_version = VersionInputs(
        shots=cutting.shots, takes=takes, cues=cutting.corrected.cues, recordings=cutting.recordings
    )
    return episode.make_version(
        film,
        inputs_of_version,
        episode.build_cuts(film, inputs_of_version, episode.match_colours(film, inputs_of_version)),
    ).folder


def _render_takes(film: Project, cutting: CurrentCut) -> Iterator[Take]:
    talker = load(film.production.talker, film.talker_settings)
    context = RenderContext(
        root=film.root,
        recordings=cutting.recordings,
        worker="here",
        run_id="pictures",
        label="previs",
    )
    for shot in cutting.shots:
        portrait = portraits.read(film.folder / shot.portrait, face=shot.face, name=shot.portrait)
        yield generate_take(shot, talker=talker, portrait=portrait, context=context)


def read_three_frames(video: Path, size: tuple[int, int], title: str) -> Iterator[Cell]:
    """Yield three frames of a video, with a title under the first."""
    everything = list(media.read_frames(video, width=size[0], height=size[1]))
    for number, share in enumerate(SHARES):
        yield everything[int(share * len(everything))], title if not number else "", ""


def read_on_checkers(video: Path, title: str) -> Iterator[Cell]:
    """Yield three frames of a transparent video over a grey checkerboard."""
    flat = video.with_name(".checkers.mkv")
    wide, high = CELL
    board = (
        f"color=gray:s={wide}x{high},geq=lum='if(mod(floor(X/16)+floor(Y/16),2),190,"
        "120)':cb=128:cr=128"
    )
    over = f"[1:v]{board.partition(',')[2]}[b];[0:v]scale={wide}:{high}[p];[b][p]overlay=shortest=1"
    media.run(
        [
            "-i",
            str(video),
            "-f",
            "lavfi",
            "-i",
            board.partition(",")[0],
            "-filter_complex",
            over,
            "-an",
            "-c:v",
            "libx264",
            "-crf",
            "12",
            str(flat),
        ]
    )
    yield from read_three_frames(flat, CELL, title)
    flat.unlink()


if __name__ == "__main__":
    main()
