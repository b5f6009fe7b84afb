# SPDX-License-Identifier: Apache-2.0
"""The talker fills its contract: exact frames, the same ones every time, stopped when told, and the
plate left as it was."""

import gc
import subprocess
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.dice import TINY_LABEL, describe
from model.dice.clip import ClipCancelled
from model.dice.talker import DiceTalker, load
from model.emotion import LABELS
from model.talker import Portrait
from model.talkers import load as load_by_name
from tests.data.rounding import rounding_of
from tests.model.dice.dice_stage import (
    SETTINGS,
    frames_of,
    performance,
    portrait,
    speech,
    tiny_talker,
)


@pytest.fixture(scope="module")
def talker() -> DiceTalker:
    return tiny_talker()


@pytest.mark.parametrize(
    ("mode", "seconds", "rate"),
    [
        ("production", 0.02, Fraction(25)),
        ("production", 0.3, Fraction(24)),
        pytest.param("production", 0.7, Fraction(30000, 1001), marks=pytest.mark.proof),
        pytest.param("production", 1.1, Fraction(25), marks=pytest.mark.proof),
        ("production", 0.5, Fraction(50)),
        pytest.param("production", 1.0, Fraction(25, 2), marks=pytest.mark.proof),
        ("parity", 0.02, Fraction(25)),
        ("parity", 0.5, Fraction(30000, 1001)),
    ],
)
def test_exactly_the_frames_asked_for_come_at_any_rate(
    talker: DiceTalker, mode: str, seconds: float, rate: Fraction
) -> None:
    asked = speech(seconds, rate=rate)
    try:
        clip = talker.with_settings({"mode": mode}).talk(portrait(), asked, performance(), 0)
    except InputError as error:
        assert (mode, "at least 80 ms" in str(error), seconds < 0.08) == ("parity", True, True)
        return
    frames = frames_of(clip)
    assert frames.shape == (asked.frames, clip.height, clip.width, 3)
    assert clip.measures().numbers["frames"] == asked.frames


def test_the_same_shot_gives_the_same_frames_whatever_was_made_between(talker: DiceTalker) -> None:
    def made(name: str, seed: int) -> np.ndarray:
        return frames_of(talker.talk(portrait(name), speech(0.4), performance(), seed))

    first, other, again = made("ada", 0), made("bob", 7), made("ada", 0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, made("ada", 1))
    assert np.array_equal(
        first, frames_of(tiny_talker().talk(portrait("ada"), speech(0.4), performance(), 0))
    )


