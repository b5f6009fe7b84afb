# SPDX-License-Identifier: Apache-2.0
"""Finish a production: turn its takes into a version, a folder of files that passed its checks.

In come the shots, takes, cues and recordings of a production (`flows.version.VersionInputs`); out
come the files of a version, its checks, and their rows in the record. Open `episode.py` first, or
`lesson.py` for lessons; `kinds.py` chooses between the two, and `conforming.py` makes a version
from an edited timeline.
"""
