"""Multi-head attention."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import (
    linear_forward,
    multi_head_attention_backward,
    multi_head_attention_forward,
    scaled_dot_product_attention_forward,
)

attend = multi_head_attention_forward
NAMES = ("q", "k", "v", "w_q", "w_k", "w_v", "w_o", "b_q", "b_k", "b_v", "b_o")
KEYS = np.array([[1, 0, 1, 1], [0, 0, 1, 0]], bool)  # (N, Tk)
PAIRS = np.array(
    [[[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]], [[1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]], bool
)  # (N, Tq, Tk): one query sees nothing


def draw(rng, n=2, queries=3, keys=4, *, widths=(4, 3, 5), a=4, b=6, out=3):
    """Return random arguments, small enough that no softmax is all or nothing; the widths differ unless given."""
    d, dk, dv = widths
    shapes = [(n, queries, d), (n, keys, dk), (n, keys, dv), (d, a), (dk, a), (dv, b), (b, out)]
    return [rng.uniform(-1, 1, shape) for shape in [*shapes, (a,), (a,), (b,), (out,)]]


def run(args, **options):
    """Return outputs and the gradients of fixed random upstreams, by name."""
    (y, weights), cache = attend(*args, **options)
    rng = np.random.default_rng(1)
    upstreams = [rng.standard_normal(output.shape).astype(output.dtype) for output in (y, weights)]
    grads = multi_head_attention_backward(*upstreams, cache)
    return {"y": y, "weights": weights} | grads._asdict()


def assert_same(found, expected, rtol=0.0, atol=0.0):
    """Hold two dicts of arrays against each other."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=atol, err_msg=name)


