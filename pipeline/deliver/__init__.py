# SPDX-License-Identifier: Apache-2.0
"""Delivery: encode a version in every profile, add captions and credentials, and publish it.

The edit list, the master sound, cues and the production's delivery settings come in; files per
profile (MP4, MOV, WebM, HLS), captions, cards, contact sheets, review copies, watermarks and C2PA
credentials go out, in a version folder that appears whole or not at all. Open `deliver.py` first.
"""
