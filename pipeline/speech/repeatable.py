# SPDX-License-Identifier: Apache-2.0
"""The same sound gives the same result: sums are taken in one order, however many cores there are.

numpy's matrix products split their work by the number of threads, so their last digits follow the
machine and its environment variables; the recogniser's beam search makes other words of other
digits. This does not cover other processors, whose kernels add up differently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Matrix products of numpy and scipy, as far as they are loaded by now, in one thread; torch
    too, which stays so.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch.set_num_threads(1)  # spinning threads make diarization many times slower on shared cores
    with threadpool_limits(limits=1, user_api="blas"):
        yield
