# SPDX-License-Identifier: Apache-2.0
"""The record of a production, and the words that all other packages share.

In come rows (frozen dataclasses, one per noun of the film); out come the same rows, from Delta
tables that keep their whole history, and answers to SQL. Beside it are what everything stands on:
exact time, identities, errors, atomic writes, and the layout of a build. Open `rows.py` first, then
`store.py`.
"""
