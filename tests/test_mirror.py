# SPDX-License-Identifier: Apache-2.0
"""Tests mirror the tree: tests/pipeline/align/test_align.py tests pipeline/align/align.py.

Modules without such a file, and tests that belong to no single module, stand in the two tables
below, each with its reason.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("manifests", "model", "pipeline", "flows")

# reason -> modules that have no test file of their own
TESTED_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "rows are declared here; tests/manifests/test_schema.py takes each of them to Arrow and back": (
        "manifests/corpus_rows.py",
        "manifests/delivery_rows.py",
        "manifests/run_rows.py",
    ),
    "numbers without behaviour, drawn with in the tests of mouth and eyes": (
        "model/previs/eye_tuning.py",
        "model/previs/mouth_tuning.py",
    ),
    "a count with its noun, read in printed texts such as those of tests/flows/test_cli.py": (
        "manifests/plurals.py",
    ),
    "tested through tests/manifests/test_repair.py": ("manifests/damage.py",),
    "tested through tests/manifests/test_store.py": ("manifests/row_filters.py",),
    "tested through tests/pipeline/speech/test_audio_digests.py": ("manifests/identity.py",),
    "tested through tests/flows/trust/test_purge_walk.py, which walks a whole build": (
        "flows/trust/personal_files.py",
        "flows/trust/purge.py",
    ),
    "tested through tests/manifests/test_rows.py": ("manifests/box.py",),
    "tested through tests/model/training/test_train_diffusion.py": (
        "model/affect/checkpoint.py",
        "model/nano/layers.py",
        "model/nano/unet.py",
        "model/training/references.py",
        "model/training/samples.py",
    ),
    "tested through tests/flows/test_emotion_from.py": ("model/affect/packaged.py",),
    "tested through tests/model/affect/test_embedder.py": (
        "model/affect/priors.py",
        "model/training/batches.py",
        "model/training/train_embedder.py",
    ),
    "tested through tests/model/dice/test_unet.py": ("model/dice/adapters.py",),
    "tested through tests/model/dice/test_talker.py": (
        "model/dice/clip.py",
        "model/dice/framing.py",
        "model/dice/pose.py",
        "model/dice/sampling.py",
        "model/dice/settings.py",
        "model/talkers.py",
    ),
    "tested through tests/model/dice/test_checkpoint.py": (
        "model/dice/config.py",
        "model/dice/engine.py",
        "model/state_keys.py",
    ),
    "tested through tests/model/dice/test_parity.py": (
        "model/dice/emotion.py",
        "model/dice/preprocess.py",
        "model/dice/speech.py",
        "model/dice/tokens.py",
    ),
    "tested through tests/model/dice/test_stream.py": ("model/dice/vision.py",),
    "tested through tests/model/dice/test_detector.py, which runs a TorchScript file": (
        "model/dice/torchscript.py",
        "model/isolated.py",
    ),
    "tested through tests/model/judges/test_lipsync.py": ("model/judges/augment.py",),
    "tested through tests/model/judges/test_identity.py": ("model/judges/corpus_crop.py",),
    "tested through tests/model/judges/test_evaluation.py": (
        "model/judges/metrics.py",
        "model/judges/packaged.py",
    ),
    "tested through tests/model/nano/test_networks.py": ("model/nano/sizes.py",),
    "tested through tests/model/training/test_train_autoencoder.py": ("model/nano/autoencoder.py",),
    "tested through tests/model/nano/test_sampling.py": ("model/nano/guidance.py",),
    "tested through tests/model/previs/test_warp.py": ("model/previs/rig.py",),
    "tested through tests/model/previs/test_occlusion.py": ("model/previs/landmarks.py",),
    "tested through tests/model/previs/test_extras.py": (
        "model/previs/cache.py",
        "model/previs/filmed.py",
        "model/previs/matte.py",
        "model/previs/track.py",
    ),
    "tested through tests/model/previs/test_talker.py": (
        "model/previs/anatomy.py",
        "model/previs/choice.py",
        "model/previs/eyes.py",
        "model/previs/lips.py",
        "model/previs/mouth.py",
        "model/previs/portrait.py",
        "model/previs/shading.py",
    ),
    "tested through tests/pipeline/render/test_render.py, and by the test of every talker": (
        "model/talker.py",
    ),
    "tested through tests/model/training/test_resuming.py": ("model/training/run.py",),
    "tested through tests/model/test_weights.py": ("model/weight_catalogue.py",),
    "tested through tests/pipeline/align/test_align.py": (
        "pipeline/align/boundary_snapping.py",
        "pipeline/align/cue_confidence.py",
        "pipeline/align/line_readings.py",
        "pipeline/align/new_cues.py",
        "pipeline/align/unheard_lines.py",
    ),
    "tested through tests/pipeline/assemble/test_master_mix.py": ("pipeline/assemble/loudness.py",),
    "tested through tests/flows/finishing/test_checking.py": ("pipeline/checks/check_edit.py",),
    "tested through tests/pipeline/checks/test_qc.py": (
        "pipeline/checks/check_verdict.py",
        "pipeline/checks/media_report.py",
    ),
    "tested through tests/pipeline/colour/test_grade.py": ("pipeline/colour/skin_tone.py",),
    "tested through tests/flows/test_corpus.py": (
        "flows/verbs/corpus.py",
        "pipeline/corpus/generate.py",
        "pipeline/corpus/recorded.py",
    ),
    "tested through tests/pipeline/corpus/test_synthetic.py": ("pipeline/corpus/source_sheets.py",),
    "tested through tests/pipeline/cut/test_breakdown.py": ("pipeline/cut/shot_lines.py",),
    "tested through tests/pipeline/deliver/test_caption_lint.py": (
        "pipeline/deliver/caption_rules.py",
    ),
    "tested through tests/pipeline/deliver/test_captions.py": (
        "pipeline/deliver/caption_splitting.py",
    ),
    "tested through tests/flows/finishing/test_lesson.py, which delivers a whole lesson": (
        "flows/finishing/kinds.py",
        "flows/finishing/lesson_checks.py",
        "flows/finishing/lesson_files.py",
        "flows/finishing/lesson_layout.py",
        "flows/finishing/recorded.py",
        "flows/lesson_inputs.py",
        "flows/night/course.py",
        "flows/verbs/translation.py",
        "pipeline/lesson/compose.py",
        "pipeline/lesson/render_sections.py",
        "pipeline/lesson/section_filters.py",
    ),
    "tested through tests/pipeline/lesson/test_lesson_script.py": (
        "pipeline/lesson/markdown.py",
        "pipeline/lesson/markdown_blocks.py",
    ),
    "tested through tests/pipeline/lesson/test_slides.py": (
        "pipeline/lesson/picture_slides.py",
        "pipeline/lesson/slide_files.py",
    ),
    "tested through tests/flows/verbs/test_shot.py, which renders a skipped shot as a slate": (
        "flows/ledger/slates.py",
        "pipeline/render/slate.py",
    ),
    "tested through tests/pipeline/script/test_spreadsheets.py": (
        "pipeline/script/column_names.py",
        "pipeline/script/text_files.py",
    ),
    "tested through tests/pipeline/script/test_script.py": ("pipeline/script/cue_extensions.py",),
    "tested through tests/pipeline/script/test_production.py": (
        "pipeline/script/file_paths.py",
        "pipeline/script/settings.py",
        "pipeline/script/settings_problems.py",
    ),
    "tested through tests/pipeline/speech/test_diarize.py": (
        "pipeline/speech/enrolment.py",
        "pipeline/speech/repeatable.py",
    ),
    "tested through tests/pipeline/speech/test_ingest.py": ("pipeline/speech/recording_checks.py",),
    "tested through tests/pipeline/speech/test_pyannote_pipeline.py": (
        "pipeline/speech/speaker_encoder.py",
    ),
    "tested through tests/flows/verbs/test_shot.py": (
        "flows/cut.py",
        "flows/ledger/record.py",
        "flows/selection.py",
        "flows/verbs/options.py",
        "flows/who.py",
    ),
    "tested through tests/flows/doctor/test_examine.py": (
        "flows/doctor/engines.py",
        "flows/doctor/finding.py",
        "flows/inventory.py",
        "flows/verbs/machine.py",
    ),
    "tested through tests/flows/test_disk.py": ("flows/engines.py",),
    "tested through tests/flows/farm/test_pool.py": (
        "flows/farm/farm_settings.py",
        "flows/farm/ray_actor.py",
    ),
    "tested through tests/flows/farm/test_policy.py": (
        "flows/farm/shot_tasks.py",
        "flows/farm/steering.py",
    ),
    "tested through tests/flows/test_train.py": ("flows/farm/training.py", "flows/verbs/train.py"),
    "tested through tests/flows/finishing/test_deliveries.py": (
        "flows/finishing/episode.py",
        "flows/finishing/hls_playlists.py",
        "flows/version.py",
    ),
    "tested through tests/flows/test_episode.py, which renders whole episodes": (
        "flows/finishing/sidecars.py",
        "flows/generate.py",
        "flows/inputs.py",
        "flows/progress.py",
        "flows/render.py",
        "flows/verbs/production.py",
        "flows/view/plan.py",
        "flows/view/status.py",
    ),
    "tested through tests/flows/test_lease.py": (
        "flows/leftovers.py",
        "flows/view/production_status.py",
    ),
    "tested through tests/infra/test_nights_on_prefect.py": ("flows/night/deployments.py",),
    "tested through tests/flows/night/test_nightly.py": (
        "flows/night/report.py",
        "flows/verbs/nightly.py",
    ),
    "tested through tests/flows/test_talk.py": ("flows/previs_extras.py",),
    "tested through tests/flows/test_evaluate.py": ("flows/subjects.py", "flows/verbs/evaluate.py"),
    "tested through tests/flows/review/test_app.py": (
        "flows/review/auth.py",
        "flows/review/available_media.py",
        "flows/review/check_entries.py",
        "flows/review/document.py",
        "flows/review/media.py",
        "flows/review/payload.py",
        "flows/review/serve.py",
        "flows/review/shot_entries.py",
        "flows/review/words.py",
    ),
    "tested through tests/flows/review/test_decide.py": (
        "flows/ledger/place_takes.py",
        "flows/review/decision_requests.py",
        "flows/review/request_fields.py",
        "flows/review/review_session.py",
    ),
    "tested through tests/flows/review/test_export.py": (
        "flows/review/notes.py",
        "flows/review/snapshot.py",
        "flows/verbs/review.py",
    ),
    "tested through tests/browser/test_review_pack.py": ("flows/review/pack.py",),
    "tested through tests/flows/test_cli.py": ("flows/starter.py", "flows/verbs/weights.py"),
    "tested through tests/flows/trust/test_waivers.py": (
        "flows/trust/verifying.py",
        "flows/verbs/checks.py",
    ),
    "tested through tests/flows/trust/test_consents.py": (
        "flows/verbs/consent.py",
        "flows/trust/remote_copies.py",
    ),
    "tested through tests/flows/test_emotion_from.py, which runs the command": (
        "flows/verbs/clip.py",
    ),
    "no test runs the command; its work is tested by tests/flows/finishing/test_conforming.py": (
        "flows/verbs/finishing.py",
    ),
    "no test runs the commands; their work is tested by tests/flows/finishing/test_lesson.py": (
        "flows/verbs/lesson.py",
    ),
    "tested through tests/flows/test_corrections.py": ("flows/view/listen.py",),
}

# reason -> test files that mirror no module
WITHOUT_MODULE: dict[str, tuple[str, ...]] = {
    "the whole example is made by the diffusion talker, from its script to its frames": (
        "tests/flows/farm/test_dice_on_the_farm.py",
    ),
    "the sample lesson is made whole; a proof": ("tests/flows/finishing/test_sample_lesson.py",),
    "processes that run at once, are killed or are interrupted": (
        "tests/flows/night/test_nights_at_once.py",
        "tests/flows/test_ctrl_c.py",
    ),
    "a film of a thousand shots is reviewed": ("tests/flows/review/test_review_thousand.py",),
    "an emotion from a recording or a picture, through all packages": (
        "tests/flows/test_emotion_from.py",
    ),
    "every file of a build is walked before and after a purge": (
        "tests/flows/trust/test_purge_walk.py",
    ),
    "several modules are compared with the tensors of the reference": (
        "tests/model/dice/test_parity.py",
    ),
    "what the rig talker gives beside frames, through all of model/previs": (
        "tests/model/previs/test_extras.py",
    ),
    "pieces of a stretch fit together, in the score and in the warp": (
        "tests/model/previs/test_seams.py",
    ),
    "a package is played in a browser": ("tests/pipeline/lesson/test_player_in_chromium.py",),
    "all sheets of a production are read together, each with something wrong": (
        "tests/pipeline/script/test_production_wrong_inputs.py",
    ),
    "the example production and what is true of its recordings": (
        "tests/pipeline/test_lighthouse.py",
    ),
}


def find_modules() -> set[str]:
    """List the modules of the four packages, as paths from the root."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    named = (file for file in files if file.name not in ("__init__.py", "__main__.py"))
    return {file.relative_to(ROOT).as_posix() for file in named}


