"""Can the model tell which caption belongs to which picture? Recall at k and median rank, both ways.

recall at k = share of queries with a right answer among the k that score highest
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array


class Ranks(NamedTuple):
    """Recall at 1, 5 and 10, and the median rank of the best right answer, 1 the best."""

    recall_1: float
    recall_5: float
    recall_10: float
    median_rank: float


class Retrieval(NamedTuple):
    """Captions found for pictures, and pictures found for captions."""

    image_to_text: Ranks
    text_to_image: Ranks

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return both ways as dicts, ready for ``metrics.json``."""
        return {name: ranks._asdict() for name, ranks in self._asdict().items()}


def retrieval(scores: ArrayLike, owner: ArrayLike | None = None) -> Retrieval:
    """Rank captions for each picture, and pictures for each caption.

    Parameters
    ----------
    scores : array_like of shape (N, M)
        How well picture i and caption j go together, higher is better: a log-probability, for example. A model
        that gives common sentences a high probability whatever the picture finds few captions for pictures.
    owner : array_like of shape (M,), optional
        Which picture each caption is about, 0 to N - 1; every picture has at least one. Without it caption i
        belongs to picture i, and M = N.

    Returns
    -------
    Retrieval
        Of a picture's several captions the best placed counts. Equal scores count against the model, so that
        one that scores everything alike finds nothing.

    Raises
    ------
    ValueError
        If the shapes do not fit, a score is NaN, or a picture has no caption.
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"retrieval: scores is {table.shape}; (N, M), a row a picture, a column a caption")
    if np.isnan(table).any():
        place = ", ".join(map(str, np.argwhere(np.isnan(table))[0]))
        raise ValueError(f"retrieval: scores[{place}] is NaN and has no rank")
    owners = _owners(table.shape, owner)
    own = table[owners, np.arange(len(owners))]  # (M,) each caption with its own picture
    best = np.full(len(table), -np.inf)
    np.maximum.at(best, owners, own)
    others = owners != np.arange(len(table))[:, None]  # (N, M) captions of other pictures
    to_text = 1 + ((table >= best[:, None]) & others).sum(axis=1)
    to_image = (table >= own).sum(axis=0)  # its own picture is among them: the rank counts from 1
    return Retrieval(_ranks(to_text), _ranks(to_image))


def _owners(shape: tuple[int, ...], owner: ArrayLike | None) -> Array:
    """Return the picture of each caption, or raise where one cannot be."""
    n, m = shape
    if owner is None:
        if n != m:
            raise ValueError(
                f"retrieval: scores is {shape}; say with owner (M,) which picture a caption is about"
            )
        return np.arange(n)
    owners = np.asarray(owner)
    if owners.shape != (m,) or owners.dtype.kind not in "iu":
        raise ValueError(
            f"retrieval: owner is {owners.dtype} {owners.shape} but {m} whole numbers are needed"
        )
    if owners.min() < 0 or owners.max() >= n:
        raise ValueError(
            f"retrieval: owner lies in {owners.min()}..{owners.max()} but pictures are 0..{n - 1}"
        )
    without = np.setdiff1d(np.arange(n), owners)
    if without.size:
        raise ValueError(f"retrieval: picture {without[0]} has no caption; leave it out")
    return owners


def _ranks(ranks: Array) -> Ranks:
    """Return recall at 1, 5 and 10, and the median."""
    at_1, at_5, at_10 = (float((ranks <= k).mean()) for k in (1, 5, 10))
    return Ranks(at_1, at_5, at_10, float(np.median(ranks)))
