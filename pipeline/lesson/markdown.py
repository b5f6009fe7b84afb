# SPDX-License-Identifier: Apache-2.0
"""Read a lesson's script as Markdown: `# Title` begins a section, and paragraphs are spoken.

    # How it turns
    <!-- slide 3a -->
    <!-- layout: corner, top-left, round -->

    (happy 0.5) The glass turns. [[emotion: surprised 0.4]] And this is the beam.

    <!-- slide 3b -->
    **ANNA:** Count the seconds.

Comments say what is shown. A parenthetical that begins a paragraph and notes in double brackets
mean what they mean in an episode's script. Not spoken: headings below the first level, quotations,
fenced code, pictures, footnotes, where links lead, a YAML table before the first section. A
backslash makes any mark a plain character. This is the part of CommonMark that people write notes
in, not all of it: tables and HTML are refused.
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
    r"(?:\*\*(?P<bold>[^*:]{1,60})(?::\*\*|\*\*:)|(?P<plain>[A-Z][A-Z0-9 .'-]{1,40}):)"
    r"(?:\s+(?P<rest>.*))?",
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
    """A script while it is read: its sections and its problems so far."""

    file: str
    words: Words
    narrator: str
    problems: list[Problem] = field(default_factory=list)
    sections: list[_SectionDraft] = field(default_factory=list)

    def add_problem(self, line: int, message: str, **facts: str | None) -> None:
        self.problems.append(Problem(file=self.file, line=line, message=message, **facts))  # type: ignore[arg-type]


def read(
    path: Path, *, words: Words, language: str = "en", narrator: str = NARRATOR
) -> LessonScript:
    """Read the script in a Markdown file.

    `words`: from `load_words`; `narrator`: who speaks where nobody is named.

    Raises InputError with every problem, each with its line.
    """
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = find_nearest(path.name, siblings)
        raise InputError(Problem(file=path.name, message="no such file", nearest=near))
    text = read_text(path, maximum=LARGEST)
    return parse(text, file=path.name, words=words, language=language, narrator=narrator)


def parse(
    text: str, *, file: str, words: Words, language: str = "en", narrator: str = NARRATOR
) -> LessonScript:
    """Parse the script in a text; see `read`."""
    reader = _MarkdownReader(file=file, words=words, narrator=narrator)
    for number, block in split_blocks(text):
        _read_block(reader, number, block)
    if not reader.sections and not reader.problems:
        expected = "'# Title' with the spoken text below it"
        reader.add_problem(1, "nothing is spoken in this script", expected=expected)
    for section in reader.sections:
        _check_waiting_slides(reader, section)
        if not any(draft.text for draft in section.drafts):
            message = f"nothing is spoken under {section.title!r}"
            reader.add_problem(section.source_line, message, expected="at least one sentence")
    if reader.problems:
        raise InputError(sorted(reader.problems, key=lambda problem: problem.line or 0))
    return _build_script(reader, language)


def _read_block(reader: _MarkdownReader, number: int, block: str) -> None:
    if heading := _HEADING.fullmatch(block):
        title = _strip_marks(heading["title"])
        if not title:
            reader.add_problem(number, "this section has no title", expected="# Title")
        reader.sections.append(
            _SectionDraft(title=title, source_line=number, character=reader.narrator)
        )
    elif block.startswith("|"):
        expected = "sentences, or a quotation (>) for what is only read"
        reader.add_problem(number, "a table cannot be spoken", expected=expected)
    elif block.startswith("#") and not re.match(r"#{2,6}(\s|$)", block):
        message, got = "this is neither a heading nor spoken text", repr(block[:40])
        expected = r"a space after #, or \# for the sign itself"
        reader.add_problem(number, message, expected=expected, got=got)
    elif block.startswith(("#", ">")) or RULE.fullmatch(block) or _DEFINITION.fullmatch(block):
        return
    elif reader.sections:
        _read_paragraph(reader, reader.sections[-1], number, block)
    elif _ASIDE.sub("", block).strip():
        message, got = "this text stands before the first section", repr(block[:40])
        reader.add_problem(number, message, expected="'# Title' above it", got=got)


def _read_paragraph(
    reader: _MarkdownReader, section: _SectionDraft, number: int, block: str
) -> None:
    item = LIST_ITEM.fullmatch(block)
    section.drafts.append(_LessonLineDraft(character=section.character, source_line=number))
    place, text = 0, item["rest"] if item else block
    offset = len(block) - len(text)
    first = True
    for aside in _ASIDE.finditer(text):
        first = _add_words(reader, section, text[place : aside.start()], first=first) and first
        line = number + block.count("\n", 0, offset + aside.start())
        if aside["comment"] is not None:
            _read_comment(reader, section, aside["comment"], line)
        else:
            _read_note(reader, section, aside["note"], line)
        place = aside.end()
    _add_words(reader, section, text[place:], first=first)
    if OPEN_ASIDE.search(text[place:]):
        message = "a comment or note in this paragraph is never closed"
        reader.add_problem(number, message, expected="--> or ]]")


def _add_words(reader: _MarkdownReader, section: _SectionDraft, text: str, *, first: bool) -> bool:
    """Add words to the line that is being read.

    Returns whether the paragraph's first words are still to come.
    """
    words = text.strip()
    if first and (speaker := _SPEAKER.fullmatch(words)):
        name = " ".join((speaker["bold"] or speaker["plain"]).split())
        section.character = section.drafts[-1].character = name
        words = (speaker["rest"] or "").strip()
    draft = section.drafts[-1]
    if first and (aside := _PARENTHETICAL.fullmatch(words)):
        curve, rest = parse_parenthetical(_strip_marks(aside["inside"]), reader.words)
        draft.curve = str(curve) if curve else draft.curve
        draft.direction += [rest] if rest else []
        words = aside["rest"]
    if tag := _TAG.search(words):
        expected = r"plain words, or \< for the sign itself"
        reader.add_problem(
            draft.source_line, "HTML cannot be spoken", got=tag[0], expected=expected
        )
    spoken = _strip_marks(words)
    if spoken:
        draft.text.append(spoken)
        draft.steps += section.waiting
        section.waiting = []
    return first and not spoken


def _read_comment(reader: _MarkdownReader, section: _SectionDraft, comment: str, line: int) -> None:
    name, value = parse_directive(comment) or ("", "")
    value = restore_marks(value)
    if name == "slide":
        _read_slide(reader, section, value, line)
    elif name == "layout" and section.layout not in {None, value}:
        message, expected = "two layouts for one section", f"only {section.layout!r}"
        reader.add_problem(line, message, expected=expected, got=repr(value))
    elif name == "layout":
        section.layout = value
    else:
        first = (comment.split() or [""])[0].rstrip(":=").casefold()
        if near := find_nearest(first, ["slide", "build", "layout"]):
            message, got = (
                "this comment looks like a misspelt directive",
                repr(comment.strip()[:60]),
            )
            reader.add_problem(line, message, got=got, nearest=near)


def _read_slide(reader: _MarkdownReader, section: _SectionDraft, slide: str, line: int) -> None:
    if not SLIDE_NAME.fullmatch(slide):
        expected = "slide 3, or slide 3a for a build"
        reader.add_problem(line, "not a slide name", expected=expected, got=repr(slide))
        return
    if section.drafts[-1].text:
        section.drafts.append(_LessonLineDraft(character=section.character, source_line=line))
    _check_waiting_slides(reader, section)
    section.waiting = [(slide, line)]


def _check_waiting_slides(reader: _MarkdownReader, section: _SectionDraft) -> None:
    """Report a slide that nobody speaks over.

    A slide waits for the first word after it. Where there is none before the next slide or section,
    it would never be seen.
    """
    for slide, line in section.waiting:
        message = f"nothing is spoken over slide {slide}"
        reader.add_problem(line, message, expected="a sentence after it")


def _read_note(reader: _MarkdownReader, section: _SectionDraft, note: str, line: int) -> None:
    note = restore_marks(" ".join(note.split()))
    emotion = _EMOTION.fullmatch(note)
    if not emotion:
        section.drafts[-1].notes.append(note)
        return
    if section.drafts[-1].text:
        section.drafts.append(_LessonLineDraft(character=section.character, source_line=line))
    try:
        section.drafts[-1].curve = str(parse_curve(emotion["curve"], words=reader.words))
    except EmotionError as error:
        problem = Problem(file=reader.file, line=line, message=str(error))
        reader.problems.append(add_emotion_hint(error, reader.words, problem))


def _build_script(reader: _MarkdownReader, language: str) -> LessonScript:
    """Build the script, and give each line its order and id as in an episode.

    An id comes from section, character, words and how often they were said.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    sections, lines = list[Section](), list[Line]()
    for number, section in enumerate(reader.sections, start=1):
        steps, own = list[SlideStep](), list[Line]()
        for draft in (draft for draft in section.drafts if draft.text):
            key = (section.title, draft.character, " ".join(draft.text))
            counts[key] += 1
            slug = re.sub(r"\W+", "-", draft.character.casefold()).strip("-")
            line_id = f"{slug}-{digest([*key, counts[key]])[:8]}"
            order = len(lines) + len(own)
            line = replace(_to_line(draft, section.title), line_id=line_id, order=order)
            own.append(replace(line, source=reader.file, lang=language))
            steps += [
                SlideStep(slide=slide, line_id=line_id, source_line=at) for slide, at in draft.steps
            ]
        sections.append(_build_section(section, number, steps, own))
        lines += own
    return LessonScript(sections=tuple(sections), lines=tuple(lines))


def _build_section(
    section: _SectionDraft, number: int, steps: list[SlideStep], lines: list[Line]
) -> Section:
    """Build a section; without a slide of its own at its first line it shows the slide `number`."""
    if not steps or steps[0].line_id != lines[0].line_id:
        first = SlideStep(
            slide=str(number), line_id=lines[0].line_id, source_line=section.source_line
        )
        steps = [first, *steps]
    return Section(
        title=section.title,
        steps=tuple(steps),
        line_ids=tuple(line.line_id for line in lines),
        layout=section.layout or "",
        source_line=section.source_line,
    )


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
    """Strip a text to what is spoken.

    Pictures, link targets, footnote marks, code ticks, emphasis and backslashes that break a line
    are left out.
    """
    text = re.sub(r"\\\n", "\n", text)
    text = _LINK.sub(lambda found: "" if found[0].startswith("!") else found["text"], text)
    text = _NAMED_LINK.sub(lambda found: found["text"], _FOOTNOTE.sub("", text))
    return restore_marks(html.unescape(fountain.strip_emphasis(text.replace("`", ""))))
