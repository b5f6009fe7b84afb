# SPDX-License-Identifier: Apache-2.0
"""Compose the picture of a lesson: where slides and presenter lie, and which frames they fill.

Every section has an identity of everything that is seen in it, counted from its own first frame.
So a changed slide costs one section, wherever it stands. `render_sections` encodes the sections and
joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manifests import identity, layout
from manifests.atomic_write import atomic_write
from manifests.rows import Cut, Grade, Shot, Take
from pipeline.assemble.assemble import Picture
from pipeline.cut import framing
from pipeline.deliver.profiles import Profile
from pipeline.lesson import slides as slide_stills
from pipeline.lesson.layouts import Arrangement, Placement, Rect, parse, place
from pipeline.lesson.slides import Slide
from pipeline.lesson.timing import TimedSection, TimedSlide

VERSION = "1"
SLIDE = "slide"  # the label of an event that is a slide
# fields of an event that are seen, besides its frames
SEEN = ("shot_id", "grade_id", "take_frame", "crop", "layer", "place", "mask")
MASK_SCALE = 4  # a mask is drawn larger and scaled down, for a smooth edge


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionInputs:
    """What sections are made of.

    `slides` by name, `takes` and `grades` by shot; `root`: the folder of the rows' paths; `base`:
    the arrangement where a section names none; `burn_in`: write the mark into previs pictures.
    """

    picture: Picture
    root: Path
    slides: Mapping[str, Slide]
    takes: Mapping[str, Take]
    grades: Mapping[str, Grade]
    base: Arrangement
    burn_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedSection:
    """A composed section: its time, where slide and presenter lie, and its events.

    Events are in frames of the timeline.
    """

    timed: TimedSection
    placement: Placement
    cuts: tuple[Cut, ...]


def compose_sections(
    sections: Sequence[TimedSection], inputs: SectionInputs
) -> list[ComposedSection]:
    """Place slides and presenter, and list the events of every section.

    Only small masks for round presenters are drawn.
    """
    return [_compose_section(section, inputs) for section in sections]


def place_section(section: TimedSection, inputs: SectionInputs) -> Placement:
    """Place slide and presenter in a section; the presenter keeps its place through all builds."""
    shown = [inputs.slides[slide] for slide in section.section.slides]
    arrangement = parse(section.section.layout, base=inputs.base)
    return place(
        arrangement,
        inputs.picture.size,
        slide_stills.collect_text_boxes(shown),
        art=sorted({box for slide in shown for box in slide.art}),
        full_bleed=all(slide.full_bleed for slide in shown),
    )


def identify_section(composed: ComposedSection, inputs: SectionInputs, profile: Profile) -> str:
    """Compute the identity of a section's file: what is seen in its frames, and how it is encoded.

    Frames are counted from the section's first.
    """
    start = composed.timed.start
    events = [
        [cut.start_frame - start, cut.end_frame - start, *(getattr(cut, name) for name in SEEN)]
        for cut in composed.cuts
    ]
    papers = [inputs.slides[shown.slide].paper for shown in composed.timed.slides]
    picture = [
        inputs.picture.width,
        inputs.picture.height,
        inputs.picture.rate,
        profile.pixel_format,
        dict(profile.picture),
    ]
    return identity.digest([VERSION, events, papers, picture, inputs.burn_in])


def locate_section(composed: ComposedSection, inputs: SectionInputs, profile: Profile) -> Path:
    """Return the path of a section's file, whether it exists or not."""
    return (
        inputs.root
        / layout.SECTIONS
        / f"{identify_section(composed, inputs, profile)}{Path(profile.file).suffix}"
    )


def _compose_section(section: TimedSection, inputs: SectionInputs) -> ComposedSection:
    placement = place_section(section, inputs)
    slides = [
        _make_slide_cut(shown, inputs.slides[shown.slide], placement.slide, inputs.picture.size)
        for shown in section.slides
        if placement.slide
    ]
    presenters = _make_presenter_cuts(section, inputs, placement)
    return ComposedSection(timed=section, placement=placement, cuts=(*slides, *presenters))


def _make_presenter_cuts(
    section: TimedSection, inputs: SectionInputs, placement: Placement
) -> list[Cut]:
    if not placement.presenter:
        return []
    mask = ""
    if placement.round:
        mask = str(_draw_mask(placement.presenter.width, inputs.root).relative_to(inputs.root))
    whole = Rect(0, 0, *inputs.picture.size)
    return [
        replace(
            _make_presenter_cut(shot, section, inputs, placement.presenter),
            layer=1 if placement.slide else 0,
            place="" if placement.presenter == whole else str(placement.presenter),
            mask=mask,
        )
        for shot in section.shots
    ]


def _make_slide_cut(shown: TimedSlide, slide: Slide, where: Rect, size: tuple[int, int]) -> Cut:
    return Cut(
        version="",
        order=0,
        shot_id=slide.digest,
        grade_id="",
        start_frame=shown.start,
        end_frame=shown.end,
        take_path=f"{layout.SLIDES}/{slide.path.name}",
        cube_path="",
        number=f"slide {shown.slide}",
        label=SLIDE,
        place="" if where == Rect(0, 0, *size) else str(where),
    )


def _make_presenter_cut(
    shot: Shot, section: TimedSection, inputs: SectionInputs, where: Rect
) -> Cut:
    """Make the event of the part of a shot that lies in the section, framed for its place."""
    take, grade = inputs.takes[shot.shot_id], inputs.grades.get(shot.shot_id)
    start, end = max(shot.start_frame, section.start), min(shot.end_frame, section.end)
    crop = framing.frame_take(take, (where.width, where.height))
    return Cut(
        version="",
        order=0,
        shot_id=shot.shot_id,
        grade_id=grade.grade_id if grade else "",
        start_frame=start,
        end_frame=end,
        take_path=take.path,
        cube_path=grade.cube_path if grade else "",
        number=shot.number,
        label=take.label,
        rate_num=shot.rate_num,
        rate_den=shot.rate_den,
        take_frame=start - shot.first_drawn,
        take_frames=take.frames,
        crop=f"{crop.left},{crop.top},{crop.width},{crop.height}",
    )


def _draw_mask(side: int, root: Path) -> Path:
    """Draw a grey still of a disc that fills a square of `side` pixels, once."""
    from PIL import Image, ImageDraw

    path = root / layout.MASKS / f"disc_{side}.png"
    if not path.is_file():
        large = Image.new("L", (side * MASK_SCALE, side * MASK_SCALE), 0)
        ImageDraw.Draw(large).ellipse(
            (0, 0, side * MASK_SCALE - 1, side * MASK_SCALE - 1), fill=255
        )
        with atomic_write(path) as partial:
            large.resize((side, side), Image.Resampling.BOX).save(partial)
    return path
