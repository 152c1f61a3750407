"""Whatever a picture is given as becomes the tensor that the encoder reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.images import load_image, to_rgb
from minicap.data.preprocessing import Preprocessing

_KINDS = "a path, a Pillow image or a uint8 array (H, W, 3)"


def tensor_blocks(
    images: Any, preprocessing: Preprocessing, dtype: DTypeLike, batch_size: int
) -> Iterator[Array]:
    """Yield pictures as tensors, so many at a time that memory is never asked for all of them.

    Parameters
    ----------
    images
        A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3), a list of these, or a float array
        (N, 3, S, S) or (3, S, S) that is preprocessed already.
    preprocessing : Preprocessing
        Of size S.
    dtype : dtype
    batch_size : int
        Most pictures a block.

    Yields
    ------
    Array, (at most batch_size, 3, S, S)

    Raises
    ------
    InputError
        If a file cannot be read.
    TypeError, ValueError
        If something is no picture, or a tensor has another size.
    """
    if isinstance(images, np.ndarray) and images.dtype.kind == "f":
        tensors = _checked(images if images.ndim == 4 else images[None], preprocessing.size, dtype)
        yield from (tensors[i : i + batch_size] for i in range(0, len(tensors), batch_size))
        return
    single = isinstance(images, str | Path) or hasattr(images, "convert")
    single = single or (isinstance(images, np.ndarray) and images.ndim in (2, 3))
    if not single and not isinstance(images, Iterable):
        raise TypeError(
            f"images: a picture is {_KINDS}, or a list of these, but {type(images).__name__} came"
        )
    waiting = iter([images] if single else images)
    while block := [_one(image, preprocessing, dtype) for image in islice(waiting, batch_size)]:
        yield np.stack(block)


def _one(image: Any, preprocessing: Preprocessing, dtype: DTypeLike) -> Array:
    """Return one picture as (3, S, S)."""
    if isinstance(image, np.ndarray) and image.dtype.kind == "f":
        return _checked(image[None], preprocessing.size, dtype)[0]
    if isinstance(image, str | Path):
        image = load_image(image)
    elif hasattr(image, "convert"):  # a Pillow image, without importing Pillow
        image = to_rgb(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
        raise TypeError(f"images: a picture is a {found} but {_KINDS} is needed")
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return preprocessing.tensor(preprocessing.pixels(image), dtype)


def _checked(tensors: Array, size: int, dtype: DTypeLike) -> Array:
    """Return a preprocessed tensor, or raise where its size is not the model's."""
    if tensors.ndim != 4 or tensors.shape[1:] != (3, size, size):
        raise ValueError(
            f"images: a float array is a preprocessed tensor (N, 3, {size}, {size}) but came as {tensors.shape}; "
            "pass uint8 pictures (H, W, 3) to have them resized"
        )
    return tensors.astype(dtype, copy=False)
