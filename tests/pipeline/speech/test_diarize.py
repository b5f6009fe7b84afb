# SPDX-License-Identifier: Apache-2.0
"""The example is listened to with the real engines: who says which line, when, on two different
recordings of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from manifests.errors import InputError
from manifests.rows import Actor, Cue, Line, Recording, Turn, Word
from manifests.timebase import MASTER_HZ
from pipeline.align import align
from pipeline.cut import breakdown, cut_points
from pipeline.speech import diarize, enrolment, ingest, transcribe
from tests.pipeline.second_recording import DATA, EXAMPLE, Spoken, example_truth, second_recording

TELEPHONE = Path(str(find_spec("pyannote.audio").origin)).parent / "sample" / "sample.wav"  # type: ignore[union-attr]
TEN_MS = MASTER_HZ // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """What came of listening to one recording."""

    root: Path
    recording: Recording
    turns: list[Turn]
    words: list[Word]
    truth: tuple[Spoken, ...]

    @property
    def lines(self) -> list[Line]:
        """The script."""
        return [
            Line(
                line_id=f"L{t.order:02}",
                order=t.order,
                scene="1",
                character=t.character,
                text=t.text,
            )
            for t in self.truth
        ]


def _listen(path: Path, truth: tuple[Spoken, ...], root: Path) -> Listened:
    recording = ingest.ingest(path, order=0, offset_samples=0, root=root, folder=path.parent)
    characters = {line.character for line in truth}
    turns = diarize.diarize(
        [recording], root=root, settings=diarize.DiarizationSettings(speakers=len(characters))
    )
    words = transcribe.transcribe(
        [recording], root=root, settings=transcribe.TranscriptionSettings()
    )
    return Listened(root=root, recording=recording, turns=turns, words=words, truth=truth)


@pytest.fixture(scope="module", params=[pytest.param("example", marks=pytest.mark.proof), "second"])
def heard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Listened:
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "example":
        return _listen(EXAMPLE, example_truth(), root)
    return _listen(*second_recording(root), root)


def _right_share(cues: list[Cue], truth: tuple[Spoken, ...]) -> float:
    """Share of the true speech time (10 ms steps) in which the right character is on."""
    length = max(line.end for line in truth) // TEN_MS + 1
    right = spoken = 0
    for character in {line.character for line in truth}:
        true, found = np.zeros(length, dtype=bool), np.zeros(length, dtype=bool)
        for line in truth:
            true[line.start // TEN_MS : line.end // TEN_MS] |= line.character == character
        for cue in cues:
            if cue.character == character and cue.start >= 0:
                found[cue.start // TEN_MS : cue.end // TEN_MS] = True
        right, spoken = right + int((true & found).sum()), spoken + int(true.sum())
    return right / spoken


def test_the_right_character_is_on_for_95_percent_of_the_speech(heard: Listened) -> None:
    cues = align.align_cues(heard.lines, heard.turns, heard.words, recordings=[heard.recording])
    assert _right_share(cues, heard.truth) >= 0.95


def test_every_line_is_found_and_begins_and_ends_where_it_is_spoken(heard: Listened) -> None:
    cues = align.align_cues(heard.lines, heard.turns, heard.words, recordings=[heard.recording])
    assert [cue.line_id for cue in cues] == [line.line_id for line in heard.lines]
    starts = (
        np.array([abs(cue.start - line.start) for cue, line in zip(cues, heard.truth, strict=True)])
        / MASTER_HZ
    )
    ends = (
        np.array([abs(cue.end - line.end) for cue, line in zip(cues, heard.truth, strict=True)])
        / MASTER_HZ
    )
    assert np.median(starts) <= 0.06
    assert np.median(ends) <= 0.06
    assert sum(cue.status == "matched" for cue in cues) >= len(cues) - 2


def test_without_words_the_turns_alone_still_find_the_characters(heard: Listened) -> None:
    cues = align.align_cues(heard.lines, heard.turns, [], recordings=[heard.recording])
    assert _right_share(cues, heard.truth) >= 0.94
    assert all("words not recognised" in cue.reasons for cue in cues if cue.start >= 0)


def test_exclusive_turns_never_overlap_and_the_full_ones_keep_the_overlap(heard: Listened) -> None:
    exclusive = [turn for turn in heard.turns if turn.exclusive]
    assert all(a.end <= b.start for a, b in itertools.pairwise(exclusive))
    full = sum(turn.end - turn.start for turn in heard.turns if not turn.exclusive)
    assert full > sum(turn.end - turn.start for turn in exclusive)
    assert len({turn.speaker for turn in heard.turns}) == 3


def test_words_lie_in_their_recording_in_order(heard: Listened) -> None:
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert all(
        0 <= word.start < word.end <= heard.recording.samples + MASTER_HZ // 100
        for word in heard.words
    )


def _voice_samples(folder: Path) -> dict[str, Path]:
    """Each character's longest dry line as a sample of the voice."""
    dry, hz = sf.read(DATA / "dry.flac")
    longest = {
        line.character: line
        for line in sorted(example_truth(), key=lambda line: line.dry_end - line.dry_start)
    }
    samples = {}
    for character, line in longest.items():
        samples[character] = folder / f"{character}.wav"
        sf.write(samples[character], dry[line.dry_start : line.dry_end], hz)
    return samples


