# SPDX-License-Identifier: Apache-2.0
"""The small diffusion talker fills its contract: exact frames at any rate, the same ones every
time, bounded memory, honest words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.project import open_project
from manifests.errors import InputError
from model.emotion import Performance, PerformanceKey
from model.nano import LABEL, describe, read_settings
from model.nano.talker import NanoTalker
from model.talker import Portrait, Speech
from model.talkers import load

PICTURE = Path(__file__).parents[3] / "pipeline" / "script" / "starter"


def performance(label: int = 4) -> Performance:
    return Performance((PerformanceKey(0, tuple(float(place == label) for place in range(8))),))


def speech(
    frames: int, *, rate: Fraction = Fraction(25), seed: int = 0, role: str = "speaking"
) -> Speech:
    count = round(frames * 16_000 / rate) + 16_000
    noise = np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)
    return Speech(samples=noise, lead=8_000, frames=frames, rate=rate, role=role)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    path = min((*PICTURE.rglob("*.png"), *PICTURE.rglob("*.jpg")))
    read = cv2.imread(str(path))
    assert read is not None
    pixels = read[..., ::-1]
    return Portrait(name=path.name, pixels=np.ascontiguousarray(pixels), digest="portrait")


@pytest.fixture(scope="module")
def talker(weights: Path) -> NanoTalker:
    loaded = load("nano", {"weights": str(weights), "steps": 2, "size": 256})
    assert isinstance(loaded, NanoTalker)
    return loaded


@pytest.mark.parametrize(
    ("frames", "rate"),
    [(1, Fraction(25)), (7, Fraction(30000, 1001)), (24, Fraction(24)), (19, Fraction(50))],
)
def test_exactly_the_frames_asked_for_come_at_any_rate(
    talker: NanoTalker, portrait: Portrait, frames: int, rate: Fraction
) -> None:
    clip = talker.talk(portrait, speech(frames, rate=rate), performance(), 0)
    made = list(clip)
    assert len(made) == frames == clip.frames == clip.measures().numbers["frames"]
    assert {frame.shape for frame in made} == {(clip.height, clip.width, 3)}


def test_the_same_shot_gives_the_same_frames_whatever_was_made_between(
    talker: NanoTalker, portrait: Portrait
) -> None:
    def made(seed: int, label: int = 4) -> np.ndarray:
        return np.stack(list(talker.talk(portrait, speech(9), performance(label), seed)))

    first, _, again = made(0), made(1, 2), made(0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, made(1))


def test_sound_and_emotion_shape_the_frames(talker: NanoTalker, portrait: Portrait) -> None:
    def made(label: int, seed: int = 0, role: str = "speaking") -> np.ndarray:
        return np.stack(
            list(talker.talk(portrait, speech(3, seed=seed, role=role), performance(label), 0))
        )

    assert not np.array_equal(made(4), made(0))
    assert not np.array_equal(made(4), made(4, seed=1))
    assert np.array_equal(made(4, role="listening"), made(4, seed=1, role="listening"))


def test_only_the_square_around_the_face_is_changed(talker: NanoTalker, portrait: Portrait) -> None:
    clip = talker.talk(portrait, speech(2), performance(), 0)
    framing = clip._request.framing
    frame = list(clip)[-1]
    left, top, side = framing.area
    outside = np.ones(frame.shape[:2], bool)
    outside[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = False
    assert outside.any()
    assert np.array_equal(frame[outside], framing.plate[outside])
    assert not np.array_equal(frame[~outside], framing.plate[~outside])
    box = clip.measures().face_box
    assert 0 <= box[0] < box[2] <= 1
    assert 0 <= box[1] < box[3] <= 1


def test_it_says_what_it_is(talker: NanoTalker, portrait: Portrait, weights: Path) -> None:
    description = describe({"weights": str(weights)})
    assert description.label == talker.label == LABEL == "diffusion demonstration"
    assert description.weights_digest == talker.weights_digest
    warnings = talker.talk(portrait, speech(1), performance(), 0).measures().warnings
    assert any("not DICE-Talk" in warning for warning in warnings)


def test_own_weights_shape_the_identity_by_their_digest_not_their_place(
    weights: Path, tmp_path: Path
) -> None:
    shutil.copytree(weights, tmp_path / "elsewhere")
    one, other = (
        describe({"weights": str(weights)}),
        describe({"weights": str(tmp_path / "elsewhere")}),
    )
    assert one == other
    with pytest.raises(InputError, match="are incomplete"):
        describe({"weights": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(
    "config",
    [
        '{"kind": "emotion embedder"}',
        '{"kind": "diffusion demonstration", "stage": "autoencoder"}',
        "[]",
        "x",
    ],
)
def test_a_plan_refuses_weights_of_something_else(
    weights: Path, tmp_path: Path, config: str
) -> None:
    folder = shutil.copytree(weights, tmp_path / "other")
    (folder / "config.json").write_text(config)
    with pytest.raises(InputError, match=r"config\.json: this talker cannot use these weights"):
        describe({"weights": str(folder)})


def test_a_production_finds_weights_beside_itself(weights: Path, production: Path) -> None:
    shutil.copytree(weights, production / "mine")
    text = (production / "production.toml").read_text().replace('"previs"', '"nano"')
    (production / "production.toml").write_text(f'{text}\n[talker_settings]\nweights = "mine"\n')
    film = open_project(production)
    assert (
        describe(film.talker_settings).weights_digest
        == describe({"weights": str(weights)}).weights_digest
    )


def test_wrong_settings_are_all_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_settings({"stepps": 3, "steps": 0, "guidance": "much"})
    assert [problem.column for problem in caught.value.problems] == ["stepps", "steps", "guidance"]
    assert caught.value.problems[0].nearest == "'steps'"


def test_a_clip_can_be_stopped_between_steps(talker: NanoTalker, portrait: Portrait) -> None:
    class Enough(Exception):  # noqa: N818 - somebody asked for it
        """Stop."""

    def progress(done: int, steps: int) -> None:
        if done == 3:
            raise Enough(str(steps))

    clip = talker.talk(portrait, speech(12), performance(), 0)
    clip.progress = progress
    with pytest.raises(Enough, match="4"):  # two windows of two steps
        list(clip)


def test_the_shipped_talker_moves_a_face_it_never_saw_and_keeps_the_rest(
    portrait: Portrait,
) -> None:
    clip = load("nano", {"steps": 3, "size": 256}).talk(portrait, speech(4), performance(), 0)
    frames = np.stack(list(clip)).astype(np.float32)
    left, top, right, bottom = clip.measures().face_box
    height, width = frames.shape[1:3]
    face = frames[
        :, int(top * height) : int(bottom * height), int(left * width) : int(right * width)
    ]
    assert float(np.abs(np.diff(face, axis=0)).mean()) > 0.1
    assert float(np.abs(np.diff(frames[:, :4], axis=0)).max()) == 0


def head(clip: Iterator[np.ndarray], count: int) -> list[np.ndarray]:
    return list(islice(clip, count))


def test_frames_come_before_the_clip_is_done(talker: NanoTalker, portrait: Portrait) -> None:
    clip = talker.talk(portrait, speech(2000), performance(), 0)
    assert len(head(iter(clip), 3)) == 3
    assert clip.measures().numbers["windows"] == 1