def test_a_value_worked_by_hand():
    """Two heads of width 1; the first weighs 1/4 and 3/4, the second, whose query is 0, a half each."""
    ln3, eye, none = math.log(3), np.eye(2), np.zeros(2)
    q, k, v = (
        np.array([[[1.0, 0.0]]]),
        np.array([[[0.0, 5.0], [ln3, 7.0]]]),
        np.array([[[4.0, 2.0], [8.0, 6.0]]]),
    )
    w_o, b_o = np.array([[1.0], [10.0]]), np.array([100.0])
    (y, weights), cache = attend(q, k, v, eye, eye, eye, w_o, none, none, none, b_o, heads=2)
    np.testing.assert_allclose(weights, [[[[1 / 4, 3 / 4]], [[1 / 2, 1 / 2]]]], rtol=1e-15)
    np.testing.assert_allclose(y, [[[7 + 10 * 4 + 100]]], rtol=1e-15)
    dweights = np.zeros((1, 2, 1, 2))
    dweights[0, 0, 0, 1] = 4
    grads = multi_head_attention_backward(np.ones((1, 1, 1)), dweights, cache)
    # Head 1: the weights' upstream is 4 and 8 + 4, its mean 10, the scores' -6/4 and 6/4.
    # Head 2: 10 * 2 and 10 * 6, the mean 40, so -10 and 10; its query is 0, so its keys get nothing.
    expected = {
        "dq": [[[6 / 4 * ln3, -50 + 70]]],
        "dk": [[[-6 / 4, 0], [6 / 4, 0]]],
        "dv": [[[1 / 4, 5], [3 / 4, 5]]],
        "dw_q": [[6 / 4 * ln3, 20], [0, 0]],
        "dw_k": [[6 / 4 * ln3, 0], [-5 * 6 / 4 + 7 * 6 / 4, 0]],
        "dw_v": [[4 / 4 + 8 * 3 / 4, 60], [2 / 4 + 6 * 3 / 4, 40]],
        "dw_o": [[7], [4]],
        "db_q": [6 / 4 * ln3, 20],
        "db_k": [0, 0],
        "db_v": [1, 10],
        "db_o": [1],
    }
    assert_same(grads._asdict(), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("case", ["plain", "keys masked", "pairs masked", "causal", "causal, keys masked"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(f"multi_head_attention/{case}", attend, multi_head_attention_backward, *NAMES)


# Properties


@pytest.mark.parametrize("causal", [False, True])
def test_one_head_without_projections_is_scaled_dot_product_attention(causal, rng):
    q, k, v = (rng.standard_normal((2, t, 5)) for t in (3, 4, 4))
    eye, none = np.eye(5), np.zeros(5)
    (y, weights), _ = attend(q, k, v, eye, eye, eye, eye, none, none, none, none, heads=1, causal=causal)
    (plain, plain_weights), _ = scaled_dot_product_attention_forward(q, k, v, causal=causal)
    np.testing.assert_allclose(y, plain, rtol=1e-14)
    np.testing.assert_allclose(weights[:, 0], plain_weights, rtol=1e-14)


def test_each_head_has_its_own_columns(rng):
    """As in the paper: the heads one by one, each with its blocks of the projections, then side by side."""
    args = draw(rng)
    q, k, v, w_q, w_k, w_v, w_o, b_q, b_k, b_v, b_o = args
    found, found_weights = [], []
    for i in range(2):
        a, b = slice(2 * i, 2 * i + 2), slice(3 * i, 3 * i + 3)
        projected = (
            x @ w[:, s] + bias[s] for x, w, bias, s in [(q, w_q, b_q, a), (k, w_k, b_k, a), (v, w_v, b_v, b)]
        )
        (head, weights), _ = scaled_dot_product_attention_forward(*projected, mask=PAIRS)
        found.append(head)
        found_weights.append(weights)
    (y, weights), _ = attend(*args, heads=2, mask=PAIRS)
    np.testing.assert_allclose(y, linear_forward(np.concatenate(found, axis=-1), w_o, b_o)[0], rtol=1e-12)
    np.testing.assert_allclose(weights, np.stack(found_weights, axis=1), rtol=1e-12)


def test_the_order_of_the_heads_does_not_matter(rng):
    args = draw(rng)
    a, b = np.array([2, 3, 0, 1]), np.array([3, 4, 5, 0, 1, 2])
    q, k, v, w_q, w_k, w_v, w_o, b_q, b_k, b_v, b_o = args
    swapped = [q, k, v, w_q[:, a], w_k[:, a], w_v[:, b], w_o[b], b_q[a], b_k[a], b_v[b], b_o]
    (y, weights), _ = attend(*args, heads=2)
    (y_2, weights_2), _ = attend(*swapped, heads=2)
    np.testing.assert_allclose(y_2, y, rtol=1e-12)
    np.testing.assert_allclose(weights_2, weights[:, ::-1], rtol=1e-12)


def test_the_bias_of_the_keys_changes_nothing(rng):
    args = draw(rng)
    shifted = [x + 7 if name == "b_k" else x for name, x in zip(NAMES, args, strict=True)]
    one, two = (run(x, heads=2, mask=PAIRS) for x in (args, shifted))
    np.testing.assert_allclose(two["y"], one["y"], rtol=1e-11)
    assert not one["db_k"].any()
    assert np.abs(one["db_q"]).min() > 1e-3


def test_permuting_keys_with_their_values_permutes_the_weights_alone(rng):
    (q, k, v, *rest), order = draw(rng), np.array([2, 0, 3, 1])
    (y, weights), _ = attend(q, k, v, *rest, heads=2, mask=KEYS)
    (y_2, weights_2), _ = attend(q, k[:, order], v[:, order], *rest, heads=2, mask=KEYS[:, order])
    np.testing.assert_allclose(y_2, y, rtol=1e-12)
    np.testing.assert_allclose(weights_2, weights[..., order], rtol=1e-12)


def test_rows_do_not_see_each_other(rng):
    args = draw(rng)
    (y, _), _ = attend(*args, heads=2, mask=KEYS)
    for n in range(2):
        alone = [x[n : n + 1] for x in args[:3]]
        (y_n, _), _ = attend(*alone, *args[3:], heads=2, mask=KEYS[n : n + 1])
        np.testing.assert_allclose(y_n, y[n : n + 1], rtol=1e-12)


# Masks


def test_a_mask_of_keys_is_one_of_pairs_the_same_for_every_query(rng):
    args = draw(rng)
    pairs = np.broadcast_to(KEYS[:, None], (2, 3, 4))
    assert_same(run(args, heads=2, mask=KEYS), run(args, heads=2, mask=pairs))


def test_a_mask_of_keys_as_many_as_rows_and_queries_is_read_as_one_of_keys(rng):
    """N = Tq = Tk = 3: a square mask says which keys each row of the batch has."""
    args = draw(rng, n=3, queries=3, keys=3)
    mask = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], bool)
    (_, weights), _ = attend(*args, heads=2, mask=mask)
    np.testing.assert_array_equal(weights > 0, np.broadcast_to(mask[:, None, None], (3, 2, 3, 3)))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("junk", [1e308, np.nan, np.inf])
def test_what_stands_where_no_query_looks_does_not_matter(junk, causal, rng, kernels):
    args = draw(rng)
    seen = PAIRS.copy()
    seen[:, :, 2] = False
    if causal:  # the first of three queries over four keys sees two: the mask allows more, but not both do
        seen[:, 1:, 3] = False
    hidden = np.array([True, True, False, not causal])
    other = [np.where(hidden[:, None], x, junk) for x in args[1:3]]
    one = run(args, heads=2, mask=seen, causal=causal)
    assert_same(run([args[0], *other, *args[3:]], heads=2, mask=seen, causal=causal), one)
    assert not one["dk"][:, ~hidden].any()
    assert not one["dv"][:, ~hidden].any()


def test_a_query_that_sees_nothing_gets_the_bias(rng, kernels):
    args = draw(rng)
    found = run(args, heads=2, mask=PAIRS)
    np.testing.assert_array_equal(found["y"][0, 1], args[-1])
    assert not found["weights"][0, :, 1].any()
    assert not found["dq"][0, 1].any()
    assert found["dq"][0, [0]].any()
    nobody = run(args, heads=2, mask=KEYS & False)
    np.testing.assert_array_equal(nobody["y"], np.broadcast_to(args[-1], (2, 3, 3)))
    for name in ("dq", "dk", "dv", "dw_q", "dw_k", "dw_v", "dw_o", "db_q", "db_v"):
        assert not nobody[name].any(), name


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (2, 4)])
def test_causal_never_looks_ahead(queries, keys, rng, kernels):
    args = draw(rng, queries=queries, keys=keys)
    (y, _), _ = attend(*args, heads=2, causal=True)
    for j in range(keys):
        other = [x.copy() for x in args]
        other[1][:, j] += 3
        other[2][:, j] -= 50
        (y_2, _), _ = attend(*other, heads=2, causal=True)
        first = max(0, j - (keys - queries))  # the first query that sees key j
        np.testing.assert_array_equal(y_2[:, :first], y[:, :first])
        assert (y_2[:, first:] != y[:, first:]).any(axis=-1).all()


