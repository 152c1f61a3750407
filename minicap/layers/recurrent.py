"""Recurrent cells behind one interface, and stacks of them.

A cell's state is one array (N, S): the hidden state (N, H), for the LSTM hidden and cell state side by
side (N, 2H). So conditioning and decoding need not know which cell they drive.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap import kernels, ops
from minicap._types import Array, Arrays, Rng
from minicap.initializers import Initializer, glorot_uniform, lstm_bias, orthogonal, zeros
from minicap.layers.base import Layer
from minicap.ops.gru import gru_reset_before


class RunCache(NamedTuple):
    """The op's cache, and what stood beside every input with the rows of ``w_x`` that read it."""

    op: Any
    beside: tuple[Array, Array] | None


class Recurrent(Layer):
    """What every cell is: a sequence op, a step, so many gates and so many states."""

    kernel: ClassVar[str]  # what takes one step without a cache
    inputs: ClassVar[tuple[str, ...]] = ("x", "h0")
    arguments = {"w_x": "w_x", "w_h": "w_h", "b": "b"}

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # how many (N, H) arrays make the state
    biases: ClassVar[dict[str, Initializer]] = {"b": zeros}

    def __init__(
        self, in_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike = "float32", **options: Any
    ) -> None:
        super().__init__(**options)
        self.hidden_size = hidden_size
        width = self.gates * hidden_size
        self.add_params(
            rng,
            dtype,
            w_x=((in_size, width), glorot_uniform),
            w_h=((hidden_size, width), orthogonal),
            **{name: ((width,), init) for name, init in self.biases.items()},
        )

    @property
    def state_size(self) -> int:
        """Width S of the state."""
        return self.states * self.hidden_size

    @property
    def bias(self) -> str:
        """Name of the bias that goes with the input."""
        return next(iter(self.biases))

    def run(
        self, x: Array, state: Array, *, beside: Array | None = None, mask: Array | None = None
    ) -> tuple[Array, Array, RunCache]:
        """Run over a sequence.

        What stands beside every input is the same at each step, so its product with the last E rows of ``w_x``
        is taken once: the sequence's own bias.

        Parameters
        ----------
        x : Array, (N, T, D)
        state : Array, (N, S)
        beside : Array, (N, E), optional
            Each step reads ``[x_t, beside]`` where given.
        mask : Array of bool, (N, T), optional

        Returns
        -------
        hs : Array, (N, T, H)
        last : Array, (N, S)
            The state after the last step.
        cache : RunCache
        """
        states, width = np.split(state, self.states, axis=1), x.shape[2]
        seen, own = None, {}
        if beside is not None:
            seen = beside, self.params["w_x"][width:]
            own = {"w_x": self.params["w_x"][:width], self.bias: self.read(beside, width)}
        y, cache = type(self).op_forward(x, *states, **(self.params | own), **self.options, mask=mask)
        hs, *others = (y,) if self.states == 1 else y
        last = np.concatenate([hs[:, -1] if hs.shape[1] else states[0], *others], axis=1)
        return hs, last, RunCache(cache, seen)

    def run_backward(
        self, dhs: Array, dlast: Array | None, cache: RunCache
    ) -> tuple[Array, Array | None, Array, Arrays]:
        """Propagate back through time.

        Parameters
        ----------
        dhs : Array, (N, T, H)
        dlast : Array, (N, S), or None
            Upstream of the state after the last step, where somebody read it.
        cache : RunCache

        Returns
        -------
        dx : Array, (N, T, D)
        dbeside : Array, (N, E), or None
        dstate : Array, (N, S)
        grads : dict of str to Array
        """
        if dlast is None:
            others = [np.zeros((len(dhs), self.hidden_size), dhs.dtype)] * (self.states - 1)
        else:
            dh, *others = np.split(dlast, self.states, axis=1)
            dhs = np.concatenate([dhs[:, :-1], dhs[:, -1:] + dh[:, None]], axis=1)
        (dx, *dstates), grads = self.backward(dhs, *others, cache.op)
        dbeside = None
        if cache.beside is not None:
            beside, w_beside = cache.beside
            dz = grads[self.bias]  # (N, gates H), the sum over time
            dbeside = dz @ w_beside.T
            dw_x = np.concatenate([grads["w_x"], beside.T @ dz])
            grads |= {"w_x": dw_x, self.bias: dz.sum(axis=0)}
        return dx, dbeside, np.concatenate(dstates, axis=1), grads

    def step(self, x: Array, state: Array) -> Array:
        """Return the state (N, S) after one more input (N, D)."""
        return self.advance(self.read(x), state)

    def read(self, x: Array, first: int = 0) -> Array:
        """Return the input's part of a step's pre-activations: ``x @ w_x + b``.

        Parameters
        ----------
        x : Array, (N, D), or (N, fewer)
            The input, or those of its columns that are known beforehand.
        first : int
            Where these columns begin.

        Returns
        -------
        Array, (N, gates H)
        """
        return x @ self.params["w_x"][first : first + x.shape[1]] + self.params[self.bias]

    def advance(self, z_x: Array, state: Array) -> Array:
        """Return the state (N, S) after a step, given the input's part (N, gates H); see ``read``."""
        names = ["w_h", *list(self.biases)[1:]]  # the first bias is in z_x already
        arrays = (z_x, state, *(self.params[name] for name in names))
        return getattr(kernels.recurrent, self.kernel)(*(np.ascontiguousarray(array) for array in arrays))


class Rnn(Recurrent):
    """Elman network: x (N, T, D), state (N, H), hs (N, T, H)."""

    op_forward, op_backward = ops.rnn_forward, ops.rnn_backward
    kernel = "rnn_step"


class Lstm(Recurrent):
    """Long short-term memory: x (N, T, D), state (N, 2H) = hidden and cell, hs (N, T, H)."""

    op_forward, op_backward = ops.lstm_forward, ops.lstm_backward
    kernel = "lstm_step"
    inputs = ("x", "h0", "c0")

    gates, states = 4, 2
    biases = {"b": lstm_bias}


class Gru(Recurrent):
    """Gated recurrent unit: x (N, T, D), state (N, H), hs (N, T, H).

    The option ``reset_after`` (True) says whether the reset gate acts after the product or before it.
    """

    op_forward, op_backward = ops.gru_forward, ops.gru_backward
    kernel = "gru_step"
    arguments = {"w_x": "w_x", "w_h": "w_h", "b_x": "b_x", "b_h": "b_h"}

    gates = 3
    biases = {"b_x": zeros, "b_h": zeros}

    def advance(self, z_x: Array, state: Array) -> Array:
        """Return the state (N, S) after a step, given the input's part (N, gates H); see ``read``."""
        if self.options.get("reset_after", True):
            return super().advance(z_x, state)
        return gru_reset_before(z_x, state, self.params["w_h"], self.params["b_h"])[1]


CELLS: dict[str, type[Recurrent]] = {"rnn": Rnn, "lstm": Lstm, "gru": Gru}
