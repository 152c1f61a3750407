"""How many threads a kernel may use: one number for the process, and another within a block of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from threadpoolctl import threadpool_limits

from minicap.errors import InputError

VARIABLE = "MINICAP_NUM_THREADS"
MOST = 1024

_process: list[int] = []  # what set_num_threads was last given
_block: ContextVar[int | None] = ContextVar("minicap_threads", default=None)


def get_num_threads() -> int:
    """Return how many threads a kernel may use here.

    Returns
    -------
    int
        What the innermost ``kernel_threads`` block says; else what ``set_num_threads`` was given; else the
        environment variable MINICAP_NUM_THREADS; else the cores that this process may use.
    """
    return _block.get() or (_process[-1] if _process else _default())


def set_num_threads(threads: int) -> None:
    """Let every kernel, and BLAS beneath NumPy's products, use so many threads from here on.

    A result may differ in its last bits between numbers of threads, never between two runs with the same.

    Parameters
    ----------
    threads : int
        1 or more.

    Raises
    ------
    ValueError
        If it is no whole number from 1 to 1,024.
    """
    _process[:] = [_checked(threads)]
    threadpool_limits(threads, "blas")


@contextmanager
def kernel_threads(threads: int) -> Iterator[None]:
    """Let kernels use so many threads within a block, as in each of several threads that share a batch.

    Parameters
    ----------
    threads : int
        1 or more. Those of BLAS stay as they are.

    Raises
    ------
    ValueError
        If it is no whole number from 1 to 1,024.
    """
    token = _block.set(_checked(threads))
    try:
        yield
    finally:
        _block.reset(token)


def _checked(threads: int) -> int:
    """Return the number, or raise where it is none."""
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST:
        raise ValueError(f"threads is {threads!r} but a whole number from 1 to {MOST:,} is needed")
    return threads


def available_cores() -> int:
    """Return how many cores this process may use.

    Returns
    -------
    int
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _default() -> int:
    """Return what MINICAP_NUM_THREADS says, or else the number of cores that this process may use."""
    wanted = os.environ.get(VARIABLE, "").strip()
    if not wanted:
        return available_cores()
    if not wanted.isascii() or not wanted.isdigit() or not 1 <= int(wanted) <= MOST:
        raise InputError(f"{VARIABLE}={wanted!r} is no whole number from 1 to {MOST:,}; set it to one")
    return int(wanted)
