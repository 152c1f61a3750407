"""Whole sequences of the recurrent networks: the compiled kernels against the loop over steps, under any mask."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import kernels
from minicap.kernels._loading import reference_module

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


class Case:
    """Arguments of one network, of random sizes, with a random mask, and the input's bias shared or not."""

    def __init__(self, name: str, seed: int, dtype: str, sizes=(), masked: float | None = None, shared=True):
        self.rng, self.dtype, self.name = np.random.default_rng(seed), dtype, name
        n, steps, d, hidden = sizes
        width = GATES[name] * hidden
        self.x, self.dhs = self.draw(n, steps, d), self.draw(n, steps, hidden)
        self.states = [self.draw(n, hidden) for _ in range(2 if name == "lstm" else 1)]
        self.weights = [self.draw(d, width), self.draw(hidden, width) / np.sqrt(hidden).astype(dtype)]
        self.biases = [self.draw(width) if shared else self.draw(n, width)]
        self.biases += [self.draw(width)] if name == "gru" else []
        self.mask = None if masked is None else self.rng.random((n, steps)) >= masked

    def draw(self, *shape: int) -> np.ndarray:
        """Return standard normal numbers."""
        return self.rng.standard_normal(shape).astype(self.dtype)

    def results(self, family: ModuleType | kernels.Family) -> Iterator[np.ndarray]:
        """Yield what forward and backward return, the backward on the reference's forward."""
        inputs = (self.x, *self.states, *self.weights)
        forward = (*inputs, *self.biases, self.mask)
        found = getattr(family, f"{self.name}_forward")(*forward)
        yield from found if isinstance(found, tuple) else (found,)
        kept = getattr(reference_module("recurrent"), f"{self.name}_forward")(*forward)
        kept = kept if isinstance(kept, tuple) else (kept,)
        upstreams = (self.dhs, 2 * self.states[1]) if self.name == "lstm" else (self.dhs,)
        yield from getattr(family, f"{self.name}_backward")(
            *upstreams, *inputs, self.biases[0], *kept, self.mask
        )

    def assert_agrees(self) -> None:
        """Hold the kernels in use against the reference; the tolerance grows with the number of additions."""
        n, steps, d = self.x.shape
        rounding = 16 * (n * steps + d + self.dhs.shape[2] + 1) * np.finfo(self.dtype).eps
        pairs = zip(self.results(kernels.recurrent), self.results(reference_module("recurrent")), strict=True)
        for found, expected in pairs:
            assert found.dtype == expected.dtype == self.dtype
            scale = max(1, np.abs(expected).max(initial=0))
            np.testing.assert_allclose(found, expected, rtol=0, atol=rounding * scale)


@given(
    sizes=st.tuples(st.integers(0, 11), st.integers(0, 4), st.integers(1, 5), st.integers(1, 70)),
    masked=st.sampled_from([None, 0.0, 0.4, 1.0]),
    shared=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("name", GATES)
def test_both_sets_agree(build, name, sizes, masked, shared, dtype, seed):
    Case(name, seed, dtype, sizes, masked, shared).assert_agrees()


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (0, 3, 2, 4), (3, 0, 2, 4), (9, 3, 2, 128), (5, 2, 3, 257)])
@pytest.mark.parametrize("name", GATES)
def test_sizes_at_the_edge(build, name, sizes):
    for masked in (None, 1.0):
        Case(name, 1, "float32", sizes, masked, shared=masked is None).assert_agrees()


@pytest.mark.parametrize("name", GATES)
def test_all_masked_is_standing_still(every_set, name):
    case = Case(name, 2, "float64", (3, 4, 2, 5), masked=1.0)
    inputs = (case.x, *case.states, *case.weights)
    found = getattr(kernels.recurrent, f"{name}_forward")(*inputs, *case.biases, case.mask)
    found = found if isinstance(found, tuple) else (found,)
    np.testing.assert_array_equal(found[-1], np.repeat(case.states[0][:, None], 4, axis=1))
    upstreams = (case.dhs, case.states[1]) if name == "lstm" else (case.dhs,)
    dx, dh0, *others = getattr(kernels.recurrent, f"{name}_backward")(
        *upstreams, *inputs, case.biases[0], *found, case.mask
    )
    np.testing.assert_allclose(dh0, case.dhs.sum(axis=1), rtol=1e-14)
    if name == "lstm":
        np.testing.assert_array_equal(others.pop(0), case.states[1])
    assert not dx.any()
    assert not any(grad.any() for grad in others)


@pytest.mark.parametrize("name", GATES)
def test_threads_change_no_state(build, name):
    """Rows are whole to a thread, so what stands before the products of all steps has the same bits."""
    case = Case(name, 3, "float32", (13, 5, 3, 40), masked=0.3)
    with kernels.kernel_threads(1):
        one = list(case.results(kernels.recurrent))
    for a, b in zip(case.results(kernels.recurrent), one, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "hidden"), [(0, 3), (1, 1), (3, 17), (5, 64)])
def test_a_step_that_only_goes_on(build, rng, n, hidden, dtype):
    def a(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    h, b = a(n, hidden), a(3 * hidden)
    calls = {
        "rnn_step": (a(n, hidden), h, a(hidden, hidden)),
        "lstm_step": (a(n, 4 * hidden), a(n, 2 * hidden), a(hidden, 4 * hidden)),
        "gru_step": (a(n, 3 * hidden), h, a(hidden, 3 * hidden), b),
    }
    for name, arguments in calls.items():
        found = getattr(kernels.recurrent, name)(*arguments)
        expected = getattr(reference_module("recurrent"), name)(*arguments)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=64 * hidden * np.finfo(dtype).eps)
