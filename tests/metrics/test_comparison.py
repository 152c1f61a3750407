"""Intervals of corpus metrics, tests between two systems, and warnings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import (
    Statistics,
    bleu_statistics,
    bootstrap_interval,
    compare_systems,
    corpus_bleu,
    corpus_intervals,
    mean_statistics,
    warnings_for,
)
from minicap.metrics.bleu import bleu_from_rows
from minicap.metrics.resampling import coins_tossed, images_drawn

captions = st.lists(st.sampled_from("abcd"), max_size=7)
pictures = st.lists(st.tuples(captions, st.lists(captions, min_size=1, max_size=3)), min_size=1, max_size=5)


def unzip(pairs):
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


@given(pictures, st.randoms(use_true_random=False))
def test_bleu_of_weighted_rows_is_bleu_of_the_images_repeated(pairs, random):
    weights = [random.randrange(1, 4) for _ in pairs]
    repeated = [pair for pair, times in zip(pairs, weights, strict=True) for _ in range(times)]
    expected = corpus_bleu(*unzip(repeated)).as_dict()
    for name, (rows, score) in bleu_statistics(*unzip(pairs)).items():
        assert float(score(np.array(weights) @ rows)) == pytest.approx(expected[name], rel=1e-12, abs=1e-12)


def test_bleu_of_many_sets_keeps_their_shape(rng):
    rows = rng.integers(1, 9, (2, 3, 10))
    assert bleu_from_rows(rows).shape == (2, 3, 4)
    assert np.isfinite(bleu_from_rows(np.zeros((2, 10)))).all()


@pytest.mark.parametrize("n_images", [1, 7])
def test_samples_are_as_many_images_as_there_are(monkeypatch, n_images):
    monkeypatch.setattr("minicap.metrics.resampling.CHUNK", 20)
    blocks = list(images_drawn(n_images, 50, np.random.default_rng(1)))
    drawn = np.concatenate(blocks)
    assert len(blocks) > 2
    assert drawn.shape == (50, n_images)
    np.testing.assert_array_equal(drawn.sum(axis=1), n_images)
    tossed = np.concatenate(list(coins_tossed(n_images, 50, np.random.default_rng(1))))
    assert tossed.shape == (50, n_images)
    assert set(np.unique(tossed)) == {0.0, 1.0}


def test_an_image_is_drawn_as_often_as_chance_has_it():
    drawn = np.concatenate(list(images_drawn(40, 4000, np.random.default_rng(2))))
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.08)
    assert drawn.var() == pytest.approx(1 - 1 / 40, abs=0.03)


def test_the_interval_of_a_mean_is_that_of_bootstrap_interval(rng):
    values = rng.gamma(2.0, size=300)
    low, high = corpus_intervals({"cider": mean_statistics(values)}, n=3000)["cider"]
    expected = bootstrap_interval(values, n=3000)
    assert (low, high) == pytest.approx(expected, rel=0.02)
    assert low < values.mean() < high


def test_the_interval_of_bleu_is_that_of_scoring_samples_one_by_one():
    rng = np.random.default_rng(4)
    references = [[list("abcdefgh")[i % 5 :] + list("xyz")] for i in range(25)]
    hypotheses = [r[0] if rng.random() < 0.5 else r[0][::2] for r in references]
    found = corpus_intervals(bleu_statistics(hypotheses, references), n=2000, level=0.9)["bleu_2"]
    slow = []
    for _ in range(600):
        drawn = rng.integers(25, size=25)
        slow.append(corpus_bleu([hypotheses[i] for i in drawn], [references[i] for i in drawn]).bleu_2)
    assert found == pytest.approx(np.quantile(slow, [0.05, 0.95]), abs=0.03)


def test_intervals_are_reproducible_and_metrics_do_not_disturb_each_other(rng):
    one, two = (mean_statistics(rng.random(30)) for _ in range(2))
    both = corpus_intervals({"one": one, "two": two}, n=200, seed=3)
    assert both["two"] == corpus_intervals({"two": two}, n=200, seed=3)["two"]
    assert both["two"] != corpus_intervals({"two": two}, n=200, seed=4)["two"]


def test_a_system_does_not_differ_from_itself(rng):
    one = {"cider": mean_statistics(rng.random(20))}
    found = compare_systems(one, one, n=99)["cider"]
    assert found[2:5] == (0.0, 0.0, 0.0)
    assert found.p_bootstrap == found.p_permutation == 1.0


def test_a_small_difference_on_every_image_is_found_because_images_are_paired(rng):
    values = rng.gamma(1.0, size=60)  # they differ a hundred times more than the systems
    better = {"cider": mean_statistics(values + 0.01 + 0.002 * rng.standard_normal(60))}
    found = compare_systems(better, {"cider": mean_statistics(values)}, n=999)["cider"]
    assert found.difference == pytest.approx(found.a - found.b)
    assert 0 < found.low < found.difference < found.high
    assert found.p_bootstrap == pytest.approx(0.002)
    assert found.p_permutation == pytest.approx(0.001)
    back = compare_systems({"cider": mean_statistics(values)}, better, n=999)["cider"]
    assert (back.difference, back.low, back.high) == pytest.approx(
        (-found.difference, -found.high, -found.low)
    )


def test_all_ways_of_swapping_give_the_exact_permutation_p():
    # Of the 2^4 signs of differences 1, 1, 1, 1 only the two extremes reach 4: p = 1/8.
    a, b = mean_statistics([2.0, 3.0, 4.0, 5.0]), mean_statistics([1.0, 2.0, 3.0, 4.0])
    assert compare_systems({"m": a}, {"m": b}, n=20_000)["m"].p_permutation == pytest.approx(1 / 8, abs=0.01)


def test_where_nothing_differs_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(8)
    found = [
        compare_systems(*({"m": mean_statistics(rng.random(40))} for _ in range(2)), n=199, seed=i)["m"]
        for i in range(200)
    ]
    for name in ("p_bootstrap", "p_permutation"):
        assert 20 <= sum(getattr(c, name) <= 0.2 for c in found) <= 60  # 40 expected


def test_bleu_of_swapped_captions_is_bleu_of_the_mixed_systems():
    references = [[list("abcde")], [list("fghij")], [list("klmno")]]
    a, b = [list("abcde"), list("fgh"), list("k")], [list("abc"), list("fghij"), list("lmno")]
    of_a, of_b = (bleu_statistics(h, references)["bleu_1"] for h in (a, b))
    seen = []

    def spy(sums):
        seen.append(np.array(sums))
        return of_a.score(sums)

    compare_systems({"m": Statistics(of_a.rows, spy)}, {"m": of_b}, n=64)
    mixed = [
        bleu_statistics([(b if bits >> i & 1 else a)[i] for i in range(3)], references)["bleu_1"].rows.sum(
            axis=0
        )
        for bits in range(8)
    ]
    _, shuffled, rest, total = seen  # of the bootstrap, of the permutations (a's and b's), and of all images
    np.testing.assert_array_equal(total, mixed[0])
    assert {tuple(row) for row in shuffled} == {tuple(row) for row in mixed}
    np.testing.assert_array_equal(shuffled + rest, np.broadcast_to(mixed[0] + mixed[-1], shuffled.shape))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: corpus_intervals({}), "corpus_intervals: no metric"),
        (lambda m: corpus_intervals({"x": m}, level=1.0), "level is 1.0"),
        (lambda m: corpus_intervals({"x": m}, n=0), "n is 0"),
        (
            lambda m: corpus_intervals({"x": m, "y": mean_statistics([1.0])}),
            r"the metrics are of \{'x': 2, 'y': 1\} images",
        ),
        (lambda m: compare_systems({"x": m}, {"y": m}), "compare_systems: no metric"),
        (lambda m: compare_systems({"x": m}, {"x": mean_statistics([1.0])}), "a has 2 images, b has 1"),
        (lambda m: mean_statistics([]), r"values is \(0,\)"),
        (lambda m: mean_statistics([1.0, np.inf]), r"values\[1\] is not finite"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(mean_statistics([1.0, 2.0]))


# Warnings


def test_one_image_is_warned_of():
    said = warnings_for(1, {"cider": 0.0, "bleu_4": 0.5})
    assert said[0].startswith("CIDEr of one image is 0 by its formula")
    assert any("1 image: with fewer than 50" in line and "bleu_4, cider" in line for line in said)


def test_a_stored_corpus_lifts_the_warning_of_ciders_formula_only():
    said = warnings_for(1, {"cider": 0.9}, idf="COCO val2014")
    assert not any("by its formula" in line for line in said)
    assert len(said) == 1


def test_few_images_are_warned_of_and_fifty_are_not():
    scores = {"cider": 0.9, "bleu_1": 0.6, "bleu_4": 0.2, "perplexity": 9.0}
    said = warnings_for(49, scores)
    assert len(said) == 2
    assert "49 images" in said[0]
    assert "perplexity" not in said[0]
    assert warnings_for(50, scores, n_references=250) == []


def test_a_bleu_without_a_match_and_single_references_are_warned_of():
    said = warnings_for(500, {"bleu_1": 0.3, "bleu_2": 0.1, "bleu_3": 1e-6, "bleu_4": 1e-8}, n_references=500)
    assert said[0] == "bleu_3 is 0 but for rounding: no caption shares 3 words in a row with a reference."
    assert said[1].startswith("500 references for 500 images")
    assert len(said) == 2


def test_scores_that_chance_does_not_swing_are_not_warned_of():
    assert warnings_for(1, {"perplexity": 3.0, "split": "val"}) == []
