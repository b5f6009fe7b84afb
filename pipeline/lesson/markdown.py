# SPDX-License-Identifier: Apache-2.0
"""Read and write a lesson's script as Markdown: `# Title` begins a section, paragraphs are spoken,
comments say what is shown.

    # How it turns
    <!-- slide 3a -->
    <!-- layout: corner, top-left, round -->

    (happy 0.5) The glass turns. [[emotion: surprised 0.4]] And this is the beam.

    <!-- slide 3b -->
    **ANNA:** Count the seconds.

A parenthetical that begins a paragraph and notes in double brackets mean what they mean in an
episode's script. Not spoken: headings below the first level, quotations, fenced code, pictures,
footnotes, where links lead, a YAML table before the first section. A backslash makes any mark a
plain character. This is the part of CommonMark that people write notes in, not all of it: tables
and HTML are refused.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import digest
from manifests.rows import Line
from model.emotion import EmotionError, parse_curve
from pipeline.lesson.lesson_script import (
    NARRATOR,
    SLIDE_NAME,
    LessonScript,
    Section,
    SlideStep,
    parse_directive,
)
from pipeline.lesson.markdown_blocks import LIST_ITEM, OPEN_ASIDE, RULE, restore_marks, split_blocks
from pipeline.script import fountain
from pipeline.script.emotion_synonyms import Words, add_emotion_hint, parse_parenthetical
from pipeline.script.text_files import read_text

LARGEST = 4 << 20  # bytes of a script
_ASIDE = re.compile(r"<!--(?P<comment>.*?)-->|\[\[(?P<note>.*?)\]\]", re.DOTALL)
_SPEAKER = re.compile(
    r"(?:\*\*(?P<bold>[^*:]{1,60})(?::\*\*|\*\*:)|(?P<plain>[A-Z][A-Z0-9 .'-]{1,40}):)(?:\s+(?P<rest>.*))?",
    re.DOTALL,
)
_HEADING = re.compile(r"#\s+(?P<title>.*?)(?:\s+#+)?")
_PARENTHETICAL = re.compile(r"\((?P<inside>[^()]{1,200})\)\s*(?P<rest>.*)", re.DOTALL)
_EMOTION = re.compile(r"emotion\s*[:=]\s*(?P<curve>.*)", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"!?\[(?P<text>[^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]+\]")
_NAMED_LINK = re.compile(r"\[(?P<text>[^\[\]]+)\]\[[^\[\]]*\]")
_DEFINITION = re.compile(r"\[[^\[\]]+\]:\s.*", re.DOTALL)  # a footnote's text, or where links lead
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


@dataclass(slots=True, kw_only=True)
class _LessonLineDraft:
    """A line while its parts are read; `steps` are the slides that come up with it."""

    character: str
    source_line: int
    text: list[str] = field(default_factory=list)
    curve: str = ""
    direction: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _SectionDraft:
    """A section while it is read."""

    title: str
    source_line: int
    layout: str | None = None
    drafts: list[_LessonLineDraft] = field(default_factory=list)
    character: str = NARRATOR
    waiting: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _MarkdownReader:
    file: str
    words: Words
    narrator: str
    problems: list[Problem] = field(default_factory=list)
    chapters: list[_SectionDraft] = field(default_factory=list)

    def wrong(self, line: int, message: str, **facts: str | None) -> None:
        self.problems.append(Problem(file=self.file, line=line, message=message, **facts))  # type: ignore[arg-type]


def read(
    path: Path, *, words: Words, language: str = "en", narrator: str = NARRATOR
) -> LessonScript:
    """The script in a Markdown file. `words`: from `moods.words`; `narrator`: who speaks where
    nobody is named.

    Raises InputError with every problem, each with its line.
    """
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            Problem(file=path.name, message="no such file", nearest=find_nearest(path.name, beside))
        )
    return parse(
        read_text(path, maximum=LARGEST),
        file=path.name,
        words=words,
        language=language,
        narrator=narrator,
    )


def parse(
    text: str, *, file: str, words: Words, language: str = "en", narrator: str = NARRATOR
) -> LessonScript:
    """The script in a text; see `read`."""
    reader = _MarkdownReader(file=file, words=words, narrator=narrator)
    for number, block in split_blocks(text):
        _read_block(reader, number, block)
    if not reader.chapters and not reader.problems:
        reader.wrong(
            1, "nothing is said in this script", expected="'# Title' and under it what is spoken"
        )
    for chapter in reader.chapters:
        _check_waiting_slides(reader, chapter)
        if not any(draft.text for draft in chapter.drafts):
            reader.wrong(
                chapter.source_line,
                f"nothing is said under {chapter.title!r}",
                expected="at least one sentence",
            )
    if reader.problems:
        raise InputError(sorted(reader.problems, key=lambda problem: problem.line or 0))
    return _build_script(reader, language)


def _read_block(reader: _MarkdownReader, number: int, block: str) -> None:
    if heading := _HEADING.fullmatch(block):
        title = _strip_marks(heading["title"])
        if not title:
            reader.wrong(number, "a section without a title", expected="# Title")
        reader.chapters.append(
            _SectionDraft(title=title, source_line=number, character=reader.narrator)
        )
    elif block.startswith("|"):
        reader.wrong(
            number,
            "a table cannot be spoken",
            expected="sentences; a quotation (>) for what is only read",
        )
    elif block.startswith("#") and not re.match(r"#{2,6}(\s|$)", block):
        reader.wrong(
            number,
            "not a heading, and not spoken",
            expected=r"a space after #; \# for the sign itself",
            got=repr(block[:40]),
        )
    elif block.startswith(("#", ">")) or RULE.fullmatch(block) or _DEFINITION.fullmatch(block):
        return
    elif not reader.chapters:
        if _ASIDE.sub("", block).strip():
            reader.wrong(
                number,
                "text before the first section",
                expected="'# Title' above it",
                got=repr(block[:40]),
            )
    else:
        _read_paragraph(reader, reader.chapters[-1], number, block)


def _read_paragraph(
    reader: _MarkdownReader, chapter: _SectionDraft, number: int, block: str
) -> None:
    item = LIST_ITEM.fullmatch(block)
    chapter.drafts.append(_LessonLineDraft(character=chapter.character, source_line=number))
    place, text = 0, item["rest"] if item else block
    offset = len(block) - len(text)
    first = True
    for aside in _ASIDE.finditer(text):
        first = _add_words(reader, chapter, text[place : aside.start()], first=first) and first
        line = number + block.count("\n", 0, offset + aside.start())
        _read_comment(reader, chapter, aside["comment"], line) if aside[
            "comment"
        ] is not None else _read_note(reader, chapter, aside["note"], line)
        place = aside.end()
    _add_words(reader, chapter, text[place:], first=first)
    if OPEN_ASIDE.search(text[place:]):
        reader.wrong(number, "a comment or note that never ends", expected="--> or ]]")


def _add_words(reader: _MarkdownReader, chapter: _SectionDraft, text: str, *, first: bool) -> bool:
    """Add words to the line that is being read; whether the paragraph's first words are still to
    come.
    """
    words = text.strip()
    if first and (speaker := _SPEAKER.fullmatch(words)):
        name = " ".join((speaker["bold"] or speaker["plain"]).split())
        chapter.character = chapter.drafts[-1].character = name
        words = (speaker["rest"] or "").strip()
    draft = chapter.drafts[-1]
    if first and (aside := _PARENTHETICAL.fullmatch(words)):
        curve, rest = parse_parenthetical(_strip_marks(aside["inside"]), reader.words)
        draft.curve = str(curve) if curve else draft.curve
        draft.direction += [rest] if rest else []
        words = aside["rest"]
    if tag := _TAG.search(words):
        reader.wrong(
            draft.source_line,
            "HTML cannot be spoken",
            got=tag[0],
            expected=r"plain words; \< for the sign itself",
        )
    spoken = _strip_marks(words)
    if spoken:
        draft.text.append(spoken)
        draft.steps += chapter.waiting
        chapter.waiting = []
    return first and not spoken


def _read_comment(reader: _MarkdownReader, chapter: _SectionDraft, comment: str, line: int) -> None:
    name, value = parse_directive(comment) or ("", "")
    value = restore_marks(value)
    if name == "slide" and not SLIDE_NAME.fullmatch(value):
        reader.wrong(
            line, "not a slide's name", expected="slide 3, or slide 3a for a build", got=repr(value)
        )
    elif name == "slide":
        if chapter.drafts[-1].text:
            chapter.drafts.append(_LessonLineDraft(character=chapter.character, source_line=line))
        _check_waiting_slides(reader, chapter)
        chapter.waiting = [(value, line)]
    elif name == "layout" and chapter.layout not in {None, value}:
        reader.wrong(
            line,
            "a second layout for one section",
            expected=f"only {chapter.layout!r}",
            got=repr(value),
        )
    elif name == "layout":
        chapter.layout = value
    elif near := find_nearest(
        (comment.split() or [""])[0].rstrip(":=").casefold(), ["slide", "build", "layout"]
    ):
        reader.wrong(
            line, "this comment is nearly a directive", got=repr(comment.strip()[:60]), nearest=near
        )


def _check_waiting_slides(reader: _MarkdownReader, chapter: _SectionDraft) -> None:
    """A slide waits for the first word after it: where there is none before the next slide or
    section, it would never be seen.
    """
    for slide, line in chapter.waiting:
        reader.wrong(
            line,
            f"nothing is said on slide {slide}",
            expected="the sentence with which it comes up, after it",
        )


def _read_note(reader: _MarkdownReader, chapter: _SectionDraft, note: str, line: int) -> None:
    note = restore_marks(" ".join(note.split()))
    emotion = _EMOTION.fullmatch(note)
    if not emotion:
        chapter.drafts[-1].notes.append(note)
        return
    if chapter.drafts[-1].text:
        chapter.drafts.append(_LessonLineDraft(character=chapter.character, source_line=line))
    try:
        chapter.drafts[-1].curve = str(parse_curve(emotion["curve"], words=reader.words))
    except EmotionError as error:
        reader.problems.append(
            add_emotion_hint(
                error, reader.words, Problem(file=reader.file, line=line, message=str(error))
            )
        )


def _build_script(reader: _MarkdownReader, language: str) -> LessonScript:
    """Number and name the lines as an episode's are: by section, character, words and how often
    they were said.
    """
    said: Counter[tuple[str, str, str]] = Counter()
    sections, lines = list[Section](), list[Line]()
    for number, chapter in enumerate(reader.chapters, start=1):
        steps, own = list[SlideStep](), list[Line]()
        for draft in (draft for draft in chapter.drafts if draft.text):
            key = (chapter.title, draft.character, " ".join(draft.text))
            said[key] += 1
            slug = re.sub(r"\W+", "-", draft.character.casefold()).strip("-")
            line_id = f"{slug}-{digest([*key, said[key]])[:8]}"
            order = len(lines) + len(own)
            own.append(
                replace(
                    _to_line(draft, chapter.title),
                    line_id=line_id,
                    order=order,
                    source=reader.file,
                    lang=language,
                )
            )
            steps += [
                SlideStep(slide=slide, line_id=line_id, source_line=at) for slide, at in draft.steps
            ]
        if not steps or steps[0].line_id != own[0].line_id:
            steps.insert(
                0,
                SlideStep(
                    slide=str(number), line_id=own[0].line_id, source_line=chapter.source_line
                ),
            )
        ids = tuple(line.line_id for line in own)
        sections.append(
            Section(
                title=chapter.title,
                steps=tuple(steps),
                line_ids=ids,
                layout=chapter.layout or "",
                source_line=chapter.source_line,
            )
        )
        lines += own
    return LessonScript(sections=tuple(sections), lines=tuple(lines))


def _to_line(draft: _LessonLineDraft, scene: str) -> Line:
    return Line(
        line_id="",
        order=0,
        scene=scene,
        character=draft.character,
        text=" ".join(draft.text),
        performance=draft.curve,
        direction=", ".join(draft.direction),
        notes="; ".join(draft.notes),
        source_line=draft.source_line,
    )


def _strip_marks(text: str) -> str:
    """What is spoken of a text: without pictures, link targets, footnote marks, code ticks,
    emphasis and backslashes that break a line.
    """
    text = re.sub(r"\\\n", "\n", text)
    text = _LINK.sub(lambda found: "" if found[0].startswith("!") else found["text"], text)
    text = _NAMED_LINK.sub(lambda found: found["text"], _FOOTNOTE.sub("", text))
    return restore_marks(html.unescape(fountain.strip_emphasis(text.replace("`", ""))))
