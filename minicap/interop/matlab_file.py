"""One matrix of numbers from a MATLAB 5 file, as ``save`` writes it (but for ``-v7.3``, which is HDF5).

The file is 128 bytes of header and then elements, each a tag (type, number of bytes) and content padded to eight
bytes. A matrix is an element of elements: flags, dimensions, name, numbers; a compressed one is a zlib stream
around it. Only as much is unpacked as the declared shape bears out, and cells, structs and objects are not opened.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.data.files import shown
from minicap.errors import InputError

HEADER = 128
MOST_PACKED = 1100  # how many times larger than its packed form anything can be
MOST_HEAD = 4096  # bytes of a matrix in front of its numbers: flags, dimensions and name
_INT32, _UINT32, _INT8, _MATRIX, _COMPRESSED = 5, 6, 1, 14, 15
# Classes of matrices, and types of the numbers in the file, which may be smaller than the class.
_CLASSES = {
    6: "float64",
    7: "float32",
    8: "int8",
    9: "uint8",
    10: "int16",
    11: "uint16",
    12: "int32",
    13: "uint32",
}
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_COMPLEX = 0x800


class _Element(NamedTuple):
    """One element: its type, and where its content stands."""

    kind: int
    start: int
    end: int


class _Matrix(NamedTuple):
    """What stands in front of a matrix's numbers."""

    name: str
    shape: tuple[int, ...]
    numbers: np.dtype | None  # None for what is no matrix of real numbers
    start: int
    size: int


def read_matlab_matrix(path: str | Path, name: str, *, max_bytes: int) -> Array:
    """Read one matrix of real numbers.

    Parameters
    ----------
    path : str or Path
        A ``.mat`` file of version 5, compressed (``-v7``) or not (``-v6``).
    name : str
        The variable.
    max_bytes : int
        A file or a matrix with more is refused.

    Returns
    -------
    Array, (rows, columns) or with more axes
        As the numbers are stored, in MATLAB's column order.

    Raises
    ------
    InputError
        If there is no such file or variable, it is too large, truncated, or something else.
    """
    raw = _read_bytes(path, max_bytes)
    if raw[:6] != b"MATLAB" or raw[:19] == b"MATLAB 7.3 MAT-file" or raw[126:128] != b"IM":
        raise InputError(
            f"{shown(path)}: is no MATLAB 5 file of this byte order; in MATLAB, save it again with -v7"
        )
    try:
        seen = []
        for element in _elements(raw, HEADER, len(raw)):
            content = raw[element.start : element.end]
            found = _matrix(_unpacked(content, MOST_HEAD) if element.kind == _COMPRESSED else content[:MOST_HEAD],
                            inside=element.kind == _COMPRESSED)  # fmt: skip
            if found.name == name:
                return _numbers(found, content, element.kind == _COMPRESSED, max_bytes)
            seen.append(found.name)
    except (ValueError, struct.error, zlib.error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        reason = shown(error, 100) or type(error).__name__
        raise InputError(f"{shown(path)}: is damaged or truncated ({reason}); use another copy") from error
    there = ", ".join(shown(one, 40) for one in seen[:5]) or "nothing"
    raise InputError(f"{shown(path)}: holds no variable {name}, but {there}; save the features as {name}")


def _read_bytes(path: str | Path, max_bytes: int) -> memoryview:
    """Return the file's content, after a look at its size."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{shown(path)}: there is no such file")
    if (size := path.stat().st_size) > max_bytes:
        raise InputError(f"{shown(path)}: {size:,} bytes are more than the limit of {max_bytes:,}")
    return memoryview(path.read_bytes())


def _elements(data: Any, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements between two places, each found to lie between them."""
    while start < end:
        element, start = _element(data, start, end)
        yield element


def _element(data: Any, start: int, end: int) -> tuple[_Element, int]:
    """Return the element at a place, and where the next one begins."""
    kind, size = struct.unpack_from("<II", data, start)
    if kind >> 16:  # up to four bytes stand in the tag itself
        kind, size = kind & 0xFFFF, kind >> 16
        element, following = _Element(kind, start + 4, start + 4 + size), start + 8
        if size > 4:
            raise ValueError("a small element is too large")
    else:
        element = _Element(kind, start + 8, start + 8 + size)
        following = element.end if kind == _COMPRESSED else element.start + -(-size // 8) * 8
    if element.end > end:
        raise ValueError(f"{size:,} bytes are said to follow, but they do not")
    return element, following


def _unpacked(content: Any, most: int) -> bytes:
    """Return the first bytes of a zlib stream."""
    return zlib.decompressobj().decompress(content, most)


def _matrix(head: Any, *, inside: bool) -> _Matrix:
    """Read what stands in front of a matrix's numbers; ``inside`` a zlib stream its own tag stands first."""
    start = 0
    if inside:
        kind, _ = struct.unpack_from("<II", head)
        start = 8 if kind == _MATRIX else len(head)
    flags, start = _element(head, start, len(head))
    dimensions, start = _element(head, start, len(head))
    name, start = _element(head, start, len(head))
    if (flags.kind, dimensions.kind, name.kind) != (_UINT32, _INT32, _INT8):
        raise ValueError("an element is no matrix")
    (what,) = struct.unpack_from("<I", head, flags.start)
    count = (dimensions.end - dimensions.start) // 4
    shape = struct.unpack_from(f"<{count}i", head, dimensions.start)
    title = bytes(head[name.start : name.end]).decode("ascii")
    if what & 0xFF not in _CLASSES or what & _COMPLEX or len(shape) < 2 or min(shape) < 0:
        return _Matrix(title, shape, None, 0, 0)
    kind, size = struct.unpack_from("<II", head, start)
    if kind >> 16:
        kind, size, start = kind & 0xFFFF, kind >> 16, start - 4
    return _Matrix(title, shape, np.dtype("<" + _TYPES[kind]) if kind in _TYPES else None, start + 8, size)


def _numbers(matrix: _Matrix, content: Any, packed: bool, max_bytes: int) -> Array:
    """Return a matrix's numbers, after its shape was held against the bytes that it says it has."""
    if matrix.numbers is None:
        raise ValueError(f"{shown(matrix.name, 40)} is no matrix of real numbers")
    size = math.prod(matrix.shape) * matrix.numbers.itemsize
    if size != matrix.size:
        raise ValueError(f"shape {matrix.shape} does not fit {matrix.size:,} bytes")
    if size > max_bytes:
        raise ValueError(f"{size:,} bytes are more than the limit of {max_bytes:,}")
    if packed and size > MOST_PACKED * len(content):
        raise ValueError(f"{size:,} bytes cannot be packed so small")
    end = matrix.start + size
    data = _unpacked(content, end) if packed else content[:end]  # unpacking takes memory as the bytes come
    if len(data) < end:
        raise ValueError(f"{size:,} bytes are said to follow, but they do not")
    numbers = np.frombuffer(data, matrix.numbers, math.prod(matrix.shape), matrix.start)
    return numbers.reshape(matrix.shape, order="F")
