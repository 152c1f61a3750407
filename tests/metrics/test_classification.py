"""Accuracy and confusions: by hand, against a slow count, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import accuracy, confusion_matrix, per_class_accuracy

K = 5
answers = st.lists(st.tuples(st.integers(0, K - 1), st.integers(0, K - 1)), min_size=1, max_size=60)


def test_accuracy_is_the_share_of_right_classes():
    assert accuracy([0, 1, 2, 2], [0, 2, 2, 1]) == 0.5
    assert accuracy(np.array([3], np.uint8), np.array([3])) == 1.0
    assert accuracy([1], [0]) == 0.0


def test_rows_are_the_truth_and_columns_the_prediction():
    confusion = confusion_matrix([1, 1, 0, 2], [0, 0, 0, 2], 4)
    np.testing.assert_array_equal(confusion, [[1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert confusion.dtype == np.int64


@given(answers)
def test_every_cell_is_counted(pairs):
    predicted, labels = np.transpose(pairs)
    confusion = confusion_matrix(predicted, labels, K)
    assert confusion.tolist() == [[pairs.count((j, i)) for j in range(K)] for i in range(K)]
    assert np.trace(confusion) / len(pairs) == pytest.approx(accuracy(predicted, labels))
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, K), confusion.T)


@given(answers)
def test_accuracies_of_the_classes_average_to_the_accuracy_by_their_pictures(pairs):
    predicted, labels = np.transpose(pairs)
    shares = per_class_accuracy(confusion_matrix(predicted, labels, K))
    assert shares.dtype == np.float64
    for i in range(K):
        mine = predicted[labels == i]
        assert shares[i] == pytest.approx((mine == i).mean()) if mine.size else np.isnan(shares[i])
    weighted = np.nansum(shares * np.bincount(labels, minlength=K))
    assert weighted / len(pairs) == pytest.approx(accuracy(predicted, labels))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
def test_narrow_integers_do_not_overflow(dtype):
    labels = np.array([126, 126, 3], dtype)
    confusion = confusion_matrix(labels, labels, 127)
    assert (confusion[126, 126], confusion[3, 3], confusion.sum()) == (2, 1, 3)


def test_a_class_without_pictures_has_no_accuracy():
    shares = per_class_accuracy([[3, 1], [0, 0]])
    assert shares[0] == 0.75
    assert np.isnan(shares[1])


@pytest.mark.parametrize("function", [accuracy, lambda p, t: confusion_matrix(p, t, 3)])
@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        ([1, 2], [1], r"predicted is \(2,\), labels \(1,\); each is \(N,\)"),
        ([[1, 2]], [[1, 2]], r"predicted is \(1, 2\)"),
        (1, 1, r"predicted is \(\), labels \(\)"),
        (np.zeros(0, int), np.zeros(0, int), "no pictures to score"),
        ([1.0, 2.0], [1, 2], "predicted is float64 but whole numbers are needed"),
        ([1, 2], [True, False], "labels is bool but whole numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(function, predicted, labels, message):
    with pytest.raises(ValueError, match=f"^(accuracy|confusion_matrix): {message}"):
        function(predicted, labels)


@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        ([0, 1], [0, 3], r"labels\[1\] is 3, but 3 classes are numbered from 0 to 2"),
        ([0, -1], [0, 0], r"predicted\[1\] is -1, but 3 classes"),
    ],
)
def test_a_class_out_of_range_is_named(predicted, labels, message):
    with pytest.raises(ValueError, match=f"^confusion_matrix: {message}"):
        confusion_matrix(predicted, labels, 3)


@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        ([1, 2], r"confusion is \(2,\) but \(K, K\) is needed"),
        (np.zeros((2, 3)), r"confusion is \(2, 3\)"),
        (np.zeros((0, 0)), r"confusion is \(0, 0\)"),
        ([[1, -1], [0, 2]], "confusion holds -1, but a count is 0 or more"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(confusion, message):
    with pytest.raises(ValueError, match=f"^per_class_accuracy: {message}"):
        per_class_accuracy(confusion)
