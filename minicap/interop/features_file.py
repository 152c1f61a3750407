"""Features of pictures in files: one row a picture, and which picture it is.

    .npz   one array of numbers (N, ...) and one of names (N,), as ``minicap features`` and many others write it
    .npy   the numbers; the names stand beside it, one a line, in a file of the same name with .txt
    .mat   MATLAB's ``feats`` (width, N), as Karpathy's vgg_feats.mat; the names are those of dataset*.json beside it

A Karpathy dataset*.json, or the .txt of names, may be named outright for any of them.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from minicap._types import Array
from minicap.data.files import read_text, shown
from minicap.data.karpathy import name_of
from minicap.errors import InputError
from minicap.interop.matlab_file import MOST_PACKED, read_matlab_matrix

MAX_BYTES = 1 << 32
PREFERRED = ("features", "feats")
META, FORMAT = "meta", "minicap features"
_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Features:
    """Hold the features of pictures.

    Parameters
    ----------
    path : Path
        Where they come from, for messages.
    names : tuple of str
        One a picture, no two alike.
    values : Array, (N, E), or (N, F, s, s) for a map
        float32 or float16, all finite.
    about : dict
        What minicap noted: ``encoder``, ``preprocessing``, ``complete``; empty for files from elsewhere.
    """

    path: Path
    names: tuple[str, ...]
    values: Array
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.names)

    def places(self, names: Sequence[str]) -> list[int]:
        """Return the rows of some pictures, -1 for one that has none; names are looked for as by ``of``.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        list of int
        """
        places = {name: place for place, name in enumerate(self.names)}
        ends = Counter(map(_end, self.names))
        short = {_end(name): place for name, place in places.items() if ends[_end(name)] == 1}
        return [places.get(name, short.get(_end(name), -1)) for name in names]

    def of(self, names: Sequence[str]) -> Array:
        """Return the features of some pictures, in their order.

        Parameters
        ----------
        names : sequence of str
            As the data call their pictures; ``train2017/1.jpg`` is also found as ``1.jpg``, and the other way
            round, where only one picture is called so.

        Returns
        -------
        Array, (len(names), E) or (len(names), F, s, s)
            float32, newly allocated.

        Raises
        ------
        InputError
            If there are none for a picture.
        """
        found = self.places(names)
        if -1 in found:
            missing = names[found.index(-1)]
            raise InputError(
                f"{shown(self.path)}: there are no features of {found.count(-1):,} of {len(names):,} pictures (first: "
                f"{shown(missing, 80)}); compute them with 'minicap features'"
            )
        return self.values[found].astype(np.float32, copy=False)


def read_features(
    path: str | Path, *, names: str | Path | None = None, max_bytes: int = MAX_BYTES
) -> Features:
    """Read features of pictures, whatever the format.

    Parameters
    ----------
    path : str or Path
        A ``.npz``, ``.npy`` or ``.mat`` file.
    names : str or Path, optional
        The file that names the pictures, if it is not found beside: a Karpathy dataset*.json, or text with one
        name a line.
    max_bytes : int
        More numbers are refused before memory is taken for them.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        If a file is missing, damaged, too large, holds pickled objects or numbers that are not finite, or does not
        say whose features they are.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".mat": _read_mat}
    if (suffix := path.suffix.lower()) not in readers:
        raise InputError(f"{shown(path)}: features come as {', '.join(readers)}; rename or convert the file")
    if not path.is_file():
        raise InputError(f"{shown(path)}: there is no such file; make one with 'minicap features'")
    try:
        values, found, about = readers[suffix](path, max_bytes)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror or shown(error)})") from error
    except Exception as error:  # a parser that is fed nonsense raises almost anything
        reason = shown(error, 100) or type(error).__name__
        raise InputError(f"{shown(path)}: is damaged or truncated ({reason}); use another copy") from error
    if names is not None or found is None:
        found = _read_names(_names_beside(path) if names is None else Path(names))
    return _checked(path, found, values, about)


