"""Learning rates over the course of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

Schedule: TypeAlias = Callable[[int], float]


def constant(lr: float, *, warmup: int = 0) -> Schedule:
    """Return a schedule that stays at ``lr`` after a linear warm-up.

    Parameters
    ----------
    lr : float
        Learning rate.
    warmup : int
        Steps over which it rises to ``lr``.

    Returns
    -------
    Schedule
        From step (0, 1, ...) to learning rate.
    """
    return lambda step: lr * _warm(step, warmup)


def cosine(lr: float, total: int, *, warmup: int = 0, last: float = 0.01) -> Schedule:
    """Return a schedule that falls along half a cosine after a linear warm-up.

    ``lr * (last + (1 - last) * (1 + cos(pi * p)) / 2)`` with p the share of the steps that are done.

    Parameters
    ----------
    lr : float
        Highest learning rate.
    total : int
        Steps of the whole training; beyond them the rate stays at its last value.
    warmup : int
        Steps over which it rises.
    last : float
        Share of ``lr`` at the end.

    Returns
    -------
    Schedule
        From step (0, 1, ...) to learning rate.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5,
    without restarts.
    """

    def schedule(step: int) -> float:
        done = min(step / max(total, 1), 1.0)
        return lr * _warm(step, warmup) * (last + (1 - last) * (1 + math.cos(math.pi * done)) / 2)

    return schedule


def step(lr: float, every: int, *, factor: float = 0.1, warmup: int = 0) -> Schedule:
    """Return a schedule that falls in steps after a linear warm-up.

    ``lr * factor ** floor(step / every)``

    Parameters
    ----------
    lr : float
        Highest learning rate.
    every : int
        Optimiser steps after which it falls, again and again.
    factor : float
        What is left of it each time, above 0 to 1.
    warmup : int
        Steps over which it rises.

    Returns
    -------
    Schedule
        From step (0, 1, ...) to learning rate.

    Raises
    ------
    ValueError
        If ``every`` or ``factor`` makes no sense.

    References
    ----------
    He et al., "Deep residual learning for image recognition" (2016), section 3.4: a tenth, each time the
    error stops falling; here the times are given.
    """
    if every < 1:
        raise ValueError(f"step: every is {every} but at least 1 step is needed")
    if not 0 < factor <= 1:
        raise ValueError(f"step: factor is {factor} but a number above 0 and up to 1 is needed")
    return lambda step: lr * _warm(step, warmup) * factor ** (step // every)


def _warm(step: int, warmup: int) -> float:
    """Return the share of the learning rate that the warm-up allows."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


SCHEDULES = ("cosine", "constant", "step")


def make_schedule(
    name: str, lr: float, total: int, warmup: int, *, step_every: int = 0, step_factor: float = 0.1
) -> Schedule:
    """Return a schedule by its name.

    Parameters
    ----------
    name : str
        ``cosine``, ``constant`` or ``step``.
    lr : float
    total, warmup : int
        Optimiser steps.
    step_every : int
        Optimiser steps after which ``step`` falls; 0: after each third of ``total``. The others ignore it.
    step_factor : float
        What is left of the rate each time ``step`` falls. The others ignore it.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If there is no such schedule, or a number that it needs makes no sense.
    """
    if name not in SCHEDULES:
        raise ValueError(
            f"make_schedule: there is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}"
        )
    if name == "cosine":
        return cosine(lr, total, warmup=warmup)
    if name == "constant":
        return constant(lr, warmup=warmup)
    third = max(1, math.ceil(total / 3))  # rounded up: no fourth rate for the last step or two
    return step(lr, step_every or third, factor=step_factor, warmup=warmup)
