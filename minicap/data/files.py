"""Read text and write files safely: encodings, sizes, and nothing half-written."""

from __future__ import annotations

import codecs
import os
import threading
from pathlib import Path, PureWindowsPath

from minicap.errors import InputError

MAX_TEXT_BYTES = 512 * 1024 * 1024

# UTF-32 first: its little-endian mark begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: str | Path, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Read a text file that is UTF-8, or UTF-16/32 with a byte-order mark.

    Parameters
    ----------
    path : str or Path
        The file.
    max_bytes : int
        Larger files are refused before they are read.

    Returns
    -------
    str
        The text, without its byte-order mark, line ends as they stand.

    Raises
    ------
    InputError
        If the file is missing, too large, or not text in one of these encodings; the line is named.
    """
    try:
        if not Path(path).is_file():
            raise InputError(f"{shown(path)}: no such file")
        size = os.path.getsize(path)
        if size > max_bytes:
            raise InputError(
                f"{shown(path)}: {size:,} bytes of text, but the limit is {max_bytes:,}; split the file"
            )
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    return _decode(raw, path)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a whole file or leave the old one: write beside it, then rename.

    Parameters
    ----------
    path : str or Path
        The final name; its folder must exist.
    content : bytes
        Everything the file shall hold.

    Raises
    ------
    InputError
        If the folder is missing, read-only or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be written ({error.strerror}); choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def is_safe_name(name: str) -> bool:
    """Tell whether a file name from a data file stays below its folder.

    Parameters
    ----------
    name : str
        A relative name with ``/`` between folders.

    Returns
    -------
    bool
        False for an empty, absolute or drive-letter name, one with ``..``, and one with control characters.
    """
    if not name or not name.isprintable():
        return False
    path = PureWindowsPath(name)  # knows both separators, and drives
    return bool(path.parts) and not (path.drive or path.root) and ".." not in path.parts


def shown(value: object, limit: int = 160) -> str:
    """Return text from outside fit for one line of a message: printable and short.

    Parameters
    ----------
    value : object
        A name, path or caption.
    limit : int
        Longest text, in characters; the middle of a longer one is left out.

    Returns
    -------
    str
        The text with every unprintable character replaced by ``?``.
    """
    text = "".join(c if c.isprintable() else "?" for c in str(value)[: 100 * limit])
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"


def reason_of(error: InputError, path: str | Path) -> str:
    """Return what an error says of a file, without the file's name and the way out.

    Parameters
    ----------
    error : InputError
        An error whose message begins with the path.
    path : str or Path
        The file.

    Returns
    -------
    str
    """
    return str(error).removeprefix(f"{shown(path)}: ").partition(";")[0]


def _decode(raw: bytes, path: str | Path) -> str:
    """Decode by byte-order mark, else strictly as UTF-8."""
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        byte = f"byte 0x{raw[error.start]:02x}"
        raise InputError(
            f"{shown(path)}: line {line} is not {name} text ({byte}); save the file as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(
            f"{shown(path)}: line {line} holds a NUL byte, so this is no UTF-8 text; save it as UTF-8"
        )
    return text
