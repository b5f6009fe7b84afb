# SPDX-License-Identifier: Apache-2.0
"""Write the pages about commands from what `callsheet VERB --help` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import typer
from typer.testing import CliRunner

from flows.cli import app
from infra.reference.pages import NOTE, join_page, link_file

FOLDER = "reference/commands"
THEMES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "production": (
        "Commands: make a film",
        "These commands make a production, render it, and show its state.",
        ("init", "plan", "listen", "render", "status", "drain", "query", "maintain", "repair"),
    ),
    "review": (
        "Commands: review and finish",
        "These commands decide about shots and finish a version.",
        ("review", "shot", "conform"),
    ),
    "trust": (
        "Commands: checks and consent",
        "These commands examine delivered files, waive checks, and handle consents.",
        ("verify", "waive", "consent"),
    ),
    "nights": (
        "Commands: nights and lessons",
        "These commands render many productions, and translate lessons.",
        ("nightly", "serve", "course", "xliff"),
    ),
    "models": (
        "Commands: clips, weights and training",
        "These commands examine the machine, fetch weights, make single clips, train and evaluate.",
        ("doctor", "weights", "talk", "train", "evaluate", "corpus"),
    ),
}
"""Each page's name, title, purpose and verbs."""

SHARED = {
    "PRODUCTION": "the folder with production.toml",
    "--out": "where results go; default: PRODUCTION/build",
    "--json": "print the result as JSON",
    "-h, --help": "Show this message and exit.",
    "SHOT...": "which shots; see `callsheet shot --help`",
}
"""Arguments and options that the first page describes once, with their help."""

_TYPES = {
    "path": "PATH",
    "str": "TEXT",
    "int": "N",
    "int range": "N",
    "float": "X",
    "float range": "X",
    "list[str]": "TEXT",
    "list[path]": "PATH",
}
_ENTRY = re.compile(r"  (?P<name>\S.*?)(?: <(?P<kind>[^>]+)>)?(?:\s{2,}(?P<text>.*))?")
_FACTS = re.compile(r"\s+\[(?P<facts>[^\[\]]*)\]$")


@dataclass(slots=True, kw_only=True)
class _HelpEntry:
    """An argument or option as the help prints it."""

    name: str
    kind: str
    text: str

    @property
    def label(self) -> str:
        """The entry as a person types it."""
        kind = "" if self.name[0] != "-" else _TYPES.get(self.kind, self.kind.upper())
        return f"{self.name} {kind}".strip()

    @property
    def needed(self) -> bool:
        """Whether the command refuses to run without it."""
        return "[required]" in self.text

    @property
    def shared(self) -> bool:
        """Whether the first page describes it."""
        return SHARED.get(self.name) == self.text.replace("[required]", "").strip()


@dataclass(slots=True, kw_only=True)
class _HelpPage:
    """What `--help` prints, in parts."""

    text: list[str] = field(default_factory=list)
    entries: list[_HelpEntry] = field(default_factory=list)


def describe_commands() -> dict[str, str]:
    """Write the first page and a page for each theme, by file."""
    pages = {f"{FOLDER}/index.md": _describe_all()}
    for name, (title, purpose, groups) in THEMES.items():
        parts = [f"# {title}", "", f"{purpose} {_MORE}", "", f"{NOTE} `--help`.", ""]
        for verb in _list_verbs():
            if verb[0] in groups:
                parts += _describe_verb(verb)
        pages[f"{FOLDER}/{name}.md"] = join_page(parts)
    return pages


_MORE = "[All commands](index.md) lists the options that they share."


def _describe_all() -> str:
    named = {group for _, _, groups in THEMES.values() for group in groups}
    missing = {verb[0] for verb in _list_verbs()} ^ named
    assert not missing, f"on no page: {missing}"
    parts = ["# All commands", "", "This page lists the commands and what they share.", ""]
    parts += [_SHARED_TEXT, ""]
    for name, (title, _, groups) in THEMES.items():
        parts += [f"## {link_file(title.partition(': ')[2].capitalize(), f'{name}.md')}", ""]
        verbs = [verb for verb in _list_verbs() if verb[0] in groups and verb != ["shot"]]
        parts += [f"- `{' '.join(verb)}`: {_read_summary(verb)}" for verb in verbs] + [""]
    return join_page(parts)


