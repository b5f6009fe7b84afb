# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - tables of one case a line
"""Hostile productions: ways to spoil a copy of the starter so that a careless reader crashes,
hangs, runs something or leaves the folder.

Each is refused with a clear error (`says`: texts that one of its lines holds), or taken as the text
that it is (`says` is empty).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.data.bad_inputs import Bad, both, change, remove, workbook, write

Spoil = Callable[[Path], None]

INJECTIONS = {
    "a filter": "a':enable='1',drawtext=textfile=/etc/passwd:x='0",
    "a filter graph": "[0:v]null[x];[x]movie=/etc/passwd[y],lut3d=file=/etc/passwd",
    "colons and backslashes": r"C:\Windows\:back\\slash\':=;%{localtime}",
    "ass override tags": r"{\fs400\pos(0,0)\p1}m 0 0 l 999 999{\fn/etc/passwd}",
    "brackets and commas": "[[[,,,]]]((()))<<<>>>",
    "a shell": "$(touch /tmp/owned); `id` | tee /tmp/owned && rm -rf / #",
    "a quote that never ends": "it's \"so",
    "percent signs": "%s%n%x %{pts} %(title)s %%",
    "an option": "-vf",
    "a protocol": "concat:/etc/passwd|/etc/hosts",
    "right-to-left text": "\u202eevil.exe\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "emoji": "\U0001f600\U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea\ufe0f",
    "combining marks": "Z\u0351\u0343\u0302a\u0301\u0300l\u0338g\u0336o\u0353" + "\u0301" * 200,
    "a lone accent": "\u0301\u0302",
    "a zero width text": "a\u200b\u200c\u200d\ufeffb",
    "a time line": "1\u2028 00:00:00,000 --> 99:00:00,000",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "wide characters": "\uff21\u3000\u6f22\u5b57\u3001\u300c\u5f15\u7528\u300d",
    "astral mathematics": "\U0001d4d7\U0001d4f2 \U00020000\U0010fffd",
}
"""Texts that mean something to an engine, and text that is merely unusual; each on one line."""

FORMULAS = (
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    '=HYPERLINK("http://x","y")',
    "\t=1+1",
    "%0A=1+1",
)
ESCAPES = {
    "the parent folder": "../outside.txt",
    "a parent inside": "recordings/../../outside.txt",
    "an absolute path": "/etc/passwd",
    "a home": "~/secret",
    "another's home": "~root/secret",
    "a drive": "C:\\\\Windows\\\\win.ini",
    "a share": "\\\\\\\\server\\\\share\\\\x.wav",
    "a device": "/dev/zero",
    "an address": "http://localhost:1/x.wav",
    "a pipe of ffmpeg": "pipe:0",
    "a list of ffmpeg": "concat:recordings/dialogue.flac|/etc/passwd",
    "a subfile": "subfile,,start,0,end,9,,:/etc/passwd",
    "a data address": "data:audio/wav;base64,AAAA",
    "an option": "-i",
    "an option in a folder": "recordings/-i",
    "a line end": "recordings/dialogue.flac\\nx",
    "an empty name": "",
    "spaces": "   ",
    "the folder itself": ".",
    "a folder": "recordings",
    "a very long name": "a" * 5000,
    "many folders": "a/" * 3000 + "b",
    "a NUL": "recordings/dialogue\\u0000.flac",
}


def setting(key: str, value: str) -> Spoil:
    """Give a key of production.toml another value, written as TOML."""

    def spoil(folder: Path) -> None:
        path = folder / "production.toml"
        lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
        path.write_text("\n".join([f"{key} = {value}", *lines]) + "\n", encoding="utf-8")

    return spoil


def cell(sheet: str, old: str, new: str) -> Spoil:
    """Replace a text in a sheet by a quoted CSV cell."""
    return change(sheet, old, '"' + new.replace('"', '""') + '"')


def link(name: str, target: str) -> Spoil:
    """Replace a file or folder by a link."""

    def spoil(folder: Path) -> None:
        path = folder / name
        if path.is_dir():
            path.rename(folder.parent / f"moved_{path.name}")
        else:
            path.unlink(missing_ok=True)
        path.symlink_to(target)

    return spoil


def special(name: str, make: Callable[[Path], object]) -> Spoil:
    """Put something else than a file in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def sheet_of_rows(rows: int) -> Spoil:
    """An actor sheet with very many rows."""
    body = "".join(f"C{n},A{n},portraits/alex.jpg\n" for n in range(rows))
    return write("cast.csv", "character,actor,portrait\n" + body)


