"""The limit: how many multiplications and additions a second the processor can do, measured."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np

from minicap import kernels

SIDE, TRIES = 1024, 5


def peak_gflops(threads: int) -> tuple[float, str]:
    """Measure the multiply-add peak.

    Parameters
    ----------
    threads : int

    Returns
    -------
    (float, str)
        In GFLOP/s, and how it was measured: a large matrix product is only a lower bound.
    """
    with suppress(RuntimeError):  # no compiled kernels
        return kernels.multiply_add_peak(threads), "multiply-adds in registers"
    a = np.ones((SIDE, SIDE), np.float32)
    out = np.empty_like(a)
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        np.matmul(a, a, out=out)
        times.append(time.perf_counter() - began)
    return 2 * SIDE**3 / min(times) / 1e9, f"matrix product of {SIDE}, a lower bound"
