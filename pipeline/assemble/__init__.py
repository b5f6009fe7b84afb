# SPDX-License-Identifier: Apache-2.0
"""Assembly: the edit list, the picture stream it describes, the master sound, and timelines.

Shots, takes, grades and recordings come in; `Cut` rows, ffmpeg arguments that read each segment,
the master sound at the production's loudness with its stems, and timelines for editors
(OpenTimelineIO, Final Cut XML, EDL) go out. Open `edit_list.py` first, then `assemble.py`.
"""
