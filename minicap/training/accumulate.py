"""Several batches for one step: the gradient of a batch that would not fit into memory."""

from __future__ import annotations

from minicap._types import Arrays
from minicap.training.parallel import weighted_sum


class Accumulation:
    """The mean gradient over consecutive batches, as if they had been one.

    A captioner's loss is a mean over words, so the mean over several batches is weighted by how many each has:
    then the gradient is that of one large batch, up to rounding, also where they are of different sizes, as
    the last one of an epoch is. Batch norm alone notices: it normalises each by its own statistics.

    Attributes
    ----------
    batches : int
        How many there are so far.
    loss_sum : float
        Sum of their losses.
    grads : dict of str to Array
        Mean of their gradients; with one batch the very arrays that it gave.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.loss_sum = 0.0
        self.grads: Arrays = {}
        self._weight = 0.0

    def add(self, loss: float, grads: Arrays, weight: float = 1.0) -> None:
        """Take in one more batch.

        Parameters
        ----------
        loss : float
        grads : dict of str to Array
            They are left as they were.
        weight : float
            How many terms the loss is the mean of, as ``weigh`` of the models says.
        """
        self._weight += weight
        if self.batches == 0:
            self.grads = grads
        elif weight:
            share = weight / self._weight  # a running mean: what came before has the rest
            _, self.grads = weighted_sum([(0.0, self.grads), (0.0, grads)], [1 - share, share])
        self.batches += 1
        self.loss_sum += loss
