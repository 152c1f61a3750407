"""Check a pair of functions, ``x_forward`` and ``x_backward``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicap.gradcheck.adapters import pairs
from minicap.gradcheck.adapters.calls import name_of, plain
from minicap.gradcheck.compare import Budget
from minicap.gradcheck.engine import Check, check
from minicap.gradcheck.report import Report


def check_op(
    forward: Callable[..., Any],
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    upcast: bool = True,
    **options: Any,
) -> Report:
    """Prove the derivative of one op, or say what is wrong with it.

    With random upstream gradients ``dy``, compares what ``backward`` returns with the numerical derivative of
    ``sum(dy * y)`` by every float input; then looks at form and manners: shapes, dtypes, nothing mutated,
    the same result twice, zero from zero, linear in ``dy``.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs, **options)`` returns ``(y, cache)`` or ``((y1, y2, ...), cache)``.
    *inputs : ndarray or anything
        Float arrays are moved; integers, booleans and everything else are passed on as they are. The
        caller's arrays are copied, never touched.
    backward : callable, optional
        ``backward(dy1, dy2, ..., cache)`` returns a NamedTuple whose field ``d<name>`` belongs to forward's
        argument ``<name>``, a dict keyed so, or a plain tuple for the float inputs in order. Without it the
        function named like ``forward``, with ``_backward`` for ``_forward``, is taken from the same module.
    seed : int
        Seeds the upstream gradients and the choice of entries.
    tolerance : float
        The relative error allowed, ``max|a - n| / max|n|``.
    upcast : bool
        Whether float32 inputs are checked in float64, as they should be unless float32 itself is in question
        (then allow a tolerance near 1e-2).
    **options
        Passed to ``forward`` by keyword, never moved; a ``numpy.random.Generator`` is copied for each call.

    Returns
    -------
    Report
        Print it; ask ``.passed`` or ``.verdict``; in a test, call ``.assert_ok()``.

    Raises
    ------
    ValueError
        If no backward is found, or no input is a float array.
    """
    backward = backward or find_backward(forward)
    subject = pairs.subject(forward, backward, inputs, options, upcast=upcast, lenient=False)
    return Check(subject, tolerance, Budget(), np.random.default_rng(seed)).run()


def check_pair(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *inputs: Any,
    wiring: Sequence[str | None] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    upcast: bool = True,
    **options: Any,
) -> Report:
    """Prove the derivative of a pair of functions written to any of the usual conventions.

    As ``check_op``, but it never raises for what the code does, and it makes more of what it is given: lists
    and dicts of arrays are looked into, gradients are wired by the names in the return statement and by
    their shapes, a target needs no gradient. What it took for granted is in the report's ``notes``.

    Parameters
    ----------
    forward : callable
        Returns ``(y, cache)``, ``((y1, y2), cache)``, ``(y1, y2, cache)``, or outputs alone.
    backward : callable
        Takes one upstream gradient an output and the cache, last or first, or forward's arguments again.
    *inputs : ndarray or anything
        Float arrays are moved, in lists and dicts too (but for a ``conv_param`` or ``config``).
    wiring : sequence of str or None, optional
        The arguments that the returned gradients belong to, in order; None for one to be left out.
    seed, tolerance, upcast, **options
        As for ``check_op``.

    Returns
    -------
    Report
        Gradients are called ``d<argument>``, ``dxs[0]`` in a list ``xs``, ``d<key>`` in a dict.
    """
    return check(
        lambda: pairs.subject(forward, backward, inputs, options, wiring=wiring, upcast=upcast),
        name_of(forward).removesuffix("_forward"),
        tolerance=tolerance,
        seed=seed,
    )


def find_backward(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function beside ``forward`` that has ``_backward`` where it has ``_forward``."""
    found, name = plain(forward), name_of(forward)
    wanted = f"{name.removesuffix('_forward')}_backward"
    homes = [
        getattr(found, "__globals__", {}),
        vars(sys.modules.get(getattr(found, "__module__", ""), object())),
    ]
    for home in homes:
        if name.endswith("_forward") and callable(home.get(wanted)):
            return home[wanted]
    raise ValueError(
        f"{name}: no function {wanted} beside it in {getattr(found, '__module__', '?')}; "
        "name it so, or pass backward=..."
    )
