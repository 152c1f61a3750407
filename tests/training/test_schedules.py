"""Learning rates, worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.training.schedules import SCHEDULES, constant, cosine, make_schedule


def test_constant_rises_linearly_and_stays():
    schedule = constant(0.8, warmup=4)
    assert [schedule(step) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_constant_without_warm_up_is_constant():
    assert {constant(0.1)(step) for step in (0, 1, 1000)} == {0.1}


def test_cosine_starts_high_is_half_way_in_the_middle_and_ends_low():
    schedule = cosine(2.0, 8, last=0.0)
    # 2 * (1 + cos(pi * p)) / 2 at p = 0, 1/4, 1/2, 3/4, 1
    assert [schedule(step) for step in (0, 2, 4, 6, 8)] == pytest.approx(
        [2.0, 1 + 0.5**0.5, 1.0, 1 - 0.5**0.5, 0.0]
    )


def test_cosine_keeps_its_last_share_beyond_the_end():
    schedule = cosine(1.0, 10, last=0.1)
    assert [schedule(step) for step in (10, 11, 10**6)] == pytest.approx([0.1] * 3)


def test_warm_up_scales_the_cosine():
    plain, warm = cosine(1.0, 10), cosine(1.0, 10, warmup=5)
    assert warm(0) == pytest.approx(plain(0) / 5)
    assert warm(4) == pytest.approx(plain(4))


@given(
    name=st.sampled_from(SCHEDULES),
    lr=st.floats(1e-6, 10),
    total=st.integers(0, 50),
    warmup=st.integers(0, 60),
    step=st.integers(0, 200),
)
def test_no_rate_exceeds_the_highest_or_vanishes(name, lr, total, warmup, step):
    assert 0 < make_schedule(name, lr, total, warmup)(step) <= lr


def test_an_unknown_schedule_is_named():
    with pytest.raises(ValueError, match="no schedule 'linear'; choose one of cosine, constant"):
        make_schedule("linear", 0.1, 10, 0)
