"""Everything a captioned folder holds, whatever its format: splits, pictures that are there, and a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicap.data.dataset import CaptionData
from minicap.data.files import is_safe_name, reason_of, shown
from minicap.data.images import EXTENSIONS, check_image
from minicap.data.report import (
    BROKEN_NAME,
    MISSING_IMAGE,
    NO_CAPTION,
    NO_IMAGE,
    NO_SPLIT,
    NO_TRUTH,
    ReadingReport,
)
from minicap.data.splits import SPLITS, draw_splits, known_split
from minicap.errors import InputError


@dataclass
class Listing:
    """Hold what a format's reader found, before any picture is looked for.

    Parameters
    ----------
    kind : str
        The format's name.
    path : Path
        The file that was read.
    find : callable
        From a name to the picture's path, or None where it is not there.
    captions : dict
        From name to captions, in the file's order.
    splits : dict or None
        From name to split, where the data come with split lists.
    truth : Mapping or None
        From name to ground-truth scene, where there is one.
    """

    kind: str
    path: Path
    find: Callable[[str], Path | None]
    captions: dict[str, list[str]] = field(default_factory=dict)
    splits: dict[str, str] | None = None
    truth: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class CaptionCorpus:
    """Hold the splits of a captioned data set.

    Parameters
    ----------
    kind : str
        The format it was read from.
    path : Path
        The caption file.
    parts : Mapping
        From split to `CaptionData`, none of them empty.
    report : ReadingReport
        What was wrong, counted once: ``corpus.report.lines()``.
    """

    kind: str
    path: Path
    parts: Mapping[str, CaptionData]
    report: ReadingReport

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits that exist, train first."""
        return tuple(self.parts)

    def split(self, name: str) -> CaptionData:
        """Return one split.

        Parameters
        ----------
        name : str
            ``train``, ``val`` (or ``dev``, ``val2017``), ``test`` or ``compositional``.

        Returns
        -------
        CaptionData

        Raises
        ------
        InputError
            If the data have no such split.
        """
        known = known_split(name)
        if known is None or known not in self.parts:
            raise InputError(
                f"{shown(self.path)}: there is no split {shown(repr(name))} with pictures; "
                f"there is {', '.join(self.parts)}"
            )
        return self.parts[known]

    @property
    def train(self) -> CaptionData:
        """Return the training split."""
        return self.split("train")

    @property
    def val(self) -> CaptionData:
        """Return the validation split."""
        return self.split("val")

    @property
    def test(self) -> CaptionData:
        """Return the test split."""
        return self.split("test")

    @property
    def compositional(self) -> CaptionData:
        """Return the split of combinations never seen in training."""
        return self.split("compositional")


def assemble(listing: Listing, report: ReadingReport, *, split: str | None = None) -> CaptionCorpus:
    """Look for the pictures of a listing and sort them into splits.

    Parameters
    ----------
    listing : Listing
        What a reader found.
    report : ReadingReport
        Where to count what is wrong.
    split : str, optional
        Keep this split only, and look for its pictures only where split lists allow that.

    Returns
    -------
    CaptionCorpus

    Raises
    ------
    InputError
        If no captioned picture remains, or the split does not exist.
    """
    wanted = None if split is None else _wanted(split, listing)
    names = _listed_names(listing, report)
    if wanted is not None and listing.splits is not None:
        names = [name for name in names if listing.splits[name] == wanted]
    paths = _find_images(names, listing, report)
    if not paths:
        reasons = "; ".join(report.lines()) or "none is listed"
        raise InputError(f"{shown(listing.path)}: no captioned image remains: {reasons}")
    parts = _parts(paths, listing, report)
    if wanted is not None and wanted not in parts:
        few = f"too few usable images ({len(paths)})"
        raise InputError(f"{shown(listing.path)}: split {wanted!r} is empty: {few}")
    parts = parts if wanted is None else {wanted: parts[wanted]}
    return CaptionCorpus(listing.kind, listing.path, parts, report)


def _wanted(split: str, listing: Listing) -> str:
    """Return the standard name of the split asked for, if the data can have it."""
    listed = ("train", "val", "test") if listing.splits is None else set(listing.splits.values())
    present = [name for name in SPLITS if name in listed]
    wanted = known_split(split)
    if wanted is None or wanted not in present:
        there = ", ".join(present) or "none"
        raise InputError(f"{shown(listing.path)}: there is no split {shown(repr(split))}; there is {there}")
    return wanted


def _parts(paths: Mapping[str, Path], listing: Listing, report: ReadingReport) -> dict[str, CaptionData]:
    """Sort the pictures that are there into splits, by the lists or by a draw."""
    splits = _drawn_splits(paths, report) if listing.splits is None else listing.splits
    members: dict[str, list[str]] = {part: [n for n in paths if splits[n] == part] for part in SPLITS}
    if listing.splits is None and not members["val"]:
        members["val"] = members["train"]
    return {part: _caption_data(part, m, paths, listing, report) for part, m in members.items() if m}


def _listed_names(listing: Listing, report: ReadingReport) -> list[str]:
    """Return the captioned names that belong to a split; count what has only one of both."""
    if listing.splits is None:
        return list(listing.captions)
    report.set_total(NO_SPLIT, len(listing.captions))
    report.set_total(NO_CAPTION, len(listing.splits))
    for name in listing.captions:
        if name not in listing.splits:
            report.add(NO_SPLIT if _sounds_right(name) else BROKEN_NAME, name)
    for name in listing.splits:
        if name not in listing.captions:
            report.add(NO_CAPTION, name)
    return [name for name in listing.captions if name in listing.splits]


def _find_images(names: list[str], listing: Listing, report: ReadingReport) -> dict[str, Path]:
    """Return the pictures that are there and have a sound header."""
    report.set_total(MISSING_IMAGE, len(names))
    report.set_total(NO_IMAGE, len(names))
    paths: dict[str, Path] = {}
    for name in names:
        path = listing.find(name) if is_safe_name(name) else None
        if path is None:
            report.add(MISSING_IMAGE if _sounds_right(name) else BROKEN_NAME, name)
            continue
        try:
            check_image(path)
        except InputError as error:
            report.add(NO_IMAGE, f"{name} {reason_of(error, path)}")
        else:
            paths[name] = path
    return paths


def _drawn_splits(paths: Mapping[str, Path], report: ReadingReport) -> dict[str, str]:
    """Draw splits where the data name none, and say so."""
    if len(paths) < 3:
        report.note(
            f"too few images to split ({len(paths)}): all are for training, and validation sees the same"
        )
    else:
        report.note("no split lists: 80 % train, 10 % val and 10 % test were drawn by the names' hash")
    return draw_splits(paths)


def _caption_data(
    split: str, names: list[str], paths: Mapping[str, Path], listing: Listing, report: ReadingReport
) -> CaptionData:
    """Put one split together, with its ground truth where all of it has one."""
    scenes = None
    if listing.truth is not None:
        lacking = [name for name in names if name not in listing.truth]
        for name in lacking:
            report.add(NO_TRUTH, name)
        scenes = None if lacking else tuple(listing.truth[name] for name in names)
    return CaptionData(
        split=split,
        names=tuple(names),
        captions=tuple(tuple(listing.captions[name]) for name in names),
        images=[paths[name] for name in names],
        scenes=scenes,
    )


def _sounds_right(name: str) -> bool:
    """Tell whether a name stays below its folder and ends like a picture's."""
    return is_safe_name(name) and Path(name).suffix.lower() in EXTENSIONS
