"""One IDX file, plain or compressed with gzip: a header that is believed only as far as the bytes bear it out.

00 00 TT DD     type of the values (08: unsigned bytes) and number of dimensions
D1 ... DD       each dimension, big-endian, 32 bits
values          the last dimension varies fastest
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import NoReturn

import numpy as np

from minicap._types import Array
from minicap.data.files import shown
from minicap.data.images import MAX_PIXELS
from minicap.errors import InputError

MAX_BYTES = 2 * 1024**3
_CHUNK = 2**20
_GZIP = b"\x1f\x8b"
_GZIP_RATIO = 1032  # deflate makes nothing smaller than this
_TYPES = {8: "unsigned bytes", 9: "signed bytes", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}


def read_idx(path: str | Path, what: str) -> Array:
    """Read the unsigned bytes of an IDX file.

    Parameters
    ----------
    path : str or Path
        The file; whether it is compressed is seen from its content.
    what : str
        ``"images"``, of three dimensions, or four with three colours last; or ``"labels"``, of one.

    Returns
    -------
    Array
        uint8, shape (N, H, W) or (N, H, W, 3); or (N,).

    Raises
    ------
    InputError
        If it is no such file, if its size is not what the header says, or if nothing is in it.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if not packed:
                return _values(path, raw, what, size, packed=False)
            with gzip.GzipFile(fileobj=raw) as file:
                return _values(path, file, what, size, packed=True)
    except EOFError:
        _refuse(path, "ends in the middle of its compressed data")
    except (gzip.BadGzipFile, zlib.error) as error:
        _refuse(path, f"is damaged inside its compression ({shown(error, 80)})")
    except MemoryError:
        raise InputError(f"{shown(path)}: there is not enough memory for it; use fewer images") from None
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from error


def _values(path: Path, file: BufferedIOBase, what: str, size: int, *, packed: bool) -> Array:
    """Read the header, hold it against the size, and only then take memory for the values."""
    shape = _shape(path, file, what)
    count = math.prod(shape)
    bytes_there = size * _GZIP_RATIO if packed else size - 4 - 4 * len(shape)
    told = f"the header announces {' x '.join(f'{n:,}' for n in shape)} bytes"
    if count > MAX_BYTES:
        raise InputError(f"{shown(path)}: {told}, over the limit of {MAX_BYTES:,}; use fewer images")
    if count > bytes_there:
        there = f"a compressed file of {size:,} cannot hold them" if packed else f"{bytes_there:,} follow"
        _refuse(path, f"{told}, but {there}")
    values, filled = np.empty(count, np.uint8), 0
    while filled < count and (n := file.readinto(values[filled : filled + _CHUNK].data)):
        filled += n
    if filled < count:
        _refuse(path, f"{told}, but only {filled:,} follow")
    if file.read(1):
        _refuse(path, f"{told}, but more follow")
    return values.reshape(shape)


def _shape(path: Path, file: BufferedIOBase, what: str) -> tuple[int, ...]:
    """Read the header and return the dimensions, if they are those of images or of labels."""
    magic = file.read(4)
    dims = (3, 4) if what == "images" else (1,)
    expected = f"00 00 08 {dims[0]:02x}"
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        came = magic.hex(" ") or "nothing"
        _refuse(path, f"is no IDX file: an IDX file of {what} begins with {expected}, but this with {came}")
    if magic[2] != 8:
        _refuse(path, f"holds {_TYPES[magic[2]]}, where {what} are unsigned bytes")
    if magic[3] not in dims:
        _refuse(
            path, f"has {magic[3]} dimensions, where {what} have {dims[0]} (it must begin with {expected})"
        )
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        _refuse(path, "ends inside its header")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    if 0 in shape:
        _refuse(path, f"holds no {what}: its dimensions are {' x '.join(map(str, shape))}")
    if len(shape) == 4 and shape[3] != 3:
        _refuse(path, f"has {shape[3]} colours a pixel, where there must be 3")
    if what == "images" and shape[1] * shape[2] > MAX_PIXELS:
        _refuse(path, f"has images of {shape[1]:,} x {shape[2]:,} pixels, over the limit of {MAX_PIXELS:,}")
    return shape


def _refuse(path: Path, what: str) -> NoReturn:
    """Raise the error for a file that is damaged or another."""
    raise InputError(f"{shown(path)}: {what}; take the file anew from where it comes from")
