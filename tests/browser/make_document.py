# SPDX-License-Identifier: Apache-2.0
"""A made-up production for the page's tests: a folder that opens from disk, with a film whose
pictures say which frame they are.

`python -m tests.browser.make_document FOLDER` writes one to look at. The numbers are burned in as
sixteen black and white blocks, which a test reads back from a screenshot, and as figures for
people.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from flows.review import pack
from pipeline import media
from pipeline.deliver.profiles import WEB
from pipeline.frame_writer import FrameWriter

RATE = Fraction(25)
SIZE = (160, 90)
BITS = 16
BAND = (36, 54)  # rows of the blocks: where neither captions nor labels lie over the picture
SHOT_FRAMES = 4
# added to the frame numbers of second takes, so that no test takes one picture for the other
TAKE_MARK = 1 << 14
HANDLES = 2
MOODS = ("happy", "sad", "angry", "surprised", "afraid", "disgusted", "contempt", "neutral")
CAST = (("MARA", "#d9a441"), ("JONAS", "#5aa9e6"), ("NADIA", "#8bc48a"), ("<b>OTTO</b>", "#c58bd1"))
HOSTILE = (
    "<img src=x onerror=\"document.title='broken'\"> & "
    "<script>document.title='broken'</script> <i>not slanted</i>"
)


def make(folder: Path, *, shots: int = 1000) -> Path:
    """Write the folder and return its `index.html`. Beside it, `unfinished.html` is the same
    without a version: sound and takes only."""
    for name, data in pack.build_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    written = document(shots)
    media_folder = folder / "media"
    media_folder.mkdir()
    film(media_folder / "film.mp4", range(written["frames"]))
    for take in written["shots"][1]["takes"]:  # all other shots show the same files
        mark = TAKE_MARK if take["seed"] == 8 else 0
        film(folder / take["url"], (mark + frame for frame in range(take["frames"])))
    Image.new("RGB", (160, 90), (96, 96, 96)).save(media_folder / "thumb.jpg")
    (folder / "data.js").write_text(f"window.CALLSHEET = {json.dumps(written)};\n")
    unfinished = {
        **written,
        "video": None,
        "version": None,
        "checks": [],
        "sound": written["video"],
        "digest": "unfinished",
    }
    (folder / "unfinished.js").write_text(f"window.CALLSHEET = {json.dumps(unfinished)};\n")
    page = (folder / "index.html").read_text()
    (folder / "unfinished.html").write_text(page.replace('"data.js"', '"unfinished.js"'))
    return folder / "index.html"


def document(shots: int) -> dict[str, Any]:
    """The document of an episode with so many shots of four frames each, as the server describes
    it."""
    entries = [_shot(order) for order in range(shots)]
    frames = shots * SHOT_FRAMES
    cues = [_cue(order, entry) for order, entry in enumerate(entries)]
    return {
        "format": 1,
        "title": "The Long Night",
        "episode": "e01",
        "kind": "episode",
        "rate": [25, 1],
        "size": list(SIZE),
        "frames": frames,
        "version": "v003",
        "label": "previs",
        "exported": True,
        "reviewer": "Kim",
        "revision": "r1",
        "digest": f"made-up-{shots}",
        "speakers": [
            {"character": name, "actor": f"Actor {at}", "color": color}
            for at, (name, color) in enumerate(CAST)
        ],
        "shots": entries,
        "cues": cues,
        "checks": _checks(),
        "decisions": [],
        "captions": None,
        "captions_text": _captions(cues[:50]),
        "cuts": [entry["first_frame"] for entry in entries],
        "video": "media/film.mp4",
        "programme_starts": 0,
        "sound": None,
        "peaks": [[-0.3 * (frame % 7) / 7, 0.4 * (frame % 11) / 11] for frame in range(frames)],
        "characters": [name for name, _ in CAST],
        "emotions": list(MOODS),
        "intensity_limit": 1.0,
    }


def _shot(order: int) -> dict[str, Any]:
    character = CAST[order % len(CAST)][0]
    mood = MOODS[order % len(MOODS)]
    number, first = f"sc{order // 50 + 1:02d}_sh{order % 50 * 10 + 10:03d}", order * SHOT_FRAMES
    text = (
        HOSTILE
        if order == 3
        else f"This is what {character.title()} says in line {order + 1}, and it is not short."
    )
    takes = [_take(number, first, seed) for seed in ((7, 8) if order == 1 else (7,))]
    return {
        "shot_id": f"id-{number}",
        "number": number,
        "scene": number[:4],
        "character": character,
        "actor": "Actor",
        "role": "speaks",
        "line_id": f"line-{order}",
        "line_ids": [f"line-{order}"],
        "text": text,
        "first_frame": first,
        "end_frame": first + SHOT_FRAMES,
        "frames": SHOT_FRAMES,
        "layer": 0,
        "video_frame": first,
        "emotion": f"{mood} 0.8",
        "curve": [[0, {mood: 0.8}], [3, {mood: 0.4}]],
        "seed": 7,
        "talker": "previs",
        "label": "previs",
        "state": "failed" if order == 9 else "done",
        "states": [],
        "withdrawn": [],
        "pending": [],
        "reason": "memory: out of memory" if order == 9 else "",
        "worker": "host/1",
        "since": "",
        "seconds": 3.2,
        "measures": {"rest_gap": 0.0381},
        "warnings": ["one eye is closed"] if order == 5 else [],
        "checks": [],
        "takes": takes,
        "thumb": "media/thumb.jpg",
        "before": "",
        "notes": [],
        "note": "",
        "priority": 0,
        "log": "started\ndone",
    }


def _take(number: str, first: int, seed: int) -> dict[str, Any]:
    return {
        "take_id": f"take-{number}-{seed}",
        "shot_id": f"id-{number}",
        "seed": seed,
        "emotion": "",
        "label": "previs",
        "current": seed == 7,
        "circled": False,
        "first_frame": first - HANDLES,
        "frames": SHOT_FRAMES + 2 * HANDLES,
        "url": f"media/take-{seed}.mp4",
        "measures": {"rest_gap": 0.01 * seed},
        "warnings": [],
        "worker": "host/1",
        "seconds": 3.2,
    }


def _cue(order: int, shot: dict[str, Any]) -> dict[str, Any]:
    start = shot["first_frame"] / 25
    doubtful = order % 10 == 4
    return {
        "line_id": shot["line_id"],
        "character": shot["character"],
        "text": shot["text"],
        "start": start,
        "end": start + 0.16,
        "confidence": 0.4 if doubtful else 0.97,
        "state": "doubtful" if doubtful else "matched",
        "reasons": ["two takes of nearly the same words"] if doubtful else [],
        "needs_ear": doubtful,
        "pending": False,
        "shots": [shot["number"]],
    }


def _checks() -> list[dict[str, Any]]:
    rows = (
        ("web", "loudness", "failed", 30),
        ("web", "faces", "warn", 20),
        ("master", "loudness", "ok", None),
    )
    return [
        {
            "id": f"{profile}: {name}",
            "name": name,
            "profile": profile,
            "state": state,
            "ok": state == "ok",
            "waived": None,
            "value": "-12 LUFS",
            "limit": "-16",
            "says": "",
            "frame": frame,
            "shot": "sc01_sh080" if frame == 30 else None,
        }
        for profile, name, state, frame in rows
    ]


def _captions(cues: Iterable[dict[str, Any]]) -> str:
    blocks = [
        f"{_time(cue['start'])} --> {_time(cue['end'])}\n<v Somebody>{_escaped(cue['text'])}"
        for cue in cues
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float) -> str:
    return f"00:{int(seconds) // 60:02d}:{seconds % 60:06.3f}"


def film(path: Path, numbers: Iterable[int]) -> None:
    """A film with sound, encoded as `web.mp4` is, of pictures that show these numbers."""
    raw = path.with_suffix(".mkv")
    with FrameWriter(raw, size=SIZE, rate=RATE) as writer:
        for number in numbers:
            writer.write(picture(number))
    tone = ["-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000"]
    picture_options = [
        word for name, value in WEB.picture.items() for word in (f"-{name}", str(value))
    ]
    arguments = [
        "-i",
        str(raw),
        *tone,
        *picture_options,
        "-preset",
        "veryfast",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-shortest",
    ]
    media.run([*arguments, "-threads", "1", "-movflags", "+faststart", str(path)])
    raw.unlink()


def picture(number: int) -> UInt8[np.ndarray, "height width 3"]:
    """A grey picture with the number in a band of blocks, the highest bit first, and in figures."""
    image = Image.new("RGB", SIZE, (110, 110, 110))
    ImageDraw.Draw(image).text((6, 6), str(number), fill=(240, 240, 240))
    pixels = np.array(image)
    width = SIZE[0] // BITS
    for bit in range(BITS):
        on = number >> (BITS - 1 - bit) & 1
        pixels[BAND[0] : BAND[1], bit * width : (bit + 1) * width] = 235 if on else 20
    return pixels


def number_in(screenshot: bytes) -> int:
    """The number that is burned into a picture, read from a screenshot of exactly that picture."""
    pixels = np.asarray(Image.open(BytesIO(screenshot)).convert("L"))
    height, width = pixels.shape
    row = pixels[round(height * sum(BAND) / 2 / SIZE[1])]
    bits = [row[round((bit + 0.5) * width / BITS)] > 128 for bit in range(BITS)]
    return sum(1 << (BITS - 1 - at) for at, on in enumerate(bits) if on)


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))}\n")
