"""How every layer of the zoo is called: the table that a runner reads instead of guessing."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class Layer(NamedTuple):
    """One layer of a student file.

    Attributes
    ----------
    file : str
        The file in ``students``.
    op : str
        What it computes: "affine", "conv", ..., the same for all styles of one layer.
    style : str
        "pair", "class", "closure", "loss" (returns loss and gradient), "model" (a class whose ``loss`` returns
        loss and a dict of gradients) or "list" (a pair over lists of arrays).
    forward : str
        The name of the function or class. A class's methods are ``forward`` and ``backward``, a model's ``loss``.
    backward : str
        The name of a pair's other half, else empty.
    args : tuple of str
        The forward's arguments in order, as ``draw_inputs`` names them.
    returns : tuple of str or dict of str to str
        The inputs that the returned gradients belong to, in order; by key where the backward returns a dict.
    init : tuple of str
        A class's constructor arguments, as ``draw_inputs`` names them.
    params : tuple of str
        A class's parameters, as ``draw_inputs`` names them; set after construction.
    holder : str
        Where a class keeps them: "params" (and gradients in ``grads``) or "attributes" (and ``dW`` beside ``W``).
    outputs : int
        How many values a pair's forward returns in front of the cache.
    """

    file: str
    op: str
    style: str
    forward: str
    backward: str
    args: tuple[str, ...]
    returns: tuple[str, ...] | dict[str, str]
    init: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    holder: str = "attributes"
    outputs: int = 1


def pair(
    file: str, op: str, stem: str, args: str, returns: str, outputs: int = 1, style: str = "pair"
) -> Layer:
    """Return the entry of a pair; where ``stem`` has a star, it stands for forward and backward."""
    stem = stem if "*" in stem else f"{stem}_*"
    names = stem.replace("*", "forward"), stem.replace("*", "backward")
    return Layer(file, op, style, *names, tuple(args.split()), tuple(returns.split()), outputs=outputs)


def layer(
    file: str, op: str, name: str, args: str, returns: str, init: str = "", params: str = "", holder: str = ""
) -> Layer:
    """Return the entry of a class with ``forward`` and ``backward``."""
    entry = Layer(file, op, "class", name, "", tuple(args.split()), tuple(returns.split()))
    return entry._replace(
        init=tuple(init.split()), params=tuple(params.split()), holder=holder or "attributes"
    )


def function(file: str, op: str, style: str, name: str, args: str, returns: str) -> Layer:
    """Return the entry of a closure or a loss."""
    return Layer(file, op, style, name, "", tuple(args.split()), tuple(returns.split()))


def model(file: str, op: str, name: str, args: str, init: str, params: str) -> Layer:
    """Return the entry of a model."""
    names = tuple(params.split())
    return Layer(
        file, op, "model", name, "", tuple(args.split()), names, tuple(init.split()), names, holder="params"
    )


_CELL = {"dxt": "xt", "da_prev": "a_prev", "dWax": "Wax", "dWaa": "Waa", "dba": "ba"}
_SEQUENCE = {"dx": "x", "da0": "a0", "dWax": "Wax", "dWaa": "Waa", "dba": "ba"}
_LSTM = "Wf Wi Wc Wo bf bi bc bo"

LAYERS: dict[str, Layer] = {
    "affine": pair("affine.py", "affine", "affine", "x w b", "x w b"),
    "affine_class": layer("affine.py", "affine", "Dense", "x", "x", "W b", "W b"),
    "affine_params": layer(
        "affine.py", "affine", "Linear", "x", "x", "in_features out_features", "weight bias", "params"
    ),
    "affine_closure": function("affine.py", "affine", "closure", "linear", "x W b", "x W b"),
    "temporal_affine": pair("affine.py", "affine", "temporal_affine", "x w b", "x w b"),
    "relu": pair("activations.py", "relu", "relu", "x", "x"),
    "relu_class": layer("activations.py", "relu", "ReLU", "x", "x"),
    "leaky_relu": function("activations.py", "leaky_relu", "closure", "leaky_relu", "x", "x"),
    "sigmoid_class": layer("activations.py", "sigmoid", "Sigmoid", "x", "x"),
    "tanh": pair("activations.py", "tanh", "tanh", "x", "x"),
    "softmax": pair("activations.py", "softmax", "softmax", "x", "x"),
    "swish": pair("activations.py", "swish", "swish", "x", "x"),
    "conv": pair("conv.py", "conv", "conv_*_naive", "x w b conv_param", "x w b"),
    "conv_channels_last": pair("conv.py", "conv", "conv", "A_prev W b hparameters", "A_prev W b"),
    "conv_im2col": layer("conv_fast.py", "conv", "Convolution", "x", "x", "W b stride pad", "W b"),
    "conv_closure": function("conv_fast.py", "conv", "closure", "conv2d", "x w b", "x w b"),
    "max_pool": pair("pool.py", "max_pool", "max_pool_*_naive", "x pool_param", "x"),
    "max_pool_class": layer("pool.py", "max_pool", "MaxPool", "x", "x", "pool_h pool_w"),
    "max_pool_channels_last": pair("pool.py", "max_pool", "pool", "A_prev hparameters", "A_prev"),
    "avg_pool": pair("pool.py", "avg_pool", "avg_pool", "x pool_param", "x"),
    "batch_norm": pair("norms.py", "batch_norm", "batchnorm", "x gamma beta bn_param", "x gamma beta"),
    "batch_norm_class": layer(
        "norms.py", "batch_norm", "BatchNorm2d", "x", "x", "gamma beta", "gamma beta", "params"
    ),
    "layer_norm": pair("norms.py", "layer_norm", "layernorm", "x gamma beta ln_param", "x gamma beta"),
    "layer_norm_class": layer("norms.py", "layer_norm", "LayerNorm", "x", "x", "g b", "g b"),
    "dropout": pair("dropout.py", "dropout", "dropout", "x dropout_param", "x"),
    "dropout_class": layer("dropout.py", "dropout", "Dropout", "x", "x", "keep_prob"),
    "embedding": pair("embedding.py", "embedding", "word_embedding", "x W", "W"),
    "embedding_class": layer("embedding.py", "embedding", "Embedding", "idx", "", "W", "W", "params"),
    "embedding_closure": function(
        "embedding.py", "embedding", "closure", "scaled_embedding", "ids table", "table"
    ),
    "softmax_loss": function("losses.py", "softmax_loss", "loss", "softmax_loss", "x y", "x"),
    "svm_loss": function("losses.py", "svm_loss", "loss", "svm_loss", "x y", "x"),
    "mse_loss": function("losses.py", "mse_loss", "loss", "mse_loss", "pred target", "pred"),
    "temporal_softmax_loss": function(
        "losses.py", "softmax_loss", "loss", "temporal_softmax_loss", "x y mask", "x"
    ),
    "softmax_loss_class": layer("losses.py", "softmax_loss", "CrossEntropy", "x t", "x"),
    "attention": pair("attention.py", "attention", "attention", "Q K V", "Q K V"),
    "attention_class": layer(
        "attention.py", "attention", "SelfAttention", "x", "x", "Wq Wk Wv", "Wq Wk Wv", "params"
    ),
    "attention_closure": function(
        "attention.py", "attention", "closure", "dot_attention", "h features", "h features"
    ),
    "rnn_step": pair("rnn.py", "rnn", "rnn_step", "x prev_h Wx Wh b", "x prev_h Wx Wh b"),
    "rnn": pair("rnn.py", "rnn", "rnn", "x h0 Wx Wh b", "x h0 Wx Wh b"),
    "rnn_time_major": layer("rnn.py", "rnn", "TimeRNN", "xs h0", "xs h0", "Wx Wh b", "Wx Wh b"),
    "rnn_lists": pair("rnn.py", "rnn", "unroll", "xs h0 Wxh Whh bh", "xs h0 Wxh Whh bh", style="list"),
    "rnn_cell_dict": pair("rnn_dicts.py", "rnn", "rnn_cell", "xt a_prev parameters", "")._replace(
        returns=_CELL
    ),
    "rnn_dict": pair("rnn_dicts.py", "rnn", "rnn_sequence", "x a0 parameters", "")._replace(
        returns=_SEQUENCE
    ),
    "lstm_step": pair(
        "lstm.py", "lstm", "lstm_step", "x prev_h prev_c Wx Wh b", "x prev_h prev_c Wx Wh b", outputs=2
    ),
    "lstm": pair("lstm.py", "lstm", "lstm", "x h0 Wx Wh b", "x h0 Wx Wh b"),
    "lstm_class": layer("lstm.py", "lstm", "LSTM", "x", "x", _LSTM, _LSTM, "params"),
    "gru_step": pair("gru.py", "gru", "gru_step", "x h Wx Wh b", "x h Wx Wh b"),
    "gru": pair("gru.py", "gru", "gru", "x h0 Wx Wh b", "x h0 Wx Wh b"),
    "gru_class": layer("gru.py", "gru", "GRUCell", "x h", "x h", "W U b c", "W U b c"),
    "two_layer_net": model(
        "net.py", "two_layer_net", "TwoLayerNet", "X y", "input_dim hidden_dim num_classes reg", "W1 b1 W2 b2"
    ),
    "logistic_regression": model(
        "net.py", "logistic_regression", "LogisticRegression", "X y", "input_dim reg", "w b"
    ),
    "autoencoder": model(
        "net.py", "autoencoder", "TanhAutoencoder", "X", "dim hidden_dim weight_decay", "W c"
    ),
}
"""Every layer of the zoo by its name."""


def make(name: str, module: ModuleType, inputs: dict[str, Any]) -> Any:
    """Return a layer's function, or its class constructed with the drawn parameters.

    Parameters
    ----------
    name : str
        A key of ``LAYERS``.
    module : module
        Its file, loaded.
    inputs : dict of str to object
        What ``shapes.draw_inputs(name, ...)`` gave; the object takes the parameter arrays themselves, no copies.
    """
    entry = LAYERS[name]
    made = getattr(module, entry.forward)
    if entry.style not in ("class", "model"):
        return made
    state = np.random.get_state()  # noqa: NPY002  (students draw initial weights from the global numbers)
    made = made(*[inputs[key] for key in entry.init])
    np.random.set_state(state)  # noqa: NPY002
    for key in entry.params:
        if entry.holder == "params":
            made.params[key] = inputs[key]
        else:
            setattr(made, key, inputs[key])
    return made
