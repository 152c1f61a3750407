"""What rnn, lstm and gru have in common: a sequence is its steps in a loop, and masks stop time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import ops
from minicap.gradcheck import check_op


class Cell(NamedTuple):
    """One recurrent op: how many blocks its weights have, its states and its biases."""

    gates: int
    states: tuple[str, ...]
    biases: tuple[str, ...]
    options: dict[str, Any]

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("x", *self.states, "w_x", "w_h", *self.biases)

    def draw(self, rng, x_shape, h=3) -> list[np.ndarray]:
        """Return random arguments for inputs of a shape (N, D) or (N, T, D)."""
        n, *_, d = x_shape
        width = self.gates * h
        shapes = [
            x_shape,
            *[(n, h)] * len(self.states),
            (d, width),
            (h, width),
            *[(width,)] * len(self.biases),
        ]
        return [rng.standard_normal(shape) for shape in shapes]


CELLS = {
    "rnn": Cell(1, ("h0",), ("b",), {}),
    "lstm": Cell(4, ("h0", "c0"), ("b",), {}),
    "gru": Cell(3, ("h0",), ("b_x", "b_h"), {}),
    "gru, reset before": Cell(3, ("h0",), ("b_x", "b_h"), {"reset_after": False}),
}
MASKS = {  # for N = 3, T = 4
    "none": None,
    "all real": [[1, 1, 1, 1]] * 3,
    "ragged": [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]],
    "empty row": [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]],
    "padded in front": [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]],
    "with holes": [[1, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1]],
    "nothing real": [[0, 0, 0, 0]] * 3,
}


@pytest.fixture(params=CELLS)
def cell(request):
    """Each cell in turn."""
    return request.param


def pair(name: str, *, step: bool = False):
    """Return forward and backward of a cell."""
    stem = name.split(",")[0] + ("_step" if step else "")
    return getattr(ops, f"{stem}_forward"), getattr(ops, f"{stem}_backward")


def run(name, args, mask=None):
    """Return (hs, last cell state or None, cache) of a sequence."""
    y, cache = pair(name)[0](*args, mask=mask, **CELLS[name].options)
    return (*y, cache) if isinstance(y, tuple) else (y, None, cache)


def back(name, dhs, cache, dc=None):
    """Return the gradients of a sequence; the last cell state's upstream is zero by default."""
    zero = np.zeros_like(dhs[:, 0]) if dc is None else dc
    return pair(name)[1](*((dhs, zero) if name == "lstm" else (dhs,)), cache)


@pytest.mark.parametrize("case", ["whole", "masked"])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_it_agrees_with_pytorch(name, case, kernels, agrees_with_torch):
    agrees_with_torch(f"{name}/{case}", *pair(name), *CELLS[name].inputs)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 5)])
def test_the_gradient_of_a_step_is_right(cell, shape, rng, kernels):
    check_op(pair(cell, step=True)[0], *CELLS[cell].draw(rng, shape), **CELLS[cell].options).assert_ok()


@pytest.mark.parametrize("mask", MASKS)
def test_the_gradient_through_time_is_right(cell, mask, rng, kernels):
    given = MASKS[mask] if MASKS[mask] is None else np.array(MASKS[mask], bool)
    check_op(pair(cell)[0], *CELLS[cell].draw(rng, (3, 4, 2)), mask=given, **CELLS[cell].options).assert_ok()


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3), st.integers(0, 99)
)
@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_is_right_at_any_shape(name, shape, h, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape[:2]) < 0.7
    check_op(pair(name)[0], *CELLS[name].draw(rng, shape, h), mask=mask, **CELLS[name].options).assert_ok()


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3), st.integers(0, 99)
)
@pytest.mark.parametrize("name", CELLS)
def test_each_sequence_may_have_a_bias_of_its_own(name, shape, h, seed):
    rng = np.random.default_rng(seed)
    args, cell = CELLS[name].draw(rng, shape, h), CELLS[name]
    place = cell.inputs.index(cell.biases[0])
    args[place] = rng.standard_normal((shape[0], cell.gates * h))
    mask = rng.random(shape[:2]) < 0.7
    check_op(pair(name)[0], *args, mask=mask, **cell.options).assert_ok()
    hs, _, _ = run(name, args, mask)
    for n in range(shape[0]):  # a row alone, with its bias shared among one
        alone = [
            arg[n : n + 1] if arg.shape[:1] == shape[:1] and i < 1 + len(cell.states) else arg
            for i, arg in enumerate(args)
        ]
        alone[place] = args[place][n]
        np.testing.assert_allclose(run(name, alone, mask[n : n + 1])[0][0], hs[n], rtol=1e-12)


