# SPDX-License-Identifier: Apache-2.0
"""Checks: every deliverable is opened again and measured. Nothing here trusts what was asked of the
encoder.

One ffmpeg run per file decodes all of it and reports frames, samples, black, freezes, silence,
loudness and peaks (ITU-R BS.1770, EBU R 128); pure functions turn the report into verdicts against
what was expected. A check that fails stops publishing.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, ToolError
from manifests.rows import Check, Cue, Cut, Grade
from manifests.timebase import MASTER_HZ, round_half_up, format_timecode
from pipeline import media
from pipeline.assemble import edit_list, master_mix
from pipeline.deliver.captions import Caption, CaptionFinding
from pipeline.deliver.credentials import Credentials

BLACK_SECONDS, FREEZE_SECONDS, SILENCE_SECONDS = 0.2, 2.0, 4.0
# mean absolute difference below which a picture stands still; a breathing portrait moves more
FREEZE_NOISE = 0.0003
LOUDNESS_TOLERANCE = 0.3  # LU, and dB for the true peak below
PEAK_TOLERANCE = 0.5  # AAC may overshoot the master by some tenths of a decibel
CAPTION_LATE_FRAMES = 3
LARGEST_ENLARGEMENT = 1.5  # beyond it a 1080p screen shows the softness
FILTERS_PICTURE = (
    f"blackdetect=d={BLACK_SECONDS}:pix_th=0.08,freezedetect=n={FREEZE_NOISE}:d={FREEZE_SECONDS}"
)
FILTERS_SOUND = f"silencedetect=n=-60dB:d={SILENCE_SECONDS},astats=measure_perchannel=none,ebur128=peak=true:framelog=quiet"

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedMedia:
    """What a deliverable must be. `speech`: spans in seconds in which somebody speaks; elsewhere
    silence is nobody's fault. `still`: where a card stands and nothing should move.

    `loudness`: settings of the master sound; `missed_lu`: what the peak limit is known to have
    cost.
    """

    frames: int
    rate: Fraction
    width: int
    height: int
    loudness: master_mix.LoudnessSettings
    missed_lu: float = 0.0
    speech: Sequence[Interval] = ()
    still: Sequence[Interval] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReport:
    """What one decode of a file said. Intervals are seconds; `loudness` is None when the file has
    no sound.
    """

    width: int
    height: int
    rate: Fraction
    frames: int
    samples: int
    hz: int
    colour: str
    errors: tuple[str, ...]
    black: tuple[Interval, ...]
    freeze: tuple[Interval, ...]
    silence: tuple[Interval, ...]
    loudness: master_mix.MeasuredLoudness | None
    clipped: int


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """A check before it knows its file."""

    name: str
    value: str
    limit: str
    verdict: str
    at: float | None = None
    advice: str = ""


def check_file(
    path: Path,
    expected: ExpectedMedia,
    *,
    version: str,
    profile: str,
    progress: Callable[[int], None] | None = None,
) -> list[Check]:
    """Open a deliverable, measure it, and judge it. A file that cannot be opened or decoded fails
    instead of raising.
    """
    try:
        report = measure_file(path, progress=progress)
    except (ToolError, InputError) as error:
        why = str(error).splitlines()[-1]
        return [
            _row(
                CheckVerdict("decodes", why, "whole file", "fail", advice="render again"),
                version,
                profile,
                expected.rate,
            )
        ]
    return check_report(report, expected, version=version, profile=profile)


def check_report(report: MediaReport, expected: ExpectedMedia, *, version: str, profile: str) -> list[Check]:
    """What a report says of a file, against what was expected of it."""
    return [_row(verdict, version, profile, expected.rate) for verdict in judge_report(report, expected)]


def measure_file(path: Path, *, progress: Callable[[int], None] | None = None) -> MediaReport:
    """Decode all of a file once and read ffmpeg's report. Raises ToolError when it cannot be
    decoded at all.
    """
    frames = 0

    def count(done: int) -> None:
        nonlocal frames
        frames = done
        if progress is not None:
            progress(done)

    info = media.probe(path)
    if info.video is None or info.audio is None:
        raise ToolError(f"{path.name} has no {'picture' if info.video is None else 'sound'}")
    arguments = [
        "-i",
        f"file:{path.resolve()}",
        "-map",
        "0:v:0",
        "-map",
        "0:a:0",
        "-fps_mode",
        "passthrough",
    ]
    arguments += ["-vf", FILTERS_PICTURE, "-af", FILTERS_SOUND, "-f", "null", "-"]
    said = media.run(arguments, progress=count)
    return MediaReport(
        width=info.video.width,
        height=info.video.height,
        rate=info.video.rate,
        frames=frames,
        samples=_samples(said),
        hz=info.audio.hz,
        colour=_colour(said),
        errors=_errors(said),
        black=_intervals(said, r"black_start:(\S+) black_end:(\S+)"),
        freeze=_pairs(
            said, "freeze_start", "freeze_end", float(Fraction(frames) / (info.video.rate or 1))
        ),
        silence=_pairs(
            said, "silence_start", "silence_end", float(Fraction(frames) / (info.video.rate or 1))
        ),
        loudness=master_mix.parse_loudness(said),
        clipped=_clipped(said),
    )


def judge_report(report: MediaReport, expected: ExpectedMedia) -> list[CheckVerdict]:
    """All verdicts on a report, in the order in which a person would look."""
    return [
        _equal(
            "decodes",
            f"{len(report.errors)} errors",
            "0 errors",
            advice="; ".join(report.errors[:3]),
        ),
        _equal("frame count", str(report.frames), str(expected.frames), advice="render again"),
        _equal("frame rate", str(report.rate), str(expected.rate)),
        _equal(
            "picture size", f"{report.width}x{report.height}", f"{expected.width}x{expected.height}"
        ),
        _equal("colour tags", report.colour, "tv, bt709"),
        _length(report, expected),
        *_stretches("black", report.black, advice="look at the take and its grade"),
        *_stretches(
            "freeze",
            _outside(report.freeze, expected.still),
            advice="the portrait stands still: look at the take",
        ),
        *_silences(report.silence, expected.speech),
        *_loudness(report, expected),
        _clipping(report),
    ]


def check_edit(
    cuts: Sequence[Cut],
    grades: Sequence[Grade],
    *,
    version: str,
    size: tuple[int, int],
    rate: Fraction,
) -> list[Check]:
    """What the edit list itself gives away: takes enlarged beyond their pixels, casts beyond the
    limit, dissolves without handles.
    """
    enlarged = {cut: _enlargement(cut, size) for cut in cuts}
    largest = max(cuts, key=lambda cut: enlarged[cut], default=None)
    flagged = {grade.grade_id for grade in grades if grade.limited}
    limited = [cut for cut in cuts if cut.grade_id in flagged]
    held = edit_list.count_held_frames(cuts)
    verdicts = [
        CheckVerdict(
            "grade limit",
            _named(limited),
            "none",
            "warn" if limited else "pass",
            at=_at(limited, rate),
            advice="the cast is larger than [look] allows: mend the portrait or raise the limit",
        ),
        CheckVerdict(
            "held frames",
            f"{sum(held.values())} frames",
            "0 frames",
            "warn" if held else "pass",
            advice="a dissolve reaches past the take: shorten it",
        ),
    ]
    if largest is not None:
        times = enlarged[largest]
        verdict = "warn" if times > LARGEST_ENLARGEMENT else "pass"
        value, limit = f"{times:.2f} times in {largest.number}", f"{LARGEST_ENLARGEMENT:g} times"
        advice = "the picture is softer than it could be: generate larger, or use a larger portrait"
        verdicts.append(
            CheckVerdict("enlargement", value, limit, verdict, at=_at([largest], rate), advice=advice)
        )
    return [_row(verdict, version, "edit", rate) for verdict in verdicts]


def check_captions(
    captions: Sequence[Caption],
    cues: Sequence[Cue],
    findings: Sequence[CaptionFinding],
    *,
    version: str,
    rate: Fraction,
) -> list[Check]:
    """Captions against speech: every spoken line is shown while it is spoken; and what the lint
    found, one row a rule.
    """
    late = [
        cue
        for cue in cues
        if cue.start >= 0 and cue.text.strip() and not _shown(cue, captions, rate)
    ]
    verdicts = [
        CheckVerdict(
            "captions against speech",
            f"{len(late)} lines without",
            "0 lines without",
            "fail" if late else "pass",
            at=late[0].start / MASTER_HZ if late else None,
            advice="; ".join(cue.text[:40] for cue in late[:3]),
        )
    ]
    for rule in sorted({finding.rule for finding in findings}):
        broken = [finding for finding in findings if finding.rule == rule]
        first = broken[0]
        value = f"{len(broken)} captions, first no. {first.number}: {first.value}"
        verdicts.append(
            CheckVerdict(f"caption {rule}", value, first.limit, "warn", at=float(first.frame / rate))
        )
    return [_row(verdict, version, "captions", rate) for verdict in verdicts]


def check_credentials(found: Credentials, *, version: str, profile: str) -> Check:
    """A signed file must verify; a signer that no trust list knows is worth a warning."""
    verdict = "fail" if found.state != "valid" else "pass" if found.trusted else "warn"
    advice = {
        "fail": "sign again",
        "warn": "signed with this installation's test key: set CALLSHEET_SIGNING to your own",
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
    """The checks that stop publishing."""
    return [check for check in checks if check.verdict == "fail"]


def write_checks(
    checks: Sequence[Check],
    folder: Path,
    *,
    waived: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
) -> Path:
    """Write `checks.json`: a summary of verdicts and every check as an object, in one step.

    `waived`: by profile and name, the decisions (by, at, reason) that let a failed check pass; they
    stand beside its verdict.
    """
    known = waived or {}
    counts = {
        verdict: sum(check.verdict == verdict for check in checks)
        for verdict in ("pass", "warn", "fail")
    }
    if known:
        counts["waived"] = sum((check.profile, check.name) in known for check in select_failures(checks))
    rows = [
        dataclasses.asdict(check)
        | (
            {"waived": dict(decision)}
            if check.verdict == "fail" and (decision := known.get((check.profile, check.name)))
            else {}
        )
        for check in checks
    ]
    path = folder / "checks.json"
    text = json.dumps({"summary": counts, "checks": rows}, indent=2, ensure_ascii=False) + "\n"
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _row(verdict: CheckVerdict, version: str, profile: str, rate: Fraction) -> Check:
    at = (
        ""
        if verdict.at is None
        else format_timecode(round_half_up(Fraction(verdict.at).limit_denominator(10**6) * rate), rate)
    )
    return Check(
        version=version,
        profile=profile,
        name=verdict.name,
        value=verdict.value,
        limit=verdict.limit,
        verdict=verdict.verdict,
        timecode=at,
        advice=verdict.advice if verdict.verdict != "pass" else "",
    )


def _equal(name: str, value: str, limit: str, *, advice: str = "") -> CheckVerdict:
    return CheckVerdict(name, value, limit, "pass" if value == limit else "fail", advice=advice)


def _length(report: MediaReport, expected: ExpectedMedia) -> CheckVerdict:
    """Sound and picture must be equally long to within one frame."""
    apart = Fraction(report.samples, report.hz) - Fraction(expected.frames) / expected.rate
    in_frames = float(abs(apart) * expected.rate)
    verdict = "pass" if in_frames < 1 else "fail"
    return CheckVerdict(
        "sound length",
        f"{float(apart) * 1000:+.1f} ms to the picture",
        "less than one frame",
        verdict,
    )


def _stretches(name: str, found: Sequence[Interval], *, advice: str) -> list[CheckVerdict]:
    if not found:
        return [CheckVerdict(name, "none", "none", "pass")]
    return [
        CheckVerdict(name, f"{end - start:.2f} s", "none", "warn", at=start, advice=advice)
        for start, end in found
    ]


def _outside(found: Sequence[Interval], allowed: Sequence[Interval]) -> list[Interval]:
    """The intervals that do not lie, but for a tenth of a second, in one where they are allowed."""
    return [
        (a, b)
        for a, b in found
        if not any(first - 0.1 <= a and b <= last + 0.1 for first, last in allowed)
    ]


def _silences(silence: Sequence[Interval], speech: Sequence[Interval]) -> list[CheckVerdict]:
    """Silence counts only where somebody should be heard."""
    lost = []
    for start, end in silence:
        covered = sum(max(0.0, min(end, last) - max(start, first)) for first, last in speech)
        if covered > 0.5:
            lost.append((start, covered))
    if not lost:
        return [CheckVerdict("silence", "none where there is speech", "none", "pass")]
    advice = "a recording is missing or in another place"
    return [
        CheckVerdict("silence", f"{covered:.2f} s of speech", "none", "fail", at=at, advice=advice)
        for at, covered in lost
    ]


def _loudness(report: MediaReport, expected: ExpectedMedia) -> list[CheckVerdict]:
    measured, target = report.loudness, expected.loudness.target_lufs
    if measured is None or not measured.measurable:
        return [
            CheckVerdict(
                "loudness",
                "unmeasurable: silence",
                "none for silence",
                "warn",
                advice="is there a recording?",
            )
        ]
    verdicts = []
    if target is not None:
        apart = measured.lufs - target
        missed = expected.missed_lu > LOUDNESS_TOLERANCE
        verdict = "pass" if abs(apart) <= LOUDNESS_TOLERANCE else "warn" if missed else "fail"
        advice = (
            f"the peak limit of {expected.loudness.peak_dbtp:g} dBTP cost {expected.missed_lu:.1f} LU"
            if missed
            else ""
        )
        limit = f"{target:g} +- {LOUDNESS_TOLERANCE:g} LUFS"
        verdicts.append(
            CheckVerdict("loudness", f"{measured.lufs:.1f} LUFS", limit, verdict, advice=advice)
        )
    most = expected.loudness.peak_dbtp if target is not None else 0.0
    over = measured.peak_dbtp - most
    verdict = "pass" if over <= PEAK_TOLERANCE else "warn"
    verdicts.append(
        CheckVerdict(
            "true peak",
            f"{measured.peak_dbtp:.1f} dBTP",
            f"{most:g} dBTP",
            verdict,
            advice="lower the loudness",
        )
    )
    return verdicts


def _clipping(report: MediaReport) -> CheckVerdict:
    verdict = "pass" if report.clipped <= 1 else "warn"
    return CheckVerdict(
        "clipping",
        f"{report.clipped} samples at full scale",
        "1",
        verdict,
        advice="listen to the recording",
    )


def _enlargement(cut: Cut, size: tuple[int, int]) -> float:
    """How many times a take's pixels are enlarged to fill their place."""
    if not cut.crop:
        return 1.0
    _, _, width, height = map(int, cut.crop.split(","))
    place = cut.place.split(",")[2:] if cut.place else size
    return max(int(place[0]) / width, int(place[1]) / height)


