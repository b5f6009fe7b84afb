# SPDX-License-Identifier: Apache-2.0
"""A sitting: real clips, a talker that only shows the portrait, and what the page says of the two."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from manifests.errors import InputError
from manifests.rows import CorpusClip, Judgement, Score
from model import weights
from model.judges import emotion, framing, kept, lipsync, packaged, report, sitting
from model.judges.kept import Origin
from model.judges.panel import NETS, Panel
from model.judges.sitting import Sitting, Window
from model.previs.landmarks import Landmarker
from model.training import corpus as corpora
from model.training.corpus import Corpus, Prepared, PreparedPortrait

HEADS = sorted((Path(__file__).parents[2] / "data" / "heads").glob("actor_*.jpg"))[:4]
FRAMES = 16
needs_weights = pytest.mark.skipif(
    not all(map(weights.present, NETS)) or not all(packaged.place(one).is_file() for one in packaged.FILES),
    reason="needs `callsheet weights fetch` and the packaged judge",
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Four heads, each speaking twice: a dark ellipse opens over the mouth as loud as the voice is."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    folder, rows = tmp_path_factory.mktemp("heads"), []
    landmarker = Landmarker(*map(weights.path, NETS[:2]))
    for person, path in enumerate(HEADS):
        picture = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        face = framing.cropped([picture], landmarker, name=path.name)[0]
        points = np.zeros((468, 2), np.float16)
        corpora.save(
            PreparedPortrait(face=face, points=points), folder / "prepared" / f"{path.stem}.portrait.safetensors"
        )
        for number, label in enumerate(("happy", "contempt")):
            row = clip(f"{person}{number}", path.stem, label)
            corpora.save(speaking(face, person + 3 * number), folder / row.prepared)
            rows.append(row)
    return Corpus(rows, folder)


def clip(clip_id: str, identity: str, label: str) -> CorpusClip:
    return CorpusClip(
        clip_id=clip_id, corpus="synthetic", identity=identity, emotion=label, split="test", frames=FRAMES, text_id=clip_id,
        prepared=f"prepared/{clip_id}.safetensors", licence="CC0-1.0",
    )  # fmt: skip


def speaking(face: np.ndarray, number: int) -> Prepared:
    opened = np.abs(np.sin(np.arange(FRAMES) * (0.5 + 0.13 * number) + number))
    faces = np.stack([face] * FRAMES)
    for picture, share in zip(faces, opened, strict=True):
        cv2.ellipse(picture, (32, 46), (5, round(1 + 4 * share)), 0, 0, 360, (50, 15, 15), -1)
    loud = np.repeat(opened, 640) * np.random.default_rng(number).normal(0, 5000, 640 * FRAMES)
    return Prepared(
        faces=faces,
        points=np.zeros((FRAMES, 468, 2), np.float16),
        speech=loud.astype(np.int16),
        heard=np.zeros((2 * FRAMES, 384), np.float16),
        prosody=np.zeros((FRAMES, 6), np.float32),
    )


@pytest.fixture(scope="module")
def judged(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Sitting:
    """Both subjects, by judges that learnt nothing: what is asserted does not hang on them."""
    folder = tmp_path_factory.mktemp("judges")
    for name, net in (("emotion", emotion.EmotionJudge()), ("lipsync", lipsync.SyncNet())):
        kept.keep(net, origin(name), folder)
    portraits = {path.stem: corpus.portrait(path.stem).face for path in HEADS}
    panel = Panel(folder, portraits)
    made = Sitting(corpus=corpus, clips=corpus.split("test"), panel=panel, window=Window(frames=12), run_id="run")
    assert len(list(made.judge("real", made.real))) == 8
    assert len(list(made.judge("still", lambda clip, _: np.stack([portraits[clip.identity]] * 12)))) == 8
    return made


def origin(name: str) -> Origin:
    return Origin(
        judge=name, version=1, corpus="synthetic", data="0" * 32, split="judge", identities=1, clips=1, seed=0,
        licences=("CC0-1.0",), scores={"right": 0.5}, chosen_by="right", settings={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def scores(judged: Sitting) -> dict[tuple[str, str], Score]:
    return {(score.subject, score.measure): score for score in judged.scores()}


@needs_weights
def test_a_talker_that_shows_a_still_keeps_the_person_and_moves_nothing(scores: dict[tuple[str, str], Score]) -> None:
    assert scores["still", "identity_right"].value == 1
    assert scores["still", "identity_distance"].value == pytest.approx(0, abs=0.05)
    assert scores["still", "flicker"].value == scores["still", "mouth_motion"].value == 0
    assert scores["still", "mouth_motion_of_real"].value == 0
    assert scores["still", "jitter"].value < 0.01


@needs_weights
def test_mouths_that_open_with_the_voice_stand_above_shuffled_sounds_and_stills_do_not(
    scores: dict[tuple[str, str], Score],
) -> None:
    assert scores["real", "opening_correlation"].value > scores["real", "opening_correlation_shuffled"].value
    assert scores["real", "opening_spread"].value > 5 * scores["still", "opening_spread"].value
    assert abs(scores["still", "opening_correlation"].value) < 0.3


@needs_weights
def test_every_score_says_what_stands_behind_it(scores: dict[tuple[str, str], Score]) -> None:
    right = scores["real", "emotion_right"]
    assert (right.clips, right.identities, right.reference, right.compared) == (8, 4, 0.125, "chance")
    assert right.low is not None
    assert right.high is not None
    assert 0 <= right.low <= right.value <= right.high <= 1
    assert scores["real", "emotion_packaged_right"].clips == 4  # contempt is not among its classes
    assert scores["real", "identity_right"].reference == pytest.approx(1 / 4)  # four portraits


@needs_weights
def test_the_page_says_that_nobody_acted_and_puts_the_real_clips_first(judged: Sitting) -> None:
    page = report.page(judged.scores(), judged.panel.origins, {"corpus": "heads"})
    assert "## synthetic corpus" in page
    assert "no person acted here" in page
    assert "| measure | real | still | to read it against |" in page
    assert "lipsync 1: 1 clips of 1 identities" in page


@needs_weights
def test_the_same_clips_are_judged_alike_again(judged: Sitting, corpus: Corpus) -> None:
    again = Sitting(corpus=corpus, clips=judged.clips[:1], panel=judged.panel, window=judged.window, run_id="run")
    list(again.judge("real", again.real))
    before = {
        row.measure: row.value for row in judged.rows if row.clip_id == again.clips[0].clip_id and row.subject == "real"
    }
    after = {row.measure: row.value for row in again.rows}
    kept_alike = [
        name for name in after if "wrong" not in name and not name.startswith("identity")
    ]  # those depend on who sits beside
    assert len(kept_alike) >= 8
    assert {name: after[name] for name in kept_alike} == {name: before[name] for name in kept_alike}


def test_clips_are_drawn_with_the_emotions_in_turn(tmp_path: Path) -> None:
    corpus = corpora.tiny(tmp_path)
    made = sitting.chosen(corpus, split="test", limit=8)
    assert len({one.emotion for one in made}) == 8
    assert made == sitting.chosen(corpus, split="test", limit=8)
    with pytest.raises(InputError, match="no clips of split 'nobody'"):
        sitting.chosen(corpus, split="nobody")


def test_a_window_lies_in_the_middle_and_never_outside() -> None:
    assert Window(frames=16).of(50) == slice(17, 33)
    assert Window(frames=16).of(10) == slice(0, 10)
    assert Window().of(7) == slice(0, 7)


def test_scores_of_nothing_are_nothing_and_missing_values_are_left_out() -> None:
    about = {"run_id": "r", "subject": "real", "clip_id": "c", "corpus": "mead", "identity": "i", "emotion": "sad"}
    assert report.scores([]) == []
    assert report.scores([Judgement(**about, measure="jitter", value=None)]) == []
    (one,) = report.scores([Judgement(**about, measure="jitter", value=0.5)])
    assert (one.value, one.low, one.high) == (0.5, None, None)
