# SPDX-License-Identifier: Apache-2.0
"""The previs talker as its users meet it: exact counts, the same frames again, honest refusals."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from manifests.errors import InputError
from model.emotion import Performance, parse_curve
from model.previs.expression import INDEX
from model.previs.talker import PrevisTalker, load
from model.talker import Portrait, Speech
from pipeline.render import portraits

PORTRAITS = Path(__file__).parents[3] / "examples" / "lighthouse" / "portraits"
HEADS = Path(__file__).parents[2] / "data" / "heads"
HZ = 16_000


@pytest.fixture(scope="module")
def talker() -> Iterator[PrevisTalker]:
    made = load(settings={"size": 256})
    assert isinstance(made, PrevisTalker)
    yield made


@pytest.fixture(scope="module")
def actors() -> tuple[Portrait, Portrait]:
    files = sorted(PORTRAITS.glob("*.png"))
    return portraits.read(files[0]), portraits.read(files[1])


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Something like vowels: a buzz whose level rises and falls three times a second."""
    times = np.arange(round(seconds * HZ)) / HZ
    rng = np.random.default_rng(seed)
    buzz = sum(np.sin(2 * np.pi * 120 * k * times + rng.uniform(0, 6)) / k for k in range(1, 20))
    return (0.1 * buzz * np.sin(np.pi * 1.5 * times) ** 2).astype(np.float32)


def speech(
    samples: np.ndarray, frames: int, rate: Fraction = Fraction(25), role: str = "speaking"
) -> Speech:
    return Speech(
        samples=samples,
        lead=0,
        frames=frames,
        rate=rate,
        role="listening" if role == "listening" else "speaking",
    )


def acted(text: str, frames: int) -> Performance:
    return Performance.from_curve(parse_curve(text), start=0, end=frames)


@pytest.mark.parametrize(
    ("frames", "rate"),
    [(1, Fraction(25)), (7, Fraction(24000, 1001)), (33, Fraction(30)), (20, Fraction(25, 2))],
)
def test_exactly_the_asked_number_of_frames_comes_back(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait], frames: int, rate: Fraction
) -> None:
    samples = voice(float(frames / rate))
    clip = talker.talk(actors[0], speech(samples, frames, rate), acted("happy 0.6", frames), 3)
    made = list(clip)
    assert len(made) == clip.frames == frames
    assert all(
        frame.shape == (clip.height, clip.width, 3) and frame.dtype == np.uint8 for frame in made
    )


def music(seconds: float) -> np.ndarray:
    """Four chords of harmonics, struck twice a second."""
    times = np.arange(round(seconds * HZ)) / HZ
    roots = np.array([220.0, 174.6, 261.6, 196.0])[(times * 2).astype(int) % 4]
    turns = 2 * np.pi * np.cumsum(roots) / HZ
    chord = sum(np.sin(turns * ratio * k) / k for ratio in (1.0, 1.25, 1.5) for k in (1, 2, 3))
    return (0.1 * chord * np.exp(-4 * (times % 0.5))).astype(np.float32)


@pytest.mark.parametrize("kind", ["silence", "noise", "music", "twenty milliseconds", "nothing"])
def test_any_sound_gives_a_moving_face_without_error(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait], kind: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, HZ).astype(np.float32)
    short = {"twenty milliseconds": noise[:320], "nothing": noise[:0]}
    samples = ({"silence": noise * 0, "noise": noise, "music": music(1.0)} | short)[kind]
    frames = list(talker.talk(actors[0], speech(samples, 20), acted("neutral", 20), 0))
    assert len(frames) == 20
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 0


