"""Retrieval: ranks by hand, against a slow sort, and at the ends of the scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import retrieval


def slow_rank(scores, right):
    """Return the place of the best right answer where equal wrong ones go first."""
    order = sorted(range(len(scores)), key=lambda j: (-scores[j], j in right))
    return 1 + next(
        place - sum(o in right for o in order[:place]) for place, j in enumerate(order) if j in right
    )


def test_an_example_worked_by_hand():
    scores = [[5, 9, 1], [2, 3, 4], [0, 0, 8]]
    found = retrieval(scores)
    # rows: 5 is second to 9, 3 second to 4, 8 first; columns: 5 first, 3 second to 9, 8 first
    assert found.image_to_text == (1 / 3, 1.0, 1.0, 2.0)
    assert found.text_to_image == (2 / 3, 1.0, 1.0, 1.0)
    assert found.as_dict()["text_to_image"] == {
        "recall_1": 2 / 3,
        "recall_5": 1,
        "recall_10": 1,
        "median_rank": 1,
    }


def test_of_several_captions_the_best_placed_counts_and_the_others_are_no_rivals():
    scores = np.array([[1.0, 9.0, 5.0], [6.0, 0.0, 7.0]])
    found = retrieval(scores, owner=[0, 0, 1])
    assert found.image_to_text.recall_1 == 1.0
    assert found.text_to_image.recall_1 == 2 / 3
    # the second-best own caption does not push the best down, nor does it count as a rival
    assert retrieval([[8.0, 9.0, 1.0], [0.0, 0.0, 5.0]], [0, 0, 1]).image_to_text.median_rank == 1


@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 1000))
def test_ranks_agree_with_sorting(n, more, seed):
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=more)]))
    scores = rng.integers(0, 4, (n, n + more)).astype(float)  # ties are common
    to_text = [slow_rank(scores[i], set(np.flatnonzero(owner == i))) for i in range(n)]
    to_image = [slow_rank(scores[:, j], {owner[j]}) for j in range(n + more)]
    for found, ranks in zip(retrieval(scores, owner), (to_text, to_image), strict=True):
        assert found == pytest.approx(
            [*(np.mean(np.array(ranks) <= k) for k in (1, 5, 10)), np.median(ranks)]
        )


def test_scoring_everything_alike_finds_nothing():
    found = retrieval(np.zeros((20, 20)))
    assert found.image_to_text == found.text_to_image == (0.0, 0.0, 0.0, 20.0)


def test_the_right_answer_always_first(rng):
    table = rng.random((30, 30)) + 2 * np.eye(30)
    assert retrieval(table).image_to_text == retrieval(table).text_to_image == (1.0, 1.0, 1.0, 1.0)
    np.testing.assert_array_equal(retrieval(np.where(np.eye(3), 0.0, -np.inf)), np.ones((2, 4)))


@pytest.mark.parametrize(
    ("scores", "owner", "message"),
    [
        (np.zeros(3), None, r"scores is \(3,\)"),
        (np.zeros((0, 0)), None, r"scores is \(0, 0\)"),
        ([[0.0, np.nan], [0.0, 0.0]], None, r"scores\[0, 1\] is NaN"),
        (np.zeros((2, 3)), None, r"scores is \(2, 3\); say with owner"),
        (np.zeros((2, 3)), [0, 1], r"owner is int64 \(2,\) but 3 whole numbers"),
        (np.zeros((2, 3)), [0.0, 1.0, 1.0], "owner is float64"),
        (np.zeros((2, 3)), [0, 1, 2], r"owner lies in 0..2 but pictures are 0..1"),
        (np.zeros((2, 3)), [1, 1, 1], "picture 0 has no caption"),
    ],
)
def test_bad_input_is_refused(scores, owner, message):
    with pytest.raises(ValueError, match=f"^retrieval: {message}"):
        retrieval(scores, owner)
