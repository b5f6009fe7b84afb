# SPDX-License-Identifier: Apache-2.0
"""Checks: measure delivered files and report what fails, warns or passes.

Delivered files, the edit list, cues and captions come in; `Check` rows and `checks.json` go out. A
failed check stops publishing. Open `qc.py` first.
"""
