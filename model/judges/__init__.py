# SPDX-License-Identifier: Apache-2.0
"""Measure talking faces, independently of the talkers that made them.

Decoded clips of 64 px crops go in, real or generated, with their speech and the neutral portraits
of their people; out come numbers per clip (`Judgement` rows), scores with intervals (`Score` rows)
and a report. Do people read the emotion, is it the same person, do the lips follow, is it steady?
Open `metrics.py` first: it asks every judge about a clip. Nothing here makes pictures, and nothing
that makes pictures may be trained on what a judge says. docs/how-it-works/judges.md says what each
number cannot tell.
"""
