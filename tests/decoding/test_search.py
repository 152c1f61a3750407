"""Greedy search, random search and scoring, driven by a decoder of a few lines whose distribution is known."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from minicap.decoding import Step, greedy_search, random_search, score, take_rows

START, END, A, B, C = range(5)
MARKS = {"start": START, "end": END}
TABLE = np.array(  # P(next | last): one row a last word, one column a next one
    [
        [0.00, 0.10, 0.60, 0.20, 0.10],
        [0.20, 0.20, 0.20, 0.20, 0.20],
        [0.00, 0.25, 0.05, 0.60, 0.10],
        [0.00, 0.50, 0.15, 0.05, 0.30],
        [0.00, 0.80, 0.10, 0.05, 0.05],
    ]
)


class Chain(NamedTuple):
    """State of the decoder below: how many words it has read, and the last (N,)."""

    count: np.ndarray
    last: np.ndarray


class Markov:
    """Each word depends on the one before; a feature vector (N, V) is added to the logits of every word."""

    def __init__(self, table=TABLE, dtype="float64"):
        with np.errstate(divide="ignore"):
            self.logits = np.log(table).astype(dtype)
        self.steps = 0

    def start(self, features):
        return features, Chain(np.zeros(len(features), int), np.full(len(features), -1))

    def step(self, tokens, state, memory):
        self.steps += 1
        return Step(self.logits[tokens] + memory, Chain(state.count + 1, np.asarray(tokens)))


def features(n=1):
    return np.zeros((n, 5))


def said(hypotheses):
    return [hypothesis.tokens for hypothesis in hypotheses]


# Greedy search


def test_greedy_takes_the_most_probable_word_at_each_step():
    (found,) = greedy_search(Markov(), features(), **MARKS)
    assert found.tokens == [A, B, END]
    assert found.log_probs == pytest.approx([math.log(0.6), math.log(0.6), math.log(0.5)], rel=1e-12)
    assert found.log_prob == pytest.approx(math.log(0.18), rel=1e-12)


def test_each_row_has_its_own_sentence_and_length():
    preference = features(3)
    preference[1, C] = 9  # always says C
    preference[2, END] = 9
    found = greedy_search(Markov(), preference, max_length=5, **MARKS)
    assert said(found) == [[A, B, END], [C] * 5, [END]]
    alone = [greedy_search(Markov(), preference[[n]], max_length=5, **MARKS)[0] for n in range(3)]
    assert found == alone


def test_it_stops_as_soon_as_every_sentence_has_ended():
    decoder = Markov()
    greedy_search(decoder, features(4), max_length=1000, **MARKS)
    assert decoder.steps == 3


@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 99))
def test_no_sentence_is_longer_than_asked(limit, rows, seed):
    rng = np.random.default_rng(seed)
    for found in (
        greedy_search(Markov(), rng.standard_normal((rows, 5)), max_length=limit, **MARKS),
        random_search(Markov(), rng.standard_normal((rows, 5)), max_length=limit, rng=rng, **MARKS),
    ):
        assert len(found) == rows
        assert all(len(h.tokens) == len(h.log_probs) <= limit for h in found)
        assert all(
            h.tokens.index(END) == len(h.tokens) - 1 if END in h.tokens else len(h.tokens) == limit
            for h in found
        )


def test_a_banned_word_gives_way_to_the_next_best():
    (found,) = greedy_search(Markov(), features(), banned=[A], **MARKS)
    assert found.tokens == [B, END]
    assert found.log_probs == pytest.approx([math.log(0.2), math.log(0.5)], rel=1e-12)  # the model's own


@pytest.mark.parametrize("banned", [(), [START], {START, A}, np.array([START, B]), range(2, 4)])
def test_banned_words_are_never_said(banned):
    rng = np.random.default_rng(0)
    found = random_search(Markov(), features(200), rng=rng, banned=banned, temperature=3.0, **MARKS)
    found += greedy_search(Markov(), rng.standard_normal((200, 5)), banned=banned, **MARKS)
    assert not {token for h in found for token in h.tokens} & {int(b) for b in banned}


def test_of_equal_words_the_first_is_taken():
    decoder = Markov(np.full((5, 5), 0.2))
    assert said(greedy_search(decoder, features(), max_length=2, banned=[START], **MARKS)) == [[END]]


# Random search


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_words_are_drawn_as_often_as_their_probability(temperature):
    rng, n = np.random.default_rng(11), 20_000
    found = random_search(Markov(), features(n), rng=rng, temperature=temperature, max_length=2, **MARKS)
    with np.errstate(divide="ignore"):
        expected = softmax(np.log(TABLE) / temperature, axis=1)
    first = np.bincount([h.tokens[0] for h in found], minlength=5)
    second = np.bincount([h.tokens[1] for h in found if h.tokens[0] == B], minlength=5)
    for counts, p in [(first, expected[START]), (second, expected[B])]:
        assert counts[0] == 0
        assert chisquare(counts[1:], p[1:] * counts.sum()).pvalue > 1e-3


def test_banned_words_leave_the_others_in_proportion():
    rng = np.random.default_rng(12)
    found = random_search(Markov(), features(20_000), rng=rng, banned=[A], max_length=1, **MARKS)
    counts = np.bincount([h.tokens[0] for h in found], minlength=5)
    assert chisquare(counts[[END, B, C]], np.array([0.25, 0.5, 0.25]) * 20_000).pvalue > 1e-3


def test_log_probs_are_the_models_own_at_any_temperature():
    rng = np.random.default_rng(1)
    found = random_search(Markov(), features(50), rng=rng, temperature=5.0, banned=[START], **MARKS)
    scored = score(Markov(), features(50), said(found), start=START)
    assert [h.log_prob for h in scored] == pytest.approx([h.log_prob for h in found], rel=1e-12)


def test_the_same_seed_draws_the_same_sentences():
    draws = [
        said(random_search(Markov(), features(20), rng=np.random.default_rng(k), **MARKS)) for k in (3, 3, 4)
    ]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    "temperature",
    [
        0.02,
        1e-6,
        1e-100,
        1e-308,
        5e-324,
    ],
)
def test_towards_temperature_zero_it_is_greedy(temperature):
    rng = np.random.default_rng(5)
    preference = 3 * rng.standard_normal((30, 5))
    options = {"banned": [START], "max_length": 6} | MARKS
    found = random_search(Markov(), preference, rng=rng, temperature=temperature, **options)
    assert found == greedy_search(Markov(), preference, **options)


def test_at_a_high_temperature_all_words_are_alike():
    rng = np.random.default_rng(6)
    found = random_search(Markov(), features(20_000), rng=rng, temperature=1e9, max_length=1, **MARKS)
    counts = np.bincount([h.tokens[0] for h in found], minlength=5)
    assert counts[0] == 0  # impossible stays impossible
    assert chisquare(counts[1:]).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan])
def test_a_temperature_that_makes_no_sense_is_named(temperature):
    with pytest.raises(
        ValueError, match=f"^random_search: temperature is {temperature} but a positive number is needed"
    ):
        random_search(Markov(), features(), rng=np.random.default_rng(0), temperature=temperature, **MARKS)


# Scores


def test_the_score_is_the_product_of_the_words_probabilities():
    found = score(Markov(), features(3), [[A, B, END], [END], [B, C]], start=START)
    products = [0.6 * 0.6 * 0.5, 0.1, 0.2 * 0.3]
    assert [h.log_prob for h in found] == pytest.approx(np.log(products).tolist(), rel=1e-12)
    assert [len(h.log_probs) for h in found] == [3, 1, 2]
    assert said(found) == [[A, B, END], [END], [B, C]]


def test_all_sentences_together_have_probability_one():
    """Sum over every sentence of up to two words, and over the beginnings of all longer ones."""
    words = [A, B, C]
    whole = [[END]] + [[w, END] for w in words] + [[v, w] for v in words for w in words]
    found = score(Markov(), features(len(whole)), whole, start=START)
    assert sum(math.exp(h.log_prob) for h in found) == pytest.approx(1, rel=1e-12)


def test_what_cannot_be_said_has_probability_zero():
    (found,) = score(Markov(), features(1), [[A, START]], start=START)
    assert found.log_prob == -math.inf


def test_logits_are_normalised_in_float64():
    table, logits = TABLE.astype(np.float32), Markov(dtype="float32")
    (found,) = greedy_search(logits, features().astype(np.float32), **MARKS)
    assert found.log_probs[0] == pytest.approx(math.log(table[START, A]), rel=1e-6)
    total = sum(math.exp(score(logits, features(), [[w]], start=START)[0].log_prob) for w in (END, A, B, C))
    assert total == pytest.approx(1, rel=1e-14)


def test_nothing_to_describe_gives_nothing():
    assert greedy_search(Markov(), features(0), **MARKS) == []
    assert score(Markov(), features(0), [], start=START) == []


def test_searches_leave_features_alone():
    given = features(3)
    given.flags.writeable = False
    greedy_search(Markov(), given, **MARKS)
    random_search(Markov(), given, rng=np.random.default_rng(0), **MARKS)
    score(Markov(), given, [[A]] * 3, start=START)


# States


def test_taking_rows_re_indexes_every_array():
    state = Chain(np.array([10, 20, 30]), np.array([[1, 2], [3, 4], [5, 6]]))
    taken = take_rows(state, np.array([2, 0, 0, 1]))
    assert isinstance(taken, Chain)
    assert taken.count.tolist() == [30, 10, 10, 20]
    assert taken.last.tolist() == [[5, 6], [1, 2], [1, 2], [3, 4]]
    assert not np.shares_memory(taken.last, state.last)


def test_going_on_from_taken_rows_is_going_on_from_those_rows():
    decoder = Markov()
    memory, state = decoder.start(np.random.default_rng(0).standard_normal((3, 5)))
    state = decoder.step(np.array([A, B, C]), state, memory).state
    rows = np.array([1, 1, 0])
    one = decoder.step(np.array([A, C, B]), take_rows(state, rows), memory[rows]).logits
    for n, (row, token) in enumerate(zip(rows, [A, C, B], strict=True)):
        alone = decoder.step(np.array([token]), take_rows(state, np.array([row])), memory[[row]]).logits
        np.testing.assert_array_equal(one[[n]], alone)


def test_what_has_ended_is_left_out_and_changes_nothing(kernels):
    """Rows stop at different steps; each says what it says alone, in its own place."""
    preference = 3 * np.random.default_rng(8).standard_normal((40, 5))
    decoder, rows = Markov(), []
    step = decoder.step

    def counted(tokens, state, memory):
        rows.append((len(tokens), len(state.last), len(memory)))
        return step(tokens, state, memory)

    decoder.step = counted
    found = greedy_search(decoder, preference, max_length=30, **MARKS)
    assert rows[0] == (40, 40, 40)
    assert all(len(set(counts)) == 1 for counts in rows)
    assert rows[-1][0] < 40
    assert found == [greedy_search(Markov(), preference[[n]], max_length=30, **MARKS)[0] for n in range(40)]
