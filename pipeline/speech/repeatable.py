# SPDX-License-Identifier: Apache-2.0
"""Make results repeatable: sums are taken in one order, however many cores there are.

numpy's matrix products split their work by the number of threads, so their last digits follow the
machine and its environment variables, and the recogniser's beam search turns other digits into
other words. This does not cover other processors, whose kernels add up differently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Run matrix products of numpy and scipy in one thread, as far as these are loaded by now.

    torch is set to one thread as well, and stays so.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch.set_num_threads(1)  # spinning threads make diarization many times slower on shared cores
    with threadpool_limits(limits=1, user_api="blas"):
        yield
