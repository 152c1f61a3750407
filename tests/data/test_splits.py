"""Which picture is in which split."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.splits import draw_splits, draw_val, known_split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("dev", "val"),
        ("val2017", "val"),
        (" Test ", "test"),
        ("compositional", "compositional"),
        ("train2014", "train"),
        ("VAL2014", "val"),
        ("Training", "train"),
    ],
)
def test_known_names(name, split):
    assert known_split(name) == split


def test_other_names_mean_nothing():
    assert known_split("holdout") is None


@given(names=st.sets(st.text(), max_size=60))
def test_a_draw_is_complete_stable_and_eighty_ten_ten(names):
    splits = draw_splits(names)
    assert splits == draw_splits(sorted(names, reverse=True))
    assert set(splits) == names
    counts = Counter(splits.values())
    if len(names) < 3:
        assert set(counts) <= {"train"}
    else:
        assert counts["val"] == counts["test"] == max(1, round(len(names) / 10))
        assert counts["train"] >= 1


def test_the_draw_is_pinned():
    splits = draw_splits(f"{i}.jpg" for i in range(10))
    assert [name for name in splits if splits[name] != "train"] == ["9.jpg", "3.jpg"]
    assert (splits["9.jpg"], splits["3.jpg"]) == ("val", "test")


@given(sizes=st.lists(st.integers(1, 60), max_size=5))
def test_a_tenth_of_each_class_is_drawn_for_val(sizes):
    labels = {f"{c}/{i}.png": str(c) for c, size in enumerate(sizes) for i in range(size)}
    chosen = draw_val(labels)
    assert chosen == draw_val(dict(sorted(labels.items(), reverse=True)))
    counts = Counter(labels[name] for name in chosen)
    assert [counts[str(c)] for c in range(len(sizes))] == [
        max(1, round(size / 10)) if size >= 3 else 0 for size in sizes
    ]


def test_the_draw_for_val_is_pinned():
    assert draw_val({f"{i}.jpg": "" for i in range(10)}) == {"3.jpg"}
