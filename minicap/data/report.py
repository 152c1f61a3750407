"""What was wrong with the data, counted, with examples, to be said once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from minicap.data.files import shown

EXAMPLES = 3


@dataclass(frozen=True)
class Problem:
    """Name one kind of trouble: what is counted, and what is the matter with it.

    Parameters
    ----------
    noun : str
        What is counted, in the singular: "image", "row".
    one, many : str
        The predicate for one and for several: "is not there", "are not there".
    """

    noun: str
    one: str
    many: str


MISSING_IMAGE = Problem("image", "is not there", "are not there")
NO_IMAGE = Problem("image", "cannot be read", "cannot be read")
NO_FEATURES = Problem(
    "image", "has no stored features and was left out", "have no stored features and were left out"
)
BROKEN_NAME = Problem("name", "is broken", "are broken")
WRONG_FIELDS = Problem("row", "has the wrong number of fields", "have the wrong number of fields")
OPEN_QUOTE = Problem("row", "has a quote that is never closed", "have a quote that is never closed")
EMPTY_CAPTION = Problem("caption", "is empty", "are empty")
LONG_CAPTION = Problem("caption", "is too long and was cut", "are too long and were cut")
UNKNOWN_SPLIT = Problem("split entry", "names no known split", "name no known split")
TWO_SPLITS = Problem(
    "image", "stands in two splits and stays in the first", "stand in two splits and stay in the first"
)
NO_SPLIT = Problem("image", "is in no split and was left out", "are in no split and were left out")
NO_CAPTION = Problem("image", "of the split lists has no caption", "of the split lists have no caption")
NO_TAGS = Problem(
    "image", "of the split lists is not in the tag table", "of the split lists are not in the tag table"
)
NO_CLASS = Problem(
    "image", "stands in no class folder and was left out", "stand in no class folder and were left out"
)
UNCAPTIONED = Problem("image", "has no caption", "have no caption")
EMPTY_CLASS = Problem("class folder", "holds no image", "hold no image")
STRAY_FOLDER = Problem(
    "folder",
    "beside the splits is none of them and was left out",
    "beside the splits are none of them and were left out",
)
UNKNOWN_IMAGE = Problem("annotation", "is of an unknown image", "are of unknown images")
UNKNOWN_CATEGORY = Problem("annotation", "is of an unknown category", "are of unknown categories")
SAME_CATEGORY = Problem(
    "category",
    "has the name of one before and counts as that",
    "have the name of one before and count as that",
)
NO_TRUTH = Problem("image", "has no ground truth in scenes.jsonl", "have no ground truth in scenes.jsonl")
DRAWN_VAL = "no validation split: 10 % of the training images of each class were kept for it by a draw"


class ReadingReport:
    """Count problems while data are read, and tell them in a few lines at the end."""

    def __init__(self) -> None:
        self._counts: Counter[Problem] = Counter()
        self._examples: dict[Problem, list[str]] = {}
        self._totals: dict[Problem, int] = {}
        self._notes: list[str] = []

    def add(self, problem: Problem, example: object) -> None:
        """Count one case.

        Parameters
        ----------
        problem : Problem
            Its kind.
        example : object
            The case itself; the first few are kept for the report.
        """
        self._counts[problem] += 1
        examples = self._examples.setdefault(problem, [])
        if len(examples) < EXAMPLES:
            examples.append(shown(example, 100) or "''")

    def set_total(self, problem: Problem, total: int) -> None:
        """Say how many there were in all, so that the report can tell "3 of 20".

        Parameters
        ----------
        problem : Problem
            The kind of trouble.
        total : int
            How many could have had it.
        """
        self._totals[problem] = total

    def note(self, text: str) -> None:
        """Keep a sentence that is no problem but should be known.

        Parameters
        ----------
        text : str
            One line.
        """
        self._notes.append(text)

    def count(self, problem: Problem) -> int:
        """Return how often a problem was met.

        Parameters
        ----------
        problem : Problem
            Its kind.

        Returns
        -------
        int
        """
        return self._counts[problem]

    def lines(self) -> list[str]:
        """Return the report as short sentences; empty where all was well.

        Returns
        -------
        list of str
            Like ``"6,906 of 8,092 images are not there (first: 1000268201_693b08cb0e.jpg)"``.
        """
        return [self._sentence(problem) for problem in self._counts] + self._notes

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        return bool(self._counts or self._notes)

    def __str__(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines())

    def _sentence(self, problem: Problem) -> str:
        """Put one count into words."""
        count, total = self._counts[problem], self._totals.get(problem, 0)
        of = f" of {total:,}" if total >= count else ""
        noun = problem.noun if (total if of else count) == 1 else _plural(problem.noun)
        predicate = problem.one if count == 1 else problem.many
        return f"{count:,}{of} {noun} {predicate} (first: {', '.join(self._examples[problem])})"


def _plural(noun: str) -> str:
    """Return the plural of an English noun of this file."""
    return noun[:-1] + "ies" if noun.endswith("ry") else noun + "s"
