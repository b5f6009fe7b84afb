#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# color_matcher.sh PAIRS OUT: Reinhard's transfer by the public package color-matcher (GPL-3, hence in an environment of its own,
# for measuring beside ours only). PAIRS and OUT are .npz files, see color_matcher_pairs.py.
set -euo pipefail
cd "$(dirname "$0")/.."
place=.cache/color-matcher
if [ ! -f "$place/.ready" ]; then
    .venv/bin/python -m venv "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes -r locks/color-matcher.txt
    touch "$place/.ready"
fi
"$place/bin/python" benchmarks/color_matcher_pairs.py "$1" "$2"
