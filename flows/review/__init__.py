# SPDX-License-Identifier: Apache-2.0
"""Serve the review page (dailies): people look at takes, decide, and send shots back.

In comes the record; out go one JSON document with its media, and decisions, the same events as the
command line's. Open `snapshot.py` first (what is read from the record), then `payload.py` (the
document of the page), `decide.py` (decisions) and `app.py` (addresses); `export.py` writes the page
without a server.
"""
