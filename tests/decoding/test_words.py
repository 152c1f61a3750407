"""Which words may follow, and how probable they are: against plain loops and sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from minicap.decoding.words import Rules, best_few, best_word, log_probs_of, narrowed, settled

NAN, INF = np.nan, np.inf
seeds = st.integers(0, 10_000)


# Rules


def test_what_would_stand_twice_is_forbidden():
    said = np.array([[3, 4, 3, 4, 5, 3], [3, 3, 3, 3, 3, 3], [5, 4, 3, 4, 3, 5]])
    forbidden = Rules(2, (0, 1), no_repeat=2).forbidden(said, 6)
    assert [np.flatnonzero(row).tolist() for row in forbidden] == [[0, 1, 4], [0, 1, 3], [0, 1, 4]]
    forbidden = Rules(2, no_repeat=3).forbidden(said, 6)
    assert [np.flatnonzero(row).tolist() for row in forbidden] == [[], [3], []]


@given(seeds, st.integers(1, 4), st.integers(0, 9), st.integers(0, 6))
def test_rules_are_what_a_loop_says(seed, no_repeat, length, shortest):
    said = np.random.default_rng(seed).integers(3, 6, (5, length))
    forbidden = Rules(2, [0], shortest, no_repeat).forbidden(said, 6)
    forbidden = np.broadcast_to(forbidden, (5, 6))
    for row, flags in zip(said.tolist(), forbidden, strict=True):
        for word in range(6):
            grown = [*row, word]
            grams = [tuple(grown[i : i + no_repeat]) for i in range(len(grown) - no_repeat + 1)]
            again = grams[-1] in grams[:-1] if grams else False
            assert flags[word] == (word == 0 or again or (word == 2 and length < shortest))


# Logits out of bounds


@pytest.mark.parametrize(
    ("logits", "p"),
    [
        ([0, 0, -INF, -INF], [0.5, 0.5, 0, 0]),
        ([NAN, 0, 0, -INF], [0, 0.5, 0.5, 0]),
        ([INF, 5, INF, NAN], [0.5, 0, 0.5, 0]),
        ([-INF, -INF, -INF, -INF], [0.25] * 4),
        ([NAN, NAN, NAN, NAN], [0.25] * 4),
        ([NAN, -INF, NAN, -INF], [0.25] * 4),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strange_logits_make_a_distribution(logits, p, dtype, kernels):
    logits = np.array([logits, [1, 2, 3, 4]], dtype)
    before = logits.copy()
    np.testing.assert_allclose(np.exp(log_probs_of(logits))[0], p, rtol=1e-12)
    assert settled(logits).dtype == dtype
    ids, log_probs = best_few(logits, np.zeros((1, 4), bool), 4)
    np.testing.assert_allclose(np.exp(log_probs[0]), sorted(p, reverse=True), rtol=1e-6)
    assert ids[0, 0] == np.argmax(p) == best_word(logits, np.zeros((1, 4), bool))[0][0]
    np.testing.assert_array_equal(logits, before)


def test_usual_logits_are_left_as_they_are():
    logits = np.array([[1.0, -INF], [2.0, 3.0]])
    assert settled(logits) is logits


def test_where_nothing_is_left_nothing_is_chosen(kernels):
    logits = np.array([[1.0, -INF, 2.0, -INF], [0, 0, 0, 0]])
    forbidden = np.array([[True, False, True, False]])
    ids, log_probs = best_word(logits, forbidden)
    assert ids.tolist() == [-1, 1]
    assert log_probs.tolist() == [-INF, pytest.approx(np.log(0.25))]
    assert best_word(logits, np.ones((1, 4), bool))[0].tolist() == [-1, -1]
    assert (best_few(logits, np.ones((2, 4), bool), 3)[1] == -INF).all()


@given(seeds, st.integers(1, 40), st.integers(1, 40), st.booleans(), st.sampled_from(["float32", "float64"]))
def test_the_best_few_are_those_of_a_stable_sort(seed, words, count, ties, dtype):
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((6, words)).astype(dtype)
    logits = np.round(logits) if ties else logits
    forbidden = rng.random((6, words)) < 0.3
    ids, log_probs = best_few(logits, forbidden, count)
    expected = log_softmax(logits.astype(float), axis=1)
    for row in range(6):
        left = [v for v in np.argsort(-logits[row], kind="stable") if not forbidden[row, v]][:count]
        found = ids[row][log_probs[row] > -INF]
        assert found.tolist() == left
        np.testing.assert_allclose(log_probs[row, : len(left)], expected[row, left], rtol=1e-5, atol=1e-6)


# The best words to draw from


def test_narrowing_by_hand():
    p = np.array([[0.1, 0.4, 0.3, 0.2]])
    for top_k, top_p, kept in [
        (2, 1.0, [1, 2]), (0, 0.4, [1]), (0, 0.5, [1, 2]), (0, 0.95, [0, 1, 2, 3]), (9, 1.0, [0, 1, 2, 3]),
        (3, 0.5, [1, 2]), (2, 0.5, [1]), (0, 1e-12, [1]),
    ]:  # fmt: skip
        left = narrowed(np.log(p), top_k, top_p)
        assert np.flatnonzero(left[0] > -INF).tolist() == kept, (top_k, top_p)
        np.testing.assert_array_equal(left[0, kept], np.log(p)[0, kept])


def test_of_equal_words_the_first_ones_stay():
    left = narrowed(np.zeros((1, 5)), 2, 1.0)
    assert np.flatnonzero(left[0] == 0).tolist() == [0, 1]


@given(seeds, st.integers(1, 12), st.floats(0.01, 1))
def test_the_nucleus_is_the_smallest_that_suffices(seed, words, top_p):
    scores = 3 * np.random.default_rng(seed).standard_normal((4, words))
    for row, left in zip(softmax(scores, axis=1), narrowed(scores, 0, top_p), strict=True):
        kept = row[left > -INF]
        assert kept.sum() >= top_p - 1e-9
        assert kept.sum() - kept.min() < top_p + 1e-9
        assert kept.min() >= max(row[left == -INF], default=0)
