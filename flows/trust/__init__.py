# SPDX-License-Identifier: Apache-2.0
"""Guard consent: what people allow, what they revoke, and what a delivered file proves.

In come the consent sheet, the record and delivered files; out go refusals at plan and publish,
deleted files with a tombstone, recorded waivers, and the verification of a file. Open `consents.py`
first; `purge.py` deletes, `waivers.py` lets a failed check pass, and `verifying.py` answers
`callsheet verify`.
"""
