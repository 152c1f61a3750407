"""Check a layer: an object with parameters, ``forward`` and ``backward``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minicap.gradcheck.adapters import classes
from minicap.gradcheck.engine import check
from minicap.gradcheck.report import Report


def check_layer(
    layer: Any,
    *inputs: Any,
    wiring: Sequence[str | None] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    upcast: bool = True,
    **options: Any,
) -> Report:
    """Prove the derivative of a layer by every float input and every parameter.

    Works on a copy of the layer, in float64; whatever a forward leaves in it (running statistics, a hidden
    cache) is gone before the next one.

    Parameters
    ----------
    layer : object
        Either has ``params`` (a dict of live arrays by name), ``forward(*inputs, **options) -> (y, cache)`` and
        ``backward(*upstreams, cache) -> (dx, grads)``, with a tuple for ``dx`` where there are several
        float inputs, and ``grads`` named like ``params``; it may name its inputs in ``inputs``. Or keeps its
        cache to itself: ``forward(x) -> y``, ``backward(dy) -> dx``, and gradients in ``self.grads``, in
        ``self.dW`` for ``self.W``, or returned beside ``dx``.
    *inputs : ndarray or anything
        As for ``check_op``.
    wiring : sequence of str or None, optional
        The arguments and parameters that the returned gradients belong to, in order.
    seed, tolerance, upcast
        As for ``check_op``.
    **options
        Passed to ``forward`` by keyword.

    Returns
    -------
    Report
        Gradients of inputs are called ``d<argument>``; those of parameters like the parameter, or as a class
        itself calls them: ``dW``, or the key in its ``grads``.

    Raises
    ------
    ValueError
        If there is nothing to differentiate by, or a float32 parameter cannot be replaced by a float64 one.
    """
    name = type(layer).__name__
    return check(
        lambda: classes.subject(layer, inputs, options, wiring=wiring, upcast=upcast),
        name,
        tolerance=tolerance,
        seed=seed,
        usage=True,
    )
