"""Choices of tags, from scores and from sequences, and their scores tag by tag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.metrics import (
    choose_above,
    choose_top_k,
    mean_average_precision,
    per_tag_scores,
    precision_recall_f1,
    score_tag_lists,
    sequence_scores,
    tag_table,
)

with np.load(Path(__file__).parent.parent / "golden" / "tagging.npz") as file:
    GOLDEN = dict(file)
CASES = sorted({key.rsplit("/", 1)[0] for key in GOLDEN})
TAGS = ["cat", "dog", "sea"]


def test_a_threshold_includes_its_own_value():
    np.testing.assert_array_equal(choose_above([[0.5, 0.49, 1.0]]), [[True, False, True]])
    np.testing.assert_array_equal(choose_above([[-1.0, 0.0]], 0.0), [[False, True]])


def test_the_top_k_by_hand_and_of_equal_scores_the_first():
    np.testing.assert_array_equal(choose_top_k([[1, 3, 2], [5, 5, 5]], 2), [[0, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(choose_top_k(np.array([[0, 255, 3]], np.uint8), 1), [[0, 1, 0]])


@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 4), min_size=1, max_size=8), st.integers(1, 4))
def test_every_picture_gets_k_and_none_of_the_others_scores_higher(rows, k):
    scores = np.array(rows, float)
    chosen = choose_top_k(scores, k)
    assert (chosen.sum(axis=1) == k).all()
    lowest, highest = np.where(chosen, scores, 9).min(axis=1), np.where(chosen, -9, scores).max(axis=1)
    assert (lowest >= highest).all()


def test_tag_by_tag_by_hand():
    truth = np.array([[1, 1, 0, 0], [1, 0, 0, 1]])
    predicted = np.array([[1, 0, 1, 1], [0, 0, 0, 1]])
    found = per_tag_scores(predicted, truth)
    np.testing.assert_array_equal(found.precision, [1.0, 0.0, np.nan, 0.5])
    np.testing.assert_array_equal(found.recall, [0.5, 0.0, np.nan, 1.0])
    np.testing.assert_allclose(found.f1, [2 / 3, 0.0, np.nan, 2 / 3])
    np.testing.assert_array_equal(found.support, [2, 1, 0, 1])


@pytest.mark.parametrize("case", CASES)
def test_the_mean_over_tags_is_scikit_learns_macro_average(case):
    found = per_tag_scores(GOLDEN[f"{case}/scores"] > 0, GOLDEN[f"{case}/truth"])
    means = [np.nanmean(shares) for shares in found[:3]]
    np.testing.assert_allclose(means, GOLDEN[f"{case}/macro"], rtol=0, atol=1e-12)


# Sequences


def test_a_sequence_is_ranked_by_where_its_tags_stand():
    scores = sequence_scores([["sea", "cat", "sea", "dog"], []], TAGS)
    np.testing.assert_array_equal(scores, [[1 / 2, 1 / 3, 1.0], [0, 0, 0]])
    truth = [[0, 0, 1], [1, 1, 0]]
    assert mean_average_precision(scores[:, 2:], np.array(truth)[:, 2:]).map == 1.0


def test_the_first_k_of_a_sequence_are_the_first_different_ones():
    lists = [["sea", "sea", "cat", "dog"]]
    np.testing.assert_array_equal(tag_table(lists, TAGS, k=2), [[1, 0, 1]])
    np.testing.assert_array_equal(tag_table(lists, TAGS), [[1, 1, 1]])


def test_lists_scored_by_hand():
    predicted, truth = [["dog", "sea", "moon"], ["cat"], []], [["sea"], ["cat"], ["cat", "dog"]]
    found = score_tag_lists(predicted, truth)
    assert found.tags == ("cat", "dog", "moon", "sea")
    assert found.overall[:3] == pytest.approx((2 / 4, 2 / 4, 1 / 2))  # "moon" and "dog" are wrong
    np.testing.assert_array_equal(found.per_tag.recall, [1 / 2, 0, np.nan, 1])
    assert found.recalled == 2 / 3
    assert found.exact == 1 / 3
    assert score_tag_lists(predicted, truth, k=1).overall.precision == 1 / 2  # "dog" and "cat"


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(TAGS), max_size=5)] * 2), min_size=1, max_size=6))
def test_lists_score_as_their_tables_and_their_order_changes_nothing(pairs):
    predicted, truth = [p for p, _ in pairs], [t for _, t in pairs]
    assume(any(truth))
    found = score_tag_lists(predicted, truth)
    assert found.overall[:3] == precision_recall_f1(tag_table(predicted, TAGS), tag_table(truth, TAGS))[:3]
    again = score_tag_lists([p[::-1] * 2 for p in predicted], [t[::-1] for t in truth])
    np.testing.assert_equal(again, found)
    assert score_tag_lists(truth, truth).overall == (1.0,) * 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choose_above([0.5]), r"choose_above: scores is float64 \(1,\)"),
        (lambda: choose_above([["a"]]), "choose_above: scores is <U1"),
        (lambda: choose_top_k([[0.0, np.nan]], 1), r"choose_top_k: scores\[0, 1\] is NaN"),
        (lambda: choose_top_k([[0.0]], 2), "choose_top_k: k is 2 but there are 1 tags"),
        (lambda: choose_top_k([[0.0]], 0), "choose_top_k: k is 0"),
        (lambda: per_tag_scores([[2]], [[1]]), "predicted must be bool, or 0 and 1"),
        (lambda: tag_table([["cow"]], TAGS), r"tag_table: lists\[0\] names 'cow', which is not among"),
        (lambda: tag_table([["cat"]], ["cat", "cat"]), "tag_table: a tag stands twice"),
        (lambda: tag_table([["cat"]], TAGS, k=0), "tag_table: k is 0"),
        (lambda: sequence_scores(["cat"], TAGS), r"sequence_scores: lists\[0\] is str 'cat'; a list of tags"),
        (lambda: sequence_scores([["cat", 3]], TAGS), "holds int 3, which is no text"),
        (lambda: score_tag_lists([["cat"]], []), "1 predictions but 0 lists"),
        (lambda: score_tag_lists([["cat"]], [["cat"]], ids=["x", "y"]), "2 ids but 1 images"),
        (lambda: score_tag_lists([None], [["cat"]], ids=["x"]), r"predicted\[0\] \(image 'x'\) is None"),
        (lambda: score_tag_lists([["cat"]], [[]]), "no picture has any tag"),
        (lambda: score_tag_lists([[]], [[]]), "no picture has any tag"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
