# SPDX-License-Identifier: Apache-2.0
"""Check a container's health: does this URL answer?

A server that asks for credentials (401) is up.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def is_up(url: str) -> bool:
    """Tell whether the server behind a URL works."""
    try:
        with urllib.request.urlopen(url, timeout=8) as response:  # noqa: S310 - the URL is ours, from the compose file
            return bool(response.status < 400)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_up(sys.argv[1]) else 1)
