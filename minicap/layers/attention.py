"""Attention with named parameters: each layer a few lines around its op."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Rng
from minicap.initializers import glorot_uniform, zeros
from minicap.layers.base import Layer


class AdditiveAttention(Layer):
    """Where a state looks: features (N, L, E) and h (N, H) to context (N, E) and weights (N, L)."""

    op_forward, op_backward = ops.additive_attention_forward, ops.additive_attention_backward
    inputs = ("features", "h")
    arguments = {"w_f": "w_f", "w_h": "w_h", "b": "b", "v": "v"}

    def __init__(
        self,
        feature_size: int,
        hidden_size: int,
        attention_size: int,
        *,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__()
        self.add_params(
            rng,
            dtype,
            w_f=((feature_size, attention_size), glorot_uniform),
            w_h=((hidden_size, attention_size), glorot_uniform),
            b=((attention_size,), zeros),
            v=((attention_size,), _glorot_vector),
        )


class AdditiveLook(Layer):
    """One look of a state at features whose keys are known: features (N, L, E), keys (N, L, A) and h (N, H)."""

    op_forward, op_backward = ops.additive_attention_step_forward, ops.additive_attention_step_backward
    inputs = ("features", "keys", "h")
    arguments = {"w_h": "w_h", "v": "v"}

    def __init__(
        self, hidden_size: int, attention_size: int, *, rng: Rng, dtype: DTypeLike = "float32"
    ) -> None:
        super().__init__()
        self.add_params(
            rng,
            dtype,
            w_h=((hidden_size, attention_size), glorot_uniform),
            v=((attention_size,), _glorot_vector),
        )


class ScaledDotProductAttention(Layer):
    """Queries (N, Tq, D) meet keys (N, Tk, D) and take values (N, Tk, E); no parameters of its own."""

    op_forward = ops.scaled_dot_product_attention_forward
    op_backward = ops.scaled_dot_product_attention_backward
    inputs = ("q", "k", "v")


class MultiHeadAttention(Layer):
    """Attention in several heads: q (N, Tq, D), k and v (N, Tk, M) to y (N, Tq, D), weights (N, heads, Tq, Tk).

    All heads together are as wide as ``size`` = D; ``memory_size`` M is D unless given. ``mask`` and ``causal`` are
    options of each ``forward``.
    """

    op_forward, op_backward = ops.multi_head_attention_forward, ops.multi_head_attention_backward
    inputs = ("q", "k", "v")
    arguments = {name: name for name in ("w_q", "w_k", "w_v", "w_o", "b_q", "b_k", "b_v", "b_o")}

    def __init__(
        self,
        size: int,
        heads: int,
        *,
        rng: Rng,
        memory_size: int | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        if heads < 1 or size % heads:
            raise ValueError(f"MultiHeadAttention: size {size} does not divide into {heads} heads")
        super().__init__(heads=heads)
        memory = size if memory_size is None else memory_size
        weights = {"w_q": (size, size), "w_k": (memory, size), "w_v": (memory, size), "w_o": (size, size)}
        self.add_params(rng, dtype, **{name: (shape, glorot_uniform) for name, shape in weights.items()})
        self.add_params(rng, dtype, **dict.fromkeys(("b_q", "b_k", "b_v", "b_o"), ((size,), zeros)))


def _glorot_vector(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw the vector (A,) of a matrix (A, 1): many inputs, one output."""
    return glorot_uniform(rng, (*shape, 1), dtype).reshape(shape)