def test_causal_and_mask_must_both_allow(rng):
    args = draw(rng)
    both = PAIRS & np.tri(3, 4, 1, dtype=bool)
    assert_same(run(args, heads=2, mask=PAIRS, causal=True), run(args, heads=2, mask=both))
    keys_too = KEYS[:, None] & np.tri(3, 4, 1, dtype=bool)
    assert_same(run(args, heads=2, mask=KEYS, causal=True), run(args, heads=2, mask=keys_too))


@pytest.mark.parametrize("sizes", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
@pytest.mark.parametrize("masked", [False, True])
def test_empty_axes_give_empty_or_zero_results(sizes, masked, rng):
    args = draw(rng, *sizes)
    mask = np.ones((sizes[0], sizes[2]), bool) if masked else None
    found = run(args, heads=2, mask=mask)
    np.testing.assert_array_equal(found["y"], np.broadcast_to(args[-1], (*sizes[:2], 3)))
    assert found["weights"].shape == (sizes[0], 2, *sizes[1:])
    assert not found["dw_q"].any()


# Gradients


@pytest.mark.parametrize("mask", [None, KEYS, PAIRS], ids=["whole", "keys", "pairs"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 2])
def test_the_gradient_is_right(heads, mask, causal, rng, kernels):
    check_op(attend, *draw(rng), heads=heads, mask=mask, causal=causal).assert_ok()


@pytest.mark.parametrize("sizes", [(1, 3, 4), (2, 1, 1), (2, 4, 2), (1, 1, 5)])
def test_the_gradient_is_right_where_a_size_is_one_or_queries_outnumber_keys(sizes, rng, kernels):
    check_op(attend, *draw(rng, *sizes), heads=2, causal=True).assert_ok()


@given(
    st.lists(st.integers(1, 3), min_size=6, max_size=6),
    st.lists(st.integers(1, 2), min_size=3, max_size=3),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(kernels, sizes, split, share, by_keys, causal, seed):
    rng, (heads, a, b) = np.random.default_rng(seed), split
    n, queries, keys, *widths = sizes
    args = draw(rng, n, queries, keys, widths=widths, a=heads * a, b=heads * b)
    mask = rng.random((n, keys) if by_keys else (n, queries, keys)) < share
    check_op(attend, *args, heads=heads, mask=mask, causal=causal).assert_ok()


def test_float32_gives_what_float64_gives(rng, kernels):
    args = draw(rng)
    small, large = (
        run([x.astype(dtype) for x in args], heads=2, mask=PAIRS) for dtype in ("float32", "float64")
    )
    assert_same(small, large, rtol=1e-4, atol=1e-5)
    assert {array.dtype for array in small.values()} == {np.dtype(np.float32)}


def test_self_attention_sums_the_gradients_of_its_three_roles(rng):
    """One x as q, k and v: its gradient is dq + dk + dv."""
    x, *params = draw(rng, keys=3, widths=(4, 4, 4))[2:]

    def alone(x):
        y, cache = attend(x, x, x, *params, heads=2, causal=True)
        return y, cache

    def back(dy, dweights, cache):
        grads = multi_head_attention_backward(dy, dweights, cache)
        return {"dx": grads.dq + grads.dk + grads.dv}

    check_op(alone, x, backward=back).assert_ok()


# What does not fit


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("q", (2, 4), r"q has 2 axes, shape \(2, 4\), but q is \(N, Tq, D\)"),
        ("k", (2, 4, 3, 1), r"k has 4 axes, shape .*, but k is \(N, Tk, Dk\)"),
        ("v", (2, 5), r"v has 2 axes, shape \(2, 5\), but v is \(N, Tk, Dv\)"),
        ("k", (3, 4, 3), r"k is \(3, 4, 3\) but \(N, Tk, Dk\) = \(2, 4, 3\) is needed"),
        ("v", (2, 3, 5), r"v is \(2, 3, 5\) but \(N, Tk, Dv\) = \(2, 4, 5\) is needed"),
        ("w_q", (4,), r"w_q has 1 axes, shape \(4,\), but w_q is \(in, out\)"),
        ("w_q", (3, 4), r"w_q is \(3, 4\) but \(D, A\) = \(4, 4\) is needed"),
        ("w_k", (4, 4), r"w_k is \(4, 4\) but \(Dk, A\) = \(3, 4\) is needed"),
        ("w_v", (4, 6), r"w_v is \(4, 6\) but \(Dv, B\) = \(5, 6\) is needed"),
        ("w_o", (4, 3), r"w_o is \(4, 3\) but \(B, O\) = \(6, 3\) is needed"),
        ("b_q", (6,), r"b_q is \(6,\) but \(A,\) = \(4,\) is needed"),
        ("b_k", (1, 4), r"b_k is \(1, 4\) but \(A,\) = \(4,\) is needed"),
        ("b_v", (4,), r"b_v is \(4,\) but \(B,\) = \(6,\) is needed"),
        ("b_o", (6,), r"b_o is \(6,\) but \(O,\) = \(3,\) is needed"),
    ],
)
def test_shapes_that_do_not_fit_are_named(name, shape, message, rng):
    args = draw(rng)
    args[NAMES.index(name)] = np.ones(shape)
    with pytest.raises(ValueError, match=f"^multi_head_attention: {message}"):
        attend(*args, heads=2)


