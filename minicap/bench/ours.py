"""minicap's side of the rows: operations, called as any user calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicap import kernels, ops
from minicap._types import Arrays
from minicap.bench.inputs import inputs_of
from minicap.bench.jobs import Job, plainly
from minicap.bench.rows import FORWARD, INPUT, WEIGHT, Row
from minicap.bench.shapes import ConvShape
from minicap.optim import Adam


def op_job(row: Row) -> Job:
    """Return the job of a row that is about one operation.

    Parameters
    ----------
    row : Row
        Of a kind in ``OPS``.

    Returns
    -------
    Job
        One way; its arrays are named like the gradients of the op.
    """
    call, names = OPS[row.kind](row, inputs_of(row))
    return Job({"ops": plainly(call)}, lambda found: dict(zip(names, found, strict=True)))


_Made = tuple[Callable[[], tuple[Any, ...]], tuple[str, ...]]  # a call, and the names of what it returns


def _conv(row: Row, given: Arrays) -> _Made:
    """Return one direction of a convolution, or all three."""
    shape = ConvShape(*row.options["shape"])
    x, w, b, dy = (given[name] for name in ("x", "w", "b", "dy"))
    options: dict[str, int] = {"stride": shape.stride, "padding": shape.padding, "groups": shape.groups}
    pad = (shape.padding, shape.padding)
    full = ((shape.stride,) * 2, (pad, pad), (1, 1), shape.groups)  # as the kernels take them
    if row.part == FORWARD:
        return lambda: (ops.conv2d_forward(x, w, b, **options)[0],), ("y",)
    if row.part == INPUT:
        return lambda: (kernels.conv.conv2d_backward_input(dy, w, x.shape, *full),), ("dx",)
    if row.part == WEIGHT:
        return lambda: (kernels.conv.conv2d_backward_weight(dy, x, w.shape, *full),), ("dw",)

    def all_three() -> tuple[Any, ...]:
        y, cache = ops.conv2d_forward(x, w, b, **options)
        return (y, *ops.conv2d_backward(dy, cache))

    return all_three, ("y", "dx", "dw", "db")


def _max_pool(row: Row, given: Arrays) -> _Made:
    """Return max-pooling by 2x2, or its gradient."""
    x, dy = given["x"], given["dy"]
    if row.part == FORWARD:
        return lambda: (ops.max_pool2d_forward(x, 2)[0],), ("y",)
    _, cache = ops.max_pool2d_forward(x, 2)
    return lambda: ops.max_pool2d_backward(dy, cache), ("dx",)


def _average_pool(row: Row, given: Arrays) -> _Made:
    """Return average pooling by 2x2, or its gradient."""
    x, dy = given["x"], given["dy"]
    if row.part == FORWARD:
        return lambda: (ops.avg_pool2d_forward(x, 2)[0],), ("y",)
    _, cache = ops.avg_pool2d_forward(x, 2)
    return lambda: ops.avg_pool2d_backward(dy, cache), ("dx",)


def _batch_norm(row: Row, given: Arrays) -> _Made:
    """Return batch norm while training, or its gradients."""
    x, gamma, beta, dy = (given[name] for name in ("x", "gamma", "beta", "dy"))
    if row.part == FORWARD:
        return lambda: (ops.batch_norm_forward(x, gamma, beta)[0],), ("y",)
    _, cache = ops.batch_norm_forward(x, gamma, beta)
    return lambda: ops.batch_norm_backward(dy, cache), ("dx", "dgamma", "dbeta")


def _layer_norm(row: Row, given: Arrays) -> _Made:
    """Return layer norm, or its gradients."""
    x, gamma, beta, dy = (given[name] for name in ("x", "gamma", "beta", "dy"))
    if row.part == FORWARD:
        return lambda: (ops.layer_norm_forward(x, gamma, beta)[0],), ("y",)
    _, cache = ops.layer_norm_forward(x, gamma, beta)
    return lambda: ops.layer_norm_backward(dy, cache), ("dx", "dgamma", "dbeta")


def _loss(row: Row, given: Arrays) -> _Made:
    """Return softmax cross-entropy and its gradient."""
    logits, targets = given["logits"], given["targets"]

    def both() -> tuple[Any, ...]:
        loss, cache = ops.softmax_cross_entropy_forward(logits, targets)
        return loss, ops.softmax_cross_entropy_backward(1.0, cache).dlogits

    return both, ("loss", "dlogits")


def _embedding(row: Row, given: Arrays) -> _Made:
    """Return the gradient of word vectors."""
    _, cache = ops.embedding_forward(given["ids"], given["w"])
    return lambda: ops.embedding_backward(given["dy"], cache), ("dw",)


def _lstm(row: Row, given: Arrays) -> _Made:
    """Return an LSTM over whole sequences, forward and backward."""
    x, w_x, w_h, dhs = (given[name] for name in ("x", "w_x", "w_h", "dhs"))
    b = given["b_x"] + given["b_h"]  # PyTorch has two, and adds them
    zero = np.zeros_like(dhs[:, 0])

    def both() -> tuple[Any, ...]:
        (hs, c_last), cache = ops.lstm_forward(x, zero, zero, w_x, w_h, b)
        grads = ops.lstm_backward(dhs, zero, cache)
        return hs, c_last, grads.dx, grads.dw_x, grads.dw_h, grads.db

    return both, ("hs", "c_last", "dx", "dw_x", "dw_h", "db")


def _gru(row: Row, given: Arrays) -> _Made:
    """Return a GRU over whole sequences, forward and backward."""
    x, w_x, w_h, b_x, b_h, dhs = (given[name] for name in ("x", "w_x", "w_h", "b_x", "b_h", "dhs"))
    zero = np.zeros_like(dhs[:, 0])

    def both() -> tuple[Any, ...]:
        hs, cache = ops.gru_forward(x, zero, w_x, w_h, b_x, b_h)
        grads = ops.gru_backward(dhs, cache)
        return hs, grads.dx, grads.dw_x, grads.dw_h, grads.db_x, grads.db_h

    return both, ("hs", "dx", "dw_x", "dw_h", "db_x", "db_h")


def _adam(row: Row, given: Arrays) -> _Made:
    """Return a step of Adam over many parameters."""
    count = len(row.options["shapes"])
    params = {str(k): given[f"param{k}"] for k in range(count)}
    grads = {str(k): given[f"grad{k}"] for k in range(count)}
    optimizer = Adam(1e-3)

    def step() -> tuple[Any, ...]:
        optimizer.step(params, grads)
        return tuple(params.values())

    return step, tuple(params)


OPS: dict[str, Callable[[Row, Arrays], _Made]] = {
    "conv": _conv,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "loss": _loss,
    "embedding": _embedding,
    "lstm": _lstm,
    "gru": _gru,
    "adam": _adam,
}
