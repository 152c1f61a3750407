"""Beam search: what it finds, how it is held against greedy search and brute force, and that it always ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.decoding import Step, beam, beam_search, exhaustive_search, greedy_search, score

END = 2
PENALTIES = [0.0, 0.7, 1.0, 2.0]
seeds = st.integers(0, 10_000)
penalties = st.sampled_from(PENALTIES)


def said(hypotheses):
    return [h.tokens for h in hypotheses]


class Garden:
    """A garden path: word 3 is likelier than word 4 at first, but nothing is likely behind it."""

    NEXT = {1: [0, 0, 0.1, 0.5, 0.4], 2: [0, 0, 1, 0, 0], 3: [0, 0, 0.4, 0.3, 0.3], 4: [0, 0, 1, 0, 0]}

    def start(self, features):
        return features, ()

    def step(self, tokens, state, memory):
        with np.errstate(divide="ignore"):
            return Step(np.log(np.array([self.NEXT[int(token)] for token in tokens])), state)


# By hand


def test_two_places_see_through_a_garden_path(marks):
    limits = {"max_length": 3, **marks}
    (greedy,) = greedy_search(Garden(), np.zeros((1, 5)), **limits)
    assert greedy.tokens == [3, END]
    assert greedy.log_prob == pytest.approx(math.log(0.5 * 0.4), rel=1e-12)
    (found,) = beam_search(Garden(), np.zeros((1, 5)), beam=2, length_penalty=0, **limits)
    assert said(found) == [[4, END], [3, END]]
    assert found[0].log_probs == pytest.approx([math.log(0.4), 0.0], abs=1e-12)


@pytest.mark.parametrize(("length_penalty", "best"), [(0, [END]), (1, [3, 3, END])])
def test_the_length_penalty_decides_between_short_and_long(length_penalty, best, marks, monkeypatch):
    """0.3 against 0.7 ** 4: less in all, more a word."""
    monkeypatch.setattr(Garden, "NEXT", {1: [0, 0, 0.3, 0.7, 0], 3: [0, 0, 0.36, 0.64, 0]})
    (found,) = beam_search(
        Garden(), np.zeros((1, 5)), beam=8, length_penalty=length_penalty, max_length=3, **marks
    )
    scores = {tuple(h.tokens): h.score(length_penalty) for h in found}
    by_hand = {
        (END,): math.log(0.3), (3, END): math.log(0.7 * 0.36), (3, 3, END): math.log(0.7 * 0.64 * 0.36),
        (3, 3, 3): math.log(0.7 * 0.64 * 0.64),
    }  # fmt: skip
    for tokens, log_prob in by_hand.items():
        if tokens in scores:
            assert scores[tokens] == pytest.approx(log_prob / len(tokens) ** length_penalty, rel=1e-12)
    top = max(by_hand, key=lambda tokens: by_hand[tokens] / len(tokens) ** length_penalty)
    assert tuple(found[0].tokens) == top
    assert list(top) == best or length_penalty


# Greedy search, brute force, and in between


@given(seeds, st.integers(1, 6), st.integers(1, 8), st.integers(0, 3), penalties, st.integers(0, 4))
def test_a_beam_of_one_is_greedy(
    wanderer, marks, kernels, seed, words, longest, no_repeat, penalty, shortest
):
    decoder = wanderer(words, seed=seed)
    limits = {"min_length": min(shortest, longest), "max_length": longest, "no_repeat": no_repeat, **marks}
    features = decoder.features(3, seed)
    found = beam_search(decoder, features, beam=1, length_penalty=penalty, **limits)
    assert [one for (one,) in found] == greedy_search(decoder, features, **limits)


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(0, 1), penalties, st.sampled_from([0, 2]))
def test_a_beam_as_wide_as_the_tree_is_brute_force(
    wanderer, marks, brute_force, seed, words, longest, shortest, penalty, no_repeat
):
    decoder = wanderer(words, seed=seed)
    rules = {"min_length": shortest, "no_repeat": no_repeat}
    places = sum((words + 1) ** n for n in range(longest + 1))
    features = decoder.features(2, seed)
    found = beam_search(
        decoder, features, beam=places, length_penalty=penalty, max_length=longest, **rules, **marks
    )
    for n, several in enumerate(found):
        ranked = brute_force(decoder, features[[n]], penalty, longest, **rules)
        assert several[0].tokens == ranked[0][1]
        assert several[0].score(penalty) == pytest.approx(ranked[0][0], rel=1e-12)


@given(seeds, st.integers(2, 3), st.integers(2, 4), penalties, st.sampled_from([0, 1, 2]))
def test_a_wider_beam_never_lowers_the_best_score(wanderer, marks, seed, words, longest, penalty, no_repeat):
    decoder = wanderer(words, seed=seed)
    features, limits = decoder.features(3, seed), {"max_length": longest, "no_repeat": no_repeat, **marks}
    scores = np.array([
        [several[0].score(penalty) for several in beam_search(
            decoder, features, beam=k, length_penalty=penalty, **limits
        )]
        for k in [*range(1, 13), 400]
    ])  # fmt: skip
    assert (np.diff(scores, axis=0) >= 0).all()
    best = [h.score(penalty) for h in exhaustive_search(decoder, features, length_penalty=penalty, **limits)]
    np.testing.assert_allclose(scores[-1], best, rtol=1e-12)
    assert (scores <= np.array(best) + 1e-12).all()


@given(seeds, penalties)
def test_nor_does_it_where_trees_are_large(wanderer, marks, seed, penalty):
    decoder = wanderer(9, seed=seed, spread=2.5)
    features = decoder.features(6, seed)
    options = {"length_penalty": penalty, "max_length": 7, **marks}
    scores = [
        [several[0].score(penalty) for several in beam_search(decoder, features, beam=k, **options)]
        for k in (1, 2, 3, 4, 6, 9)
    ]
    assert (np.diff(scores, axis=0) >= 0).all()


def textbook(decoder, features, width, longest):
    """Return the best log-probability that a beam finds whose places continue any place before."""
    live, best = [([], 0.0)], -math.inf
    for _ in range(longest):
        grown = [
            ([*begun, word], score(decoder, features, [[*begun, word]], start=1)[0].log_prob)
            for begun, _ in live
            for word in range(2, decoder.size)
        ]
        grown = sorted(grown, key=lambda one: -one[1])[:width]
        best = max([best] + [total for tokens, total in grown if tokens[-1] == END or len(tokens) == longest])
        live = [one for one in grown if one[0][-1] != END]
    return best


def test_the_textbooks_beam_can_be_worse_when_it_is_wider(wanderer, marks):
    """Why places look at no later ones: in this tree two places let the textbook's beam off the best sentence."""
    decoder = wanderer(8, seed=57, spread=2.0)
    features, options = decoder.features(1, 57), {"length_penalty": 0, "max_length": 4, **marks}
    one, two = (textbook(decoder, features, width, 4) for width in (1, 2))
    assert two < one - 0.5
    ours = [beam_search(decoder, features, beam=k, **options)[0][0].log_prob for k in (1, 2)]
    assert ours[1] >= ours[0] == pytest.approx(one, rel=1e-12)


