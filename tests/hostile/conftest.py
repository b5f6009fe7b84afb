# SPDX-License-Identifier: Apache-2.0
"""Hostile inputs use the film in miniature of the finishing tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "pipeline"))
