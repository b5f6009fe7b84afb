# SPDX-License-Identifier: Apache-2.0
"""A sitting of the judges: clips of a corpus and what a talker made of the same portraits and
sounds, judged one after the other.

Every subject is shown in the same frames of the same clips, and beside the same portraits and wrong
sounds, so that only the pictures differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int16, UInt8

from manifests.corpus_rows import CorpusClip, Judgement, Score
from manifests.errors import InputError, Problem
from model.affect.prepared_corpus import SAMPLES_PER_FRAME, Corpus
from model.emotion import LABELS
from model.judges import distances, i3d, lipsync, report
from model.judges.identity import choose_lineup
from model.judges.intervals import Interval
from model.judges.metrics import LEAST_FRAMES, ClipMetrics, JudgedClip, MetricSuite

LEAST_SET = 2  # clips through which a Gaussian can lie
WRONG_SOUNDS = 2  # of other clips, beside each clip's own

Faces = UInt8[np.ndarray, "frames 64 64 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWindow:
    """Which frames of a clip are judged: `frames` in its middle, all of them when 0."""

    frames: int = 0

    def select_frames(self, clip_frames: int) -> slice:
        """The frames of a clip."""
        count = min(self.frames or clip_frames, clip_frames)
        first = (clip_frames - count) // 2
        return slice(first, first + count)


FrameMaker = Callable[[CorpusClip, slice], Faces]
"""Makes the pictures of a clip's window, from its portrait, its sound and its emotion."""


@dataclass(slots=True, kw_only=True)
class CorpusEvaluation:
    """Clips that are judged, and by whom; `run_id` goes into the rows."""

    corpus: Corpus
    clips: Sequence[CorpusClip]
    metrics: MetricSuite
    window: FrameWindow
    run_id: str
    seed: int = 0
    rows: list[Judgement] = field(default_factory=list)
    measured: dict[tuple[str, str], dict[str, ClipMetrics]] = field(default_factory=dict)
    # for I3D, when it was asked
    pictures: dict[tuple[str, str], list[Faces]] = field(default_factory=dict)

    def judge_subject(
        self, subject: str, make: FrameMaker, clips: Sequence[CorpusClip] | None = None
    ) -> Iterator[CorpusClip]:
        """Judge what a maker makes of every clip, or of those that it can make; yields each when it
        is done.
        """
        for clip in self.clips if clips is None else clips:
            shown = self._prepare_clip(clip, make)
            verdict = self.metrics.measure_clip(shown)
            if "i3d" in self.metrics.external.names:
                self.pictures.setdefault((clip.corpus, subject), []).append(shown.faces)
            self.measured.setdefault((clip.corpus, subject), {})[clip.clip_id] = verdict
            self.rows += [
                self._make_row(clip, subject, name, value)
                for name, value in verdict.numbers.items()
            ]
            yield clip

    def read_real_frames(self, clip: CorpusClip, window: slice) -> Faces:
        """The maker of the corpus' own pictures."""
        faces: Faces = self.corpus.array(clip, "faces", window)
        return faces

    def compute_scores(self) -> list[Score]:
        """All scores: of single clips, of sounds given to others, of sets."""
        made = report.score_judgements(self.rows)
        for (corpus, subject), verdicts in self.measured.items():
            about = next(row for row in self.rows if (row.corpus, row.subject) == (corpus, subject))
            people = [clip.identity for clip in self.clips if clip.clip_id in verdicts]
            made += _score_shuffled_sounds(about, list(verdicts.values()), people, self.seed)
            made += self._score_distances(about, verdicts, people)
        return [*made, *self._score_i3d()]

    def _prepare_clip(self, clip: CorpusClip, make: FrameMaker) -> JudgedClip:
        window, chance = (
            self.window.select_frames(clip.frames),
            np.random.default_rng([self.seed, *clip.clip_id.encode()]),
        )
        everybody = sorted({one.identity for one in self.clips if one.corpus == clip.corpus})
        strangers = [
            one for one in self.clips if one.clip_id != clip.clip_id and one.text_id != clip.text_id
        ]
        picked = chance.permutation(len(strangers))[:WRONG_SOUNDS]
        return JudgedClip(
            identity=clip.identity,
            emotion=clip.emotion,
            faces=make(clip, window),
            speech=self._read_speech(clip),
            first=window.start,
            wrong_sounds=[
                _repeat_sound(self._read_speech(strangers[place]), window.stop) for place in picked
            ],
            portraits=choose_lineup(clip.identity, everybody, seed=self.seed),
        )

    def _read_speech(self, clip: CorpusClip) -> Int16[np.ndarray, " samples"]:
        samples: Int16[np.ndarray, " samples"] = self.corpus.array(clip, "speech")
        return samples

    def _make_row(self, clip: CorpusClip, subject: str, measure: str, value: float) -> Judgement:
        return Judgement(
            run_id=self.run_id,
            subject=subject,
            clip_id=clip.clip_id,
            corpus=clip.corpus,
            identity=clip.identity,
            emotion=clip.emotion,
            measure=measure,
            value=value,
            level=clip.level,
        )

    def _score_distances(
        self, about: Judgement, verdicts: Mapping[str, ClipMetrics], people: Sequence[str]
    ) -> list[Score]:
        """From a talker's clips to the real ones, or between two halves of the real ones, by
        person: the least there can be.
        """
        real = self.measured.get((about.corpus, report.REAL), {})
        halves = {name: place % 2 for place, name in enumerate(sorted(set(people)))}
        sides: list[list[ClipMetrics]] = [[], []]
        if about.subject == report.REAL:
            for clip in self.clips:
                if clip.clip_id in real:
                    sides[halves[clip.identity]].append(real[clip.clip_id])
        else:
            sides = [list(verdicts.values()), list(real.values())]
        made = []
        for net in ("dlib", "mouth"):
            one, other = (_stack_features(side, net) for side in sides)
            if min(len(one), len(other)) > one.shape[-1]:
                value = distances.measure_frechet(one, other)
                plain = Interval(value=value, low=np.nan, high=np.nan, count=len(verdicts))
                made.append(report.make_score(about, f"frechet_{net}", plain, people))
        return made

    def _score_i3d(self) -> list[Score]:
        """From a talker's clips to the real ones by I3D's features; clips that are too short for it
        are left out, all others cut to the length of the shortest.
        """
        made, known = [], dict[tuple[str, str], np.ndarray]()
        for key, clips in self.pictures.items():
            lasting = [clip for clip in clips if len(clip) >= i3d.LEAST_FRAMES]
            if len(lasting) >= LEAST_SET:
                shortest = min(len(clip) for clip in lasting)
                known[key] = i3d.extract_features(np.stack([clip[:shortest] for clip in lasting]))
        for (corpus, subject), features in known.items():
            if subject != report.REAL and (corpus, report.REAL) in known:
                about = next(
                    row for row in self.rows if (row.corpus, row.subject) == (corpus, subject)
                )
                value = distances.measure_frechet(features, known[corpus, report.REAL])
                people = [clip.identity for clip in self.clips if clip.corpus == corpus]
                plain = Interval(value=value, low=np.nan, high=np.nan, count=len(features))
                made.append(report.make_score(about, "frechet_i3d", plain, people))
        return made


