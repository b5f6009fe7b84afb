# SPDX-License-Identifier: Apache-2.0
"""Colour matching: one colour transform per shot toward the look of the production.

Shots with their takes and a look come in (a reference still, a `.cube`, another shot, or nothing
for neutral light); one `Grade` row and one `.cube` file per shot go out, which `pipeline.assemble`
applies. Open `grade.py` first.
"""
