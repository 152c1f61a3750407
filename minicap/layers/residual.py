"""The residual block: two convolutions learn what to add to their input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers.base import Composite, named
from minicap.layers.basic import Conv2d, Relu
from minicap.layers.batch_norm import BatchNorm
from minicap.layers.sequential import Sequential


class ResidualCache(NamedTuple):
    """The caches of both ways and of the ReLU behind their sum."""

    body: dict[str, Any]
    shortcut: dict[str, Any]
    relu: Any


class ResidualBlock(Composite):
    """``y = relu(body(x) + shortcut(x))``, x (N, C, H, W), y (N, F, H, W).

    The body is convolution, norm, ReLU, convolution, norm. The shortcut hands x on as it is, where C = F;
    else a 1x1 convolution brings it to F channels. The gradient reaches x by both ways, and the shortcut
    passes it undiminished: so deep stacks of blocks learn where plain stacks do not.

    Parameters
    ----------
    channels, filters : int
        C and F.
    batch_norm : bool
        Whether norms stand behind the convolutions.
    rng : numpy.random.Generator
    dtype : dtype

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2016), figure 2, shortcut B.
    """

    def __init__(
        self, channels: int, filters: int, *, batch_norm: bool = True, rng: Rng, dtype: DTypeLike = "float32"
    ) -> None:
        body: dict[str, Any] = {"conv1": Conv2d(channels, filters, rng=rng, padding=1, dtype=dtype)}
        body |= {"norm1": BatchNorm(filters, dtype=dtype)} if batch_norm else {}
        body |= {"relu1": Relu(), "conv2": Conv2d(filters, filters, rng=rng, padding=1, dtype=dtype)}
        body |= {"norm2": BatchNorm(filters, dtype=dtype)} if batch_norm else {}
        if not batch_norm:  # then the block starts as its shortcut, and the sum does not grow with depth
            body["conv2"].params["weight"][...] = 0
        self.body = Sequential(**body)
        narrow = (
            {"conv": Conv2d(channels, filters, (1, 1), rng=rng, dtype=dtype)} if channels != filters else {}
        )
        self.shortcut = Sequential(**narrow)
        self.relu = Relu()

    @property
    def parts(self) -> Mapping[str, Any]:
        """Body and shortcut."""
        return {"body": self.body, "shortcut": self.shortcut}

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, ResidualCache]:
        """Add what the body learnt to what the shortcut hands on.

        Parameters
        ----------
        x : Array, (N, C, H, W)
        training : bool
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        y : Array, (N, F, H, W)
        cache : ResidualCache
        """
        learnt, c_body = self.body.forward(x, training=training, rng=rng)
        same, c_shortcut = self.shortcut.forward(x, training=training, rng=rng)
        y, c_relu = self.relu.forward(learnt + same)
        return y, ResidualCache(c_body, c_shortcut, c_relu)

    def backward(self, dy: Array, cache: ResidualCache) -> tuple[Array, Arrays]:
        """Propagate by both ways and add up.

        Parameters
        ----------
        dy : Array, (N, F, H, W)
        cache : ResidualCache

        Returns
        -------
        dx : Array, (N, C, H, W)
        grads : dict of str to Array
            Named like ``params``.
        """
        dsum, _ = self.relu.backward(dy, cache.relu)
        dx_learnt, g_body = self.body.backward(dsum, cache.body)
        dx_same, g_shortcut = self.shortcut.backward(dsum, cache.shortcut)
        return dx_learnt + dx_same, named(body=g_body, shortcut=g_shortcut)
