"""What ails a model, in plain words: dead units, gradients that vanish, cells that are stuck.

The bounds are wide: a warning that comes for nothing costs more than one that does not come. They were chosen on
captioners for the built-in scenes, healthy ones (fresh, and after each epoch at the default learning rate) and
ones that had collapsed at ten and thirty times that rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minicap._types import Array, ArrayMapping
from minicap.ops.activations import Relu6Cache, ReluCache
from minicap.ops.conv_relu_pool import Conv2dReluPoolCache
from minicap.ops.gru import GruCache
from minicap.ops.lstm import LstmCache
from minicap.ops.rnn import RnnCache
from minicap.training.finite import blame_gradient, find_not_finite, first_not_finite, nodes

# Of a convolution's filters at most 11 in 100 were silent on the smallest batches of fresh models, mostly none; while
# training went well up to 17, and where it had collapsed 27 to 50. The units of a vector say less: healthy encoders
# leave up to 60 in 100 at zero, since pictures resemble each other and a unit may wait for what none of these shows.
LEAST_PICTURES = 8
DEAD_FILTERS, LEAST_PLACES = 0.2, 256
DEAD_UNITS, LEAST_ROWS = 0.9, 16

# The first convolution of a healthy model gets 0.5 to 0.003 of the largest gradient, each relative to its weights.
VANISHED = 1e-4

# An LSTM that learns well may have 80 in 100 of its gates beyond 0.97; one that has collapsed, all of them.
FLAT, STUCK = 0.97, 0.95  # 6 % of the slope in the middle is left at 0.97, of a tanh as of a sigmoid

MOST_WARNINGS = 4


def examine(model: Any, batch: Any) -> list[str]:
    """Say in plain words what is wrong with a model, judged by one batch.

    The model is run as it describes pictures, without dropout and with the running statistics of its norms;
    nothing of it is changed.

    Parameters
    ----------
    model
        With ``params``, ``loss`` and ``backward``, see ``minicap.models``.
    batch
        What the model takes; of a few pictures little can be said.

    Returns
    -------
    list of str
        At most four sentences, the most important first; empty where nothing stands out.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is looked for, and named
        loss, cache = model.loss(batch)
        if not abs(float(loss)) < float("inf"):
            return [f"the loss is {float(loss)}: {find_not_finite(model, batch, cache)}"]
        _, grads = model.backward(cache)
    if first_not_finite(grads) is not None:
        return [blame_gradient(grads)]
    params = model.params
    blind = getattr(model, "blind", False)  # then its encoder has nothing to learn, and no gradient by right
    found = [] if blind else _weak_gradients(params, grads)
    return [*found, *_dead_units(cache), *_stuck_cells(params, cache)][:MOST_WARNINGS]


def _weak_gradients(params: ArrayMapping, grads: ArrayMapping) -> list[str]:
    """Name weights without a gradient; else the first layer, if its gradient has vanished on the way down.

    A gradient is measured by its weights, so that layers of different sizes can be compared. Biases and norms are
    left out: a bias starts at zero, and that of a layer in front of a norm or a softmax has no gradient by right.
    """
    weights = [name for name, array in params.items() if array.ndim > 1 and name in grads]
    silent = [name for name in weights if not grads[name].any()]
    # A weight that is still zero lets nothing through by right: a residual block starts as its shortcut.
    if silent and all(params[name].any() for name in weights):
        more = {0: " receives", 1: " and 1 more weight receive"}
        rest = more.get(len(silent) - 1, f" and {len(silent) - 1} more weights receive")
        return [f"{silent[0]}{rest} no gradient at all: what lies behind is dead, stuck or not connected"]
    sizes = {
        name: _rms(grads[name]) / _rms(params[name])
        for name in weights
        if params[name].any() and grads[name].any()
    }
    if not sizes:
        return []
    first, largest = next(iter(sizes)), max(sizes, key=lambda name: sizes[name])
    times = sizes[largest] / sizes[first]
    if times * VANISHED <= 1:
        return []
    shown = f"{times:,.0f}" if times < 1e6 else "more than a million"
    return [
        f"the gradient of {first}, relative to its weights, is {shown} times smaller than that of {largest}: it "
        "vanishes on the way down; --batch-norm, gated cells (lstm, gru) or a smaller --lr helps"
    ]


def _dead_units(cache: Any) -> list[str]:
    """Name the ReLUs, the worst two first, many of whose units are zero for every picture at every place."""
    found = []
    for path, node in nodes(cache):
        if isinstance(node, Conv2dReluPoolCache):
            seen = node.y  # the largest of four is zero where all four are
        elif isinstance(node, ReluCache | Relu6Cache):
            seen = node.x
        else:
            continue
        if seen.ndim == 4:  # (N, C, H, W)
            units, limit, least, kind = np.moveaxis(seen, 1, -1), DEAD_FILTERS, LEAST_PLACES, "filters"
        else:
            units, limit, least, kind = seen, DEAD_UNITS, LEAST_ROWS, "units"
        places = units.reshape(-1, units.shape[-1])
        dead, count = int((places <= 0).all(axis=0).sum()), units.shape[-1]
        if len(units) >= LEAST_PICTURES and len(places) >= least and dead >= limit * count and dead > 1:
            rows = f"{len(units)} pictures" if kind == "filters" else f"{len(places)} rows"
            found.append((dead / count, f"{path}: {dead} of {count} {kind} never fire on {rows} (dead ReLU)"))
    found.sort(key=lambda pair: -pair[0])
    return [f"{text}; a smaller --lr or --batch-norm helps" for _, text in found[:2]]


def _stuck_cells(params: ArrayMapping, cache: Any) -> list[str]:
    """Name the first recurrent layer nearly all of whose gates or states are at an end of their range."""
    for path, node in nodes(cache):
        values = _squashed(node)
        if values is None or not values.size:
            continue
        share = float((np.abs(values) > FLAT).mean())
        if share > STUCK:
            # A stack of layers numbers its caches; the weights in them tell the layer's name.
            names = (name.removesuffix(".w_h") for name, array in params.items() if array is node.w_h)
            what = "states" if isinstance(node, RnnCache) else "gates"
            return [
                f"{next(names, path)}: {share:.0%} of the {what} are stuck at an end of their range (saturated), "
                "where no gradient passes; a smaller --lr or --clip-norm helps"
            ]
    return []


def _squashed(node: Any) -> Array | None:
    """Return what the squashing functions of a recurrent layer gave, from -1 to 1, at the steps that count."""
    if isinstance(node, RnnCache):
        values = node.hs  # (N, T, H)
    elif isinstance(node, LstmCache | GruCache):
        hidden = node.hs.shape[2]
        values = 2 * node.gates - 1  # sigmoids as the tanh of half their input
        candidate = slice(2 * hidden, 3 * hidden)  # a tanh already: g of i, f, g, o and n of r, z, n
        values[..., candidate] = node.gates[..., candidate]
    else:
        return None
    return values if node.mask is None else values[node.mask]


def _rms(array: Array) -> float:
    """Return the root of the mean square of what is not all zero; scaled, for squares of small numbers are zero."""
    largest = np.abs(array).max()
    return float(largest) * float(np.sqrt(np.mean(np.square(array / largest))))
