"""Compare a student's forward with an op of a library, whatever the order of axes and the layout of weights.

The library is any module with ``<op>_forward(...) -> (y, cache)``; its name is given, so that nothing is imported here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.errors import InputError
from minicap.gradcheck.answers_recurrent import recurrent_variants
from minicap.gradcheck.discover import Candidate
from minicap.gradcheck.invent_roles import plain, roles_of

CLOSE, CLOSE_NORM = 1e-6, 1e-3  # a norm's eps may be another one

# Roles of the op's positional arguments.
_ROLES = {
    "linear": "x w b", "conv2d": "x w b", "max_pool2d": "x", "avg_pool2d": "x", "global_avg_pool2d": "x",
    "relu": "x", "relu6": "x", "tanh": "x", "sigmoid": "x", "gelu": "x", "softmax": "x",
    "batch_norm": "x gamma beta", "layer_norm": "x gamma beta", "embedding": "x w",
    "scaled_dot_product_attention": "q k v", "softmax_cross_entropy": "x y", "sigmoid_binary_cross_entropy": "x y",
    "rnn": "", "lstm": "", "gru": "", "rnn_step": "", "lstm_step": "", "gru_step": "",
}  # fmt: skip
# Options of the op, and what students call them.
_OPTIONS = {
    "stride": ("stride", "strides", "s"), "padding": ("pad", "padding"), "eps": ("eps", "epsilon"), "mask": ("mask",),
    "causal": ("causal",), "axis": ("axis", "dim"),
}  # fmt: skip
_FRONT, _BACK = (0, 3, 1, 2), (0, 2, 3, 1)


class Variant(NamedTuple):
    """One way to understand a student's arguments, and how to bring the op's outputs into the student's form."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    back: Callable[[Array], Array] = np.asarray
    note: str = ""


def compare_forward(
    candidate: Candidate, values: Mapping[str, Any], op: str, library: str
) -> tuple[list[str], list[str]]:
    """Return what is wrong with a layer's forward, and notes on how it was compared.

    Parameters
    ----------
    candidate : Candidate
    values : mapping
        Its inputs by argument name.
    op : str
        ``conv2d`` for ``conv2d_forward``.
    library : str
        Dotted name of the module that has it.

    Returns
    -------
    problems, notes : list of str

    Raises
    ------
    InputError
        If there is no such op, or it cannot be compared.
    """
    forward = answer_of(op, library)
    try:
        subject = candidate.build(values)
        theirs = [np.asarray(y) for y in subject.forward()[0]]
    except (Exception, SystemExit):
        return [], [f"forward could not be called, so it was not compared with {op}"]
    arguments = {**_flat(values), **_flat(subject.arguments)}
    nearest, best = None, np.inf
    for variant in variants(op, arguments, forward):
        ours = _called(forward, variant)
        difference = _difference(theirs, ours) if ours is not None else np.inf
        if difference <= (CLOSE_NORM if op.endswith("norm") else CLOSE):
            note = f"forward agrees with {op}" + (f" ({variant.note})" if variant.note else "")
            return [], [note]
        if ours is not None and difference <= best:
            nearest, best = ours, difference
    if nearest is None:
        names = ", ".join(arguments)
        return [], [f"forward was not compared with {op}: its arguments ({names}) do not fit that op's"]
    return [_sentence(op, theirs, nearest)], []


def answer_of(op: str, library: str) -> Callable[..., Any]:
    """Return the op's forward.

    Parameters
    ----------
    op, library : str

    Raises
    ------
    InputError
        Naming the ops that can be compared.
    """
    module = import_module(library)
    known = [name for name in _ROLES if hasattr(module, f"{name}_forward")]
    if op not in known:
        raise InputError(f"--op: {op!r} is no op that can be compared; there are {', '.join(known)}")
    return getattr(module, f"{op}_forward")


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name, what is in dicts beside the rest."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {name: value}
    return flat


def variants(op: str, arguments: Mapping[str, Any], forward: Callable[..., Any]) -> Iterator[Variant]:
    """Yield the ways to understand a student's arguments.

    Parameters
    ----------
    op : str
    arguments : mapping
        By name, dicts flattened.
    forward : callable
        The op, which tells the options that there are.
    """
    options = _options(arguments, forward)
    if not _ROLES[op]:
        for args, more, back, note in recurrent_variants(op, arguments):
            yield Variant(args, more, back, note)
        return
    found = _by_role(op, arguments)
    if found is None:
        return
    special = {"linear": _linear, "conv2d": _conv, "max_pool2d": _pool, "avg_pool2d": _pool}
    if op in special:
        yield from special[op](found, options, arguments)
    elif op in ("batch_norm", "layer_norm"):
        x, gamma, beta = found
        yield Variant((x, gamma.ravel(), beta.ravel()), options)
        yield Variant((x.T, gamma.ravel(), beta.ravel()), options, np.transpose, "samples in columns")
        if x.ndim == 4 and op == "batch_norm":
            yield Variant((x.transpose(_FRONT), gamma.ravel(), beta.ravel()), options, _to_back)
    else:
        yield Variant(tuple(found), options)
        if op == "softmax_cross_entropy":
            yield from _losses(found, options)


def _by_role(op: str, arguments: Mapping[str, Any]) -> list[Any] | None:
    """Return the op's positional arguments, None where one is missing; a bias that is not there is zero."""
    found: list[Any] = []
    taken: set[str] = set()
    for role in _ROLES[op].split():
        name = next(
            (
                name for name, value in arguments.items()
                if isinstance(value, np.ndarray) and name not in taken and role in _roles(name, op)
            ), None,
        )  # fmt: skip
        if name is None and role == "b" and found[1:]:
            outputs = found[1].shape[-1] if op == "linear" else found[1].shape[0]
            found.append(np.zeros(outputs))
        elif name is None:
            return None
        else:
            taken.add(name)
            found.append(arguments[name])
    return found


