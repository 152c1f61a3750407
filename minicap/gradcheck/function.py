"""Check functions that bring their own gradients: closures and losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minicap.gradcheck.adapters import closures, losses
from minicap.gradcheck.adapters.calls import name_of
from minicap.gradcheck.engine import check
from minicap.gradcheck.report import Report


def check_closure(
    function: Callable[..., Any],
    *inputs: Any,
    wiring: Sequence[str | None] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    upcast: bool = True,
    **options: Any,
) -> Report:
    """Prove the derivative of a function that returns its own backward, ``f(x, w) -> (y, backward)``.

    Parameters
    ----------
    function : callable
        Returns ``(y, backward)`` or ``((y1, y2), backward)``; ``backward(dy)`` returns the gradients.
    *inputs, wiring, seed, tolerance, upcast, **options
        As for ``check_pair``.

    Returns
    -------
    Report
        As from ``check_pair``.
    """
    return check(
        lambda: closures.subject(function, inputs, options, wiring=wiring, upcast=upcast),
        name_of(function),
        tolerance=tolerance,
        seed=seed,
    )


def check_loss(
    function: Callable[..., Any],
    *inputs: Any,
    wiring: Sequence[str | None] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    upcast: bool = True,
    **options: Any,
) -> Report:
    """Prove the gradients that a loss returns beside its value, ``softmax_loss(x, y) -> (loss, dx)``.

    Parameters
    ----------
    function : callable
        Returns ``(loss, dx)``, ``(loss, dw, db)`` or ``(loss, grads)`` with a dict.
    *inputs, wiring, seed, tolerance, upcast, **options
        As for ``check_pair``. An argument without a gradient is taken for data.

    Returns
    -------
    Report
        As from ``check_pair``.
    """
    return check(
        lambda: losses.subject(function, inputs, options, wiring=wiring, upcast=upcast),
        name_of(function),
        tolerance=tolerance,
        seed=seed,
    )
