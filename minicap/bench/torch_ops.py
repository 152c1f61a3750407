"""PyTorch's side of the rows: operations, each in every way that a user of PyTorch may know to be fast.

Nothing here imports torch: the worker does, and hands the module on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minicap._types import Array, Arrays
from minicap.bench.inputs import inputs_of
from minicap.bench.jobs import Call, Job, Way, plainly
from minicap.bench.rows import FORWARD, INPUT, WEIGHT, Row
from minicap.bench.shapes import ConvShape

_Made = tuple[Callable[[], Sequence[Any]], tuple[str, ...]]  # a call, and the names of what it returns
Given = dict[str, Any]
LAST = "channels-last"


def op_job(torch: Any, row: Row) -> Job:
    """Return the job of a row that is about one operation.

    Parameters
    ----------
    torch : module
    row : Row
        Of a kind in ``LAYOUTS`` or ``OTHERS``.

    Returns
    -------
    Job
        Ways: channels last or not, ``inference_mode`` for forwards, and what else there is.
    """
    given = {name: torch.from_numpy(array) for name, array in inputs_of(row).items()}
    made: dict[str, _Made] = {}
    if row.kind in LAYOUTS:
        make = LAYOUTS[row.kind]
        made |= _named("", make(torch, row, given))
        if row.kind != "layer_norm":
            made |= _named(LAST, make(torch, row, _channels_last(torch, given)))
    else:
        made |= OTHERS[row.kind](torch, row, given)
    (names,) = {names for _, names in made.values()}
    ways: dict[str, Way] = {name: plainly(call) for name, (call, _) in made.items()}
    if row.part == FORWARD:
        ways |= {
            _join(name, "inference mode"): _without_autograd(torch, call) for name, (call, _) in made.items()
        }
    return Job(ways, lambda found: _as_minicap(row.kind, names, found))


def _named(prefix: str, made: dict[str, _Made]) -> dict[str, _Made]:
    """Return ways under names that begin alike."""
    return {_join(prefix, name) or "eager": one for name, one in made.items()}


def _join(*names: str) -> str:
    """Return names in one, without ``eager`` where anything else is said."""
    said = [name for name in names if name and name != "eager"]
    return ", ".join(said) or next((name for name in names if name), "")


def _channels_last(torch: Any, given: Given) -> Given:
    """Return images and filters in the other order of axes, as a model would keep them."""
    return {
        name: tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        for name, tensor in given.items()
    }


def _without_autograd(torch: Any, call: Call) -> Way:
    """Return the way of a call in inference mode."""

    @contextmanager
    def way() -> Iterator[Call]:
        with torch.inference_mode():
            yield call

    return way


def _as_minicap(kind: str, names: Sequence[str], found: Sequence[Any]) -> Arrays:
    """Return what a call returned as arrays in minicap's layout."""
    arrays: dict[str, Array] = {}
    for name, tensor in zip(names, found, strict=True):
        array = tensor.detach().numpy().copy()
        arrays[name] = array.T if kind in ("lstm", "gru") and name in ("dw_x", "dw_h") else array
    return arrays