def yaml_cast(text: str) -> Spoil:
    """Keep the cast in YAML."""
    return both(write("cast.yaml", text), setting("cast", '"cast.yaml"'))


def xlsx_cast(sheet: str) -> Spoil:
    """Keep the cast in a workbook with this worksheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    data = workbook(f'<worksheet xmlns="{main}">{sheet}</worksheet>'.encode())
    return both(write("cast.xlsx", data), setting("cast", '"cast.xlsx"'))


def doctype_bomb(folder: Path) -> None:
    """A workbook whose XML unfolds entities."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><worksheet><sheetData><row><c t="inlineStr"><is><t>&e11;</t></is></c></row></sheetData></worksheet>'
    both(write("cast.xlsx", workbook(xml.encode())), setting("cast", '"cast.xlsx"'))(folder)


def _inline(*cells: str) -> str:
    made = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in cells)
    return f"<row>{made}</row>"


HEADER = _inline("character", "actor", "portrait")
STARTER_CAST = "character,actor,portrait\nALEX,Alex Example,portraits/alex.jpg\nROBIN,Robin Example,portraits/robin.jpg\n"

PATHS = [
    *(
        Bad(f"a recording is {name}", setting("recordings", f'["{value}"]'), ("recordings",))
        for name, value in ESCAPES.items()
    ),
    *(
        Bad(f"a script is {name}", setting("script", f'"{value}"'), ("script",))
        for name, value in ESCAPES.items()
    ),
    *(
        Bad(
            f"a look is {name}",
            change("production.toml", 'reference = ""', f'reference = "{value}"'),
            ("look.reference",),
        )
        for name, value in ESCAPES.items()
        if value
    ),
    *(
        Bad(
            f"a look is {name}",
            both(
                write(file, text),
                change("production.toml", 'reference = ""', f'reference = "{file}"'),
            ),
            (file, said),
        )
        for name, file, text, said in (
            ("a text called .cube", "look.cube", "hello", "LUT_3D_SIZE"),
            ("an empty .cube", "look.cube", "", "LUT_3D_SIZE"),
            ("a text called .png", "look.png", "hello", "cannot be read"),
            ("an empty .jpg", "look.jpg", "", "cannot be read"),
        )
    ),
    Bad(
        "a character's look is a text called .cube",
        both(write("own.cube", "x"), change("cast.csv", "neutral,2,,", "neutral,2,own.cube,")),
        ("own.cube", "LUT_3D_SIZE"),
    ),
    Bad(
        "a portrait leads out",
        change("cast.csv", "portraits/alex.jpg", "../../alex.jpg"),
        ("cast.csv, row 2", "leads outside"),
    ),
    Bad(
        "a portrait is a device",
        change("cast.csv", "portraits/alex.jpg", "/dev/zero"),
        ("cast.csv, row 2",),
    ),
    Bad(
        "a voice sample is an option",
        change("cast.csv", "only,,,neutral,1", "only,-f,,neutral,1"),
        ("voice_sample", "option"),
    ),
    Bad(
        "a portrait is a link to the outside",
        link("portraits/alex.jpg", "/etc/hostname"),
        ("portrait", "link"),
    ),
    Bad("a portrait is a link to itself", link("portraits/alex.jpg", "alex.jpg"), ("portrait",)),
    Bad(
        "a portrait is a dangling link",
        link("portraits/alex.jpg", "nowhere.jpg"),
        ("portrait", "no such file"),
    ),
    Bad(
        "the folder of portraits is a link to the outside",
        link("portraits", "/etc"),
        ("portrait", "link"),
    ),
    Bad(
        "the folder of recordings is a link to the outside",
        link("recordings", "../moved_recordings"),
        ("recordings", "link"),
    ),
    Bad(
        "the script is a link to the outside",
        link("script.fountain", "/etc/passwd"),
        ("script", "link"),
    ),
    Bad("the cast is a link to a device", link("cast.csv", "/dev/zero"), ("cast", "link")),
    Bad(
        "the consents are a link to the outside",
        link("consents.csv", "/etc/passwd"),
        ("consents", "link"),
    ),
    Bad(
        "the production file is a link to a device",
        link("production.toml", "/dev/zero"),
        ("production.toml",),
    ),
    Bad("the script is a pipe", special("script.fountain", os.mkfifo), ("script",)),
    Bad("the cast is a pipe", special("cast.csv", os.mkfifo), ("cast",)),
    Bad(
        "a recording is a real pipe",
        special("recordings/dialogue.flac", os.mkfifo),
        ("recordings",),
    ),
    Bad("a portrait is a pipe", special("portraits/alex.jpg", os.mkfifo), ("portrait",)),
    Bad(
        "the production file is a pipe", special("production.toml", os.mkfifo), ("production.toml",)
    ),
    Bad(
        "the production file is a folder",
        special("production.toml", Path.mkdir),
        ("production.toml",),
    ),
    Bad("the script is a real folder", special("script.fountain", Path.mkdir), ("script",)),
    Bad("the consents are a folder", special("consents.csv", Path.mkdir), ("consents",)),
    Bad("a portrait is a folder", special("portraits/alex.jpg", Path.mkdir), ("portrait",)),
]

