# SPDX-License-Identifier: Apache-2.0
"""Declare the columns of every sheet that people write or correct, with what each cell means.

The readers (`cast`, `line_sheet`, `consent`, `emotion_synonyms`, `pipeline.align.cue_overrides`)
take their column names from here, and `make docs` writes the page about sheets from the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetColumn:
    """A column of a sheet.

    `values`: what a cell may hold; `default`: what an empty cell means; `example`: a cell as a
    person would write it.
    """

    name: str
    meaning: str
    example: str
    values: str = "text"
    default: str = ""
    needed: bool = False


def list_names(columns: tuple[SheetColumn, ...]) -> tuple[str, ...]:
    """List the names of all columns."""
    return tuple(column.name for column in columns)


def list_needed_names(columns: tuple[SheetColumn, ...]) -> tuple[str, ...]:
    """List the names of the columns that a sheet must have."""
    return tuple(column.name for column in columns if column.needed)


_EMOTION = "an emotion, a blend or a change"
_TIME = "seconds, `M:SS.mmm` or `H:MM:SS.mmm`"

CAST = (
    SheetColumn(
        name="character",
        meaning="The character, as the script names it. Case does not matter. Each row is one"
        " character, and no other row may use its name.",
        example="MARA",
        needed=True,
    ),
    SheetColumn(
        name="actor",
        meaning="The person whose likeness and voice are used. Consents are matched by this name.",
        example="Mara Dahl",
        needed=True,
    ),
    SheetColumn(
        name="portrait",
        meaning="The picture that is animated. Of a film, Callsheet uses the best frame of its"
        " first 20 seconds.",
        values="a PNG, JPEG or WebP, or a film (`.mp4`, `.mov`, `.mkv`, `.webm`)",
        example="portraits/mara.png",
        needed=True,
    ),
    SheetColumn(
        name="aliases",
        meaning="Other names of the character in the script, separated by `|` or `;`.",
        values="names",
        example="MRS. DAHL|YOUNG MARA",
    ),
    SheetColumn(
        name="face",
        meaning="Which face in the portrait is animated. `only` stops if there are several.",
        values="`only`, `left`, `right`, `largest`, or a number counted from the left (1 to 99)",
        default="`only`",
        example="left",
    ),
    SheetColumn(
        name="voice_sample",
        meaning="A few seconds of this actor speaking alone. Callsheet uses it to tell speakers"
        " apart. It needs a consent for the voice.",
        values="a recording (`.wav`, `.flac`, `.mp3`, `.m4a`, `.ogg`, `.opus`) or a film",
        example="voices/mara.wav",
    ),
    SheetColumn(
        name="emotion_sample",
        meaning="A recording or picture from which Callsheet estimates the default emotion, when"
        " `default_emotion` is empty.",
        values="a recording, a picture or a film",
        example="voices/mara_angry.wav",
    ),
    SheetColumn(
        name="default_emotion",
        meaning="The emotion of lines for which the script names none.",
        values=_EMOTION,
        default="`neutral`",
        example="sad 0.4",
    ),
    SheetColumn(
        name="seed",
        meaning="The random seed of blinks, sway and sampling. Change it to get other takes.",
        values="0 to 4294967295",
        default="`0`",
        example="12",
    ),
    SheetColumn(
        name="look",
        meaning="What this character's shots are colour-matched to. It takes precedence over"
        " `[look] reference`.",
        values="a picture or a `.cube` file",
        default="`[look] reference`",
        example="looks/night.cube",
    ),
    SheetColumn(
        name="consent",
        meaning="The ids of the consents to rely on, separated by `|`, `;` or `,`.",
        values="ids from the consent sheet",
        default="all consents of the actor",
        example="c03|c04",
    ),
)

LINES = (
    SheetColumn(
        name="line_id",
        meaning="The line's name, used once. Corrections and recordings refer to it. Of an empty"
        " cell, Callsheet makes an id from scene, character and text.",
        example="ep1_014",
        needed=True,
    ),
    SheetColumn(
        name="scene",
        meaning="The scene, or the section of a lesson. An empty cell repeats the one above.",
        default="the scene above",
        example="INT. KITCHEN - NIGHT",
        needed=True,
    ),
    SheetColumn(
        name="character",
        meaning="Who speaks. Extensions and `^` mean what they mean in a script: `MARA (V.O.)`,"
        " `HENRIK ^`.",
        example="MARA",
        needed=True,
    ),
    SheetColumn(
        name="text", meaning="The words that are spoken.", example="You came back.", needed=True
    ),
    SheetColumn(
        name="emotion",
        meaning="How the line is performed.",
        values=_EMOTION,
        default="the actor's `default_emotion`",
        example="neutral -> angry 0.9",
    ),
    SheetColumn(
        name="direction",
        meaning="A note for people. Callsheet records it and performs nothing of it.",
        example="without looking up",
    ),
    SheetColumn(
        name="audio_file",
        meaning="The recording in which the line is spoken. It must also stand in `recordings`.",
        values="a file in the production folder",
        default="any recording",
        example="recordings/scene1.wav",
    ),
    SheetColumn(
        name="start",
        meaning="When the line begins: in `audio_file`, else on the timeline. With `start` and"
        " `end`, Callsheet does not search for the line.",
        values=_TIME,
        default="found by listening",
        example="1:15.250",
    ),
    SheetColumn(
        name="end",
        meaning="When the line ends.",
        values=_TIME,
        default="found by listening",
        example="1:17.8",
    ),
    SheetColumn(
        name="lang",
        meaning="The language of the line (BCP 47).",
        values="a code such as `en` or `pt-BR`",
        default="`language` of `production.toml`",
        example="de",
    ),
    SheetColumn(
        name="notes",
        meaning="Notes, separated by `;`. In a lesson, `slide 3a` and `layout corner` say what is"
        " shown.",
        example="slide 3a; layout side by side",
    ),
)

CONSENTS = (
    SheetColumn(
        name="consent_id",
        meaning="The id of the consent. The `consent` column of the actor sheet names it.",
        example="c03",
        needed=True,
    ),
    SheetColumn(
        name="subject",
        meaning="The person who gave it, as in the `actor` column of the actor sheet.",
        example="Mara Dahl",
        needed=True,
    ),
    SheetColumn(
        name="covers",
        meaning="What may be used.",
        values="`likeness`, `voice` or `likeness|voice`",
        example="likeness|voice",
        needed=True,
    ),
    SheetColumn(
        name="scope",
        meaning="The uses that are allowed, separated by `|`, `;` or `,`. They are compared with"
        " `[consent] use`.",
        values="words; `any use` allows all",
        default="all uses",
        example="episode|trailer",
    ),
    SheetColumn(
        name="territory",
        meaning="The places that are allowed. They are compared with `[consent] territory`.",
        values="words; `worldwide` allows all",
        default="all places",
        example="Norway|Denmark",
    ),
    SheetColumn(
        name="valid_from",
        meaning="The first day on which the consent holds.",
        values="a date",
        default="no limit",
        example="2026-01-01",
    ),
    SheetColumn(
        name="valid_until",
        meaning="The last day on which the consent holds.",
        values="a date",
        default="no limit",
        example="2027-12-31",
    ),
    SheetColumn(
        name="evidence",
        meaning="Where the signed paper is. Callsheet records it and does not open it.",
        example="contracts/2026-014.pdf",
    ),
    SheetColumn(
        name="revoked_at",
        meaning="The day from which the consent no longer holds.",
        values="a date",
        default="not revoked",
        example="2026-11-22",
    ),
)

CUES = (
    SheetColumn(name="line_id", meaning="The line.", example="mara-a4b52d7b"),
    SheetColumn(
        name="character",
        meaning="**Edit.** Who speaks the line.",
        values="a character of the actor sheet",
        example="MARA",
    ),
    SheetColumn(name="text", meaning="The words of the script.", example="You came back."),
    SheetColumn(
        name="start",
        meaning="**Edit.** When the line begins on the timeline.",
        values=_TIME,
        default="not found, or as heard",
        example="12.480",
    ),
    SheetColumn(
        name="end",
        meaning="**Edit.** When the line ends.",
        values=_TIME,
        default="not found, or as heard",
        example="14.050",
    ),
    SheetColumn(
        name="take",
        meaning="**Edit.** Which reading is used, when the line was spoken several times.",
        values="1 to `takes`",
        default="the last one",
        example="2",
    ),
    SheetColumn(name="takes", meaning="How often the line was spoken.", example="3"),
    SheetColumn(
        name="ignore",
        meaning="**Edit.** Leave the line out of the film.",
        values="`yes`, `y`, `true`, `1` or `x`; `no`, `n`, `false` or `0`",
        default="no",
        example="yes",
    ),
    SheetColumn(
        name="status",
        meaning="What Callsheet thinks of the match.",
        values="`matched`, `doubtful` or `missing`",
        example="doubtful",
    ),
    SheetColumn(name="confidence", meaning="How sure the match is, from 0 to 1.", example="0.62"),
    SheetColumn(
        name="reasons", meaning="Why the confidence is what it is.", example="not in the recordings"
    ),
    SheetColumn(
        name="exported",
        meaning="What the row held when it was written. Callsheet compares your cells with it;"
        " leave it as it is.",
        example="(JSON)",
    ),
)

WORDS = (
    SheetColumn(
        name="word",
        meaning="A word of your scripts, used once. It may not be one of the eight emotions.",
        example="broken",
        needed=True,
    ),
    SheetColumn(
        name="emotion",
        meaning="What the word means. A blend is allowed, a change is not.",
        values="an emotion or a blend",
        example="sad 0.9 + fear 0.3",
        needed=True,
    ),
)