def test_voice_samples_name_the_speakers_as_the_script_does(
    heard: Listened, tmp_path: Path
) -> None:
    samples = _voice_samples(tmp_path)
    enrolled = enrolment.enrol_speakers(
        heard.turns, samples, recordings=[heard.recording], root=heard.root
    )
    found = align.align_script(heard.lines, heard.turns, heard.words, recordings=[heard.recording])
    assert {one.speaker: one.character for one in enrolled} == found.names
    assert all(one.score > one.second for one in enrolled)


def test_a_voice_sample_without_a_voice_is_refused(heard: Listened, tmp_path: Path) -> None:
    sf.write(tmp_path / "silent.wav", np.zeros(48_000), 16_000)
    with pytest.raises(InputError, match=r"silent\.wav"):
        enrolment.enrol_speakers(
            heard.turns,
            {"MARA": tmp_path / "silent.wav"},
            recordings=[heard.recording],
            root=heard.root,
        )


def test_keys_follow_sound_place_and_settings_and_nothing_else(heard: Listened) -> None:
    recording = heard.recording
    renamed = replace(recording, source="renamed.wav", source_digest="x", order=3)
    moved = replace(recording, offset_samples=3)
    for key, settings, other in (
        (
            diarize.key,
            diarize.DiarizationSettings(speakers=3),
            diarize.DiarizationSettings(speakers=2),
        ),
        (
            transcribe.key,
            transcribe.TranscriptionSettings(),
            transcribe.TranscriptionSettings(beam=1),
        ),
    ):
        same = key([recording], settings)  # type: ignore[operator]
        assert key([renamed], settings) == same  # type: ignore[operator]
        assert key([moved], settings) != same  # type: ignore[operator]
        assert key([recording], other) != same  # type: ignore[operator]


def _on_the_telephone(folder: Path, *, noise: float) -> Recording:
    """Eight seconds of two real voices under white noise."""
    sound, rate = sf.read(TELEPHONE, dtype="float32")
    part = sound[7 * rate : 15 * rate]
    part = part + np.random.default_rng(0).normal(0, noise, len(part))
    sf.write(folder / "part.wav", np.clip(part, -1, 1), rate)
    return ingest.ingest(folder / "part.wav", order=0, offset_samples=0, root=folder, folder=folder)


def test_the_same_sound_gives_the_same_turns_whatever_the_threads(tmp_path: Path) -> None:
    recording = _on_the_telephone(tmp_path, noise=0.0)
    turns = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            turns.append(
                diarize.diarize(
                    [recording], root=tmp_path, settings=diarize.DiarizationSettings(speakers=2)
                )
            )
    assert len({turn.speaker for turn in turns[0]}) == 2
    assert turns[0] == turns[1]


def test_a_moment_of_speech_is_somebody_and_warns_of_nothing(heard: Listened) -> None:
    first = next(turn for turn in heard.turns if turn.exclusive)
    start = first.start + MASTER_HZ // 10
    sound = ingest.read_span(
        [heard.recording], start, start + MASTER_HZ // 2, hz=16_000, root=heard.root
    )
    found = diarize.find_speaker_spans(sound, settings=diarize.DiarizationSettings(speakers=2))
    assert {span.speaker for span in found} <= {0, 1}


def test_silence_is_nobody() -> None:
    assert (
        diarize.find_speaker_spans(
            np.zeros(48_000, dtype=np.float32), settings=diarize.DiarizationSettings()
        )
        == []
    )


def test_the_cut_shows_who_speaks_for_95_percent_of_the_speech(heard: Listened) -> None:
    cues = align.align_cues(heard.lines, heard.turns, heard.words, recordings=[heard.recording])
    actors = [
        Actor(character=name, actor=name, portrait="p.png")
        for name in {line.character for line in heard.truth}
    ]
    settings = cut_points.CutSettings(
        rate=Fraction(25),
        minimum_shot_seconds=1.2,
        maximum_shot_seconds=20.0,
        long_pause_seconds=2.5,
    )
    shots = breakdown.break_down(
        cues,
        lines=heard.lines,
        actors=actors,
        total_samples=heard.recording.samples,
        settings=settings,
    )
    frame = MASTER_HZ // 25
    on_screen = [
        next(s.character for s in shots if s.end_frame > f) for f in range(shots[-1].end_frame)
    ]
    right = spoken = 0
    for line in heard.truth:
        frames = range(line.start // frame, line.end // frame)
        spoken += len(frames)
        right += sum(on_screen[f] == line.character for f in frames)
    assert right / spoken >= 0.95
