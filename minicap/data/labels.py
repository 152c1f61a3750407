"""Classes or tags and their numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.files import shown
from minicap.data.stored import Stored
from minicap.errors import InputError

_FORMAT = "minicap-labels-1"


class Labels(Stored):
    """Names in a fixed order; the place of a name is its number, from 0 on.

    Parameters
    ----------
    names : sequence of str

    Raises
    ------
    ValueError
        If there is none, or one is empty, doubled or no text.
    """

    def __init__(self, names: Sequence[str]) -> None:
        for name in names:
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"Labels: {shown(repr(name))} cannot be a name; names are text")
        self.names: tuple[str, ...] = tuple(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if not names:
            raise ValueError("Labels: there is no name; give one or more")
        if len(self._numbers) != len(names):
            doubled = Counter(names).most_common(1)[0][0]
            raise ValueError(f"Labels: {shown(repr(doubled))} stands there twice; give each name once")

    @classmethod
    def of_classes(cls, labels: Iterable[str]) -> Labels:
        """Collect the classes that occur, in alphabetical order; numbers in the names sort as numbers.

        Parameters
        ----------
        labels : iterable of str
            The class of each training picture.

        Returns
        -------
        Labels

        Raises
        ------
        InputError
            If there are fewer than two.
        """
        found = sorted(set(labels), key=lambda name: (_natural(name), name))  # 1 and 01 are the same number
        if len(found) < 2:
            raise InputError(
                f"classes: the training pictures are of {len(found)} class ({shown(', '.join(found))}); "
                "two or more are needed"
            )
        return cls(found)

    @classmethod
    def of_tags(cls, tags: Iterable[Sequence[str]], *, min_count: int = 1) -> Labels:
        """Collect the tags that occur, the most frequent first, ties in alphabetical order.

        Parameters
        ----------
        tags : iterable of sequence of str
            The tags of each training picture.
        min_count : int
            How many pictures must have a tag; rarer ones are left out.

        Returns
        -------
        Labels

        Raises
        ------
        InputError
            If no tag remains.
        """
        counts = Counter(tag for several in tags for tag in set(several))
        names = sorted((tag for tag, n in counts.items() if n >= min_count), key=lambda t: (-counts[t], t))
        if not names and counts:
            tag, most = counts.most_common(1)[0]
            raise InputError(
                f"tags: none occurs on {min_count} pictures, and the most frequent, {shown(repr(tag))}, only on "
                f"{most}; use --min-count {most} or lower"
            )
        if not names:
            raise InputError("tags: none of the training pictures has a tag; give some tags to learn")
        return cls(names)

    def __len__(self) -> int:
        """Return K, the number of names."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """Tell whether a name has a number."""
        return name in self._numbers

    def __eq__(self, other: object) -> bool:
        """Compare the names and their order."""
        return isinstance(other, Labels) and self.names == other.names

    def __hash__(self) -> int:
        """Hash like `__eq__` compares."""
        return hash(self.names)

    def __repr__(self) -> str:
        """Show the number and the first names."""
        return f"Labels({len(self)} names: {shown(', '.join(self.names[:5]), 80)})"

    def numbers(self, labels: Iterable[str]) -> Array:
        """Return the number of each label.

        Parameters
        ----------
        labels : iterable of N str

        Returns
        -------
        Array of int64, (N,)

        Raises
        ------
        InputError
            If a label is none of the names.
        """
        labels = list(labels)
        for label in labels:
            if label not in self._numbers:
                some = ", ".join(self.names[:8]) + (", ..." if len(self) > 8 else "")
                raise InputError(
                    f"classes: {shown(repr(label))} is none of the {len(self)} classes learnt ({shown(some)}); "
                    "leave those pictures out, or train with them"
                )
        return np.array([self._numbers[label] for label in labels], np.int64)

    def marked(self, tags: Sequence[Sequence[str]]) -> Array:
        """Return which names each picture carries; tags that are none of the names are passed over.

        Parameters
        ----------
        tags : sequence of N sequences of str

        Returns
        -------
        Array of bool, (N, K)
        """
        found = np.zeros((len(tags), len(self)), np.bool_)
        for row, several in zip(found, tags, strict=True):
            row[[self._numbers[tag] for tag in several if tag in self._numbers]] = True
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the names as JSON-ready values."""
        return {"format": _FORMAT, "names": list(self.names)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, source: str = "labels") -> Labels:
        """Rebuild the names from `to_dict`'s form, validating everything.

        Parameters
        ----------
        content : Mapping
            ``format`` and ``names``.
        source : str
            What to call it in an error.

        Returns
        -------
        Labels

        Raises
        ------
        InputError
            If anything is missing or makes no sense.
        """
        if not isinstance(content, Mapping) or content.get("format") != _FORMAT:
            raise InputError(
                f"{source}: is no list of names of the form {_FORMAT}; make it again by training"
            )
        names = content.get("names")
        if not isinstance(names, list | tuple):
            raise InputError(f"{source}: 'names' must be a list of texts")
        try:
            return cls(names)
        except (ValueError, TypeError) as error:
            raise InputError(f"{source}: {error}") from error


def _natural(name: str) -> list[Any]:
    """Return a sort key by which 'class 10' stands behind 'class 9'."""
    parts = re.split(r"(\d{1,999})", name)  # Python turns no more than some thousand digits into a number
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
