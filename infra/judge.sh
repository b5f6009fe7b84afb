#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .cache/judge, an environment for judging the previs talker: what the project runs on, and one interpreter more for a judge's
# network. It reads the project's own packages from .venv and puts its own before them.
set -euo pipefail
cd "$(dirname "$0")/.."
judge=.cache/judge
[ -f "$judge/.ready" ] && exit 0
.venv/bin/python -m venv "$judge"
packages=$("$judge/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" >"$packages/callsheet.pth"
"$judge/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --ignore-installed --only-binary :all: \
    --require-hashes -r locks/judge.txt
touch "$judge/.ready"