def test_the_same_inputs_give_the_same_frames_whatever_came_before(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    def make(actor: Portrait, seed: int) -> np.ndarray:
        return np.stack(
            list(talker.talk(actor, speech(voice(0.4), 10), acted("sad 0.8", 10), seed))
        )

    first, other, again = make(actors[0], 0), make(actors[1], 0), make(actors[0], 0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, make(actors[0], 1))
    alone = load(settings={"size": 256})
    fresh = np.stack(list(alone.talk(actors[1], speech(voice(0.4), 10), acted("sad 0.8", 10), 0)))
    assert np.array_equal(other, fresh)


def test_two_clips_made_at_once_do_not_disturb_each_other(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    def clip(actor: Portrait) -> list[np.ndarray]:
        return list(talker.talk(actor, speech(voice(0.4), 8), acted("happy 1", 8), 5))

    apart = clip(actors[0]), clip(actors[1])
    clips = [
        iter(talker.talk(actor, speech(voice(0.4), 8), acted("happy 1", 8), 5)) for actor in actors
    ]
    together = [(next(clips[0]), next(clips[1])) for _ in range(8)]
    for k in range(8):
        assert np.array_equal(apart[0][k], together[k][0])
        assert np.array_equal(apart[1][k], together[k][1])


def test_nothing_outside_the_person_moves(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    frames = np.stack(
        list(talker.talk(actors[0], speech(voice(1.0), 25), acted("surprised 1", 25), 0))
    )
    moved = np.ptp(frames.astype(int), axis=0).max(axis=2) > 0
    assert moved.mean() > 0.05
    assert not moved[:20, :20].any()
    assert not moved[:20, -20:].any()


def test_a_picture_without_a_face_is_refused(talker: PrevisTalker) -> None:
    blank = portraits.build_portrait(np.full((300, 400, 3), 90, np.uint8), name="wall.png")
    with pytest.raises(InputError, match=r"wall\.png: no face was found"):
        talker.talk(blank, speech(voice(0.2), 5), acted("neutral", 5), 0)


def test_two_faces_without_a_choice_are_listed_and_a_choice_is_followed(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    both = np.hstack([actor.pixels[:700, :700] for actor in actors])
    with pytest.raises(InputError, match="2 faces were found"):
        talker.talk(
            portraits.build_portrait(both, name="pair.png"),
            speech(voice(0.2), 5),
            acted("neutral", 5),
            0,
        )
    boxes = []
    for choice in ("left", "2"):
        chosen = portraits.build_portrait(both, name="pair.png", face=choice)
        clip = talker.talk(chosen, speech(voice(0.2), 2), acted("neutral", 2), 0)
        boxes.append(clip.measures().face_box)
    assert boxes[0][2] < 0.5 < boxes[1][0]


def test_a_far_smaller_face_beside_the_first_one_is_found_too(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    wide = np.full((700, 2000, 3), 120, np.uint8)
    for actor, side, left in zip(actors, (660, 300), (100, 1500), strict=True):
        wide[20 : 20 + side, left : left + side] = cv2.resize(
            actor.pixels[:1000, :1000], (side, side), interpolation=cv2.INTER_AREA
        )
    with pytest.raises(InputError, match="2 faces were found"):
        talker.find_puppet(portraits.build_portrait(wide, name="wide.png"))


MASK = (
    234,
    93,
    132,
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    361,
    323,
    454,
    197,
)


@pytest.mark.parametrize("colour", [(140, 175, 200), (225, 225, 225), (40, 40, 42), "skin"])
def test_a_covered_mouth_is_refused_with_what_was_measured(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait], colour: tuple[int, int, int] | str
) -> None:
    picture, points = (
        actors[0].pixels.copy(),
        talker.find_puppet(actors[0]).whole_face.points[:, :2],
    )
    points = np.rint(points * picture.shape[1] / 256).astype(int)
    skin = picture[points[50, 1], points[50, 0]].tolist()
    cv2.fillPoly(picture, [points[list(MASK)]], skin if colour == "skin" else colour)
    with pytest.raises(InputError, match=r"masked\.png: the mouth is covered .*CIELAB"):
        talker.find_puppet(portraits.build_portrait(picture, name="masked.png"))


def test_what_transparent_pixels_hold_is_never_seen(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    rgb = cv2.resize(actors[0].pixels[:1000, :1000], (400, 400), interpolation=cv2.INTER_AREA)
    alpha = np.zeros((400, 400), np.uint8)
    cv2.ellipse(alpha, (200, 200), (130, 180), 0, 0, 360, 255, -1, cv2.LINE_AA)
    clips = []
    for hidden in (rgb, np.full_like(rgb, (0, 255, 0))):
        under = np.where(alpha[..., None] > 0, rgb, hidden)
        cut = portraits.build_portrait(under, name="cut.png", alpha=alpha)
        clips.append(
            np.stack(list(talker.talk(cut, speech(voice(0.2), 3), acted("happy 1", 3), 0)))
        )
    assert np.array_equal(*clips)
    assert (clips[0][0][2, 2] == 128).all()


def test_a_turned_head_smiles_less_far_on_the_side_that_is_turned_away(
    talker: PrevisTalker,
) -> None:
    # by about seven degrees, the viewer's left away
    puppet = talker.find_puppet(portraits.read(HEADS / "head_m.jpg"))
    assert 0.40 < puppet.face.left_share < 0.48
    left, right = puppet.rig.lips[INDEX["AU12"]][[0, 40]] @ puppet.face.axes[:, 0]
    assert 0.75 < -left / right < 0.97


def test_a_face_that_is_too_small_is_refused_with_its_size(
    talker: PrevisTalker, actors: tuple[Portrait, Portrait]
) -> None:
    wide = np.full((900, 1200, 3), 120, np.uint8)
    wide[100:260, 100:260] = cv2.resize(
        actors[0].pixels[:1000, :1000], (160, 160), interpolation=cv2.INTER_AREA
    )
    with pytest.raises(InputError, match="the face is too small"):
        talker.talk(
            portraits.build_portrait(wide, name="wide.png"),
            speech(voice(0.2), 5),
            acted("neutral", 5),
            0,
        )


def test_unknown_settings_are_named_with_the_nearest_known() -> None:
    with pytest.raises(InputError, match=r"unknown setting 'sise'.*did you mean 'size'"):
        load(settings={"sise": 512})


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_half_an_hour_is_drawn_in_the_memory_of_a_minute(actors: tuple[Portrait, Portrait]) -> None:
    small = load(settings={"size": 128})
    frames, minute = 45_000, 1_500
    clip = small.talk(
        actors[0], speech(np.tile(voice(60.0), 30), frames), acted("happy 0.6", frames), 0
    )
    drawn = 0
    for _ in clip:
        drawn += 1
        if drawn == minute:
            after_a_minute = peak_memory()
    assert drawn == frames
    assert peak_memory() - after_a_minute < 40_000_000


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
