# SPDX-License-Identifier: Apache-2.0
"""Normalize written text to spoken words: numbers, dates, money and abbreviations are spelt out.

Both the script and the recogniser's text go through here, so `Dr. Reyes, 1998` and `doctor reyes
nineteen ninety-eight` become the same lower-case tokens. English is spelt out; in other languages
digits stay digits, and CJK text gives one token per character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
ABBREVIATIONS = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "ms": "miss",
    "prof": "professor",
    "capt": "captain",
    "sgt": "sergeant",
    "lt": "lieutenant",
    "gen": "general",
    "col": "colonel",
    "rev": "reverend",
    "jr": "junior",
    "sr": "senior",
    "vs": "versus",
    "etc": "et cetera",
    "approx": "approximately",
    "dept": "department",
    "est": "established",
    "inc": "incorporated",
    "ltd": "limited",
    "mt": "mount",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "km": "kilometers",
    "kg": "kilograms",
    "cm": "centimeters",
    "mph": "miles per hour",
    "lbs": "pounds",
    "ok": "okay",
    "hmm": "hm",
    "hmmm": "hm",
    "mmm": "mm",
}
# words or names without one
NEEDS_DOT = frozenset({"gen", "col", "est", "inc", "mt", "rev", "ave", "ms", "rd", "lt"})
CURRENCIES = {"$": "dollars", "£": "pounds", "€": "euros", "¥": "yen"}
SYMBOLS = {
    "&": "and",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "°": "degrees",
    "#": "number",
}

_WORD = re.compile(
    r"(?P<money>[$£€¥]\d+(?:,\d{3})*(?:\.\d+)?)"
    r"|(?P<clock>\b\d{1,2}:\d{2}\b)"
    r"|(?P<ordinal>\b\d+(?:,\d{3})*(?:st|nd|rd|th)\b)"
    r"|(?P<decades>\b\d{2,4}s\b)"
    r"|(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)"
    r"|(?P<letters>\b(?:[^\W\d_]\.){2,})"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*\.?)"
    r"|(?P<symbol>[&%+=@°#])",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")  # (laughs), [noise]: not spoken
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def tokenize(text: str, *, language: str = "en") -> list[str]:
    """Split a text into spoken tokens: lower-case words without punctuation.

    >>> " ".join(tokenize("Dr. Reyes left on the 3rd -- in 1998, with $20."))
    'doctor reyes left on the third in nineteen ninety eight with twenty dollars'
    """
    return [token for _, word in split_words(text, language=language) for token in word]


def split_words(text: str, *, language: str = "en") -> list[tuple[str, list[str]]]:
    """Split a text into its written words, each with the tokens it is spoken as.

    A lone dash or an aside has no tokens.

    >>> split_words("At 2:30, Dr. Who?")
    [('At', ['at']), ('2:30,', ['two', 'thirty']), ('Dr.', ['doctor']), ('Who?', ['who'])]
    """
    spoken = _ASIDE.sub(lambda aside: " " * len(aside.group()), unicodedata.normalize("NFKC", text))
    english = language.partition("-")[0] == "en"
    return [
        (piece, list(_speak(piece, english=english)))
        for chunk in spoken.split()
        for piece in _split_cjk(chunk)
    ]


def spell_cardinal(number: int) -> list[str]:
    """Spell a whole number in words.

    >>> " ".join(spell_cardinal(1234005))
    'one million two hundred thirty four thousand five'
    """
    if number < 20:
        return [ONES[number]]
    if number < 100:
        rest = [ONES[number % 10]] if number % 10 else []
        return [TENS[number // 10], *rest]
    for scale, name in SCALES:
        if number >= scale:
            above, below = divmod(number, scale)
            return [*spell_cardinal(above), name, *(spell_cardinal(below) if below else [])]
    raise AssertionError(number)


def spell_year(number: int) -> list[str]:
    """Spell a year as it is spoken.

    >>> [" ".join(spell_year(n)) for n in (1998, 1905, 1900, 2007)]
    ['nineteen ninety eight', 'nineteen oh five', 'nineteen hundred', 'two thousand seven']
    """
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return spell_cardinal(number)
    if rest == 0:
        return [*spell_cardinal(century), "hundred"]
    return [*spell_cardinal(century), *(["oh", ONES[rest]] if rest < 10 else spell_cardinal(rest))]


def _split_cjk(chunk: str) -> list[str]:
    """Split a chunk of CJK text, which has no spaces, into characters; keep any other as it is."""
    if not _CJK.search(chunk):
        return [chunk]
    return [piece for piece in re.split(rf"({_CJK.pattern})", chunk) if piece]


def _speak(chunk: str, *, english: bool) -> Iterator[str]:
    for match in _WORD.finditer(chunk):
        kind, text = match.lastgroup or "", match.group()
        if not english and kind != "word":
            yield from filter(None, [re.sub(r"\W", "", text)])
        else:
            yield from _SPEAKERS[kind](text)


def _speak_money(text: str) -> list[str]:
    return [*_speak_number(text[1:]), CURRENCIES[text[0]]]


def _speak_clock(text: str) -> list[str]:
    hour, minute = map(int, text.split(":"))
    if minute == 0:
        return [*spell_cardinal(hour), "oclock"]
    return [
        *spell_cardinal(hour),
        *(["oh", ONES[minute]] if minute < 10 else spell_cardinal(minute)),
    ]


def _speak_ordinal(text: str) -> list[str]:
    *front, last = _speak_number(text[:-2])
    if last in ORDINALS:
        return [*front, ORDINALS[last]]
    return [*front, last[:-1] + "ieth" if last.endswith("y") else last + "th"]


def _speak_decades(text: str) -> list[str]:
    *front, last = spell_year(int(text[:-1])) if len(text) == 5 else spell_cardinal(int(text[:-1]))
    return [*front, last[:-1] + "ies" if last.endswith("y") else last + "s"]


def _speak_number(text: str) -> list[str]:
    whole, _, part = text.replace(",", "").partition(".")
    digits = [ONES[int(digit)] for digit in part]
    # codes and telephone numbers are read digit by digit
    if (len(whole) > 1 and whole[0] == "0") or len(whole) > 12:
        spoken = [ONES[int(digit)] for digit in whole]
    elif not part and "," not in text and 1100 <= int(whole) <= 2099:
        spoken = spell_year(int(whole))
    else:
        spoken = spell_cardinal(int(whole))
    return [*spoken, "point", *digits] if digits else spoken


def _speak_letters(text: str) -> list[str]:
    return [text.replace(".", "").casefold()]


def _speak_word(text: str) -> list[str]:
    plain = text.rstrip(".").casefold().replace("'", "").replace("’", "")
    if plain in ABBREVIATIONS and (plain not in NEEDS_DOT or text.endswith(".")):
        return ABBREVIATIONS[plain].split()
    return [plain]


def _speak_symbol(text: str) -> list[str]:
    return [SYMBOLS[text]]


_SPEAKERS = {
    "money": _speak_money,
    "clock": _speak_clock,
    "ordinal": _speak_ordinal,
    "decades": _speak_decades,
    "number": _speak_number,
    "letters": _speak_letters,
    "word": _speak_word,
    "symbol": _speak_symbol,
}
