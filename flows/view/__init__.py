# SPDX-License-Identifier: Apache-2.0
"""Show results of verbs on the terminal: plans, cues, states and progress, for people and as JSON.

In come a production and its record; out go lines on stdout and an exit code. Open `plan.py` first;
`screen.py` has the helpers that print.
"""