@pytest.mark.parametrize("heads", [0, -1, 3, 4, 1.0])
def test_heads_that_do_not_divide_are_named(heads, rng):
    with pytest.raises(
        ValueError,
        match=rf"^multi_head_attention: heads is {heads} but a number that divides A = 4 and B = 6",
    ):
        attend(*draw(rng), heads=heads)


def test_masks_and_dtypes_that_do_not_fit_are_named(rng):
    args = draw(rng)
    with pytest.raises(ValueError, match=r"^multi_head_attention: mask is \(3, 4\) but \(N, Tk\) = \(2, 4\)"):
        attend(*args, heads=2, mask=PAIRS[0])
    with pytest.raises(ValueError, match=r"mask is \(1, 3, 4\) but \(N, Tq, Tk\) = \(2, 3, 4\) is needed"):
        attend(*args, heads=2, mask=PAIRS[:1])
    with pytest.raises(TypeError, match=r"^multi_head_attention: mask is int64 but bool is needed"):
        attend(*args, heads=2, mask=PAIRS.astype(int))
    with pytest.raises(TypeError, match=r"^multi_head_attention: b_o is float32 but q is float64"):
        attend(*args[:-1], args[-1].astype(np.float32), heads=2)


def test_upstreams_that_do_not_fit_are_named(rng):
    (y, weights), cache = attend(*draw(rng), heads=2)
    with pytest.raises(ValueError, match=r"^multi_head_attention: dy is \(2, 3\) but .* was \(2, 3, 3\)"):
        multi_head_attention_backward(y[..., 0], weights, cache)
    with pytest.raises(ValueError, match=r"dweights is \(2, 3, 4\) but .* was \(2, 2, 3, 4\)"):
        multi_head_attention_backward(y, weights[:, 0], cache)
    with pytest.raises(TypeError, match=r"^multi_head_attention: dweights is float32 but .* was float64"):
        multi_head_attention_backward(y, weights.astype(np.float32), cache)
