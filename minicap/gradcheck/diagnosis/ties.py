"""Ties in a maximum: each entry alone may have the whole gradient, all of them together may not.

An entry that ties with another has a kink, and any slope between its one-sided ones is right for it alone. Moved
together, entries of one value stay tied: the maximum moves as smoothly as they do, and the sum of their
gradients has to be its slope.
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.compare import Comparison
from minicap.gradcheck.findings import Problem
from minicap.gradcheck.numeric import direction_line, subgradient_interval

LEVELS = 12  # values looked at, those that occur most often first


def ties_problems(name: str, comparison: Comparison, analytic: Array) -> list[Problem]:
    """Return a problem where entries that tie get more, or less, than the gradient that they share.

    Parameters
    ----------
    name : str
        The gradient.
    comparison : Comparison
        Where its input lives and how to evaluate.
    analytic : ndarray
        The gradient, of the shape of the input.

    Returns
    -------
    list of Problem
        Of the first value that shows it.
    """
    x, scale = comparison.x, float(np.abs(analytic).max(initial=0.0))
    values, counts = np.unique(x, return_counts=True)
    often = np.argsort(-counts, kind="stable")[:LEVELS]
    for value in values[often[counts[often] > 1]]:
        together = (x == value).astype(x.dtype)
        line, step = (
            direction_line(x, together, comparison.evaluate),
            comparison.step(int(np.argmax(together))),
        )
        slope = comparison.slope(line, step)
        expected = float((analytic * together).sum())
        error = abs(expected - slope.value)
        if error <= max(100 * comparison.tolerance * scale * together.sum(), 10 * slope.bar) or slope.kinked:
            continue
        if (
            subgradient_interval(line, comparison.upstream, comparison.middle, step / 16, comparison.eps)
            is not None
        ):
            continue
        sentence = (
            f"{name} is wrong where entries tie: those of value {value:.6g} get {expected:.6g} together where their "
            f"common slope is {slope.value:.6g}"
        )
        return [Problem(sentence, "ties", name)]
    return []
