# SPDX-License-Identifier: Apache-2.0
"""A health check for containers: does this URL answer? A server that asks who we are (401) is
up.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def answers(url: str) -> bool:
    """Whether the server behind a URL works."""
    try:
        with urllib.request.urlopen(url, timeout=8) as response:  # noqa: S310 - the URL is ours, from the compose file
            return bool(response.status < 400)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
