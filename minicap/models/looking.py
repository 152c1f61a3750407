"""The price of not looking: the doubly stochastic penalty on attention."""

from __future__ import annotations

from typing import NamedTuple

from minicap._types import Array


class PenaltyCache(NamedTuple):
    """The looks still missing at each place (N, L), the mask (N, T), and the factor in front."""

    missing: Array
    mask: Array
    factor: float


def penalty_forward(weights: Array, mask: Array, factor: float) -> tuple[Array, PenaltyCache]:
    """Return how far a sentence is from looking at every place about once.

    ::

        penalty = factor / N * sum_n sum_l (1 - sum_t mask_nt weights_ntl)**2

    Each word's weights sum to 1 over the places; this asks the same of each place over the words.

    Parameters
    ----------
    weights : Array, (N, T, L)
    mask : Array of bool, (N, T)
    factor : float

    Returns
    -------
    penalty : 0-d
    cache : PenaltyCache

    References
    ----------
    Xu et al., "Show, attend and tell" (2015), section 4.2.1, equation 14; their lambda is our factor.
    """
    real = mask.astype(weights.dtype)
    missing = 1 - (real[:, None] @ weights)[:, 0]  # (N, L)
    penalty = (missing * missing).sum() * weights.dtype.type(factor / len(weights))
    return penalty, PenaltyCache(missing, real, factor)


def penalty_backward(dpenalty: float, cache: PenaltyCache) -> Array:
    """Return the gradient of the weights: ``dweights_ntl = -2 factor / N mask_nt missing_nl dpenalty``.

    Parameters
    ----------
    dpenalty : float
        Upstream gradient.
    cache : PenaltyCache

    Returns
    -------
    dweights : Array, (N, T, L)
    """
    missing, mask, factor = cache
    scale = missing.dtype.type(-2 * factor / len(missing) * float(dpenalty))
    return scale * mask[:, :, None] * missing[:, None]
