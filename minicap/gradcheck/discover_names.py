"""What names say: which function is whose backward, and which known op a layer seems to be."""

from __future__ import annotations

import re

FORWARD = {"forward", "forwards", "fwd", "fprop", "fw"}
BACKWARD = {"backward", "backwards", "bwd", "bprop", "backprop", "bw", "back"}
GRADIENT = {"grad", "gradient", "gradients"}
# Words that tell one version of a layer from another.
VERSION = {
    "naive", "fast", "alt", "vectorized", "loop", "loops", "simple", "numpy", "im2col", "strides", "my", "slow",
    "efficient", "pass", "v1", "v2", "v3", "1", "2", "3", "new", "old",
}  # fmt: skip
LOSS = {"loss", "cost", "entropy", "crossentropy", "svm", "hinge", "mse", "nll", "bce", "criterion"}
# Words in a name, without spaces, and the op that they speak of: the first that fits is taken.
_OPS = (
    ("mask.*loss|temporal.*softmax|softmax.*temporal|sequence.*loss", "temporal_softmax_loss"),
    ("binarycross|bce|logisticloss|sigmoid.*(loss|entropy)", "binary_loss"),
    ("(softmax|logistic).*(loss|cost|entropy)|crossentropy|svm|hinge|nll|lossfun|softmaxce", "softmax_loss"),
    ("mse|l1loss|l2loss|squared|huber|euclidean|quadratic|meansq", "squared_loss"),
    ("multihead|mha", "multi_head_attention"),
    ("additive.*attention|bahdanau", "additive_attention"),
    ("attention|attend", "attention"),
    ("lstm.*(step|cell)", "lstm_step"),
    ("lstm", "lstm"),
    ("gru.*(step|cell)", "gru_step"),
    ("gru", "gru"),
    ("rnn.*(step|cell)|elman.*(step|cell)", "rnn_step"),
    ("rnn|recurrent|elman", "rnn"),
    ("embed|lookup", "embedding"),
    ("dropout", "dropout"),
    ("(spatial|2d).*batch(norm)?|batchnorm(alization)?2d|bn2d|spatialbn", "spatial_batch_norm"),
    ("groupnorm", "group_norm"),
    ("layernorm|rmsnorm", "layer_norm"),
    ("instancenorm", "spatial_batch_norm"),
    ("batchnorm|batchn|normali[sz]ation|^bn", "batch_norm"),
    ("globalavg|globalaverage|globalmean|^gap", "global_avg_pool"),
    ("(avg|average|mean)pool", "avg_pool"),
    ("depthwise", "depthwise_conv"),
    ("conv1d|temporalconv", "conv1d"),
    ("^conv|conv2d|convolution|conv", "conv"),
    ("pool", "max_pool"),
    ("temporalaffine|timeaffine|temporallinear|timedistributed", "temporal_affine"),
    ("affine|linear|dense|fullyconnected|fc\\d*$|^fc|innerproduct|perceptron", "affine"),
    ("leakyrelu|prelu|relu6", "other_relu"),
    ("relu", "relu"),
    ("tanh", "tanh"),
    ("sigmoid|logistic", "sigmoid"),
    ("logsoftmax|softmax", "softmax"),
    ("gelu|swish|silu|elu|softplus|mish", "activation"),
    ("flatten", "flatten"),
)  # fmt: skip
# Kinds of layers that take what another kind takes.
_FORMS = dict.fromkeys(("relu", "other_relu", "tanh", "sigmoid", "softmax"), "activation")
# What these ops are called in the reports: the ops themselves, whatever the inputs' form.
_PLAIN = {
    "temporal_softmax_loss": "softmax_loss",
    "spatial_batch_norm": "batch_norm",
    "temporal_affine": "affine",
    "other_relu": "leaky_relu",
}
# Layers behind one another: what they compute together is none of the known ops.
_SEVERAL = re.compile(
    r"(affine|linear|dense|fc|conv\w*|norm|bn)_(\w+_)?(relu|pool|activation|bn|batchnorm|layernorm|dropout|tanh|sigmoid)"
)
_CONVERT = re.compile(r"convert|linearly|converge|spool")


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``maxPool_forward`` gives max, pool, forward.

    Parameters
    ----------
    name : str
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in spaced.lower().split("_") if word]


def form_of(name: str) -> str | None:
    """Return the kind of inputs that a layer of this name takes, a key of ``invent_shapes.RECIPES``, or None.

    Parameters
    ----------
    name : str
    """
    found = _found(name)
    return _FORMS.get(found, found) if found else None


def op_of(name: str) -> str | None:
    """Return the known op that a layer of this name seems to be, or None.

    Parameters
    ----------
    name : str
    """
    found = _found(name)
    if found is None or _SEVERAL.search("_".join(words(name))):
        return None
    return _PLAIN.get(found, found)


def _found(name: str) -> str | None:
    """Return what the words of a name speak of."""
    joined = "".join(word for word in words(name) if word not in FORWARD | BACKWARD)
    if _CONVERT.search(joined):
        return None
    return next((op for pattern, op in _OPS if re.search(pattern, joined)), None)


def pair_up(forwards: list[str], backwards: list[str]) -> list[tuple[str, str, str]]:
    """Find the forward of every backward among a file's functions.

    Parameters
    ----------
    forwards : list of str
        Names of functions that may be a forward: all of them.
    backwards : list of str
        Names of functions that may be a backward.

    Returns
    -------
    list of (layer, forward, backward)
        In the order of the forwards. A forward with two backwards is in it twice.
    """
    found = []
    for backward in backwards:
        own = words(backward)
        stem = [word for word in own if word not in BACKWARD | GRADIENT]
        forward = _partner(stem, [name for name in forwards if name != backward])
        if stem == own or forward is None:
            continue
        found.append(("_".join(stem), forward, backward))
    return sorted(found, key=lambda pair: forwards.index(pair[1]))


def _partner(stem: list[str], forwards: list[str]) -> str | None:
    """Return the forward with the same words; without versions (naive, alt) where there is none."""
    marked = {name: [w for w in words(name) if w not in FORWARD] for name in forwards}
    said = [name for name in forwards if set(words(name)) & FORWARD]
    for names in (said, forwards):
        for strip in (set(), VERSION):
            wanted = [word for word in stem if word not in strip]
            for name in names:
                if not set(words(name)) & (BACKWARD | GRADIENT) and wanted == [
                    word for word in marked[name] if word not in strip
                ]:
                    return name
    return None


def is_backward(name: str) -> bool:
    """Whether a name says that a function is somebody's backward.

    Parameters
    ----------
    name : str
    """
    return bool(set(words(name)) & (BACKWARD | GRADIENT))


def is_forward(name: str) -> bool:
    """Whether a name says that a function is a forward.

    Parameters
    ----------
    name : str
    """
    return bool(set(words(name)) & FORWARD)
