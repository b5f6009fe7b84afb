#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# voices.sh FOLDER [ONLY]: speaks the listening benchmark's dry lines into FOLDER, once. ONLY: dialogues that begin with this.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
only=${2:-}
voices=.cache/voices
mkdir -p "$folder"
[ -f "$folder/.spoken" ] && exit 0
bash infra/voice_packages.sh
"$voices/bin/python" -m benchmarks.listening_corpus speak "$folder" --only "$only"
[ -n "$only" ] || touch "$folder/.spoken"
