"""The page on how to judge captions prints what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

from minicap.training.judging import SCORES

PAGE = Path(__file__).parents[2] / "minicap" / "metrics" / "README.md"


def test_every_snippet_prints_what_the_page_shows():
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.attempted > 20
    assert found.failed == 0


def test_every_score_is_explained():
    text = PAGE.read_text(encoding="utf-8")
    named = {name for name in SCORES if not name.startswith(("bleu_2", "bleu_3"))}
    assert [name for name in named if f"`{name}`" not in text] == []
