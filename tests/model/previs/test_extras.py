# SPDX-License-Identifier: Apache-2.0
"""What comes beside the frames: mattes, tracks, stills, filmed performances, and what is kept on
disk."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from model import weights
from model.emotion import LABELS, Performance, parse_curve
from model.previs import cache
from model.previs.expression import INDEX, make_vector
from model.previs.landmarks import Landmarker
from model.previs.talker import PrevisTalker, load
from model.previs.warp import Pose, Renderer
from model.talker import Portrait, Speech
from pipeline.render import portraits

PORTRAITS = Path(__file__).parents[3] / "examples" / "lighthouse" / "portraits"


@pytest.fixture(scope="module")
def talker() -> PrevisTalker:
    made = load(settings={"size": 256})
    assert isinstance(made, PrevisTalker)
    return made


@pytest.fixture(scope="module")
def actor() -> Portrait:
    return portraits.read(sorted(PORTRAITS.glob("*.png"))[0])


def quiet(frames: int, role: str = "speaking") -> Speech:
    sound = np.zeros(frames * 640, np.float32)
    kind = "listening" if role == "listening" else "speaking"
    return Speech(samples=sound, lead=0, frames=frames, rate=Fraction(25), role=kind)  # type: ignore[arg-type]


def held(text: str, frames: int) -> Performance:
    return Performance.from_curve(parse_curve(text), start=0, end=frames)


def test_layers_give_the_same_frames_with_the_person_in_the_matte(
    talker: PrevisTalker, actor: Portrait
) -> None:
    plain = list(talker.talk(actor, quiet(3), held("happy 1", 3), 0))
    layers = list(talker.talk(actor, quiet(3), held("happy 1", 3), 0).layers())
    for frame, (again, matte) in zip(plain, layers, strict=True):
        assert np.array_equal(frame, again)
        assert matte.shape == frame.shape[:2]
    points = talker.find_puppet(actor).whole_face.points[:, :2].astype(int)
    assert layers[0][1][points[1, 1], points[1, 0]] == 255
    assert layers[0][1][:8, :8].max() == 0


def test_a_track_has_a_plain_row_for_each_frame(talker: PrevisTalker) -> None:
    rows = list(talker.track(quiet(12), held("surprised 1", 12), 4))
    assert [row["frame"] for row in rows] == list(range(12))
    assert json.loads(json.dumps(rows)) == rows
    units = rows[-1]["units"]
    assert isinstance(units, dict)
    assert units["AU1"] > 0.5


def test_stills_show_every_emotion_and_they_differ(talker: PrevisTalker, actor: Portrait) -> None:
    stills = list(talker.draw_stills(actor, intensities=(1.0,)))
    assert [label for label, _, _ in stills] == list(LABELS)
    pictures = {label: frame.astype(int) for label, _, frame in stills}
    for label in LABELS:
        if label != "neutral":
            assert np.abs(pictures[label] - pictures["neutral"]).mean() > 0.3


def test_a_filmed_performance_leads_the_brows(talker: PrevisTalker, actor: Portrait) -> None:
    renderer = Renderer(talker.find_puppet(actor))
    raised = [0.0] * 10 + [0.5] * 2 + [1.0] * 10
    film = [
        renderer.render_frame(
            Pose(
                units=make_vector({"AU1": 1.2 * x, "AU2": 1.2 * x}).astype(np.float32),
                head=np.zeros(6, np.float32),
            )
        )
        for x in raised
    ]
    filmed = talker.film(film, Fraction(25), name="film.mp4")
    brows = filmed.units[:, INDEX["AU2"]]
    assert brows[15:].mean() - brows[:8].mean() > 0.3
    led = list(talker.track(quiet(22), held("neutral", 22), 0, filmed=filmed))
    assert len(led) == 22
    with pytest.raises(InputError, match="no face can be followed"):
        talker.film([np.zeros((64, 64, 3), np.uint8)] * 3, Fraction(25), name="black.mp4")


def test_a_still_head_that_speaks_is_seen_as_still_through_a_crop_that_does_not_follow_the_chin(
    talker: PrevisTalker, actor: Portrait
) -> None:
    puppet = talker.find_puppet(actor)
    renderer, rest = Renderer(puppet), puppet.whole_face
    landmarker = Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )
    unrest = {}
    for kept in (None, rest):
        face, bridge = rest, []
        for jaw in (0.0, 0.2, 0.6, 0.3) * 4:
            open_mouth = make_vector({"AU26": jaw}).astype(np.float32)
            frame = renderer.render_frame(Pose(units=open_mouth, head=np.zeros(6, np.float32)))
            face = landmarker.follow(frame, face, kept)
            bridge.append(face.points[[168, 6, 197], :2].mean(axis=0) / rest.unit)
        unrest[kept is rest] = float(np.linalg.norm(np.std(bridge[4:], axis=0)))
    assert unrest[True] < 0.004
    assert unrest[True] < 0.6 * unrest[False]


def test_what_is_kept_on_disk_gives_the_same_frames_and_rubbish_is_solved_anew(
    actor: Portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for spoil in (False, False, True):
        monkeypatch.delenv("CALLSHEET_CACHE", raising=False)
        fresh = load(settings={"size": 200})
        monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path))
        if spoil:
            next(cache.puppet_folder().glob("*.npz")).write_bytes(b"not an archive")
        made.append(np.stack(list(fresh.talk(actor, quiet(3), held("sad 1", 3), 0))))
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def test_a_listener_blinks_and_breathes_but_does_not_speak(talker: PrevisTalker) -> None:
    times = np.arange(16_000 * 12) / 16_000
    loud = (0.3 * np.sin(2 * np.pi * 180 * times) * (np.sin(2 * np.pi * 2 * times) > 0)).astype(
        np.float32
    )
    speech = Speech(samples=loud, lead=0, frames=300, rate=Fraction(25), role="listening")
    rows = list(talker.track(speech, held("neutral", 300), 2))
    assert max(row["visemes"]["jaw"] for row in rows) == 0  # type: ignore[index, call-overload]
    lids = np.array([row["lids"] for row in rows])
    blinks = int((np.diff((lids[:, 0] > 0.5).astype(int)) == 1).sum())
    assert 1 <= blinks <= 7
    heads = np.array([list(row["head"].values()) for row in rows])  # type: ignore[attr-defined]
    assert (np.abs(np.diff(heads, axis=0)).sum(axis=1) > 0).all()
