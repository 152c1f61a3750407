"""The length of all gradients together, and a limit to it."""

from __future__ import annotations

import math

import numpy as np

from minicap import kernels
from minicap._types import ArrayMapping, Arrays


def global_norm(grads: ArrayMapping) -> float:
    """Return the Euclidean norm over all gradients together.

    Parameters
    ----------
    grads : dict of str to Array

    Returns
    -------
    float
    """
    rows = (np.ascontiguousarray(grad).reshape(-1) for grad in grads.values())
    return math.sqrt(sum(kernels.optim.square_sum(row) for row in rows))


def clip_by_global_norm(grads: Arrays, max_norm: float) -> tuple[Arrays, float]:
    """Scale all gradients together so that their common norm is at most ``max_norm``.

    The direction stays; only a step that would be too long is shortened.

    Parameters
    ----------
    grads : dict of str to Array
    max_norm : float
        Largest norm allowed; ``inf`` never clips.

    Returns
    -------
    grads : dict of str to Array
        The same dict where nothing had to be done, else new arrays.
    norm : float
        The norm before clipping.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive.

    References
    ----------
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013),
    algorithm 1.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_by_global_norm: max_norm is {max_norm} but a positive number is needed")
    norm = global_norm(grads)
    if norm <= max_norm:
        return grads, norm
    return {name: grad * grad.dtype.type(max_norm / norm) for name, grad in grads.items()}, norm
