# SPDX-License-Identifier: Apache-2.0
"""Render the takes of a run on a pool of Ray workers.

In come shots without takes, recordings and the settings of a talker; out go takes as they are made,
and a failure with its reason for every shot that gets none. Open `pool.py` first: it runs the
workers. `policy.py` decides what they do next, and `ray_actor.py` is what runs inside each of them.
"""
