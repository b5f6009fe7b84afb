# SPDX-License-Identifier: Apache-2.0
"""The checks of a version that is being made: every file opened and measured, captions, edit, credentials. Failures stop publishing."""

from __future__ import annotations

import importlib.metadata

from flows.beside import grades_of
from flows.reel import Draft, loudness_settings
from manifests.rows import Check
from manifests.timebase import MASTER_HZ
from pipeline import assemble, captions, credentials, qc, viewing


def check_version(draft: Draft) -> list[Check]:
    """Measure everything but the credentials, which are written last."""
    rate, name = draft.job.picture.rate, draft.name
    expected = _expected(draft)
    checks = [c for kind, path in draft.files.items() for c in qc.check(path, expected, version=name, profile=kind)]
    checks += _check_captions(draft)
    checks += qc.check_edit(
        draft.cuts, grades_of(draft.film, draft.cuts), version=name, size=draft.job.picture.size, rate=rate
    )
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
    for path in draft.files.values():
        credentials.sign(path, claim, keys=keys)
    return [
        qc.check_credentials(credentials.verify(path), version=draft.name, profile=profile)
        for profile, path in draft.files.items()
    ]


def _expected(draft: Draft) -> qc.Expected:
    return qc.Expected(
        frames=assemble.total_frames(draft.cuts),
        rate=draft.job.picture.rate,
        width=draft.job.picture.width,
        height=draft.job.picture.height,
        loudness=loudness_settings(draft.film),
        missed_lu=draft.master.missed_lu,
        speech=[(cue.start / MASTER_HZ, cue.end / MASTER_HZ) for cue in draft.reel.cues if cue.start >= 0],
    )


def _check_captions(draft: Draft) -> list[Check]:
    rate = draft.job.picture.rate
    rules = captions.rules_for(draft.film.production.language)
    findings = captions.lint(draft.shown, rate=rate, shot_changes=[cut.start_frame for cut in draft.cuts], rules=rules)
    return qc.check_captions(draft.shown, draft.reel.cues, findings, version=draft.name, rate=rate)


def _look_at(draft: Draft) -> list[Check]:
    """Cut points and background of one file; the others are of the same frames."""
    profile, path = next(iter(draft.files.items()))
    seen, rate = viewing.view(path), draft.job.picture.rate
    return [
        *viewing.check_cuts(seen, draft.cuts, version=draft.name, profile=profile, rate=rate),
        *viewing.check_steadiness(seen, draft.cuts, version=draft.name, profile=profile, rate=rate),
    ]
