# SPDX-License-Identifier: Apache-2.0
"""The master sound: all recordings on one timeline, exactly as long as the picture.

The first pass measures the mix; the second pass applies the one gain that brings it to the
production's loudness (`loudness`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from manifests import identity, layout
from manifests.atomic_write import atomic_write, hidden_file
from manifests.errors import ToolError
from manifests.rows import Recording
from manifests.timebase import MASTER_HZ
from pipeline.assemble.loudness import (
    LoudnessSettings,
    MeasuredLoudness,
    measure_loudness,
    settle_gain,
)
from pipeline.speech.ingest import read_master

VERSION = "1"
BLOCK = 10 * MASTER_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterSound:
    """A master sound.

    `sound_id` is the key of recordings, places, length and loudness settings; `path` is relative to
    the build folder. `missed_lu`: how far the peak limit kept it below the target.
    """

    sound_id: str
    path: str
    samples: int
    gain_db: float
    before: MeasuredLoudness
    after: MeasuredLoudness
    missed_lu: float


def compute_sound_id(
    recordings: Sequence[Recording], *, samples: int, settings: LoudnessSettings
) -> str:
    """Compute the identity of a master sound, before it is rendered."""
    places = [[recording.recording_id, recording.offset_samples] for recording in recordings]
    return identity.digest([VERSION, places, samples, settings.target_lufs, settings.peak_dbtp])


def locate_master(sound_id: str, *, root: Path) -> Path:
    """Return the path of a master sound, rendered or not. `root`: the build folder."""
    return root / layout.master_file(sound_id)


def render_master(
    recordings: Sequence[Recording], *, samples: int, settings: LoudnessSettings, root: Path
) -> MasterSound:
    """Lay the recordings on the timeline and write `root/media/masters/<sound_id>.flac`.

    The file is 48 kHz stereo, 24 bit, `samples` long. An existing file is not rendered again.
    Memory does not grow with length. Raises ToolError when measuring fails, or when the copy of a
    recording is missing.
    """
    name = compute_sound_id(recordings, samples=samples, settings=settings)
    path = locate_master(name, root=root)
    facts = path.with_suffix(".json")
    if path.exists() and facts.exists():
        return _read_facts(facts)
    if gone := [row.source for row in recordings if not (root / row.master_path).is_file()]:
        raise ToolError(
            f"the sound cannot be mixed: the copy of {', '.join(gone)} is missing; was it purged?"
        )
    with hidden_file(path.with_suffix(".mix.wav")) as mix, atomic_write(path) as partial:
        _write_sound(mix, _read_blocks(recordings, samples, root), gain=1.0, subtype="FLOAT")
        before = measure_loudness(mix)
        gain_db, missed = settle_gain(mix, before, settings)
        blocks, factor = _read_blocks(recordings, samples, root), 10 ** (gain_db / 20)
        _write_sound(partial, blocks, gain=factor, subtype="PCM_24")
        after = measure_loudness(partial)
    sound = MasterSound(
        sound_id=name,
        path=path.relative_to(root).as_posix(),
        samples=samples,
        gain_db=gain_db,
        before=before,
        after=after,
        missed_lu=missed,
    )
    with atomic_write(facts) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(sound)))
    return sound


def _read_blocks(
    recordings: Sequence[Recording], samples: int, root: Path
) -> Iterator[Float32[np.ndarray, "samples 2"]]:
    for start in range(0, samples, BLOCK):
        yield read_master(recordings, start, min(start + BLOCK, samples), root=root)


def _write_sound(
    path: Path, blocks: Iterator[Float32[np.ndarray, "samples 2"]], *, gain: float, subtype: str
) -> None:
    import soundfile

    form = "WAV" if subtype == "FLOAT" else "FLAC"
    with soundfile.SoundFile(
        path, "w", MASTER_HZ, 2, subtype=subtype, format="RF64" if form == "WAV" else form
    ) as file:
        for block in blocks:
            file.write(block * np.float32(gain))


def _read_facts(facts: Path) -> MasterSound:
    plain = json.loads(facts.read_text())
    plain["before"], plain["after"] = (
        MeasuredLoudness(**plain["before"]),
        MeasuredLoudness(**plain["after"]),
    )
    return MasterSound(**plain)
