"""Lengths of captions beside their references."""

from __future__ import annotations

import pytest

from minicap.metrics import length_statistics


def test_lengths_by_hand():
    found = length_statistics([["a"] * 3, ["a"] * 5], [[["b"] * 6], [["b"] * 10, ["b"] * 2]])
    assert (found.mean, found.spread) == (4.0, 1.0)
    assert found.reference_mean == 6.0
    assert found.reference_spread == pytest.approx((32 / 3) ** 0.5)
    assert found.ratio == pytest.approx(2 / 3)


def test_references_without_words_have_no_ratio():
    assert length_statistics([["a"]], [[[]]]).ratio is None


def test_lengths_name_the_image():
    with pytest.raises(ValueError, match=r"length_statistics: hypotheses\[0\] \(image 'x'\) is the string"):
        length_statistics(["a dog"], [[["a"]]], ids=["x"])