def choose_clips(
    corpus: Corpus, *, split: str, source: str | None = None, limit: int = 0, seed: int = 0
) -> list[CorpusClip]:
    """Clips of a split to judge, at most `limit` (0: all), the emotions in turn. Clips too short to
    be judged are left out.

    Raises InputError when nothing is left.
    """
    clips = [clip for clip in corpus.split(split, corpus=source) if clip.frames >= LEAST_FRAMES]
    if not clips:
        message = f"no clips of split {split!r} that can be judged"
        there = sorted({clip.split for clip in corpus.clips if clip.frames >= LEAST_FRAMES})
        expected = f"clips of {LEAST_FRAMES} frames or more; there are some of {', '.join(there) or 'no split'}"
        raise InputError(Problem(file=str(corpus.folder), message=message, expected=expected))
    order = [clips[place] for place in np.random.default_rng(seed).permutation(len(clips))]
    rank = dict.fromkeys(LABELS, 0)
    turns = []
    for clip in order:
        turns.append((rank[clip.emotion], LABELS.index(clip.emotion), clip))
        rank[clip.emotion] += 1
    picked = [clip for *_, clip in sorted(turns, key=lambda turn: turn[:2])]
    return sorted(picked[: limit or None], key=lambda clip: clip.clip_id)


def _score_shuffled_sounds(
    about: Judgement, verdicts: Sequence[ClipMetrics], people: Sequence[str], seed: int
) -> list[Score]:
    """What the opening's correlation reaches with wrong sounds."""
    if len(verdicts) < 2:
        return []
    table = lipsync.correlate_all([one.gap for one in verdicts], [one.level for one in verdicts])
    limit = Interval(
        value=lipsync.correlate_shuffled(table, seed=seed),
        low=np.nan,
        high=np.nan,
        count=len(verdicts),
    )
    return [report.make_score(about, "opening_correlation_shuffled", limit, people)]


def _stack_features(
    verdicts: Sequence[ClipMetrics], net: str
) -> Float64[np.ndarray, "frames width"]:
    found = [one.features[net] for one in verdicts if net in one.features]
    return np.concatenate(found) if found else np.zeros((0, 1))


def _repeat_sound(
    samples: Int16[np.ndarray, " samples"], frames: int
) -> Int16[np.ndarray, " samples"]:
    """A sound that lasts for some frames at least: a short one begins again."""
    wanted = frames * SAMPLES_PER_FRAME
    return np.resize(samples, max(len(samples), wanted)) if len(samples) < wanted else samples
