# SPDX-License-Identifier: Apache-2.0
"""Render every production below a folder overnight, within a deadline and a budget.

In comes a folder of productions, with the limits of the night; out come new versions, a summary for
the morning (`summary.json`, `summary.html`) and a message to a webhook. Open `nightly.py` first;
`budget.py` reads the limits, and `deployments.py` puts nights on a Prefect schedule.
"""
