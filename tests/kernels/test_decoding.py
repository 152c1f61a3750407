"""The best word and log-probabilities: worked values, ties, bans, and the two sets against each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from minicap.kernels import decoding
from minicap.kernels._loading import reference_module


def test_worked_by_hand(every_set):
    logits = np.log(np.array([[1.0, 2, 5], [6, 1, 1]]))
    ids, log_probs = decoding.best_words(logits, np.zeros(3, bool))
    assert ids.tolist() == [2, 0]
    np.testing.assert_allclose(log_probs, np.log([5 / 8, 6 / 8]), rtol=1e-14)
    ids, log_probs = decoding.best_words(logits, np.array([False, False, True]))
    assert ids.tolist() == [1, 0]
    np.testing.assert_allclose(log_probs, np.log([2 / 8, 6 / 8]), rtol=1e-14)  # the ban takes no share


def test_of_equal_words_the_first(every_set):
    logits = np.zeros((2, 300), np.float32)
    logits[1, [40, 41, 250]] = 1
    assert decoding.best_words(logits, np.arange(300) < 3)[0].tolist() == [3, 40]


def test_where_all_are_banned_or_impossible_the_first(every_set):
    logits = np.array([[1.0, 2], [-np.inf, 0]])
    assert decoding.best_words(logits, np.ones(2, bool))[0].tolist() == [0, 0]
    ids, log_probs = decoding.best_words(logits[1:], np.array([False, True]))
    assert (ids.tolist(), log_probs.tolist()) == ([0], [-np.inf])


def test_large_and_small_logits_do_not_overflow(every_set):
    logits = np.array([[1e30, -1e30, 0], [-1e30, -1e30, -1e30]], np.float32)
    np.testing.assert_allclose(decoding.word_log_probs(logits, np.array([0, 1])), [0, -np.log(3)], rtol=1e-7)
    assert decoding.word_log_probs(logits, np.array([2, 1]))[0] == np.float32(-1e30)


@given(
    n=st.integers(0, 5),
    words=st.integers(1, 700),
    dtype=st.sampled_from(["float32", "float64"]),
    share=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0, 99),
)
def test_both_sets_agree(build, n, words, dtype, share, seed):
    rng = np.random.default_rng(seed)
    logits = (
        (rng.standard_normal((n, words)) * 5).round(rng.integers(0, 4)).astype(dtype)
    )  # rounded: with ties
    banned = rng.random(words) < share
    ids, log_probs = decoding.best_words(logits, banned)
    expected, _ = reference_module("decoding").best_words(logits, banned)
    assert ids.tolist() == expected.tolist()
    exact = log_softmax(logits.astype(float), axis=1)[np.arange(n), ids]
    np.testing.assert_allclose(log_probs, exact, rtol=0, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(decoding.word_log_probs(logits, ids), log_probs)