@pytest.mark.proof
@pytest.mark.numeric
def test_clips_of_two_actors_denoised_together_equal_those_made_alone(talker: DiceTalker) -> None:
    asked = [("ada", speech(0.5, voice=1), 3), ("bob", speech(1.2, voice=2), 4)]
    alone = [
        frames_of(talker.talk(portrait(name), heard, performance(), seed))
        for name, heard, seed in asked
    ]
    clips = [talker.talk(portrait(name), heard, performance(), seed) for name, heard, seed in asked]
    talker.denoise_together(clips)
    with pytest.raises(ValueError, match="same settings"):
        talker.with_settings({"steps": 3}).denoise_together(clips)
    for clip, frames in zip(clips, alone, strict=True):
        assert (
            np.abs(frames_of(clip).astype(int) - frames).max() <= 1
        )  # rounding moves a value over a half at most
        assert clip.measures().numbers["frame_evaluations"] == 2 * 3 * max(
            8, -(-clip.frames // 2) + 1 - clip.frames % 2
        )
        with pytest.raises(RuntimeError, match="already iterated"):
            next(iter(clip))


def test_budgets_of_memory_change_no_picture(talker: DiceTalker) -> None:
    def made(**settings: object) -> torch.Tensor:
        clip = talker.with_settings({"steps": 1} | settings).talk(
            portrait(), speech(2.1), performance(), 0
        )
        return torch.stack(list(clip._denoise_parts()))

    usual = made()
    for settings in ({"kept_megabytes": 0}, {"images_per_run": 1}, {"images_per_run": 1000}):
        unet = talker._networks.unet
        assert torch.allclose(
            made(**settings), usual, atol=rounding_of(unet, scale=float(usual.abs().max())), rtol=0
        )


def test_a_cancelled_clip_stops_within_one_step_and_gives_its_memory_back(
    talker: DiceTalker,
) -> None:
    clip = talker.talk(portrait(), speech(1.0), performance(), 0)
    latents = weakref.ref(clip.prepare_first_job().latents)
    told: list[tuple[int, int]] = []

    def progress(done: int, steps: int) -> None:
        told.append((done, steps))
        clip.cancel()

    clip.progress = progress
    with pytest.raises(ClipCancelled, match=r"ada\.png"):
        next(iter(clip))
    assert told == [(0, 2)]
    gc.collect()
    assert latents() is None


@pytest.mark.proof
def test_progress_is_told_for_every_step_of_every_part(talker: DiceTalker) -> None:
    asked = speech(5.0, rate=Fraction(25, 2))
    clip = talker.with_settings({"segment_seconds": 4}).talk(portrait(), asked, performance(), 0)
    told: list[tuple[int, int]] = []
    clip.progress = lambda done, steps: told.append((done, steps))
    assert len(frames_of(clip)) == asked.frames
    assert {steps for _, steps in told} == {4}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 4
    assert clip.measures().numbers["parts"] == 2


def test_a_part_goes_on_from_the_frames_it_shares_with_the_part_before(talker: DiceTalker) -> None:
    quick = talker.with_settings({"segment_seconds": 4, "steps": 1})
    clip = quick.talk(portrait(), speech(5.0), performance(), 0)
    latents = list(clip._denoise_parts())
    parts = clip._parts
    assert len(latents) == parts[-1].end
    again = quick.talk(portrait(), speech(5.0), performance(), 0)
    next(again._denoise_parts())
    tail = torch.stack(latents[parts[0].end - 8 : parts[0].end])
    job = again._prepare_job(parts[1], tail)
    from model.dice.sampling import denoise

    denoise(talker._networks.unet, [job], again.plan())
    assert torch.equal(job.latents[:8], tail)
    assert not torch.equal(job.latents[8:16], tail)


@pytest.mark.proof
def test_branches_run_only_where_scales_ask_for_them(talker: DiceTalker) -> None:
    asked = speech(1.0)

    def evaluations(**scales: float) -> float:
        clip = talker.with_settings(scales).talk(portrait(), asked, performance(), 0)
        next(iter(clip))
        return clip.measures().numbers["frame_evaluations"] / (13 * 2)

    assert evaluations() == 3
    assert evaluations(emotion=4.0) == 4
    assert evaluations(appearance=6.0) == 2
    assert evaluations(appearance=1.0, audio=1.0) == 1


def test_a_listener_is_told_of_silence_and_a_speaker_of_the_sound(talker: DiceTalker) -> None:
    def made(role: str, voice: int) -> np.ndarray:
        return frames_of(
            talker.talk(portrait(), speech(0.4, voice=voice, role=role), performance(), 0)
        )

    assert np.array_equal(made("listening", 1), made("listening", 2))
    assert not np.array_equal(made("speaking", 1), made("speaking", 2))


@pytest.mark.numeric
def test_a_performance_steers_the_emotion_tokens_of_every_frame(talker: DiceTalker) -> None:
    ramped = talker.talk(portrait(), speech(2.0), performance("neutral -> happy 1"), 0)
    track = ramped.prepare_first_job().conditions.emotion
    assert len(set(track.rows.tolist())) == len(track.rows) == 26
    held = (
        talker.talk(portrait(), speech(2.0), performance("happy 1"), 0)
        .prepare_first_job()
        .conditions.emotion
    )
    assert len(held.table.sets) == 2
    last = track.table.sets[track.rows[-1]]
    emotion = talker._networks.emotion
    assert torch.allclose(
        last, held.table.sets[1], atol=rounding_of(emotion, scale=float(last.abs().max())), rtol=0
    )


@pytest.mark.numeric
def test_emotions_are_blended_as_differences_from_neutral(talker: DiceTalker) -> None:
    networks = talker._networks
    neutral, happy = (networks.priors[LABELS.index(label)] for label in ("neutral", "happy"))
    weights = torch.zeros(3, len(LABELS))
    weights[0, LABELS.index("neutral")] = 1
    weights[1:, LABELS.index("happy")] = torch.tensor([1.0, 1.5])
    priors = networks.blend_priors(weights)
    assert torch.allclose(
        priors, torch.stack((neutral, happy, neutral + 1.5 * (happy - neutral))), atol=1e-5
    )


def test_a_crop_is_pasted_back_and_the_plate_round_it_is_untouched(talker: DiceTalker) -> None:
    given = portrait(size=(160, 120))
    clip = talker.talk(given, speech(0.2), performance(), 0)
    frames = frames_of(clip)
    region = clip._request.framing.region
    outside = np.ones(given.pixels.shape[:2], dtype=bool)
    outside[int(region.top) : int(region.bottom), int(region.left) : int(region.right)] = False
    assert outside.any()
    assert (frames[:, outside] == given.pixels[outside]).all()
    assert (frames[:, ~outside] != given.pixels[~outside]).any()
    assert clip.measures().face_box == pytest.approx((0.3, 0.25, 0.7, 0.75))


def test_a_full_picture_keeps_its_aspect_ratio(talker: DiceTalker) -> None:
    full = talker.with_settings({"framing": "full"}).talk(
        portrait(size=(160, 100)), speech(0.2), performance(), 0
    )
    assert (full.width, full.height) == (102, 64)
    assert frames_of(full).shape == (5, 64, 102, 3)
    crop = talker.with_settings({"paste_back": False}).talk(
        portrait(size=(160, 100)), speech(0.2), performance(), 0
    )
    assert (crop.width, crop.height) == (64, 64)
    sized = talker.with_settings({"size": 64}).talk(
        portrait(size=(160, 101)), speech(0.2), performance(), 0
    )
    assert (sized.width, sized.height) == (102, 64)


def test_what_lies_under_a_transparent_part_is_not_seen(talker: DiceTalker) -> None:
    seen = portrait()
    alpha = np.zeros(seen.pixels.shape[:2], dtype=np.uint8)
    plates = []
    for level in (0, 255):
        pixels = np.full_like(seen.pixels, level)
        given = Portrait(name="cut.png", pixels=pixels, digest=f"cut {level}", alpha=alpha)
        plates.append(frames_of(talker.talk(given, speech(0.1), performance(), 0)))
    assert np.array_equal(*plates)


def test_the_tiny_build_is_labelled_as_random_everywhere(talker: DiceTalker) -> None:
    assert describe(SETTINGS).label == talker.label == TINY_LABEL == "DICE-Talk tiny random"
    clip = talker.talk(portrait(), speech(0.1), performance(), 0)
    assert TINY_LABEL in clip.measures().warnings[0]
    by_name = load_by_name("dice", dict(SETTINGS))
    assert (by_name.name, by_name.weights_digest) == ("dice", talker.weights_digest)


def test_all_wrong_settings_are_told_at_once_with_the_nearest_names(talker: DiceTalker) -> None:
    wrong = {
        "stepz": 3,
        "steps": 0,
        "build": "tinny",
        "generated_side": 100,
        "face_box": [1, 2],
        "compile": "yes",
    }
    with pytest.raises(InputError) as caught:
        load(settings=wrong)
    told = str(caught.value)
    assert len(caught.value.problems) == 6
    assert "'steps'" in told
    assert "'tiny'" in told
    assert "multiple of 64" in told
    with pytest.raises(InputError, match="cannot change after loading"):
        talker.with_settings({"device": "cpu"})


PEAK = """
import resource, sys
import torch
from tests.model.dice.dice_stage import *
torch.set_num_threads(1)
talker = tiny_talker(appearance=1, audio=1, steps=1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
told = [peak()]
for seconds in map(float, sys.argv[1:]):
    sound = speech(seconds, rate=Fraction(25, 2))
    for _ in talker.talk(portrait(), sound, performance("neutral -> happy"), 0):
        pass
    told.append(peak())
print(*told)
"""


@pytest.mark.proof
@pytest.mark.parametrize(
    ("short", "long"), [("2", "6"), pytest.param("10", "60", marks=pytest.mark.timeout(600))]
)
def test_a_long_shot_takes_little_more_memory_than_a_short_one(short: str, long: str) -> None:
    root, command = Path(__file__).parents[3], [sys.executable, "-c", PEAK, short, long]
    loaded, brief, lasting = map(
        float, subprocess.check_output(command, cwd=root, timeout=500).split()
    )
    state = float(long)  # megabytes: at most one a second
    assert lasting - loaded <= 1.1 * (brief - loaded) + state
