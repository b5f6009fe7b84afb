# SPDX-License-Identifier: Apache-2.0
"""Read and check the inputs: script, actor sheet, consents, recordings and weights.

The inputs are checked against each other, and all problems are raised at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.inventory import list_weights
from flows.project import Project, open_project
from flows.trust.consents import list_refusals, list_withdrawn_actors
from manifests import layout
from manifests.errors import InputError, Problem, collect_problems
from manifests.rows import Actor, Consent, Line
from manifests.run_rows import ModelFile
from manifests.store import Store
from model.talkers import MATTED, describe
from pipeline import ffmpeg_binary, media
from pipeline.checks.check_faces import WEIGHTS as FACE_WEIGHTS
from pipeline.colour import look_reference
from pipeline.colour.look_reference import ReferenceStill
from pipeline.corpus import emotion_sample
from pipeline.deliver import signing_key
from pipeline.script import cast, consent, emotion_synonyms, file_paths, script
from pipeline.script import production as productions
from pipeline.script.settings import FILE, SHOT_REFERENCE
from pipeline.speech import diarize, speaker_count, transcribe

LISTENING_WEIGHTS = ("whisper-tiny-en", "pyannote-segmentation", "ge2e-speaker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Inputs of a production, read and checked.

    Characters of lines carry the names that the cast gives them.
    """

    lines: list[Line]
    actors: list[Actor]
    consents: list[Consent]

    @property
    def speakers(self) -> int:
        """Number of people who speak in the script."""
        return speaker_count.count_in_script(self.lines)


def open_inputs(folder: Path, out: Path | None = None) -> tuple[Project, Inputs]:
    """Open a production and read its inputs.

    Raises:
        InputError: With the problems of production.toml, of the script and of the sheets.
    """
    try:
        project = open_project(folder, out)
    except InputError as error:
        raise InputError([*error.problems, *_problems_beside(folder)]) from error
    return project, read_inputs(project)


def _problems_beside(folder: Path) -> list[Problem]:
    """Find problems in the script and the sheets of a production whose own file is wrong.

    Only files that production.toml names and that can be opened are checked.
    """
    problems = list[Problem]()
    wanted, _ = collect_problems(problems, lambda: productions.read(folder)) or (None, None)
    if wanted is None or wanted.kind == "lesson":
        return []
    project = Project(
        production=wanted,
        root=folder / layout.BUILD,
        store=Store(folder / layout.BUILD / layout.RECORD),
    )
    there = {
        key
        for key, name in wanted.list_files()
        if not isinstance(file_paths.locate(folder, name), file_paths.UnusableFile)
    }
    own = wanted.resolve_path(wanted.emotions) if "emotions" in there else None
    words = (
        collect_problems(problems, lambda: emotion_synonyms.load_words(own))
        or emotion_synonyms.load_words()
    )
    is_script = "script" in there and Path(wanted.script).suffix.lower() in script.SUFFIXES
    lines = collect_problems(problems, lambda: _read_lines(project, words)) if is_script else None
    actors = (
        collect_problems(problems, lambda: _read_cast(project, words)) if "cast" in there else None
    )
    if lines and actors:
        problems += cast.find_unknown_characters(lines, actors)
    _read_consents(project, problems)
    return problems


def read_inputs(project: Project) -> Inputs:
    """Read the script, the actor sheet and the consents, and check all inputs together.

    Recordings are probed, weights and listening models looked up.

    Raises:
        InputError: With the problems of all inputs.
    """
    wanted, problems = project.production, list[Problem]()
    own = wanted.resolve_path(wanted.emotions) if wanted.emotions else None
    words = (
        collect_problems(problems, lambda: emotion_synonyms.load_words(own))
        or emotion_synonyms.load_words()
    )
    lines = collect_problems(problems, lambda: _read_lines(project, words))
    actors = collect_problems(problems, lambda: _read_cast(project, words))
    consents = _read_consents(project, problems)
    if lines and actors:
        problems += cast.find_unknown_characters(lines, actors)
    if consents is not None:
        problems += list_refusals(project, actors or list_withdrawn_actors(project), consents)
    problems += _unusable_recordings(project)
    problems += _unusable_weights(project)
    problems += _unusable_listening(project)
    problems += _unusable_looks(project, actors or [])
    problems += _no_mattes(project)
    problems += _unusable_ffmpeg(project)
    collect_problems(problems, lambda: signing_key.check_key(signing_key.find_key_folder()))
    if problems:
        raise InputError(problems)
    return Inputs(
        lines=cast.resolve_characters(lines or [], actors or []),
        actors=actors or [],
        consents=consents or [],
    )


def _read_lines(project: Project, words: emotion_synonyms.Words) -> list[Line]:
    """Read the lines of the script; a lesson's script is checked against its slides."""
    wanted = project.production
    if wanted.kind == "lesson":
        from flows import lesson_inputs

        return list(lesson_inputs.read_script(project, words).lines)
    return script.read(
        wanted.resolve_path(wanted.script),
        words=words,
        language=wanted.language,
        folder=project.folder,
    )


