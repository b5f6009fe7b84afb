# SPDX-License-Identifier: Apache-2.0
"""Test that any edit list covers the programme exactly, on paper and when rendered."""

from __future__ import annotations

import dataclasses
import itertools
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.rows import Cut
from manifests.timebase import RATES, sample_of_frame
from pipeline import media
from pipeline.assemble import assemble, edit_list, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.cut import framing
from pipeline.deliver import deliver, profiles
from pipeline.deliver.delivery_job import Card, DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, tone

rates = st.sampled_from(list(RATES.values()))


def event(number: int, start: int, frames: int, dissolve: int = 0) -> Cut:
    return Cut(
        version="v",
        order=number,
        shot_id=f"s{number}",
        grade_id="",
        start_frame=start,
        end_frame=start + frames,
        take_path=f"{number}.mkv",
        cube_path="",
        number=f"sh{number}",
        crop="0,0,64,36",
        dissolve_frames=dissolve,
    )


@st.composite
def edit_lists(draw: st.DrawFn) -> list[Cut]:
    """Draw edit lists of up to forty shots.

    They have plain cuts and dissolves that are short enough for their neighbours.
    """
    lengths = draw(st.lists(st.integers(1, 300), min_size=1, max_size=40))
    cuts, start, free = [], 0, 0
    for number, frames in enumerate(lengths):
        after = lengths[number + 1] if number + 1 < len(lengths) else 0
        longest = min(2 * free, frames) if number else 0
        dissolve = draw(st.integers(0, longest)) if longest > 0 else 0
        cuts.append(event(number, start, frames, dissolve))
        start += frames
        free = (frames - (dissolve - dissolve // 2)) if after else 0
    return cuts


@settings(max_examples=1000)
@given(edit_lists(), rates)
def test_segments_follow_each_other_and_give_every_frame_once(
    cuts: list[Cut], rate: Fraction
) -> None:
    found = edit_list.split_segments(cuts)
    assert found[0].start == 0
    assert all(before.end == after.start for before, after in itertools.pairwise(found))
    assert (
        sum(segment.frames for segment in found)
        == sum(cut.frames for cut in cuts)
        == edit_list.count_frames(cuts)
    )
    samples = sample_of_frame(edit_list.count_frames(cuts), rate)
    assert abs(samples - edit_list.count_frames(cuts) * 48000 / rate) <= Fraction(1, 2)
    for segment in found:
        assert 1 <= len(segment.layers) <= 2
        assert segment.layers[0].ramp is None
        top = segment.layers[-1]
        assert top.first == top.cut.take_frame + segment.start - top.cut.start_frame
        assert (top.ramp is None) == (len(segment.layers) == 1)


@given(edit_lists())
def test_a_dissolve_lasts_as_long_as_asked_and_comes_up_evenly(cuts: list[Cut]) -> None:
    for cut in cuts:
        steps = [
            layer.ramp[1] + frame
            for segment in edit_list.split_segments(cuts)
            for layer in segment.layers
            if layer.cut is cut and layer.ramp
            for frame in range(segment.frames)
        ]
        assert steps == list(range(cut.dissolve_frames))


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ([event(0, 0, 5), event(1, 6, 5)], "starts at frame 6"),
        ([event(0, 0, 5), event(1, 4, 5)], "starts at frame 4"),
        ([event(0, 0, 5), event(1, 5, 4, dissolve=12)], "longer than the shot"),
        ([event(0, 0, 5, dissolve=2)], "longer than the shot before"),
    ],
)
def test_edit_lists_that_cannot_be_are_refused(cuts: list[Cut], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edit_list.split_segments(cuts)


def job_of(film: TinyFilm, **changes: object) -> DeliveryJob:
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film.record(tone(film.samples))], samples=film.samples, settings=settings, root=film.root
    )
    picture = assemble.Picture(width=64, height=36, rate=film.rate)
    job = DeliveryJob(
        picture=picture,
        sound_id=master.sound_id,
        sound_path=film.root / master.path,
        root=film.root,
        profiles=(profiles.WEB,),
    )
    return dataclasses.replace(job, **changes)


def grey_film(
    root: Path, levels: list[int], frames: list[int], *, rate: Fraction = Fraction(25)
) -> TinyFilm:
    film = TinyFilm(root, rate=rate)
    for level, count in zip(levels, frames, strict=True):
        film.add([np.full((36, 64, 3), level, np.uint8)] * count, label="DICE-Talk")
    return film


def read_levels(path: Path) -> list[float]:
    return [float(frame.mean()) for frame in media.read_frames(path, width=16, height=9)]


