"""Random inputs for every layer of the zoo: shapes, values, labels and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicap._types import Array, Rng

Inputs = dict[str, Any]


class Draw:
    """Draws sizes and arrays for one set of inputs."""

    def __init__(self, rng: Rng, dtype: Any, kinks: bool) -> None:
        self.rng, self.dtype, self.kinks = rng, np.dtype(dtype), kinks

    def sizes(self, count: int, low: int = 2, high: int = 7, without: tuple[int, ...] = ()) -> list[int]:
        """Return sizes that all differ, so that no two axes can be taken for each other.

        ``without`` keeps a length from being equal to a constant factor of the layer or its mutants: 4, sqrt(4).
        """
        lengths = [n for n in range(low, high + 1) if n not in without]
        return [int(n) for n in self.rng.permutation(lengths)[:count]]

    def array(self, *shape: int, scale: float = 1.0) -> Array:
        """Return normal numbers in the dtype asked for."""
        return (scale * self.rng.standard_normal(shape)).astype(self.dtype)

    def kinked(self, *shape: int) -> Array:
        """Return normal numbers, or few different ones with zeros and ties where kinks are asked for."""
        if self.kinks:
            return self.rng.integers(-1, 2, shape).astype(self.dtype)
        return self.array(*shape)

    def labels(self, below: int, *shape: int) -> Array:
        """Return integers below a number."""
        return self.rng.integers(0, below, shape)

    def repeated(self, below: int, *shape: int) -> Array:
        """Return integers below a number, the first and last the same."""
        ids = self.labels(below, *shape)
        ids.flat[-1] = ids.flat[0]
        return ids


def _affine(d: Draw, x: str, w: str, b: str) -> Inputs:
    n, features, m = d.sizes(3, low=3, without=(4,))
    return {x: d.array(n, features), w: d.array(features, m), b: d.array(m)}


def _affine_images(d: Draw) -> Inputs:
    n, c, h, m = d.sizes(4, high=6)
    return {"x": d.array(n, c, h), "w": d.array(c * h, m), "b": d.array(m)}


def _affine_params(d: Draw) -> Inputs:
    n, features, m = d.sizes(3)
    sizes = {"in_features": features, "out_features": m}
    return {"x": d.array(n, features), **sizes, "weight": d.array(m, features), "bias": d.array(m)}


def _temporal(d: Draw) -> Inputs:
    n, t, features, m = d.sizes(4)
    return {"x": d.array(n, t, features), "w": d.array(features, m), "b": d.array(m)}


def _activation(d: Draw) -> Inputs:
    return {"x": d.kinked(*d.sizes(2))}


def _conv(d: Draw) -> Inputs:
    n, c, f = d.sizes(3, high=4)
    kh, kw = d.sizes(2, high=3)
    h, w = d.sizes(2, low=4, high=6)
    options = {"stride": int(d.rng.integers(1, 3)), "pad": int(d.rng.integers(1, 3))}
    return {"x": d.array(n, c, h, w), "w": d.array(f, c, kh, kw), "b": d.array(f), "conv_param": options}


def _conv_channels_last(d: Draw) -> Inputs:
    m, c, f = d.sizes(3, high=4)
    k = int(d.rng.integers(2, 4))
    h, w = d.sizes(2, low=4, high=6)
    options = {"stride": int(d.rng.integers(1, 3)), "pad": int(d.rng.integers(1, 3))}
    arrays = {"A_prev": d.array(m, h, w, c), "W": d.array(k, k, c, f), "b": d.array(1, 1, 1, f)}
    return {**arrays, "hparameters": options}


def _conv_im2col(d: Draw) -> Inputs:
    drawn = _conv(d)
    return {"x": drawn["x"], "W": drawn["w"], "b": drawn["b"], **drawn["conv_param"]}


def _conv_closure(d: Draw) -> Inputs:
    drawn = _conv(d)
    del drawn["conv_param"]
    return drawn


def _pool(d: Draw, stride: int) -> Inputs:
    n, c = d.sizes(2, high=4)
    h, w = d.sizes(2, low=5, high=7, without=(6,))  # at least two windows each way
    ph, pw = d.sizes(2, high=3)
    options = {"pool_height": ph, "pool_width": pw, "stride": stride}
    return {"x": d.kinked(n, c, h, w), "pool_param": options}


def _pool_class(d: Draw) -> Inputs:
    n, c = d.sizes(2, high=4)
    ph, pw = d.sizes(2, high=3)
    rows, columns = d.sizes(2, high=3)
    return {"x": d.kinked(n, c, ph * rows, pw * columns), "pool_h": ph, "pool_w": pw}


def _pool_channels_last(d: Draw) -> Inputs:
    m, c = d.sizes(2, high=4)
    h, w = d.sizes(2, low=4, high=6)
    return {"A_prev": d.kinked(m, h, w, c), "hparameters": {"f": 3, "stride": int(d.rng.integers(1, 3))}}


def _batch_norm(d: Draw) -> Inputs:
    n, features = d.sizes(2, low=4)
    arrays = {"x": d.array(n, features), "gamma": d.array(features), "beta": d.array(features)}
    return {**arrays, "bn_param": {"mode": "train"}}


def _batch_norm_class(d: Draw) -> Inputs:
    n, c, h, w = d.sizes(4, high=5)
    return {"x": d.array(n, c, h, w), "gamma": d.array(c), "beta": d.array(c)}


def _layer_norm(d: Draw) -> Inputs:
    n, features = d.sizes(2, low=4)
    arrays = {"x": d.array(n, features), "gamma": d.array(features), "beta": d.array(features)}
    return {**arrays, "ln_param": {}}


def _layer_norm_class(d: Draw) -> Inputs:
    n, t, features = d.sizes(3, low=3)
    return {"x": d.array(n, t, features), "g": d.array(features), "b": d.array(features)}


def _dropout(d: Draw) -> Inputs:
    options: Inputs = {"p": float(d.rng.uniform(0.25, 0.6)), "mode": "train"}
    if d.rng.random() < 0.5:
        options["seed"] = int(d.rng.integers(1000))
    return {"x": d.array(*d.sizes(2, low=5, high=8)), "dropout_param": options}


def _dropout_class(d: Draw) -> Inputs:
    return {"x": d.array(*d.sizes(2, low=5, high=8)), "keep_prob": float(d.rng.uniform(0.4, 0.75))}


def _embedding(d: Draw, ids: str, table: str, flat: bool = False) -> Inputs:
    v, n, t, features = d.sizes(4, low=3, without=(4,))
    shape = (n,) if flat else (n, t)
    return {ids: d.repeated(v, *shape), table: d.array(v, features)}


def _scores(d: Draw, y: str) -> Inputs:
    n, c = d.sizes(2, low=3)
    return {"x": d.array(n, c, scale=2.0), y: d.labels(c, n)}


def _mse(d: Draw) -> Inputs:
    shape = d.sizes(2, low=3)
    return {"pred": d.array(*shape), "target": d.array(*shape)}


def _temporal_scores(d: Draw) -> Inputs:
    n, t, v = d.sizes(3, low=3)
    lengths = d.rng.integers(1, t, n)  # every sequence has padding at its end
    return {
        "x": d.array(n, t, v, scale=2.0),
        "y": d.labels(v, n, t),
        "mask": np.arange(t)[None, :] < lengths[:, None],
    }


def _attention(d: Draw) -> Inputs:
    n, s, t, features, e = d.sizes(5, without=(4,))
    return {"Q": d.array(n, s, features), "K": d.array(n, t, features), "V": d.array(n, t, e)}


def _attention_class(d: Draw) -> Inputs:
    n, t, features, e = d.sizes(4, low=3)
    weights = {key: d.array(features, e, scale=0.5) for key in ("Wq", "Wk", "Wv")}
    return {"x": d.array(n, t, features), **weights}


def _attention_closure(d: Draw) -> Inputs:
    n, locations, features = d.sizes(3)
    return {"h": d.array(n, features), "features": d.array(n, locations, features)}


def _recurrent(d: Draw, gates: int, **names: str) -> Inputs:
    """Draw one step or a sequence; a name for ``state`` and, where there are time steps, for ``time``."""
    n, t, features, h = d.sizes(4, low=3)
    leading = {"": (n,), "second": (n, t), "first": (t, n)}[names.get("time", "")]
    drawn = {names.get("x", "x"): d.array(*leading, features)}
    for state in names["state"].split():
        drawn[state] = d.array(n, h)
    w_x, w_h, *biases = names["weights"].split()
    drawn |= {w_x: d.array(features, gates * h, scale=0.5), w_h: d.array(h, gates * h, scale=0.5)}
    return drawn | {bias: d.array(gates * h) for bias in biases}


def _rnn_lists(d: Draw) -> Inputs:
    t, features, h = d.sizes(3, low=3)
    weights = {"Wxh": d.array(h, features, scale=0.5), "Whh": d.array(h, h, scale=0.5), "bh": d.array(h)}
    return {"xs": [d.array(features) for _ in range(t)], "h0": d.array(h), **weights}


def _rnn_dicts(d: Draw, x: str, state: str, sequence: bool) -> Inputs:
    n_x, n_a, m, t = d.sizes(4, low=3)
    weights = {
        "Wax": d.array(n_a, n_x, scale=0.5),
        "Waa": d.array(n_a, n_a, scale=0.5),
        "ba": d.array(n_a, 1),
    }
    shape = (n_x, m, t) if sequence else (n_x, m)
    return {x: d.array(*shape), state: d.array(n_a, m), "parameters": weights}


def _lstm_class(d: Draw) -> Inputs:
    n, t, features, h = d.sizes(4, low=3)
    weights = {f"W{gate}": d.array(h + features, h, scale=0.5) for gate in "fico"}
    return {"x": d.array(n, t, features), **weights, **{f"b{gate}": d.array(h) for gate in "fico"}}


def _two_layer(d: Draw) -> Inputs:
    n, features, h, c = d.sizes(4, low=3)
    sizes = {"input_dim": features, "hidden_dim": h, "num_classes": c, "reg": float(d.rng.uniform(0.1, 0.5))}
    weights = {"W1": d.array(features, h), "b1": d.array(h), "W2": d.array(h, c), "b2": d.array(c)}
    return {"X": d.array(n, features), "y": d.labels(c, n), **sizes, **weights}


def _logistic(d: Draw) -> Inputs:
    n, features = d.sizes(2, low=3)
    sizes = {"input_dim": features, "reg": float(d.rng.uniform(0.1, 0.5))}
    return {"X": d.array(n, features), "y": d.labels(2, n), **sizes, "w": d.array(features), "b": d.array(1)}


def _autoencoder(d: Draw) -> Inputs:
    n, dim, h = d.sizes(3, low=3)
    sizes = {"dim": dim, "hidden_dim": h, "weight_decay": float(d.rng.uniform(0.1, 0.5))}
    return {"X": d.array(n, dim), **sizes, "W": d.array(dim, h, scale=0.5), "c": d.array(dim)}


_MAKERS: dict[str, Callable[[Draw], Inputs]] = {
    "affine": _affine_images,
    "affine_class": lambda d: _affine(d, "x", "W", "b"),
    "affine_params": _affine_params,
    "affine_closure": lambda d: _affine(d, "x", "W", "b"),
    "temporal_affine": _temporal,
    "conv": _conv,
    "conv_channels_last": _conv_channels_last,
    "conv_im2col": _conv_im2col,
    "conv_closure": _conv_closure,
    "max_pool": lambda d: _pool(d, stride=1),
    "max_pool_class": _pool_class,
    "max_pool_channels_last": _pool_channels_last,
    "avg_pool": lambda d: _pool(d, stride=2),
    "batch_norm": _batch_norm,
    "batch_norm_class": _batch_norm_class,
    "layer_norm": _layer_norm,
    "layer_norm_class": _layer_norm_class,
    "dropout": _dropout,
    "dropout_class": _dropout_class,
    "embedding": lambda d: _embedding(d, "x", "W"),
    "embedding_class": lambda d: _embedding(d, "idx", "W", flat=True),
    "embedding_closure": lambda d: _embedding(d, "ids", "table"),
    "softmax_loss": lambda d: _scores(d, "y"),
    "svm_loss": lambda d: _scores(d, "y"),
    "softmax_loss_class": lambda d: _scores(d, "t"),
    "mse_loss": _mse,
    "temporal_softmax_loss": _temporal_scores,
    "attention": _attention,
    "attention_class": _attention_class,
    "attention_closure": _attention_closure,
    "rnn_step": lambda d: _recurrent(d, 1, state="prev_h", weights="Wx Wh b"),
    "rnn": lambda d: _recurrent(d, 1, time="second", state="h0", weights="Wx Wh b"),
    "rnn_time_major": lambda d: _recurrent(d, 1, x="xs", time="first", state="h0", weights="Wx Wh b"),
    "rnn_lists": _rnn_lists,
    "rnn_cell_dict": lambda d: _rnn_dicts(d, "xt", "a_prev", sequence=False),
    "rnn_dict": lambda d: _rnn_dicts(d, "x", "a0", sequence=True),
    "lstm_step": lambda d: _recurrent(d, 4, state="prev_h prev_c", weights="Wx Wh b"),
    "lstm": lambda d: _recurrent(d, 4, time="second", state="h0", weights="Wx Wh b"),
    "lstm_class": _lstm_class,
    "gru_step": lambda d: _recurrent(d, 3, state="h", weights="Wx Wh b"),
    "gru": lambda d: _recurrent(d, 3, time="second", state="h0", weights="Wx Wh b"),
    "gru_class": lambda d: _recurrent(d, 3, state="h", weights="W U b c"),
    "two_layer_net": _two_layer,
    "logistic_regression": _logistic,
    "autoencoder": _autoencoder,
}


def draw_inputs(layer: str, rng: Rng, dtype: Any = np.float64, kinks: bool | None = None) -> Inputs:
    """Draw everything that a layer of the zoo is called with.

    Parameters
    ----------
    layer : str
        A key of ``catalogue.LAYERS``.
    rng : numpy.random.Generator
        Where the draws come from.
    dtype : dtype
        Of every float array: float64 or float32.
    kinks : bool or None
        Whether the input of an activation or a pooling layer has zeros and ties; a quarter has where it is None.

    Returns
    -------
    dict of str to object
        Arrays, integer arrays, lists or dicts of arrays, options and sizes by the names that the catalogue uses.
        No two axes of an array have the same length where the layer allows it; N >= 2, T >= 3.
    """
    if kinks is None:
        kinks = bool(rng.random() < 0.25)
    return _MAKERS.get(layer, _activation)(Draw(rng, dtype, kinks))
