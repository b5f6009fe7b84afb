# SPDX-License-Identifier: Apache-2.0
"""`callsheet corpus`: clips are made once and recorded, published corpora are read from their
layout, and what fails is named."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows import cli
from flows import corpus as filling
from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError
from manifests.run_rows import Reject
from model.affect.prepared_corpus import HZ
from pipeline import corpus, ffmpeg_binary
from pipeline.corpus import generate, synthetic

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "examples/lighthouse/portraits/mara.png"


def sheet(path: Path, *rows: tuple[object, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def small(path: Path) -> np.ndarray:
    picture = cv2.imread(str(PORTRAIT))
    shrunk = np.asarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), shrunk)
    return shrunk


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus to be made: one person, one line, and the stills of one clip of units. All clips but
    two are recorded already."""
    import soundfile

    folder = tmp_path_factory.mktemp("corpus")
    picture = small(folder / "portraits/mara.png")
    sheet(
        folder / "portraits/people.csv",
        synthetic.PERSON_COLUMNS,
        ("mara", "female", "test", "CC0-1.0"),
    )
    sound, hz = soundfile.read(ROOT / "examples/lighthouse/recordings/dialogue.flac", stop=96_000)
    (folder / "lines").mkdir()
    soundfile.write(folder / "lines/line.flac", sound[:: hz // HZ][: 2 * HZ], HZ)
    columns = synthetic.LINE_COLUMNS
    sheet(
        folder / "lines/lines.csv",
        columns,
        ("cara", "female", "test", "t0", "It is midnight.", "line.flac"),
    )
    small(folder / "portraits/units/u000.png")
    cv2.imwrite(
        str(folder / "portraits/units/u000-happy.png"),
        np.vstack([picture, picture[:, ::-1]])[:, 16:240],
    )
    row = ("u000", "female", "happy", 2, 2, "CC0-1.0", "u000-happy.png")
    sheet(
        folder / "portraits/units/units.csv",
        ("identity", "sex", "emotion", "level", "stills", "licence", "file"),
        row,
    )
    people, lines = (
        synthetic.read_people(folder / "portraits"),
        synthetic.read_lines(folder / "lines"),
    )
    planned = synthetic.plan_clips(people, lines, seed=0)
    corpus.open_record(folder).append(
        [generate.build_row(one, 0.5, frames=40) for one in planned[2:]]
    )
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> filling.CorpusSummary:
    return filling.make_corpus(folder, identities=None, seed=0, jobs=1)


def test_missing_clips_are_made_and_a_second_run_makes_nothing(
    folder: Path, made: filling.CorpusSummary
) -> None:
    assert (made.new, made.rejects) == (3, [])
    again = filling.make_corpus(folder, identities=None, seed=0, jobs=1)
    assert (again.new, again.clips, again.digest) == (0, made.clips, made.digest)
    standing = corpus.read(folder)
    assert len(standing.split("test")) == 24
    (clip,) = standing.split("test", corpus="units")
    prepared = standing.load(clip)
    assert prepared.frames == clip.frames
    assert prepared.faces.std() > 10
    assert standing.portrait("mara").face.shape == (64, 64, 3)


@pytest.mark.proof
@pytest.mark.usefixtures("made")
def test_the_same_clip_made_again_is_the_same(folder: Path, tmp_path: Path) -> None:
    for part in ("portraits", "lines"):
        shutil.copytree(folder / part, tmp_path / part)
    planned = synthetic.plan_clips(
        synthetic.read_people(tmp_path / "portraits"),
        synthetic.read_lines(tmp_path / "lines"),
        seed=0,
    )
    studio = generate.ClipGenerator(tmp_path)
    row = studio.make_clip(planned[0])
    first, again = ((place / row.prepared).read_bytes() for place in (folder, tmp_path))
    assert first == again
    written = (tmp_path / row.prepared).stat().st_mtime_ns
    # a run that was killed before its rows were recorded finds the files
    assert studio.make_clip(planned[0]) == row
    assert (tmp_path / row.prepared).stat().st_mtime_ns == written


def test_an_unknown_part_or_corpus_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="synthetic or units"):
        filling.make_corpus(folder, identities=None, seed=0, jobs=1, only="films")
    with pytest.raises(InputError, match="did you mean 'crema-d'"):
        filling.prepare_corpus("crema", tmp_path, folder, jobs=1)
    with pytest.raises(InputError, match=r"no clip of mead is here.*expected PERSON/video/front"):
        filling.prepare_corpus("mead", tmp_path, folder, jobs=1)


def filmed(path: Path, *, frames: int, picture: bool = True, sound: bool = False) -> None:
    """Mara at 30 frames a second, her voice (noise), or both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = str(frames / 30)
    shown = [
        "-framerate",
        "30",
        "-loop",
        "1",
        "-t",
        seconds,
        "-i",
        str(PORTRAIT),
        "-s",
        "320x320",
        "-pix_fmt",
        "yuv420p",
    ]
    heard = ["-f", "lavfi", "-t", seconds, "-i", "anoisesrc=r=44100:a=0.1"]
    inputs = [*(heard if sound else []), *(shown if picture else [])]
    subprocess.run([ffmpeg_binary.ffmpeg_path(), "-v", "error", *inputs, str(path)], check=True)


@pytest.fixture(scope="module")
def mead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature MEAD: one good clip, one too short, one without its sound."""
    root = tmp_path_factory.mktemp("MEAD")
    for number, frames in (("001", 24), ("002", 6), ("003", 6)):
        filmed(root / f"M003/video/front/happy/level_2/{number}.mp4", frames=frames)
    for number in ("001", "002"):
        filmed(
            root / f"M003/audio/happy/level_2/{number}.m4a", frames=24, picture=False, sound=True
        )
    return root


def test_a_file_that_may_not_be_read_is_listed_and_reasons_are_told_where_nothing_is_left(
    tmp_path: Path,
) -> None:
    source, into = tmp_path / "CREMA D", tmp_path / "corpus"
    for path in ("VideoFlash/1001_DFA_ANG_HI.flv", "AudioWAV/1001_DFA_ANG_HI.wav"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(b"nothing")
    with pytest.raises(
        InputError,
        match=r"no clip could be used[^$]*1001_DFA_ANG_HI.flv: .*not a readable media file",
    ):
        filling.prepare_corpus("crema-d", source, into, jobs=1)
    (source / "VideoFlash/1001_DFA_ANG_HI.flv").unlink()
    # opens and cannot be read, whoever asks
    (source / "VideoFlash/1001_DFA_ANG_HI.flv").symlink_to("/proc/self/mem")
    with pytest.raises(InputError, match=r"no clip could be used[^$]*Input/output error"):
        filling.prepare_corpus("crema-d", source, into, jobs=1)
    with pytest.raises(InputError, match="no such folder"):
        filling.prepare_corpus("crema-d", tmp_path / "nowhere", into, jobs=1)


def test_crema_d_is_prepared_from_flash_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filmed(tmp_path / "CREMA-D/VideoFlash/1001_DFA_ANG_HI.flv", frames=24)
    filmed(tmp_path / "CREMA-D/AudioWAV/1001_DFA_ANG_HI.wav", frames=24, picture=False, sound=True)
    filled = filling.prepare_corpus("crema-d", tmp_path / "CREMA-D", tmp_path / "corpus", jobs=1)
    (clip,) = corpus.read(tmp_path / "corpus").clips
    assert not filled.rejects
    assert (clip.identity, clip.emotion, clip.level, clip.text) == (
        "crema-d-1001",
        "angry",
        3,
        "Don't forget a jacket.",
    )
    with pytest.raises(SystemExit):
        cli.main(["corpus", "list", str(tmp_path / "corpus"), "--split", clip.split])
    assert capsys.readouterr().out.splitlines()[1].startswith(clip.clip_id)
    with pytest.raises(InputError, match="did you mean 'train'"):
        filling.list_clips(tmp_path / "corpus", "trian")


def test_hdtf_is_prepared_from_videos_with_sound(tmp_path: Path) -> None:
    filmed(tmp_path / "HDTF/RD/RD_Radio1_000.mp4", frames=24, sound=True)
    filled = filling.prepare_corpus("hdtf", tmp_path / "HDTF", tmp_path / "corpus", jobs=1)
    (clip,) = corpus.read(tmp_path / "corpus").clips
    assert not filled.rejects
    assert (clip.identity, clip.emotion, clip.level) == ("hdtf-RD-Radio1", "neutral", 0)


def test_a_published_corpus_is_prepared_and_its_bad_clips_are_listed(
    mead: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["corpus", "read", "mead", str(mead), str(tmp_path), "--jobs", "1", "--json"])
    assert left.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["clips"], told["new"], len(told["rejects"])) == (1, 1, 2)
    (clip,) = corpus.read(tmp_path).clips
    assert (clip.corpus, clip.identity, clip.emotion, clip.level, clip.frames) == (
        "mead",
        "mead-M003",
        "happy",
        2,
        20,
    )
    portrait = cv2.imread(str(tmp_path / "portraits/mead-M003.png"))  # for talkers that are judged
    assert portrait is not None
    assert portrait.shape == (320, 320, 3)
    reasons = {
        reject.subject: reject.reason for reject in corpus.open_record(tmp_path).read(Reject)
    }
    assert "only 5 frames" in reasons["M003/video/front/happy/level_2/002.mp4"]
    assert "no sound" in reasons["M003/video/front/happy/level_2/003.mp4"]
    assert [row.clip_id for row in corpus.open_record(tmp_path).read(CorpusClip)] == [clip.clip_id]