def test_a_dissolve_passes_evenly_from_one_picture_to_the_other(tmp_path: Path) -> None:
    film = grey_film(tmp_path, [40, 200], [10, 10])
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
    cuts[1] = dataclasses.replace(cuts[1], dissolve_frames=8)
    frames = read_levels(deliver.render_profiles(cuts, job_of(film), folder=tmp_path / "o")["web"])
    expected = [40] * 6 + [40 + 160 * (step + 0.5) / 8 for step in range(8)] + [200] * 6
    assert np.abs(np.array(frames) - expected).max() <= 2.5
    assert edit_list.count_held_frames(cuts) == {film.shots[0].shot_id: 4, film.shots[1].shot_id: 4}


def test_a_second_picture_lies_in_its_place(tmp_path: Path) -> None:
    film = grey_film(tmp_path, [60, 200], [6, 6])
    cuts = assemble.build_cuts(film.shots[:1], film.takes[:1], [], version="v", size=(64, 36))
    over = dataclasses.replace(
        cuts[0],
        shot_id="x",
        take_path=film.takes[1].path,
        layer=1,
        place="32,0,32,36",
        start_frame=2,
    )
    path = deliver.render_profiles([*cuts, over], job_of(film), folder=tmp_path / "o")["web"]
    frames = [frame.astype(float) for frame in media.read_frames(path, width=64, height=36)]
    assert [round(frame[18, 50].mean() / 20) * 20 for frame in frames] == [
        60,
        60,
        200,
        200,
        200,
        200,
    ]
    assert [round(frame[18, 10].mean() / 20) * 20 for frame in frames] == [60] * 6


def test_two_pictures_share_the_screen_side_by_side(tmp_path: Path) -> None:
    film = grey_film(tmp_path, [60, 200], [4, 4])
    (left,) = assemble.build_cuts(film.shots[:1], film.takes[:1], [], version="v", size=(64, 36))
    places = [",".join(map(str, place)) for place in framing.arrange_layout("two-hander", (64, 36))]
    right = dataclasses.replace(
        left, shot_id="x", take_path=film.takes[1].path, layer=1, place=places[1]
    )
    path = deliver.render_profiles(
        [dataclasses.replace(left, place=places[0]), right], job_of(film), folder=tmp_path / "o"
    )["web"]
    frames = [frame.astype(float) for frame in media.read_frames(path, width=64, height=36)]
    assert len(frames) == 4
    assert [round(frame[:, :28].mean() / 20) * 20 for frame in frames] == [60] * 4
    assert [round(frame[:, 36:].mean() / 20) * 20 for frame in frames] == [200] * 4


def test_slate_and_end_card_stand_in_silence_around_the_programme(tmp_path: Path) -> None:
    from PIL import Image

    film = grey_film(tmp_path, [60], [10])
    Image.new("RGB", (64, 36), (180, 180, 180)).save(tmp_path / "card.png")
    card = Card(path=tmp_path / "card.png", frames=4, digest="d")
    job = job_of(film, slate=card, end_card=card)
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
    path = deliver.render_profiles(cuts, job, folder=tmp_path / "o")["web"]
    assert np.abs(np.array(read_levels(path)) - np.repeat([180, 60, 180], [4, 10, 4])).max() <= 2
    sound = np.abs(np.concatenate(list(media.read_audio(path, hz=48000, channels=1)))[:, 0])
    assert abs(len(sound) - 18 * 1920) < 1920
    assert sound[: 4 * 1920 - 1100].max() < 0.01
    assert sound[4 * 1920 + 1100 : 14 * 1920 - 1100].max() > 0.05
    assert sound[14 * 1920 + 1100 :].max() < 0.01


SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(4, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_edit_lists_are_rendered_frame_for_frame(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    rate = chance.choice([r for r in RATES.values() if r >= 23])
    frames = [chance.randint(1, 14) for _ in range(chance.randint(1, 6))]
    levels = [chance.randint(20, 235) for _ in frames]
    film = grey_film(tmp_path, levels, frames, rate=rate)
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
    for number in range(1, len(cuts)):
        room = min(frames[number - 1], frames[number]) // 2
        cuts[number] = dataclasses.replace(
            cuts[number], dissolve_frames=chance.choice([0, 0, room])
        )
    files = deliver.render_profiles(
        cuts, job_of(film, profiles=(profiles.WEB, profiles.MASTER)), folder=tmp_path / "o"
    )
    exact = sum(len(block) for block in media.read_audio(files["master"], hz=48000, channels=2))
    assert exact == sample_of_frame(edit_list.count_frames(cuts), rate), (
        "the sound of the master is exact to the sample"
    )
    path = files["web"]
    shown = read_levels(path)
    assert len(shown) == sum(frames)
    plain = np.repeat(levels, frames)
    inside = [
        f
        for f in range(len(plain))
        if not any(a <= f < b for a, b in map(edit_list.find_dissolve_span, cuts))
    ]
    assert np.abs(np.array(shown)[inside] - plain[inside]).max(initial=0) <= 2.5
    sound = sum(len(block) for block in media.read_audio(path, hz=48000, channels=1))
    assert abs(sound - film.samples) < 48000 / rate
