# SPDX-License-Identifier: Apache-2.0
"""The example and the starter are what other tests take them for: measured, not trusted."""

from __future__ import annotations

import csv
import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from manifests.timebase import MASTER_HZ
from model.emotion import parse_curve
from pipeline.script import cast, consent, emotion_synonyms, production, script
from tests.pipeline.second_recording import (
    DATA,
    EXAMPLE,
    ROOT,
    Spoken,
    doubled,
    example_truth,
    pauses_of,
    second_recording,
)

LIGHTHOUSE = ROOT / "examples" / "lighthouse"
STARTER = ROOT / "pipeline" / "script" / "starter"
PRODUCTIONS = pytest.mark.parametrize(
    "folder", [LIGHTHOUSE, STARTER], ids=["lighthouse", "starter"]
)


def rows(sheet: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(sheet.read_text(encoding="utf-8").splitlines()))


def decibels(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(sound**2)))


def room_level(sound: np.ndarray, truth: tuple[Spoken, ...]) -> float:
    return decibels(np.concatenate(pauses_of(sound, truth)))


def alone(truth: tuple[Spoken, ...]) -> list[Spoken]:
    """Lines that no other line overlaps."""
    return [
        line
        for line in truth
        if not any(o is not line and o.start < line.end and line.start < o.end for o in truth)
    ]


def assert_lines_stand_where_the_truth_says(sound: np.ndarray, truth: tuple[Spoken, ...]) -> None:
    """Every dry line matches the recording best at its place, to the sample, also under an
    overlap."""
    dry, _ = sf.read(DATA / "dry.flac", dtype="float64")
    for line in truth:
        spoken = doubled(dry[line.dry_start : line.dry_end])
        likeness = [
            spoken @ sound[line.start + lag : line.start + lag + len(spoken)]
            for lag in range(-240, 241)
        ]
        assert abs(int(np.argmax(likeness)) - 240) <= 1, line


