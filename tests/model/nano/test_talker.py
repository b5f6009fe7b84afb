# SPDX-License-Identifier: Apache-2.0
"""The small diffusion talker fills its contract: exact frames at any rate, the same ones every
time, bounded memory, honest words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from flows.project import open_project
from manifests.errors import InputError
from model.emotion import Performance, PerformanceKey
from model.nano import LABEL, WEIGHTS, describe, read_settings
from model.nano.clip import count_generated_frames, interpolate_latents
from model.nano.conditions import gather_context
from model.nano.framing import DecodedFrame, NanoFraming
from model.nano.networks import NanoNetworks, count_parameters, read_config
from model.nano.sample import SampleRequest, sample
from model.nano.sampling import NanoPlan, SamplingRun, plan_windows, stream_latents
from model.nano.sizes import NanoSizes, tiny_sizes
from model.nano.speech import STRETCH, ShotFeatures, load_speech_encoder
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
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose last layers say something."""
    folder = tmp_path_factory.mktemp("weights")
    nano, generator = NanoNetworks.fresh(tiny_sizes()), torch.Generator().manual_seed(0)
    for layer in (nano.unet.conv_out, nano.autoencoder.decode_head):
        torch.nn.init.normal_(layer.weight, std=0.1, generator=generator)
    nano.save(folder, {"data": {"digest": "none"}})
    return folder


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


@given(
    st.integers(1, 200),
    st.sampled_from(
        [Fraction(25), Fraction(24), Fraction(30000, 1001), Fraction(60), Fraction(10)]
    ),
)
@profile(max_examples=40)
def test_places_between_latents_are_exact(frames: int, rate: Fraction) -> None:
    source = (
        torch.tensor([float(number)]) for number in range(count_generated_frames(frames, rate))
    )
    found = torch.cat(list(interpolate_latents(source, frames=frames, rate=rate)))
    wanted = torch.tensor([float(frame * 25 / rate) for frame in range(frames)])
    assert found == pytest.approx(wanted, abs=1e-3)
    assert next(source, None) is None


@given(st.integers(1, 300))
@profile(max_examples=40)
def test_windows_cover_a_clip_without_gaps(frames: int) -> None:
    windows = plan_windows(frames, window=16, overlap=4)
    assert windows[0].start == 0
    assert windows[-1].stop >= frames
    assert all(after.start == before.stop - 4 for before, after in pairwise(windows))
    assert len(windows) == 1 or windows[-1].start + 4 < frames


def told(nano: NanoNetworks) -> tuple[torch.Tensor, torch.Tensor]:
    sizes, generator = nano.sizes, torch.Generator().manual_seed(5)
    heard = torch.randn(200, sizes.told, generator=generator)
    return heard, torch.randn(200, sizes.tokens, sizes.told, generator=generator)


def sampled(weights: Path, *, frames: int, plan: NanoPlan) -> tuple[torch.Tensor, SamplingRun]:
    nano = NanoNetworks.load(weights)
    heard, felt = told(nano)
    run = SamplingRun(plan=plan, generator=torch.Generator().manual_seed(0))
    look = torch.zeros(nano.sizes.look, nano.sizes.grid, nano.sizes.grid)
    pieces = stream_latents(
        nano, look, lambda span: (heard[list(span)], felt[list(span)]), frames=frames, run=run
    )
    return torch.cat(list(pieces)), run


@pytest.mark.parametrize("frames", [1, 8, 9, 20])
def test_a_stream_has_as_many_latents_as_frames(weights: Path, frames: int) -> None:
    latents, run = sampled(weights, frames=frames, plan=NanoPlan(steps=2))
    assert len(latents) == frames
    assert run.count.windows == len(plan_windows(frames, window=8, overlap=2))