def _named(cuts: Sequence[Cut]) -> str:
    return (
        ", ".join(cut.number for cut in cuts[:5]) + (" ..." if len(cuts) > 5 else "")
        if cuts
        else "none"
    )


def _at(cuts: Sequence[Cut], rate: Fraction) -> float | None:
    return float(cuts[0].start_frame / rate) if cuts else None


def _shown(cue: Cue, captions: Sequence[Caption], rate: Fraction) -> bool:
    """Whether the cue's first and last words are in captions that are on screen around its start
    and its end.
    """
    words = re.findall(r"\w+", cue.text)
    if not words:
        return True
    first = round_half_up(Fraction(cue.start, MASTER_HZ) * rate)
    last = max(first, round_half_up(Fraction(cue.end, MASTER_HZ) * rate) - 1)
    near = [
        c
        for c in captions
        if c.start <= last + CAPTION_LATE_FRAMES and c.end >= first - CAPTION_LATE_FRAMES
    ]
    text = " ".join(line for caption in near for line in caption.lines)
    return words[0] in text and words[-1] in text


def _samples(said: str) -> int:
    found = re.findall(r"Number of samples: (\d+)", said)
    return int(found[-1]) if found else 0


def _clipped(said: str) -> int:
    """Samples at full scale, as astats counts peaks: only when the peak is full scale."""
    level = re.search(r"Peak level dB: (\S+)", said)
    count = re.search(r"Peak count: ([\d.]+)", said)
    return round(float(count[1])) if level and count and float(level[1]) >= -0.0005 else 0


