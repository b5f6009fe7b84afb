# SPDX-License-Identifier: Apache-2.0
"""Draw portraits of people who do not exist, and a few of them with expressions.

    python -m benchmarks.heads DATA FOLDER [--identities 120] [--units 10] [--seed 0]
        [--sheet sheet.png]

DATA is the folder with `mpfb2` and `faceunits01`. FOLDER gets `NAME.png` (256 px), `people.csv`
(name, sex, age, split) and, with `--units`, `units/NAME-EMOTION-LEVEL/NN.png` of further people
with expressions of the head model's own units. Existing files are kept.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.heads import mesh, units
from benchmarks.heads.people import Person, draw
from benchmarks.heads.portrait import Model
from manifests.atomic_write import atomic_write

SIZE = 256
SPLITS = (("train", 0.55), ("judge", 0.15), ("val", 0.1), ("test", 0.2))


def split_of(number: int, count: int) -> str:
    """Choose the split of a person: in the order and shares of `SPLITS`, both sexes in each."""
    edge = 0.0
    for name, share in SPLITS[:-1]:
        edge += share * count
        if number < round(edge):
            return name
    return SPLITS[-1][0]


def portraits(data: Path, folder: Path, *, count: int, seed: int) -> Iterator[Path]:
    """Draw the missing portraits; yield every path."""
    head = mesh.load(data)
    people = [draw(number, head=head, seed=seed) for number in range(count)]
    _write_people(folder / "people.csv", people)
    for person in people:
        path = folder / f"{person.name}.png"
        if not path.exists():
            write(path, Model(head, person).portrait(SIZE))
        yield path


def write(path: Path, rgb: np.ndarray) -> None:
    """Write a PNG, completely or not at all."""
    with atomic_write(path) as partial:
        cv2.imwrite(str(partial), rgb[..., ::-1])


def _write_people(path: Path, people: list[Person]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("identity", "sex", "age", "split", "licence"))
        for number, person in enumerate(people):
            table.writerow(
                (
                    person.name,
                    person.sex,
                    f"{person.age:.2f}",
                    split_of(number, len(people)),
                    "CC0-1.0",
                )
            )


def sheet(paths: list[Path], out: Path, *, columns: int = 12, side: int = 128) -> None:
    """Tile all portraits in one picture."""
    tiles = [
        cv2.resize(cv2.imread(str(path)), (side, side), interpolation=cv2.INTER_AREA)
        for path in paths
    ]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    cv2.imwrite(
        str(out),
        np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]),
    )


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--identities", type=int, default=120)
    parser.add_argument(
        "--units",
        type=int,
        default=0,
        help="people whose expressions are made by the model's own units",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = list(
        portraits(arguments.data, arguments.folder, count=arguments.identities, seed=arguments.seed)
    )
    if arguments.units:
        units.clips(
            arguments.data,
            arguments.folder / "units",
            count=arguments.units,
            seed=arguments.seed + 1,
        )
    if arguments.sheet:
        sheet(paths, arguments.sheet)


if __name__ == "__main__":
    main()
