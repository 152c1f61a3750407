"""What the recurrent terms share: the layout of weights, the order of gates, and which axis is time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Rng
from minicap.grading.terms.base import TIME, WEIGHTS, Choice, Pull, Variant, fill, normal, sizes

STEP = {"weights": WEIGHTS}
SEQUENCE = {"weights": WEIGHTS, "time": TIME}


def gate_orders(gates: str) -> Choice:
    """Return the choice of an order of gates, the library's own first.

    Parameters
    ----------
    gates : str
    """
    return Choice(gates, tuple("".join(order) for order in permutations(gates)))


class Layout(NamedTuple):
    """How a term's weights differ from the library's, and the way there and back.

    Attributes
    ----------
    turned : bool
        Whether they are (out, in).
    order : tuple of int
        For each of the library's gates, where the term has it.
    signs : tuple of float
        For each of the library's gates, what the term's numbers are multiplied with.
    """

    turned: bool
    order: tuple[int, ...]
    signs: tuple[float, ...]

    def columns(self, total: int) -> tuple[Array, Array]:
        """Return which of the term's columns each of the library's is, and its sign."""
        hidden = total // len(self.order)
        chosen = np.concatenate([np.arange(hidden) + hidden * place for place in self.order])
        return chosen, np.repeat(np.array(self.signs), hidden)

    def there(self, w: Array) -> Array:
        """Return the library's weights or bias for the term's."""
        w = w.T if self.turned and w.ndim == 2 else w
        chosen, signs = self.columns(w.shape[-1])
        return np.ascontiguousarray(w[..., chosen] * signs)

    def back(self, dw: Array) -> Array:
        """Return the term's gradient for the library's."""
        chosen, signs = self.columns(dw.shape[-1])
        result = np.empty_like(dw)
        result[..., chosen] = dw * signs
        return result.T if self.turned and dw.ndim == 2 else result


def layout(variant: Variant, gates: str, negated: str = "") -> Layout:
    """Return the layout of a variant.

    Parameters
    ----------
    variant : mapping
    gates : str
        The library's order.
    negated : str
        The gates of which the term has the opposite.
    """
    order = variant.get("gates", gates)
    places = tuple(order.index(gate) for gate in gates)
    return Layout(
        variant["weights"] == "out_in", places, tuple(-1.0 if gate in negated else 1.0 for gate in gates)
    )


def draw(
    gates: int, states: tuple[str, ...], biases: tuple[str, ...], sequence: bool
) -> Callable[[Rng, Variant], dict[str, Any]]:
    """Return the function that draws the arguments of a recurrent term.

    Parameters
    ----------
    gates : int
        How many.
    states, biases : tuple of str
        The names of the initial states and of the biases.
    sequence : bool
        Whether x has many steps.
    """

    def drawn(rng: Rng, variant: Variant) -> dict[str, Any]:
        n, t, d, h = sizes(rng, 4, 2, 6)
        shape = ((t, n, d) if variant.get("time") == "time_first" else (n, t, d)) if sequence else (n, d)
        arguments = {"x": normal(rng, *shape)}
        arguments |= {name: 0.7 * normal(rng, n, h) for name in states}
        for name, rows in (("w_x", d), ("w_h", h)):
            w = normal(rng, rows, gates * h) / np.sqrt(rows)
            arguments[name] = w.T.copy() if variant["weights"] == "out_in" else w
        return arguments | {name: normal(rng, gates * h) for name in biases}

    return drawn


def answer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    layout_of: Callable[[Variant], Layout],
    *,
    options: Callable[[Variant], dict[str, Any]] = lambda variant: {},
    states: int = 1,
    dropped: int = 0,
) -> Callable[[Mapping[str, Any], Variant], tuple[tuple[Array, ...], Pull]]:
    """Return the answer of a recurrent term from an op of the library.

    Parameters
    ----------
    forward, backward : callable
        The op.
    layout_of : callable
    options : callable
        The op's, for a variant.
    states : int
        How many arguments are states.
    dropped : int
        How many of the op's last outputs the term has not; they get a gradient of zero.
    """

    def answered(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
        names, first = list(arguments), variant.get("time") == "time_first"
        form = layout_of(variant)
        x, *rest = arguments.values()
        weights = [form.there(w) for w in rest[states:]]
        given = [np.ascontiguousarray(np.swapaxes(x, 0, 1)) if first else x, *rest[:states], *weights]
        y, cache = forward(*given, **options(variant))
        outputs = y if isinstance(y, tuple) else (y,)

        def pull(*dys: Array) -> dict[str, Array]:
            swapped = [np.ascontiguousarray(np.swapaxes(dy, 0, 1)) if first else dy for dy in dys]
            zeros = [np.zeros_like(output) for output in outputs[len(outputs) - dropped :]] if dropped else []
            dx, *others = backward(*swapped, *zeros, cache)
            turned = [form.back(dw) for dw in others[states:]]
            found = [np.swapaxes(dx, 0, 1) if first else dx, *others[:states], *turned]
            return dict(zip(names, found, strict=True))

        shown = outputs[: len(outputs) - dropped]
        return tuple(np.swapaxes(output, 0, 1) if first else output for output in shown), pull

    return answered


def shapes(
    gates: int, states: Mapping[str, str], biases: tuple[str, ...], outputs: Mapping[str, str], sequence: bool
) -> Callable[[Variant], dict[str, str]]:
    """Return the function that tells the shapes of a recurrent term.

    Parameters
    ----------
    gates : int
    states, outputs : mapping of str to str
        Shapes by name; ``*`` stands for the axes of samples and time.
    biases : tuple of str
    sequence : bool
    """
    wide = f"{gates}H" if gates > 1 else "H"

    def told(variant: Variant) -> dict[str, str]:
        axes = ("T, N" if variant.get("time") == "time_first" else "N, T") if sequence else "N"
        turned = variant["weights"] == "out_in"
        shape = {name: f"({wide}, {rows})" if turned else f"({rows}, {wide})" for name, rows in _ROWS}
        return {
            "x": f"({axes}, D)", **states, **shape, **dict.fromkeys(biases, f"({wide},)"),
            **{name: text.replace("*", axes) for name, text in outputs.items()},
        }  # fmt: skip

    return told


_ROWS = (("w_x", "D"), ("w_h", "H"))


def products(variant: Variant) -> dict[str, str]:
    """Return how code multiplies with the weights, on the way there and back.

    Parameters
    ----------
    variant : mapping
    """
    turned = variant["weights"] == "out_in"
    return {
        "wx": "w_x.T" if turned else "w_x", "wh": "w_h.T" if turned else "w_h",
        "bx": "w_x" if turned else "w_x.T", "bh": "w_h" if turned else "w_h.T",
    }  # fmt: skip


def outer(variant: Variant, left: str, right: str) -> str:
    """Return the code of a weight's gradient, from the input and the gradient behind the weight.

    Parameters
    ----------
    variant : mapping
    left, right : str
        Code of (N, in) and (N, out).
    """
    return f"{right}.T @ {left}" if variant["weights"] == "out_in" else f"{left}.T @ {right}"


def over_time(variant: Variant) -> dict[str, str]:
    """Return how code takes one step of a sequence, and counts the steps.

    Parameters
    ----------
    variant : mapping
    """
    first = variant["time"] == "time_first"
    return {"steps": "x.shape[0]" if first else "x.shape[1]", "at": "t" if first else ":, t",
            "axis": "0" if first else "1"}  # fmt: skip


def indented(code: str, by: int = 4) -> str:
    """Return code further to the right.

    Parameters
    ----------
    code : str
    by : int
    """
    return "\n".join(" " * by + line for line in code.splitlines())


def sequence_forward(variant: Variant, step: str, states: Mapping[str, str], saved: str) -> str:
    """Return the forward over a sequence.

    Parameters
    ----------
    variant : mapping
    step : str
        Code of one step, from ``x_t`` and the states' names.
    states : mapping of str to str
        The states' names, and those of their initial values.
    saved : str
        What a step's backward needs.
    """
    start = "\n".join(f"{name} = {initial}" for name, initial in states.items())
    return fill(
        """
