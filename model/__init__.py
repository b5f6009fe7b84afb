# SPDX-License-Identifier: Apache-2.0
"""Animate a portrait from speech and emotion.

A talker takes a portrait, mono 16 kHz speech, a performance (emotions over frames) and a seed, and
gives exactly as many frames as were requested. `talker.py` is the contract, and the file to open
first; `talkers.py` lists the talkers and loads one by name: `previs/` (a warped portrait on one CPU
core), `dice/` (DICE-Talk) and `nano/` (a small diffusion demonstration). `emotion.py` holds labels
and curves, `weights.py` finds weight files, `affect/` embeds emotions, `training/` holds the
training loops, and `judges/` measures finished clips.
"""