def _read_npz(path: Path, max_bytes: int) -> tuple[Array, list[str] | None, dict[str, Any]]:
    """Return the one array of numbers, the one of names where there is one, and minicap's notes."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        texts, numbers, about = [], {}, dict[str, Any]()
        for key, info in members.items():
            with archive.open(info) as file:
                packed = info.compress_type != zipfile.ZIP_STORED
                bound = min(max_bytes, info.compress_size * (MOST_PACKED if packed else 1))
                shape, fortran, dtype = _header(file, key)
                if key == META:
                    about = _about(_body(file, shape, fortran, dtype, bound))
                elif dtype.kind == "U" and len(shape) == 1:
                    texts.append(_body(file, shape, fortran, dtype, bound))
                elif dtype.kind == "f" and len(shape) >= 2:
                    numbers[key] = info, bound
        wanted = [key for key in PREFERRED if key in numbers] or list(numbers)
        if not wanted or (len(wanted) > 1 and wanted[0] not in PREFERRED):
            there = ", ".join(shown(key, 30) for key in list(members)[:5])
            raise InputError(
                f"{shown(path)}: holds {len(wanted)} arrays of features ({there}); call the one to read features"
            )
        info, bound = numbers[wanted[0]]
        with archive.open(info) as file:
            values = _body(file, *_header(file, wanted[0]), bound)
    fitting = [text for text in texts if len(text) == len(values)]
    return values, fitting[0].tolist() if len(fitting) == 1 else None, about


def _read_npy(path: Path, max_bytes: int) -> tuple[Array, None, dict[str, Any]]:
    """Return the array of a file that holds nothing else."""
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(file, path.name)
        return _body(file, shape, fortran, dtype, min(max_bytes, path.stat().st_size)), None, {}


def _read_mat(path: Path, max_bytes: int) -> tuple[Array, None, dict[str, Any]]:
    """Return MATLAB's ``feats``, one column a picture, as rows."""
    values = read_matlab_matrix(path, "feats", max_bytes=max_bytes)
    return values.T.astype(np.float32) if values.dtype.kind in "iu" else values.T, None, {}


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order and dtype of an array in NumPy's format; no objects, which may run code when read."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.kind not in "biufU":
        raise ValueError(f"{shown(name, 40)} holds {dtype.kind} objects, which may run code when read")
    return shape, fortran, dtype


def _body(file: IO[bytes], shape: tuple[int, ...], fortran: bool, dtype: np.dtype, most: int) -> Array:
    """Return an array's content; memory fills as the bytes come, and they must be there."""
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > most:
        raise ValueError(f"shape {shown(shape, 60)} says {size:,} bytes, but at most {most:,} can be there")
    content = bytearray()
    while len(content) < size and (part := file.read(min(_CHUNK, size - len(content)))):
        content += part
    if len(content) != size or file.read(1):
        raise ValueError(f"shape {shown(shape, 60)} does not fit the bytes that are there")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _about(text: Array) -> dict[str, Any]:
    """Return minicap's notes on a file of its own."""
    about = json.loads(text.tobytes().decode())
    return about if isinstance(about, dict) and about.get("format") == FORMAT else {}


def _names_beside(path: Path) -> Path:
    """Return the file beside features that names the pictures."""
    text = path.with_suffix(".txt")
    found = [text] if text.is_file() else sorted(path.parent.glob("dataset*.json"))
    if len(found) != 1:
        many = "more than one" if found else "no"
        raise InputError(
            f"{shown(path)}: does not say whose features they are, and beside it is no {shown(text.name, 60)} "
            f"and {many} dataset*.json; put the pictures' names in {shown(text.name, 60)}, one a line, as the rows go"
        )
    return found[0]


def _read_names(path: Path) -> list[str]:
    """Return the pictures' names of a Karpathy dataset*.json or of a text, in the order of the features."""
    text = read_text(path)
    if path.suffix.lower() != ".json":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        images = json.loads(text)["images"]
        places = [image.get("imgid", place) for place, image in enumerate(images)]
        if sorted(places) != list(range(len(images))):
            raise ValueError("imgid does not count the images")
        names = [""] * len(images)
        for place, image in zip(places, images, strict=True):
            names[place] = name_of(image)
        return names
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{shown(path)}: is no Karpathy dataset*.json with images and filenames ({shown(error, 60)})"
        ) from error


def _checked(path: Path, names: list[str], values: Array, about: dict[str, Any]) -> Features:
    """Refuse features that cannot be used."""
    if values.dtype.kind != "f" or values.ndim < 2 or 0 in values.shape:
        raise InputError(
            f"{shown(path)}: features are floats (N, width) or (N, F, s, s), but these are {values.dtype} "
            f"{shown(values.shape, 60)}"
        )
    if len(names) != len(values):
        raise InputError(
            f"{shown(path)}: there are {len(values):,} rows of features but {len(names):,} names; one a row is needed"
        )
    if len(set(names)) != len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise InputError(f"{shown(path)}: two rows are called {shown(twice, 80)}; leave one out")
    if values.dtype != np.float16:
        with np.errstate(over="ignore"):  # a float64 may be too large for float32
            values = values.astype(np.float32, copy=False)
    for start in range(0, len(values), 1024):
        if not np.isfinite(values[start : start + 1024]).all():
            raise InputError(f"{shown(path)}: holds numbers that are not finite; compute the features again")
    return Features(path, tuple(names), values, about)


def _end(name: str) -> str:
    """Return the last part of a picture's name."""
    return name.rpartition("/")[2]
