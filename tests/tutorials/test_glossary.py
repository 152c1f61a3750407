"""The glossary's letters are those of the design and of the docstrings."""

from __future__ import annotations

import inspect
import re

from minicap import ops
from minicap.tutorials import lessons_folder

# The letters of the design, with a word that their line has to hold.
LETTERS = {
    "N": "batch", "C": "channels", "F": "filters", "H": "height", "W": "width", "KH": "kernel", "KW": "kernel",
    "OH": "output", "OW": "output", "T": "time", "D": "input width", "V": "vocabulary", "L": "locations",
    "E": "encoder width", "A": "attention width", "K": "beams",
}  # fmt: skip
SHAPE = re.compile(r"\(([A-Z]{1,2}\d?(?:, ?[A-Z]{1,2}\d?)*),?\)")
OWN = {"M", "B", "O"}  # of single ops


def documented() -> dict[str, str]:
    """Return the glossary's table of letters."""
    table = (lessons_folder() / "glossary.md").read_text("utf-8").split("## Symbols")[0]
    found: dict[str, str] = {}
    for letters, meaning in re.findall(r"^\| ([A-Z, ]+) \| (.+) \|$", table, re.MULTILINE):
        for letter in letters.split(", "):
            found[letter] = f"{found.get(letter, '')} {meaning}"
    return found


def test_every_letter_of_the_design_is_there_and_means_the_same():
    found = documented()
    assert set(found) == set(LETTERS) | OWN
    for letter, word in LETTERS.items():
        assert word in found[letter], f"{letter}: {found[letter]}"
    assert "hidden width" in found["H"]


def test_the_letters_of_the_docstrings_are_there():
    used: dict[str, str] = {}
    for name in ops.__all__:
        docstring = inspect.getdoc(getattr(ops, name)) or ""
        for shape in SHAPE.findall(docstring):
            used |= dict.fromkeys(re.findall(r"[A-Z]+", shape), name)
    assert {"N", "C", "F", "KH", "OH", "T", "D", "V"} <= set(used)
    unknown = {letter: name for letter, name in used.items() if letter not in documented()}
    assert unknown == {}