$start
steps, outputs = [], []
for t in range($steps):
    x_t = x[$at]
$step
    steps.append(($saved))
    outputs.append(h)
hs = np.stack(outputs, axis=$axis)
""",
        start=start, step=indented(step), saved=saved, **over_time(variant),
    )  # fmt: skip


def sequence_backward(
    variant: Variant, step: str, saved: str, states: Mapping[str, str], parameters: tuple[str, ...]
) -> str:
    """Return the backward over a sequence.

    Parameters
    ----------
    variant : mapping
    step : str
        Code of one step, which leaves ``dx_t``, ``dw_x_t`` and so on, from ``dh`` to the ``dh`` before it.
    saved : str
    states : mapping of str to str
    parameters : tuple of str
    """
    zeros = [f"d{name} = np.zeros_like({name})" for name in parameters]
    zeros += [f"d{name} = np.zeros_like(steps[0][1])" for name in states]
    sums = [f"d{name} += d{name}_t" for name in parameters]
    ends = [f"d{initial} = d{name}" for name, initial in states.items()]
    return fill(
        """
dx = np.zeros_like(x)
$zeros
for t in reversed(range($steps)):
    x_t = x[$at]
    $saved = steps[t]
    dh = dh + dhs[$at]
$step
    dx[$at] = dx_t
$sums
$ends
""",
        zeros="\n".join(zeros), saved=saved, step=indented(step), sums=indented("\n".join(sums)),
        ends="\n".join(ends), **over_time(variant),
    )  # fmt: skip
