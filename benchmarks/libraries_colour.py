# SPDX-License-Identifier: Apache-2.0
"""Compare our `.cube` files with those of colour-science: text, speed, what damage is noticed.

`python -m benchmarks.libraries_colour [FORMER]` prints both sides in one run. FORMER is a
`colour.py` from before the library came in (`git show 73e3d95:pipeline/colour/colour.py`); its
arithmetic is then compared with today's.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.colour import colour as ours

REPEATS = 3


def main() -> None:
    """Print the comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour as library

    print(f"import of colour-science: {measure_import():.2f} s")
    cube = ours.sample_cube(lambda colours: colours**1.1)
    compare_files(library, cube, library.LUT3D(np.moveaxis(cube, (0, 1, 2), (2, 1, 0))))
    if len(sys.argv) > 1:
        compare_with_former(Path(sys.argv[1]), cube)


def compare_with_former(path: Path, cube: Any, *, count: int = 200_000) -> None:
    """Compare results and speed with those of a former `colour.py`."""
    former = load_module(path)
    random = np.random.default_rng(0)
    first, second = random.random((2, count, 3))
    lab = ours.rgb_to_lab(first), ours.rgb_to_lab(second)
    arguments: dict[str, tuple[Any, ...]] = {
        "rgb_to_lab": (first,),
        "delta_e": lab,
        "linear_to_srgb": (first,),
        "srgb_to_linear": (first,),
        "apply_cube": (cube, first),
    }
    for name, given in arguments.items():
        before, slow = time_best(lambda n=name, g=given: getattr(former, n)(*g))
        today, quick = time_best(lambda n=name, g=given: getattr(ours, n)(*g))
        apart = np.abs(today - before).max()
        per_megapixel = 1e6 / count
        print(
            f"{name}: {apart:.0e} apart; today {quick * per_megapixel:.2f}, former "
            f"{slow * per_megapixel:.2f} s a megapixel"
        )


def load_module(path: Path) -> Any:
    """Load a module from a file."""
    specification = importlib.util.spec_from_file_location("former_colour", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def time_best(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run a function a few times; return its result and its best time in seconds."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return result, best


def compare_files(library: Any, cube: Any, table: Any) -> None:
    """Write and read a `.cube` of 33 points on both sides."""
    with tempfile.TemporaryDirectory() as folder:
        own, foreign = Path(folder) / "own.cube", Path(folder) / "foreign.cube"
        _, first = time_best(lambda: ours.write_cube(own, cube, title="a"))
        table.name = "a"
        _, second = time_best(lambda: library.write_LUT(table, str(foreign), decimals=6))
        print(f"writing a .cube: ours {first:.3f}, library {second:.3f} s")
        print(f"the same text: {own.read_text() == foreign.read_text()}")
        print(f"  ours:    {own.read_text().splitlines()[:5]}")
        print(f"  library: {foreign.read_text().splitlines()[:5]}")
        mine, first = time_best(lambda: ours.read_cube(own))
        theirs, second = time_best(lambda: library.read_LUT(str(own)))
        apart = np.abs(np.moveaxis(theirs.table, (0, 1, 2), (2, 1, 0)) - mine).max()
        print(f"reading a .cube: {apart:.1e} apart; ours {first:.3f}, library {second:.3f} s")
        for name, text in damage_texts(own.read_text()).items():
            print(
                f"  {name}: ours {_try(ours.read_cube, text)}; library "
                f"{_try(lambda path: library.read_LUT(str(path)), text)}"
            )


def damage_texts(text: str) -> dict[str, str]:
    """Damage the text of a `.cube` in several ways."""
    lines = text.splitlines()
    return {
        "a row short": "\n".join(lines[:-1]),
        "a row too many": "\n".join([*lines, "0 0 0"]),
        "a word in a row": "\n".join([*lines[:-1], "0 0 red"]),
        "two numbers in a row": "\n".join([*lines[:-1], "0 0"]),
        "not a number": "\n".join([*lines[:-1], "0 0 nan"]),
        "no size": "\n".join(line for line in lines if "SIZE" not in line),
        "an enormous size": text.replace("LUT_3D_SIZE 33", "LUT_3D_SIZE 33333"),
    }


def _try(read: Callable[[Path], Any], text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.cube"
        path.write_text(text)
        try:
            read(path)
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:70]}"
        return "accepts it"


def measure_import() -> float:
    """Measure how much longer Python takes to start with the library than with numpy alone."""
    seconds = []
    for code in ("import numpy", "import numpy, colour"):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
        seconds.append(time.perf_counter() - began)
    return seconds[1] - seconds[0]


if __name__ == "__main__":
    main()