_SHARED_TEXT = f"""{NOTE} `--help`. `callsheet --version` prints the version.

- `PRODUCTION`: the folder that holds `production.toml`.
- `--out PATH`: where results go; by default `PRODUCTION/build`.
- `--json`: print the result as JSON. Results go to stdout, everything else to stderr.
- `-h`, `--help`: print the help.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | some items failed; the output names them |
| 2 | an input is wrong; nothing was rendered |
| 3 | a tool is missing or failed |
| 129 | stopped because the terminal was closed (SIGHUP); the same command continues |
| 130 | stopped with Ctrl-C; the same command continues |
| 143 | stopped with SIGTERM, or cancelled in Prefect; the same command continues |"""


def _describe_verb(verb: list[str]) -> list[str]:
    page = _read_help(verb)
    if verb == ["shot"]:
        return ["## callsheet shot", "", *page.text, ""]
    parts = [f"## callsheet {' '.join(verb)}", "", " ".join(page.text), ""]
    parts += ["```", _format_usage(verb, page.entries), "```", ""]
    own = [entry for entry in page.entries if not entry.shared]
    return [*parts, *map(_format_entry, own), *([""] if own else [])]


def _format_usage(verb: list[str], entries: list[_HelpEntry]) -> str:
    arguments = [entry.name for entry in entries if entry.name[0] != "-"]
    options = [entry for entry in entries if entry.name[0] == "-" and not entry.shared]
    needed = [entry.label for entry in options if entry.needed]
    others = [f"[{entry.label.partition(' / ')[0]}]" for entry in options if not entry.needed]
    short = others if len(others) <= 4 else ["[OPTIONS]"]
    return " ".join(["callsheet", *verb, *arguments, *needed, *short])


def _format_entry(entry: _HelpEntry) -> str:
    text, facts = entry.text, ""
    if found := _FACTS.search(text):
        text, facts = text[: found.start()], _format_facts(found["facts"])
    return f"- `{entry.label}`: {text}{f' ({facts})' if facts else ''}"


def _format_facts(facts: str) -> str:
    """Write what the help has in brackets in words: `default: 4; 0<=x<=12`."""
    kept = [fact for fact in facts.split("; ") if not re.fullmatch(r"x>=[01]", fact)]
    return ", ".join(map(_format_fact, kept))


def _format_fact(fact: str) -> str:
    if fact == "required":
        return "needed"
    fact = re.sub(r"^(\S+)<=x<=(\S+)$", r"\1 to \2", fact)
    fact = re.sub(r"^x>=(\S+)$", r"\1 or more", fact)
    return re.sub(r"^env var: (\S+)$", r"or `$\1`", fact).replace("default: ", "default ")


def _list_verbs() -> Iterator[list[str]]:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from ([["shot"]] if name == "shot" else [])
            yield from ([name, inner] for inner in command.commands)
        else:
            yield [name]


def _read_summary(verb: list[str]) -> str:
    """Read the first sentence of a verb's help, or its part before a colon."""
    return re.split(r"[.:;] |\.$", _read_help(verb).text[0])[0] + "."


def _read_help(verb: list[str]) -> _HelpPage:
    """Read what a verb's help says: its paragraphs, arguments and options."""
    result = CliRunner().invoke(app, [*verb, "--help"], prog_name="callsheet", terminal_width=1000)
    page, inside = _HelpPage(), ""
    for line in result.output.splitlines()[1:]:
        if line.endswith(":") and not line.startswith(" "):
            inside = line
        elif not inside and line.strip():
            page.text.append(line.strip())
        elif inside and line.strip():
            _add_entry(page, line)
    return page


def _add_entry(page: _HelpPage, line: str) -> None:
    found = _ENTRY.fullmatch(line)
    if found and not line.startswith("   "):
        entry = _HelpEntry(name=found["name"], kind=found["kind"] or "", text=found["text"] or "")
        page.entries.append(entry)
    else:  # the text of a long option begins on the next line
        page.entries[-1].text = f"{page.entries[-1].text} {line.strip()}".strip()
