# SPDX-License-Identifier: Apache-2.0
"""Render the slates of skipped shots.

They are made where the run is: a slate costs a few hundredths of a second and needs no worker.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

import numpy as np

from flows.project import Project
from manifests.rows import Recording, Shot, Take
from model.talker import Portrait
from pipeline.render import render, slate


def make_slates(
    project: Project,
    shots: Sequence[Shot],
    recordings: Sequence[Recording],
    *,
    run_id: str,
    on_take: Callable[[Take], None] = lambda _take: None,
) -> list[Take]:
    """Make the takes of skipped shots (`shot.talker` is `slate.SLATE`).

    `on_take` gets each take as soon as it is made.
    """
    context = render.RenderContext(
        root=project.root,
        recordings=recordings,
        worker=f"{socket.gethostname()}/{os.getpid()}",
        run_id=run_id,
        label=slate.SLATE,
    )
    nobody = Portrait(name="", pixels=np.zeros((1, 1, 3), dtype=np.uint8), digest="")
    takes = []
    for shot in shots:
        take = render.generate_take(
            shot, talker=slate.Slate(shot=shot), portrait=nobody, context=context
        )
        on_take(take)
        takes.append(take)
    return takes