@pytest.mark.numeric
def test_guidance_one_takes_one_branch_and_two_branches_at_one_are_the_same(weights: Path) -> None:
    single, run = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=1.0))
    nearly, double = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=1.00001))
    assert (run.count.evaluations, double.count.evaluations) == (16, 32)
    # 1e-5 of the difference of two branches of about 1; rounding adds 1e-4 at most.
    assert nearly == pytest.approx(single, abs=1e-3)
    apart, _ = sampled(weights, frames=8, plan=NanoPlan(steps=2, guidance=3.0))
    assert float((apart - single).abs().max()) > 1e-3


@pytest.mark.numeric
def test_windows_carry_on_where_the_one_before_ended(weights: Path) -> None:
    whole, _ = sampled(weights, frames=14, plan=NanoPlan(steps=3))
    start, _ = sampled(weights, frames=8, plan=NanoPlan(steps=3))
    assert torch.equal(whole[:8], start)


def test_sampling_from_arrays_gives_bytes_of_the_right_shape(weights: Path) -> None:
    nano = NanoNetworks.load(weights)
    generator = torch.Generator().manual_seed(0)
    asked = SampleRequest(
        face=torch.randint(0, 256, (64, 64, 3), generator=generator).to(torch.uint8),
        states=torch.randn(20, 384, generator=generator),
        prosody=torch.randn(10, 6, generator=generator),
        weights=torch.eye(8)[4:5],
        frames=11,
    )
    made = sample(nano, asked, seed=3, plan=NanoPlan(steps=2))
    assert made.shape == (11, 64, 64, 3)
    assert made.dtype == torch.uint8
    assert torch.equal(made, sample(nano, asked, seed=3, plan=NanoPlan(steps=2)))


def test_the_shipped_size_is_below_five_million_parameters() -> None:
    assert count_parameters(NanoNetworks.fresh(NanoSizes())) < 5_000_000
    assert count_parameters(NanoNetworks.fresh(NanoSizes(banked=True))) < 5_000_000


def test_the_shipped_checkpoint_is_small_and_says_where_it_comes_from() -> None:
    config, size = read_config(WEIGHTS), (WEIGHTS / "model.safetensors").stat().st_size
    assert size < 30_000_000
    assert config["data"]["corpora"] == ["synthetic"]
    assert config["licences"] == ["CC0-1.0"]
    assert config["weights licence"] == "Apache-2.0"
    assert "/" not in str(config["data"]) + str(config["settings"])
    assert describe({}) == describe({"weights": str(WEIGHTS)})


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


def test_rows_around_a_frame_stand_around_its_middle() -> None:
    track = torch.arange(20.0)[:, None]
    assert gather_context(track, frames=range(3, 4), size=8, stride=2)[0, :, 0].tolist() == [
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
    ]
    assert gather_context(track, frames=range(0, 1), size=5, stride=1)[0, :, 0].tolist() == [
        0,
        0,
        0,
        1,
        2,
    ]


def test_sound_is_heard_in_stretches_and_memory_does_not_grow() -> None:
    track = ShotFeatures(load_speech_encoder(), speech(40 * STRETCH))
    for first in range(0, 20 * STRETCH, 12):
        states, rows = track.rows(range(first, first + 16))
        assert (states.shape, rows.shape) == ((32, 384), (16, 6))
        assert len(track._kept) <= 2


def test_where_nothing_moves_and_nothing_is_painted_the_plate_stays() -> None:
    plate = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    framing = NanoFraming(
        plate=plate, area=(-20, 10, 130), face=plate[:64, :64], box=(0.1, 0.1, 0.9, 0.9)
    )
    still = DecodedFrame(
        flow=np.zeros((64, 64, 2), np.float32),
        mask=np.zeros((64, 64), np.float32),
        paint=np.zeros((64, 64, 3), np.float32),
    )
    assert np.array_equal(framing.place(still), plate)


def head(clip: Iterator[np.ndarray], count: int) -> list[np.ndarray]:
    return list(islice(clip, count))


def test_frames_come_before_the_clip_is_done(talker: NanoTalker, portrait: Portrait) -> None:
    clip = talker.talk(portrait, speech(2000), performance(), 0)
    assert len(head(iter(clip), 3)) == 3
    assert clip.measures().numbers["windows"] == 1
