"""Whatever a picture is given as becomes the tensor that the encoder reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.images import load_image, to_rgb
from minicap.data.preprocessing import Preprocessing
from minicap.errors import InputError

Shapes: TypeAlias = tuple[tuple[int, ...], ...]
NO_PICTURES = "the captioner reads no pictures but stored features"
_KINDS = "a path, a Pillow image or a uint8 array (H, W, 3)"


def tensor_blocks(
    images: Any,
    preprocessing: Preprocessing,
    dtype: DTypeLike,
    batch_size: int,
    *,
    shapes: Shapes | None = None,
) -> Iterator[Array]:
    """Yield pictures as tensors, so many at a time that memory is never asked for all of them.

    Parameters
    ----------
    images
        A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3), a list of these, or a float array
        (N, 3, S, S) or (3, S, S) that is preprocessed already, or of another of the shapes.
    preprocessing : Preprocessing
        Of size S.
    dtype : dtype
    batch_size : int
        Most pictures a block.
    shapes : tuple of tuple, optional
        What the model reads, without N: (3, S, S) where None. Stored features are of other shapes.

    Yields
    ------
    Array, (at most batch_size, 3, S, S), or of another of the shapes

    Raises
    ------
    InputError
        If a file cannot be read, or the model reads stored features alone.
    TypeError, ValueError
        If something is no picture, or a tensor has another size.
    """
    size = preprocessing.size
    shapes = ((3, size, size),) if shapes is None else shapes
    if isinstance(images, np.ndarray) and images.dtype.kind == "f":
        single = images.ndim in map(len, shapes)
        tensors = _checked(images[None] if single else images, shapes)
        for i in range(0, len(tensors), batch_size):
            yield tensors[i : i + batch_size].astype(dtype, copy=False)
        return
    single = isinstance(images, str | Path) or hasattr(images, "convert")
    single = single or (isinstance(images, np.ndarray) and images.ndim in (2, 3))
    if not single and not isinstance(images, Iterable):
        raise TypeError(
            f"images: a picture is {_KINDS}, or a list of these, but {type(images).__name__} came"
        )
    waiting = iter([images] if single else images)
    while block := [_one(image, preprocessing, dtype, shapes) for image in islice(waiting, batch_size)]:
        yield np.stack(block)


def _one(image: Any, preprocessing: Preprocessing, dtype: DTypeLike, shapes: Shapes) -> Array:
    """Return one picture as (3, S, S), or its stored features."""
    if isinstance(image, np.ndarray) and image.dtype.kind == "f":
        return _checked(image[None], shapes)[0].astype(dtype, copy=False)
    if (3, preprocessing.size, preprocessing.size) not in shapes:
        raise InputError(f"{NO_PICTURES}, {_said(shapes)} a picture; give it such features")
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


def _checked(tensors: Array, shapes: Shapes) -> Array:
    """Return a preprocessed tensor or stored features, or raise where their shape is not the model's."""
    if tensors.shape[1:] in shapes:
        return tensors
    wanted = " or ".join(f"(N, {', '.join(map(str, shape))})" for shape in shapes)
    kind, help_ = "stored features", "use features of the kind that the model learnt from"
    if len(shapes[0]) == 3 and shapes[0][0] == 3:
        kind, help_ = "a preprocessed tensor", "pass uint8 pictures (H, W, 3) to have them resized"
    raise ValueError(f"images: a float array is {kind} {wanted} but came as {tensors.shape}; {help_}")


def _said(shapes: Shapes) -> str:
    """Return the shapes of stored features in words."""
    return " or ".join(" x ".join(map(str, shape)) + " numbers" for shape in shapes)
