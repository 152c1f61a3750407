"""Solutions of lesson 0."""

import numpy as np


def sum_of_squares_gradient(x):
    """Each entry stands in one square only."""
    return 2 * x


def scale_gradients(dy, x, a):
    """The number a was used at every entry, so it gets the sum over all of them."""
    return a * dy, (dy * x).sum()


def mean_gradient(dy, x):
    """Every entry of a row has a D-th part in the row's mean; all of them get the same."""
    return np.repeat(dy[:, None] / x.shape[1], x.shape[1], axis=1)


def product_gradients(dy, x, w):
    """The shapes leave one way only."""
    return dy @ w.T, x.T @ dy
