# SPDX-License-Identifier: Apache-2.0
"""From recordings to words and turns: who speaks when, and what is said.

Recordings come in as people deliver them (`ingest.py`). `diarize.py` splits the timeline into turns
of speakers who have no names yet, `transcribe.py` into words with their times; both go out as rows
(`Recording`, `Turn`, `Word`) that `pipeline/align` matches to the script. Open `ingest.py` first.
"""
