"""Make the golden files: what PyTorch 2.13 computes, forward and backward, in float64.

Run it in an environment that has PyTorch, from any folder; the tests themselves need none::

    python tests/golden/make_golden.py

It writes ``ops.npz`` and ``optim.npz`` beside itself. An entry is called ``<op>/<case>/<array>``, where the
arrays are the arguments by name, ``options`` (JSON), the outputs ``y0, y1, ...``, the upstream gradients
``dy0, dy1, ...`` and the gradients ``d<argument>``, all in minicap's layouts: recurrent weights (in, out),
the LSTM's two biases added up, targets that do not count named by a mask.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

FOLDER = Path(__file__).resolve().parent
RNG = np.random.default_rng(20260)
PLACES: dict[str, np.ndarray] = {}


def normal(*shape: int) -> torch.Tensor:
    """Return normal numbers that can be differentiated by."""
    return torch.tensor(RNG.standard_normal(shape), requires_grad=True)


def record(
    name: str,
    function: Callable[..., Any],
    arrays: dict[str, torch.Tensor],
    options: dict[str, Any] | None = None,
    **fixed: np.ndarray,
) -> None:
    """Run a function on arrays, send a random upstream back, and keep everything under ``name``."""
    outputs = function(**arrays)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    upstreams = [torch.tensor(RNG.standard_normal(y.shape)) for y in outputs]
    gradients = torch.autograd.grad(outputs, list(arrays.values()), upstreams)
    kept = {key: value.detach().numpy() for key, value in arrays.items()} | fixed
    kept |= {f"y{i}": y.detach().numpy() for i, y in enumerate(outputs)}
    kept |= {f"dy{i}": dy.numpy() for i, dy in enumerate(upstreams)}
    kept |= {f"d{key}": value.numpy() for key, value in zip(arrays, gradients, strict=True)}
    kept["options"] = np.array(json.dumps(options or {}))
    PLACES.update({f"{name}/{key}": value for key, value in kept.items()})


def conv2d() -> None:
    """Convolutions with every option alone and all together."""
    cases = {
        "plain": ((2, 3, 6, 5), (4, 3, 3, 2), {}),
        "strided": ((2, 2, 7, 6), (3, 2, 3, 3), {"stride": (2, 3)}),
        "padded": ((1, 2, 5, 4), (2, 2, 3, 3), {"padding": (1, 2)}),
        "asymmetric": ((2, 2, 5, 6), (2, 2, 3, 2), {"padding": ((0, 2), (1, 0))}),
        "dilated": ((2, 2, 8, 7), (2, 2, 3, 2), {"dilation": (2, 3)}),
        "grouped": ((2, 4, 5, 5), (6, 2, 2, 3), {"groups": 2}),
        "depthwise": ((2, 3, 6, 6), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
        "together": (
            (2, 4, 9, 8),
            (4, 2, 3, 2),
            {"stride": (2, 1), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2},
        ),
    }
    for name, (x, w, options) in cases.items():
        rest = {key: value for key, value in options.items() if key != "padding"}
        padding = options.get("padding", 0)
        padding = (padding, padding) if isinstance(padding, int) else padding
        (top, bottom), (left, right) = [(p, p) if isinstance(p, int) else p for p in padding]

        def convolve(x, w, b, margins=(left, right, top, bottom), rest=rest):
            return F.conv2d(F.pad(x, margins), w, b, **rest)

        record(f"conv2d/{name}", convolve, {"x": normal(*x), "w": normal(*w), "b": normal(w[0])}, options)


def max_pool2d() -> None:
    """Windows that tile, that overlap, and that reach over the edge."""
    cases = {
        "tiling": ((2, 3, 6, 4), {"kernel_size": 2}),
        "overlapping": ((2, 2, 5, 6), {"kernel_size": (3, 2), "stride": (1, 2)}),
        "padded": ((2, 2, 5, 4), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}),
        "cut": ((1, 2, 7, 5), {"kernel_size": 3}),
    }
    for name, (x, options) in cases.items():

        def pool(x, options=options):
            return F.max_pool2d(x, **options)

        record(f"max_pool2d/{name}", pool, {"x": normal(*x)}, options)


def recurrent(cell: str, gates: int) -> None:
    """A whole sequence by PyTorch's own layer, and a masked one by its cell in a loop."""
    n, t, d, h = 3, 4, 2, 3
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], bool)  # whole, with holes, empty
    biases = ("b_x", "b_h") if cell == "gru" else ("b",)
    states = ("h0", "c0") if cell == "lstm" else ("h0",)

    def weights(named: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        two = [named["b_x"], named["b_h"]] if cell == "gru" else [named["b"], torch.zeros_like(named["b"])]
        return [named["w_x"].T, named["w_h"].T, *two]

    def whole(x: torch.Tensor, **named: torch.Tensor) -> Any:
        first = [named[name][None] for name in states]
        run = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}[cell]
        options = (True, 1, 0.0, False, False, True)  # biases, layers, dropout, train, bidirectional, N first
        hs, *last = run(x, first if cell == "lstm" else first[0], weights(named), *options)
        return (hs, last[1][0]) if cell == "lstm" else hs

    def masked(x: torch.Tensor, **named: torch.Tensor) -> Any:
        step = {"rnn": torch.rnn_tanh_cell, "gru": torch.gru_cell, "lstm": torch.lstm_cell}[cell]
        now, hs = [named[name] for name in states], []
        for k in range(t):
            after = step(x[:, k], now if cell == "lstm" else now[0], *weights(named))
            after = after if cell == "lstm" else (after,)
            real = torch.tensor(mask[:, k, None])
            now = [torch.where(real, new, old) for new, old in zip(after, now, strict=True)]
            hs.append(now[0])
        hs = torch.stack(hs, 1)
        return (hs, now[1]) if cell == "lstm" else hs

    for name, function, fixed in [("whole", whole, {}), ("masked", masked, {"mask": mask})]:
        arrays = {"x": normal(n, t, d)} | {state: normal(n, h) for state in states}
        arrays |= {"w_x": normal(d, gates * h), "w_h": normal(h, gates * h)}
        arrays |= {bias: normal(gates * h) for bias in biases}
        record(f"{cell}/{name}", function, arrays, **fixed)


def cross_entropy() -> None:
    """Flat and over time, smoothed and masked."""
    cases = {"flat": ((5,), 0.0, False), "smoothed": ((5,), 0.1, False)}
    cases |= {"masked": ((3, 4), 0.0, True), "both": ((3, 4), 0.3, True)}
    for name, (rows, smoothing, with_mask) in cases.items():
        targets = RNG.integers(0, 6, rows)
        mask = RNG.random(rows) < 0.6 if with_mask else np.ones(rows, bool)
        ignored = torch.tensor(np.where(mask, targets, -100)).reshape(-1)

        def loss(logits, ignored=ignored, smoothing=smoothing):
            return F.cross_entropy(logits.reshape(-1, 6), ignored, label_smoothing=smoothing)

        fixed = {"targets": targets} | ({"mask": mask} if with_mask else {})
        record(
            f"softmax_cross_entropy/{name}", loss, {"logits": normal(*rows, 6)},
            {"label_smoothing": smoothing}, **fixed,
        )  # fmt: skip


def embedding() -> None:
    """Ids that occur twice."""
    ids = np.array([[0, 3, 3], [1, 3, 0]])
    record("embedding/duplicates", lambda w: F.embedding(torch.tensor(ids), w), {"w": normal(5, 2)}, ids=ids)


def optimisers() -> dict[str, np.ndarray]:
    """Ten steps along given gradients: every parameter value on the way."""
    first, grads = RNG.standard_normal((2, 3)), RNG.standard_normal((10, 2, 3))
    found = {"first": first, "grads": grads}
    makers = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7),
    }
    for name, make in makers.items():
        param = torch.nn.Parameter(torch.tensor(first))
        optimiser, path = make([param]), []
        for grad in grads:
            param.grad = torch.tensor(grad)
            optimiser.step()
            path.append(param.detach().numpy().copy())
        found[name] = np.stack(path)
    return found


if __name__ == "__main__":
    conv2d()
    max_pool2d()
    for cell, gates in [("rnn", 1), ("lstm", 4), ("gru", 3)]:
        recurrent(cell, gates)
    cross_entropy()
    embedding()
    np.savez_compressed(FOLDER / "ops.npz", **PLACES)
    np.savez_compressed(FOLDER / "optim.npz", **optimisers())
    print(f"written with PyTorch {torch.__version__} to {FOLDER}")