@given(seeds, penalties)
def test_stopping_early_changes_no_best_sentence(wanderer, marks, seed, penalty):
    decoder = wanderer(3, seed=seed, spread=3.0)
    features = decoder.features(4, seed)
    options = {"beam": 4, "length_penalty": penalty, "max_length": 9, **marks}
    early = beam_search(decoder, features, **options)
    steps = len(decoder.rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beam._Found, "hopeful", lambda self, begun, going_on, _: np.ones(len(going_on), bool))
        late = beam_search(decoder, features, **options)
    assert len(decoder.rows) - steps >= steps
    assert [several[0] for several in early] == [several[0] for several in late]
    for few, all_ in zip(early, late, strict=True):
        assert [h for h in all_ if h in few] == few


def test_it_stops_early_when_nothing_better_can_come(wanderer, marks):
    decoder = wanderer(3)
    features = np.zeros((2, 6))
    features[:, END] = 50
    found = beam_search(decoder, features, beam=3, length_penalty=0, max_length=30, **marks)
    assert len(decoder.rows) == 1
    assert [several[0].tokens for several in found] == [[END], [END]]


# Batches


@given(seeds, st.permutations(range(5)), penalties)
def test_batch_order_changes_nothing(wanderer, marks, seed, order, penalty):
    decoder, options = (
        wanderer(3, seed=seed),
        {"beam": 3, "length_penalty": penalty, "max_length": 6, **marks},
    )
    features = decoder.features(5, seed)
    found = beam_search(decoder, features, **options)
    assert beam_search(decoder, features[list(order)], **options) == [found[n] for n in order]
    assert [beam_search(decoder, features[[n]], **options)[0] for n in range(5)] == found


def test_a_step_is_one_batch_and_the_memory_follows(wanderer, marks):
    decoder = wanderer(30, spread=0.1)
    beam_search(decoder, decoder.features(64), beam=5, max_length=8, min_length=8, **marks)
    assert decoder.rows == [(64, 64)] + [(320, 320)] * 7


def test_nothing_to_describe_gives_nothing(wanderer, marks):
    assert beam_search(wanderer(), np.zeros((0, 5)), **marks) == []
    assert beam_search(wanderer(), np.zeros((2, 5)), max_length=0, **marks) == [[([], [], None)]] * 2


def test_features_are_left_alone(wanderer, marks):
    decoder = wanderer()
    features = decoder.features(3)
    features.flags.writeable = False
    beam_search(decoder, features, **marks)


# What comes with a sentence


