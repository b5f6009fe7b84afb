# SPDX-License-Identifier: Apache-2.0
"""Evaluate a corpus and what talkers make of it: judge clip after clip, then compute scores.

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

LEAST_SET = 2  # clips that a Gaussian needs
WRONG_SOUNDS = 2  # sounds of other clips that each clip is measured with

Faces = UInt8[np.ndarray, "frames 64 64 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWindow:
    """The frames of a clip that are judged: `frames` in its middle, all of them when 0."""

    frames: int = 0

    def select_frames(self, clip_frames: int) -> slice:
        """Return the slice of a clip's frames."""
        count = min(self.frames or clip_frames, clip_frames)
        first = (clip_frames - count) // 2
        return slice(first, first + count)


FrameMaker = Callable[[CorpusClip, slice], Faces]
"""Makes the pictures of a clip's window, from its portrait, its sound and its emotion."""


@dataclass(slots=True, kw_only=True)
class CorpusEvaluation:
    """Clips to judge and the metrics to judge them by; `run_id` goes into the rows.

    It collects a row for each clip and measure, and what the scores of whole sets need.
    """

    corpus: Corpus
    clips: Sequence[CorpusClip]
    metrics: MetricSuite
    window: FrameWindow
    run_id: str
    seed: int = 0
    rows: list[Judgement] = field(default_factory=list)
    measured: dict[tuple[str, str], dict[str, ClipMetrics]] = field(default_factory=dict)
    # for I3D, when it is one of the judges
    pictures: dict[tuple[str, str], list[Faces]] = field(default_factory=dict)

    def judge_subject(
        self, subject: str, make: FrameMaker, clips: Sequence[CorpusClip] | None = None
    ) -> Iterator[CorpusClip]:
        """Judge what a maker makes of every clip, or of those that it can make.

        Yields each clip when it is done.
        """
        for clip in self.clips if clips is None else clips:
            prepared = self._prepare_clip(clip, make)
            measured = self.metrics.measure_clip(prepared)
            if "i3d" in self.metrics.external.names:
                self.pictures.setdefault((clip.corpus, subject), []).append(prepared.faces)
            self.measured.setdefault((clip.corpus, subject), {})[clip.clip_id] = measured
            self.rows += [
                self._make_row(clip, subject, name, value)
                for name, value in measured.numbers.items()
            ]
            yield clip

    def read_real_frames(self, clip: CorpusClip, window: slice) -> Faces:
        """Read the corpus' own pictures: the maker of the real subject."""
        faces: Faces = self.corpus.array(clip, "faces", window)
        return faces

    def compute_scores(self) -> list[Score]:
        """Compute all scores: of single clips, of shuffled sounds, of whole sets."""
        scores = report.score_judgements(self.rows)
        for (corpus, subject), by_clip in self.measured.items():
            about = next(row for row in self.rows if (row.corpus, row.subject) == (corpus, subject))
            people = [clip.identity for clip in self.clips if clip.clip_id in by_clip]
            scores += _score_shuffled_sounds(about, list(by_clip.values()), people, self.seed)
            scores += self._score_distances(about, by_clip, people)
        return [*scores, *self._score_i3d()]

    def _prepare_clip(self, clip: CorpusClip, make: FrameMaker) -> JudgedClip:
        window = self.window.select_frames(clip.frames)
        chance = np.random.default_rng([self.seed, *clip.clip_id.encode()])
        everybody = sorted({other.identity for other in self.clips if other.corpus == clip.corpus})
        strangers = [
            other
            for other in self.clips
            if other.clip_id != clip.clip_id and other.text_id != clip.text_id
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
        self, about: Judgement, by_clip: Mapping[str, ClipMetrics], people: Sequence[str]
    ) -> list[Score]:
        """Score the distance from a talker's clips to the real ones.

        For the real ones it is the distance between two halves of their people: the least there can
        be.
        """
        real = self.measured.get((about.corpus, report.REAL), {})
        if about.subject == report.REAL:
            sides = self._halve_real(real, people)
        else:
            sides = [list(by_clip.values()), list(real.values())]
        scores = []
        for net in ("dlib", "mouth"):
            features, others = (_stack_features(side, net) for side in sides)
            if min(len(features), len(others)) > features.shape[-1]:
                value = distances.measure_frechet(features, others)
                plain = Interval(value=value, low=np.nan, high=np.nan, count=len(by_clip))
                scores.append(report.make_score(about, f"frechet_{net}", plain, people))
        return scores

    def _halve_real(
        self, real: Mapping[str, ClipMetrics], people: Sequence[str]
    ) -> list[list[ClipMetrics]]:
        """Split the real clips by person into two halves."""
        halves = {name: place % 2 for place, name in enumerate(sorted(set(people)))}
        sides: list[list[ClipMetrics]] = [[], []]
        for clip in self.clips:
            if clip.clip_id in real:
                sides[halves[clip.identity]].append(real[clip.clip_id])
        return sides

    def _score_i3d(self) -> list[Score]:
        """Score the distance from a talker's clips to the real ones by I3D's features.

        Clips that are too short for I3D are left out; all others are cut to the length of the
        shortest.
        """
        scores, known = [], self._extract_i3d_features()
        for (corpus, subject), features in known.items():
            if subject != report.REAL and (corpus, report.REAL) in known:
                about = next(
                    row for row in self.rows if (row.corpus, row.subject) == (corpus, subject)
                )
                value = distances.measure_frechet(features, known[corpus, report.REAL])
                people = [clip.identity for clip in self.clips if clip.corpus == corpus]
                plain = Interval(value=value, low=np.nan, high=np.nan, count=len(features))
                scores.append(report.make_score(about, "frechet_i3d", plain, people))
        return scores

    def _extract_i3d_features(self) -> dict[tuple[str, str], np.ndarray]:
        known = {}
        for key, clips in self.pictures.items():
            lasting = [clip for clip in clips if len(clip) >= i3d.LEAST_FRAMES]
            if len(lasting) >= LEAST_SET:
                shortest = min(len(clip) for clip in lasting)
                known[key] = i3d.extract_features(np.stack([clip[:shortest] for clip in lasting]))
        return known


