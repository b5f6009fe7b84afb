# SPDX-License-Identifier: Apache-2.0
"""Evaluate a corpus, and what a talker or a folder of films makes of it.

The results are rows, scores and a page. The judges are those of the corpus (`CORPUS/judges`, made
by `train`) or else those that ship. The corpus' own clips are always judged too: a judge's number
means nothing without its score on them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.progress import get_reporter
from manifests.corpus_rows import CorpusClip, Score
from manifests.errors import InputError, Problem, collect_problems, find_nearest
from manifests.identity import digest
from manifests.store import Store
from model.talkers import TALKERS

if TYPE_CHECKING:
    from flows.subjects import Subject
    from model.affect.prepared_corpus import Corpus
    from model.judges.evaluation import CorpusEvaluation, FrameMaker
    from model.judges.trained import JudgeOrigin

SPLITS = ("test", "val", "train", "judge")
UNITS, REAL = "units", "real"
LEAST_FRAMES, I3D_FRAMES = 8, 10  # of a clip; with I3D


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What to evaluate, and how.

    `clips`: a folder of films named by clip id. `talker`: makes the clips instead, nano with the
    checkpoint in the folder `weights` ("": its own). `frames`: how many of each clip's middle are
    judged, 0 for all. `limit`: clips per corpus, 0 for all. `foreign`: external metrics to compute
    too.
    """

    corpus: Path
    out: Path
    clips: Path | None = None
    talker: str = ""
    weights: str = ""
    split: str = "test"
    frames: int = 0
    limit: int = 0
    seed: int = 0
    train: bool = False
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Result of an evaluation: its scores, its files, and the judges used."""

    run_id: str
    scores: list[Score]
    page: Path
    record: Path
    judges: Path


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Evaluate, and write `report.md` and the tables `judgements` and `scores` into `out`.

    Raises:
        InputError: The request is wrong.
        ToolError: A tool fails.
    """
    from pipeline.corpus import read

    _check_request(request)
    corpus = read(request.corpus)
    judges = _choose_judges(request, corpus)
    evaluation = _prepare_evaluation(request, corpus, judges)
    _refuse_training_clips(request, corpus, evaluation.metrics.origins)
    # raises before anything is judged
    subjects = list(_build_subjects(request, corpus, evaluation))
    _judge_subject(evaluation, REAL, evaluation.read_real_frames, evaluation.clips)
    for name, subject in subjects:
        _judge_subject(evaluation, name, subject.make, subject.clips)
    return _write_results(request, evaluation, judges)


def train_judges(folder: Path, *, seed: int = 0) -> tuple[JudgeOrigin, ...]:
    """Train the judges of a corpus and keep them in `folder/judges`.

    Raises:
        InputError: The corpus cannot be read.
    """
    from pipeline.corpus import read

    return _train_judges_of(read(folder), seed)


def _check_request(request: EvaluationRequest) -> None:
    """Check the whole request.

    Raises:
        InputError: With every problem of the request.
    """
    problems = _check_source(request)
    if request.clips and not request.clips.is_dir():
        problems.append(Problem(file=str(request.clips), message="no such folder"))
    if request.out.exists() and not request.out.is_dir():
        problems.append(Problem(file=str(request.out), message="not a folder"))
    if request.split not in SPLITS:
        expected, near = " or ".join(SPLITS), find_nearest(request.split, SPLITS)
        message = f"unknown split {request.split!r}"
        problems.append(Problem(file="--split", message=message, expected=expected, nearest=near))
    least = I3D_FRAMES if "i3d" in request.foreign else LEAST_FRAMES
    if 0 < request.frames < least:
        message = "too few frames to judge"
        problems.append(
            Problem(file="--frames", message=message, expected=f"{least} or more, or 0 for all")
        )
    if request.foreign:
        from model.judges import external_metrics

        collect_problems(problems, lambda: external_metrics.check_weights(request.foreign))
    if problems:
        raise InputError(problems)


def _check_source(request: EvaluationRequest) -> list[Problem]:
    """Find problems of the talker, its weights and the folder of films."""
    problems = list[Problem]()
    if request.talker and request.clips:
        problems.append(
            Problem(
                file="--clips", message="either a talker is judged or a folder of clips, not both"
            )
        )
    if request.talker and request.talker not in TALKERS:
        expected, near = " or ".join(TALKERS), find_nearest(request.talker, TALKERS)
        message = f"unknown talker {request.talker!r}"
        problems.append(Problem(file="--talker", message=message, expected=expected, nearest=near))
    if request.weights and request.talker != "nano":
        problems.append(
            Problem(
                file="--weights",
                message="only nano is judged with other weights: add --talker nano",
            )
        )
    return problems


def _choose_judges(request: EvaluationRequest, corpus: Corpus) -> Path:
    """Choose the folder of the judges: trained now, the corpus' own, or those that ship."""
    from model.judges import trained

    own = corpus.folder / "judges"
    if request.train:
        _train_judges_of(corpus, request.seed)
    return own if trained.has_all_judges(own) else trained.SHIPPED


