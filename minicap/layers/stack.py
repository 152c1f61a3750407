"""Recurrent layers on top of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers.base import named
from minicap.layers.basic import Dropout
from minicap.layers.recurrent import CELLS


class RecurrentStack:
    """One to several recurrent layers, each reading the one below, with dropout in between.

    Parameters
    ----------
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    in_size, hidden_size : int
        Widths D and H.
    layers : int
    dropout : float
        Probability that an entry passed from one layer up to the next is dropped.
    reset_after : bool
        Of the GRU, see ``minicap.ops.gru``; the others have no such choice.
    rng : numpy.random.Generator
    dtype : dtype

    Raises
    ------
    ValueError
        If there is no such cell or no layer.

    References
    ----------
    Zaremba, Sutskever and Vinyals, "Recurrent neural network regularization" (2014): dropout between
    layers only, never along time.
    """

    def __init__(
        self,
        cell: str,
        in_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        reset_after: bool = True,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        if cell not in CELLS:
            raise ValueError(f"RecurrentStack: there is no cell {cell!r}; choose one of {', '.join(CELLS)}")
        if layers < 1:
            raise ValueError(f"RecurrentStack: layers is {layers} but at least 1 is needed")
        widths = [in_size] + [hidden_size] * (layers - 1)
        options = {} if reset_after or cell != "gru" else {"reset_after": False}
        self.cells = [CELLS[cell](width, hidden_size, rng=rng, dtype=dtype, **options) for width in widths]
        self.dropout = Dropout(dropout)

    @property
    def params(self) -> Arrays:
        """Parameters of every layer, ``layer1.w_x`` and so on."""
        return named(**{f"layer{i}": cell.params for i, cell in enumerate(self.cells, 1)})

    @property
    def state_size(self) -> int:
        """Width S of the state of all layers, side by side."""
        return sum(cell.state_size for cell in self.cells)

    def run(
        self,
        x: Array,
        state: Array,
        *,
        beside: Array | None = None,
        mask: Array | None = None,
        training: bool = False,
        rng: Rng | None = None,
    ) -> tuple[Array, Array, list[Any]]:
        """Run every layer over the sequence below it.

        Parameters
        ----------
        x : Array, (N, T, D)
        state : Array, (N, S)
        beside : Array, (N, E), optional
            Stands beside every input of the lowest layer.
        mask : Array of bool, (N, T), optional
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        hs : Array, (N, T, H)
            States of the top layer.
        last : Array, (N, S)
            The states of all layers after the last step, side by side.
        cache : list
        """
        cache, lasts = [], []
        for i, (cell, start) in enumerate(zip(self.cells, self._split(state), strict=True)):
            dropped = None
            if i:
                x, dropped = self.dropout.forward(x, training=training, rng=rng)
            x, last, ran = cell.run(x, start, beside=None if i else beside, mask=mask)
            cache.append((dropped, ran))
            lasts.append(last)
        return x, np.concatenate(lasts, axis=1), cache

    def run_backward(
        self, dhs: Array, dlast: Array | None, cache: list[Any]
    ) -> tuple[Array, Array | None, Array, Arrays]:
        """Propagate back through every layer, from the top one down.

        Parameters
        ----------
        dhs : Array, (N, T, H)
        dlast : Array, (N, S), or None
            Upstream of the states after the last step, where somebody read them.
        cache : list

        Returns
        -------
        dx : Array, (N, T, D)
        dbeside : Array, (N, E), or None
        dstate : Array, (N, S)
        grads : dict of str to Array
        """
        lasts = [None] * len(self.cells) if dlast is None else self._split(dlast)
        dbeside = None
        dstates: list[Array] = []
        grads: Arrays = {}
        layers = list(enumerate(zip(self.cells, lasts, cache, strict=True), 1))
        for i, (cell, last, (dropped, ran)) in reversed(layers):
            dhs, dbeside, dstate, cell_grads = cell.run_backward(dhs, last, ran)
            if dropped is not None:
                dhs, _ = self.dropout.backward(dhs, dropped)
            dstates.insert(0, dstate)
            grads |= named(**{f"layer{i}": cell_grads})
        return dhs, dbeside, np.concatenate(dstates, axis=1), grads

    def step(self, x: Array, state: Array) -> tuple[Array, Array]:
        """Take one step of time, without dropout.

        Parameters
        ----------
        x : Array, (N, D)
        state : Array, (N, S)

        Returns
        -------
        h : Array, (N, H)
            Hidden state of the top layer.
        state : Array, (N, S)
        """
        return self.advance(self.cells[0].read(x), state)

    def advance(self, z_x: Array, state: Array) -> tuple[Array, Array]:
        """Take one step of time of which the lowest cell has read the input already.

        Parameters
        ----------
        z_x : Array, (N, gates H)
            See ``Recurrent.read``.
        state : Array, (N, S)

        Returns
        -------
        h : Array, (N, H)
            Hidden state of the top layer.
        state : Array, (N, S)
        """
        after: list[Array] = []
        for cell, before in zip(self.cells, self._split(state), strict=True):
            below = cell.read(after[-1][:, : cell.hidden_size]) if after else z_x
            after.append(cell.advance(below, before))
        h = after[-1][:, : self.cells[-1].hidden_size]
        return h, after[0] if len(after) == 1 else np.concatenate(after, axis=1)

    def _split(self, state: Array) -> list[Array]:
        """Cut the state (N, S) into one a layer."""
        return [state] if len(self.cells) == 1 else np.split(state, len(self.cells), axis=1)


def telling_stack_shapes(
    cell: str, in_size: int, hidden_size: int, *, layers: int = 1
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a stack that are as large as any, which a file has to bear out.

    Parameters
    ----------
    cell : str
    in_size, hidden_size, layers : int
        As for ``RecurrentStack``.

    Returns
    -------
    dict of str to tuple
    """
    width = CELLS[cell].gates * hidden_size
    return {
        "layer1.w_x": (in_size, width),
        **{f"layer{i}.w_h": (hidden_size, width) for i in range(1, layers + 1)},
    }