def _roles(name: str, op: str) -> list[str]:
    """Return the roles that an argument may have for an op."""
    roles = roles_of(name)
    if op.endswith("norm"):
        roles = roles + [{"b": "beta", "w": "gamma"}.get(role, role) for role in roles]
    return roles


def _options(arguments: Mapping[str, Any], forward: Callable[..., Any]) -> dict[str, Any]:
    """Return the options that the op has and the student was given."""
    known = inspect.signature(forward).parameters
    found = {}
    for option, names in _OPTIONS.items():
        value = next((v for name, v in arguments.items() if plain(name) in names), None)
        if option in known and value is not None:
            found[option] = value
    return found


def _linear(found: list[Any], options: dict[str, Any], _: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the layouts of a linear layer: flattened inputs, weights (in, out) and (out, in), samples in columns."""
    x, w, b = found
    if w.ndim != 2:
        return
    flat = x.reshape(len(x), -1) if x.ndim > 2 else x
    for data in (x, flat):
        yield Variant((data, w, _sized(b, w.shape[1])), options)
        yield Variant((data, w.T, _sized(b, w.shape[0])), options, note="weights (out, in)")
    if x.ndim == 2:
        yield Variant((x.T, w.T, _sized(b, w.shape[0])), options, np.transpose, "samples in columns")


def _sized(b: Array, count: int) -> Array:
    """Return a bias as a vector; zeros of the right length where there is none."""
    return b.ravel() if b.size == count else np.zeros(count)


def _conv(found: list[Any], options: dict[str, Any], _: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the layouts of a convolution: channels first, channels last, one channel, one picture."""
    x, w, b = found
    if x.ndim == 4 and w.ndim == 4:
        yield Variant((x, w, _sized(b, w.shape[0])), options)
        last = x.transpose(_FRONT)
        yield Variant(
            (last, w.transpose(3, 2, 0, 1), _sized(b, w.shape[3])), options, _to_back, "channels last"
        )
        yield Variant((last, w.transpose(_FRONT), _sized(b, w.shape[0])), options, _to_back, "channels last")
    if x.ndim == 3 and w.ndim == 4:
        yield Variant((x[None], w, _sized(b, w.shape[0])), options, lambda y: y[0])
    if x.ndim == 2 and w.ndim == 2:
        yield Variant((x[None, None], w[None, None], _sized(b, 1)), options, lambda y: y[0, 0])


def _pool(found: list[Any], options: dict[str, Any], arguments: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the layouts of pooling."""
    (x,) = found
    sizes: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, (int, tuple)) and not isinstance(value, bool):
            sizes |= {role: value for role in roles_of(name) if role in ("k", "kh", "kw")}
    if not sizes or x.ndim != 4:
        return
    size = (sizes["kh"], sizes["kw"]) if {"kh", "kw"} <= set(sizes) else next(iter(sizes.values()))
    yield Variant((x, size), options)
    yield Variant((x.transpose(_FRONT), size), options, _to_back, "channels last")


def _losses(found: list[Any], options: dict[str, Any]) -> Iterator[Variant]:
    """Yield the scales of a loss: the mean over the targets, their sum, the sum over time and the mean over samples."""
    logits, targets = found
    if targets.ndim == logits.ndim:
        targets = targets.argmax(axis=-1)
        yield Variant((logits, targets), options, note="targets one-hot")
    kept = int(np.sum(options.get("mask", np.ones(targets.shape))))
    yield Variant((logits, targets), options, lambda y: y * kept, "the sum over the targets, not their mean")
    per_sample = kept / len(targets)
    yield Variant(
        (logits, targets), options, lambda y: y * per_sample, "summed over time, averaged over samples"
    )


def _to_back(y: Array) -> Array:
    """Put channels last."""
    return np.transpose(y, _BACK)


def _called(forward: Callable[..., Any], variant: Variant) -> list[Array] | None:
    """Return the op's outputs in the student's form, None where the arguments do not fit it."""
    try:
        y, _ = forward(*variant.args, **variant.options)
        return [variant.back(np.asarray(part)) for part in (y if isinstance(y, tuple) else (y,))]
    except (ValueError, TypeError, IndexError):
        return None


def _difference(theirs: list[Array], ours: list[Array]) -> float:
    """Return the largest difference by the size of the values; infinite where shapes differ."""
    worst = 0.0
    for a, b in zip(theirs, ours, strict=False):
        if a.shape != b.shape:
            return float("inf")
        size = float(np.abs(b).max(initial=0.0)) or 1.0
        worst = max(worst, float(np.abs(a - b).max(initial=0.0)) / size)
    return worst


def _sentence(op: str, theirs: list[Array], ours: list[Array]) -> str:
    """Say where two forwards differ most."""
    for a, b in zip(theirs, ours, strict=False):
        if a.shape != b.shape:
            return f"forward returns shape {a.shape} where {op} returns {b.shape}"
        difference = np.abs(a - b)
        if difference.max(initial=0.0) > 0:
            place = np.unravel_index(int(difference.argmax()), a.shape)
            where = f"y[{', '.join(str(int(i)) for i in place)}]" if a.ndim else "the output"
            share = int((difference > CLOSE * max(1.0, float(np.abs(b).max()))).sum())
            return (
                f"forward differs from {op} at {share:,} of {a.size:,} entries, most at {where}: "
                f"{a[place]:.6g} where {b[place]:.6g} is right"
            )
    return f"forward differs from {op}"