def _train_judges_of(corpus: Corpus, seed: int) -> tuple[JudgeOrigin, ...]:
    import torch

    from model.judges import emotion, lipsync, training

    torch.set_num_threads(1)
    looks, lips = emotion.EmotionJudgeSettings(seed=seed), lipsync.LipsyncJudgeSettings(seed=seed)
    get_reporter().step("training judges")
    total = looks.epochs + lips.steps

    def tell(step: int, values: Mapping[str, float]) -> None:
        first = any(name.startswith("emotion/") for name in values)
        get_reporter().count(step + 1 if first else looks.epochs + step, total)

    return training.train_judges(
        corpus, corpus.folder / "judges", emotion_settings=looks, lipsync_settings=lips, report=tell
    )


def _prepare_evaluation(
    request: EvaluationRequest, corpus: Corpus, judges: Path
) -> CorpusEvaluation:
    import cv2
    import torch

    from model.judges.evaluation import CorpusEvaluation, FrameWindow, choose_clips
    from model.judges.metrics import MetricSuite

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = choose_clips(corpus, split=request.split, limit=request.limit, seed=request.seed)
    if any(clip.corpus == UNITS and clip.split == request.split for clip in corpus.clips):
        clips += choose_clips(
            corpus, split=request.split, source=UNITS, limit=request.limit, seed=request.seed
        )
    people = sorted({clip.identity for clip in clips})
    portraits = {name: corpus.portrait(name).face for name in people}
    return CorpusEvaluation(
        corpus=corpus,
        clips=clips,
        metrics=MetricSuite(judges, portraits, external=request.foreign),
        window=FrameWindow(frames=request.frames),
        run_id=_run_id(request, corpus),
        seed=request.seed,
    )


def _run_id(request: EvaluationRequest, corpus: Corpus) -> str:
    asked = {
        name: getattr(request, name)
        for name in ("talker", "weights", "split", "frames", "limit", "seed", "foreign")
    }
    return digest([corpus.digest, asked, str(request.clips or ""), time.time_ns()])


def _build_subjects(
    request: EvaluationRequest, corpus: Corpus, evaluation: CorpusEvaluation
) -> Iterator[tuple[str, Subject]]:
    """Build the subjects to judge besides the corpus' own clips."""
    from flows import subjects

    landmarker, clips = evaluation.metrics.recogniser.landmarker, evaluation.clips
    if request.talker == "nano":
        yield (
            "nano",
            subjects.build_nano_subject(corpus, clips, weights=request.weights, seed=request.seed),
        )
    elif request.talker:
        yield (
            request.talker,
            subjects.build_talker_subject(
                request.talker, corpus, clips, landmarker=landmarker, seed=request.seed
            ),
        )
    if request.clips:
        yield (
            request.clips.resolve().name,
            subjects.build_film_subject(request.clips, clips, evaluation.window, landmarker),
        )


def _refuse_training_clips(
    request: EvaluationRequest, corpus: Corpus, origins: Sequence[JudgeOrigin]
) -> None:
    """Refuse a split from which the judges learned."""
    from model.judges.splits import split_clips

    if request.split == "test":
        return
    seen = split_clips(corpus)
    learnt = [
        origin.judge
        for origin in origins
        if origin.data == seen.data and request.split in seen.splits
    ]
    if learnt:
        message = (
            f"the judges ({', '.join(learnt)}) learnt from the clips of split {request.split!r}"
        )
        raise InputError(Problem(file="--split", message=message, expected="another split"))


def _judge_subject(
    evaluation: CorpusEvaluation, name: str, make: FrameMaker, clips: Sequence[CorpusClip]
) -> None:
    """Judge one subject and report progress."""
    get_reporter().step(f"judging {name}")
    for done, _ in enumerate(evaluation.judge_subject(name, make, clips), start=1):
        get_reporter().count(done, len(clips))


def _write_results(
    request: EvaluationRequest, evaluation: CorpusEvaluation, judges: Path
) -> Evaluation:
    from model.judges import report

    scores = evaluation.compute_scores()
    request.out.mkdir(parents=True, exist_ok=True)
    store = Store(request.out / "record")
    store.append(evaluation.rows)
    store.append(scores)
    facts = {
        "corpus": f"{request.corpus.name}, data {evaluation.corpus.digest[:12]}, "
        f"split {request.split}",
        "frames": f"the middle {request.frames} of each clip"
        if request.frames
        else "all of each clip",
        "judges": str(judges.name if judges.is_relative_to(request.corpus) else "those that ship"),
        "seed": str(request.seed),
    }
    page = request.out / "report.md"
    page.write_text(report.format_page(scores, evaluation.metrics.origins, facts), encoding="utf-8")
    return Evaluation(
        run_id=evaluation.run_id, scores=scores, page=page, record=Path(store.root), judges=judges
    )
