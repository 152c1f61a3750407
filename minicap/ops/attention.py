"""Additive attention: a decoder that asks, at each word, where in the picture to look.

``multi_head`` has the attention of the transformer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check
from minicap.ops._attention import blank, softmax_where
from minicap.ops.linear import LinearCache, linear_backward
from minicap.ops.softmax import SoftmaxCache, softmax_backward


class AdditiveAttentionCache(NamedTuple):
    """The inputs, the activation ``s`` (N, L, A) behind each score, and the weights (N, L).

    ``features`` are zero where the mask forbids to look.
    """

    features: Array
    h: Array
    w_f: Array
    w_h: Array
    v: Array
    s: Array
    weights: Array


class AdditiveAttentionGrads(NamedTuple):
    """Gradients of ``additive_attention``, shaped like its arguments."""

    dfeatures: Array
    dh: Array
    dw_f: Array
    dw_h: Array
    db: Array
    dv: Array


def additive_attention_forward(
    features: Array, h: Array, w_f: Array, w_h: Array, b: Array, v: Array, *, mask: Array | None = None
) -> tuple[tuple[Array, Array], AdditiveAttentionCache]:
    """Score every location against a state, and average the locations by their scores.

    For each row n and location l::

        s_l = tanh(features_l @ w_f + h @ w_h + b)       what the two have to say to each other
        e_l = s_l @ v                                    one score
        weights = softmax(e)                             over the L locations
        context = sum_l weights_l features_l

    Parameters
    ----------
    features : Array, (N, L, E)
        One vector a location.
    h : Array, (N, H)
        The state that looks.
    w_f : Array, (E, A)
    w_h : Array, (H, A)
    b, v : Array, (A,)
    mask : Array of bool, (N, L), optional
        True = the location may be looked at. What the others hold does not matter, be it NaN; their weight
        and their gradient are 0. A row with nothing to look at gives zero weights and a zero context.

    Returns
    -------
    context : Array, (N, E)
    weights : Array, (N, L)
        Sum to 1 in every row that has something to look at.
    cache : AdditiveAttentionCache
        Inputs, activations and weights.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64, or the mask is not bool.

    References
    ----------
    Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2015),
    section 3.1 and appendix A.1.2 (their annotations h_j are our features, s_{i-1} our h, U_a our w_f,
    W_a our w_h, v_a our v, alpha our weights, c our context; they have no b).
    Xu et al., "Show, attend and tell" (2015), section 3.1.2 (their a_i are our features, alpha our weights,
    z-hat our context; it is their soft attention, section 4.2).
    """
    op = "additive_attention"
    features, h, w_f, w_h, b, v = _check.floats(op, features=features, h=h, w_f=w_f, w_h=w_h, b=b, v=v)
    mask = _check_shapes(features, h, w_f, w_h, b, v, mask)
    features = blank(features, mask)
    s = np.tanh(features @ w_f + (h @ w_h + b)[:, None])  # (N, L, A)
    weights = softmax_where(s @ v, mask)  # (N, L)
    context = (weights[:, None] @ features)[:, 0]  # (N, E)
    return (context, weights), AdditiveAttentionCache(features, h, w_f, w_h, v, s, weights)


def additive_attention_backward(
    dcontext: Array, dweights: Array, cache: AdditiveAttentionCache
) -> AdditiveAttentionGrads:
    """Propagate through ``additive_attention``: the forward's lines upward.

    ::

        dweights_l += dcontext @ features_l              the context read the weights too
        de = weights * (dweights - sum_l dweights_l weights_l)          softmax
        da_l = de_l v (1 - s_l**2)                       through tanh to its argument
        dfeatures_l = weights_l dcontext + da_l @ w_f.T  a location is averaged, and scored
        dh = (sum_l da_l) @ w_h.T                        every location was scored against the same state

    The parameters' gradients are those of ``linear``; ``dv`` sums ``de_l s_l``.

    Parameters
    ----------
    dcontext : Array, (N, E)
        Upstream gradient of the context.
    dweights : Array, (N, L)
        Upstream gradient of the weights themselves: zeros, unless the loss reads them, as a penalty on
        locations that were never looked at does.
    cache : AdditiveAttentionCache

    Returns
    -------
    AdditiveAttentionGrads
        dfeatures (N, L, E), dh (N, H), dw_f (E, A), dw_h (H, A), db (A,), dv (A,).

    Raises
    ------
    ValueError, TypeError
        If an upstream gradient does not fit the forward's output.
    """
    features, h, w_f, w_h, v, s, weights = cache
    op, n, e = "additive_attention", features.shape[0], features.shape[2]
    dcontext = _check.upstream(op, "dcontext", dcontext, (n, e), features.dtype)
    dweights = _check.upstream(op, "dweights", dweights, weights.shape, features.dtype)
    dweights = dweights + (features @ dcontext[:, :, None])[..., 0]  # (N, L)
    de = softmax_backward(dweights, SoftmaxCache(weights, -1)).dx  # 0 where the weight is: masks hold
    da = de[..., None] * v * (1 - s * s)  # (N, L, A)
    scored = linear_backward(da, LinearCache(features, w_f))
    asked = linear_backward(da.sum(axis=1), LinearCache(h, w_h))
    dfeatures = weights[..., None] * dcontext[:, None] + scored.dx
    return AdditiveAttentionGrads(
        dfeatures, asked.dx, scored.dw, asked.dw, asked.db, np.tensordot(de, s, axes=2)
    )


def _check_shapes(
    features: Array, h: Array, w_f: Array, w_h: Array, b: Array, v: Array, mask: Array | None
) -> Array | None:
    """Raise unless the arrays fit each other; return the checked mask (N, L)."""
    op = "additive_attention"
    _check.ndim(op, "features", features, "(N, L, E)")
    _check.ndim(op, "h", h, "(N, H)")
    _check.ndim(op, "w_f", w_f, "(E, A)")
    (n, locations, e), hidden, a = features.shape, h.shape[1], w_f.shape[1]
    _check.shape(op, "h", h, (n, hidden), "(N, H)")
    _check.shape(op, "w_f", w_f, (e, a), "(E, A)")
    _check.shape(op, "w_h", w_h, (hidden, a), "(H, A)")
    _check.shape(op, "b", b, (a,), "(A,)")
    _check.shape(op, "v", v, (a,), "(A,)")
    return _check.mask(op, mask, (n, locations), "(N, L)")