TEXTS = [
    *(
        Bad(f"a title is {name}", setting("title", json.dumps(text, ensure_ascii=False)), ())
        for name, text in INJECTIONS.items()
    ),
    *(
        Bad(f"a line is {name}", change("script.fountain", "Change the words", text), ())
        for name, text in INJECTIONS.items()
    ),
    *(
        Bad(
            f"an actor's name is {name}",
            both(
                cell("cast.csv", "Alex Example", text),
                cell("consents.csv", "Alex Example", text),
                cell("consents.csv", "Alex Example", text),
            ),
            (),
        )
        for name, text in INJECTIONS.items()
    ),
    *(
        Bad(
            f"a formula is a name: {text}",
            both(
                cell("cast.csv", "Alex Example", text),
                cell("consents.csv", "Alex Example", text),
                cell("consents.csv", "Alex Example", text),
            ),
            (),
        )
        for text in FORMULAS
    ),
    *(
        Bad(
            f"a formula is a portrait: {text}",
            cell("cast.csv", "portraits/alex.jpg", text),
            ("cast.csv, row 2, column portrait",),
        )
        for text in FORMULAS
    ),
    *(
        Bad(
            f"a formula is a seed: {text}",
            change("cast.csv", "neutral,1", '"neutral","' + text.replace('"', '""') + '"'),
            ("column seed",),
        )
        for text in FORMULAS
    ),
    Bad("a title has a line end", setting("title", '"a\\nb"'), ("title", "one line")),
    Bad("a title has a terminal's escape", setting("title", '"\\u001b[2J"'), ("title", "one line")),
    Bad("a title is only space", setting("title", '" "'), ("title",)),
    Bad("a title is half a megabyte", setting("title", '"' + "x" * (1 << 19) + '"'), ("title",)),
    Bad("an episode leads out", setting("episode", '"../../../etc"'), ()),
    Bad(
        "a script line has ten megabytes",
        lambda f: _append(f / "script.fountain", "\n\nALEX\n" + "word " * (2 << 20)),
        ("script.fountain",),
    ),
    Bad(
        "a script has ten thousand speeches",
        lambda f: _append(f / "script.fountain", "\n\nALEX\nYes." * 10_000),
        (),
    ),
    Bad(
        "a script opens ten thousand notes",
        lambda f: _append(f / "script.fountain", "\n\nALEX\n" + "[[" * 10_000),
        ("script.fountain",),
    ),
    Bad(
        "a script nests emotions",
        lambda f: _append(f / "script.fountain", "\n\nALEX\n[[emotion: " + "(" * 5000 + "]]\nYes."),
        ("script.fountain",),
    ),
    Bad(
        "an emotion mixes thousands",
        lambda f: _append(
            f / "script.fountain", "\n\nALEX\n[[emotion: " + "sad 0.1 + " * 5000 + "sad]]\nYes."
        ),
        ("script.fountain",),
    ),
    Bad(
        "an emotion has an endless number",
        change("script.fountain", "happy 0.8", "happy " + "9" * 5000),
        ("script.fountain", "emotion"),
    ),
    Bad(
        "an emotion is not a number",
        change("script.fountain", "happy 0.8", "happy nan"),
        ("script.fountain",),
    ),
    Bad(
        "an emotion is infinite",
        change("script.fountain", "happy 0.8", "happy 1e999"),
        ("script.fountain",),
    ),
    Bad(
        "an emotion is negative",
        change("script.fountain", "happy 0.8", "happy -1"),
        ("script.fountain",),
    ),
    Bad(
        "a character's name is right-to-left",
        both(
            change("script.fountain", "ALEX\nThis", "@\u05d0\u05dc\u05db\u05e1\nThis"),
            change("script.fountain", "ALEX\nChange", "@\u05d0\u05dc\u05db\u05e1\nChange"),
            change("cast.csv", "ALEX", "\u05d0\u05dc\u05db\u05e1"),
        ),
        (),
    ),
    Bad(
        "a character's name is emoji",
        both(
            change("script.fountain", "ALEX\nThis", "@\U0001f600\nThis"),
            change("script.fountain", "ALEX\nChange", "@\U0001f600\nChange"),
            change("cast.csv", "ALEX", "\U0001f600"),
        ),
        (),
    ),
]


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


