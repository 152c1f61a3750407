"""Optimiser kernels: what they write to, worked values, and agreement of the sets at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import use_kernels
from minicap.kernels import optim

STEPS: dict[str, tuple[int, list[float]]] = {  # how many arrays remember, and the numbers
    "sgd_step": (1, [0.1, 0.7, 0.3]),
    "rmsprop_step": (1, [0.1, 0.8, 1e-3, 0.3]),
    "adam_step": (2, [0.1, 0.8, 0.95, 1e-3, 0.3, 0.9]),
}


def arrays(name: str, size: int, dtype: str, seed: int = 0) -> list[np.ndarray]:
    """Return param, grad and memories of which the last, a mean square, is not negative."""
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal(size).astype(dtype) for _ in range(2 + STEPS[name][0])]
    return [*found[:-1], np.abs(found[-1])]


def step(name: str, given_arrays: list[Any], numbers: list[float]) -> list[np.ndarray]:
    """Take a step on copies, and return them."""
    copies = [array.copy() for array in given_arrays]
    copies[1].flags.writeable = False  # the gradient
    assert getattr(optim, name)(*copies, *numbers) is None
    return copies


def test_steps_worked_by_hand(every_set):
    one = [np.array([1.0]), np.array([2.0])]
    param, _, velocity = step("sgd_step", [*one, np.array([4.0])], [0.1, 0.5, 1.0])  # 0.5 * 4 + (2 + 1 * 1)
    np.testing.assert_allclose((param[0], velocity[0]), (0.5, 5), rtol=1e-15)
    param, _, square = step("rmsprop_step", [*one, np.array([14.0])], [0.1, 0.5, 1.0, 0.0])  # (14 + 4) / 2
    np.testing.assert_allclose((param[0], square[0]), (1 - 0.1 * 2 / 4, 9), rtol=1e-15)
    param, _, mean, square = step(
        "adam_step", [*one, np.array([6.0]), np.array([28.0])], [0.1, 0.5, 0.5, 1.0, 0.0, 0.5]
    )  # mean (6 + 2) / 2, square (28 + 4) / 2
    np.testing.assert_allclose((param[0], mean[0], square[0]), (0.5 - 0.1 * 4 / 5, 4, 16), rtol=1e-15)


@pytest.mark.parametrize("name", STEPS)
@given(
    size=st.sampled_from([0, 1, 3, 15, 16, 17, 33, 100, 16_384, 16_390, 40_001]),
    dtype=st.sampled_from(["float32", "float64"]),
    decay=st.booleans(),
    seed=st.integers(0, 99),
)
def test_both_sets_agree(build, name, size, dtype, decay, seed):
    numbers = [*STEPS[name][1]]
    if not decay:
        numbers[len(numbers) - 1 if name != "adam_step" else -2] = 0.0
    results = []
    for kernel_set in ("reference", "compiled"):
        with use_kernels(kernel_set):
            results.append(step(name, arrays(name, size, dtype, seed), numbers))
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(
            other, one, rtol=0, atol=20 * np.finfo(dtype).eps * max(1, np.abs(one).max(initial=0))
        )


@pytest.mark.parametrize("name", STEPS)
def test_steps_repeat_themselves_and_do_not_depend_on_threads(build, name):
    given_arrays, numbers = arrays(name, 40_000, "float32"), STEPS[name][1]
    whole = step(name, given_arrays, numbers)
    again = step(name, given_arrays, numbers)
    parts = [
        step(name, [array[k : k + 9984] for array in given_arrays], numbers) for k in range(0, 40_000, 9984)
    ]
    for k, array in enumerate(whole):
        np.testing.assert_array_equal(array, again[k])
        np.testing.assert_array_equal(array, np.concatenate([part[k] for part in parts]))


@given(
    size=st.sampled_from([0, 1, 15, 33, 100, 16_385, 40_000]), dtype=st.sampled_from(["float32", "float64"])
)
def test_squares_are_added_up_in_float64(every_set, size, dtype):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    exact = float(np.square(x.astype(np.longdouble)).sum())
    assert optim.square_sum(x) == pytest.approx(exact, rel=1e-13, abs=1e-300)


def test_a_square_that_float32_cannot_hold_does_not_overflow(every_set):
    assert optim.square_sum(np.full(40, 1e30, np.float32)) == pytest.approx(40e60, rel=1e-6)
