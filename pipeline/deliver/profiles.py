# SPDX-License-Identifier: Apache-2.0
"""Delivery profiles as data: the encoders and options of each kind of file.

All pictures are BT.709 in tags and in pixels, limited range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from manifests import layout

Options = Mapping[str, str | int]

BT709: Options = {
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "colorspace": "bt709",
    "color_range": "tv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of file: its name, its file name, its pixel format and its encoding options.

    Options are ffmpeg's output options without their dash. `tall`: the picture is the production's
    turned upright (9:16 of a 16:9 production), framed anew from the takes. `transparent`: only the
    people are shown. `signable`: whether C2PA can put credentials into such a file. `size`: width
    and height when they differ from the picture's.
    """

    name: str
    file: str
    pixel_format: str
    picture: Options
    sound: Options
    container: Options
    tall: bool = False
    transparent: bool = False
    signable: bool = True
    size: tuple[int, int] | None = None

    @property
    def picture_variant(self) -> tuple[bool, bool]:
        """Whether the picture is upright, and whether transparent; equal ones share one decode."""
        return self.tall, self.transparent

    def plain(self) -> list[object]:
        """List the settings that the file's identity depends on."""
        return [
            self.name,
            self.pixel_format,
            *(dict(part) for part in (self.picture, self.sound, self.container)),
            self.tall,
            self.transparent,
            *([list(self.size)] if self.size else []),
        ]


# Noise substitution is off because it overshoots peaks by nearly a decibel.
AAC: Options = {"c:a": "aac", "b:a": "256k", "aac_pns": 0, "ar": 48000}
H264: Options = {"c:v": "libx264", "preset": "medium", "crf": 18, "profile:v": "high"}

WEB = Profile(
    name="web",
    file=layout.WEB,
    pixel_format="yuv420p",
    picture=H264,
    sound=AAC,
    container={"movflags": "+faststart"},
)
# Ten bits cost these two codecs next to nothing and keep flat walls free of steps. `hvc1` is what
# Apple's players open.
HEVC = Profile(
    name="hevc",
    file=layout.HEVC,
    pixel_format="yuv420p10le",
    picture={
        "c:v": "libx265",
        "preset": "medium",
        "crf": 20,
        "tag:v": "hvc1",
        "x265-params": "log-level=error",
    },
    sound=AAC,
    container={"movflags": "+faststart"},
)
AV1 = Profile(
    name="av1",
    file=layout.AV1,
    pixel_format="yuv420p10le",
    picture={"c:v": "libsvtav1", "preset": 6, "crf": 22},
    sound=AAC,
    container={"movflags": "+faststart"},
)
VERTICAL = Profile(
    name="vertical",
    file=layout.VERTICAL,
    pixel_format="yuv420p",
    picture=H264,
    sound=AAC,
    container={"movflags": "+faststart"},
    tall=True,
)
# prores_aw takes 0.37 of the time of prores_ks and is 2 dB nearer, for a fifth more bytes; profile
# 3 is HQ (apch).
MASTER = Profile(
    name="master",
    file=layout.MASTER,
    pixel_format="yuv422p10le",
    picture={"c:v": "prores_aw", "profile:v": 3, "vendor": "apl0"},
    sound={"c:a": "pcm_s24le", "ar": 48000},
    container={"movflags": "+write_colr"},
)
# 4444 XQ would be larger for nothing; prores_ks is the encoder that writes alpha, sixteen bits of
# it.
ALPHA = Profile(
    name="alpha",
    file=layout.ALPHA,
    pixel_format="yuva444p10le",
    picture={"c:v": "prores_ks", "profile:v": "4444", "alpha_bits": 16, "vendor": "apl0"},
    sound={"c:a": "pcm_s24le", "ar": 48000},
    container={"movflags": "+write_colr"},
    transparent=True,
)
# Alternate reference frames do not go with alpha in VP9.
ALPHA_WEB = Profile(
    name="alpha-web",
    file=layout.ALPHA_WEB,
    pixel_format="yuva420p",
    picture={
        "c:v": "libvpx-vp9",
        "crf": 18,
        "b:v": 0,
        "auto-alt-ref": 0,
        "deadline": "good",
        "cpu-used": 4,
    },
    sound={"c:a": "libopus", "b:a": "192k", "ar": 48000},
    container={},
    transparent=True,
    signable=False,
)
PROFILES = {
    profile.name: profile for profile in (WEB, MASTER, HEVC, AV1, VERTICAL, ALPHA, ALPHA_WEB)
}
UNSIGNABLE = frozenset(profile.name for profile in PROFILES.values() if not profile.signable)
HLS = "hls"  # several files of one picture: `ladder`, and the playlists of `pipeline.deliver.hls`
STEMS = "stems"  # a profile without a picture: `pipeline.assemble.stems`

RUNGS = (
    1440,
    1080,
    720,
    540,
    360,
    234,
)  # short sides, as in Apple's authoring specification for HLS; larger ones are the picture's own
SEGMENT_SECONDS = 4
LARGEST_BITS = 6_000_000  # a second of 1080p25 at most, on average over a second
NEAR = Fraction(4, 5)  # a rung this near to the picture's own size is not worth its file


def build_ladder(size: tuple[int, int], rate: Fraction) -> tuple[Profile, ...]:
    """Build the renditions of a picture for HLS, largest first.

    They are the picture's own size, then every rung that is clearly smaller; never an enlargement.
    Each is one fragmented MP4, sound included. Fragments begin with key frames at the same frames
    in all of them.

    >>> [rendition.size for rendition in build_ladder((1280, 720), Fraction(25))]
    [(1280, 720), (960, 540), (640, 360), (416, 234)]
    """
    short = min(size)
    sizes = [size] + [_scale_size(size, rung) for rung in RUNGS if rung <= short * NEAR]
    return tuple(_build_rendition(scaled, rate) for scaled in sizes)


def _scale_size(size: tuple[int, int], short: int) -> tuple[int, int]:
    """Scale a size to another short side, both sides even."""
    width, height = (2 * round(Fraction(side * short, 2 * min(size))) for side in size)
    return width, height


def _build_rendition(size: tuple[int, int], rate: Fraction) -> Profile:
    """Build one rung of the ladder.

    Its bits grow with the 0.75th power of the pixels (B. Waggoner, "Compression for Great Video and
    Audio", 2009) and with the square root of the rate.
    """
    share = (size[0] * size[1] / (1920 * 1080)) ** 0.75 * (float(rate) / 25) ** 0.5
    most = f"{max(100, round(LARGEST_BITS * share / 1000))}k"
    frames = max(1, round(SEGMENT_SECONDS * rate))
    # key frames there and nowhere else
    grouped = {"g": frames, "keyint_min": frames, "sc_threshold": 0}
    name = f"{min(size)}p"
    return Profile(
        name=f"{HLS}-{name}",
        file=f"{layout.HLS}/{name}.mp4",
        pixel_format="yuv420p",
        picture={**H264, "crf": 21, "maxrate": most, "bufsize": most, **grouped},
        sound={**AAC, "b:a": "128k"},
        container={
            "movflags": "+cmaf+frag_keyframe+default_base_moof+delay_moov+skip_trailer",
            "map_chapters": -1,
        },
        size=size,
    )
