"""How rare an n-gram is: the document frequencies that CIDEr weighs words by, and a file to keep them in.

    idf(k) = log D - log max(1, df_k)

with D documents, each the references of one picture, of which df_k have the n-gram k. Counted in the
references scored they make a score depend on which pictures are scored; counted once in a large corpus and
kept in a file, the score of one picture means something too, and those of two sets compare.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minicap.metrics._pairs import Tokens, check_references
from minicap.metrics.bleu import ngrams

MAX_N = 4
LARGEST = 1 << 30  # bytes of a file once unpacked
SCORED = "references scored"

Gram: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Idf:
    """Document frequencies of n-grams.

    Attributes
    ----------
    documents : int
        How many pictures were counted, D.
    frequencies : mapping
        From n-gram, a tuple of 1 to 4 words, to how many pictures' references have it.
    source : str
        Where they come from, for the signature of a score.
    """

    documents: int
    frequencies: Mapping[Gram, int]
    source: str = SCORED

    def __post_init__(self) -> None:
        """Raise ValueError where the counts cannot be of so many documents."""
        if self.documents < 1:
            raise ValueError(f"Idf: documents is {self.documents} but at least one picture is needed")
        values = self.frequencies.values()
        if values and not 1 <= min(values) <= max(values) <= self.documents:
            raise ValueError(
                f"Idf: frequencies lie in {min(values)}..{max(values)} but an n-gram of "
                f"{self.documents} documents stands in 1 to {self.documents} of them"
            )

    @property
    def unseen(self) -> float:
        """The weight of an n-gram in no document, log D."""
        return math.log(self.documents)

    def weights(self) -> dict[Gram, float]:
        """Return ``log D - log df_k`` of each n-gram k, at least 0."""
        return {gram: self.unseen - math.log(df) for gram, df in self.frequencies.items()}

    @classmethod
    def from_references(cls, references: Sequence[Sequence[Tokens]], source: str = SCORED) -> Idf:
        """Count in how many pictures' references each n-gram stands.

        Parameters
        ----------
        references : sequence of lists of token lists
            A list a picture.
        source : str
            What a signature is to call this corpus, for example ``"COCO val2014"``.

        Returns
        -------
        Idf

        Raises
        ------
        ValueError
            If there is no picture, one has no reference, or a caption is not split into tokens.
        """
        for i, several in enumerate(references):
            check_references("Idf.from_references", i, several)
        return cls.from_counts(
            [[ngrams(reference, MAX_N) for reference in several] for several in references], source
        )

    @classmethod
    def from_counts(cls, counts: Sequence[Iterable[Mapping[Gram, int]]], source: str = SCORED) -> Idf:
        """Count from the n-gram counts of each picture's references; a picture counts once."""
        frequencies: Counter[Gram] = Counter()
        for several in counts:
            frequencies.update(set().union(*several))
        return cls(len(counts), frequencies, source)

    def save(self, path: str | Path) -> None:
        """Write the frequencies to a file that ``load`` reads.

        Parameters
        ----------
        path : str or Path
            ``.json``, which can be read, or ``.npz``, which is smaller.

        Raises
        ------
        ValueError
            If the name ends otherwise, or a word has a space or a line break in it.
        """
        path, rows = (
            _checked_path("save", path),
            {" ".join(gram): df for gram, df in self.frequencies.items()},
        )
        for gram, text in zip(self.frequencies, rows, strict=True):
            if text.count(" ") != len(gram) - 1 or "\n" in text or not all(gram):
                raise ValueError(
                    f"Idf.save: the n-gram {gram!r} has an empty word, a space or a line break in a word"
                )
        if path.suffix == ".json":
            kept = {"documents": self.documents, "source": self.source, "frequencies": rows}
            path.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
            return
        np.savez_compressed(
            path,
            documents=np.int64(self.documents),
            source=_bytes(self.source),
            grams=_bytes("\n".join(rows)),
            frequencies=np.fromiter(rows.values(), np.int64, len(rows)),
        )

    @classmethod
    def load(cls, path: str | Path) -> Idf:
        """Read a file written by ``save``; nothing in it is executed.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Idf

        Raises
        ------
        ValueError
            If the file is none of these, is too large, or its counts do not fit together.
        OSError
            If it cannot be read.
        """
        path = _checked_path("load", path)
        try:
            documents, source, grams, frequencies = (_from_json if path.suffix == ".json" else _from_npz)(
                path
            )
            if len(grams) != len(frequencies):
                raise ValueError(f"{len(grams)} n-grams but {len(frequencies)} frequencies")
            words = [tuple(gram.split(" ")) for gram in grams]
            odd = next((gram for gram in words if len(gram) > MAX_N or not all(gram)), None)
            if odd is not None:
                raise ValueError(f"{' '.join(odd)!r:.40} is no n-gram of 1 to {MAX_N} words")
            return cls(documents, dict(zip(words, frequencies, strict=True)), source)
        except (
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            ValueError,
            EOFError,
            zipfile.BadZipFile,
        ) as error:
            raise ValueError(f"Idf.load: {path.name} holds no document frequencies: {error}") from None


def _checked_path(what: str, path: str | Path) -> Path:
    """Return the path, or raise where its name says neither JSON nor npz."""
    path = Path(path)
    if path.suffix not in (".json", ".npz"):
        raise ValueError(f"Idf.{what}: {path.name} ends in neither .json nor .npz")
    return path


def _bytes(text: str) -> Any:
    """Return a text as an array of bytes, which needs no pickle."""
    return np.frombuffer(text.encode(), np.uint8)


def _from_json(path: Path) -> tuple[int, str, list[str], list[int]]:
    """Return documents, source, n-grams and frequencies."""
    _check_size(path.stat().st_size)
    kept = json.loads(path.read_text("utf-8"))
    rows, documents, source = kept["frequencies"], kept["documents"], kept["source"]
    if not isinstance(source, str) or any(type(count) is not int for count in [documents, *rows.values()]):
        raise ValueError("a whole number a row, and a text as source, are needed")
    return documents, source, list(rows), list(rows.values())


def _from_npz(path: Path) -> tuple[int, str, list[str], list[int]]:
    """Return documents, source, n-grams and frequencies."""
    with zipfile.ZipFile(path) as archive:
        _check_size(sum(entry.file_size for entry in archive.infolist()))
    with np.load(path, allow_pickle=False) as kept:
        documents, source, grams, frequencies = (
            kept[name] for name in ("documents", "source", "grams", "frequencies")
        )
    shapes = [(documents, 0, "iu"), (source, 1, "u"), (grams, 1, "u"), (frequencies, 1, "iu")]
    if any(array.ndim != ndim or array.dtype.kind not in kinds for array, ndim, kinds in shapes):
        raise ValueError("an array has the wrong shape or type")
    text = grams.tobytes().decode()
    return int(documents), source.tobytes().decode(), text.split("\n") if text else [], frequencies.tolist()


def _check_size(size: int) -> None:
    """Raise ValueError for a file that would fill the memory."""
    if size > LARGEST:
        raise ValueError(f"it has {size} bytes; at most {LARGEST} are read")
