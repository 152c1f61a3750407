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


def _warm(step: int, warmup: int) -> float:
    """Return the share of the learning rate that the warm-up allows."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


SCHEDULES = ("cosine", "constant")


def make_schedule(name: str, lr: float, total: int, warmup: int) -> Schedule:
    """Return a schedule by its name.

    Parameters
    ----------
    name : str
        ``cosine`` or ``constant``.
    lr : float
    total, warmup : int
        Steps.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If there is no such schedule.
    """
    if name not in SCHEDULES:
        raise ValueError(
            f"make_schedule: there is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}"
        )
    return cosine(lr, total, warmup=warmup) if name == "cosine" else constant(lr, warmup=warmup)
