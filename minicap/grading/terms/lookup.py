"""The embedding, the softmax loss and attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap import ops
from minicap._types import Array, Rng
from minicap.grading.terms.base import Bodies, Choice, Pull, Term, Variant, fill, normal, sizes


def _draw_embedding(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, t, v, d = sizes(rng, 4, 2, 7)
    v = max(v, variant["padding_id"] + 2)
    ids = rng.integers(0, v, (n, t))
    ids.flat[-1] = ids.flat[0]  # an id that occurs twice
    if variant["padding_id"] >= 0:
        ids.flat[1] = variant["padding_id"]
    return {"ids": ids, "w": normal(rng, v, d)}


def _embedding(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    ids, w = arguments.values()
    y, cache = ops.embedding_forward(ids, w)

    def pull(dy: Array) -> dict[str, Array]:
        dw = ops.embedding_backward(dy, cache).dw.copy()
        if variant["padding_id"] >= 0:
            dw[variant["padding_id"]] = 0
        return {"w": dw}

    return (y,), pull


def _shapes_embedding(variant: Variant) -> dict[str, str]:
    return {"ids": "(N, T) of int, each 0 to V - 1", "w": "(V, D), a row for each word", "y": "(N, T, D)"}


def _convention_embedding(variant: Variant) -> list[str]:
    lines = ["y[n, t] = w[ids[n, t]]; an id may occur several times"]
    if variant["padding_id"] >= 0:
        lines.append(f"the id {variant['padding_id']} is padding: its row gets no gradient")
    return lines


def _bodies_embedding(variant: Variant) -> Bodies:
    backward = "dw = np.zeros_like(w)\nnp.add.at(dw, ids, dy)"
    if variant["padding_id"] >= 0:
        backward += f"\ndw[{variant['padding_id']}] = 0"
    return Bodies("y = w[ids]", backward, ("ids", "w"))


def _draw_loss(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, c = sizes(rng, 2, 3, 8)
    return {"x": 2.0 * normal(rng, n, c), "y": rng.integers(0, c, n)}


def _loss(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, y = arguments.values()
    many = float(len(x)) if variant["reduction"] == "sum" else 1.0
    loss, cache = ops.softmax_cross_entropy_forward(x, y, label_smoothing=variant["smoothing"])

    def pull(dloss: Array) -> dict[str, Array]:
        return {"x": ops.softmax_cross_entropy_backward(float(dloss) * many, cache).dlogits}

    return (np.asarray(many * loss),), pull


def _shapes_loss(variant: Variant) -> dict[str, str]:
    return {"x": "(N, C), the scores", "y": "(N,) of int, the right classes", "loss": "a number"}


def _convention_loss(variant: Variant) -> list[str]:
    lines = [f"the {variant['reduction']} over the samples of -log softmax(x)[y]"]
    if variant["smoothing"]:
        smoothing = variant["smoothing"]
        lines.append(
            f"the right class is expected with {1 - smoothing:g}, and {smoothing:g} is spread evenly over all classes"
        )
    lines.append("scores of a thousand must not overflow")
    return lines


_LOSS = """
N, C = x.shape
shifted = x - x.max(axis=1, keepdims=True)
log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
target = np.full((N, C), $smoothing / C)
target[np.arange(N), y] += 1 - $smoothing
loss = -(target * log_p).sum()$by
dx = (np.exp(log_p) - target)$by
"""


def _bodies_loss(variant: Variant) -> Bodies:
    by = " / N" if variant["reduction"] == "mean" else ""
    return Bodies(fill(_LOSS, smoothing=repr(variant["smoothing"]), by=by), "", ())


def _draw_attention(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, s, t, d, e = sizes(rng, 5, 2, 7)
    t = s if variant["causal"] else t
    return {"q": normal(rng, n, s, d), "k": normal(rng, n, t, d), "v": normal(rng, n, t, e)}


def _attention(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    q, k, v = arguments.values()
    # The op divides by the root of D; without that the queries are as many times larger.
    root = 1.0 if variant["scores"] == "scaled" else float(np.sqrt(q.shape[-1]))
    (y, weights), cache = ops.scaled_dot_product_attention_forward(root * q, k, v, causal=variant["causal"])

    def pull(dy: Array) -> dict[str, Array]:
        grads = ops.scaled_dot_product_attention_backward(dy, np.zeros_like(weights), cache)
        return {"q": root * grads.dq, "k": grads.dk, "v": grads.dv}

    return (y,), pull


def _shapes_attention(variant: Variant) -> dict[str, str]:
    t = "S" if variant["causal"] else "T"
    return {"q": "(N, S, D)", "k": f"(N, {t}, D)", "v": f"(N, {t}, E)", "y": "(N, S, E)"}


def _convention_attention(variant: Variant) -> list[str]:
    scale = " / sqrt(D)" if variant["scores"] == "scaled" else ""
    lines = [f"y = softmax(q k^T{scale}) v, the softmax over the keys"]
    if variant["causal"]:
        lines.append("causal: position s sees the keys 0 to s only")
    return lines


_ATTENTION = """
scores = q @ k.transpose(0, 2, 1)$by
$mask
e = np.exp(scores - scores.max(axis=-1, keepdims=True))
a = e / e.sum(axis=-1, keepdims=True)
y = a @ v
"""
_ATTENTION_BACK = """
dv = a.transpose(0, 2, 1) @ dy
da = dy @ v.transpose(0, 2, 1)
dscores = a * (da - (a * da).sum(axis=-1, keepdims=True))$by
dq = dscores @ k
dk = dscores.transpose(0, 2, 1) @ q
"""


def _bodies_attention(variant: Variant) -> Bodies:
    by = " / np.sqrt(q.shape[-1])" if variant["scores"] == "scaled" else ""
    causal = "scores = np.where(np.tri(q.shape[1], dtype=bool), scores, -np.inf)"
    forward = fill(_ATTENTION, by=by, mask=causal if variant["causal"] else "")
    forward = "\n".join(line for line in forward.splitlines() if line)
    return Bodies(forward, fill(_ATTENTION_BACK, by=by), ("q", "k", "v", "a"))


TERMS = [
    Term(
        "embedding", "an embedding", ("ids", "w"), ("w",), ("y",), {"padding_id": Choice(-1, least=-1, most=5)},
        _draw_embedding, _embedding, _shapes_embedding, _convention_embedding, _bodies_embedding,
        cached=("ids", "w"),
    ),
    Term(
        "softmax_loss", "the softmax loss", ("x", "y"), ("x",), ("loss",),
        {"reduction": Choice("mean", ("mean", "sum")), "smoothing": Choice(0.0, most=0.9)},
        _draw_loss, _loss, _shapes_loss, _convention_loss, _bodies_loss, loss=True,
    ),
    Term(
        "attention", "attention", ("q", "k", "v"), ("q", "k", "v"), ("y",),
        {"scores": Choice("scaled", ("scaled", "plain")), "causal": Choice(False, (False, True))},
        _draw_attention, _attention, _shapes_attention, _convention_attention, _bodies_attention,
    ),
]  # fmt: skip
