# SPDX-License-Identifier: Apache-2.0
"""Wrong inputs: ways to spoil a copy of `examples/lighthouse`, each with what the error must say.

A builder gets the folder of the copy and changes it. Both the tests of the reading functions and
those of the command line use them; neither needs the recordings or portraits to be more than files
that exist. A builder that finds nothing to change fails.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LIGHTHOUSE = Path(__file__).parents[2] / "examples" / "lighthouse"

Spoil = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Bad:
    """One wrong input: `name` is a sentence, `says` are texts that the error holds, all in one line
    of it."""

    name: str
    spoil: Spoil
    says: tuple[str, ...]


def lighthouse(folder: Path) -> None:
    """A whole copy of the example, media included, without what was built from it."""
    shutil.copytree(LIGHTHOUSE, folder, ignore=shutil.ignore_patterns("build"), dirs_exist_ok=True)


def lighthouse_without_media(folder: Path) -> None:
    """A copy of the example whose recordings and portraits are empty files."""
    for source in sorted(LIGHTHOUSE.rglob("*")):
        target = folder / source.relative_to(LIGHTHOUSE)
        if "build" in source.relative_to(LIGHTHOUSE).parts or source.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in {".toml", ".csv", ".fountain"}:
            shutil.copyfile(source, target)
        else:
            target.touch()


def change(file: str, old: str, new: str) -> Spoil:
    """Replace the first `old` in a text file."""

    def spoil(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise LookupError(f"{file} holds no {old!r} to spoil")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def add(file: str, text: str) -> Spoil:
    """Put text at the end of a file."""

    def spoil(folder: Path) -> None:
        with (folder / file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    return spoil


def write(file: str, content: str | bytes) -> Spoil:
    """Put other content into a file."""
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: void((folder / file).write_bytes(data))


def remove(file: str) -> Spoil:
    """Delete a file."""
    return lambda folder: (folder / file).unlink()


def both(*spoils: Spoil) -> Spoil:
    """Do several things."""

    def spoil(folder: Path) -> None:
        for one in spoils:
            one(folder)

    return spoil


def void(_: object) -> None:
    """Nothing, whatever was given."""


def link_out(folder: Path) -> None:
    """Make a portrait a link to a file outside."""
    outside = folder.parent / "outside.png"
    outside.touch()
    portrait = folder / "portraits" / "mara.png"
    portrait.unlink()
    portrait.symlink_to(outside)


def workbook(worksheet: bytes) -> bytes:
    """The least .xlsx archive that holds one worksheet."""
    import io

    main, office = (
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://schemas.openxmlformats.org",
    )
    relations = f"{office}/package/2006/relationships"
    sheet_type = f"{office}/officeDocument/2006/relationships/worksheet"
    book_type = f"{office}/officeDocument/2006/relationships/officeDocument"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{relations}">'
        f'<Relationship Id="r1" Type="{book_type}" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}"'
        f' xmlns:r="{office}/officeDocument/2006/relationships">'
        '<sheets><sheet name="cast" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}">'
        f'<Relationship Id="r1" Type="{sheet_type}" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        archive.writestr("xl/worksheets/sheet1.xml", worksheet)
    return stream.getvalue()


def far_cell_workbook(folder: Path) -> None:
    """A cast whose sheet has a cell in the last corner, so that a careless reader allocates 17
    thousand million cells."""
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>character</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>'
    _cast_workbook(folder, workbook(sheet.encode()))


def bomb_workbook(folder: Path) -> None:
    """A cast of some kilobytes that unpacks to gigabytes and says so."""
    _cast_workbook(folder, workbook(b" " * (160 << 20)))


def lying_bomb_workbook(folder: Path) -> None:
    """The same, declaring that it unpacks to a few bytes."""
    data = bytearray(workbook(b" " * (160 << 20)))
    size = struct.pack("<I", 160 << 20)
    lie = struct.pack("<I", 64)
    _cast_workbook(folder, bytes(data.replace(size, lie)))


def _cast_workbook(folder: Path, data: bytes) -> None:
    (folder / "cast.xlsx").write_bytes(data)
    change("production.toml", 'cast = "cast.csv"', 'cast = "cast.xlsx"')(folder)


def broken_workbook(folder: Path) -> None:
    """A text called .xlsx."""
    _cast_workbook(folder, zlib.compress(b"not a workbook"))


def yaml_cast(text: str) -> Spoil:
    """Keep the cast in YAML."""
    return both(
        write("cast.yaml", text),
        change("production.toml", 'cast = "cast.csv"', 'cast = "cast.yaml"'),
    )


def line_sheet(text: str) -> Spoil:
    """Keep the script in a line sheet."""
    script = change("production.toml", 'script = "script.fountain"', 'script = "lines.csv"')
    return both(write("lines.csv", text), script)


def own_words(text: str) -> Spoil:
    """Give the production a table of its own words for emotions."""
    emotions = change(
        "production.toml", 'language = "en"', 'language = "en"\nemotions = "emotions.csv"'
    )
    return both(write("emotions.csv", text), emotions)


PRODUCTION = [
    Bad(
        "there is no production file",
        remove("production.toml"),
        ("production.toml", "no such file", "callsheet init"),
    ),
    Bad(
        "the production file is not TOML",
        change("production.toml", 'rate = "25"', "rate = "),
        ("production.toml, line 5", "not valid TOML"),
    ),
    Bad(
        "the production file is not UTF-8",
        write("production.toml", b'title = "caf\xe9"\n'),
        ("production.toml, line 1", "not UTF-8"),
    ),
    Bad(
        "a key is misspelt",
        change("production.toml", "talker =", "talkr ="),
        ("line 7, column talkr", "unknown key", "did you mean 'talker'"),
    ),
    Bad(
        "a key of a table is misspelt",
        change("production.toml", "minimum_shot_seconds", "minimum_shot"),
        ("line 15, column cut.minimum_shot", "unknown key", "'minimum_shot_seconds'"),
    ),
    Bad(
        "a key is missing",
        change("production.toml", "title =", "# title ="),
        ("column title", "this key is missing"),
    ),
    Bad(
        "a rate is not known",
        change("production.toml", '"25"', '"31"'),
        ("column rate", "'31' is not a known frame rate", "29.97"),
    ),
    Bad(
        "a size has an odd side",
        change("production.toml", "1280x720", "1281x720"),
        ("line 6, column size", "even", "'1281x720'"),
    ),
    Bad(
        "a size is a word",
        change("production.toml", "1280x720", "720p"),
        ("line 6, column size", "'1280x720'", "got '720p'"),
    ),
    Bad(
        "a talker is misspelt",
        change("production.toml", '"previs"', '"prevsi"'),
        ("column talker", "previs, dice", "did you mean 'previs'"),
    ),
    Bad(
        "a look's method is not known",
        change("production.toml", "monge-kantorovich", "reinhart"),
        ("look.method", "did you mean 'reinhard'"),
    ),
    Bad(
        "a strength is above one",
        change("production.toml", "strength = 1.0", "strength = 2.0"),
        ("column look.strength", "less than or equal to 1"),
    ),
    Bad(
        "a delivery profile is not known",
        change("production.toml", '"web", "master"', '"web", "mastre"'),
        ("delivery.profiles.1", "did you mean 'master'"),
    ),
    Bad(
        "a script is missing",
        remove("script.fountain"),
        ("column script", "no such file 'script.fountain'"),
    ),
    Bad(
        "a recording is missing",
        change("production.toml", "dialogue.flac", "dialog.flac"),
        ("column recordings", "no such file", "did you mean 'recordings/dialogue.flac'"),
    ),
    Bad(
        "a recording lies outside the folder",
        change("production.toml", "recordings/dialogue", "../dialogue"),
        ("leads outside the production folder",),
    ),
    Bad(
        "a recording is an absolute path",
        change("production.toml", "recordings/dialogue.flac", "/etc/passwd"),
        ("column recordings", "'/etc/passwd' is not a path inside"),
    ),
    Bad(
        "a recording is an address",
        change("production.toml", "recordings/dialogue.flac", "https://example.org/a.flac"),
        ("column recordings", "is not a path inside"),
    ),
    Bad(
        "a recording would be an option",
        change("production.toml", "recordings/dialogue.flac", "-vf"),
        ("column recordings", "option"),
    ),
]

SCRIPT = [
    Bad(
        "nobody speaks in the script",
        write("script.fountain", "INT. ROOM - DAY\n\nSilence.\n"),
        ("script.fountain", "nobody speaks"),
    ),
    Bad(
        "the script is not UTF-8",
        write("script.fountain", "MARA\nCafé.\n".encode("latin-1")),
        ("script.fountain, line 2", "not UTF-8"),
    ),
    Bad(
        "the script is a picture",
        write("script.fountain", b"MARA\nHello\x00\x00.\n"),
        ("script.fountain, line 2", "NUL"),
    ),
    Bad(
        "an emotion is misspelt in a note",
        change("script.fountain", "contempt 0.8", "contemt 0.8"),
        ("script.fountain, line 13", "unknown emotion 'contemt'", "'contempt'"),
    ),
    Bad(
        "an emotion is too strong",
        change("script.fountain", "contempt 0.8", "contempt 1.8"),
        ("line 13", "intensity 1.8", "above 1.5"),
    ),
    Bad(
        "an emotion has no label",
        change("script.fountain", "contempt 0.8", "0.8"),
        ("line 13", "'0.8' is not an emotion"),
    ),
    Bad(
        "an emotion is named twice in a mix",
        change("script.fountain", "fear 0.7 + surprised 0.6", "fear 0.7 + fear 0.6"),
        ("script.fountain", "'fear' is named twice"),
    ),
    Bad(
        "the word emotion is misspelt",
        change("script.fountain", "[[emotion: contempt", "[[emotoin: contempt"),
        ("line 13", "'emotion: ...'"),
    ),
    Bad(
        "an emotion note belongs to no speech",
        change("script.fountain", "He pulls the lever.", "[[emotion: sad]]"),
        ("script.fountain, line 23", "outside any speech"),
    ),
    Bad(
        "a line has two emotion notes",
        change(
            "script.fountain",
            "[[emotion: contempt 0.8]]",
            "[[emotion: contempt]]\n[[emotion: sad]]",
        ),
        ("line 14", "two emotion notes"),
    ),
    Bad(
        "a note is never closed",
        change("script.fountain", "contempt 0.8]]", "contempt 0.8"),
        ("line 13", "not closed"),
    ),
    Bad(
        "a boneyard is never closed",
        add("script.fountain", "\n/* to be\ncontinued\n"),
        ("script.fountain, line ", "boneyard"),
    ),
    Bad(
        "a character is misspelt",
        change("script.fountain", "NADIA\nIt is midnight", "NADJA\nIt is midnight"),
        (
            "script.fountain, line 9",
            "'NADJA' speaks here but is not in the cast",
            "did you mean 'NADIA'",
        ),
    ),
    Bad(
        "a line sheet lacks a column",
        line_sheet("line_id,scene,charakter,text\n1,1,MARA,Hello.\n"),
        ("lines.csv, row 1, column character", "missing", "did you mean 'charakter'"),
    ),
    Bad(
        "a line sheet has a line without words",
        line_sheet("line_id,scene,character,text\n1,1,MARA,\n"),
        ("lines.csv, row 2, column text", "empty"),
    ),
    Bad(
        "a line id stands twice",
        line_sheet("line_id,scene,character,text\nL1,1,MARA,Yes.\nL1,1,MARA,No.\n"),
        ("lines.csv, row 3, column line_id", "'L1' is already used in row 2"),
    ),
    Bad(
        "an emotion is misspelt in a line sheet",
        line_sheet("line_id,scene,character,text,emotion\n1,1,MARA,Yes.,hapy 0.5\n"),
        ("lines.csv, row 2, column emotion", "unknown emotion 'hapy'", "'happy'"),
    ),
    Bad(
        "a time is not a time",
        line_sheet("line_id,scene,character,text,start\n1,1,MARA,Yes.,soon\n"),
        ("lines.csv, row 2, column start", "not a time", "got 'soon'"),
    ),
    Bad(
        "a line ends before it starts",
        line_sheet("line_id,scene,character,text,start,end\n1,1,MARA,Yes.,1:05,0:59.5\n"),
        ("lines.csv, row 2, column end", "is not after the start"),
    ),
    Bad(
        "a line's recording is missing",
        line_sheet(
            "line_id,scene,character,text,audio_file\n1,1,MARA,Yes.,recordings/dialogue.flc\n"
        ),
        ("lines.csv, row 2, column audio_file", "did you mean 'recordings/dialogue.flac'"),
    ),
    Bad(
        "a word of the production's table means nothing",
        own_words("word,emotion\nhangry,angery 0.5\n"),
        ("emotions.csv, row 2, column emotion", "unknown emotion 'angery'", "'angry'"),
    ),
    Bad(
        "a word of the production's table is a label",
        own_words("word,emotion\nhappy,sad\n"),
        ("emotions.csv, row 2, column word", "already an emotion label"),
    ),
]

CAST = [
    Bad(
        "the actor sheet is missing",
        remove("cast.csv"),
        ("production.toml, line 9, column cast", "no such file 'cast.csv'"),
    ),
    Bad("the actor sheet is empty", write("cast.csv", ""), ("cast.csv", "the sheet is empty")),
    Bad(
        "a column of the actor sheet is misspelt",
        change("cast.csv", "portrait", "potrait"),
        ("cast.csv, row 1, column portrait", "missing", "did you mean 'potrait'"),
    ),
    Bad(
        "a column of the actor sheet stands twice",
        change("cast.csv", "aliases", "actor"),
        ("cast.csv, row 1, column actor", "appears twice"),
    ),
    Bad(
        "a row has more cells than the header",
        change("cast.csv", "c01|c02", "c01|c02,x"),
        ("cast.csv, row 2", "more cells", "'x'"),
    ),
    Bad(
        "a quotation mark is never closed",
        change("cast.csv", "Mara Dahl", '"Mara Dahl'),
        ("cast.csv, row 3", "never closed"),
    ),
    Bad(
        "a character stands twice",
        change("cast.csv", "NADIA,", "Mara,"),
        ("cast.csv, row 4, column character", "'Mara' is already used in row 3"),
    ),
    Bad(
        "an alias is another's name",
        change("cast.csv", "Nadia Rao,", "Nadia Rao,HENRIK"),
        ("row 4, column aliases", "is already used in row 2"),
    ),
    Bad(
        "a character has no actor",
        change("cast.csv", "Nadia Rao", ""),
        ("cast.csv, row 4, column actor", "this cell is empty"),
    ),
    Bad(
        "a portrait is missing",
        change("cast.csv", "portraits/mara.png", "portraits/marra.png"),
        (
            "cast.csv, row 3, column portrait",
            "no such file 'portraits/marra.png'",
            "did you mean 'portraits/mara.png'",
        ),
    ),
    Bad(
        "a portrait leads out of the folder",
        change("cast.csv", "portraits/mara.png", "portraits/../../mara.png"),
        ("cast.csv, row 3, column portrait", "leads outside the production folder"),
    ),
    Bad(
        "a portrait is a link to the outside",
        link_out,
        ("cast.csv, row 3, column portrait", "a link that leads outside"),
    ),
    Bad(
        "a portrait is a formula",
        change("cast.csv", "portraits/mara.png", '"=HYPERLINK(""http://x"",""y"")"'),
        ("cast.csv, row 3, column portrait", "=HYPERLINK"),
    ),
    Bad(
        "a portrait is a text",
        change("cast.csv", "portraits/mara.png", "script.fountain"),
        (
            "cast.csv, row 3, column portrait",
            "the portrait is the wrong type of file",
            "got .fountain",
        ),
    ),
    Bad(
        "a choice of face is misspelt",
        change("cast.csv", "mara.png,only", "mara.png,lefft"),
        ("row 3, column face", "did you mean 'left'"),
    ),
    Bad(
        "a seed is negative",
        change("cast.csv", ",12,", ",-12,"),
        ("cast.csv, row 3, column seed", "not a valid seed", "got '-12'"),
    ),
    Bad(
        "a seed is a word",
        change("cast.csv", ",12,", ",twelve,"),
        ("cast.csv, row 3, column seed", "got 'twelve'"),
    ),
    Bad(
        "a default emotion is misspelt",
        change("cast.csv", ",neutral,12", ",nuetral,12"),
        ("row 3, column default_emotion", "'neutral'"),
    ),
    Bad(
        "an actor sheet in YAML has an alias bomb",
        yaml_cast("- &a {character: x}\n- [*a, *a]\n"),
        ("cast.yaml, line 1", "aliases are not accepted"),
    ),
    Bad(
        "an actor sheet in YAML is not YAML",
        yaml_cast("- character: MARA\n actor: x\n"),
        ("cast.yaml, line 2", "not valid YAML"),
    ),
    Bad(
        "an actor sheet in YAML makes objects",
        yaml_cast("!!python/object/apply:os.getcwd []\n"),
        ("cast.yaml", "the sheet has no rows"),
    ),
    Bad("a workbook is not a workbook", broken_workbook, ("cast.xlsx", "not a readable workbook")),
    Bad("a workbook unpacks to gigabytes", bomb_workbook, ("cast.xlsx", "unpacks to more than")),
    Bad(
        "a workbook unpacks to gigabytes and denies it",
        lying_bomb_workbook,
        ("cast.xlsx", "not a readable workbook"),
    ),
    Bad("a workbook has a cell in the last corner", far_cell_workbook, ("cast.xlsx", "XFD1048576")),
]

CONSENT = [
    Bad(
        "the consents are missing",
        remove("consents.csv"),
        ("column consents", "no such file 'consents.csv'"),
    ),
    Bad(
        "a consent has ended",
        change(
            "consents.csv",
            "c03,Mara Dahl,likeness,any use,worldwide,2026-01-01,2099-12-31",
            "c03,Mara Dahl,likeness,any use,worldwide,2025-01-01,2025-12-31",
        ),
        (
            "consents.csv",
            "Mara Dahl (character MARA) has no valid consent for likeness",
            "c03 ended on 2025-12-31",
        ),
    ),
    Bad(
        "a consent is for another person",
        change("consents.csv", "c03,Mara Dahl", "c03,Marla Dahl"),
        (
            "consents.csv",
            "Mara Dahl (character MARA) relies on consent 'c03'",
            "which 'Marla Dahl' gave",
        ),
    ),
    Bad(
        "a consent that the cast names is not there",
        change("cast.csv", "c03|c04", "c33|c04"),
        ("consents.csv", "relies on consent 'c33'", "did you mean 'c03'"),
    ),
    Bad(
        "a consent covers something else",
        change("consents.csv", "Mara Dahl,likeness", "Mara Dahl,likenes"),
        ("consents.csv, row 4, column covers", "did you mean 'likeness'"),
    ),
    Bad(
        "a consent's day is not a day",
        change("consents.csv", "2099-12-31", "31.12.2099"),
        ("consents.csv, row 2, column valid_until", "not a date", "got '31.12.2099'"),
    ),
    Bad(
        "a consent ends before it begins",
        change("consents.csv", "2026-01-01,2099-12-31", "2026-01-01,2025-12-31"),
        ("consents.csv, row 2, column valid_until", "before it starts"),
    ),
    Bad(
        "a consent stands twice",
        change("consents.csv", "c03,Mara Dahl", "c01,Mara Dahl"),
        ("consents.csv, row 4, column consent_id", "is already in row 2"),
    ),
]

BAD = [*PRODUCTION, *SCRIPT, *CAST, *CONSENT]
