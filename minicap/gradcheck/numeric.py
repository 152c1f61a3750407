"""Numerical derivatives that come with an honest error bar.

A derivative along a line is measured from five points, ``-h, -rh, 0, rh, h`` with ``r = 0.618...``:

    D(h)  = (f(h) - f(-h)) / 2h                              central difference, its error grows with h^2
    value = (D(rh) - r^2 D(h)) / (1 - r^2)                   Richardson: the h^2 terms cancel
    even  = |r^2 (f(h) + f(-h)) - (f(rh) + f(-rh)) + 2 (1 - r^2) f(0)|      leaves noise, and terms in h^4
    odd   = |r (f(h) - f(-h)) - (f(rh) - f(-rh))|                           leaves noise, and terms in h^3
    sigma = the larger of the two for noise of size 1, at least eps |f| and eps^(2/3) h |D|
    bar   = |D(h) - D(rh)| + 10 sigma / h

So the rounding noise of ``f`` is measured, not assumed: an ill-conditioned function is found out, where
``eps |f| / h`` alone would flatter it. The shorter step is not half the longer one, because a function
rounded to a grid often moves by exactly half as much in half the step: all differences would agree, and
all be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array

NOISE = 10.0  # how many sigma of rounding a bar holds: sigma itself comes from two samples
RATIO = (math.sqrt(5) - 1) / 2
EVEN_NORM = math.sqrt(2 * RATIO**4 + 2 + 4 * (1 - RATIO**2) ** 2)
ODD_NORM = math.sqrt(2 * RATIO**2 + 2)

Line = Callable[[float], Array]


class Slope(NamedTuple):
    """A directional derivative: its value, its error bar, the noise behind it, and a suspicion of a kink."""

    value: float
    bar: float
    sigma: float
    kinked: bool


def step_size(scale: float, eps: float) -> float:
    """Return ``eps^(1/3) max(1, |x|)``, where truncation and rounding are about equally small."""
    return float(eps ** (1 / 3) * max(1.0, abs(scale)))


def slope_along(
    line: Line, upstream: Array, middle: Array, step: float, eps: float, floor: float = 0.0
) -> Slope:
    """Measure ``d/dt sum(upstream * line(t))`` at ``t = 0``.

    Parameters
    ----------
    line : callable
        ``line(t)`` returns the outputs, flattened to (K,), at distance ``t``.
    upstream, middle : ndarray of shape (K,)
        The weight of each output, and ``line(0)``.
    step : float
        The longer of the two steps.
    eps : float
        The relative rounding error of one output.
    floor : float
        The noise known from neighbouring lines; the bar is never made of less.

    Returns
    -------
    Slope
        Non-finite outputs give a NaN value with an infinite bar.
    """
    inner = RATIO * step
    points = np.stack([line(step), line(-step), line(inner), line(-inner)])  # (4, K)
    touched = np.flatnonzero((points != middle).any(axis=0))  # often few of many outputs
    if not touched.size:  # no output moved, but the rounding of any of them may hide that much
        sigma = max(eps * float(np.linalg.norm(upstream * np.maximum(np.abs(middle), 1))), floor)
        return Slope(0.0, NOISE * sigma / step, sigma, False)
    up, down, up_near, down_near = points[:, touched]
    upstream, middle = upstream[touched], middle[touched]
    if not np.isfinite(points[:, touched]).all():
        return Slope(math.nan, math.inf, math.inf, False)
    wide = float(upstream @ (up - down)) / (2 * step)
    near = float(upstream @ (up_near - down_near)) / (2 * inner)
    even = RATIO**2 * (up + down) - (up_near + down_near) + 2 * (1 - RATIO**2) * middle
    odd = RATIO * (up - down) - (up_near - down_near)
    noise = np.maximum(np.abs(even) / EVEN_NORM, np.abs(odd) / ODD_NORM)
    sigma = float(np.linalg.norm(upstream * np.maximum(noise, eps * np.abs(middle))))
    sigma = max(sigma, floor, eps ** (2 / 3) * step * abs(near))
    # One-sided slopes of a smooth function differ by h f'': less at the shorter step. A kink's gap stays.
    gap, gap_near = np.abs(up + down - 2 * middle), np.abs(up_near + down_near - 2 * middle) / RATIO
    visible = gap_near > 64 * eps * np.maximum(np.abs(up), np.abs(middle))
    kinked = bool(np.any(visible & (gap_near > 0.8 * gap)))
    value = (near - RATIO**2 * wide) / (1 - RATIO**2)
    return Slope(value, abs(wide - near) + NOISE * sigma / step, sigma, kinked)


def subgradient_interval(
    line: Line, upstream: Array, middle: Array, step: float, eps: float
) -> tuple[float, float] | None:
    """Return the range of slopes a kink at ``t = 0`` allows, or None where there is no kink.

    An output has a kink where its left and right slopes keep their distance while the step shrinks
    sixteenfold: a smooth function's would shrink as much, and rounding noise would grow as much.
    Every kinked output may choose its own slope between its left and its right one.
    """
    left, right = _one_sided(line, middle, step)
    left_fine, right_fine = _one_sided(line, middle, step / 16)
    if not all(np.isfinite(slopes).all() for slopes in (left, right, left_fine, right_fine)):
        return None
    gap, gap_fine = np.abs(right - left), np.abs(right_fine - left_fine)
    visible = gap_fine * step / 16 > 64 * eps * np.abs(middle)
    kinked = visible & (gap_fine > 0.5 * gap) & (gap_fine < 2 * gap)
    if not kinked.any():
        return None
    smooth = (left + right) / 2
    one, other = upstream * left_fine, upstream * right_fine
    low = np.where(kinked, np.minimum(one, other), upstream * smooth)
    high = np.where(kinked, np.maximum(one, other), upstream * smooth)
    return float(low.sum()), float(high.sum())


def _one_sided(line: Line, middle: Array, step: float) -> tuple[Array, Array]:
    """Return the left and the right difference quotient of every output."""
    with np.errstate(invalid="ignore", over="ignore"):
        return (middle - line(-step)) / step, (line(step) - middle) / step


def numerical_gradient(f: Callable[[Array], Any], x: Array, dy: Array | float | None = None) -> Array:
    """Differentiate ``f`` at ``x`` by central differences with Richardson extrapolation.

    ``dx[i] = sum_k dy[k] df[k]/dx[i]``, each entry of ``x`` moved on its own: four calls of ``f`` an entry.
    ``x`` is moved in place and put back, so an ``f`` that looks at the same array through another
    name (a layer's parameter, say) sees the move too.

    Parameters
    ----------
    f : callable
        Takes ``x``, returns an array of any shape or a scalar.
    x : ndarray of floats
        The point; left as it was.
    dy : ndarray of the shape of ``f(x)``, optional
        The upstream gradient. Needed unless ``f`` returns a single number, where it is 1.

    Returns
    -------
    ndarray
        The gradient, of the shape and dtype of ``x``.

    Raises
    ------
    TypeError
        If ``x`` is not an array of floats.
    ValueError
        If ``dy`` is missing or does not have the shape of ``f(x)``.
    """
    if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.floating):
        kind = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"numerical_gradient: x must be an array of floats to be moved a little, got {kind}")
    if not x.flags.writeable:
        x = x.copy()
    y = np.asarray(f(x))
    upstream = _upstream(y, dy)
    eps = float(max(np.finfo(x.dtype).eps, np.finfo(y.dtype).eps if y.dtype.kind == "f" else 0.0))
    middle = np.array(y, dtype=np.float64).ravel()
    gradient = np.empty(x.size)
    for i in range(x.size):
        line = entry_line(x, i, lambda: np.array(f(x), dtype=np.float64).ravel())
        gradient[i] = slope_along(line, upstream, middle, step_size(float(x.flat[i]), eps), eps).value
    return gradient.reshape(x.shape).astype(x.dtype)


def entry_line(x: Array, i: int, evaluate: Callable[[], Array]) -> Line:
    """Return ``t -> evaluate()`` with entry ``i`` of ``x`` moved by ``t`` for the length of the call."""
    base = x.flat[i]

    def line(t: float) -> Array:
        x.flat[i] = base + t
        try:
            return evaluate()
        finally:
            x.flat[i] = base

    return line


def direction_line(x: Array, direction: Array, evaluate: Callable[[], Array]) -> Line:
    """Return ``t -> evaluate()`` with ``x`` moved by ``t * direction`` for the length of the call."""
    base = x.copy()

    def line(t: float) -> Array:
        np.multiply(direction, t, out=x)
        np.add(base, x, out=x)
        try:
            return evaluate()
        finally:
            x[...] = base

    return line


def _upstream(y: Array, dy: Array | float | None) -> Array:
    """Return the flat upstream gradient in float64, with the shape checked."""
    if dy is None:
        if y.size != 1:
            raise ValueError(
                f"numerical_gradient: f returns an array of shape {y.shape}, so dy (an upstream gradient of "
                "that shape) is needed; a random one hides least"
            )
        return np.ones(1)
    if np.shape(dy) != y.shape:
        raise ValueError(f"numerical_gradient: dy has shape {np.shape(dy)} but f returns shape {y.shape}")
    return np.array(dy, dtype=np.float64).ravel()
