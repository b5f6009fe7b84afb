# SPDX-License-Identifier: Apache-2.0
"""Align the script with the recordings.

In come lines of the script, turns of speakers and recognised words. Out go a `Cue` for every line,
with its times, confidence and the reasons for it, and the sheet `cues.csv` in which a person
corrects them. Open `align` first, then `line_readings` and `turn_alignment`.
"""
