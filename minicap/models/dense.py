"""Fully connected layers behind a map, their widths written down in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from minicap._types import Rng
from minicap.initializers import he_normal
from minicap.layers import Dropout, Flatten, Linear, Relu, Sequential

MOST_LAYERS, MOST_UNITS = 16, 65536


def read_widths(widths: str | Sequence[int]) -> list[int]:
    """Return the widths that a line such as ``512,128`` describes; an empty line describes none.

    Parameters
    ----------
    widths : str, or sequence of int

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If it is no such line.
    """
    words = widths.split(",") if isinstance(widths, str) else [str(width) for width in widths]
    words = [] if widths == "" else [word.strip() for word in words]
    if len(words) > MOST_LAYERS or not all(map(_is_width, words)):
        raise ValueError(
            f"there are no widths {str(widths)[:80]!r}; write the widths of fully connected layers, as in 512,128"
        )
    return [int(word) for word in words]


def dense_layers(
    in_size: int,
    widths: Sequence[int],
    out_size: int,
    *,
    dropout: float = 0.0,
    rng: Rng,
    dtype: DTypeLike = "float32",
) -> Sequential:
    """Return ``linear -> ReLU -> dropout`` for each width, and a last linear layer.

    Parameters
    ----------
    in_size : int
        Numbers a map holds; it is flattened first.
    widths : sequence of int
        Of the layers in between.
    out_size : int
    dropout : float
        Probability dropped behind each of them while training.
    rng : numpy.random.Generator
    dtype : dtype

    Returns
    -------
    Sequential
        (N, F, s, s) in, (N, out_size) out.
    """
    layers: dict[str, Any] = {"flatten": Flatten()}
    before = in_size
    for i, width in enumerate(widths, 1):
        layers[f"linear{i}"] = Linear(before, width, rng=rng, dtype=dtype, init=he_normal)
        layers[f"relu{i}"] = Relu()
        if dropout:
            layers[f"dropout{i}"] = Dropout(dropout)
        before = width
    layers[f"linear{len(widths) + 1}"] = Linear(before, out_size, rng=rng, dtype=dtype)
    return Sequential(**layers)


def telling_dense_shapes(in_size: int, widths: Sequence[int], out_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights, which a file has to bear out.

    Parameters
    ----------
    in_size : int
    widths : sequence of int
    out_size : int

    Returns
    -------
    dict of str to tuple
    """
    sizes = [in_size, *widths, out_size]
    return {f"linear{i}.weight": (sizes[i - 1], sizes[i]) for i in range(1, len(sizes))}


def _is_width(word: str) -> bool:
    """Tell whether a word is a number of units; one of many digits is not even converted."""
    return word.isascii() and word.isdecimal() and len(word) < 10 and 1 <= int(word) <= MOST_UNITS