ODD_NAMES = (
    "a'b;c,[d] %e.flac",
    "\U0001f600 \u05e9\u05dc\u05d5\u05dd.flac",
    "a=b&c|d`e$(f).flac",
    "x" * 240 + ".flac",
    "..flac",
    " a .flac",
)
"""Names that a file may have."""


def renamed(name: str) -> Spoil:
    """Give the recording another name, and call it so."""

    def spoil(folder: Path) -> None:
        (folder / "recordings" / "dialogue.flac").rename(folder / "recordings" / name)
        setting("recordings", json.dumps([f"recordings/{name}"], ensure_ascii=False))(folder)

    return spoil


def odd_portrait(name: str) -> Spoil:
    """Give a portrait another name, and call it so."""

    def spoil(folder: Path) -> None:
        (folder / "portraits" / "alex.jpg").rename(folder / "portraits" / name)
        cell("cast.csv", "portraits/alex.jpg", f"portraits/{name}")(folder)

    return spoil


FORMS = [
    *(Bad(f"a recording is called {name[:30]}", renamed(name), ()) for name in ODD_NAMES),
    *(
        Bad(f"a portrait is called {name[:30]}", odd_portrait(name.replace(".flac", ".jpg")), ())
        for name in ODD_NAMES
    ),
    *(
        Bad(f"{file} is {what}", write(file, data), (file,))
        for file in ("production.toml", "script.fountain", "cast.csv", "consents.csv")
        for what, data in {
            "empty": b"",
            "NUL bytes": b"\0" * 4096,
            "UTF-16": "\ufeffcharacter,actor\nA,B\n".encode("utf-16"),
            "Latin-1": "character,actor,portrait\nCaf\u00e9,x,y\n".encode("latin-1"),
            "random": bytes(range(256)) * 16,
            "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        }.items()
    ),
    Bad(
        "the production file has a hundred megabytes",
        lambda f: os.truncate(f / "production.toml", 100 << 20),
        ("production.toml",),
    ),
    Bad(
        "the cast has a hundred megabytes",
        lambda f: os.truncate(f / "cast.csv", 100 << 20),
        ("cast.csv",),
    ),
    Bad(
        "the script has a hundred megabytes",
        lambda f: os.truncate(f / "script.fountain", 100 << 20),
        ("script.fountain",),
    ),
    Bad(
        "the production file nests arrays",
        setting("recordings", "[" * 2000 + "]" * 2000),
        ("production.toml",),
    ),
    Bad(
        "the production file nests tables",
        lambda f: _append(f / "production.toml", "\n[" + "a." * 3000 + "b]\nc = 1\n"),
        ("production.toml",),
    ),
    Bad(
        "a key stands twice",
        lambda f: _append(f / "production.toml", "\n[consent]\nrequired = true\n"),
        ("production.toml", "TOML"),
    ),
    Bad(
        "a key has ten megabytes",
        setting("title", '"' + "x" * (10 << 20) + '"'),
        ("production.toml", "too large"),
    ),
    Bad(
        "recordings are a hundred thousand",
        setting("recordings", json.dumps(["x.wav"] * 100_000)),
        ("recordings",),
    ),
    Bad(
        "a recording stands twice",
        setting("recordings", '["recordings/dialogue.flac", "recordings/dialogue.flac"]'),
        (),
    ),
    Bad(
        "a row has ten megabytes",
        write("cast.csv", STARTER_CAST + "X," + "y" * (10 << 20) + ",portraits/alex.jpg\n"),
        ("cast.csv",),
    ),
    Bad("a sheet has sixty thousand rows", sheet_of_rows(60_100), ("cast.csv", "rows")),
    Bad(
        "a sheet has ten thousand columns",
        write("cast.csv", ",".join(f"c{n}" for n in range(10_000)) + "\n" + "x," * 9_999 + "x\n"),
        ("cast.csv",),
    ),
    Bad(
        "a sheet has quotes without end",
        write("cast.csv", 'character,actor,portrait\n"' + 'a"' * 5001),
        ("cast.csv",),
    ),
    Bad(
        "a sheet has only a header",
        write("cast.csv", "character,actor,portrait\n"),
        ("cast.csv", "empty"),
    ),
    Bad(
        "a sheet has carriage returns only", write("cast.csv", STARTER_CAST.replace("\n", "\r")), ()
    ),
    Bad("a sheet has a byte order mark", write("cast.csv", "\ufeff" + STARTER_CAST), ()),
    Bad("a sheet has two byte order marks", write("cast.csv", "\ufeff\ufeff" + STARTER_CAST), ()),
    Bad(
        "a character stands twice in other letters",
        write("cast.csv", STARTER_CAST + "alex,Other,portraits/alex.jpg\n"),
        ("cast.csv, row 4", "row 2"),
    ),
    Bad(
        "two consents have one id",
        lambda f: _append(f / "consents.csv", "c01,Alex Example,likeness,,,,,,\n"),
        ("consents.csv, row 6", "c01"),
    ),
    Bad(
        "a consent has a day that never was",
        change("consents.csv", "2026-01-01", "2026-02-30"),
        ("consents.csv", "not a date"),
    ),
    Bad(
        "a consent begins in the year 0",
        change("consents.csv", "2026-01-01", "0000-01-01"),
        ("consents.csv", "not a date"),
    ),
    Bad(
        "a consent's day is a formula",
        cell("consents.csv", "2026-01-01", "=TODAY()"),
        ("consents.csv", "not a date"),
    ),
    Bad(
        "a consent's kind is a list of lists",
        change("consents.csv", "likeness", "likeness|voice|soul"),
        ("consents.csv", "soul"),
    ),
    Bad(
        "consents cover nobody",
        write("consents.csv", "consent_id,subject,covers\n"),
        ("consents.csv",),
    ),
    Bad(
        "YAML laughs a thousand million times",
        yaml_cast(
            "a: &a [x,x]\n"
            + "".join(
                f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *{'a' if n == 0 else f'b{n - 1}'}]\n"
                for n in range(30)
            )
        ),
        ("cast.yaml", "anchors"),
    ),
    Bad("YAML nests deep", yaml_cast("[" * 20_000), ("cast.yaml", "deep")),
    Bad("YAML merges itself", yaml_cast("- &x\n  <<: *x\n  character: A\n"), ("cast.yaml",)),
    Bad(
        "YAML runs Python",
        yaml_cast("- !!python/object/apply:os.system ['touch /tmp/owned']\n"),
        ("cast.yaml",),
    ),
    Bad(
        "YAML holds many documents",
        yaml_cast("- {character: A}\n---\n- {character: B}\n"),
        ("cast.yaml",),
    ),
    Bad("YAML has a control character", yaml_cast("- {character: \x07}\n"), ("cast.yaml",)),
    Bad("YAML is a scalar", yaml_cast("hello\n"), ("cast.yaml", "no rows")),
    Bad(
        "YAML has a mapping in a cell",
        yaml_cast("- {character: {a: {b: c}}, actor: x, portrait: y}\n"),
        ("cast.yaml",),
    ),
    Bad("YAML has a mapping for a key", yaml_cast("- {? {a: b} : c}\n"), ("cast.yaml",)),
    Bad("a workbook unfolds entities", doctype_bomb, ("cast.xlsx",)),
    Bad(
        "a workbook declares a huge extent",
        xlsx_cast('<dimension ref="A1:XFD1048576"/><sheetData>' + HEADER + "</sheetData>"),
        ("cast.xlsx",),
    ),
    Bad(
        "a workbook has a row of a thousand million",
        xlsx_cast(
            '<sheetData><row r="1000000000"><c r="A1000000000" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
        ),
        ("cast.xlsx",),
    ),
    Bad(
        "a workbook's cells are computed",
        xlsx_cast(
            "<sheetData>"
            + HEADER
            + "<row><c t=\"str\"><f>cmd|'/C calc'!A0</f><v>A</v></c></row></sheetData>"
        ),
        ("cast.xlsx",),
    ),
    Bad(
        "a workbook links elsewhere",
        xlsx_cast("<sheetData>" + HEADER + _inline("ALEX", "A", "[1]Sheet!A1") + "</sheetData>"),
        ("cast.xlsx", "portrait"),
    ),
    Bad(
        "a workbook is cut short",
        lambda f: (xlsx_cast("<sheetData/>")(f), os.truncate(f / "cast.xlsx", 400)),
        ("cast.xlsx",),
    ),
    Bad(
        "a workbook is empty",
        both(write("cast.xlsx", b""), setting("cast", '"cast.xlsx"')),
        ("cast.xlsx",),
    ),
    Bad(
        "a workbook is a text",
        both(write("cast.xlsx", STARTER_CAST), setting("cast", '"cast.xlsx"')),
        ("cast.xlsx",),
    ),
    Bad(
        "a line sheet has a time beyond all times",
        both(
            write("l.csv", "line_id,scene,character,text,start,end\n1,1,ALEX,Yes.,1e400,nan\n"),
            setting("script", '"l.csv"'),
        ),
        ("l.csv, row 2",),
    ),
    Bad(
        "a line sheet has a negative time",
        both(
            write("l.csv", "line_id,scene,character,text,start\n1,1,ALEX,Yes.,-5\n"),
            setting("script", '"l.csv"'),
        ),
        ("l.csv, row 2",),
    ),
    Bad(
        "a line sheet's recording leads out",
        both(
            write("l.csv", "line_id,scene,character,text,audio_file\n1,1,ALEX,Yes.,../../x.wav\n"),
            setting("script", '"l.csv"'),
        ),
        ("l.csv, row 2",),
    ),
    Bad("the consents are gone", remove("consents.csv"), ("consents",)),
]

