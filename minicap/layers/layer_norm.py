"""Layer normalisation as a layer: it learns scale and shift, and remembers nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap.layers.base import Layer


class LayerNorm(Layer):
    """Normalise each vector along the last axis: x (..., D), gamma (D,), beta (D,)."""

    op_forward, op_backward = ops.layer_norm_forward, ops.layer_norm_backward
    arguments = {"gamma": "gamma", "beta": "beta"}

    def __init__(self, size: int, *, eps: float = 1e-5, dtype: DTypeLike = "float32") -> None:
        super().__init__(eps=eps)
        self.params = {"gamma": np.ones(size, dtype), "beta": np.zeros(size, dtype)}
