# SPDX-License-Identifier: Apache-2.0
"""Let torchaudio 2.11 import beside a CPU build of torch, by removing its compiled extensions.

Its wheel on the package index links CUDA; beside a CPU torch the import fails and takes pyannote
and diffusers with it. Without the extensions torchaudio falls back to pure Python, which is all
that we use of it. Beside a CUDA torch nothing is touched.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def main() -> int:
    """Remove the extensions when torch has no CUDA. Needs no import of torchaudio itself."""
    import torch

    spec = importlib.util.find_spec("torchaudio")
    if torch.version.cuda is None and spec is not None and spec.origin is not None:
        for extension in (Path(spec.origin).parent / "lib").glob("*.so"):
            extension.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
