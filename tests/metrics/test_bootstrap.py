"""Intervals: seeded, as wide as they should be, and the image gap that is given with one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import bootstrap_interval, image_gap


def test_the_width_is_that_of_the_standard_error(rng):
    values = rng.standard_normal(400)
    low, high = bootstrap_interval(values, n=4000)
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.standard_normal(50), level=0.8, n=400, seed=seed)
        hits += low <= 0 <= high
    assert 140 <= hits <= 180


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(0, 5))
def test_the_ends_are_ordered_reproducible_and_within_the_data(values, seed):
    interval = bootstrap_interval(values, n=50, seed=seed)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval == bootstrap_interval(values, n=50, seed=seed)


def test_constant_values_leave_no_doubt():
    assert bootstrap_interval([2.0] * 7) == (2.0, 2.0)


def test_a_higher_level_gives_a_wider_interval(rng):
    values = rng.standard_normal(60)
    narrow, wide = bootstrap_interval(values, level=0.5), bootstrap_interval(values, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_any_statistic_along_an_axis(rng):
    values = rng.standard_normal(99)
    low, high = bootstrap_interval(values, np.median)
    assert low <= np.median(values) <= high


def test_samples_drawn_in_several_blocks_are_as_many(monkeypatch):
    monkeypatch.setattr("minicap.metrics.bootstrap.CHUNK", 25)
    sizes = []

    def statistic(samples, axis):
        sizes.append(len(samples))
        return samples.mean(axis)

    bootstrap_interval(np.arange(10.0), statistic, n=7)
    assert sizes == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "values is empty"),
        (3.0, {}, "values is empty"),
        ([1.0, np.nan], {}, r"values\[1\] is not finite"),
        ([1.0], {"level": 1.0}, "level is 1.0"),
        ([1.0], {"n": 0}, "n is 0"),
    ],
)
def test_bad_input_is_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, **options)


def test_the_gap_is_in_nats_a_word_and_long_captions_weigh_more():
    assert image_gap([1.0, 2.0], [4.0, 2.0]).gap == pytest.approx(1.5)
    assert image_gap([2.0, 8.0], [5.0, 8.0], [1, 5]).gap == pytest.approx(0.5)


def test_a_model_that_looks_has_a_gap_above_zero_and_a_blind_one_has_none(rng):
    matched, words = rng.gamma(20, 1, 300), rng.integers(5, 15, 300)
    looks = image_gap(matched, matched + words * rng.normal(0.8, 0.5, 300), words)
    assert 0 < looks.low < looks.gap < looks.high
    assert looks.gap == pytest.approx(0.8, abs=0.1)
    blind = image_gap(matched, matched + words * rng.normal(0, 0.5, 300), words)
    assert blind.low < 0 < blind.high


def test_captions_are_drawn_in_pairs(rng):
    matched = rng.gamma(20, 10, 100)  # losses differ a hundred times more than the gap
    assert image_gap(matched, matched + 1.0)[:] == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("matched", "shuffled", "words", "message"),
    [
        ([1.0], [1.0, 2.0], None, r"matched is \(1,\), shuffled \(2,\)"),
        ([1.0, 2.0], [1.0, 2.0], [3, 0], r"words\[1\] is 0"),
        ([], [], None, "values is empty"),
    ],
)
def test_a_gap_of_nonsense_is_refused(matched, shuffled, words, message):
    with pytest.raises(ValueError, match=message):
        image_gap(matched, shuffled, words)
