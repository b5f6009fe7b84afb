# SPDX-License-Identifier: Apache-2.0
"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# A property is about results; how long one example takes on a busy machine is not a finding.
settings.register_profile("callsheet", deadline=None)
settings.load_profile("callsheet")
