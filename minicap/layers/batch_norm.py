"""Batch normalisation as a layer: it learns scale and shift, and remembers mean and variance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Rng
from minicap.layers.base import Layer

Update: TypeAlias = Callable[[], None]
_waiting: ContextVar[list[Update] | None] = ContextVar("minicap_statistics", default=None)


class BatchNorm(Layer):
    """Normalise each channel over the batch: x (N, C) or (N, C, H, W), gamma (C,), beta (C,).

    While training the batch's own mean and variance are used, and folded into the buffers::

        running_mean += momentum * (mean - running_mean)
        running_var  += momentum * (var * n / (n - 1) - running_var)        n values a channel

    Afterwards the buffers take their place, so that a picture's result does not depend on its neighbours. They
    do so, too, where a training batch has one value a channel, which has no variance: the rest of an epoch
    may be a single picture.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training" (2015), algorithms 1 and 2.
    """

    op_forward, op_backward = ops.batch_norm_forward, ops.batch_norm_backward
    arguments = {"gamma": "gamma", "beta": "beta"}
    modes = ("training",)

    def __init__(
        self, channels: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: DTypeLike = "float32"
    ) -> None:
        super().__init__(eps=eps)
        self.momentum = momentum
        self.params = {"gamma": np.ones(channels, dtype), "beta": np.zeros(channels, dtype)}
        self.buffers = {"running_mean": np.zeros(channels, dtype), "running_var": np.ones(channels, dtype)}

    def forward(
        self, *inputs: Array, training: bool = False, rng: Rng | None = None, **options: Any
    ) -> tuple[Any, Any]:
        """Apply the op, and fold the batch's statistics into the buffers while training.

        Parameters
        ----------
        *inputs : Array
            x (N, C) or (N, C, H, W).
        training : bool
        rng : numpy.random.Generator, optional
            Not used.
        **options
            None.

        Returns
        -------
        y : Array, like x
        cache : NamedTuple
        """
        running: dict[str, Any] = dict(self.buffers)
        training = training and np.size(inputs[0]) > len(self.params["gamma"])
        y, cache = super().forward(*inputs, training=training, **running, **options)
        if training:
            update = partial(self._fold, cache.mean, cache.var, cache.size)
            waiting = _waiting.get()
            if waiting is None:
                update()
            else:
                waiting.append(update)
        return y, cache

    def _fold(self, mean: Array, var: Array, count: int) -> None:
        """Move the running statistics towards those of a batch; its variance is made unbiased."""
        running_mean, running_var = self.buffers["running_mean"], self.buffers["running_var"]
        running_mean += self.momentum * (mean - running_mean)
        running_var += self.momentum * (var * (count / (count - 1)) - running_var)


@contextmanager
def statistics_kept_back() -> Iterator[list[Update]]:
    """Collect the updates of running statistics instead of doing them.

    Threads that share a model must not write to it at the same time, and in an order that differs from
    run to run; whoever started them calls the updates afterwards, in a fixed order.

    Yields
    ------
    list of callable
    """
    updates: list[Update] = []
    token = _waiting.set(updates)
    try:
        yield updates
    finally:
        _waiting.reset(token)
