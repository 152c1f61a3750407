"""What every optimiser does: check the gradients, remember, pull weights towards zero, count the steps."""

from __future__ import annotations

import math

import numpy as np

from minicap._types import Array, ArrayMapping, Arrays


class Optimizer:
    """What every optimiser is: a learning rate, a step count, and one or more arrays a parameter.

    Parameters
    ----------
    lr : float
        Learning rate.
    weight_decay : float
        Pull of weights towards zero. Only a parameter with two or more axes feels it: a matrix, a filter or
        an embedding. Biases, and the scale and shift of a norm, have one axis and are left alone: they are
        few, overfit nothing, and a scale that is pulled to zero would switch its layer off. A parameter
        without a gradient does not decay either.

    Attributes
    ----------
    lr : float
        Learning rate; a schedule may set it before each step.
    steps : int
        Steps taken so far.
    state : dict of str to Array
        What is remembered, named ``<slot>.<parameter>``.

    Raises
    ------
    ValueError
        If a number makes no sense.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, lr: float, *, weight_decay: float = 0.0) -> None:
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"{type(self).__name__}: lr is {lr} but a positive number is needed")
        if not (math.isfinite(weight_decay) and weight_decay >= 0):
            raise ValueError(
                f"{type(self).__name__}: weight_decay is {weight_decay} but 0 or a positive number is needed"
            )
        self.lr = lr
        self.weight_decay = float(weight_decay)  # a NumPy float64 would turn float32 arrays into float64
        self.steps = 0
        self.state: Arrays = {}

    def step(self, params: Arrays, grads: ArrayMapping) -> None:
        """Move every parameter that has a gradient, in place.

        Parameters
        ----------
        params : dict of str to Array
            Live arrays.
        grads : dict of str to Array
            Gradients with the same names and shapes; a parameter without one stays (it is frozen).

        Raises
        ------
        ValueError
            If a gradient belongs to no parameter or has another shape.
        """
        for name, grad in grads.items():
            if name not in params or params[name].shape != grad.shape:
                found = params[name].shape if name in params else "no such parameter"
                raise ValueError(
                    f"{type(self).__name__}: gradient {name} is {grad.shape} but the parameter is {found}"
                )
        self.steps += 1
        for name, grad in grads.items():
            memory = [self._slot(slot, name, grad) for slot in self.slots]
            decay = self.weight_decay if grad.ndim > 1 else 0.0
            self._move(params[name], grad, memory, decay)

    def update(self, param: Array, grad: Array, *memory: Array, decay: float) -> None:
        """Move one parameter in place.

        Parameters
        ----------
        param, grad, *memory : Array, (M,)
            All of one dtype; ``memory`` in the order of ``slots``. The gradient is left as it was.
        decay : float
            The weight decay where this parameter feels it, else 0: unless an optimiser says otherwise that of
            the L2 penalty, ``decay * param`` more in the gradient, as from ``decay / 2 * sum(param**2)``.
        """
        raise NotImplementedError

    def _move(self, param: Array, grad: Array, memory: list[Array], decay: float) -> None:
        """Move one parameter of any shape, or a copy of it where it does not lie in one row."""
        moved = [param, *memory]
        rows = [np.ascontiguousarray(array).reshape(-1) for array in moved]  # views, as a rule
        row_grad = np.ascontiguousarray(grad, dtype=param.dtype).reshape(-1)
        self.update(rows[0], row_grad, *rows[1:], decay=decay)
        for array, row in zip(moved, rows, strict=True):
            if not array.flags.c_contiguous:
                array[...] = row.reshape(array.shape)

    def _slot(self, slot: str, name: str, like: Array) -> Array:
        """Return the array kept for a parameter, zeros at first."""
        key = f"{slot}.{name}"
        if key not in self.state:
            self.state[key] = np.zeros(like.shape, like.dtype)
        return self.state[key]


def check_share(optimizer: Optimizer, name: str, value: float) -> float:
    """Return a share of the past that is kept, or raise where it is none.

    Parameters
    ----------
    optimizer : Optimizer
        Whose option it is.
    name : str
    value : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not from 0 to below 1.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{type(optimizer).__name__}: {name} is {value} but 0 to below 1 is needed")
    return value