NUMBERS = [
    *(
        Bad(f"{key} is {value}", both(lambda f, k=key: _without(f, k), setting(key, value)), (key,))
        for key, values in {
            "rate": (
                '"nan"',
                '"0"',
                '"-25"',
                '"1e9"',
                '"1/0"',
                "inf",
                "true",
                '"25/1/1"',
                '"' + "9" * 5000 + '"',
            ),
            "size": (
                '"0x0"',
                '"99999x2"',
                '"-64x64"',
                '"64x64x64"',
                '"1e3x1e3"',
                "1280",
                '"\u0661\u0662\u0668\u0660x720"',
            ),
        }.items()
        for value in values
    ),
    *(
        Bad(
            f"{table}.{key} is {value}",
            lambda f, t=table, k=key, v=value: _in_table(f, t, k, v),
            (key,),
        )
        for table, key, values in (
            ("cut", "minimum_shot_seconds", ("nan", "inf", "-1", "1e308", '"1"')),
            ("look", "strength", ("nan", "-0.1", "1.1", "inf")),
            ("delivery", "loudness_lufs", ("nan", "-inf", "0.0", "-1000.0")),
            (
                "generate",
                "size",
                ("0", "-16", "9223372036854775807", "17", "1e3", "99999999999999999999999"),
            ),
        )
        for value in values
    ),
    *(
        Bad(
            f"a seed is {value}",
            change("cast.csv", "neutral,1", f"neutral,{value}"),
            ("column seed",),
        )
        for value in ("-1", "4294967296", "1e3", "0x10", "nan", "9" * 400, "\u0661", "1_000")
    ),
    Bad(
        "a talker's setting is a table",
        lambda f: _append(f / "production.toml", "\n[talker_settings]\nsize = {a = 1}\n"),
        ("talker_settings",),
    ),
    Bad(
        "a talker's setting is unknown",
        lambda f: _append(f / "production.toml", "\n[talker_settings]\nrm = true\n"),
        ("rm",),
    ),
    Bad("a language is a path", setting("language", '"../en"'), ("language",)),
]


def _without(folder: Path, key: str) -> None:
    path = folder / "production.toml"
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if not line.startswith(f"{key} ="))
        + "\n"
    )


def _in_table(folder: Path, table: str, key: str, value: str) -> None:
    path = folder / "production.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
    if f"[{table}]" not in lines:
        lines.append(f"[{table}]")
    lines.insert(lines.index(f"[{table}]") + 1, f"{key} = {value}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


HOSTILE = [*PATHS, *TEXTS, *FORMS, *NUMBERS]
