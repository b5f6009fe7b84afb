# SPDX-License-Identifier: Apache-2.0
"""From shots to takes: a talker performs each shot, and a slate stands in for one that was skipped.

A shot's row, its portrait and its sound come in; a lossless file goes out with the row of the take
beside it (`Take`), under the shot's identity. Open `render.py` first.
"""
