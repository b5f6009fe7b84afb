# SPDX-License-Identifier: Apache-2.0
"""Write the chapters and the transcript of a lesson. Pure text.

The transcript holds what is said, by whom, and what stands on the slides, so that it can take the
lesson's place (WCAG 2.2, success criteria 1.2.1 and 1.2.8). Chapters are WebVTT for players, and
ffmetadata (ffmpeg's manual, "Metadata") for the video files.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.rows import Cue
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.slides import Slide
from pipeline.lesson.timing import TimedSection


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEntry:
    """A section as it is read: its title, its first frame, and what is spoken and shown.

    `frame`: of its first word; `spoken`: character and text of each line; `on_slides`: the words on
    its slides, each text once.
    """

    title: str
    frame: int
    spoken: tuple[tuple[str, str], ...]
    on_slides: tuple[str, ...] = ()


def build_entries(
    sections: Sequence[TimedSection],
    script: LessonScript,
    cues: Sequence[Cue],
    slides: Mapping[str, Slide],
) -> list[TranscriptEntry]:
    """Build the transcript of the sections from the lines that are heard."""
    found = {cue.line_id for cue in cues if 0 <= cue.start < cue.end}
    entries = []
    for timed in sections:
        lines = [line for line in script.lines_of(timed.section) if line.line_id in found]
        entries.append(
            TranscriptEntry(
                title=timed.section.title,
                frame=timed.chapter,
                spoken=tuple((line.character, line.text) for line in lines),
                on_slides=_list_words([slides[shown.slide] for shown in timed.slides]),
            )
        )
    return entries


def render_text(title: str, transcript: Sequence[TranscriptEntry], *, rate: Fraction) -> str:
    """Render the transcript as plain text."""
    several = _count_speakers(transcript) > 1
    parts = [title, "=" * len(title)]
    for entry in transcript:
        heading = f"{format_minutes(entry.frame, rate)}  {entry.title}"
        parts += ["", heading, "-" * len(heading)]
        parts += [f"{character}: {text}" if several else text for character, text in entry.spoken]
        parts += [f"On the slide: {words}" for words in entry.on_slides]
    return "\n".join(parts) + "\n"


def render_page(
    title: str, transcript: Sequence[TranscriptEntry], *, rate: Fraction, language: str
) -> str:
    """Render the transcript as a web page; all text is escaped."""
    body = "\n".join(render_sections(transcript, rate=rate, level=2))
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n"
        f"<main>\n<h1>{html.escape(title)}</h1>\n{body}\n</main>\n</html>\n"
    )


def render_sections(
    transcript: Sequence[TranscriptEntry], *, rate: Fraction, level: int
) -> list[str]:
    """Render the sections of the transcript as HTML, with their titles as headings of a level."""
    several = _count_speakers(transcript) > 1
    parts = []
    for entry in transcript:
        parts.append(
            f"<h{level}>{format_minutes(entry.frame, rate)} {html.escape(entry.title)}</h{level}>"
        )
        for character, text in entry.spoken:
            name = f"<b>{html.escape(character)}:</b> " if several else ""
            parts.append(f"<p>{name}{html.escape(text)}</p>")
        parts += [f"<p><i>On the slide:</i> {html.escape(words)}</p>" for words in entry.on_slides]
    return parts


def render_chapters_vtt(
    transcript: Sequence[TranscriptEntry], *, frames: int, rate: Fraction
) -> str:
    """Render the chapters as WebVTT."""
    ends = [*(entry.frame for entry in transcript[1:]), frames]
    blocks = [
        f"{_format_stamp(entry.frame, rate)} --> {_format_stamp(end, rate)}\n"
        f"{_escape_vtt(entry.title)}"
        for entry, end in zip(transcript, ends, strict=True)
        if entry.frame < end
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def format_minutes(frame: int, rate: Fraction) -> str:
    """Format the time of a frame for people.

    >>> format_minutes(1900, Fraction(25))
    '1:16'
    """
    seconds = int(frame / rate)
    return f"{seconds // 60}:{seconds % 60:02}"


def _list_words(slides: Sequence[Slide]) -> tuple[str, ...]:
    """List the words of slides; earlier steps of a build, repeated on later ones, are left out."""
    texts = [" / ".join(filter(None, map(str.strip, slide.text.splitlines()))) for slide in slides]
    kept = [
        text
        for number, text in enumerate(texts)
        if text and not any(text in later for later in texts[number + 1 :])
    ]
    return tuple(dict.fromkeys(kept))


def _count_speakers(transcript: Sequence[TranscriptEntry]) -> int:
    return len({character for entry in transcript for character, _ in entry.spoken})


def _format_stamp(frame: int, rate: Fraction) -> str:
    milliseconds = round(frame * 1000 / rate)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


def _escape_vtt(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False)
