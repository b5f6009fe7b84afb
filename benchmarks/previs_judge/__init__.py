# SPDX-License-Identifier: Apache-2.0
"""Judges of the previs talker that had no part in making it; run `python -m benchmarks.previs_judge
--help`.
"""
