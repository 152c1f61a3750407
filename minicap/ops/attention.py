"""Additive attention: a decoder that asks, at each word, where in the picture to look.

``multi_head`` has the attention of the transformer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops._attention import blank, softmax_where
from minicap.ops.linear import LinearCache, linear_backward, linear_forward
from minicap.ops.softmax import SoftmaxCache, softmax_backward


class AdditiveAttentionStepCache(NamedTuple):
    """The inputs, the activation ``s`` (N, L, A) behind each score, and the weights (N, L).

    ``features`` and ``keys`` are zero where the mask forbids to look.
    """

    features: Array
    keys: Array
    h: Array
    w_h: Array
    v: Array
    s: Array
    weights: Array


class AdditiveAttentionStepGrads(NamedTuple):
    """Gradients of ``additive_attention_step``, shaped like its arguments."""

    dfeatures: Array
    dkeys: Array
    dh: Array
    dw_h: Array
    dv: Array


def additive_attention_step_forward(
    features: Array, keys: Array, h: Array, w_h: Array, v: Array, *, mask: Array | None = None
) -> tuple[tuple[Array, Array], AdditiveAttentionStepCache]:
    """Look once, where what the features have to say is known: ``keys = features @ w_f + b``.

    A decoder looks at every word and the features stay, so their product is taken once for a sentence.
    For each row n and location l::

        s_l = tanh(keys_l + h @ w_h)                     what the two have to say to each other
        e_l = s_l @ v                                    one score
        weights = softmax(e)                             over the L locations
        context = sum_l weights_l features_l

    Parameters
    ----------
    features : Array, (N, L, E)
        One vector a location.
    keys : Array, (N, L, A)
    h : Array, (N, H)
        The state that looks.
    w_h : Array, (H, A)
    v : Array, (A,)
    mask : Array of bool, (N, L), optional
        As for ``additive_attention_forward``.

    Returns
    -------
    context : Array, (N, E)
    weights : Array, (N, L)
    cache : AdditiveAttentionStepCache
        Inputs, activations and weights.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64, or the mask is not bool.

    References
    ----------
    As for ``additive_attention_forward``; Bahdanau et al. take the same product once, appendix A.1.2.
    """
    op = "additive_attention_step"
    features, keys, h, w_h, v = _check.floats(op, features=features, keys=keys, h=h, w_h=w_h, v=v)
    mask = _check_step(features, keys, h, w_h, v, mask)
    features, keys = blank(features, mask), blank(keys, mask)
    s = kernels.recurrent.tanh(np.ascontiguousarray(keys + (h @ w_h)[:, None]))  # (N, L, A)
    weights = softmax_where(s @ v, mask)  # (N, L)
    context = (weights[:, None] @ features)[:, 0]  # (N, E)
    return (context, weights), AdditiveAttentionStepCache(features, keys, h, w_h, v, s, weights)


def additive_attention_step_backward(
    dcontext: Array, dweights: Array, cache: AdditiveAttentionStepCache
) -> AdditiveAttentionStepGrads:
    """Propagate through one look: the forward's lines upward.

    ::

        dweights_l += dcontext @ features_l              the context read the weights too
        de = weights * (dweights - sum_l dweights_l weights_l)          softmax
        dkeys_l = de_l v (1 - s_l**2)                    through tanh to its argument
        dh = (sum_l dkeys_l) @ w_h.T                     every location was scored against the same state
        dfeatures_l = weights_l dcontext                 what was averaged

    Parameters
    ----------
    dcontext : Array, (N, E)
        Upstream gradient of the context.
    dweights : Array, (N, L)
        Upstream gradient of the weights themselves.
    cache : AdditiveAttentionStepCache

    Returns
    -------
    AdditiveAttentionStepGrads
        dfeatures (N, L, E), dkeys (N, L, A), dh (N, H), dw_h (H, A), dv (A,).

    Raises
    ------
    ValueError, TypeError
        If an upstream gradient does not fit the forward's output.
    """
    features, _, h, w_h, v, s, weights = cache
    op, n, e = "additive_attention_step", features.shape[0], features.shape[2]
    dcontext = _check.upstream(op, "dcontext", dcontext, (n, e), features.dtype)
    dweights = _check.upstream(op, "dweights", dweights, weights.shape, features.dtype)
    dweights = dweights + (features @ dcontext[:, :, None])[..., 0]  # (N, L)
    de = softmax_backward(dweights, SoftmaxCache(weights, -1)).dx  # 0 where the weight is: masks hold
    dkeys = de[..., None] * v * (1 - s * s)  # (N, L, A)
    asked = dkeys.sum(axis=1)  # (N, A)
    dfeatures = weights[..., None] * dcontext[:, None]
    return AdditiveAttentionStepGrads(
        dfeatures, dkeys, asked @ w_h.T, h.T @ asked, np.tensordot(de, s, axes=2)
    )


class AdditiveAttentionCache(NamedTuple):
    """The inputs, the keys (N, L, A), the activation ``s`` (N, L, A) behind each score, and the weights (N, L).

    ``features`` and ``keys`` are zero where the mask forbids to look.
    """

    features: Array
    h: Array
    w_f: Array
    w_h: Array
    v: Array
    keys: Array
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

        s_l = tanh(features_l @ w_f + b + h @ w_h)       what the two have to say to each other
        e_l = s_l @ v                                    one score
        weights = softmax(e)                             over the L locations
        context = sum_l weights_l features_l

    That is one ``additive_attention_step`` with ``keys = features @ w_f + b``.

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
    keys, _ = linear_forward(features, w_f, b)  # (N, L, A)
    found, look = additive_attention_step_forward(features, keys, h, w_h, v, mask=mask)
    return found, AdditiveAttentionCache(features, h, w_f, w_h, v, look.keys, look.s, look.weights)


def additive_attention_backward(
    dcontext: Array, dweights: Array, cache: AdditiveAttentionCache
) -> AdditiveAttentionGrads:
    """Propagate through ``additive_attention``: back through the look, then through the features' linear map.

    A location is averaged, and scored: ``dfeatures_l = weights_l dcontext + dkeys_l @ w_f.T``. The parameters'
    gradients are those of ``linear``.

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
    features, h, w_f, w_h, v, keys, s, weights = cache
    op, (n, _, e) = "additive_attention", features.shape
    dcontext = _check.upstream(op, "dcontext", dcontext, (n, e), weights.dtype)
    dweights = _check.upstream(op, "dweights", dweights, weights.shape, weights.dtype)
    look = AdditiveAttentionStepCache(features, keys, h, w_h, v, s, weights)
    looked = additive_attention_step_backward(dcontext, dweights, look)
    scored = linear_backward(looked.dkeys, LinearCache(features, w_f))
    return AdditiveAttentionGrads(
        looked.dfeatures + scored.dx, looked.dh, scored.dw, looked.dw_h, scored.db, looked.dv
    )


def _check_step(
    features: Array, keys: Array, h: Array, w_h: Array, v: Array, mask: Array | None
) -> Array | None:
    """Raise unless the arrays of one look fit each other; return the checked mask (N, L)."""
    op = "additive_attention_step"
    _check.ndim(op, "features", features, "(N, L, E)")
    _check.ndim(op, "w_h", w_h, "(H, A)")
    (n, locations, _), (hidden, a) = features.shape, w_h.shape
    _check.shape(op, "keys", keys, (n, locations, a), "(N, L, A)")
    _check.shape(op, "h", h, (n, hidden), "(N, H)")
    _check.shape(op, "v", v, (a,), "(A,)")
    return _check.mask(op, mask, (n, locations), "(N, L)")


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