def test_a_sequence_is_a_loop_over_the_step(cell, rng, kernels):
    (x, *rest), (step_forward, _) = CELLS[cell].draw(rng, (2, 5, 3)), pair(cell, step=True)
    count = len(CELLS[cell].states)
    state, weights = rest[:count], rest[count:]
    hs, c_last, cache = run(cell, [x, *rest])
    # The reference is that loop; the compiled kernels multiply all inputs at once, in another order.
    close = {"rtol": 0, "atol": 0 if kernels == "reference" else 1e-14}
    for t in range(5):
        y, step_cache = step_forward(x[:, t], *state, *weights, **CELLS[cell].options)
        state = list(y) if isinstance(y, tuple) else [y]
        np.testing.assert_allclose(hs[:, t], state[0], **close)
        for name, array in cache.at(t)._asdict().items():
            one = getattr(step_cache, name)
            if one is None:
                assert array is None
            else:
                np.testing.assert_allclose(array, one, err_msg=f"cache.at({t}).{name}", **close)
    if c_last is not None:
        np.testing.assert_allclose(c_last, state[1], **close)


def test_the_gradient_is_a_loop_over_the_steps_backward(cell, rng, kernels):
    args, (_, step_backward) = CELLS[cell].draw(rng, (2, 4, 3)), pair(cell, step=True)
    hs, c_last, cache = run(cell, args)
    dhs = rng.standard_normal(hs.shape)
    d_state = [np.zeros_like(hs[:, 0]) for _ in CELLS[cell].states]
    db = 0
    for t in reversed(range(4)):
        d_state[0] = d_state[0] + dhs[:, t]
        grads = step_backward(*d_state, cache.at(t))
        d_state = [grads.dh] if c_last is None else [grads.dh, grads.dc]
        db = db + grads[-1]
    through_time = back(cell, dhs, cache)
    np.testing.assert_allclose(through_time.dh0, d_state[0], rtol=1e-12)
    np.testing.assert_allclose(through_time[-1], db, rtol=1e-12)


@pytest.mark.parametrize("real", [0, 1, 3])
def test_padding_changes_nothing(cell, real, rng, kernels):
    """Words after the end leave states, outputs and every gradient as if they were not there."""
    args = CELLS[cell].draw(rng, (2, 5, 3))
    short = [args[0][:, :real], *args[1:]]
    mask = np.arange(5) < np.full((2, 1), real)
    (hs, c, cache), (hs_short, c_short, cache_short) = run(cell, args, mask), run(cell, short)
    np.testing.assert_array_equal(hs[:, :real], hs_short)
    last = hs_short[:, -1] if real else args[1]
    np.testing.assert_array_equal(hs[:, real:], np.broadcast_to(last[:, None], hs[:, real:].shape))
    if c is not None:
        np.testing.assert_array_equal(c, c_short)
    dhs = rng.standard_normal(hs.shape) * mask[..., None]
    dc = rng.standard_normal((2, 3))
    grads, grads_short = back(cell, dhs, cache, dc), back(cell, dhs[:, :real], cache_short, dc)
    assert not grads.dx[:, real:].any()
    np.testing.assert_allclose(grads.dx[:, :real], grads_short.dx, rtol=1e-12)
    for name, array in grads_short._asdict().items():
        if name != "dx":
            np.testing.assert_allclose(getattr(grads, name), array, rtol=1e-12, atol=1e-15, err_msg=name)


