"""Scores for tags: by hand, against a loop over thresholds, and as scikit-learn computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minicap.metrics import (
    average_precision,
    mean_average_precision,
    most_frequent_tags,
    precision_recall_f1,
    recalled_tags,
)

with np.load(Path(__file__).parent.parent / "golden" / "tagging.npz") as file:
    GOLDEN = dict(file)
CASES = sorted({key.rsplit("/", 1)[0] for key in GOLDEN})

# Few different scores, so that ties are common.
pictures = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


def slow_average_precision(scores, truth):
    """Return the sum over falling thresholds of the recall gained times the precision there."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        found = [has for score, has in zip(scores, truth, strict=True) if score >= threshold]
        precision, recall = sum(found) / len(found), sum(found) / sum(truth)
        area += (recall - recall_before) * precision
        recall_before = recall
    return area


# Average precision


def test_average_precision_by_hand():
    # Ranked: yes, no, yes. Recall 1/2 at precision 1, then the other half at 2/3.
    assert average_precision([0.9, 0.2, 0.5], [True, True, False]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # The two at 0.5 enter together, at precision 1/2.
    assert average_precision([0.5, 0.5, 0.1], [1, 0, 0]) == 0.5
    assert average_precision([3, 2, 1], [0, 0, 1]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_scikit_learn_computes(case):
    scores, truth = GOLDEN[f"{case}/scores"], GOLDEN[f"{case}/truth"]
    expected = GOLDEN[f"{case}/average_precision"]
    found = mean_average_precision(scores, truth)
    np.testing.assert_allclose(found.per_tag, expected, rtol=0, atol=1e-12)
    assert found.map == pytest.approx(np.nanmean(expected), abs=1e-12)
    for tag in np.flatnonzero(truth.any(axis=0)):
        assert average_precision(scores[:, tag], truth[:, tag]) == found.per_tag[tag]


@given(pictures)
def test_it_is_the_sum_over_thresholds(pairs):
    scores, truth = zip(*pairs, strict=True)
    assume(any(truth))
    assert average_precision(scores, truth) == pytest.approx(slow_average_precision(scores, truth), abs=1e-12)


@given(pictures, st.randoms(use_true_random=False))
def test_only_the_ranking_counts(pairs, random):
    assume(any(has for _, has in pairs))
    scores, truth = np.transpose(pairs)
    mixed = np.transpose(random.sample(pairs, len(pairs)))
    expected = average_precision(scores, truth)
    assert average_precision(mixed[0], mixed[1]) == pytest.approx(expected, abs=1e-12)
    assert average_precision(np.exp(scores), truth) == pytest.approx(expected, abs=1e-12)


def test_the_ends_of_the_scale():
    truth = np.arange(10) < 3
    assert average_precision(truth.astype(float), truth) == 1.0
    assert average_precision(np.zeros(10), truth) == pytest.approx(0.3)  # chance: the share of positives
    assert average_precision(np.zeros(4), np.ones(4)) == 1.0
    assert average_precision([np.inf, 0.0, -np.inf], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)


def test_tags_without_a_positive_do_not_count():
    truth = np.array([[1, 0, 0], [0, 0, 1]])
    found = mean_average_precision([[0.9, 0.5, 0.9], [0.1, 0.5, 0.1]], truth)
    np.testing.assert_array_equal(found.per_tag, [1.0, np.nan, 0.5])
    assert found.map == 0.75


def test_arguments_may_be_read_only_and_are_left_alone(rng):
    scores, truth = rng.standard_normal((20, 4)), rng.random((20, 4)) < 0.5
    kept = scores.copy(), truth.copy()
    for array in (scores, truth):
        array.flags.writeable = False
    mean_average_precision(scores, truth)
    np.testing.assert_array_equal(scores, kept[0])
    np.testing.assert_array_equal(truth, kept[1])


# Choices


def test_precision_recall_and_f1_by_hand():
    truth = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
    predicted = np.array([[1, 0, 1, 0], [1, 0, 0, 0]], bool)
    found = precision_recall_f1(predicted, truth)
    assert found[:3] == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # The first tag is perfect, the second never chosen, the others do not occur.
    assert found[3:] == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("case", CASES)
def test_choices_score_as_scikit_learn_scores_them(case):
    found = precision_recall_f1(GOLDEN[f"{case}/scores"] > 0, GOLDEN[f"{case}/truth"])
    np.testing.assert_allclose(found[:3], GOLDEN[f"{case}/micro"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[3:], GOLDEN[f"{case}/macro"], rtol=0, atol=1e-12)


@given(st.lists(st.tuples(*[st.booleans()] * 6), min_size=1, max_size=12))
def test_shares_are_counted_one_decision_at_a_time(rows):
    predicted, truth = np.array(rows)[:, :3], np.array(rows)[:, 3:]
    assume(truth.any())
    cells = list(zip(predicted.ravel(), truth.ravel(), strict=True))
    right = sum(p and t for p, t in cells)
    chosen, true = sum(bool(p) for p, _ in cells), sum(bool(t) for _, t in cells)
    found = precision_recall_f1(predicted, truth)
    assert found.precision == pytest.approx(right / chosen if chosen else 0.0)
    assert found.recall == pytest.approx(right / true)
    harmonic = 2 * found.precision * found.recall / (found.precision + found.recall) if right else 0.0
    assert found.f1 == pytest.approx(harmonic)
    known = {k for k in range(3) for p, t in zip(predicted, truth, strict=True) if p[k] and t[k]}
    there = {k for k in range(3) for t in truth if t[k]}
    assert recalled_tags(predicted, truth) == pytest.approx(len(known) / len(there))


def test_choosing_nothing_scores_zero():
    assert precision_recall_f1(np.zeros((2, 3), bool), np.eye(2, 3, dtype=bool)) == (0.0,) * 6


def test_a_tag_is_recalled_once_it_is_found_rightly():
    truth = np.array([[1, 1, 1, 0], [1, 0, 0, 0]])
    predicted = np.array([[0, 0, 1, 1], [1, 1, 0, 1]])
    assert recalled_tags(predicted, truth) == pytest.approx(2 / 3)  # tags 0 and 2 of 0, 1, 2


# The baseline


def test_the_baseline_scores_every_picture_by_the_tags_frequencies():
    scores = most_frequent_tags([[1, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 1]])
    np.testing.assert_array_equal(scores, [1.0, 0.0, 0.5])
    assert scores.dtype == np.float64


def test_the_baselines_mean_average_precision_is_the_mean_frequency(rng):
    train, test = rng.random((50, 6)) < 0.3, rng.random((40, 6)) < 0.5
    scores = np.broadcast_to(most_frequent_tags(train), test.shape)
    assert mean_average_precision(scores, test).map == pytest.approx(test.mean())


# What is refused

NOTHING = np.zeros((2, 3), bool)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([1.0, 2.0], [True], r"scores is \(2,\), truth \(1,\); each is \(N,\)"),
        ([[1.0]], [[True]], r"scores is \(1, 1\)"),
        ([1.0, np.nan], [True, False], r"scores\[1\] is NaN and has no rank"),
        ([1.0, 2.0], [False, False], "no picture has the tag"),
        ([], [], "no picture has the tag"),
        ([1.0, 2.0], [0.5, 1.0], "truth must be bool, or 0 and 1 only"),
        ([1.0, 2.0], ["a", "b"], "truth must be bool"),
        ([1j, 2.0], [True, False], "scores is complex128 but real numbers"),
    ],
)
def test_a_ranking_that_cannot_be_scored(scores, truth, message):
    with pytest.raises(ValueError, match=f"^average_precision: {message}"):
        average_precision(scores, truth)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4), bool), r"scores is \(2, 3\), truth \(2, 4\); each is \(N, K\)"),
        (np.zeros(3), np.ones(3, bool), r"scores is \(3,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "no pictures to score"),
        ([[0.0, 1.0], [np.nan, 1.0]], np.ones((2, 2), bool), r"scores\[1, 0\] is NaN"),
        (np.zeros((2, 3)), NOTHING, "no picture has any tag"),
        (np.zeros((2, 0)), np.zeros((2, 0), bool), "no picture has any tag"),
        (np.zeros((2, 3)), np.full((2, 3), 2), "truth must be bool, or 0 and 1 only"),
    ],
)
def test_rankings_that_cannot_be_scored(scores, truth, message):
    with pytest.raises(ValueError, match=f"^mean_average_precision: {message}"):
        mean_average_precision(scores, truth)


@pytest.mark.parametrize("function", [precision_recall_f1, recalled_tags])
@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (NOTHING, np.zeros((3, 2), bool), r"predicted is \(2, 3\), truth \(3, 2\)"),
        (np.zeros((0, 3), bool), np.zeros((0, 3), bool), "no pictures to score"),
        (NOTHING, NOTHING, "no picture has any tag"),
        (np.full((2, 3), 0.7), ~NOTHING, "predicted must be bool, or 0 and 1 only; give decisions"),
    ],
)
def test_choices_that_cannot_be_scored(function, predicted, truth, message):
    with pytest.raises(ValueError, match=f"^(precision_recall_f1|recalled_tags): {message}"):
        function(predicted, truth)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.zeros(3), r"train_truth is \(3,\)"),
        (np.zeros((0, 3)), r"train_truth is \(0, 3\); one row a picture"),
        ([[0.5, 1.0]], "train_truth must be bool"),
    ],
)
def test_a_baseline_needs_training_pictures(truth, message):
    with pytest.raises(ValueError, match=f"^most_frequent_tags: {message}"):
        most_frequent_tags(truth)