def _read_cast(project: Project, words: emotion_synonyms.Words) -> list[Actor]:
    """Read the actor sheet; estimate missing default emotions from the samples."""
    wanted = project.production
    actors = cast.read(wanted.resolve_path(wanted.cast), words=words, folder=project.folder)
    return cast.fill_default_emotions(
        actors, estimate=lambda sample: emotion_sample.describe_emotion(wanted.resolve_path(sample))
    )


def list_weights_used(project: Project) -> list[ModelFile]:
    """List the weight files that renders of this production use, with their licences."""
    talker = describe(project.production.talker, project.talker_settings)
    named = {*LISTENING_WEIGHTS, *FACE_WEIGHTS, *talker.weights}
    return [row for row in list_weights() if row.name in named] + _named_by_the_production(project)


def _read_consents(project: Project, problems: list[Problem]) -> list[Consent] | None:
    path = project.production.resolve_path(project.production.consents)
    return collect_problems(problems, lambda: consent.read(path)) if path.is_file() else []


def _unusable_recordings(project: Project) -> list[Problem]:
    problems = list[Problem]()
    for name in project.production.recordings:
        path = project.production.resolve_path(name)
        collect_problems(problems, lambda p=path: media.probe(p))  # type: ignore[misc]
    return problems


def _no_mattes(project: Project) -> list[Problem]:
    """Report transparent profiles when the talker draws no mattes."""
    talker = project.production.talker
    if not project.production.delivery.needs_matte or talker in MATTED:
        return []
    message = f"the talker {talker!r} draws no mattes, so its people cannot be cut out"
    expected = "profiles without alpha and alpha-web, or the talker 'previs'"
    return [Problem(file=FILE, column="delivery.profiles", message=message, expected=expected)]


def _unusable_ffmpeg(project: Project) -> list[Problem]:
    """Report what an ffmpeg that the user named cannot do of what the production needs."""
    if not ffmpeg_binary.is_named():
        return []
    from pipeline.ffmpeg_trial import BASICS, try_ffmpeg

    needed = {BASICS, *project.production.delivery.profiles}
    return [
        Problem(
            file=ffmpeg_binary.ffmpeg_path(),
            message=f"this ffmpeg cannot make {name}: {problem}",
            expected="another ffmpeg; or name none, and the packaged one runs",
        )
        for name, problem in try_ffmpeg().items()
        if name in needed
    ]


def _unusable_weights(project: Project) -> list[Problem]:
    """Check the talker's settings and weights, and the licences of all weights.

    A commercial production allows only weights with a commercial licence or an agreement.
    """
    problems = list[Problem]()
    used = collect_problems(problems, lambda: list_weights_used(project)) or []
    licences = project.production.licences
    if licences.commercial:
        problems += [
            _refused_licence(row)
            for row in used
            if row.commercial != "yes" and row.name not in licences.agreements
        ]
    return problems


def _unusable_listening(project: Project) -> list[Problem]:
    """Check the listening models that the production names."""
    problems, named = list[Problem](), project.production.listen
    collect_problems(
        problems, lambda: diarize.resolve_pipeline(named.diarization, folder=project.folder)
    )
    collect_problems(
        problems, lambda: transcribe.resolve_recogniser(named.recogniser, folder=project.folder)
    )
    return problems


def _unusable_looks(project: Project, actors: list[Actor]) -> list[Problem]:
    """Check that references of the look are pictures or `.cube` files."""
    problems, look = list[Problem](), project.production.look
    if look.reference and not look.reference.startswith(SHOT_REFERENCE):
        left, top, right, bottom = look.reference_face or (0.0, 0.0, 0.0, 0.0)
        still = ReferenceStill(
            path=project.production.resolve_path(look.reference),
            face=(left, top, right, bottom) if look.reference_face else None,
        )
        collect_problems(problems, lambda: look_reference.check_reference(still))
    for name in sorted({actor.look for actor in actors if actor.look}):
        collect_problems(
            problems,
            lambda n=name: look_reference.check_reference(  # type: ignore[misc]
                ReferenceStill(path=project.production.resolve_path(n))
            ),
        )
    return problems


def _named_by_the_production(project: Project) -> list[ModelFile]:
    """List the listening models that the production names; their licences are unknown."""
    listen = project.production.listen
    named = {"who speaks": listen.diarization, "what is said": listen.recogniser}
    return [
        ModelFile(
            name=name,
            purpose=purpose,
            source="[listen]",
            sha256="",
            licence="unknown",
            commercial="unclear",
        )
        for purpose, name in named.items()
        if name
    ]


def _refused_licence(row: ModelFile) -> Problem:
    """Report weights without a commercial licence."""
    return Problem(
        file=FILE,
        column="licences.commercial",
        message=f"the weights {row.name!r} ({row.purpose}) "
        "are not clearly licensed for commercial use",
        expected="another talker, or the name under licences.agreements when you hold an agreement",
        got=row.licence,
    )
