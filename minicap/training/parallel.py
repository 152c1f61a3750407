"""Several cores on one batch: gradients are dicts, and a batch's gradient is the sum of its parts'."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minicap._types import Arrays, Rng
from minicap.kernels import available_cores, kernel_threads
from minicap.layers.batch_norm import statistics_kept_back
from minicap.training.objective import Objective

LEAST_IMAGES = 8  # a thread with fewer has too little to do


def fitting_threads(batch_size: int) -> int:
    """Return how many threads a batch keeps busy on this machine.

    Parameters
    ----------
    batch_size : int
        Images a batch.

    Returns
    -------
    int
    """
    return max(1, min(available_cores(), batch_size // LEAST_IMAGES))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run matrix products on one thread.

    Products of small batches gain little from more, and where other processes want the same cores the threads
    of BLAS spend most of the time waiting for each other.
    """
    with threadpool_limits(1, "blas"):
        yield


@contextmanager
def shared_among(objective: Objective, threads: int) -> Iterator[Objective]:
    """Give an objective that computes parts of each batch in threads of their own.

    The mean over a batch's words is the mean over its parts' words, weighted by how many they have; so loss
    and gradients are those of the whole batch, up to rounding. Only batch norm sees the parts: each is normalised
    by its own statistics, and the running ones move once a part. Meanwhile matrix products and kernels run on one
    thread each: threads of theirs inside threads of ours would fight for the same cores. The parts are added in a
    fixed order, so a run is repeatable bit for bit at a fixed number of threads.

    Parameters
    ----------
    objective : Objective
    threads : int

    Yields
    ------
    Objective
    """
    if threads == 1:  # then a batch may be anything that the objective takes
        with one_blas_thread(), kernel_threads(1):
            yield objective
        return
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:

        def shared(model: Any, batch: Any, rng: Rng) -> tuple[float, Arrays]:
            parts = split_batch(batch, threads)
            weights = np.array([model.weigh(part) for part in parts], float)
            seeds = rng.integers(2**63, size=len(parts))
            running = [
                # A copied context carries the choice of kernels over to the thread.
                pool.submit(contextvars.copy_context().run, _one_part, objective, model, part, int(seed))
                for part, seed in zip(parts, seeds, strict=True)
            ]
            done = [future.result() for future in running]
            for _, updates in done:
                for update in updates:
                    update()
            return weighted_sum([found for found, _ in done], weights / weights.sum())

        yield shared


def _one_part(
    objective: Objective, model: Any, part: Any, seed: int
) -> tuple[tuple[float, Arrays], list[Any]]:
    """Compute one part in a thread, and leave the running statistics to whoever started it."""
    with kernel_threads(1), statistics_kept_back() as updates:
        return objective(model, part, np.random.default_rng(seed)), updates


def split_batch(batch: Any, parts: int) -> list[Any]:
    """Cut a batch into at most so many parts of whole images, each with what is said of them.

    Parameters
    ----------
    batch : CaptionBatch, ClassBatch or TagBatch
        ``images`` (M, ...), and arrays with as many rows or a multiple of that.
    parts : int

    Returns
    -------
    list of the same kind
    """
    count = len(batch.images)
    ends = np.linspace(0, count, min(parts, count) + 1).round().astype(int).tolist()
    return [
        type(batch)(*(array[a * (len(array) // count) : b * (len(array) // count)] for array in batch))
        for a, b in pairwise(ends)
    ]


def weighted_sum(found: list[tuple[float, Arrays]], weights: Any) -> tuple[float, Arrays]:
    """Add up losses and gradients of parts, in order.

    Parameters
    ----------
    found : list of (loss, grads)
    weights : sequence of float

    Returns
    -------
    loss : float
    grads : dict of str to Array
    """
    loss = 0.0
    total: Arrays = {}
    for (part_loss, grads), weight in zip(found, weights, strict=True):
        loss += float(weight) * part_loss
        for name, grad in grads.items():
            share = grad * grad.dtype.type(weight)
            total[name] = total[name] + share if name in total else share
    return loss, total
