"""Convolutions to measure: those that everybody meets, and some drawn at random so that none is tuned for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Rng

# A call takes about 1 to 50 ms at the rates of one to a few cores.
LEAST_FLOPS, MOST_FLOPS = 0.15e9, 3e9


class ConvShape(NamedTuple):
    """Images (N, C, H, W), filters (F, C/groups, K, K), stride; padding keeps the size at stride 1."""

    n: int
    c: int
    h: int
    w: int
    f: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1

    @property
    def padding(self) -> int:
        """Zeros around each image, in pixels."""
        return self.kernel // 2

    @property
    def output(self) -> tuple[int, int]:
        """OH and OW."""
        oh, ow = ((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in (self.h, self.w))
        return oh, ow

    @property
    def flops(self) -> float:
        """Multiplications and additions of the forward, those with padding among them."""
        oh, ow = self.output
        return 2.0 * self.n * self.f * oh * ow * (self.c // self.groups) * self.kernel**2

    @property
    def name(self) -> str:
        """Such as ``3x3/2 32x64x56x56->64``."""
        step = f"/{self.stride}" if self.stride > 1 else ""
        size = f"{self.kernel}x{self.kernel}{step} {self.n}x{self.c}x{self.h}x{self.w}"
        return f"{size} depthwise" if self.groups > 1 else f"{size}->{self.f}"


SHAPES = (
    ConvShape(64, 32, 14, 14, 64),
    ConvShape(64, 32, 32, 32, 64),
    ConvShape(64, 64, 32, 32, 64),
    ConvShape(32, 64, 56, 56, 64),
    ConvShape(64, 3, 28, 28, 32),
    ConvShape(64, 3, 64, 64, 32),
    ConvShape(64, 64, 28, 28, 64, kernel=1),
    ConvShape(32, 32, 28, 28, 64, kernel=5),
    ConvShape(32, 64, 56, 56, 64, stride=2),
    ConvShape(16, 3, 112, 112, 64, kernel=7, stride=2),
    ConvShape(32, 64, 28, 28, 64, groups=64),
)


def draw_shapes(count: int, seed: int) -> list[ConvShape]:
    """Draw convolutions at random, each a call of a few milliseconds.

    Parameters
    ----------
    count : int
    seed : int

    Returns
    -------
    list of ConvShape
        All different.
    """
    rng = np.random.default_rng(seed)
    found: dict[ConvShape, None] = {}
    while len(found) < count:
        shape = _draw(rng)
        if LEAST_FLOPS <= shape.flops <= MOST_FLOPS:
            found[shape] = None
    return list(found)


def _draw(rng: Rng) -> ConvShape:
    """Draw one convolution of any cost."""
    n, c, f = (int(rng.integers(low, high + 1)) for low, high in ((4, 64), (1, 128), (4, 128)))
    h, w = rng.integers(7, 65, size=2).tolist()
    kernel, stride = int(rng.choice([1, 3, 3, 5, 7])), int(rng.choice([1, 1, 1, 2]))
    return ConvShape(n, c, h, w, f, kernel, stride)
