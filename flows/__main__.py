# SPDX-License-Identifier: Apache-2.0
"""`python -m flows` is the `callsheet` command."""

from flows.cli import leave

if __name__ == "__main__":
    leave()
