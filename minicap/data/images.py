"""Pictures from files: what is accepted, and how everything becomes 8-bit RGB.

A file is judged by its content, never by its name. The header is read first, and a picture with more
pixels than the limit is refused before any memory is taken for it. Pillow is imported inside the
functions, so that ``import minicap.data`` stays light.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minicap._types import Array
from minicap.data.files import shown
from minicap.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib"}
    | {".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
MAX_PIXELS = 50_000_000

logging.getLogger("PIL").addHandler(logging.NullHandler())  # a damaged file must not print of itself


def load_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Array:
    """Read a picture file as 8-bit RGB, upright, on white.

    The EXIF orientation is applied, transparency is composited on white, grey is repeated to three
    channels, 16-bit values are scaled (65535 becomes 255), and an animation gives its first frame.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, GIF, BMP, WEBP, TIFF or PPM/PGM/PBM file.
    max_pixels : int
        Largest width times height, in pixels, checked before decoding.

    Returns
    -------
    Array
        uint8, shape (H, W, 3), newly allocated.

    Raises
    ------
    InputError
        If the file is missing, is no picture in these formats, is too large, or is damaged.
    """
    with _opened(path, max_pixels) as image:
        return to_rgb(image)


def check_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Read a picture's header only, at a fraction of a millisecond a file.

    Parameters
    ----------
    path : str or Path
        The file.
    max_pixels : int
        Largest width times height, in pixels.

    Returns
    -------
    tuple of int
        Height and width in pixels, as stored (before the EXIF orientation).

    Raises
    ------
    InputError
        As for `load_image`, except for damage that only decoding finds.
    """
    with _opened(path, max_pixels) as image:
        return image.height, image.width


def save_png(path: str | Path, image: Array) -> None:
    """Write an 8-bit picture as a PNG file.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder must exist.
    image : Array
        uint8, shape (H, W, 3), or (H, W) for grey.

    Raises
    ------
    ValueError
        If the array is not an 8-bit picture.
    InputError
        If the file cannot be written.
    """
    from PIL import Image

    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(
            f"save_png: image must be uint8 (H, W, 3) or (H, W), but it is {image.dtype} {image.shape}"
        )
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(path, format="PNG")
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be written ({error.strerror}); choose another place"
        ) from error


def resize_image(image: Array, height: int, width: int, filter_: str = "bilinear") -> Array:
    """Resample a picture with an antialiased filter.

    Parameters
    ----------
    image : Array
        uint8, shape (H, W, 3).
    height, width : int
        New size in pixels.
    filter_ : str
        ``bilinear`` or ``bicubic``.

    Returns
    -------
    Array
        uint8, shape (height, width, 3); a plain copy where the size is already right.
    """
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image.copy()
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.array(picture.resize((width, height), Image.Resampling[filter_.upper()]))


def names_a_picture(name: str) -> bool:
    """Tell whether a file is named like a picture, and not hidden.

    Parameters
    ----------
    name : str
        The last part of its path.

    Returns
    -------
    bool
    """
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")


def pictures_below(folder: str | Path) -> Iterator[Path]:
    """Find what is named like a picture in a folder and below it.

    Parameters
    ----------
    folder : str or Path
        Where to look. Links to folders are followed, but none twice and none up the tree.

    Yields
    ------
    Path
        In a stable order; hidden files and what is in hidden folders are passed over.

    Raises
    ------
    OSError
        If a folder cannot be listed.
    """
    start = os.path.realpath(folder)
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(root)
        if real in seen or start.startswith(os.path.join(real, "")):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if names_a_picture(name):
                yield Path(root, name)


def decoder_version() -> str:
    """Return the decoder's name and version, on which cached pixels depend."""
    return f"Pillow {version('pillow')}"


def _raise(error: OSError) -> None:
    """Let a folder that cannot be listed be an error."""
    raise error


@contextmanager
def _opened(path: str | Path, max_pixels: int) -> Iterator[Image]:
    """Open a picture's header; whatever fails inside the block becomes one InputError line."""
    from PIL import Image, UnidentifiedImageError

    name = shown(path)
    try:
        _check_is_file(path, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is not the reader's business
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image, name, max_pixels)
                yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name}: is no picture that can be read; use one of {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name}: is far over the limit of {max_pixels:,} pixels; make it smaller first"
        ) from error
    except MemoryError as error:
        raise InputError(f"{name}: there is not enough memory to decode it; make it smaller first") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        if isinstance(error, OSError) and error.strerror:  # the file system's word, not the decoder's
            raise InputError(f"{name}: cannot be read ({error.strerror}); check its permissions") from error
        raise InputError(f"{name}: is damaged or truncated ({shown(error, 80)}); replace the file") from error


def _check_is_file(path: str | Path, name: str) -> None:
    """Refuse what cannot hold a picture, and pipes and devices, which would block."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{name}: is a folder, not a picture; name a file in it")
    if not path.is_file():
        raise InputError(f"{name}: no such file" if not path.exists() else f"{name}: is not a regular file")
    if path.stat().st_size == 0:
        raise InputError(f"{name}: is an empty file; replace it")


def _check_size(image: Image, name: str, max_pixels: int) -> None:
    """Refuse a picture whose header announces more pixels than the limit."""
    if image.width * image.height > max_pixels:
        raise InputError(
            f"{name}: {image.width:,} x {image.height:,} pixels are over the limit of {max_pixels:,}; "
            "make it smaller first"
        )


def to_rgb(image: Image) -> Array:
    """Decode, turn upright, and bring any mode to 8-bit RGB."""
    from PIL import Image

    image.load()
    image = _upright(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return np.repeat(_to_eight_bits(np.asarray(image))[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _upright(image: Image) -> Image:
    """Apply the EXIF orientation; damaged EXIF data leave the picture as it is stored."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the orientation is advice, the pixels are sound
        return image


def _to_eight_bits(values: Array) -> Array:
    """Scale deep grey to 0..255: from 0..65535 (floats 0..1) where it fits, else from its own range."""
    finite = np.nan_to_num(values.astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    white = 1.0 if np.issubdtype(values.dtype, np.floating) else 65535.0
    if low >= 0.0 and high <= white:
        low, high = 0.0, white
    scale = 255.0 / (high - low) if high > low else 0.0
    finite *= scale
    finite -= low * scale
    return np.clip(np.rint(finite), 0, 255).astype(np.uint8)
