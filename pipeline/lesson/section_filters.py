# SPDX-License-Identifier: Apache-2.0
"""Build the ffmpeg filter graph of a lesson's section: slides, presenter and the mark of a preview.

No text that people wrote reaches the filter graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.box import Box
from manifests.rows import Cut
from model.talkers import MARKS
from pipeline.assemble import edit_list
from pipeline.assemble.assemble import TO_BT709
from pipeline.deliver.profiles import Profile
from pipeline.lesson.compose import SLIDE, ComposedSection, SectionInputs
from pipeline.lesson.layouts import Rect

MARK_SHARE = 0.16  # height of the mark of a preview, as a share of the presenter's height


def build_reader(
    segment: edit_list.Segment, composed: ComposedSection, inputs: SectionInputs, profile: Profile
) -> list[str]:
    """Build the ffmpeg arguments that write a segment's finished raw frames to `pipe:1`."""
    graph = _FilterGraph(inputs)
    stream = _add_layers(graph, segment)
    marks = sorted({MARKS[layer.cut.label] for layer in segment.layers if layer.cut.label in MARKS})
    if inputs.burn_in and marks:
        stream = graph.add_mark(stream, " + ".join(marks), composed.placement.presenter)
    finish = ":".join(f"{name}={value}" for name, value in TO_BT709.items())
    graph.add_chain(stream, f"zscale={finish},format={profile.pixel_format},setsar=1", "out")
    return [
        *graph.inputs,
        *("-filter_complex", ";".join(graph.chains), "-map", "[out]"),
        *("-f", "rawvideo", "-fps_mode", "passthrough", "-frames:v", str(segment.frames)),
        "pipe:1",
    ]


def _add_layers(graph: _FilterGraph, segment: edit_list.Segment) -> str:
    stream = ""
    for layer in segment.layers:
        if layer.cut.label == SLIDE:
            slide = graph.section_inputs.slides[layer.cut.number.removeprefix("slide ")]
            picture = graph.add_slide(layer.cut, slide.paper)
        else:
            picture = graph.add_take(layer, segment.frames)
        stream = graph.overlay(stream, picture, layer.cut) if stream else picture
    return stream


def format_ratio(rate: Fraction) -> str:
    """Format a frame rate as ffmpeg reads it, such as `30000/1001`."""
    return f"{rate.numerator}/{rate.denominator}"


def list_options(options: Mapping[str, str | int]) -> list[str]:
    """List options as ffmpeg arguments, such as `-crf 18`."""
    return [word for name, value in options.items() for word in (f"-{name}", str(value))]