def _conv(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return one direction of a convolution, or all three."""
    shape = ConvShape(*row.options["shape"])
    x, w, b, dy = (given[name] for name in ("x", "w", "b", "dy"))
    step, pad = [shape.stride] * 2, [shape.padding] * 2
    forward = torch.nn.functional.conv2d

    def back(which: list[bool]) -> Sequence[Any]:
        return torch.ops.aten.convolution_backward(
            dy, x, w, [shape.f], step, pad, [1, 1], False, [0, 0], shape.groups, which
        )

    if row.part == FORWARD:
        return {"eager": (lambda: (forward(x, w, b, step, pad, 1, shape.groups),), ("y",))}
    if row.part == INPUT:
        return {"eager": (lambda: back([True, False, False])[:1], ("dx",))}
    if row.part == WEIGHT:
        return {"eager": (lambda: back([False, True, False])[1:2], ("dw",))}
    leaves = [tensor.detach().requires_grad_() for tensor in (x, w, b)]

    def through_autograd() -> Sequence[Any]:
        y = forward(*leaves, step, pad, 1, shape.groups)
        return (y, *torch.autograd.grad(y, leaves, dy))

    def by_hand() -> Sequence[Any]:
        return (forward(x, w, b, step, pad, 1, shape.groups), *back([True, True, True]))

    names = ("y", "dx", "dw", "db")
    return {"eager": (through_autograd, names), "backward called by hand": (by_hand, names)}


def _max_pool(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return max-pooling by 2x2, or its gradient."""
    x, dy = given["x"], given["dy"]
    if row.part == FORWARD:
        return {"eager": (lambda: (torch.nn.functional.max_pool2d(x, 2),), ("y",))}
    _, winner = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    back = torch.ops.aten.max_pool2d_with_indices_backward
    return {"eager": (lambda: (back(dy, x, [2, 2], [2, 2], [0, 0], [1, 1], False, winner),), ("dx",))}


def _average_pool(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return average pooling by 2x2, or its gradient."""
    x, dy = given["x"], given["dy"]
    if row.part == FORWARD:
        return {"eager": (lambda: (torch.nn.functional.avg_pool2d(x, 2),), ("y",))}
    back = torch.ops.aten.avg_pool2d_backward
    return {"eager": (lambda: (back(dy, x, [2, 2], [2, 2], [0, 0], False, True, None),), ("dx",))}


def _batch_norm(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return batch norm while training, or its gradients."""
    x, gamma, beta, dy = (given[name] for name in ("x", "gamma", "beta", "dy"))
    forward, back = torch.ops.aten.native_batch_norm, torch.ops.aten.native_batch_norm_backward
    if row.part == FORWARD:
        return {"eager": (lambda: forward(x, gamma, beta, None, None, True, 0.1, 1e-5)[:1], ("y",))}
    _, mean, inv_std = forward(x, gamma, beta, None, None, True, 0.1, 1e-5)
    return {
        "eager": (
            lambda: back(dy, x, gamma, None, None, mean, inv_std, True, 1e-5, [True] * 3),
            ("dx", "dgamma", "dbeta"),
        )
    }


def _layer_norm(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return layer norm, or its gradients."""
    x, gamma, beta, dy = (given[name] for name in ("x", "gamma", "beta", "dy"))
    width = list(gamma.shape)
    if row.part == FORWARD:
        return {"eager": (lambda: (torch.nn.functional.layer_norm(x, width, gamma, beta),), ("y",))}
    _, mean, inv_std = torch.ops.aten.native_layer_norm(x, width, gamma, beta, 1e-5)
    back = torch.ops.aten.native_layer_norm_backward
    names = ("dx", "dgamma", "dbeta")
    return {"eager": (lambda: back(dy, x, width, mean, inv_std, gamma, beta, [True] * 3), names)}


def _loss(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return softmax cross-entropy and its gradient."""
    logits, targets = given["logits"].requires_grad_(), given["targets"]

    def both() -> Sequence[Any]:
        loss = torch.nn.functional.cross_entropy(logits, targets)
        return (loss, *torch.autograd.grad(loss, logits))

    return {"eager": (both, ("loss", "dlogits"))}


def _embedding(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return the gradient of word vectors."""
    ids, dy, words = given["ids"], given["dy"], len(given["w"])
    back = torch.ops.aten.embedding_dense_backward
    return {"eager": (lambda: (back(dy, ids, words, -1, False),), ("dw",))}


def _recurrent(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return an LSTM or GRU over whole sequences, forward and backward, batch first and time first."""
    kind = torch.nn.LSTM if row.kind == "lstm" else torch.nn.GRU
    names = ("hs", "c_last", "dx", "dw_x", "dw_h", "db") if row.kind == "lstm" else (
        "hs", "dx", "dw_x", "dw_h", "db_x", "db_h"
    )  # fmt: skip
    return {
        "eager": (_sequence(torch, kind, given, batch_first=True), names),
        "time first": (_sequence(torch, kind, given, batch_first=False), names),
    }


def _sequence(torch: Any, kind: Any, given: Given, *, batch_first: bool) -> Callable[[], Sequence[Any]]:
    """Return a call of a layer that starts from zero; what it returns has the batch first."""
    width, hidden = given["x"].shape[2], given["w_h"].shape[0]
    layer = kind(width, hidden, batch_first=batch_first)
    with torch.no_grad():
        for name, param in zip(("w_x", "w_h", "b_x", "b_h"), layer.parameters(), strict=True):
            param.copy_(given[name].t())
    turned = (lambda t: t) if batch_first else (lambda t: t.transpose(0, 1))
    x = turned(given["x"]).contiguous().requires_grad_()
    dhs = turned(given["dhs"]).contiguous()
    leaves = [x, *layer.parameters()]

    def both() -> Sequence[Any]:
        hs, last = layer(x)
        dx, *grads = torch.autograd.grad(hs, leaves, dhs)
        if kind is torch.nn.LSTM:
            return turned(hs), last[1][0], turned(dx), *grads[:3]
        return turned(hs), turned(dx), *grads

    return both


def _adam(torch: Any, row: Row, given: Given) -> dict[str, _Made]:
    """Return a step of Adam over many parameters: the default, and both faster forms."""
    count = len(row.options["shapes"])

    def stepped(**options: bool) -> Callable[[], Sequence[Any]]:
        params = [given[f"param{k}"].clone().requires_grad_() for k in range(count)]
        for k, param in enumerate(params):
            param.grad = given[f"grad{k}"]
        optimizer = torch.optim.Adam(params, lr=1e-3, **options)

        def step() -> Sequence[Any]:
            optimizer.step()
            return params

        return step

    names = tuple(map(str, range(count)))
    forms: dict[str, dict[str, bool]] = {"eager": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}
    return {name: (stepped(**options), names) for name, options in forms.items()}


_Maker = Callable[[Any, Row, Given], dict[str, _Made]]
LAYOUTS: dict[str, _Maker] = {  # of images, which may lie with the channels last
    "conv": _conv,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
OTHERS: dict[str, _Maker] = {
    "loss": _loss,
    "embedding": _embedding,
    "lstm": _recurrent,
    "gru": _recurrent,
    "adam": _adam,
}
