"""Decoded and resized pictures, kept on disk between runs.

One memory-mapped ``.npy`` file holds all the pictures of a list, uint8 (N, S, S, 3). Its name is a hash of
the settings and of each file's path, size and modification time: hashing the bytes would be surer, but
means reading gigabytes at every start, and a picture edited in place changes its time.

A new file is written beside the cache under a name of its own and renamed when complete, so that two
processes never see half of one. Rows are written one after the other, because a full disk then is an error
and not a crash of the memory map. A cache that cannot be used (no folder, no space, no permission) costs
time only: the pixels stay in memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.data.files import read_text, reason_of, write_atomically
from minicap.data.images import decoder_version, load_image
from minicap.data.preprocessing import Preprocessing
from minicap.errors import InputError

_LAYOUT = 1
_STALE_SECONDS = 24 * 3600


class Decoded(NamedTuple):
    """Pixels of the pictures that could be decoded, and why the others could not.

    Attributes
    ----------
    pixels : Array
        uint8, shape (G, S, S, 3), in the order of the list; possibly a read-only memory map.
    broken : dict
        From place in the list to the reason, one for each picture that is not in `pixels`.
    """

    pixels: Array
    broken: dict[int, str]


def cache_folder() -> Path | None:
    """Return the folder for cached files, which may not exist yet.

    Returns
    -------
    Path or None
        ``$MINICAP_CACHE``, else ``minicap`` in ``$XDG_CACHE_HOME`` or the system's usual place
        (``~/.cache``, ``~/Library/Caches``, ``%LOCALAPPDATA%``); None for a user without a home.
    """
    if own := os.environ.get("MINICAP_CACHE"):
        return Path(own)
    if os.path.isabs(xdg := os.environ.get("XDG_CACHE_HOME", "")):
        return Path(xdg, "minicap")
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "minicap", "Cache")
    return (home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache") / "minicap"


def decode_images(paths: Sequence[Path], preprocessing: Preprocessing, *, progress: bool = False) -> Decoded:
    """Decode and resize pictures, through the cache where there is one.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    preprocessing : Preprocessing
        Size, colour mode and way of resizing.
    progress : bool
        Show a progress bar while decoding (on standard error).

    Returns
    -------
    Decoded
        A picture that cannot be decoded is left out and named.
    """
    size = preprocessing.size
    folder = cache_folder()
    if not paths:
        return Decoded(np.empty((0, size, size, 3), np.uint8), {})
    if folder is not None:
        found = _find(folder, paths, preprocessing)
        if found is not None:
            return found
        if (stored := _decode_to_disk(folder, paths, preprocessing, progress)) is not None:
            return stored
    return _decode_to_memory(paths, preprocessing, progress)


def _key(paths: Iterable[Path], preprocessing: Preprocessing) -> str:
    """Hash everything the pixels depend on."""
    look = [preprocessing.size, preprocessing.mode, preprocessing.resize]  # mean and std act later
    if preprocessing.filter != "bilinear":  # as it always was: what is cached already stays good
        look.append(preprocessing.filter)
    digest = hashlib.sha256(json.dumps([_LAYOUT, decoder_version(), *look]).encode())
    for path in paths:
        try:
            status = path.stat()
            seen = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            seen = "absent"
        digest.update(os.fsencode(os.path.abspath(path)) + f"\0{seen}\n".encode())
    return digest.hexdigest()[:32]


def _find(folder: Path, paths: Sequence[Path], preprocessing: Preprocessing) -> Decoded | None:
    """Return what an earlier run left, if it is sound."""
    key = _key(paths, preprocessing)
    broken = _read_broken(folder / f"{key}.json", len(paths))
    good = [path for place, path in enumerate(paths) if place not in broken]
    if not good:
        return None
    key = _key(good, preprocessing) if broken else key
    pixels = _open(folder / f"{key}.npy", len(good), preprocessing.size)
    return None if pixels is None else Decoded(pixels, broken)


def _open(path: Path, count: int, size: int) -> Array | None:
    """Map a cache file, or return None where it is absent, truncated or something else."""
    shape = (count, size, size, 3)
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        whole = path.stat().st_size == len(_header(shape)) + count * size * size * 3
    except (OSError, ValueError, EOFError, SyntaxError):
        return None
    sound = whole and isinstance(pixels, np.memmap) and pixels.dtype == np.uint8 and pixels.shape == shape
    return pixels.view(np.ndarray) if sound else None


def _read_broken(path: Path, count: int) -> dict[int, str]:
    """Return which pictures of a list an earlier run could not decode."""
    try:
        content = json.loads(read_text(path))
        broken = {int(place): str(reason) for place, reason in content.items()}
    except (InputError, ValueError, AttributeError):
        return {}
    return broken if all(0 <= place < count for place in broken) else {}


def _decode_to_disk(
    folder: Path, paths: Sequence[Path], preprocessing: Preprocessing, progress: bool
) -> Decoded | None:
    """Decode into a new cache file; None where the folder cannot take it."""
    size = preprocessing.size
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        if shutil.disk_usage(folder).free < 2 * len(paths) * size * size * 3:
            return None
        key = _key(paths, preprocessing)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        broken: dict[int, str] = {}
        with os.fdopen(handle, "wb") as file:
            file.write(_header((len(paths), size, size, 3)))
            for pixels in _decode_each(paths, preprocessing, broken, progress):
                file.write(pixels.data)
            file.seek(0)
            file.write(_header((len(paths) - len(broken), size, size, 3)))
        if key != _key(paths, preprocessing):  # a file changed while it was read
            return None
        return _publish(folder, temporary, paths, preprocessing, broken)
    except (OSError, InputError):  # load_image's own InputErrors are in `broken`; this one is the cache's
        return None
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _publish(
    folder: Path, temporary: str, paths: Sequence[Path], preprocessing: Preprocessing, broken: dict[int, str]
) -> Decoded | None:
    """Give a complete file its final name, with the list of what is not in it beside it."""
    good = [path for place, path in enumerate(paths) if place not in broken]
    if not good:
        return Decoded(np.empty((0, preprocessing.size, preprocessing.size, 3), np.uint8), broken)
    target = folder / f"{_key(good, preprocessing)}.npy"
    os.replace(temporary, target)
    if broken:
        listing = json.dumps({str(place): reason for place, reason in broken.items()})
        write_atomically(folder / f"{_key(paths, preprocessing)}.json", listing.encode())
    pixels = _open(target, len(good), preprocessing.size)
    return None if pixels is None else Decoded(pixels, broken)


def _decode_to_memory(paths: Sequence[Path], preprocessing: Preprocessing, progress: bool) -> Decoded:
    """Decode into an ordinary array."""
    size = preprocessing.size
    broken: dict[int, str] = {}
    try:
        pixels = np.empty((len(paths), size, size, 3), np.uint8)
    except MemoryError as error:
        gigabytes = len(paths) * size * size * 3 / 1e9
        raise InputError(
            f"{len(paths):,} images of {size} px need {gigabytes:.1f} GB of memory; "
            "use a smaller size, or set MINICAP_CACHE to a folder with space"
        ) from error
    count = 0
    for row in _decode_each(paths, preprocessing, broken, progress):
        pixels[count] = row
        count += 1
    return Decoded(pixels[:count], broken)


def _decode_each(
    paths: Sequence[Path], preprocessing: Preprocessing, broken: dict[int, str], progress: bool
) -> Iterator[Array]:
    """Yield the pixels of each sound picture, and note the others in `broken`."""
    from tqdm import tqdm

    bar = tqdm(paths, desc="decoding images", unit="image", disable=None if progress else True, leave=False)
    for place, path in enumerate(bar):
        try:
            yield preprocessing.pixels(load_image(path))
        except InputError as error:
            broken[place] = reason_of(error, path)


def _header(shape: tuple[int, ...]) -> bytes:
    """Return the ``.npy`` header; NumPy pads it so that another first dimension takes the same space."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _sweep(folder: Path) -> None:
    """Remove what interrupted processes left behind long ago."""
    for left in folder.glob("*.part"):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            left.unlink(missing_ok=True)
