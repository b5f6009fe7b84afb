# SPDX-License-Identifier: Apache-2.0
"""One clip from one portrait and one recording, as a person would ask for it."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from flows.clip_request import ClipRequest
from flows.talk import make_clip
from manifests.errors import InputError
from pipeline import media
from pipeline.deliver.contact_sheet import PAPER
from tests.conftest import STARTER

PORTRAIT = STARTER / "portraits" / "alex.jpg"


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two seconds of the starter's dialogue."""
    samples, hz = soundfile.read(STARTER / "recordings" / "dialogue.flac", frames=2 * 48000)
    soundfile.write(tmp_path / "speech.wav", samples, hz)
    return tmp_path / "speech.wav"


@pytest.mark.parametrize(("rate", "frames"), [(Fraction(25), 50), (Fraction(30000, 1001), 60)])
def test_a_clip_has_the_frames_of_its_speech_and_its_sound(
    speech: Path, tmp_path: Path, rate: Fraction, frames: int
) -> None:
    settings = {"size": 256}
    made = make_clip(
        ClipRequest(
            portrait=PORTRAIT,
            speech=speech,
            out=tmp_path / "o.mp4",
            emotion="happy 0.8",
            rate=rate,
            settings=settings,
        )
    )
    assert (made.frames, made.width, made.height, made.label) == (frames, 256, 256, "previs")
    pictures = list(media.read_frames(made.path, width=256, height=256))
    assert len(pictures) == frames
    assert np.abs(pictures[5].astype(int) - pictures[30]).max() > 20
    info = media.probe(made.path)
    assert info.audio is not None
    assert abs(info.seconds - frames / rate) <= 1 / rate


def test_a_lossless_clip_is_the_same_every_time(speech: Path, tmp_path: Path) -> None:
    clips = []
    for name in ("one.mkv", "two.mkv"):
        request = ClipRequest(
            portrait=PORTRAIT,
            speech=speech,
            out=tmp_path / name,
            lossless=True,
            settings={"size": 256},
        )
        clips.append(
            np.stack(list(media.read_frames(make_clip(request).path, width=256, height=256)))
        )
    assert np.array_equal(*clips)


def test_a_matte_a_track_and_a_contact_sheet_come_with_a_clip(speech: Path, tmp_path: Path) -> None:
    out, track, sheet = tmp_path / "o.mov", tmp_path / "track.json", tmp_path / "sheet.png"
    settings = {"size": 256}
    request = ClipRequest(portrait=PORTRAIT, speech=speech, out=out, settings=settings, alpha=True)
    make_clip(replace(request, track=track, contact_sheet=sheet))
    info = media.probe(out)
    assert info.video is not None
    assert info.video.codec == "prores"
    assert info.video.pixel_format.startswith("yuva444p")
    acted = json.loads(track.read_text())
    assert acted["rate"] == [25, 1]
    assert len(acted["frames"]) == 50
    assert max(frame["visemes"]["jaw"] for frame in acted["frames"]) > 0.2
    with Image.open(sheet) as picture:
        drawn = np.any(np.asarray(picture) != PAPER, axis=2).mean(axis=1) > 0.8
    rows = int((np.diff(drawn.astype(int)) == 1).sum())
    assert rows == 8 + 12 / 3  # emotions, then consecutive mouths


@pytest.mark.proof
def test_a_filmed_performance_leads_the_face(speech: Path, tmp_path: Path) -> None:
    settings = {"size": 256}
    filmed = tmp_path / "filmed.mkv"
    request = ClipRequest(
        portrait=PORTRAIT, speech=speech, out=filmed, settings=settings, lossless=True
    )
    make_clip(replace(request, emotion="neutral -> surprised 1.5"))
    led, calm = tmp_path / "led.json", tmp_path / "calm.json"
    make_clip(replace(request, out=tmp_path / "a.mkv", track=led, performance_from=filmed))
    make_clip(replace(request, out=tmp_path / "b.mkv", track=calm))
    brows = [
        [row["units"].get("AU2", 0) for row in json.loads(t.read_text())["frames"]]
        for t in (led, calm)
    ]
    rise = [np.mean(acted[-10:]) - np.mean(acted[:10]) for acted in brows]
    assert rise[0] > rise[1] + 0.08  # measured against the film's own median face


def test_what_only_previs_can_do_is_refused_for_other_talkers(speech: Path, tmp_path: Path) -> None:
    request = ClipRequest(
        portrait=PORTRAIT, speech=speech, out=tmp_path / "o.mov", talker="dice", alpha=True
    )
    with pytest.raises(InputError, match="--alpha: the talker 'dice' cannot do this"):
        make_clip(replace(request, settings={"build": "tiny"}))


def test_everything_that_is_wrong_with_a_request_is_told_at_once(tmp_path: Path) -> None:
    request = ClipRequest(
        portrait=tmp_path / "nobody.png",
        speech=tmp_path / "silence.wav",
        out=tmp_path / "o.gif",
        emotion="hapy",
        talker="dise",
        settings={"size": 256},
    )
    with pytest.raises(InputError) as told:
        make_clip(request)
    assert len(told.value.problems) == 5
    assert "unknown talker 'dise'" in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_is_never_written_over_what_it_is_made_of(speech: Path, tmp_path: Path) -> None:
    recorded = speech.rename(tmp_path / "speech.mkv")
    before = recorded.read_bytes()
    request = ClipRequest(
        portrait=PORTRAIT, speech=recorded, out=tmp_path / "folder" / ".." / "speech.mkv"
    )
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as told:
        make_clip(
            replace(
                request,
                contact_sheet=tmp_path / "sheet.txt",
                track=tmp_path / "none" / "track.json",
            )
        )
    assert len(told.value.problems) == 3
    assert "would overwrite the speech" in str(told.value)
    with pytest.raises(InputError, match="would overwrite another file of this clip"):
        make_clip(replace(request, out=tmp_path / "o.mp4", track=tmp_path / "o.mp4"))
    assert recorded.read_bytes() == before


def test_a_matte_can_be_lossless(speech: Path, tmp_path: Path) -> None:
    request = ClipRequest(
        portrait=PORTRAIT, speech=speech, out=tmp_path / "o.mkv", settings={"size": 128}
    )
    made = make_clip(replace(request, alpha=True, lossless=True))
    info = media.probe(made.path).video
    assert info is not None
    assert (info.codec, info.pixel_format) == ("ffv1", "bgra")


def test_sound_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000:8_010] = np.nan
    soundfile.write(tmp_path / "broken.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"broken\.wav: the sound is broken"):
        make_clip(
            ClipRequest(portrait=PORTRAIT, speech=tmp_path / "broken.wav", out=tmp_path / "o.mp4")
        )
