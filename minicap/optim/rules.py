"""The rules by which parameters move."""

from __future__ import annotations

import math

from minicap import kernels
from minicap._types import Array
from minicap.optim.base import Optimizer, check_share


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum.

    ``v = momentum * v + grad;  param -= lr * v``

    Parameters
    ----------
    lr : float
    momentum : float
        Share of the last step's velocity that is kept, 0 to below 1.
    weight_decay : float
        Of the L2 penalty, see ``Optimizer``.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """

    slots = ("velocity",)

    def __init__(self, lr: float = 0.1, *, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.momentum = check_share(self, "momentum", momentum)

    def update(self, param: Array, grad: Array, *memory: Array, decay: float) -> None:
        """Move one parameter in place."""
        kernels.optim.sgd_step(param, grad, *memory, self.lr, self.momentum, decay)


class RmsProp(Optimizer):
    """RMSProp: each entry's step is its gradient over the root of the mean square of its last ones.

    ::

        v = decay * v + (1 - decay) * grad**2
        param -= lr * grad / (sqrt(v) + eps)

    This is the form of the lecture, without momentum, and with eps outside the root, as in PyTorch. ``v``
    starts at zero and nothing undoes that, so the first step is longer: ``lr / sqrt(1 - decay)``.

    Parameters
    ----------
    lr : float
    decay : float
        How slowly the mean forgets.
    eps : float
        Keeps the quotient finite where gradients vanish.
    weight_decay : float
        Of the L2 penalty, see ``Optimizer``.

    References
    ----------
    Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera: Neural Networks for Machine Learning (2012).
    """

    slots = ("square",)

    def __init__(
        self, lr: float = 1e-3, *, decay: float = 0.9, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.decay = check_share(self, "decay", decay)
        self.eps = eps

    def update(self, param: Array, grad: Array, *memory: Array, decay: float) -> None:
        """Move one parameter in place."""
        kernels.optim.rmsprop_step(param, grad, *memory, self.lr, self.decay, self.eps, decay)


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
    weight_decay : float
        Of the L2 penalty, see ``Optimizer``.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1 (their alpha is lr).
    """

    slots = ("mean", "square")

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.beta1, self.beta2 = check_share(self, "beta1", beta1), check_share(self, "beta2", beta2)
        self.eps = eps

    def update(self, param: Array, grad: Array, *memory: Array, decay: float) -> None:
        """Move one parameter in place."""
        self._adam(param, grad, *memory, penalty=decay, shrink=1.0)

    def _adam(
        self, param: Array, grad: Array, mean: Array, square: Array, *, penalty: float, shrink: float
    ) -> None:
        """Move one parameter, with the L2 penalty in its gradient, or smaller by a factor before it moves."""
        # The two corrections are folded into one factor and eps, which saves two passes over memory.
        correction = math.sqrt(1 - self.beta2**self.steps)
        scale = self.lr * correction / (1 - self.beta1**self.steps)
        eps = self.eps * correction
        kernels.optim.adam_step(
            param, grad, mean, square, scale, self.beta1, self.beta2, eps, penalty, shrink
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: ``param *= 1 - lr * weight_decay``, then Adam's step.

    An L2 penalty inside Adam is divided by the root of the mean square as all of the gradient is, so weights
    with large gradients hardly decay. Here every weight shrinks by the same share.

    Parameters
    ----------
    lr, beta1, beta2, eps : float
        As for ``Adam``.
    weight_decay : float
        A step takes away ``lr * weight_decay`` of each weight, 0.01 is usual; ``Optimizer`` says of which weights.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2. Their schedule's factor
    scales Adam's step and the decay, the step size alpha only the first; as in PyTorch, ``lr`` is the product
    of the two and scales both, so their lambda is ``alpha * weight_decay``.
    """

    def update(self, param: Array, grad: Array, *memory: Array, decay: float) -> None:
        """Shrink one parameter and move it, in place; the gradient stays what it is."""
        self._adam(param, grad, *memory, penalty=0.0, shrink=1 - self.lr * decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RmsProp, "sgd": Sgd}