def assert_lines_are_audible_where_the_truth_says(
    sound: np.ndarray, truth: tuple[Spoken, ...]
) -> None:
    """Speech stands out of the room within 60 ms of each start and until 250 ms of each end (a low
    voice sinks early)."""
    width = MASTER_HZ // 100
    steps = np.diff(sound, prepend=0.0)  # the room tone is low, so its steps are small
    frames = np.sqrt((steps[: len(steps) // width * width].reshape(-1, width) ** 2).mean(axis=1))
    room = np.sqrt(np.mean(np.concatenate(pauses_of(steps, truth)) ** 2))
    for line in alone(truth):
        first, last = line.start // width - 15, line.end // width + 15
        loud = (first + np.flatnonzero(frames[first:last] > 2.5 * room)) * width
        assert abs(loud[0] - line.start) < 0.06 * MASTER_HZ, line
        assert -0.25 * MASTER_HZ < loud[-1] + width - line.end < 0.06 * MASTER_HZ, line


def levels(sound: np.ndarray, truth: tuple[Spoken, ...]) -> dict[str, float]:
    spoken: dict[str, list[np.ndarray]] = {}
    for line in alone(truth):
        spoken.setdefault(line.character, []).append(sound[line.start : line.end])
    return {character: decibels(np.concatenate(parts)) for character, parts in spoken.items()}


def test_the_examples_truth_agrees_with_the_sound_of_its_recording() -> None:
    sound, rate = sf.read(EXAMPLE, dtype="float64")
    assert rate == MASTER_HZ
    assert_lines_stand_where_the_truth_says(sound, example_truth())
    assert_lines_are_audible_where_the_truth_says(sound, example_truth())


def test_the_examples_recording_is_unclipped_speech_of_unequal_levels_over_room_tone() -> None:
    sound, _ = sf.read(EXAMPLE, dtype="float64")
    assert 60 <= len(sound) / MASTER_HZ <= 75
    assert np.abs(sound).max() < 10 ** (-3 / 20)
    loudness = levels(sound, example_truth())
    assert set(loudness) == {"HENRIK", "MARA", "NADIA"}
    assert max(loudness.values()) - min(loudness.values()) > 2
    assert -60 < room_level(sound, example_truth()) < min(loudness.values()) - 15


def test_the_example_has_one_overlap_and_natural_pauses() -> None:
    gaps = [(after.start - before.end) / MASTER_HZ for before, after in pairwise(example_truth())]
    overlaps = [gap for gap in gaps if gap < 0]
    assert len(overlaps) == 1
    assert 0.4 <= -overlaps[0] <= 0.8
    assert all(0.25 <= gap <= 1.1 for gap in gaps if gap > 0)


def test_the_script_holds_the_truths_lines_in_order_with_five_emotions_and_a_turn() -> None:
    script = (LIGHTHOUSE / "script.fountain").read_text(encoding="utf-8")
    places = [script.find(f"\n{line.text}\n") for line in example_truth()]
    assert -1 not in places
    assert places == sorted(places)
    curves = [parse_curve(note) for note in re.findall(r"\[\[emotion: (.+?)\]\]", script)]
    assert len({label for curve in curves for mix in curve.mixes for label, _ in mix}) >= 5
    assert any(len(curve.mixes) > 1 for curve in curves)
    assert " ^\n" in script


@pytest.mark.proof
def test_a_second_recording_has_other_pauses_other_levels_and_twice_the_noise(
    tmp_path: Path,
) -> None:
    first, _ = sf.read(EXAMPLE, dtype="float64")
    path, truth = second_recording(tmp_path)
    second, rate = sf.read(path, dtype="float64")
    assert rate == MASTER_HZ
    assert np.abs(second).max() < 1
    assert_lines_stand_where_the_truth_says(second, truth)
    assert_lines_are_audible_where_the_truth_says(second, truth)
    assert all(
        abs(ours.start - theirs.start) > 480
        for ours, theirs in zip(truth, example_truth(), strict=True)
    )
    assert (
        max(levels(first, example_truth()), key=levels(first, example_truth()).__getitem__)
        == "HENRIK"
    )
    assert min(levels(second, truth), key=levels(second, truth).__getitem__) == "HENRIK"
    assert room_level(second, truth) - room_level(first, example_truth()) == pytest.approx(6, abs=1)


@pytest.mark.proof
def test_a_second_recording_is_the_same_for_the_same_seed_and_another_for_another(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    sounds = [
        second_recording(folder, seed=seed)[0].read_bytes()
        for folder, seed in zip(folders, (2, 2, 3), strict=True)
    ]
    assert sounds[0] == sounds[1]
    assert sounds[0] != sounds[2]


@PRODUCTIONS
def test_every_actor_has_a_portrait_and_a_likeness_and_a_voice_consent_of_a_fictional_person(
    folder: Path,
) -> None:
    consents = {row["consent_id"]: row for row in rows(folder / "consents.csv")}
    for row in rows(folder / "cast.csv"):
        assert (folder / row["portrait"]).is_file()
        given = [consents[name] for name in row["consent"].split("|")]
        assert {consent["covers"] for consent in given} == {"likeness", "voice"}
        assert all(consent["subject"] == row["actor"] for consent in given)
        assert all(
            "fictional person, no likeness of anyone" in consent["evidence"] for consent in given
        )


@PRODUCTIONS
def test_productions_are_read_without_a_complaint(folder: Path) -> None:
    made = production.load(folder)
    words = emotion_synonyms.load_words()
    lines = script.read(folder / made.script, words=words)
    actors = cast.read(folder / made.cast, words=words)
    consents = consent.read(folder / made.consents)
    assert {line.character for line in lines} == {actor.character for actor in actors}
    assert cast.find_unknown_characters(lines, actors) == []
    assert (
        consent.check_consents(
            actors,
            consents,
            consent.ConsentTerms(on=date(2026, 11, 22), required=made.consent.required),
        )
        == []
    )


@PRODUCTIONS
def test_productions_hold_sources_only_and_stay_small(folder: Path) -> None:
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and "build" not in path.relative_to(folder).parts
    ]
    assert {path.suffix for path in files} <= {
        ".toml",
        ".fountain",
        ".csv",
        ".flac",
        ".png",
        ".jpg",
        ".md",
    }
    assert sum(path.stat().st_size for path in files) < (
        8 << 20 if folder == LIGHTHOUSE else 1 << 20
    )
