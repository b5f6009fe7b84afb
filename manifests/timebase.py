# SPDX-License-Identifier: Apache-2.0
"""Exact time: frame rates, half-open spans in integer ticks, and SMPTE timecode.

Float seconds exist only where engines are called and in log lines. The master audio is the clock:
recordings, turns, words and cues are in samples at `MASTER_HZ`; shots and cuts are in frames at the
delivery rate. Timecode follows SMPTE ST 12-1 (drop-frame for 30000/1001).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from manifests.errors import InputError, Problem

MASTER_HZ = 48_000
ANALYSIS_HZ = 16_000
RATES: dict[str, Fraction] = {
    "12.5": Fraction(25, 2),
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
}


def parse_rate(text: str | float, *, file: str = "frame rate") -> Fraction:
    """Read a frame rate as people write it: `25`, `"29.97"`, `"30000/1001"`, `"25/2"`.

    Raises InputError with the known rates.

    >>> parse_rate("29.97"), parse_rate("24000/1001"), parse_rate(25)
    (Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25, 1))
    """
    name = f"{text:g}" if isinstance(text, float) else str(text).strip()
    if name in RATES:
        return RATES[name]
    try:
        rate = Fraction(name)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate not in RATES.values():
        known = ", ".join(RATES)
        raise InputError(
            Problem(
                file=file, message=f"{name!r} is not a known frame rate", expected=f"one of {known}"
            )
        )
    return rate


def round_half_up(value: Fraction) -> int:
    """Round to the nearest integer, halves upward, exact for any Fraction.

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(-5, 2))
    (3, -2)
    """
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open span `[start, end)` in integer ticks of `1/rate` seconds.

    Raises ValueError when it ends before it starts.
    """

    start: int
    end: int
    rate: Fraction = Fraction(MASTER_HZ)

    def __post_init__(self) -> None:
        """Refuse a span that runs backwards."""
        if self.end < self.start:
            raise ValueError(f"span ends before it starts: [{self.start}, {self.end})")

    def __len__(self) -> int:
        """Return the number of ticks in the span."""
        return self.end - self.start

    @property
    def seconds(self) -> Fraction:
        """Duration in seconds, exact."""
        return Fraction(len(self)) / self.rate

    def at(self, rate: Fraction) -> Span:
        """Convert to another tick rate.

        Each end is rounded half up, so adjacent spans stay adjacent.
        """
        factor = rate / self.rate
        return Span(round_half_up(self.start * factor), round_half_up(self.end * factor), rate)

    def overlap(self, other: Span) -> int:
        """Count the ticks shared with a span of the same rate."""
        if self.rate != other.rate:
            raise ValueError(f"spans of different rates: {self.rate} and {other.rate}")
        return max(0, min(self.end, other.end) - max(self.start, other.start))


def sample_of_frame(frame: int, rate: Fraction, hz: int = MASTER_HZ) -> int:
    """Return the first audio sample of a frame, rounded half up from the exact position.

    >>> sample_of_frame(1, Fraction(24000, 1001)), sample_of_frame(1, Fraction(30000, 1001))
    (2002, 1602)
    """
    # not as a Fraction: a long cut asks a million times
    above, below = frame * hz * rate.denominator, rate.numerator
    return (2 * above + below) // (2 * below)


def frames_covering(samples: int, rate: Fraction, hz: int = MASTER_HZ) -> int:
    """Return the smallest number of whole frames that covers `samples`.

    >>> frames_covering(48000, Fraction(25)), frames_covering(48001, Fraction(25))
    (25, 26)
    """
    exact = samples * rate / hz
    return -(-exact.numerator // exact.denominator)


def format_timecode(frame: int, rate: Fraction) -> str:
    """Format a frame as SMPTE timecode `HH:MM:SS:FF`, drop-frame (`;`) at 30000/1001.

    >>> format_timecode(1800, Fraction(30000, 1001)), format_timecode(1501, Fraction(25))
    ('00:01:00;02', '00:01:00:01')
    """
    base = round_half_up(rate)
    drop = rate == RATES["29.97"]
    if drop:
        tens, rest = divmod(frame, 17982)
        frame += 18 * tens + 2 * max(0, (rest - 2) // 1798)
    seconds, frames = divmod(frame, base)
    separator = ";" if drop else ":"
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{separator}{frames:02}"


def format_clock(seconds: float) -> str:
    """Format seconds as `M:SS.mmm` for people; not for arithmetic.

    >>> format_clock(75.25)
    '1:15.250'
    """
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 60000}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"