def test_what_stands_under_the_mask_does_not_matter(cell, rng, kernels):
    args, mask = CELLS[cell].draw(rng, (3, 4, 2)), np.array(MASKS["with holes"], bool)
    other = [np.where(mask[..., None], args[0], 1e3), *args[1:]]
    hs, _, cache = run(cell, args, mask)
    hs_other, _, cache_other = run(cell, other, mask)
    np.testing.assert_array_equal(hs_other, hs)
    dhs = rng.standard_normal(hs.shape)
    for one, two in zip(back(cell, dhs, cache), back(cell, dhs, cache_other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_rows_do_not_see_each_other(cell, rng, kernels):
    x, *rest = CELLS[cell].draw(rng, (4, 3, 2))
    count, order = len(CELLS[cell].states), np.array([2, 0, 3, 1])
    mixed = [x[order], *[state[order] for state in rest[:count]], *rest[count:]]
    mask = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    np.testing.assert_allclose(
        run(cell, mixed, mask[order])[0], run(cell, [x, *rest], mask)[0][order], rtol=1e-12
    )


def test_two_halves_make_a_whole(cell, rng, kernels):
    args = CELLS[cell].draw(rng, (2, 6, 3))
    hs, c, _ = run(cell, args)
    first, c_first, _ = run(cell, [args[0][:, :2], *args[1:]])
    states = [first[:, -1]] if c is None else [first[:, -1], c_first]
    second, c_second, _ = run(cell, [args[0][:, 2:], *states, *args[1 + len(states) :]])
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), hs)
    if c is not None:
        np.testing.assert_array_equal(c_second, c)


def test_states_saturate_and_stay_finite(cell, kernels):
    args = CELLS[cell].draw(np.random.default_rng(0), (2, 3, 2))
    hs, _, cache = run(cell, [args[0] * 1e4, *args[1:]])
    assert np.abs(hs).max() <= max(1, np.abs(args[1]).max())  # a GRU's state lies between h0 and +-1
    assert all(np.isfinite(array).all() for array in back(cell, np.ones_like(hs), cache))


def test_no_steps_at_all_return_the_first_state(cell, rng, kernels):
    args = CELLS[cell].draw(rng, (2, 0, 3))
    hs, c, cache = run(cell, args)
    assert hs.shape == (2, 0, 3)
    if c is not None:
        np.testing.assert_array_equal(c, args[2])
    grads = pair(cell)[1](*((hs, np.ones((2, 3))) if cell == "lstm" else (hs,)), cache)
    assert not grads.dw_x.any()
    assert not grads.dh0.any()


# What does not fit


def wrong(cell, name, shape, rng):
    """Return a sequence's arguments with one of another shape."""
    args = CELLS[cell].draw(rng, (2, 4, 5))
    args[CELLS[cell].inputs.index(name)] = np.ones(shape)
    return args


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (2, 5), r"x has 2 axes, shape \(2, 5\), but x is \(N, T, D\)"),
        ("h0", (3, 3), r"h0 is \(3, 3\) but \(N, H\) = \(2, 3\) is needed"),
        ("w_x", (4, 99), r"w_x is \(4, 99\) but \(D, .*H\) = \(5, \d+\) is needed"),
        ("w_h", (3, 5), r"w_h is \(3, 5\) but \(H, .*H\) = \(3, \d+\) is needed"),
        ("w_h", (3,), r"w_h has 1 axes, shape \(3,\)"),
        ("b", (2,), r"b\w* is \(2,\) but \(.*H,\) = \(\d+,\) is needed"),
    ],
)
def test_shapes_that_do_not_fit_are_named(cell, name, shape, message, rng):
    name = CELLS[cell].biases[-1] if name == "b" else name
    stem = cell.split(",")[0]
    with pytest.raises(ValueError, match=f"^{stem}: {message}"):
        run(cell, wrong(cell, name, shape, rng))


def test_masks_that_do_not_fit_are_named(cell, rng):
    args, stem = CELLS[cell].draw(rng, (2, 4, 5)), cell.split(",")[0]
    with pytest.raises(ValueError, match=rf"^{stem}: mask is \(2, 5\) but \(N, T\) = \(2, 4\) is needed"):
        run(cell, args, np.ones((2, 5), bool))
    with pytest.raises(TypeError, match=rf"^{stem}: mask is int64 but bool is needed, True = kept"):
        run(cell, args, np.ones((2, 4), int))


def test_upstreams_that_do_not_fit_are_named(cell, rng, kernels):
    stem = cell.split(",")[0]
    _, _, cache = run(cell, CELLS[cell].draw(rng, (2, 4, 5)))
    with pytest.raises(
        ValueError, match=rf"^{stem}: dhs is \(2, 3, 3\) but the forward's output was \(2, 4, 3\)"
    ):
        back(cell, np.ones((2, 3, 3)), cache)
    if cell == "lstm":
        with pytest.raises(
            ValueError, match=r"^lstm: dc_last is \(3, 3\) but the forward's output was \(2, 3\)"
        ):
            back(cell, np.ones((2, 4, 3)), cache, np.ones((3, 3)))