def _colour(said: str) -> str:
    """`tv, bt709` when range, matrix, primaries and transfer are all said to be those."""
    found = re.search(r"Video: .*?\((tv|pc), (bt709|[a-z0-9/]+)[,)]", said)
    return f"{found[1]}, {found[2]}" if found else "untagged"


def _errors(said: str) -> tuple[str, ...]:
    """Lines in which a decoder or demuxer complains."""
    complaint = re.compile(r"^\[[^\]]+\] .*(error|invalid|corrupt|missing|truncat)", re.IGNORECASE)
    return tuple(line for line in said.splitlines() if complaint.match(line))


def _intervals(said: str, pattern: str) -> tuple[Interval, ...]:
    return tuple((float(start), float(end)) for start, end in re.findall(pattern, said))


def _pairs(said: str, begin: str, finish: str, length: float) -> tuple[Interval, ...]:
    """Starts and ends that ffmpeg prints on separate lines; one that is open at the end lasts to
    the end.
    """
    starts = [float(value) for value in re.findall(rf"{begin}: (-?[\d.]+)", said)]
    ends = [float(value) for value in re.findall(rf"{finish}: (-?[\d.]+)", said)]
    return tuple(zip(starts, [*ends, *[length] * (len(starts) - len(ends))], strict=False))
