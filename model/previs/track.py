# SPDX-License-Identifier: Apache-2.0
"""Write a clip's acting as plain rows for game engines and avatars.

Each frame has visemes, action units, head, lids and gaze.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

from model.previs import expression, visemes
from model.previs.rig import HEAD
from model.previs.warp import Pose

Row = dict[str, object]


def make_rows(poses: Iterable[Pose], rate: Fraction) -> Iterator[Row]:
    """Yield a JSON-able row for each pose.

    `visemes`: jaw, spread, round, press, bite in [0, 1.2]. `units`: FACS action units about [0, 2],
    those that move only. `head`: right, down and breath in inter-ocular distances, roll, yaw and
    pitch in degrees. `lids`: closure of the viewer's left and right eye. `gaze`: right, down in
    inter-ocular distances.
    """
    for frame, pose in enumerate(poses):
        head = dict(zip(HEAD, map(float, pose.head), strict=True))
        for turn in ("roll", "yaw", "pitch"):
            head[turn] = math.degrees(head[turn])
        units = zip(expression.UNITS, map(float, pose.units), strict=True)
        yield {
            "frame": frame,
            "seconds": round(float(frame / rate), 4),
            "visemes": {
                name: round(value, 4)
                for name, value in zip(visemes.CHANNELS, pose.speech, strict=True)
            },
            "units": {name: round(value, 4) for name, value in units if abs(value) >= 5e-4},
            "head": {name: round(value, 4) for name, value in head.items()},
            "lids": [round(value, 4) for value in pose.lids],
            "gaze": [round(value, 4) for value in pose.gaze],
        }
