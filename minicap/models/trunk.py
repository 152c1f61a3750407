"""The convolutions that every model begins with, written down in one line.

``32,M,64,M,96,96`` reads: 3x3 convolution with 32 filters, 2x2 max-pooling, 64 filters, pooling, twice 96
filters. ``R64`` is a residual block of 64 filters. Every convolution keeps the size and is followed by a ReLU,
with batch norm in between where that is asked for. Models that agree in this line can hand on their
convolutions: a captioner may begin with those of a classifier or tagger.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers import BatchNorm, Conv2d, MaxPool2d, Relu, ResidualBlock, Sequential

ENCODERS = {
    "small": "24,M,48,M,96,M",  # the captioner's: an eighth of the side remains
    "classic": "32,M,64,M",  # the small network for digits and clothes that everybody knows
    "fine": "32,M,64,M,96,96",  # a quarter of the side remains: small things stay apart
}
MOST_PARTS, MOST_FILTERS = 64, 4096
_PART = re.compile(r"M|R?[1-9][0-9]{0,3}")


class Part(NamedTuple):
    """One element of the line: ``conv``, ``block`` or ``pool``, with the channels before and behind it."""

    kind: str
    channels: int
    filters: int


def read_encoder(encoder: str) -> list[Part]:
    """Return the parts that a name or a line describes.

    Parameters
    ----------
    encoder : str
        One of ``ENCODERS``, or such a line itself.

    Returns
    -------
    list of Part

    Raises
    ------
    ValueError
        If it is neither.
    """
    words = [word.strip() for word in ENCODERS.get(encoder, encoder).split(",")]
    if not (1 <= len(words) <= MOST_PARTS and all(map(_PART.fullmatch, words)) and words[0] != "M"):
        raise ValueError(
            f"there is no encoder {encoder[:80]!r}; choose one of {', '.join(ENCODERS)}, or write one down: "
            "filters of 3x3 convolutions, M for 2x2 max-pooling, R64 for a residual block, as in 32,M,64,M"
        )
    parts, channels = [], 3
    for word in words:
        filters = channels if word == "M" else int(word.removeprefix("R"))
        if filters > MOST_FILTERS:
            raise ValueError(f"encoder: {filters} filters are more than {MOST_FILTERS}; use fewer")
        kind = "pool" if word == "M" else "block" if word.startswith("R") else "conv"
        parts.append(Part(kind, channels, filters))
        channels = filters
    return parts


def map_shape(encoder: str, image_size: int) -> tuple[int, int]:
    """Return filters F and side s of the last map, (N, F, s, s).

    Parameters
    ----------
    encoder : str
        As for ``read_encoder``.
    image_size : int
        Side S of the square pictures, in pixels.

    Returns
    -------
    F, s : int

    Raises
    ------
    ValueError
        If the picture is too small for so much pooling.
    """
    cell = cell_size(encoder)
    if image_size < cell:
        raise ValueError(
            f"encoder: image_size is {image_size} but {cell.bit_length() - 1} halvings need at least {cell} pixels; "
            "use larger images or less pooling"
        )
    return read_encoder(encoder)[-1].filters, image_size // cell


def cell_size(encoder: str) -> int:
    """Return how many pixels a side one place of the last map stands for; a remainder at the edge is lost.

    Parameters
    ----------
    encoder : str
        As for ``read_encoder``.

    Returns
    -------
    int
    """
    return 2 ** sum(part.kind == "pool" for part in read_encoder(encoder))


def telling_trunk_shapes(encoder: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the 3x3 convolutions' weights, which a file has to bear out.

    Parameters
    ----------
    encoder : str
        As for ``read_encoder``.

    Returns
    -------
    dict of str to tuple
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in _named_parts(encoder).items():
        if part.kind == "conv":
            shapes[f"encoder.{name}.weight"] = (part.filters, part.channels, 3, 3)
        elif part.kind == "block":
            shapes[f"encoder.{name}.body.conv1.weight"] = (part.filters, part.channels, 3, 3)
            shapes[f"encoder.{name}.body.conv2.weight"] = (part.filters, part.filters, 3, 3)
    return shapes


class Trunk(Sequential):
    """The convolutions of a model: pictures (N, 3, S, S) in, a map (N, F, s, s) out.

    Parameters
    ----------
    encoder : str
        As for ``read_encoder``.
    batch_norm : bool
        Whether a norm stands between each convolution and its ReLU.
    rng : numpy.random.Generator
    dtype : dtype

    Attributes
    ----------
    frozen : bool
        Keep the convolutions as they are: norms use their running statistics, no gradient is computed, and
        ``backward`` gives None for the pictures' gradient.
    """

    def __init__(
        self, encoder: str, *, batch_norm: bool = False, rng: Rng, dtype: DTypeLike = "float32"
    ) -> None:
        layers: dict[str, Any] = {}
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        for name, part in _named_parts(encoder).items():
            if part.kind == "pool":
                layers[name] = MaxPool2d(2)
            elif part.kind == "block":
                layers[name] = ResidualBlock(part.channels, part.filters, batch_norm=batch_norm, **options)
            else:
                layers[name] = Conv2d(part.channels, part.filters, padding=1, **options)
                if batch_norm:
                    layers[name.replace("conv", "norm")] = BatchNorm(part.filters, dtype=dtype)
                layers[name.replace("conv", "relu")] = Relu()
        super().__init__(**layers)
        self.frozen = False

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Return the last map.

        Parameters
        ----------
        x : Array, (N, 3, S, S)
        training : bool
            Whether norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        maps : Array, (N, F, s, s)
        cache : dict
        """
        return super().forward(x, training=training and not self.frozen, rng=rng)

    def backward(
        self, dy: Array, cache: dict[str, Any], *, input_gradient: bool = True
    ) -> tuple[Any, Arrays]:
        """Propagate back to the pixels, or nowhere where the convolutions are frozen.

        Parameters
        ----------
        dy : Array, (N, F, s, s)
        cache : dict
        input_gradient : bool
            Whether the pixels' gradient is wanted.

        Returns
        -------
        dimages : Array, (N, 3, S, S), or None
        grads : dict of str to Array
            Named like ``params``; empty where frozen.
        """
        return (None, {}) if self.frozen else super().backward(dy, cache, input_gradient=input_gradient)


def _named_parts(encoder: str) -> dict[str, Part]:
    """Return the parts by name: ``conv1``, ``pool1``, ``block2``; convolutions and blocks count together."""
    named_parts: dict[str, Part] = {}
    depth = pools = 0
    for part in read_encoder(encoder):
        if part.kind == "pool":
            pools += 1
            named_parts[f"pool{pools}"] = part
        else:
            depth += 1
            named_parts[f"{part.kind}{depth}"] = part
    return named_parts
