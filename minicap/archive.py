"""One safe file format for arrays and settings: an uncompressed ``.npz`` that holds no pickles.

A file from elsewhere is data: every member's header is read and held against the bytes that are really
there before memory is taken for it, and object arrays are refused.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minicap._types import Array, ArrayMapping, Arrays
from minicap.data.files import shown, write_atomically
from minicap.errors import InputError

_META = "meta"
_KINDS = "biuf"  # Booleans and numbers; anything else could smuggle objects


def write_archive(path: str | Path, arrays: ArrayMapping, meta: Mapping[str, Any]) -> None:
    """Write arrays and JSON-ready settings as one file, or leave the old file as it was.

    Parameters
    ----------
    path : str or Path
    arrays : dict of str to Array
    meta : dict
        What ``json`` can write.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = np.frombuffer(json.dumps(meta, ensure_ascii=False).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_META: text, **arrays})
    write_atomically(path, buffer.getvalue())


def read_archive(path: str | Path, prefix: str = "") -> tuple[Arrays, dict[str, Any]]:
    """Read what ``write_archive`` wrote.

    Parameters
    ----------
    path : str or Path
    prefix : str
        Only arrays whose names begin with it are read.

    Returns
    -------
    arrays : dict of str to Array
    meta : dict

    Raises
    ------
    InputError
        If the file is missing, truncated, compressed, no such archive, or holds a pickle.
    """
    if not Path(path).is_file():
        raise InputError(f"{shown(path)}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if _META not in members:
                raise InputError(
                    f"{shown(path)}: this is no minicap checkpoint; expected a file that minicap wrote"
                )
            meta = json.loads(_read_member(archive, members.pop(_META)).tobytes().decode())
            if not isinstance(meta, dict):
                raise ValueError("its settings have no names")
            wanted = {name: info for name, info in members.items() if name.startswith(prefix)}
            return {name: _read_member(archive, info) for name, info in wanted.items()}, meta
    except InputError:
        raise
    except Exception as error:  # a parser that is fed nonsense raises almost anything
        reason = shown(error) or type(error).__name__
        raise InputError(
            f"{shown(path)}: the file is damaged or no minicap checkpoint ({reason}); use another copy"
        ) from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """Read one array, after its header was held against the size of its bytes."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{shown(info.filename)} is compressed; minicap writes it plain")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        if dtype.kind not in _KINDS:
            raise ValueError(f"{shown(info.filename)} holds {dtype} objects, which may run code when read")
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - file.tell():
            raise ValueError(f"{shown(info.filename)} says it has shape {shape} but has not so many bytes")
        content = np.frombuffer(bytearray(file.read()), dtype)
    return content.reshape(shape, order="F" if fortran else "C")
