"""Anyone's captions judged by anyone's references, from files and without a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minicap.data.files import shown
from minicap.data.results import Captioned, read_references, read_results, with_ids_of
from minicap.errors import InputError
from minicap.metrics import Idf, Statistics, pair_by_id
from minicap.training.judging import PTB, Scored, about, score, split_pairs
from minicap.training.judging_compare import comparison


class FileScores(NamedTuple):
    """The metrics as ``evaluate --json`` prints them, what they are computed of, and the images in order."""

    metrics: dict[str, Any]
    statistics: dict[str, Statistics]
    ids: list[str]


def score_files(
    captions: str | Path,
    references: Sequence[str | Path],
    *,
    tokenizer: str = PTB,
    idf: Idf | None = None,
    end_marker: str | None = None,
    partial: bool = False,
    seed: int = 0,
) -> FileScores:
    """Score a file of captions.

    Parameters
    ----------
    captions : str or Path
        See `minicap.data.results.read_results`.
    references : sequence of str or Path
        See `minicap.data.results.read_references`.
    tokenizer : str
        One of ``SPLITTERS``.
    idf : Idf, optional
        CIDEr's document frequencies; without it those of the references.
    end_marker : str, optional
        A word at which a caption and a reference end; it and what follows is cut off.
    partial : bool
        Score the images that have a caption, where others have references only.
    seed : int
        Draws the samples of the intervals.

    Returns
    -------
    FileScores

    Raises
    ------
    InputError
        If a file cannot be read, or captions and references do not pair up; the message names the image.
    """
    known = read_references(*references)
    said = read_results(captions)
    order = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in known.pairs))}
    mine = sorted(with_ids_of(said, known), key=lambda pair: order.get(pair[0], len(order)))
    paired = _paired(mine, known, said.path, all_scored=not partial)
    end = _cutter(end_marker)
    hypotheses = [end(text) for text in paired.hypotheses]
    split = split_pairs(
        tokenizer, hypotheses, [[end(text) for text in several] for several in paired.references]
    )
    cut = sum(a != b for a, b in zip(hypotheses, paired.hypotheses, strict=True))
    ids = [str(name) for name in paired.ids]
    scored = _checked(lambda: score(split, idf=idf, ids=ids), said.path)
    scored.notes.extend(_notes(end_marker, cut, len(order) - len(ids)))
    return FileScores(scored.scores | about(split, scored, idf=idf, seed=seed), scored.statistics, ids)


def compare_files(
    captions: Sequence[str | Path], references: Sequence[str | Path], **options: Any
) -> dict[str, Any]:
    """Score two files of captions of the same images, and test whether they differ.

    Parameters
    ----------
    captions : sequence of two str or Path
    references : sequence of str or Path
    **options
        As for ``score_files``.

    Returns
    -------
    dict
        As ``judging_compare.comparison``.

    Raises
    ------
    InputError
        As ``score_files``, or if the two are not of the same images.
    """
    a, b = (score_files(path, references, **options) for path in captions)
    alone = sorted(set(a.ids) ^ set(b.ids))
    if alone:
        raise InputError(
            f"image {alone[0]!r} has a caption in one of {' and '.join(map(shown, captions))} only; "
            "caption the same images"
        )
    return comparison(a[:2], b[:2], seed=options.get("seed", 0))


def load_idf(path: str | Path) -> Idf:
    """Read document frequencies.

    Parameters
    ----------
    path : str or Path
        Written by ``Idf.save``.

    Returns
    -------
    Idf

    Raises
    ------
    InputError
        If the file holds none.
    """
    try:
        return Idf.load(path)
    except ValueError as error:
        reason = str(error).removeprefix("Idf.load: ").removeprefix(f"{Path(path).name} ")
        raise InputError(f"{shown(path)}: {reason}") from None


def _paired(mine: list[tuple[str, Any]], known: Captioned, path: Path, *, all_scored: bool) -> Any:
    """Return captions and references by image, or raise where they do not pair up."""
    for where, pairs in ((path, mine), (known.path, known.pairs)):
        for name, caption in pairs:
            if isinstance(caption, list | tuple):
                raise InputError(f"{shown(where)}: the caption of image {name!r} is a list, not text")
    try:
        return pair_by_id(mine, known.pairs, all_scored=all_scored)
    except ValueError as error:
        message = str(error).removeprefix("pair_by_id: ")
        message = message.replace("leave those out on purpose", "leave those out on purpose with --partial")
        where = known.path if message.startswith("reference ") else path
        raise InputError(f"{shown(where)}: {message}") from None


def _checked(compute: Callable[[], Scored], path: Path) -> Scored:
    """Return scores, or the reason why there are none as the fault of the file."""
    try:
        return compute()
    except ValueError as error:
        raise InputError(f"{shown(path)}: {str(error).partition(': ')[2] or error}") from None


def _cutter(marker: str | None) -> Callable[[str], str]:
    """Return a function that ends a text where the marker stands as a word; without one it leaves the text."""
    if marker is None:
        return lambda text: text
    if not marker.strip() or marker != marker.strip():
        raise InputError(f"--end-marker: {shown(repr(marker), 40)} is no word")
    before, after = (r"(?<!\w)" * (marker[0].isalnum()), r"(?!\w)" * (marker[-1].isalnum()))
    pattern = re.compile(f"{before}{re.escape(marker)}{after}")

    def end(text: str) -> str:
        found = pattern.search(text)
        return text if found is None else text[: found.start()]

    return end


def _notes(end_marker: str | None, cut: int, without: int) -> list[str]:
    """Return what was left out, in plain sentences."""
    said = []
    if end_marker is not None and not cut:
        said.append(f"The end marker {end_marker!r} stands in no caption.")
    if without:
        said.append(
            f"{without} images have references but no caption and were left out: compare with scores of the same "
            "images only."
        )
    return said
