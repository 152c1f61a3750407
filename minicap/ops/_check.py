"""What every op asks of its arguments before a kernel sees them."""

from __future__ import annotations

import numpy as np

from minicap._types import Array

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def floats(op: str, **arrays: Array) -> list[Array]:
    """Return the arguments as arrays of one dtype, float32 or float64, or name the one that differs."""
    checked = {name: np.asarray(array) for name, array in arrays.items()}
    first, lead = next(iter(checked.items()))
    for name, array in checked.items():
        if array.dtype not in FLOATS:
            raise TypeError(
                f"{op}: {name} is {array.dtype} but float32 or float64 is needed; "
                f"pass {name}.astype(np.float32)"
            )
        if array.dtype != lead.dtype:
            raise TypeError(
                f"{op}: {name} is {array.dtype} but {first} is {lead.dtype}; "
                f"pass {name}.astype(np.{lead.dtype})"
            )
    return list(checked.values())


def shape(op: str, name: str, array: Array, expected: tuple[int, ...], letters: str) -> None:
    """Raise unless the array has the expected shape; ``letters`` says what its axes are."""
    if array.shape != expected:
        raise ValueError(f"{op}: {name} is {array.shape} but {letters} = {expected} is needed")


def ndim(op: str, name: str, array: Array, letters: str) -> None:
    """Raise unless the array has one axis for each letter, as in ``(N, C, H, W)``."""
    if array.ndim != letters.count(",") + 1:
        raise ValueError(f"{op}: {name} has {array.ndim} axes, shape {array.shape}, but {name} is {letters}")


def upstream(op: str, name: str, dy: Array, y_shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return an upstream gradient that fits the forward's output, or say what does not."""
    dy = np.asarray(dy)
    if dy.dtype != dtype:
        raise TypeError(
            f"{op}: {name} is {dy.dtype} but the forward was {dtype}; pass {name}.astype(np.{dtype})"
        )
    if dy.shape != y_shape:
        raise ValueError(f"{op}: {name} is {dy.shape} but the forward's output was {y_shape}")
    return dy


def pair(op: str, name: str, value: int | tuple[int, int], *, least: int = 1) -> tuple[int, int]:
    """Return ``value`` as (height, width)."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(isinstance(v, int | np.integer) and v >= least for v in both):
        raise ValueError(f"{op}: {name} is {value!r} but an int or (h, w) of at least {least} is needed")
    return int(both[0]), int(both[1])


def positive(op: str, name: str, value: float) -> None:
    """Raise unless the value is a number above 0."""
    if not value > 0:
        raise ValueError(f"{op}: {name} is {value} but a number above 0 is needed")


def margins(op: str, value: int | tuple) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return a padding given as int, (h, w) or ((top, bottom), (left, right)) in the last form."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise ValueError(
            f"{op}: padding is {value!r} but an int, (h, w) or ((top, bottom), (left, right)) is needed"
        )
    vertical, horizontal = (pair(op, "padding", side, least=0) for side in both)
    return vertical, horizontal


def windows(
    op: str, x: Array, kernel_size: int | tuple, stride: int | tuple | None, padding: int | tuple
) -> tuple[tuple[int, int], tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]:
    """Return a pooling's kernel, stride and padding in full form, or raise where a window has no place or pixel."""
    ndim(op, "x", x, "(N, C, H, W)")
    kernel = pair(op, "kernel_size", kernel_size)
    step = kernel if stride is None else pair(op, "stride", stride)
    pads = margins(op, padding)
    for size, k, side in zip(x.shape[2:], kernel, pads, strict=True):
        if max(side) >= k:
            raise ValueError(f"{op}: padding {pads} must be smaller than kernel_size {kernel} on each side")
        if size < 1 or k > size + sum(side):
            raise ValueError(
                f"{op}: kernel_size {kernel} does not fit in x (N, C, H, W) = {x.shape} with padding {pads}"
            )
    return kernel, step, pads


def mask(op: str, value: Array | None, expected: tuple[int, ...], letters: str) -> Array | None:
    """Return a Boolean mask of the expected shape, or None where there is none."""
    if value is None:
        return None
    value = np.asarray(value)
    if value.dtype != np.bool_:
        raise TypeError(
            f"{op}: mask is {value.dtype} but bool is needed, True = kept; pass mask.astype(bool)"
        )
    shape(op, "mask", value, expected, letters)
    return value


def ids(op: str, name: str, value: Array, limit: int, limit_name: str) -> Array:
    """Return integers in 0 .. limit - 1 as int64, or name the first that is not."""
    value = np.asarray(value)
    if not np.issubdtype(value.dtype, np.integer):
        raise TypeError(f"{op}: {name} is {value.dtype} but integers are needed")
    outside = (value < 0) | (value >= limit)
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{op}: {name}{list(where)} is {value[where]} but {limit_name} = {limit}, so 0 to {limit - 1} are allowed"
        )
    return value.astype(np.int64, copy=False)
