# SPDX-License-Identifier: Apache-2.0
"""A delivery job: what is delivered in one pass, and the identity of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manifests import identity
from manifests.rows import Cut
from pipeline.assemble import assemble, edit_list
from pipeline.assemble.assemble import Picture, ReaderSettings
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.profiles import MASTER, WEB, Profile

VERSION = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A still before or after the programme (a slate, an end card).

    It is a picture of the delivered size, and `frames` is how long it is shown.
    """

    path: Path
    frames: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryJob:
    """What is delivered: the picture's size and rate, the master sound, the profiles.

    `root`: the build folder. `burn_in`: write the mark into the pictures of previs takes; `label`:
    write `LABEL` into all. `title` goes into the files' metadata. `watermark`: the text whose mark
    lies in all pictures, and `code` its number (`pipeline.deliver.watermark`); "" for none. `slate`
    and `end_card` are shown in silence before and after the programme. `captions`: an ASS file to
    burn into the picture, and its digest; fonts lie beside it.
    """

    picture: Picture
    sound_id: str
    sound_path: Path
    root: Path
    profiles: tuple[Profile, ...] = (WEB, MASTER)
    burn_in: bool = True
    label: bool = False
    title: str = ""
    watermark: str = ""
    code: str = ""
    slate: Card | None = None
    end_card: Card | None = None
    chapters: tuple[FileChapter, ...] = ()
    captions: tuple[Path, str] | None = None

    @property
    def reader_settings(self) -> ReaderSettings:
        """How the picture is read.

        It has ten bits as soon as one profile keeps them, and alpha when a profile asks for it.
        """
        deep = any(profile.pixel_format != assemble.FLAT for profile in self.profiles)
        transparent = any(profile.transparent for profile in self.profiles)
        pixels = assemble.TRANSPARENT if transparent else assemble.DEEP if deep else assemble.FLAT
        return ReaderSettings(picture=self.picture, root=self.root, pixel_format=pixels)

    @property
    def lead_frames(self) -> int:
        """How many frames stand before the programme."""
        return self.slate.frames if self.slate else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPass:
    """The files that show the same picture: one edit list, one decode, one encoder."""

    cuts: Sequence[Cut]
    job: DeliveryJob

    @property
    def frames(self) -> int:
        """Frames of its files: the programme and its cards."""
        return count_frames(self.cuts, self.job)

    @property
    def shifted_cuts(self) -> list[Cut]:
        """The edit list on the frames of the files, behind the slate."""
        lead = self.job.lead_frames
        return [
            replace(cut, start_frame=cut.start_frame + lead, end_frame=cut.end_frame + lead)
            for cut in self.cuts
        ]


def compute_deliverable_id(cuts: Sequence[Cut], job: DeliveryJob, profile: Profile) -> str:
    """Compute the identity of one file.

    It depends on the cut, the sound, the picture and the profile, not on the version or any path. A
    watermark counts by its text, so that an existing film is not encoded again for the number of a
    new version.
    """
    width, height = job.picture.size
    picture = [width, height, job.picture.rate, job.reader_settings.pixel_format]
    cards = [[card.frames, card.digest] if card else None for card in (job.slate, job.end_card)]
    chapters = [[chapter.frame, chapter.title] for chapter in job.chapters]
    captions = job.captions[1] if job.captions else ""
    extras = [job.burn_in, job.label, job.title, cards, chapters, captions]
    extras += [job.watermark] if job.watermark else []
    events = [_identify_cut(cut) for cut in cuts]
    return identity.digest([VERSION, events, picture, job.sound_id, profile.plain(), extras])


def _identify_cut(cut: Cut) -> list[object]:
    """List what the identity of a file depends on in a cut."""
    return [
        cut.shot_id,
        cut.grade_id,
        cut.start_frame,
        cut.end_frame,
        cut.take_frame,
        cut.crop,
        cut.dissolve_frames,
        cut.layer,
        cut.place,
    ]


def count_frames(cuts: Sequence[Cut], job: DeliveryJob) -> int:
    """Count the frames of the files: the programme and its cards."""
    return edit_list.count_frames(cuts) + sum(
        card.frames for card in (job.slate, job.end_card) if card
    )
