# SPDX-License-Identifier: Apache-2.0
"""Examine the machine and a production, and tell people how to fix what is wrong.

In come the environment and, if given, a production's folder; out come findings, each with a state
and advice. Open `examine.py` first: it runs all checks. `places.py` checks folders, storage, clocks
and servers; `engines.py` starts the engines.
"""
