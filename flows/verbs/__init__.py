# SPDX-License-Identifier: Apache-2.0
"""Define the verbs of the command line, by subject.

In come command-line arguments; out go printed results and exit codes. Each module has an `app` that
`flows.cli` puts together; an option of a verb is an argument of its function. Open `production.py`
first: it holds `init`, `plan`, `listen`, `render` and `status`.
"""
