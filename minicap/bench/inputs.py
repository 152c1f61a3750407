"""The numbers that a row is measured on: the same for every library."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from minicap._types import Array, Arrays
from minicap.bench.rows import Row
from minicap.bench.shapes import ConvShape

FIRST_WORD = 4  # the first four ids are markers
START, END, PAD = 1, 2, 0


def inputs_of(row: Row) -> Arrays:
    """Return the arrays of a row, float32 and int64.

    Parameters
    ----------
    row : Row

    Returns
    -------
    dict of str to Array
        Empty where a row has none.
    """
    rng = np.random.default_rng(zlib.crc32(row.kind.encode()))
    make = _MAKERS.get(row.kind)
    return {} if make is None else {name: _settled(array) for name, array in make(rng, row.options).items()}


def _settled(array: Array) -> Array:
    """Return an array in the type that both libraries compute in."""
    return np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else array.dtype)


def _conv(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return x, w, b and the upstream dy; weights as a layer would start with."""
    shape = ConvShape(*options["shape"])
    seen = shape.c // shape.groups * shape.kernel**2
    return {
        "x": rng.standard_normal((shape.n, shape.c, shape.h, shape.w), np.float32),
        "w": rng.standard_normal((shape.f, shape.c // shape.groups, shape.kernel, shape.kernel))
        / np.sqrt(seen),
        "b": rng.standard_normal(shape.f),
        "dy": rng.standard_normal((shape.n, shape.f, *shape.output), np.float32),
    }


def _pool(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return x and dy."""
    n, c, h, w = options["x"]
    return {
        "x": rng.standard_normal((n, c, h, w), np.float32),
        "dy": rng.standard_normal((n, c, h // 2, w // 2), np.float32),
    }


def _norm(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return x, gamma, beta and dy; gamma and beta have the width of the second axis."""
    gamma, beta = rng.standard_normal((2, options["x"][1]))
    x, dy = rng.standard_normal((2, *options["x"]), np.float32)
    return {"x": x, "gamma": 1 + gamma / 4, "beta": beta, "dy": dy}


def _loss(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return logits and targets."""
    rows, words = options["x"]
    return {
        "logits": 2 * rng.standard_normal((rows, words), np.float32),
        "targets": rng.integers(words, size=rows),
    }


def _embedding(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return w, ids as words are spread in text, few of them often, and dy."""
    words, width = options["w"]
    ids = np.minimum(words * rng.random(options["ids"]) ** 4, words - 1).astype(np.int64)
    return {
        "w": rng.standard_normal((words, width), np.float32),
        "ids": ids,
        "dy": rng.standard_normal((len(ids), width), np.float32),
    }


def _recurrent(gates: int) -> Any:
    """Return a maker of x, w_x, w_h, biases b_x and b_h, and dhs."""

    def make(rng: Any, options: dict[str, Any]) -> Arrays:
        n, t, d, h = options["sizes"]
        return {
            "x": rng.standard_normal((n, t, d), np.float32),
            "w_x": rng.standard_normal((d, gates * h)) / np.sqrt(d),
            "w_h": rng.standard_normal((h, gates * h)) / np.sqrt(h),
            "b_x": rng.standard_normal(gates * h) / 4,
            "b_h": rng.standard_normal(gates * h) / 4,
            "dhs": rng.standard_normal((n, t, h), np.float32),
        }

    return make


def _adam(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return parameters and gradients."""
    shapes = dict(enumerate(options["shapes"]))
    return {
        f"{kind}{k}": rng.standard_normal(shape) for kind in ("param", "grad") for k, shape in shapes.items()
    }


def _classifier(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return pictures and labels."""
    n, side = options["batch"], options["image_size"]
    return {
        "images": rng.uniform(-1, 1, (n, 3, side, side)),
        "labels": rng.integers(options["classes"], size=n),
    }


def _captioner(rng: Any, options: dict[str, Any]) -> Arrays:
    """Return pictures, tokens (N, T+1) of captions of half to all of T words, and the mask (N, T)."""
    n, t, side = options["batch"], options["length"], options["image_size"]
    tokens = rng.integers(FIRST_WORD, options["words"], size=(n, t + 1))
    lengths = rng.integers((t + 1) // 2, t + 1, size=n)  # the end marker counted as a word
    lengths[0] = t
    tokens[:, 0] = START
    tokens[np.arange(n), lengths] = END
    tokens[np.arange(t + 1) > lengths[:, None]] = PAD
    return {
        "images": rng.uniform(-1, 1, (n, 3, side, side)),
        "tokens": tokens,
        "mask": np.arange(1, t + 1) <= lengths[:, None],
    }


_MAKERS = {
    "conv": _conv,
    "max_pool": _pool,
    "average_pool": _pool,
    "batch_norm": _norm,
    "layer_norm": _norm,
    "loss": _loss,
    "embedding": _embedding,
    "lstm": _recurrent(4),
    "gru": _recurrent(3),
    "adam": _adam,
    "classifier": _classifier,
    "captioner": _captioner,
    "greedy": _captioner,
}
