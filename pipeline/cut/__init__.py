# SPDX-License-Identifier: Apache-2.0
"""From cues to shots: where to cut, who is seen in which layout, and how a take fills the picture.

Cues and lines come in; rows of the cut (`Shot`) go out, each under the digest of everything that
shapes its pixels. Open `breakdown.py` first; it uses `cut_points.py` for the cuts and `pairing.py`
for pictures of two, and `shot_identity.py` makes the rows.
"""
