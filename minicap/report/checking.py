"""Whether ``metrics.json`` holds what it should, told entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from minicap.data.files import shown
from minicap.errors import InputError

MOST_PICTURES = 10**12  # a count beyond is none


def check_metrics(metrics: Any, path: Path, inside: str = "") -> None:
    """Raise where metrics are not what ``metrics.json`` holds.

    Parameters
    ----------
    metrics
        JSON content.
    path : Path
        Where it came from.
    inside : str
        Which part of the file, for the message.

    Raises
    ------
    InputError
        The message names the entry.
    """
    if not isinstance(metrics, dict):
        raise broken(path, inside or "the file", "a table of names and values", metrics)
    for name, value in metrics.items():
        where = f"{inside}{name}"
        if name == "baselines" and isinstance(value, dict):
            for baseline, scores in value.items():
                check_metrics(scores, path, f"{where}.{baseline}.")
        elif name == "compositional":
            check_metrics(value, path, f"{where}.")
        else:
            expected, fits = KINDS.get(name, NUMBER)
            if name in TABLES and not isinstance(value, dict):
                expected = "a table of names and values"
            if not fits(value):
                raise broken(path, where, expected, value)


def is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number.

    Parameters
    ----------
    value

    Returns
    -------
    bool
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def are_numbers(values: Any, count: int) -> bool:
    """Tell whether a JSON value is a list of so many numbers.

    Parameters
    ----------
    values
    count : int

    Returns
    -------
    bool
    """
    return isinstance(values, list) and len(values) == count and all(map(is_number, values))


def broken(path: Path, where: str, expected: str, value: Any) -> InputError:
    """Return the error for an entry that is not as it should be.

    Parameters
    ----------
    path : Path
        Of the file.
    where : str
        What the entry is called.
    expected : str
        What should stand there.
    value
        What does.

    Returns
    -------
    InputError
    """
    return InputError(
        f"{shown(path)}: {shown(where, 60)} is {shown(repr(value), 40)}, not {expected}; evaluate the run again"
    )


def _holds_numbers(value: Any) -> bool:
    """Tell whether a value is a table of numbers."""
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _holds_counts(rows: Any) -> bool:
    """Tell whether a value is a square of counts that are not all zero."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(rows) for row in rows):
        return False
    counts = [count for row in rows for count in row]
    return any(counts) and all(type(count) is int and 0 <= count < MOST_PICTURES for count in counts)


Kind = tuple[str, Callable[[Any], bool]]

NUMBER: Kind = ("a number", is_number)
_TEXT: Kind = ("text", lambda value: isinstance(value, str))
_TABLE: Kind = ("a table of names and values", lambda value: isinstance(value, dict))
_TEXTS: Kind = (
    "a list of texts",
    lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
)
# Entries that are no plain number: what should stand there, and whether it does.
KINDS: dict[str, Kind] = {
    "split": _TEXT,
    "caption": _TEXT,
    "note": _TEXT,
    "warnings": _TEXTS,
    **dict.fromkeys(
        ("intervals", "diversity", "lengths", "signatures", "retrieval", "tag_scores", "top_k"), _TABLE
    ),
    "signature": _TABLE,
    "baselines": _TABLE,
    "truth_by_count": ("a number for each count", _holds_numbers),
    "per_class": ("a number for each class", _holds_numbers),
    "per_tag": ("a number for each tag", _holds_numbers),
    "confusion": ("a square of counts", _holds_counts),
    "image_gap_interval": ("two numbers", lambda value: are_numbers(value, 2)),
}
TABLES = ("truth_by_count", "per_class", "per_tag")