def find_tests() -> set[str]:
    """List the test files of the four packages, as paths from the root."""
    files = (file for name in PACKAGES for file in (ROOT / "tests" / name).rglob("test_*.py"))
    return {file.relative_to(ROOT).as_posix() for file in files}


def mirror(module: str) -> str:
    """Name the test file that belongs to a module."""
    file = Path(module)
    return f"tests/{file.parent.as_posix()}/test_{file.name}"


def list_entries(table: dict[str, tuple[str, ...]]) -> list[str]:
    """List the files of a table, of all its reasons."""
    return [file for files in table.values() for file in files]


def test_every_module_has_its_test_or_a_reason() -> None:
    listed = set(list_entries(TESTED_ELSEWHERE))
    without = {module for module in find_modules() if not (ROOT / mirror(module)).is_file()}
    assert sorted(without - listed) == []


def test_no_module_with_a_test_stands_in_the_table() -> None:
    listed = list_entries(TESTED_ELSEWHERE)
    assert [module for module in listed if (ROOT / mirror(module)).is_file()] == []


def test_every_test_belongs_to_a_module_or_has_a_reason() -> None:
    mirrors = {mirror(module) for module in find_modules()}
    listed = set(list_entries(WITHOUT_MODULE))
    assert sorted(find_tests() - mirrors - listed) == []
    assert sorted(listed & mirrors) == []


def test_listed_files_exist_and_are_listed_once() -> None:
    for table, existing in ((TESTED_ELSEWHERE, find_modules()), (WITHOUT_MODULE, find_tests())):
        listed = list_entries(table)
        assert sorted(set(listed) - existing) == []
        assert len(listed) == len(set(listed))


def test_files_that_a_reason_names_exist() -> None:
    named = [
        name
        for reason in (*TESTED_ELSEWHERE, *WITHOUT_MODULE)
        for name in re.findall(r"\S+/\S+\.py", reason)
    ]
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []
