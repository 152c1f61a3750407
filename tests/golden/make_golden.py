"""Make the golden files: what PyTorch 2.13 computes, forward and backward, in float64.

Run it in an environment that has PyTorch, from any folder; the tests themselves need none::

    ATEN_CPU_CAPABILITY=avx2 python tests/golden/make_golden.py

The variable keeps the last bits from depending on the machine's vector unit. Cases added later draw their
numbers inside ``own_numbers(seed)``, so that the older ones keep theirs.

It writes ``ops.npz`` and ``optim.npz`` beside itself. An entry is called ``<op>/<case>/<array>``, where the
arrays are the arguments by name, ``options`` (JSON), the outputs ``y0, y1, ...``, the upstream gradients
``dy0, dy1, ...`` and the gradients ``d<argument>``, all in minicap's layouts: recurrent weights (in, out),
the LSTM's two biases added up, targets that do not count named by a mask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

FOLDER = Path(__file__).resolve().parent
RNG = np.random.default_rng(20260)
PLACES: dict[str, np.ndarray] = {}


@contextmanager
def own_numbers(seed: int) -> Iterator[None]:
    """Draw from another generator inside, and go on with the old one after."""
    global RNG
    kept, RNG = RNG, np.random.default_rng(seed)
    yield
    RNG = kept


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
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.8, eps=1e-3),
        "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
        "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, weight_decay=0.3),
        "rmsprop_decay": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.8, eps=1e-3, weight_decay=0.3),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
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


def additive_attention() -> None:
    """Locations scored against a state, written out as in the paper; no layer of PyTorch does it."""
    n, locations, e, h, a = 3, 5, 4, 2, 6
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 1, 0]], bool)  # whole, with holes, one alone

    def attend(features, h, w_f, w_h, b, v, seen):
        scores = torch.tanh(features @ w_f + (h @ w_h + b)[:, None]) @ v
        weights = torch.softmax(scores.masked_fill(~torch.tensor(seen), -torch.inf), dim=-1)
        return torch.einsum("nl,nle->ne", weights, features), weights

    for name, seen, fixed in [("plain", np.ones_like(mask), {}), ("masked", mask, {"mask": mask})]:
        arrays = {"features": normal(n, locations, e), "h": normal(n, h), "w_f": normal(e, a)}
        arrays |= {"w_h": normal(h, a), "b": normal(a), "v": normal(a)}
        record(f"additive_attention/{name}", partial(attend, seen=seen), arrays, **fixed)


def dot_product_attention() -> None:
    """PyTorch's own y; the weights, which it keeps to itself, beside it."""
    rows = np.array([[1, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1]], bool)  # (Tq, Tk)
    keys = np.array([[1, 1, 0, 1], [0, 1, 0, 0]], bool)[:, None, None]  # (N, 1, 1, Tk) over heads
    cases = {  # batch axes, Tq, Tk, mask, causal
        "plain": ((2,), 3, 5, None, False),
        "masked": ((2,), 3, 4, rows, False),
        "heads": ((2, 3), 2, 4, keys, False),
        "causal": ((2,), 4, 4, None, True),
        "causal, keys kept from before": ((), 2, 5, None, True),
    }
    for name, (batch, queries, keys_, mask, causal) in cases.items():
        seen = torch.ones(queries, keys_, dtype=torch.bool).tril(keys_ - queries if causal else keys_)
        seen = seen if mask is None else torch.tensor(mask)

        def attend(q, k, v, seen=seen, plain_causal=causal and queries == keys_):
            given = {"is_causal": True} if plain_causal else {"attn_mask": seen}
            y = F.scaled_dot_product_attention(q, k, v, **given)
            scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~seen, -torch.inf)
            return y, torch.softmax(scores, dim=-1)

        shapes = {"q": (*batch, queries, 3), "k": (*batch, keys_, 3), "v": (*batch, keys_, 2)}
        arrays = {key: normal(*shape) for key, shape in shapes.items()}
        fixed = {} if mask is None else {"mask": mask}
        record(f"scaled_dot_product_attention/{name}", attend, arrays, {"causal": causal}, **fixed)


def multi_head_attention() -> None:
    """PyTorch's layer as a function: time first, weights (out, in), and masks that say what to leave out."""
    n, size, heads = 2, 4, 2
    keys = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 1]], bool)  # (N, Tk)
    others = np.array([[1, 1, 1, 0, 1], [1, 0, 1, 1, 0]], bool)
    pairs = np.array([[[1, 0, 1], [0, 1, 0], [1, 1, 1]], [[0, 0, 1], [1, 1, 0], [1, 0, 0]]], bool)
    cases = {  # Tq, Tk, width of k, width of v, mask (N, Tk) or (N, Tq, Tk), causal
        "plain": (3, 5, 4, 4, None, False),
        "keys masked": (3, 5, 3, 6, keys, False),
        "pairs masked": (3, 3, 4, 4, pairs, False),
        "causal": (4, 4, 4, 4, None, True),
        "causal, keys masked": (3, 5, 2, 4, others, True),
    }
    for name, (queries, keys_, k_width, v_width, mask, causal) in cases.items():
        future = ~np.tri(queries, keys_, keys_ - queries, dtype=bool) if causal else None
        if mask is not None and mask.ndim == 3:
            future = np.repeat(~mask, heads, axis=0)  # (N * heads, Tq, Tk)
        padding = torch.tensor(~mask) if mask is not None and mask.ndim == 2 else None

        def attend(q, k, v, w_q, w_k, w_v, w_o, b_q, b_k, b_v, b_o, padding=padding, future=future):
            y, weights = F.multi_head_attention_forward(
                q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), size, heads,
                None, torch.cat([b_q, b_k, b_v]), None, None, False, 0.0, w_o.T, b_o,
                use_separate_proj_weight=True, q_proj_weight=w_q.T, k_proj_weight=w_k.T, v_proj_weight=w_v.T,
                key_padding_mask=padding, attn_mask=None if future is None else torch.tensor(future),
                need_weights=True, average_attn_weights=False,
            )  # fmt: skip
            return y.transpose(0, 1), weights

        arrays = {"q": normal(n, queries, size), "k": normal(n, keys_, k_width)}
        arrays |= {"v": normal(n, keys_, v_width), "w_q": normal(size, size), "w_k": normal(k_width, size)}
        arrays |= {"w_v": normal(v_width, size), "w_o": normal(size, size)}
        arrays |= {f"b_{part}": normal(size) for part in "qkvo"}
        options, fixed = {"heads": heads, "causal": causal}, {} if mask is None else {"mask": mask}
        record(f"multi_head_attention/{name}", attend, arrays, options, **fixed)


def normalisation() -> None:
    """By the batch's statistics, by given ones, and along the last axis."""

    def parameters(*shape: int, axis: int) -> dict[str, torch.Tensor]:
        return {"x": normal(*shape), "gamma": normal(shape[axis]), "beta": normal(shape[axis])}

    def batch(x, gamma, beta, mean=None, var=None):
        return F.batch_norm(x, mean, var, gamma, beta, training=mean is None, eps=1e-3)

    for name, shape in {"vectors": (5, 3), "images": (3, 2, 4, 3), "sequences": (2, 3, 5)}.items():
        record(f"batch_norm/{name}", batch, parameters(*shape, axis=1), {"eps": 1e-3})
    mean, var = RNG.standard_normal(2), RNG.uniform(0.5, 2, 2)
    given = partial(batch, mean=torch.tensor(mean), var=torch.tensor(var))
    fixed, options = {"running_mean": mean, "running_var": var}, {"eps": 1e-3, "training": False}
    record("batch_norm/inference", given, parameters(3, 2, 4, 3, axis=1), options, **fixed)
    for name, shape in {"batch": (3, 5), "over time": (2, 3, 4)}.items():

        def layer(x, gamma, beta, size=shape[-1:]):
            return F.layer_norm(x, size, gamma, beta, eps=1e-3)

        record(f"layer_norm/{name}", layer, parameters(*shape, axis=-1), {"eps": 1e-3})


def average_pooling() -> None:
    """Windows that tile, overlap, and reach over the edge, which counts or does not."""
    edge = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}
    cases = {"tiling": {"kernel_size": 2}, "overlapping": {"kernel_size": (3, 2), "stride": (1, 2)}}
    cases |= {"padded": edge, "real pixels": edge | {"count_include_pad": False}, "cut": {"kernel_size": 3}}
    for name, options in cases.items():

        def pool(x, options=options):
            return F.avg_pool2d(x, **options)

        record(f"avg_pool2d/{name}", pool, {"x": normal(2, 2, 7, 6)}, options)


def elementwise() -> None:
    """Activations, and the loss of independent targets."""
    record("relu6/both ends", lambda x: F.relu6(x), {"x": normal(4, 5).mul(6).detach().requires_grad_()})
    for name, form in [("exact", "none"), ("approximate", "tanh")]:
        options = {"approximate": form == "tanh"}
        record(f"gelu/{name}", lambda x, form=form: F.gelu(x, approximate=form), {"x": normal(4, 5)}, options)
    for name in ("hard", "soft", "masked"):
        targets = RNG.random((4, 3)) if name == "soft" else RNG.integers(0, 2, (4, 3))
        mask = RNG.random((4, 3)) < (0.6 if name == "masked" else 1)

        def loss(logits, targets=targets, mask=mask):
            return F.binary_cross_entropy_with_logits(logits[mask], torch.tensor(targets[mask]).to(logits))

        fixed = {"targets": targets} | ({"mask": mask} if name == "masked" else {})
        record(f"sigmoid_binary_cross_entropy/{name}", loss, {"logits": normal(4, 3)}, **fixed)


if __name__ == "__main__":
    conv2d()
    max_pool2d()
    for cell, gates in [("rnn", 1), ("lstm", 4), ("gru", 3)]:
        recurrent(cell, gates)
    cross_entropy()
    embedding()
    with own_numbers(20261):
        additive_attention()
        dot_product_attention()
        multi_head_attention()
    with own_numbers(20262):
        normalisation()
        average_pooling()
        elementwise()
    np.savez_compressed(FOLDER / "ops.npz", **PLACES)
    np.savez_compressed(FOLDER / "optim.npz", **optimisers())
    print(f"written with PyTorch {torch.__version__} to {FOLDER}")