class _FilterGraph:
    """A filter graph under construction: inputs, and chains that join named streams."""

    def __init__(self, inputs: SectionInputs) -> None:
        self.section_inputs = inputs
        self.inputs: list[str] = []
        self.chains: list[str] = []
        self._count = 0

    def add_chain(self, streams: str | Sequence[str], filters: str, name: str = "") -> str:
        """Add a chain and return its output's name."""
        self._count += 1
        out = name or f"s{self._count}"
        names = [streams] if isinstance(streams, str) else streams
        self.chains.append("".join(f"[{stream}]" for stream in names) + f"{filters}[{out}]")
        return out

    def add_slide(self, cut: Cut, paper: str) -> str:
        """Add a slide held still, in its place on the colour of its own paper."""
        wide, high = self.section_inputs.picture.size
        where = cut.place_box or Box(0, 0, wide, high)
        filters = "format=gbrp"
        if where.size != (wide, high):
            filters += (
                f",zscale=w={where.width}:h={where.height}:filter=spline36,format=gbrp"
                f",pad={wide}:{high}:{where.left}:{where.top}:0x{paper}"
            )
        return self.add_chain(self._add_still(self.section_inputs.root / cut.take_path), filters)

    def add_take(self, layer: edit_list.Layer, frames: int) -> str:
        """Add a presenter's frames, cropped, scaled to their place and graded."""
        cut = layer.cut
        filters = self._list_take_filters(layer, frames)
        if cut.cube_path:
            cube = _escape(str((self.section_inputs.root / cut.cube_path).resolve()))
            filters += f",format=gbrp12le,lut3d=file={cube}:interp=tetrahedral"
        stream = self.add_chain(
            self._add_input(["-threads", "1"], self.section_inputs.root / cut.take_path),
            f"{filters},format=gbrp",
        )
        if not cut.mask:
            return stream
        mask = self.add_chain(self._add_still(self.section_inputs.root / cut.mask), "format=gray")
        return self.add_chain([self.add_chain(stream, "format=gbrap"), mask], "alphamerge")

    def _list_take_filters(self, layer: edit_list.Layer, frames: int) -> str:
        """List the filters that trim, crop and scale a take."""
        cut, picture = layer.cut, self.section_inputs.picture
        wide, high = cut.place_box.size if cut.place_box else picture.size
        assert cut.crop_box is not None  # presenters are framed when they are placed
        left, top, width, height = cut.crop_box
        last = layer.first + frames
        return (
            f"trim=start_frame={layer.first}:end_frame={last}"
            f",setpts=N/({format_ratio(picture.rate)})/TB"
            f",crop={width}:{height}:{left}:{top}:exact=1"
            f",zscale=w={wide}:h={high}:filter=spline36:rangein=full:range=full"
        )

    def overlay(self, below: str, above: str, cut: Cut) -> str:
        """Overlay a picture on another, in its place."""
        left, top = cut.place_box[:2] if cut.place_box else (0, 0)
        return self.add_chain([below, above], f"overlay={left}:{top}:format=gbrp")

    def add_mark(self, stream: str, text: str, presenter: Rect | None) -> str:
        """Add the mark of a preview, low in the presenter's picture."""
        where = presenter or Rect(0, 0, *self.section_inputs.picture.size)
        path, (wide, high) = _draw_mark(text, where, self.section_inputs.root)
        left, top = (
            where.left + (where.width - wide) // 2,
            where.bottom - high - max(2, where.height // 24),
        )
        return self.add_chain(
            [stream, self._add_input([], path)], f"overlay={left}:{top}:format=gbrp"
        )

    def _add_still(self, path: Path) -> str:
        return self._add_input(
            [
                "-loop",
                "1",
                "-framerate",
                format_ratio(self.section_inputs.picture.rate),
                "-threads",
                "1",
            ],
            path,
        )

    def _add_input(self, options: Sequence[str], path: Path) -> str:
        number = self.inputs.count("-i")
        self.inputs += [*options, "-i", f"file:{path.resolve()}"]
        return f"{number}:v"


def _draw_mark(text: str, where: Rect, root: Path) -> tuple[Path, tuple[int, int]]:
    """Draw the mark's words as a picture with alpha, once, and return its path and size.

    It fits into a presenter's place.
    """
    from PIL import Image, ImageDraw, ImageFont

    high = max(10, round(min(where.height * MARK_SHARE, 40)) // 2 * 2)
    size = high * 0.6
    room = where.width - high
    font = ImageFont.load_default(
        size=min(size, size * room / ImageFont.load_default(size=size).getlength(text))
    )
    wide = round(font.getlength(text) + high) // 2 * 2
    path = root / layout.MASKS / f"{text.lower().replace(' ', '_')}_{wide}x{high}.png"
    if not path.is_file():
        image = Image.new("RGBA", (wide, high), (0, 0, 0, 0))
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((0, 0, wide - 1, high - 1), radius=high // 2, fill=(0, 0, 0, 120))
        draw.text((wide // 2, high // 2), text, font=font, fill=(255, 255, 255, 210), anchor="mm")
        with atomic_write(path) as partial:
            image.save(partial)
    return path, (wide, high)


def _escape(text: str) -> str:
    """Escape a value for a filter's options, then for the graph."""
    return re.sub(r"([\\'\[\],;])", r"\\\1", re.sub(r"([\\':])", r"\\\1", text))
