# SPDX-License-Identifier: Apache-2.0
"""Sections and builds on the timeline: no gap, no overlap, chapters on the frame of the first
word."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cue, Shot
from pipeline.lesson import markdown, timing
from pipeline.lesson.lesson_script import LessonScript
from pipeline.script.emotion_synonyms import load_words

WORDS = load_words()
RATES = st.sampled_from([Fraction(25), Fraction(24), Fraction(30000, 1001), Fraction(50)])


def lesson(sections: int, lines: int, builds: bool) -> LessonScript:
    def body(number: int) -> str:
        said = [
            f"{f'<!-- slide {number}{chr(97 + line)} -->' if builds else ''}words {number} {line}."
            for line in range(lines)
        ]
        return f"# Section {number}\n" + "\n\n".join(said)

    return markdown.parse("\n\n".join(map(body, range(1, sections + 1))), file="x.md", words=WORDS)


def cue(line_id: str, start: int, end: int) -> Cue:
    return Cue(
        line_id=line_id,
        recording_id="r",
        character="PRESENTER",
        start=start,
        end=end,
        text="words",
        performance="",
        status="matched" if start >= 0 else "missing",
        confidence=1.0,
    )


def shot(scene: str, start: int, end: int, rate: Fraction) -> Shot:
    return Shot(
        shot_id=f"{start}",
        number=f"sh{start}",
        order=start,
        scene=scene,
        character="PRESENTER",
        actor="A",
        role="speaking",
        line_ids="",
        text="",
        lang="en",
        performance="[]",
        start_frame=start,
        end_frame=end,
        rate_num=rate.numerator,
        rate_den=rate.denominator,
        portrait="p",
        portrait_digest="",
        face="only",
        audio_digest="",
        seed=0,
        width=64,
        height=64,
        talker="previs",
        talker_version="1",
        weights_digest="",
        talker_settings="{}",
    )


@st.composite
def heard(draw: st.DrawFn) -> tuple[LessonScript, list[Cue], list[Shot], Fraction]:
    rate = draw(RATES)
    script = lesson(draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.booleans()))
    now, cues = 0, list[Cue]()
    for line in script.lines:
        start = now + draw(st.integers(0, 96_000))
        now = start + draw(st.integers(10_000, 200_000))
        missed = draw(st.integers(0, 9)) == 0
        cues.append(cue(line.line_id, -1, -1) if missed else cue(line.line_id, start, now))
    total = timing.round_to_frame(now, rate) + 25
    edges = sorted({0, total, *draw(st.lists(st.integers(1, max(1, total - 1)), max_size=6))})
    scenes = [section.title for section in script.sections]
    shots = [
        shot(draw(st.sampled_from(scenes)), first, last, rate)
        for first, last in itertools.pairwise(edges)
    ]
    return script, cues, shots, rate


@given(heard())
def test_sections_cover_the_timeline_and_chapters_lie_on_the_first_words(
    found: tuple[LessonScript, list[Cue], list[Shot], Fraction],
) -> None:
    script, cues, shots, rate = found
    stretches = timing.lay_out_sections(script, cues, shots, rate=rate)
    starts = {cue.line_id: cue.start for cue in cues if cue.start >= 0}
    total = shots[-1].end_frame
    if not starts:
        assert stretches == [] and len(timing.find_unheard_sections(script, stretches)) == len(
            script.sections
        )
        return
    assert [stretch.start for stretch in stretches] == [
        0,
        *(stretch.end for stretch in stretches[:-1]),
    ]
    assert stretches[-1].end == total and all(stretch.start < stretch.end for stretch in stretches)
    for stretch in stretches:
        first = min(starts[line_id] for line_id in stretch.section.line_ids if line_id in starts)
        assert abs(stretch.chapter - first * rate / 48000) <= 1
        assert stretch.start <= stretch.chapter < stretch.end
        assert [shown.start for shown in stretch.slides] == [
            stretch.start,
            *(shown.end for shown in stretch.slides[:-1]),
        ]
        assert stretch.slides[-1].end == stretch.end
        assert all(shown.start < shown.end for shown in stretch.slides)
        covered = [max(shot.start_frame, stretch.start) for shot in stretch.shots]
        assert covered and covered[0] == stretch.start


def test_a_section_begins_with_its_own_cut_and_a_build_with_its_first_word() -> None:
    script = lesson(2, 2, builds=True)
    ids = [line.line_id for line in script.lines]
    cues = [
        cue(ids[0], 0, 40_000),
        cue(ids[1], 48_000, 90_000),
        cue(ids[2], 192_000, 240_000),
        cue(ids[3], 288_000, 300_000),
    ]
    rate = Fraction(25)
    shots = [shot("Section 1", 0, 92, rate), shot("Section 2", 92, 170, rate)]
    one, two = timing.lay_out_sections(script, cues, shots, rate=rate)
    assert (one.end, two.start, two.chapter) == (92, 92, 100)
    assert [(shown.slide, shown.start) for shown in (*one.slides, *two.slides)] == [
        ("1a", 0),
        ("1b", 25),
        ("2a", 92),
        ("2b", 150),
    ]


def test_a_build_whose_line_was_not_heard_comes_up_with_the_next_that_was() -> None:
    script = lesson(1, 3, builds=True)
    ids = [line.line_id for line in script.lines]
    cues = [cue(ids[0], 0, 40_000), cue(ids[1], -1, -1), cue(ids[2], 96_000, 120_000)]
    (only,) = timing.lay_out_sections(
        script, cues, [shot("Section 1", 0, 80, Fraction(25))], rate=Fraction(25)
    )
    assert [(shown.slide, shown.start, shown.end) for shown in only.slides] == [
        ("1a", 0, 50),
        ("1c", 50, 80),
    ]


def test_sections_of_one_title_in_one_shot_begin_with_their_own_first_words() -> None:
    script = markdown.parse("# Same\nwords one.\n\n# Same\nwords two.\n", file="x.md", words=WORDS)
    ids = [line.line_id for line in script.lines]
    cues = [cue(ids[0], 9_600, 40_000), cue(ids[1], 96_000, 120_000)]
    one, two = timing.lay_out_sections(
        script, cues, [shot("Same", 0, 80, Fraction(25))], rate=Fraction(25)
    )
    assert (one.start, one.chapter, one.end) == (0, 5, 50) and (
        two.start,
        two.chapter,
        two.end,
    ) == (50, 50, 80)


@given(RATES, st.lists(st.integers(1, 500_000), min_size=1, max_size=6))
def test_recordings_on_the_grid_of_a_lesson_begin_on_whole_frames(
    rate: Fraction, lengths: list[int]
) -> None:
    step, now = timing.compute_sample_step(rate), 0
    for length in lengths:
        assert (now * rate / 48_000).denominator == 1 and now % 3 == 0
        now += -(-length // step) * step
