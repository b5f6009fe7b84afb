# SPDX-License-Identifier: Apache-2.0
"""Judge the previs talker with networks that had no part in making it.

In come portraits and a recording; out come tables of emotion, identity, lip sync, jitter, colour
and stillness. Run `python -m benchmarks.previs_judge --help`; open `__main__` first, then `bench`.
"""
