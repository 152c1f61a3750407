"""Pictures with a class each, and pictures with tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minicap._types import Array
from minicap.data.dataset import Pictures


@dataclass(frozen=True, eq=False)
class ClassData(Pictures):
    """Hold names, classes and pictures of one split, in one order.

    Parameters
    ----------
    split : str
        ``"train"``, ``"val"`` or ``"test"``.
    names : tuple of str
        One name a picture.
    labels : tuple of str
        The name of each picture's class.
    images : sequence
        Paths, or uint8 arrays (H, W, 3); one array (N, H, W, 3) will do.
    mode : str
        ``"L"`` where all the pictures are grey.

    Raises
    ------
    ValueError
        If the lengths differ.
    """

    each = ("names", "labels", "images")

    split: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    images: Sequence[Path] | Sequence[Array]
    mode: str = "RGB"


@dataclass(frozen=True, eq=False)
class TagData(Pictures):
    """Hold names, tags and pictures of one split, in one order.

    Parameters
    ----------
    split : str
        ``"train"``, ``"val"`` or ``"test"``.
    names : tuple of str
        One name a picture.
    tags : tuple of tuple of str
        What each picture shows; possibly nothing.
    images : sequence
        Paths, or uint8 arrays (H, W, 3).

    Raises
    ------
    ValueError
        If the lengths differ.
    """

    each = ("names", "tags", "images")

    split: str
    names: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    images: Sequence[Path] | Sequence[Array]
