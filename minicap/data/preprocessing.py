"""From a picture of any size to the tensor a network sees, by settings that travel with the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.files import shown
from minicap.data.images import resize_image
from minicap.errors import InputError

MAX_SIZE = 4096
MODES = ("RGB", "L")
RESIZES = ("crop", "squash")
FILTERS = ("bilinear", "bicubic")


@dataclass(frozen=True)
class Preprocessing:
    """Say how a picture becomes a tensor; stored in every checkpoint.

    Parameters
    ----------
    size : int
        Side S of the square picture, in pixels.
    mean, std : tuple of float
        One a channel, in units of the [0, 1] tensor; the tensor is ``(x - mean) / std``.
    mode : str
        ``"RGB"``, or ``"L"`` for grey repeated to three channels.
    resize : str
        ``"crop"`` cuts the central square and resizes it, ``"squash"`` ignores the aspect ratio.

    filter : str
        How pixels are averaged: ``"bilinear"`` or ``"bicubic"``, both over all the pixels that a new one covers.

    Raises
    ------
    InputError
        If a setting makes no sense.
    """

    size: int
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    mode: str = "RGB"
    resize: str = "crop"
    filter: str = "bilinear"  # also where a file is older than this choice

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= MAX_SIZE:
            raise InputError(
                f"preprocessing: size must be a whole number from 1 to {MAX_SIZE}, not {self.size!r}"
            )
        for name in ("mean", "std"):
            object.__setattr__(self, name, _three_numbers(name, getattr(self, name)))
        if min(self.std) <= 0:
            raise InputError(f"preprocessing: std must be positive, not {self.std}")
        for name, choices in (("mode", MODES), ("resize", RESIZES), ("filter", FILTERS)):
            if getattr(self, name) not in choices:
                came = shown(repr(getattr(self, name)))
                raise InputError(f"preprocessing: {name} must be one of {', '.join(choices)}, not {came}")

    def pixels(self, image: Array) -> Array:
        """Resize and cut a picture; one of the right size passes unchanged.

        Parameters
        ----------
        image : Array
            uint8, shape (H, W, 3).

        Returns
        -------
        Array
            uint8, shape (S, S, 3), newly allocated.

        Raises
        ------
        ValueError
            If the array is not an 8-bit RGB picture.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"pixels: image must be uint8 (H, W, 3), but it is {image.dtype} {image.shape}")
        if self.mode == "L":
            image = _grey(image)
        if self.resize == "crop":
            image = _central_square(image)
        return resize_image(image, self.size, self.size, self.filter)

    def tensor(self, pixels: Array, dtype: DTypeLike = np.float32) -> Array:
        """Return pictures as a normalised tensor: `to_tensor`, then `normalize`.

        Parameters
        ----------
        pixels : Array
            uint8, shape (S, S, 3) or (N, S, S, 3), as `pixels` returns them.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        Array
            Shape (3, S, S) or (N, 3, S, S).
        """
        return normalize(to_tensor(pixels, dtype), self.mean, self.std)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Preprocessing:
        """Rebuild the settings from `to_dict`'s form, validating everything.

        Parameters
        ----------
        settings : Mapping
            ``size``, and any of ``mean``, ``std``, ``mode``, ``resize``, ``filter``.

        Returns
        -------
        Preprocessing

        Raises
        ------
        InputError
            If a setting is missing, unknown or makes no sense.
        """
        if not isinstance(settings, Mapping):
            raise InputError(f"preprocessing: expected a table of settings, not {type(settings).__name__}")
        known = {field.name for field in fields(cls)}
        unknown = sorted(str(key) for key in settings if key not in known)
        if unknown:
            raise InputError(
                f"preprocessing: unknown setting {shown(unknown[0])}; known are {', '.join(sorted(known))}"
            )
        if "size" not in settings:
            raise InputError("preprocessing: the size is missing; give the picture's side in pixels")
        return cls(**settings)


def to_tensor(pixels: Array, dtype: DTypeLike = np.float32) -> Array:
    """Turn 8-bit pictures into a channels-first tensor in [0, 1].

        x[..., c, h, w] = pixels[..., h, w, c] / 255

    Parameters
    ----------
    pixels : Array
        uint8, shape (H, W, 3) or (N, H, W, 3).
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Array
        Shape (3, H, W) or (N, 3, H, W), C-contiguous.

    Raises
    ------
    ValueError
        If the array is not 8-bit pictures.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or pixels.shape[-1] != 3:
        came = f"{pixels.dtype} {pixels.shape}"
        raise ValueError(f"to_tensor: pixels must be uint8 (H, W, 3) or (N, H, W, 3), but they are {came}")
    x = np.ascontiguousarray(np.moveaxis(pixels, -1, -3), dtype=dtype)
    x /= 255
    return x


def normalize(x: Array, mean: Sequence[float], std: Sequence[float]) -> Array:
    """Shift and scale each channel, keeping the dtype.

        y[..., c, h, w] = (x[..., c, h, w] - mean[c]) / std[c]

    Parameters
    ----------
    x : Array
        Floats, shape (C, H, W) or (N, C, H, W).
    mean, std : sequence of float
        C numbers each; std positive.

    Returns
    -------
    Array
        Like `x`.

    Raises
    ------
    ValueError
        If the numbers do not fit the channels.
    """
    if x.ndim not in (3, 4) or len(mean) != x.shape[-3] or len(std) != x.shape[-3]:
        raise ValueError(
            f"normalize: x is (C, H, W) or (N, C, H, W) = {x.shape}, but there are {len(mean)} means and "
            f"{len(std)} standard deviations"
        )
    if min(std) <= 0:
        raise ValueError(f"normalize: std must be positive, but it is {tuple(std)}")
    y = x - np.asarray(mean, x.dtype)[:, None, None]
    y /= np.asarray(std, x.dtype)[:, None, None]
    return y


def _three_numbers(name: str, value: Any) -> tuple[float, ...]:
    """Return a channel statistic as three finite floats."""
    numbers = tuple(value) if isinstance(value, list | tuple) else ()
    sound = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in numbers)
    if len(numbers) != 3 or not sound:
        raise InputError(f"preprocessing: {name} must be three numbers, not {shown(repr(value))}")
    return tuple(float(v) for v in numbers)


def _grey(image: Array) -> Array:
    """Return the luma (ITU-R BT.601) in all three channels; grey stays as it is."""
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    luma = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return np.repeat(luma.astype(np.uint8)[:, :, None], 3, axis=2)


def _central_square(image: Array) -> Array:
    """Cut the largest square from the middle, on whole pixels."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