def choose_clips(
    corpus: Corpus, *, split: str, source: str | None = None, limit: int = 0, seed: int = 0
) -> list[CorpusClip]:
    """Choose clips of a split to judge, at most `limit` (0: all), taking the emotions in turn.

    Clips that are too short to be judged are left out.

    Raises:
        InputError: Nothing is left.
    """
    clips = [clip for clip in corpus.split(split, corpus=source) if clip.frames >= LEAST_FRAMES]
    if not clips:
        raise _refuse_split(corpus, split)
    order = [clips[place] for place in np.random.default_rng(seed).permutation(len(clips))]
    rank = dict.fromkeys(LABELS, 0)
    turns = []
    for clip in order:
        turns.append((rank[clip.emotion], LABELS.index(clip.emotion), clip))
        rank[clip.emotion] += 1
    picked = [clip for *_, clip in sorted(turns, key=lambda turn: turn[:2])]
    return sorted(picked[: limit or None], key=lambda clip: clip.clip_id)


def _refuse_split(corpus: Corpus, split: str) -> InputError:
    message = f"no clips of split {split!r} can be judged"
    splits = sorted({clip.split for clip in corpus.clips if clip.frames >= LEAST_FRAMES})
    there = f"the corpus has some in {', '.join(splits)}" if splits else "the corpus has none"
    expected = f"clips of {LEAST_FRAMES} frames or more; {there}"
    return InputError(Problem(file=str(corpus.folder), message=message, expected=expected))


def _score_shuffled_sounds(
    about: Judgement, clips: Sequence[ClipMetrics], people: Sequence[str], seed: int
) -> list[Score]:
    """Score what the correlation of the mouth opening reaches with wrong sounds."""
    if len(clips) < 2:
        return []
    table = lipsync.correlate_all([clip.gap for clip in clips], [clip.level for clip in clips])
    value = lipsync.correlate_shuffled(table, seed=seed)
    limit = Interval(value=value, low=np.nan, high=np.nan, count=len(clips))
    return [report.make_score(about, "opening_correlation_shuffled", limit, people)]


def _stack_features(clips: Sequence[ClipMetrics], net: str) -> Float64[np.ndarray, "frames width"]:
    features = [clip.features[net] for clip in clips if net in clip.features]
    return np.concatenate(features) if features else np.zeros((0, 1))


def _repeat_sound(
    samples: Int16[np.ndarray, " samples"], frames: int
) -> Int16[np.ndarray, " samples"]:
    """Make a sound last at least `frames` frames: a short one begins again."""
    least = frames * SAMPLES_PER_FRAME
    return np.resize(samples, least) if len(samples) < least else samples
