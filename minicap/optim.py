"""Optimisers: gradients in, parameters moved in place, state in flat dicts that a checkpoint can hold."""

from __future__ import annotations

import math

import numpy as np

from minicap._types import Array, ArrayMapping, Arrays


class Optimizer:
    """What every optimiser is: a learning rate, a step count, and one or more arrays a parameter.

    Attributes
    ----------
    lr : float
        Learning rate; a schedule may set it before each step.
    steps : int
        Steps taken so far.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, lr: float) -> None:
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"{type(self).__name__}: lr is {lr} but a positive number is needed")
        self.lr = lr
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
            self.update(params[name], grad, *memory)

    def update(self, param: Array, grad: Array, *memory: Array) -> None:
        """Move one parameter in place; ``memory`` holds its arrays in the order of ``slots``."""
        raise NotImplementedError

    def _slot(self, slot: str, name: str, like: Array) -> Array:
        """Return the array kept for a parameter, zeros at first."""
        key = f"{slot}.{name}"
        if key not in self.state:
            self.state[key] = np.zeros_like(like)
        return self.state[key]


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum.

    ``v = momentum * v + grad;  param -= lr * v``

    Parameters
    ----------
    lr : float
    momentum : float
        Share of the last step's velocity that is kept, 0 to 1.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """

    slots = ("velocity",)

    def __init__(self, lr: float = 0.1, *, momentum: float = 0.9) -> None:
        super().__init__(lr)
        self.momentum = _share("Sgd", "momentum", momentum)

    def update(self, param: Array, grad: Array, *memory: Array) -> None:
        """Move one parameter in place."""
        (velocity,) = memory
        velocity *= self.momentum
        velocity += grad
        param -= self.lr * velocity


class Adam(Optimizer):
    """Adam: each entry's step is its mean gradient over the root of its mean square.

    ::

        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        param -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    The divisions by ``1 - beta**t`` undo the start at zero.

    Parameters
    ----------
    lr : float
    beta1, beta2 : float
        How slowly the two means forget.
    eps : float
        Keeps the quotient finite where gradients vanish.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1 (their alpha is lr).
    """

    slots = ("mean", "square")

    def __init__(
        self, lr: float = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        super().__init__(lr)
        self.beta1, self.beta2 = _share("Adam", "beta1", beta1), _share("Adam", "beta2", beta2)
        self.eps = eps

    def update(self, param: Array, grad: Array, *memory: Array) -> None:
        """Move one parameter in place."""
        mean, square = memory
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * grad * grad
        # The two corrections are folded into one factor and eps, which saves two passes over memory.
        correction = math.sqrt(1 - self.beta2**self.steps)
        scale = self.lr * correction / (1 - self.beta1**self.steps)
        param -= scale * mean / (np.sqrt(square) + self.eps * correction)


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": Sgd}


def _share(optimizer: str, name: str, value: float) -> float:
    """Return a share of the past that is kept, or raise where it is none."""
    if not 0 <= value < 1:
        raise ValueError(f"{optimizer}: {name} is {value} but 0 to below 1 is needed")
    return value


def global_norm(grads: ArrayMapping) -> float:
    """Return the Euclidean norm over all gradients together.

    Parameters
    ----------
    grads : dict of str to Array

    Returns
    -------
    float
    """
    return math.sqrt(sum(float(np.vdot(grad, grad)) for grad in grads.values()))


def clip_by_global_norm(grads: Arrays, max_norm: float) -> tuple[Arrays, float]:
    """Scale all gradients together so that their common norm is at most ``max_norm``.

    The direction stays; only a step that would be too long is shortened.

    Parameters
    ----------
    grads : dict of str to Array
    max_norm : float
        Largest norm allowed; ``inf`` never clips.

    Returns
    -------
    grads : dict of str to Array
        The same dict where nothing had to be done, else new arrays.
    norm : float
        The norm before clipping.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive.

    References
    ----------
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013),
    algorithm 1.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_by_global_norm: max_norm is {max_norm} but a positive number is needed")
    norm = global_norm(grads)
    if norm <= max_norm:
        return grads, norm
    return {name: grad * grad.dtype.type(max_norm / norm) for name, grad in grads.items()}, norm
