"""Everything a data folder holds, whatever its format: splits, pictures that are there, and a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

from minicap.data.dataset import CaptionData, Data, Pictures, joined
from minicap.data.files import is_safe_name, reason_of, shown
from minicap.data.images import EXTENSIONS, check_image
from minicap.data.labelled import ClassData, TagData
from minicap.data.report import (
    BROKEN_NAME,
    MISSING_IMAGE,
    NO_CAPTION,
    NO_IMAGE,
    NO_SPLIT,
    NO_TAGS,
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
    said : dict
        From name to what is said of the picture, in the file's order: its captions, its tags, or its one class.
    splits : dict or None
        From name to split, where the data come with split lists.
    truth : Mapping or None
        From name to ground-truth scene, where there is one.
    task : str
        What is said of a picture: ``caption``, ``tag`` or ``classify``.
    """

    kind: str
    path: Path
    find: Callable[[str], Path | None]
    said: dict[str, list[str]] = field(default_factory=dict)
    splits: dict[str, str] | None = None
    truth: Mapping[str, Any] | None = None
    task: str = "caption"


@dataclass(frozen=True, eq=False)
class Corpus(Generic[Data]):
    """Hold the splits of a data set.

    Parameters
    ----------
    kind : str
        The format it was read from.
    path : Path
        The file or folder that was read.
    parts : Mapping
        From split to `CaptionData`, `TagData` or `ClassData`, none of them empty.
    report : ReadingReport
        What was wrong, counted once: ``corpus.report.lines()``.
    """

    kind: str
    path: Path
    parts: Mapping[str, Data]
    report: ReadingReport

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits that exist, train first."""
        return tuple(self.parts)

    def split(self, name: str) -> Data:
        """Return one split, or everything.

        Parameters
        ----------
        name : str
            ``train``, ``val`` (or ``dev``, ``val2017``), ``test`` or ``compositional``; ``all`` for the pictures
            of every split together, as for data that are only tested on.

        Returns
        -------
        CaptionData, TagData or ClassData

        Raises
        ------
        InputError
            If the data have no such split.
        """
        if name.strip().lower() == "all":
            return joined(list(self.parts.values()), "all")
        known = known_split(name)
        if known is None or known not in self.parts:
            raise InputError(
                f"{shown(self.path)}: there is no split {shown(repr(name))} with pictures; "
                f"there is {', '.join(self.parts)}"
            )
        return self.parts[known]

    def only(self, name: str) -> Corpus[Data]:
        """Return the corpus with one of its splits.

        Parameters
        ----------
        name : str
            As for `split`.

        Returns
        -------
        Corpus

        Raises
        ------
        InputError
            If the data have no such split.
        """
        data = self.split(name)
        return replace(self, parts={data.split: data})

    @property
    def train(self) -> Data:
        """Return the training split."""
        return self.split("train")

    @property
    def val(self) -> Data:
        """Return the validation split."""
        return self.split("val")

    @property
    def test(self) -> Data:
        """Return the test split."""
        return self.split("test")

    @property
    def compositional(self) -> Data:
        """Return the split of combinations never seen in training."""
        return self.split("compositional")


def assemble(
    listing: Listing, report: ReadingReport, *, split: str | None = None, pictures: bool = True
) -> Corpus[Any]:
    """Look for the pictures of a listing and sort them into splits.

    Parameters
    ----------
    listing : Listing
        What a reader found.
    report : ReadingReport
        Where to count what is wrong.
    split : str, optional
        Keep this split only, and look for its pictures only where split lists allow that.
    pictures : bool
        Whether the pictures have to be there; not where somebody has their features.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If no usable picture remains, or the split does not exist.
    """
    wanted = None if split is None else _wanted(split, listing)
    names = _listed_names(listing, report)
    if wanted is not None and listing.splits is not None:
        names = [name for name in names if listing.splits[name] == wanted]
    paths = _find_images(names, listing, report) if pictures else _supposed(names, listing)
    if not paths:
        reasons = "; ".join(report.lines()) or "none is listed"
        raise InputError(f"{shown(listing.path)}: no {SAID[listing.task]} image remains: {reasons}")
    parts = _parts(paths, listing, report)
    if wanted is not None and wanted not in parts:
        few = f"too few usable images ({len(paths)})"
        raise InputError(f"{shown(listing.path)}: split {wanted!r} is empty: {few}")
    parts = parts if wanted is None else {wanted: parts[wanted]}
    return Corpus(listing.kind, listing.path, parts, report)


def _wanted(split: str, listing: Listing) -> str:
    """Return the standard name of the split asked for, if the data can have it."""
    listed = ("train", "val", "test") if listing.splits is None else set(listing.splits.values())
    present = [name for name in SPLITS if name in listed]
    wanted = known_split(split)
    if wanted is None or wanted not in present:
        there = ", ".join(present) or "none"
        raise InputError(f"{shown(listing.path)}: there is no split {shown(repr(split))}; there is {there}")
    return wanted


def _parts(paths: Mapping[str, Path], listing: Listing, report: ReadingReport) -> dict[str, Pictures]:
    """Sort the pictures that are there into splits, by the lists or by a draw."""
    splits = _drawn_splits(paths, listing, report) if listing.splits is None else listing.splits
    members: dict[str, list[str]] = {part: [n for n in paths if splits[n] == part] for part in SPLITS}
    if listing.splits is None and not members["val"]:
        members["val"] = members["train"]
    return {part: _MAKE[listing.task](part, m, paths, listing, report) for part, m in members.items() if m}


def _listed_names(listing: Listing, report: ReadingReport) -> list[str]:
    """Return the names that belong to a split; count what has only one of both."""
    if listing.splits is None:
        return list(listing.said)
    report.set_total(NO_SPLIT, len(listing.said))
    unsaid = NO_TAGS if listing.task == "tag" else NO_CAPTION
    report.set_total(unsaid, len(listing.splits))
    for name in listing.said:
        if name not in listing.splits:
            report.add(NO_SPLIT if _sounds_right(name) else BROKEN_NAME, name)
    for name in listing.splits:
        if name not in listing.said:
            report.add(unsaid, name)
    return [name for name in listing.said if name in listing.splits]


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


def _supposed(names: list[str], listing: Listing) -> dict[str, Path]:
    """Return where pictures are, or would be."""
    return {
        name: (listing.find(name) if is_safe_name(name) else None) or listing.path.parent / name
        for name in names
    }


def _drawn_splits(paths: Mapping[str, Path], listing: Listing, report: ReadingReport) -> dict[str, str]:
    """Draw splits where the data name none, class by class where there are classes, and say so."""
    groups: dict[str, list[str]] = {}
    for name in paths:
        groups.setdefault(listing.said[name][0] if listing.task == "classify" else "", []).append(name)
    if max(map(len, groups.values())) < 3:
        report.note(
            f"too few images to split ({len(paths)}): all are for training, and validation sees the same"
        )
    else:
        each = " of each class" if listing.task == "classify" else ""
        report.note(f"no split lists: 80 % train, 10 % val and 10 % test{each} were drawn by the names' hash")
    return {name: split for names in groups.values() for name, split in draw_splits(names).items()}


def _caption_data(
    split: str, names: list[str], paths: Mapping[str, Path], listing: Listing, report: ReadingReport
) -> CaptionData:
    """Put one split of captioned pictures together, with its ground truth where all of it has one."""
    scenes = None
    if listing.truth is not None:
        lacking = [name for name in names if name not in listing.truth]
        for name in lacking:
            report.add(NO_TRUTH, name)
        scenes = None if lacking else tuple(listing.truth[name] for name in names)
    return CaptionData(
        split=split,
        names=tuple(names),
        captions=tuple(tuple(listing.said[name]) for name in names),
        images=[paths[name] for name in names],
        scenes=scenes,
    )


def _tag_data(
    split: str, names: list[str], paths: Mapping[str, Path], listing: Listing, report: ReadingReport
) -> TagData:
    """Put one split of tagged pictures together."""
    tags = tuple(tuple(listing.said[name]) for name in names)
    return TagData(split=split, names=tuple(names), tags=tags, images=[paths[name] for name in names])


def _class_data(
    split: str, names: list[str], paths: Mapping[str, Path], listing: Listing, report: ReadingReport
) -> ClassData:
    """Put one split of pictures with a class each together."""
    labels = tuple(listing.said[name][0] for name in names)
    return ClassData(split=split, names=tuple(names), labels=labels, images=[paths[name] for name in names])


_MAKE: Mapping[str, Callable[..., Pictures]] = {
    "caption": _caption_data, "tag": _tag_data, "classify": _class_data,
}  # fmt: skip
SAID = {"caption": "captioned", "tag": "tagged", "classify": "classified"}


def _sounds_right(name: str) -> bool:
    """Tell whether a name stays below its folder and ends like a picture's."""
    return is_safe_name(name) and Path(name).suffix.lower() in EXTENSIONS
