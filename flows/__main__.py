# SPDX-License-Identifier: Apache-2.0
"""`python -m flows` is the `callsheet` command."""

from flows.cli import main

if __name__ == "__main__":
    main()
