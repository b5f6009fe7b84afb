#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment: pinned packages, one known mend, the default weights. Called by `make setup`.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PYTHON:=python3.11}" "${VENV:=.venv}"

for candidate in "$PYTHON" python3 python; do
    found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
    [ "$found" = 3.11 ] && break
done
if [ "$found" != 3.11 ]; then
    echo "Callsheet needs CPython 3.11 (the pinned wheels are built for it); found ${found:-none}." >&2
    echo "Install it and run again, or name it: make setup PYTHON=/path/to/python3.11" >&2
    exit 3
fi

[ -x "$VENV/bin/python" ] || "$candidate" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }

echo "Callsheet: installing pinned packages into $VENV (a few minutes, about 3 GB) ..."
# Torch comes first and with its own dependencies: a CUDA build brings libraries that the lock does not name.
pip install "$(grep '^torch==' locks/cpu.txt)" -c locks/cpu.txt
pip install --no-deps -r locks/cpu.txt
"$VENV/bin/python" infra/fix_torchaudio.py
pip install --no-deps --no-build-isolation -e .
pip check
echo "Callsheet: fetching the default weights ..."
"$VENV/bin/callsheet" weights fetch
