# SPDX-License-Identifier: Apache-2.0
"""Quality control: every delivered file is opened again and measured.

Nothing here trusts the settings of the encoder. `media_report` decodes a file once; pure functions
compare its report with what was expected. A check that fails stops publishing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.delivery_rows import Check
from manifests.errors import InputError
from pipeline.assemble.loudness import LoudnessSettings, MeasuredLoudness
from pipeline.checks.check_verdict import CheckVerdict, build_check
from pipeline.checks.media_report import Interval, MediaReport, measure_file
from pipeline.deliver.c2pa_signing import Credentials

LOUDNESS_TOLERANCE = 0.3  # LU, and dB for the true peak below
PEAK_TOLERANCE = 0.5  # AAC may overshoot the master by some tenths of a decibel


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedMedia:
    """What a delivered file must be.

    `speech`: spans in seconds in which somebody speaks; silence elsewhere is fine. `still`: spans
    in which a card is shown and nothing should move. `loudness`: settings of the master sound;
    `missed_lu`: what the peak limit is known to have cost.
    """

    frames: int
    rate: Fraction
    width: int
    height: int
    loudness: LoudnessSettings
    missed_lu: float = 0.0
    speech: Sequence[Interval] = ()
    still: Sequence[Interval] = ()


def check_file(
    path: Path,
    expected: ExpectedMedia,
    *,
    version: str,
    profile: str,
    progress: Callable[[int], None] | None = None,
) -> list[Check]:
    """Measure a delivered file and check it.

    A file that cannot be opened or decoded fails the check instead of raising.
    """
    try:
        report = measure_file(path, progress=progress)
    except InputError as error:
        reason = str(error).splitlines()[-1]
        verdict = CheckVerdict("decodes", reason, "whole file", "fail", advice="render again")
        return [build_check(verdict, version, profile, expected.rate)]
    return check_report(report, expected, version=version, profile=profile)


def check_report(
    report: MediaReport, expected: ExpectedMedia, *, version: str, profile: str
) -> list[Check]:
    """Compare a report with what was expected of the file."""
    return [
        build_check(verdict, version, profile, expected.rate)
        for verdict in judge_report(report, expected)
    ]


def judge_report(report: MediaReport, expected: ExpectedMedia) -> list[CheckVerdict]:
    """Judge a report, in the order in which a person would look at the file."""
    return [
        *_check_format(report, expected),
        _check_length(report, expected),
        *_check_stretches("black", report.black, advice="check the take and its grade"),
        *_check_stretches(
            "freeze",
            _exclude_allowed(report.freeze, expected.still),
            advice="the portrait stands still: check the take",
        ),
        *_check_silences(report.silence, expected.speech),
        *_check_loudness(report, expected),
        _check_clipping(report),
    ]


def _check_format(report: MediaReport, expected: ExpectedMedia) -> list[CheckVerdict]:
    """Check what must be equal: errors, frames, rate, size, colour tags."""
    errors, found = f"{len(report.errors)} errors", "; ".join(report.errors[:3])
    frames, wanted = str(report.frames), str(expected.frames)
    size = f"{report.width}x{report.height}"
    return [
        _check_equal("decodes", errors, "0 errors", advice=found),
        _check_equal("frame count", frames, wanted, advice="render again"),
        _check_equal("frame rate", str(report.rate), str(expected.rate)),
        _check_equal("picture size", size, f"{expected.width}x{expected.height}"),
        _check_equal("colour tags", report.colour, "tv, bt709"),
    ]


def check_credentials(found: Credentials, *, version: str, profile: str) -> Check:
    """Check a file's credentials: it must verify; an untrusted signer is worth a warning."""
    verdict = "fail" if found.state != "valid" else "pass" if found.trusted else "warn"
    advice = {
        "fail": "sign again",
        "warn": "signed with this installation's test key: "
        "set CALLSHEET_SIGNING to the folder of your own key",
        "pass": "",
    }
    return Check(
        version=version,
        profile=profile,
        name="content credentials",
        value=f"{found.state}, {found.signer or 'no signer'}",
        limit="valid",
        verdict=verdict,
        advice=advice[verdict],
    )


def select_failures(checks: Sequence[Check]) -> list[Check]:
    """Select the checks that stop publishing."""
    return [check for check in checks if check.verdict == "fail"]


