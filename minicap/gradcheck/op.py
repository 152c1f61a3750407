"""Check a pair of functions, ``x_forward`` and ``x_backward``."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from minicap.gradcheck.compare import Budget
from minicap.gradcheck.engine import Check, Subject, UnusableError
from minicap.gradcheck.hygiene import Gradients
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
    name = _plain(forward).__name__ if hasattr(_plain(forward), "__name__") else type(forward).__name__
    backward = backward or _find_backward(forward, name)
    args = [own(value, upcast) for value in inputs]
    options = {key: own(value, upcast) for key, value in options.items()}
    names = argument_names(forward, len(args))
    moved = {f"d{arg}": x for arg, x in zip(names, args, strict=True) if is_float_array(x)}
    if not moved:
        raise ValueError(
            f"{name}: no positional input is an array of floats, so there is nothing to differentiate by; "
            f"the inputs are {', '.join(type(x).__name__ for x in inputs) or 'none'}"
        )
    places = [f"d{arg}" if is_float_array(x) else None for arg, x in zip(names, args, strict=True)]

    def call_forward() -> tuple[tuple[Any, ...], Any]:
        return split_outputs(
            forward(*fresh(args), **dict(zip(options, fresh(options.values()), strict=True)))
        )

    def call_backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        return wire(backward(*upstreams, cache), places)

    subject = Subject(name.removesuffix("_forward"), moved, call_forward, call_backward)
    return Check(subject, tolerance, Budget(), np.random.default_rng(seed)).run()


def is_float_array(value: Any) -> bool:
    """Whether ``value`` is an array that can be moved a little."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional arguments; ``x``, ``x0``, ``x1`` where unnamed."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [parameter.name for parameter in parameters if parameter.kind in kinds][:count]
    return names or ["x"] if count == 1 else names + [f"x{i}" for i in range(len(names), count)]


def split_outputs(result: Any) -> tuple[tuple[Any, ...], Any]:
    """Split what a forward returns into a tuple of outputs and the cache."""
    if not isinstance(result, tuple) or len(result) != 2:
        kind = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise UnusableError(f"forward must return (y, cache) or ((y1, y2), cache), not {kind}")
    y, cache = result
    return (tuple(y) if isinstance(y, (tuple, list)) else (y,)), cache


def wire(returned: Any, places: list[str | None]) -> tuple[Gradients, list[str]]:
    """Give each returned gradient the name of the input it belongs to.

    Parameters
    ----------
    returned : NamedTuple, dict, tuple, ndarray or None
        What a backward returned.
    places : list of str or None
        The gradient's name for each positional input, None for one that is not differentiated.

    Returns
    -------
    gradients : dict
        By name.
    problems : list of str
        A sentence for whatever belongs to no input.
    """
    wanted = [place for place in places if place is not None]
    if hasattr(returned, "_asdict"):
        returned = returned._asdict()
    if isinstance(returned, Mapping):
        named = {key if key in wanted else f"d{key}": value for key, value in returned.items()}
        extra = [
            key for key, value in returned.items() if value is not None and not {key, f"d{key}"} & set(wanted)
        ]
        return {place: named[place] for place in wanted if place in named}, [
            f"backward returns {key}, which belongs to no float input (there are {', '.join(wanted)}); "
            "an input without a gradient is passed by keyword"
            for key in extra
        ]
    values = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if len(values) == len(wanted):
        return dict(zip(wanted, values, strict=True)), []
    if len(values) == len(places):
        return {place: value for place, value in zip(places, values, strict=True) if place is not None}, []
    return dict(zip(wanted, values, strict=False)), [
        f"backward returns {len(values)} gradients for {len(wanted)} float inputs ({', '.join(wanted)}); "
        "a NamedTuple with fields of these names leaves no doubt"
    ]


def _plain(forward: Callable[..., Any]) -> Any:
    """Return the function under partials and wrappers."""
    while isinstance(forward, partial):
        forward = forward.func
    return inspect.unwrap(forward)


def _find_backward(forward: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function beside ``forward`` that has ``_backward`` where it has ``_forward``."""
    plain = _plain(forward)
    wanted = f"{name.removesuffix('_forward')}_backward"
    homes = [
        getattr(plain, "__globals__", {}),
        vars(sys.modules.get(getattr(plain, "__module__", ""), object())),
    ]
    for home in homes:
        if name.endswith("_forward") and callable(home.get(wanted)):
            return home[wanted]
    raise ValueError(
        f"{name}: no function {wanted} beside it in {getattr(plain, '__module__', '?')}; "
        "name it so, or pass backward=..."
    )


def own(value: Any, upcast: bool) -> Any:
    """Return a copy of an array, in float64 where asked; everything else as it is."""
    if isinstance(value, np.floating):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return value
    small = value.dtype.kind == "f" and value.dtype.itemsize < 8
    return value.astype(np.float64) if upcast and small else value.copy()


def fresh(values: Any) -> list[Any]:
    """Return the values with every generator copied, so that each call draws the same numbers."""
    return [copy.deepcopy(v) if isinstance(v, np.random.Generator) else v for v in values]
