"""Raw bits become integers and bytes, the same ones everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.scenes.random_bits import RandomBits


def test_the_stream_is_pinned():
    bits = RandomBits(0, 1, 2)
    assert [bits.below(1000) for _ in range(8)] == [976, 731, 797, 726, 188, 68, 706, 421]
    assert RandomBits(0, 1, 2).octets(8).tolist() == [183, 8, 33, 178, 101, 35, 177, 13]


def test_an_integer_is_the_high_half_of_the_product():
    words = np.random.PCG64(np.random.SeedSequence(5, spawn_key=(1,))).random_raw(64).tolist()
    bits = RandomBits(5, 1)
    assert [bits.below(10) for _ in range(64)] == [word * 10 // 2**64 for word in reversed(words)]


def test_octets_are_the_words_with_the_lowest_byte_first():
    word = int(np.random.PCG64(np.random.SeedSequence(5)).random_raw())
    assert bytes(RandomBits(5).octets(8)) == word.to_bytes(8, "little")


@given(st.integers(1, 10**6), st.integers(0, 2**70))
def test_below_stays_below(n, seed):
    bits = RandomBits(seed)
    assert all(0 <= bits.below(n) < n for _ in range(20))


def test_every_value_comes_about_equally_often():
    bits = RandomBits(1)
    counts = np.bincount([bits.between(3, 7) for _ in range(5000)], minlength=8)
    assert counts[:3].sum() == 0
    assert (abs(counts[3:] - 1000) < 120).all()  # four standard deviations are 113


def test_weights_are_kept_and_zero_never_comes():
    bits = RandomBits(2)
    counts = np.bincount([bits.weighted([3, 0, 1]) for _ in range(4000)], minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 3000) < 120


def test_every_key_has_its_own_stream():
    first = {
        RandomBits(seed, *key).below(2**60)
        for seed in (0, 1, 2**32)
        for key in ((), (0,), (0, 0), (1, 0), (0, 1))
    }
    assert len(first) == 15


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match=r"one weight must be above zero, got \[0, 0\]"):
        RandomBits(0).weighted([0, 0])