def write_checks(
    checks: Sequence[Check],
    folder: Path,
    *,
    waived: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
) -> Path:
    """Write `checks.json`, atomically: a summary of verdicts and every check as an object.

    `waived`: by profile and name, the decisions (by, at, reason) that let a failed check pass. They
    stand beside its verdict.
    """
    waivers = waived or {}
    counts = {
        verdict: sum(check.verdict == verdict for check in checks)
        for verdict in ("pass", "warn", "fail")
    }
    if waivers:
        failed = select_failures(checks)
        counts["waived"] = sum((check.profile, check.name) in waivers for check in failed)
    rows = [dataclasses.asdict(check) | _describe_waiver(check, waivers) for check in checks]
    path = folder / layout.CHECKS
    text = json.dumps({"summary": counts, "checks": rows}, indent=2, ensure_ascii=False) + "\n"
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _describe_waiver(
    check: Check, waivers: Mapping[tuple[str, str], Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    decision = waivers.get((check.profile, check.name))
    return {"waived": dict(decision)} if check.verdict == "fail" and decision else {}


def _check_equal(name: str, value: str, limit: str, *, advice: str = "") -> CheckVerdict:
    return CheckVerdict(name, value, limit, "pass" if value == limit else "fail", advice=advice)


def _check_length(report: MediaReport, expected: ExpectedMedia) -> CheckVerdict:
    """Check that sound and picture are equally long, to within one frame."""
    apart = Fraction(report.samples, report.hz) - Fraction(expected.frames) / expected.rate
    in_frames = float(abs(apart) * expected.rate)
    verdict = "pass" if in_frames < 1 else "fail"
    return CheckVerdict(
        "sound length",
        f"{float(apart) * 1000:+.1f} ms to the picture",
        "less than one frame",
        verdict,
    )


def _check_stretches(name: str, found: Sequence[Interval], *, advice: str) -> list[CheckVerdict]:
    if not found:
        return [CheckVerdict(name, "none", "none", "pass")]
    return [
        CheckVerdict(name, f"{end - start:.2f} s", "none", "warn", at=start, advice=advice)
        for start, end in found
    ]


def _exclude_allowed(found: Sequence[Interval], allowed: Sequence[Interval]) -> list[Interval]:
    """Exclude intervals that lie within an allowed one, give or take a tenth of a second."""
    return [
        (a, b)
        for a, b in found
        if not any(first - 0.1 <= a and b <= last + 0.1 for first, last in allowed)
    ]


def _check_silences(silence: Sequence[Interval], speech: Sequence[Interval]) -> list[CheckVerdict]:
    """Check for silence where somebody should be heard."""
    lost = []
    for start, end in silence:
        covered = sum(max(0.0, min(end, last) - max(start, first)) for first, last in speech)
        if covered > 0.5:
            lost.append((start, covered))
    if not lost:
        return [CheckVerdict("silence", "none where there is speech", "none", "pass")]
    advice = "a recording is missing or in the wrong place"
    return [
        CheckVerdict("silence", f"{covered:.2f} s of speech", "none", "fail", at=at, advice=advice)
        for at, covered in lost
    ]


def _check_loudness(report: MediaReport, expected: ExpectedMedia) -> list[CheckVerdict]:
    measured, target = report.loudness, expected.loudness.target_lufs
    if measured is None or not measured.measurable:
        advice = "check that there is a recording"
        return [
            CheckVerdict(
                "loudness", "unmeasurable: silence", "none for silence", "warn", advice=advice
            )
        ]
    if target is None:
        return [_check_true_peak(measured, 0.0)]
    return [
        _check_target(measured, target, expected),
        _check_true_peak(measured, expected.loudness.peak_dbtp),
    ]


def _check_target(
    measured: MeasuredLoudness, target: float, expected: ExpectedMedia
) -> CheckVerdict:
    """Check the loudness against its target; a gap that the peak limit explains is a warning."""
    limit, advice = f"{target:g} +- {LOUDNESS_TOLERANCE:g} LUFS", ""
    missed = expected.missed_lu > LOUDNESS_TOLERANCE
    if missed:
        peak = f"{expected.loudness.peak_dbtp:g} dBTP"
        advice = f"the peak limit of {peak} keeps it {expected.missed_lu:.1f} LU below the target"
    near = abs(measured.lufs - target) <= LOUDNESS_TOLERANCE
    verdict = "pass" if near else "warn" if missed else "fail"
    return CheckVerdict("loudness", f"{measured.lufs:.1f} LUFS", limit, verdict, advice=advice)


def _check_true_peak(measured: MeasuredLoudness, limit: float) -> CheckVerdict:
    verdict = "pass" if measured.peak_dbtp - limit <= PEAK_TOLERANCE else "warn"
    value = f"{measured.peak_dbtp:.1f} dBTP"
    return CheckVerdict("true peak", value, f"{limit:g} dBTP", verdict, advice="lower the loudness")


def _check_clipping(report: MediaReport) -> CheckVerdict:
    verdict = "pass" if report.clipped <= 1 else "warn"
    return CheckVerdict(
        "clipping",
        f"{report.clipped} samples at full scale",
        "1",
        verdict,
        advice="listen to the recording",
    )
