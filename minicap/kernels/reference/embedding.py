"""The gradient of a table look-up: y = w[ids] sends each row of dy back to the row it came from."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def embedding_backward(dy: Array, ids: Array, rows: int) -> Array:
    """Add every gradient to its word's row; a word that occurs twice receives both.

        dw[v] = sum of dy[m] over all m with ids[m] = v

    Parameters
    ----------
    dy : (M, D) upstream gradient, one row for every word looked up
    ids : (M,) int64, in 0 .. rows - 1
    rows : V, the number of words in the table

    Returns
    -------
    dw : (V, D); the rows of words that did not occur are zero
    """
    dw = np.zeros((rows, dy.shape[1]), dy.dtype)
    for word, gradient in zip(ids.tolist(), dy, strict=True):
        dw[word] += gradient
    return dw
