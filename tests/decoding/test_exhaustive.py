"""Brute force against brute force in plain lines; and whose fault an error is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.decoding import beam_search, exhaustive, exhaustive_search, score, search_errors

END = 2
seeds = st.integers(0, 10_000)


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 1),
    st.sampled_from([0, 0.7, 2.0]),
    st.sampled_from([0, 2]),
    st.sampled_from([1, 2, 4096]),
)
def test_it_finds_the_best_of_all(
    wanderer, marks, brute_force, seed, words, longest, shortest, penalty, no_repeat, at_once
):
    decoder = wanderer(words, seed=seed, places=3)
    rules, features = {"min_length": shortest, "no_repeat": no_repeat}, decoder.features(2, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exhaustive, "AT_ONCE", at_once)
        found = exhaustive_search(
            decoder, features, length_penalty=penalty, max_length=longest, **rules, **marks
        )
    for n, h in enumerate(found):
        best, tokens = brute_force(decoder, features[[n]], penalty, longest, **rules)[0]
        assert h.tokens == tokens
        assert h.score(penalty) == pytest.approx(best, rel=1e-12)
        assert h.attention.shape == (len(tokens), 3)


@pytest.mark.parametrize(("words", "longest"), [(3, 4), (1, 5), (0, 3), (2, 1)])
def test_a_tree_is_counted_to_the_sentence(words, longest, wanderer, marks):
    sentences = sum(words**n for n in range(longest)) + words**longest
    decoder, options = wanderer(words), {"max_length": longest, **marks}
    assert exhaustive_search(decoder, decoder.features(1), most=sentences, **options)
    with pytest.raises(
        ValueError, match=f"^exhaustive_search: with {words} words, sentences of up to {longest} "
    ):
        exhaustive_search(decoder, decoder.features(1), most=sentences - 1, **options)


def test_a_tree_that_is_too_large_is_named_at_once(wanderer, marks):
    decoder = wanderer(500)
    with pytest.raises(
        ValueError,
        match=r"with 500 words, sentences of up to 40 tokens are more than 1,000,000; a smaller max_length or",
    ):
        exhaustive_search(decoder, decoder.features(2), **marks)
    assert len(decoder.rows) == 1


@pytest.mark.parametrize(
    "values", [(np.nan,), (np.inf,), (-np.inf,), (np.nan, np.inf, -np.inf, 1e308, -1e308)]
)
def test_whatever_the_logits_no_beam_is_better(values, broken, marks):
    for seed in range(6):
        decoder = broken(*values, words=2, seed=seed)
        features, options = decoder.features(3, seed), {"max_length": 4, **marks}
        best = exhaustive_search(decoder, features, **options)
        wide = beam_search(decoder, features, beam=200, **options)
        for one, (other, *_) in zip(best, wide, strict=True):
            assert one.score() == pytest.approx(other.score(), rel=1e-9)
            assert np.isfinite(one.log_probs).all()


def test_nothing_to_describe_gives_nothing(wanderer, marks):
    assert exhaustive_search(wanderer(), np.zeros((0, 5)), **marks) == []
    assert exhaustive_search(wanderer(), np.zeros((1, 5)), max_length=0, **marks) == [([], [], None)]


# Errors


def test_the_errors_of_search_and_model_are_told_apart(wanderer, marks):
    """Four images: greedy search is right or wrong about the best sentence, the model about the reference."""
    decoder, options = wanderer(3, seed=3), {"length_penalty": 0.7, "max_length": 4, **marks}
    features = decoder.features(60)
    best = exhaustive_search(decoder, features, **options)
    greedy = [several[0] for several in beam_search(decoder, features, beam=1, **options)]
    hit = [n for n in range(60) if greedy[n].tokens == best[n].tokens][:2]
    miss = [n for n in range(60) if greedy[n].tokens != best[n].tokens][:2]
    images = [hit[0], hit[1], miss[0], miss[1], miss[0]]
    other = [3, 3, 3, END]
    references = [
        [best[hit[0]].tokens, other],
        [other],
        [best[miss[0]].tokens],
        [other],
        [greedy[miss[0]].tokens],
    ]
    errors = search_errors(decoder, features[images], references, beam=1, **options)
    assert errors.missed.tolist() == [False, False, True, True, True]
    assert errors.preferred.tolist() == [False, True, False, True, True]
    assert (errors.search_error, errors.model_error) == (0.6, 0.6)
    assert [h.tokens for h in errors.found] == [greedy[n].tokens for n in images]
    wide = search_errors(decoder, features[images], references, beam=200, **options)
    assert (wide.search_error, wide.model_error) == (0.0, 0.6)


@given(seeds)
def test_a_wider_beam_misses_no_more(wanderer, marks, seed):
    decoder, options = wanderer(3, seed=seed), {"max_length": 4, **marks}
    features = decoder.features(8, seed)
    shares = [
        search_errors(decoder, features, [[]] * 8, beam=width, **options).search_error
        for width in (1, 2, 4, 90)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 0


def test_an_equally_good_sentence_is_no_error(wanderer, marks):
    decoder = wanderer(2, spread=0.0)
    errors = search_errors(
        decoder, np.zeros((2, 5)), [[], []], beam=1, length_penalty=1.0, max_length=3, **marks
    )
    assert not errors.missed.any()
    assert errors.preferred.all()


def test_references_that_do_not_fit_are_named(wanderer, marks):
    with pytest.raises(
        ValueError, match=r"^search_errors: 2 images but references of 1; give each image its own"
    ):
        search_errors(wanderer(), np.zeros((2, 5)), [[]], **marks)
    none = search_errors(wanderer(), np.zeros((0, 5)), [], **marks)
    assert (none.search_error, none.model_error) == (0.0, 0.0)


def test_scores_of_what_has_no_bounds_are_no_nan(broken):
    decoder = broken(np.nan, words=2)
    decoder.logits[:] = np.nan
    (found,) = score(decoder, np.zeros((1, 5)), [[3, END]], start=1)
    assert found.log_probs == pytest.approx([np.log(0.2)] * 2)
