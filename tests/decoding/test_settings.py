"""The record of how to decode, and that each setting arrives where it acts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import chisquare

from minicap.decoding import (
    Decoding,
    beam_search,
    decode,
    exhaustive_search,
    greedy_search,
    random_search,
)

LIMITS = {"min_length": 2, "max_length": 5, "no_repeat": 2}


def test_settings_are_values():
    assert Decoding(beam=3) == Decoding(beam=3) != Decoding(beam=4)
    assert len({Decoding(), Decoding()}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Decoding().beam = 2
    assert Decoding(beam=5, seed=3).changed() == {"beam", "seed"}


def test_each_way_is_taken(wanderer, marks):
    decoder = wanderer(4)
    features = decoder.features(6)
    assert decode(decoder, features, Decoding(**LIMITS), **marks) == greedy_search(
        decoder, features, **LIMITS, **marks
    )
    found = decode(decoder, features, Decoding(beam=3, length_penalty=1.5, **LIMITS), **marks)
    assert found == [
        several[0]
        for several in beam_search(decoder, features, beam=3, length_penalty=1.5, **LIMITS, **marks)
    ]
    found = decode(decoder, features, Decoding(exhaustive=True, length_penalty=0.0, **LIMITS), **marks)
    assert found == exhaustive_search(decoder, features, length_penalty=0.0, **LIMITS, **marks)
    drawn = {"temperature": 2.0, "top_k": 3, "top_p": 0.8}
    found = decode(decoder, features, Decoding(sample=True, seed=7, **drawn, **LIMITS), **marks)
    rng = np.random.default_rng(7)
    assert found == random_search(decoder, features, rng=rng, **drawn, **LIMITS, **marks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam: 0 makes no sense; use a whole number of 1 or more"),
        ({"beam": 2.5}, "beam: 2.5 makes no sense"),
        ({"temperature": 0.0, "sample": True}, "temperature: 0.0 is not a positive number"),
        ({"top_p": 0.0, "sample": True}, "top_p: 0.0 is no share"),
        ({"top_p": 1.1, "sample": True}, "top_p: 1.1 is no share"),
        ({"top_p": float("nan"), "sample": True}, "top_p: nan is no share"),
        ({"top_k": -1, "sample": True}, "top_k: -1 makes no sense; use a whole number of 0 or more"),
        ({"length_penalty": -1.0, "beam": 2}, "length_penalty: -1.0 makes no sense"),
        ({"length_penalty": float("inf"), "beam": 2}, "length_penalty: inf makes no sense"),
        ({"max_length": 0}, "max_length: 0 makes no sense; use a whole number of 1 or more"),
        ({"min_length": 41}, "min_length: 41 is more than max_length, 40"),
        ({"no_repeat": -2}, "no_repeat: -2 makes no sense"),
        ({"beam": 3, "sample": True}, "beam and sample: a sentence is made in one way; choose one"),
        ({"beam": 3, "exhaustive": True}, "beam and exhaustive: a sentence"),
        ({"sample": True, "exhaustive": True}, "sample and exhaustive: a sentence"),
        ({"top_k": 3}, "top_k: only a sample is drawn so; say sample too"),
        ({"temperature": 0.5, "beam": 3}, "temperature: only a sample is drawn so"),
        ({"length_penalty": 1.0, "sample": True}, "length_penalty: a sample is not compared with others"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Decoding(**options)


# Drawing from the best words


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"), [(2, 1.0, [3, 4]), (0, 0.6, [3, 4]), (0, 0.75, [2, 3, 4])]
)
def test_words_are_drawn_from_the_best_in_proportion(top_k, top_p, kept, wanderer, marks):
    decoder, n = wanderer(3, spread=0.0), 20_000
    p = np.array([0.5, 0.1, 0.1, 0.15, 0.11, 0.04])  # the first two are banned, the others have 0.4
    features = np.tile(np.log(p), (n, 1))
    rng = np.random.default_rng(5)
    found = random_search(decoder, features, rng=rng, top_k=top_k, top_p=top_p, max_length=1, **marks)
    counts = np.bincount([h.tokens[0] for h in found], minlength=6)
    assert np.flatnonzero(counts).tolist() == kept
    assert chisquare(counts[kept], p[kept] / p[kept].sum() * n).pvalue > 1e-3
    for h in found[:9]:  # the model's own, of all words
        assert h.log_prob == pytest.approx(np.log(p[h.tokens[0]]), rel=1e-12)


def test_the_temperature_acts_before_the_share(wanderer, marks):
    decoder, p = wanderer(3, spread=0.0), np.array([0.0, 0.0, 0.4, 0.3, 0.2, 0.1])
    with np.errstate(divide="ignore"):
        features = np.tile(np.log(p), (3000, 1))
    hot = softmax(np.log(p[2:]) / 100)
    assert hot.max() < 0.26 < p.max()
    found = random_search(
        decoder, features, rng=np.random.default_rng(0), temperature=100.0, top_p=0.3, max_length=1, **marks
    )
    assert {h.tokens[0] for h in found} == {2, 3}


@pytest.mark.parametrize(
    "options", [{"top_k": 1}, {"top_p": 1e-9}, {"top_k": 1, "temperature": 9.0}], ids=str
)
def test_a_draw_from_one_word_is_greedy(options, wanderer, marks):
    decoder = wanderer(5)
    features = decoder.features(20)
    found = random_search(decoder, features, rng=np.random.default_rng(0), **options, **LIMITS, **marks)
    greedy = greedy_search(decoder, features, **LIMITS, **marks)
    assert [h.tokens for h in found] == [h.tokens for h in greedy]


def test_samples_keep_the_rules_whatever_the_logits(broken, wanderer, marks):
    for seed in range(10):
        for decoder in (wanderer(2, seed=seed), broken(np.nan, np.inf, -np.inf, words=2, seed=seed)):
            features, rng = decoder.features(10), np.random.default_rng(seed)
            for h in random_search(decoder, features, rng=rng, top_k=3, top_p=0.9, **LIMITS, **marks):
                pairs = list(zip(h.tokens, h.tokens[1:], strict=False))
                assert len(set(pairs)) == len(pairs)
                assert not {0, 1} & set(h.tokens)
                assert len(h.tokens) <= 5
                assert 2 not in h.tokens[:2]
                assert np.isfinite(h.log_probs).all()


@pytest.mark.parametrize("options", [{"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}], ids=str)
def test_a_choice_of_words_that_makes_no_sense_is_named(options, wanderer, marks):
    with pytest.raises(ValueError, match=r"^random_search: top_k is .* and top_p .* but 0 or more"):
        random_search(wanderer(), np.zeros((1, 5)), rng=np.random.default_rng(0), **options, **marks)