@given(seeds, st.integers(1, 6), penalties)
def test_sentences_are_kept_ranked_and_scored(wanderer, marks, seed, width, penalty):
    decoder = wanderer(4, seed=seed)
    features = decoder.features(3, seed)
    for n, several in enumerate(beam_search(decoder, features, beam=width, length_penalty=penalty, **marks)):
        assert 1 <= len(several) <= width
        assert len({tuple(tokens) for tokens in said(several)}) == len(several)
        scores = [h.score(penalty) for h in several]
        assert scores == sorted(scores, reverse=True)
        again = score(decoder, np.repeat(features[[n]], len(several), axis=0), said(several), start=1)
        for one, two in zip(several, again, strict=True):
            assert one.log_probs == pytest.approx(two.log_probs, rel=1e-12)


def test_maps_are_those_of_the_words(wanderer, marks):
    decoder = wanderer(4, places=6)
    features = decoder.features(3)
    greedy = greedy_search(decoder, features, max_length=7, **marks)
    found = [several[0] for several in beam_search(decoder, features, beam=4, max_length=7, **marks)]
    for h, again in zip(greedy + found, score(decoder, np.tile(features, (2, 1)), said(greedy + found), start=1),
                        strict=True):  # fmt: skip
        assert h.attention.shape == (len(h.tokens), 6)
        np.testing.assert_array_equal(h.attention, again.attention)
    assert greedy_search(wanderer(4), features, **marks)[0].attention is None


# Rules, and what has no bounds


@given(seeds, st.integers(1, 4), st.integers(0, 5), st.integers(0, 3), st.integers(1, 5))
def test_rules_are_kept(wanderer, marks, seed, words, shortest, no_repeat, width):
    decoder, longest = wanderer(words, seed=seed), 7
    limits = {"min_length": shortest, "max_length": longest, "no_repeat": no_repeat, **marks}
    for several in beam_search(decoder, decoder.features(3, seed), beam=width, **limits):
        for tokens in said(several):
            grams = [tuple(tokens[i : i + no_repeat]) for i in range(len(tokens) - no_repeat + 1)]
            assert not no_repeat or len(set(grams)) == len(grams)
            assert not {0, 1} & set(tokens)
            assert END not in tokens or shortest < len(tokens) == tokens.index(END) + 1
            assert END in tokens or len(tokens) == longest or no_repeat


def test_where_nothing_may_follow_the_sentence_stops(wanderer, marks):
    limits = {"min_length": 9, "max_length": 20, "no_repeat": 1, **marks}
    decoder = wanderer(3)
    features = decoder.features(4)
    greedy = greedy_search(decoder, features, **limits)
    assert [sorted(tokens) for tokens in said(greedy)] == [[3, 4, 5]] * 4
    assert [one for (one,) in beam_search(decoder, features, beam=1, **limits)] == greedy
    assert {
        len(h.tokens) for several in beam_search(decoder, features, beam=4, **limits) for h in several
    } == {3}
    assert {len(h.tokens) for h in exhaustive_search(decoder, features, **limits | {"max_length": 9})} == {3}


@pytest.mark.parametrize(
    "values", [(np.nan,), (np.inf,), (-np.inf,), (np.nan, np.inf, -np.inf, 1e308, -1e308)], ids=str
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_the_logits_it_ends(values, dtype, broken, marks, kernels):
    for seed in range(8):
        decoder = broken(*values, words=1 + seed % 4, seed=seed)
        with np.errstate(over="ignore"):
            decoder.logits = decoder.logits.astype(dtype)
        features = decoder.features(4, seed).astype(dtype)
        if seed == 7:
            features[:] = values[0]
        found = beam_search(decoder, features, beam=3, max_length=9, **marks)
        greedy = greedy_search(decoder, features, max_length=9, **marks)
        assert [one for (one,) in beam_search(decoder, features, beam=1, max_length=9, **marks)] == greedy
        for h in [h for several in found for h in several] + greedy:
            assert not {0, 1} & set(h.tokens)
            assert len(h.tokens) <= 9
            assert np.isfinite(h.log_probs).all()
            assert max(h.log_probs, default=0) <= 0


@pytest.mark.parametrize("end", [-1e4, 1e4])
@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_an_end_that_never_or_always_comes(end, words, width, wanderer, marks):
    decoder = wanderer(words)
    features = decoder.features(3)
    features[:, END] = end
    for several in beam_search(decoder, features, beam=width, max_length=6, **marks):
        assert several[0].tokens == [END] if end > 0 else len(several[0].tokens) == 6


# What makes no sense


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam is 0 but at least 1 is needed"),
        ({"length_penalty": -0.1}, "length_penalty is -0.1 but 0 or more is needed"),
        ({"length_penalty": math.nan}, "length_penalty is nan but"),
        ({"min_length": 5, "max_length": 4}, "min_length is 5 but max_length is 4"),
        ({"no_repeat": -1}, "no_repeat is -1 but 0 or more"),
    ],
)
def test_options_that_make_no_sense_are_named(options, message, wanderer, marks):
    with pytest.raises(ValueError, match=f"^beam_search: {message}"):
        beam_search(wanderer(), np.zeros((1, 5)), **options, **marks)
