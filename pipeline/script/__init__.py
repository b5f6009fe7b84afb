# SPDX-License-Identifier: Apache-2.0
"""Read what people write: the production file, the script, the actor sheet and the consents.

In come `production.toml`, a Fountain script or line sheet, and sheets as CSV, XLSX or YAML. Out go
a `Production` and rows (`Line`, `Actor`, `Consent`), or one `InputError` that lists every problem
with its file, line and column. Open `production` first, then `script` and `cast`.
"""
