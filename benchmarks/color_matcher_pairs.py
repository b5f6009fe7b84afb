# SPDX-License-Identifier: Apache-2.0
"""Transfer colours of picture pairs with the package color-matcher.

`color_matcher.sh` runs this in an environment of its own: `pairs.npz` holds `source_N` and
`reference_N` (8-bit RGB), `out.npz` gets `N`.
"""

import sys

import numpy as np
from color_matcher import ColorMatcher


def main() -> None:
    """Transfer every pair by Reinhard et al. (2001)."""
    pairs = np.load(sys.argv[1])
    count = len(pairs.files) // 2
    moved = {
        str(n): ColorMatcher().transfer(
            src=pairs[f"source_{n}"], ref=pairs[f"reference_{n}"], method="reinhard"
        )
        for n in range(count)
    }
    np.savez(
        sys.argv[2],
        **{name: np.clip(picture, 0, 255).astype(np.uint8) for name, picture in moved.items()},
    )


main()
