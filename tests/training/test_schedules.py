"""Learning rates, worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.training.schedules import SCHEDULES, constant, cosine, make_schedule, step


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


def test_step_falls_by_the_factor_each_time():
    schedule = step(0.8, 2, factor=0.5)
    assert [schedule(k) for k in range(7)] == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1], rel=1e-14)


def test_step_falls_while_it_still_warms_up():
    schedule = step(0.8, 2, factor=0.5, warmup=4)
    assert [schedule(k) for k in range(5)] == pytest.approx([0.2, 0.4, 0.3, 0.4, 0.2], rel=1e-14)


@pytest.mark.parametrize("total", [9, 10, 11, 12, 100])
def test_by_default_a_training_has_three_rates(total):
    schedule = make_schedule("step", 1.0, total, 0)
    rates = [schedule(k) for k in range(total)]
    assert sorted(set(rates), reverse=True) == pytest.approx([1.0, 0.1, 0.01], rel=1e-14)
    assert max(rates.count(rate) for rate in rates) - total / 3 < 1


def test_when_and_how_far_it_falls_can_be_chosen():
    schedule = make_schedule("step", 1.0, 100, 0, step_every=4, step_factor=0.5)
    assert [schedule(k) for k in (0, 3, 4, 7, 8)] == [1.0, 1.0, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("name", ["cosine", "constant"])
def test_the_others_do_not_fall_in_steps(name):
    plain = make_schedule(name, 0.3, 20, 3)
    other = make_schedule(name, 0.3, 20, 3, step_every=2, step_factor=0.5)
    assert [plain(k) for k in range(25)] == [other(k) for k in range(25)]


@pytest.mark.parametrize("every", [0, -1])
def test_a_step_of_no_length_is_named(every):
    with pytest.raises(ValueError, match=f"^step: every is {every} but at least 1 step is needed"):
        step(0.1, every)


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.5, float("nan")])
def test_a_factor_that_makes_no_sense_is_named(factor):
    with pytest.raises(ValueError, match=f"^step: factor is {factor} but a number above 0 and up to 1"):
        make_schedule("step", 0.1, 10, 0, step_factor=factor)


@given(
    name=st.sampled_from(SCHEDULES),
    lr=st.floats(1e-6, 10),
    total=st.integers(0, 50),
    warmup=st.integers(0, 60),
    at=st.integers(0, 200),
)
def test_no_rate_exceeds_the_highest_or_vanishes(name, lr, total, warmup, at):
    assert 0 < make_schedule(name, lr, total, warmup)(at) <= lr


def test_an_unknown_schedule_is_named():
    with pytest.raises(ValueError, match="no schedule 'linear'; choose one of cosine, constant, step"):
        make_schedule("linear", 0.1, 10, 0)
