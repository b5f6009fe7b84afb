# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all, whatever is killed and whoever else writes the same
one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, hidden and of the same suffix; what stands there when the
    block ends takes `path`'s place.

    The folder is made when it is missing. When the block fails nothing is left, and what was there
    before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.{threading.get_ident()}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
