"""One seed drives a whole run, through an independent stream for each purpose."""

from __future__ import annotations

import numpy as np

PURPOSES = ("weights", "batches", "dropout", "evaluation", "blind")


def seed_for(seed: int, purpose: str, *more: int) -> np.random.SeedSequence:
    """Return the seed sequence of one purpose, the child that ``SeedSequence.spawn`` would give.

    Parameters
    ----------
    seed : int
        The run's seed.
    purpose : str
        One of ``PURPOSES``.
    *more : int
        Further divisions, such as the epoch.

    Returns
    -------
    numpy.random.SeedSequence
    """
    return np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose), *more))
