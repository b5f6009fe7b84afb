# SPDX-License-Identifier: Apache-2.0
"""Check a version in the making: open and measure every file; check captions, edit and credentials.

A failed check stops publishing.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from fractions import Fraction

from flows.finishing.sidecars import read_grades
from flows.ledger.marks import check_marks
from flows.version import Draft, build_loudness_settings
from manifests.delivery_rows import Check
from manifests.rows import Actor, Cue, Cut
from manifests.timebase import MASTER_HZ
from model.weights import FETCH
from pipeline.assemble import edit_list
from pipeline.checks import (
    check_audio,
    check_captions,
    check_edit,
    check_faces,
    check_lipsync,
    check_picture,
    qc,
)
from pipeline.checks.check_faces import ExpectedFace, ScreenedFile
from pipeline.deliver import c2pa_signing, caption_lint, caption_rules, signing_key, watermark
from pipeline.deliver.c2pa_signing import Claim, Ingredient
from pipeline.deliver.delivery_job import DeliveryPass
from pipeline.deliver.profiles import UNSIGNABLE
from pipeline.render.portraits import read as read_portrait

WATERMARK = "watermark"
WATERMARK_ADVICE = {
    "pass": "",
    "fail": "render again",
    "warn": "do not rely on the watermark: the film is too short or moves too much for it",
}


def check_version(draft: Draft) -> list[Check]:
    """Check everything but the credentials, which are written last."""
    checks = [
        check
        for kind, path in draft.files.items()
        for check in qc.check_file(
            path, _expect_media(draft, kind), version=draft.name, profile=kind
        )
    ]
    checks += _check_captions(draft)
    checks += _check_edits(draft)
    leads = {profile: draft.find_pass(profile).job.lead_frames for profile in draft.files}
    levels = check_tracks(draft, rate=draft.job.picture.rate, leads=leads)
    checks += check_marks(draft.cuts, version=draft.name) + levels + _check_pictures(draft)
    return checks + [
        _check_watermark(draft, profile)
        for profile in draft.files
        if draft.find_pass(profile).job.code
    ]


def _check_edits(draft: Draft) -> list[Check]:
    """Check the edit list of each pass."""
    grades = read_grades(draft.project, draft.cuts)
    return [
        dataclasses.replace(check, profile=f"edit of {part.job.profiles[0].name}")
        for part in draft.passes
        for check in check_edit.check_edit(
            part.cuts,
            grades,
            version=draft.name,
            size=part.job.picture.size,
            rate=part.job.picture.rate,
        )
    ]


def _check_watermark(draft: Draft, profile: str) -> Check:
    """Check that the watermark of a file can be read from it."""
    code = draft.find_pass(profile).job.code
    found = watermark.find_watermark(draft.files[profile])
    value = f"{found.code}, {found.strength:g} standard deviations" if found else "not found"
    verdict = "pass" if found and found.code == code else "fail" if found else "warn"
    return Check(
        version=draft.name,
        profile=profile,
        name=WATERMARK,
        value=value,
        limit=code,
        verdict=verdict,
        advice=WATERMARK_ADVICE[verdict],
    )


def sign_files(draft: Draft) -> list[Check]:
    """Write content credentials into every file as the last change to it, and verify them."""
    keys = signing_key.ensure_signing_key(signing_key.find_key_folder())
    claim = _build_claim(draft)
    signed = [(profile, path) for profile, path in draft.files.items() if profile not in UNSIGNABLE]
    signed += [(path.name, path) for path in draft.stems.values()]
    for _, path in signed:
        c2pa_signing.sign_file(path, claim, keys=keys)
    checks = [
        qc.check_credentials(
            c2pa_signing.verify_credentials(path), version=draft.name, profile=profile
        )
        for profile, path in signed
    ]
    return checks + [
        _report_unsigned(draft, profile) for profile in draft.files if profile in UNSIGNABLE
    ]


def _build_claim(draft: Draft) -> Claim:
    """Build the claim of a version: its title, its talkers, and what it is made from."""
    portraits = sorted({(shot.character, shot.portrait_digest) for shot in draft.inputs.shots})
    sounds = [
        (f"recording {number}", row.recording_id)
        for number, row in enumerate(draft.inputs.recordings, start=1)
    ]
    sources = [(f"portrait of {character}", digest) for character, digest in portraits] + sounds
    return Claim(
        title=draft.project.production.title,
        version=importlib.metadata.version("callsheet"),
        labels=[take.label for take in draft.inputs.takes],
        licences=[take.licences for take in draft.inputs.takes],
        ingredients=[Ingredient(title=title, digest=digest) for title, digest in sources],
    )


def _report_unsigned(draft: Draft, profile: str) -> Check:
    return Check(
        version=draft.name,
        profile=profile,
        name="content credentials",
        value="none: C2PA knows no such container",
        limit="valid",
        verdict="warn",
        advice="deliver another profile where credentials matter",
    )


def _expect_media(draft: Draft, profile: str) -> qc.ExpectedMedia:
    part = draft.find_pass(profile)
    width, height = draft.find_profile(profile).size or part.job.picture.size
    picture, lead = part.job.picture, part.job.lead_frames / part.job.picture.rate
    end = edit_list.count_frames(part.cuts) / picture.rate + lead
    cards = [(Fraction(0), lead), (end, part.frames / picture.rate)]
    return qc.ExpectedMedia(
        frames=part.frames,
        rate=picture.rate,
        width=width,
        height=height,
        loudness=build_loudness_settings(draft.project),
        missed_lu=draft.master.missed_lu,
        speech=[
            (float(lead) + cue.start / MASTER_HZ, float(lead) + cue.end / MASTER_HZ)
            for cue in draft.inputs.cues
            if cue.start >= 0
        ],
        still=[(float(first), float(last)) for first, last in cards],
    )


def _check_captions(draft: Draft) -> list[Check]:
    rate = draft.job.picture.rate
    rules = caption_rules.choose_rules(draft.project.production.language)
    findings = caption_lint.lint_captions(
        draft.captions_on_frames, rate=rate, shot_changes=_list_shot_changes(draft), rules=rules
    )
    return check_captions.check_captions(
        draft.captions_on_frames,
        _select_spoken_cues(draft),
        findings,
        version=draft.name,
        rate=rate,
    )


def _select_spoken_cues(draft: Draft) -> list[Cue]:
    """Select the cues within the film: an editor may have shortened it."""
    return [cue for cue in draft.inputs.cues if cue.start < draft.master.samples]


def _list_shot_changes(draft: Draft) -> list[int]:
    return [cut.start_frame for cut in draft.cuts if not cut.layer]


def _check_pictures(draft: Draft) -> list[Check]:
    """Check cut points, background and faces in one file of each pass.

    The other files of a pass show the same frames.
    """
    checks = []
    for part in draft.passes:
        if not part.job.reader_settings.transparent:
            checks += _check_pass_picture(draft, part)
    return checks


def _check_pass_picture(draft: Draft, part: DeliveryPass) -> list[Check]:
    profile, picture = part.job.profiles[0].name, part.job.picture
    path, rate, cuts = draft.files[profile], picture.rate, part.shifted_cuts
    seen, scenes = check_picture.measure_picture(path), list_scenes(draft, cuts, size=picture.size)
    screen = check_faces.ScreenedFile(path=path, size=picture.size, rate=rate)
    return [
        *check_picture.check_cuts(seen, cuts, version=draft.name, profile=profile, rate=rate),
        *check_picture.check_steadiness(seen, cuts, version=draft.name, profile=profile, rate=rate),
        *check_picture.check_flicker(seen, scenes, version=draft.name, profile=profile, rate=rate),
        *check_screen_faces(draft, screen, scenes, profile=profile, lips=part is draft.passes[0]),
    ]


def list_scenes(draft: Draft, cuts: Sequence[Cut], *, size: tuple[int, int]) -> list[ExpectedFace]:
    """List the events of an edit in which somebody should be visible."""
    speakers = {
        shot.shot_id: (shot.character, shot.role == "speaking") for shot in draft.inputs.shots
    }
    return check_faces.expect_faces(
        cuts, {take.shot_id: take for take in draft.inputs.takes}, speakers, size=size
    )


def check_screen_faces(
    draft: Draft, screen: ScreenedFile, scenes: Sequence[ExpectedFace], *, profile: str, lips: bool
) -> list[Check]:
    """Check who is visible and, with `lips`, whether they are in sync.

    Gives a warning when the weights for it are missing.
    """
    if missing := check_faces.list_missing_weights():
        return [_report_missing_weights(draft, profile, missing)]
    portraits = {
        actor.character: read_portrait(
            draft.project.production.resolve_path(actor.portrait), face=actor.face
        )
        for actor in draft.project.store.read_current(Actor)
    }
    sightings = check_faces.compare_faces(screen, check_faces.choose_shots(scenes), portraits)
    checks = check_faces.check_identity(
        sightings, version=draft.name, profile=profile, rate=screen.rate
    )
    if lips:
        shots = check_lipsync.choose_shots(scenes, rate=screen.rate)
        lags = check_lipsync.measure_lags(screen, shots)
        checks.append(
            check_lipsync.check_lag(lags, version=draft.name, profile=profile, rate=screen.rate)
        )
    return checks


def _report_missing_weights(draft: Draft, profile: str, missing: Sequence[str]) -> Check:
    return Check(
        version=draft.name,
        profile=profile,
        name="identity",
        value="not measured: weights are missing",
        limit="",
        verdict="warn",
        advice=f"run `{FETCH} {' '.join(missing)}`",
    )


def check_tracks(draft: Draft, *, rate: Fraction, leads: Mapping[str, int]) -> list[Check]:
    """Check that every file's sound is in place against the master, with every line audible.

    `leads`: frames of slate before the film, by profile; none for a profile that is not named.
    """
    checks = []
    master = check_audio.measure_levels(draft.project.root / draft.master.path)
    for profile, path in draft.files.items():
        levels = check_audio.read_levels(path, master, lead=leads.get(profile, 0) / rate)
        checks.append(
            check_audio.check_offset(levels, version=draft.name, profile=profile, rate=rate)
        )
        checks.append(
            check_audio.check_lines(
                levels, _select_spoken_cues(draft), version=draft.name, profile=profile, rate=rate
            )
        )
    return checks
