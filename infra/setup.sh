#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment: pinned packages whose files have known digests, one known mend, the default weights. Called by
# `make setup`. Nothing is built from a source archive, so nothing else is fetched to build it.
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
install() { pip install --no-deps --only-binary :all: --require-hashes -r "$1"; }

echo "Callsheet: installing pinned packages into $VENV (a few minutes, about 3 GB) ..."
# A CPU build of torch where pip is offered one (PIP_FIND_LINKS=https://download.pytorch.org/whl/cpu/torch/); else PyPI's, a CUDA build.
install locks/torch-cpu.txt 2>/dev/null || echo "Callsheet: no CPU build of torch is offered; taking the one of the package index ..."
install locks/cpu.txt
if [ "$("$VENV/bin/python" -c 'import importlib.metadata as m; print(any("nvidia" in r for r in m.requires("torch") or ()))')" = True ]; then
    echo "Callsheet: torch is a CUDA build; installing its libraries (about 3 GB more) ..."
    install locks/cuda.txt
fi
"$VENV/bin/python" infra/fix_torchaudio.py
pip install --no-deps --no-build-isolation -e .
pip check
echo "Callsheet: fetching the default weights ..."
"$VENV/bin/callsheet" weights fetch
