# SPDX-License-Identifier: Apache-2.0
"""The checks of a version that is being made: every file opened and measured, captions, edit, credentials. Failures stop publishing."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from fractions import Fraction

from flows.beside import grades_of
from flows.reel import Draft, loudness_settings
from manifests.rows import Check
from manifests.timebase import MASTER_HZ
from pipeline import assemble, captions, credentials, qc, viewing
from pipeline.deliver import Pass
from pipeline.profiles import PROFILES


def check_version(draft: Draft) -> list[Check]:
    """Measure everything but the credentials, which are written last."""
    checks = [
        check
        for kind, path in draft.files.items()
        for check in qc.check(path, _expected(draft, draft.pass_of(kind)), version=draft.name, profile=kind)
    ]
    checks += _check_captions(draft)
    grades = grades_of(draft.film, draft.cuts)
    for one in draft.passes:
        picture = one.job.picture
        checks += [
            dataclasses.replace(check, profile=f"edit of {one.job.profiles[0].name}")
            for check in qc.check_edit(one.cuts, grades, version=draft.name, size=picture.size, rate=picture.rate)
        ]
    return checks + _look_at(draft)


def sign(draft: Draft) -> list[Check]:
    """Write content credentials into every file, the last thing that happens to it, and open them again."""
    keys = credentials.signing_key(credentials.key_folder())
    portraits = sorted({(shot.character, shot.portrait_digest) for shot in draft.reel.shots})
    sounds = [(f"recording {number}", row.recording_id) for number, row in enumerate(draft.reel.recordings, start=1)]
    made_from = [(f"portrait of {character}", digest) for character, digest in portraits] + sounds
    claim = credentials.Claim(
        title=draft.film.production.title,
        version=importlib.metadata.version("callsheet"),
        labels=[take.label for take in draft.reel.takes],
        licences=[take.licences for take in draft.reel.takes],
        ingredients=[credentials.Ingredient(title=title, digest=digest) for title, digest in made_from],
    )
    signed = [(profile, path) for profile, path in draft.files.items() if PROFILES[profile].signable]
    signed += [(path.name, path) for path in draft.stems.values()]
    for _, path in signed:
        credentials.sign(path, claim, keys=keys)
    checks = [
        qc.check_credentials(credentials.verify(path), version=draft.name, profile=profile) for profile, path in signed
    ]
    return checks + [_unsigned(draft, profile) for profile in draft.files if not PROFILES[profile].signable]


def _unsigned(draft: Draft, profile: str) -> Check:
    return Check(
        version=draft.name,
        profile=profile,
        name="content credentials",
        value="none: C2PA knows no such container",
        limit="valid",
        verdict="warn",
        advice="hand on another profile where credentials matter",
    )


def _expected(draft: Draft, made: Pass) -> qc.Expected:
    picture, lead = made.job.picture, made.job.lead_frames / made.job.picture.rate
    end = assemble.total_frames(made.cuts) / picture.rate + lead
    cards = [(Fraction(0), lead), (end, made.frames / picture.rate)]
    return qc.Expected(
        frames=made.frames,
        rate=picture.rate,
        width=picture.width,
        height=picture.height,
        loudness=loudness_settings(draft.film),
        missed_lu=draft.master.missed_lu,
        speech=[
            (float(lead) + cue.start / MASTER_HZ, float(lead) + cue.end / MASTER_HZ)
            for cue in draft.reel.cues
            if cue.start >= 0
        ],
        still=[(float(first), float(last)) for first, last in cards],
    )


def _check_captions(draft: Draft) -> list[Check]:
    rate = draft.job.picture.rate
    rules = captions.rules_for(draft.film.production.language)
    findings = captions.lint(draft.shown, rate=rate, shot_changes=_changes(draft), rules=rules)
    return qc.check_captions(draft.shown, draft.reel.cues, findings, version=draft.name, rate=rate)


def _changes(draft: Draft) -> list[int]:
    return [cut.start_frame for cut in draft.cuts if not cut.layer]


def _look_at(draft: Draft) -> list[Check]:
    """Cut points and background of one file; the others are of the same frames."""
    profile, path = next(iter(draft.files.items()))
    seen, rate, cuts = viewing.view(path), draft.job.picture.rate, draft.passes[0].shown
    return [
        *viewing.check_cuts(seen, cuts, version=draft.name, profile=profile, rate=rate),
        *viewing.check_steadiness(seen, cuts, version=draft.name, profile=profile, rate=rate),
    ]
