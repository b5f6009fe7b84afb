# SPDX-License-Identifier: Apache-2.0
"""The limits of structure and style that a machine can hold: sizes, names, circles, docstrings."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import networkx
import pytest

from manifests.schema import ROW_TYPES

ROOT = Path(__file__).parents[1]
PACKAGES = ("manifests", "model", "pipeline", "flows")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LOOPS = {"forward", "main"}  # a forward pass or a training loop reads best in one piece
Function = ast.FunctionDef | ast.AsyncFunctionDef

# "Where is ...?": what a stranger asks, the noun searched for, and the path that answers.
QUESTIONS = {
    "loudness normalised": ("loudness", "pipeline/assemble/loudness.py"),
    "the identity of a shot computed": ("identity", "pipeline/cut/shot_identity.py"),
    "the Ray actor": ("ray", "flows/farm/ray_actor.py"),
    "an emotion parsed": ("emotion", "model/emotion.py"),
    "a caption split": ("caption", "pipeline/deliver/caption_splitting.py"),
    "a retake decided": ("retake", "flows/ledger/retakes.py"),
    "classifier-free guidance computed": ("guidance", "model/dice/guidance.py"),
    "the number of speakers decided": ("speaker", "pipeline/speech/speaker_count.py"),
    "a file signed (C2PA)": ("c2pa", "pipeline/deliver/c2pa_signing.py"),
    "the budget of a night kept": ("budget", "flows/night/budget.py"),
    "the mouth drawn": ("mouth", "model/previs/mouth.py"),
    "SQL limited to reading": ("query", "manifests/query.py"),
}

# Names of the guide that stand for one thing each, underscore or not.
GUIDE = [
    "colour_transfer",
    "text_alignment",
    "line_readings",
    "boundary_snapping",
    "cue_confidence",
    "turn_alignment",
    "speech_levels",
    "channel_compensation",
    "speaker_encoder",
    "cut_points",
    "edit_list",
    "audio_digests",
    "text_normalization",
    "master_mix",
    "check_audio",
    "check_picture",
    "tables",
    "contact_sheet",
    "emotion_synonyms",
    "sidecars",
    "hls_playlists",
    "shot_state",
    "shot_matching",
    "shot_diff",
    "review_session",
    "decision_requests",
    "snapshot",
    "training_loop",
    "latent_dataset",
    "evaluation",
    "metrics",
    "external_metrics",
    "splits",
    "occlusion",
    "atomic_write",
    "query",
    "LineReading",
    "Project",
    "VersionInputs",
    "Scheduler",
    "WorkerState",
]

# First words of a docstring that begins with something else than a verb.
NO_VERBS = {
    "a",
    "all",
    "an",
    "and",
    "as",
    "at",
    "between",
    "by",
    "each",
    "every",
    "everything",
    "for",
    "from",
    "how",
    "if",
    "in",
    "it",
    "its",
    "long",
    "no",
    "nothing",
    "of",
    "on",
    "one",
    "only",
    "several",
    "so",
    "some",
    "that",
    "the",
    "there",
    "these",
    "this",
    "those",
    "to",
    "two",
    "three",
    "what",
    "whatever",
    "when",
    "where",
    "whether",
    "which",
    "who",
    "whom",
    "whose",
    "why",
    "with",
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, Function):
            yield node


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                yield path, node


def lines_of(function: Function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def place_of(path: Path, node: Function | ast.ClassDef) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_no_function_is_long() -> None:
    long = [
        f"{place_of(path, function)}: {lines_of(function)} lines"
        for path in FILES
        for function in functions(path)
        if lines_of(function) > (80 if function.name in LOOPS else 60)
    ]
    assert not long, "\n".join(long)


def test_nine_of_ten_functions_have_at_most_18_lines() -> None:
    sizes = [lines_of(function) for path in FILES for function in functions(path)]
    assert statistics.quantiles(sizes, n=10)[-1] <= 18
    assert statistics.median(sizes) <= 10


def test_no_file_is_long() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert not {path: lines for path, lines in sizes.items() if lines > 400}
    assert statistics.median(sizes.values()) < 150


def test_functions_take_few_parameters() -> None:
    many = [
        place_of(path, function)
        for path in FILES
        if path.parent.name != "verbs"  # there every option is an argument
        for function in functions(path)
        if len(function.args.posonlyargs + function.args.args) > 6
    ]
    assert not many, "\n".join(many)


def test_every_file_names_its_licence_and_says_what_it_is_for() -> None:
    for path in FILES:
        text = path.read_text()
        assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n"), path
        assert ast.get_docstring(tree_of(path)), path


def test_public_functions_and_classes_are_documented() -> None:
    bare = [
        place_of(path, node)
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    wrong = [
        f"{place_of(path, function)}: {docstring.splitlines()[0]}"
        for path in FILES
        for function in functions(path)
        if not any(getattr(mark, "id", "") == "property" for mark in function.decorator_list)
        and (docstring := ast.get_docstring(function))
        and docstring.split()[0].strip(",.:;").lower() in NO_VERBS
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("banned", ["utils", "common", "helpers", "core"])
def test_no_module_has_a_name_that_says_nothing(banned: str) -> None:
    assert not [path for path in FILES if path.stem == banned]


def test_a_class_name_stands_for_one_thing() -> None:
    places = defaultdict[str, list[str]](list)
    for path, node in classes():
        places[node.name.strip("_")].append(place_of(path, node))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_names_of_rows_are_reserved_for_rows() -> None:
    rows = {kind.__name__ for kind in ROW_TYPES}
    taken = [
        place_of(path, node)
        for path, node in classes()
        if node.name.strip("_") in rows and path.parent.name != "manifests"
    ]
    assert not taken


def test_a_name_of_the_guide_stands_for_one_module_or_class() -> None:
    names = Counter(path.stem.strip("_") for path in FILES)
    names.update(node.name.strip("_") for _, node in classes())
    assert {name: names[name] for name in GUIDE} == dict.fromkeys(GUIDE, 1)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_path_answers_where_a_thing_is(question: str) -> None:
    _, path = QUESTIONS[question]
    assert (ROOT / path).is_file()


def test_ten_of_twelve_answers_contain_the_noun_that_was_searched_for() -> None:
    assert sum(noun in path for noun, path in QUESTIONS.values()) >= 10


@cache
def imports() -> networkx.DiGraph:
    """Every import of the four packages, module by module, those for type checking too."""
    found = grimp.build_graph(*PACKAGES, cache_dir=None)
    graph = networkx.DiGraph()
    for module in found.modules:
        graph.add_node(module)
        graph.add_edges_from((module, to) for to in found.find_modules_directly_imported_by(module))
    return graph


def room_of(module: str) -> str:
    """The folder of a module; a module at a package's root is a room by itself."""
    path = ROOT / Path(*module.split("."))
    parts = module.split(".")
    if path.is_dir() or len(parts) == 2:
        return module
    return ".".join(parts[:-1])


def circles(graph: networkx.DiGraph) -> list[set[str]]:
    return [found for found in networkx.strongly_connected_components(graph) if len(found) > 1]


def test_no_import_goes_in_a_circle() -> None:
    assert not circles(imports())


def test_no_room_depends_on_a_room_that_depends_on_it() -> None:
    rooms = networkx.DiGraph(
        (room_of(module), room_of(to))
        for module, to in imports().edges
        if room_of(module) != room_of(to)
    )
    assert not circles(rooms)


def test_planning_imports_nothing_heavy() -> None:
    heavy = (
        "torch",
        "cv2",
        "ray",
        "prefect",
        "pyannote",
        "faster_whisper",
        "diffusers",
        "transformers",
    )
    code = (
        "import sys; import flows.cli, flows.project, flows.plan;"
        f" print([m for m in {heavy!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_layers_and_doors_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
