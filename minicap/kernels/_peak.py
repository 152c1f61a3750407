"""The processor's limit, measured: how many multiplications and additions a second it can do."""

from __future__ import annotations

import time

from minicap.kernels._loading import HOW_TO_BUILD
from minicap.kernels._switch import best_module

SECONDS = 0.1


def multiply_add_peak(threads: int) -> float:
    """Measure how fast the build in use multiplies and adds float32 numbers that lie in registers.

    No kernel can be faster; what a kernel reaches of it is its share of the peak.

    Parameters
    ----------
    threads : int
        Threads that compute at the same time.

    Returns
    -------
    float
        In GFLOP/s, of all threads together: the best of what fits into a tenth of a second.

    Raises
    ------
    RuntimeError
        If the compiled kernels are not built.
    """
    module = best_module("_peak")
    if module is None:
        raise RuntimeError(f"multiply_add_peak: the compiled kernels are not built here; {HOW_TO_BUILD}")
    module.multiply_adds(threads)  # threads start, and a sleeping core wakes
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        module.multiply_adds(threads)
        times.append(time.perf_counter() - began)
    return threads * module.FLOPS / min(times) / 1e9
