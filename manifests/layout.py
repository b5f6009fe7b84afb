# SPDX-License-Identifier: Apache-2.0
"""Layout: the name of every folder and file of a production's build.

Writers take their names from here. The purge and the removal of leftovers walk the same tables, so
that no kind of file is forgotten: a file whose name the tables do not know fails a test. Paths are
relative to the build folder, with `/`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

BUILD = "build"  # beside production.toml, unless the results go elsewhere
RECORD = "manifests"
LEASE = "lease"
CUE_SHEET = "listening/cues.csv"
NIGHTS = ".callsheet/nights"  # beside the productions of a night

MEDIA = "media"
RECORDINGS = f"{MEDIA}/recordings"
AUDIO_DIGESTS = f"{MEDIA}/spans"
TAKES = f"{MEDIA}/takes"
GRADES = f"{MEDIA}/grades"
MASTERS = f"{MEDIA}/masters"
SECTIONS = f"{MEDIA}/sections"
DAILIES = f"{MEDIA}/dailies"
CARDS = f"{MEDIA}/cards"
MARKS = f"{MEDIA}/marks"
BURNED_CAPTIONS = f"{MEDIA}/captions"
SLIDES = f"{MEDIA}/slides"
MASKS = f"{MEDIA}/masks"

Whose = Literal["nobody", "person", "everybody"]


class MediaFolder(NamedTuple):
    """A folder of media, the names of its files, and whose likeness and voice they hold.

    `what`: one of its files, for people. `person`: a file holds one person, whom the record names.
    `everybody`: a file may hold several people, so a purge of one of them deletes all files.
    """

    path: str
    what: str
    names: tuple[str, ...]
    likeness: Whose
    voice: Whose


MEDIA_FOLDERS = (
    MediaFolder(
        RECORDINGS, "copy of a recording", ("*.48k.flac", "*.16k.flac"), "nobody", "person"
    ),
    MediaFolder(AUDIO_DIGESTS, "digests of the sound", ("*.json",), "nobody", "everybody"),
    MediaFolder(TAKES, "take", ("*.mkv", "*.json"), "person", "nobody"),
    MediaFolder(GRADES, "colour match", ("*.cube",), "person", "nobody"),
    MediaFolder(MASTERS, "mixed sound", ("*.flac", "*.json"), "nobody", "everybody"),
    MediaFolder(
        SECTIONS, "section of a lesson", ("*.mp4", "*.mov", "*.webm"), "everybody", "nobody"
    ),
    MediaFolder(
        DAILIES, "copy for dailies", ("*.mp4", "*.jpg", "*.peaks.json"), "everybody", "everybody"
    ),
    MediaFolder(CARDS, "title card", ("*.png",), "nobody", "nobody"),
    MediaFolder(MARKS, "mark", ("*.png",), "nobody", "nobody"),
    MediaFolder(BURNED_CAPTIONS, "burned-in captions", ("*.ass", "*.ttf"), "nobody", "nobody"),
    MediaFolder(SLIDES, "slide", ("*.png", "*.json"), "nobody", "nobody"),
    MediaFolder(MASKS, "mask", ("*.png",), "nobody", "nobody"),
)

# What finishing prepares and keeps; it makes again what is missing.
PREPARED = (GRADES, MASTERS, SECTIONS, CARDS, MARKS, BURNED_CAPTIONS, SLIDES, MASKS)

DELIVERABLES = "deliverables"
LATEST = "latest"  # a link to the newest version that passed its checks
TOMBSTONE = "purged.json"  # all that is left of a purged version

# Files of a version, relative to its folder.
WEB = "web.mp4"
MASTER = "master.mov"
HEVC = "hevc.mp4"
AV1 = "av1.mp4"
VERTICAL = "vertical.mp4"
ALPHA = "alpha.mov"
ALPHA_WEB = "alpha.webm"
HLS = "hls"
STEMS = "stems"
SRT = "captions.srt"
VTT = "captions.vtt"
TTML = "captions.ttml"
OTIO = "timeline.otio"
FCP_XML = "timeline.xml"
EDL = "timeline.edl"
CHECKS = "checks.json"
CONTACT_SHEET = "contact_sheet.png"
GRADES_SHEET = "grades.png"
POSTER = "poster.jpg"
REPORT_PAGE = "report.html"
REPORT = "report"
CHAPTERS = "chapters.vtt"
TRANSCRIPT_TEXT = "transcript.txt"
TRANSCRIPT_PAGE = "transcript.html"
SECTION_LIST = "sections.json"
THUMBNAILS = "thumbnails"

VERSION_FILES = (
    *(WEB, MASTER, HEVC, AV1, VERTICAL, ALPHA, ALPHA_WEB),
    *(f"{HLS}/*.mp4", f"{HLS}/*.m3u8", f"{HLS}/*.vtt", f"{STEMS}/*.wav"),
    *(SRT, VTT, TTML, OTIO, FCP_XML, EDL, CHECKS, CONTACT_SHEET, GRADES_SHEET, POSTER),
    *(REPORT_PAGE, f"{REPORT}/*.js", f"{REPORT}/*.css", f"{REPORT}/licences/*.txt"),
    *(f"{REPORT}/thumbs/*.jpg", CHAPTERS, TRANSCRIPT_TEXT, TRANSCRIPT_PAGE, SECTION_LIST),
    *(f"{THUMBNAILS}/*.jpg", "*.zip", TOMBSTONE),
)

# In the storage that the machines of a cluster share.
STORED_INPUTS = "inputs"
STORED_PORTRAITS = f"{STORED_INPUTS}/portraits"
STORED_TAKES = "takes"

# In the cache of a machine.
CACHED_PORTRAITS = "previs"
CACHED_EMOTIONS = "emotions"
CACHED_WORK = "farm"


def recording_file(recording_id: str, *, khz: Literal[16, 48]) -> str:
    """Name the copy of a recording, for listening (48 kHz) or for analysis (16 kHz)."""
    return f"{RECORDINGS}/{recording_id}.{khz}k.flac"


def take_file(shot_id: str) -> str:
    """Name the frames of a take."""
    return f"{TAKES}/{shot_id}.mkv"


def matte_file(shot_id: str) -> str:
    """Name the matte of a take."""
    return f"{TAKES}/{shot_id}.matte.mkv"


def take_row_file(shot_id: str) -> str:
    """Name the row that lies beside a take."""
    return f"{TAKES}/{shot_id}.json"


def grade_file(grade_id: str) -> str:
    """Name the cube of a grade."""
    return f"{GRADES}/{grade_id}.cube"


def master_file(sound_id: str) -> str:
    """Name a master mix."""
    return f"{MASTERS}/{sound_id}.flac"


def identity_of(name: str) -> str:
    """Return the identity in the name of a file, hidden or not.

    >>> identity_of("media/takes/.a1b2.matte.0f3c.mkv")
    'a1b2'
    """
    return name.rpartition("/")[2].lstrip(".").partition(".")[0]


def is_known(path: str) -> bool:
    """Tell whether the layout names a file of a build.

    >>> is_known("deliverables/v001/web.mp4"), is_known("media/takes/notes.txt")
    (True, False)
    """
    folder, _, name = path.rpartition("/")
    if path.startswith(f"{RECORD}/") or path == CUE_SHEET:
        return True
    if folder == LEASE:
        return fnmatchcase(name, "*.json")
    if path.startswith(f"{DELIVERABLES}/"):
        inside = path.split("/", 2)[2:]
        return _matches(inside[0], VERSION_FILES) if inside else name == LATEST
    return any(folder == media.path and _matches(name, media.names) for media in MEDIA_FOLDERS)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Match a path against patterns; `*` stays within one folder."""
    return any(
        path.count("/") == pattern.count("/") and fnmatchcase(path, pattern) for pattern in patterns
    )
