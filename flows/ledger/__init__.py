# SPDX-License-Identifier: Apache-2.0
"""Keep track of every shot: its state, and what people decided about it.

In come the shots of a cut, their takes, the farm's events and decisions; out come a `ShotState` for
each shot, drafts of new decisions, and the cut as people want it. Everything is pure except
`record`, `place_takes`, `live_decisions` and `slates`, which read the record or render. Open
`shot_state.py` first, then `decisions.py`; retakes are in `retakes.py`.
"""
