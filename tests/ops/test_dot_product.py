"""Scaled dot-product attention."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from minicap.gradcheck import check_op
from minicap.ops import scaled_dot_product_attention_backward, scaled_dot_product_attention_forward

attend = scaled_dot_product_attention_forward


def draw(rng, batch=(2,), queries=3, keys=4, d=5, dv=2):
    """Return random queries, keys and values, small enough that no softmax is all or nothing."""
    shapes = [(*batch, queries, d), (*batch, keys, d), (*batch, keys, dv)]
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def run(rng, *args, **options):
    """Return outputs and, of random upstreams (the same for one rng), gradients."""
    outputs, cache = attend(*args, **options)
    upstreams = [rng.standard_normal(y.shape) for y in outputs]
    return [*outputs, *scaled_dot_product_attention_backward(*upstreams, cache)]


def test_a_value_worked_by_hand():
    ln3 = math.log(3)
    q, k, v = np.zeros((1, 4)), np.zeros((2, 4)), np.array([[8.0], [16.0]])
    q[0, 0], k[1, 0] = 2, ln3  # scores 0 and 2 ln 3 / sqrt(4)
    (y, weights), cache = attend(q, k, v)
    np.testing.assert_allclose(weights, [[1 / 4, 3 / 4]], rtol=1e-15)
    np.testing.assert_allclose(y, [[14]], rtol=1e-15)
    dq, dk, dv = scaled_dot_product_attention_backward(np.ones((1, 1)), np.array([[0.0, 4.0]]), cache)
    # The weights' upstream is 8 and 16 + 4, its mean 17; so the scores' is -9/4 and 9/4, half of it behind sqrt(4).
    np.testing.assert_allclose(dq, [[9 / 8 * ln3, 0, 0, 0]], rtol=1e-14)
    np.testing.assert_allclose(dk, [[-9 / 4, 0, 0, 0], [9 / 4, 0, 0, 0]], rtol=1e-14)
    np.testing.assert_allclose(dv, [[1 / 4], [3 / 4]], rtol=1e-14)


@pytest.mark.parametrize("case", ["plain", "masked", "heads", "causal", "causal, keys kept from before"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(
        f"scaled_dot_product_attention/{case}", attend, scaled_dot_product_attention_backward, *"qkv"
    )


# Properties


def test_it_is_a_softmax_of_scaled_products(rng):
    q, k, v = draw(rng)
    (y, weights), _ = attend(q, k, v)
    expected = softmax(np.einsum("nid,njd->nij", q, k) / math.sqrt(5), axis=-1)
    np.testing.assert_allclose(weights, expected, rtol=1e-13)
    np.testing.assert_allclose(y, np.einsum("nij,njd->nid", expected, v), rtol=1e-12)


def test_equal_keys_share_alike(rng):
    q, k, v = draw(rng)
    (y, weights), _ = attend(q, np.broadcast_to(k[:, :1], k.shape), v)
    np.testing.assert_allclose(weights, 1 / 4, rtol=1e-13)
    np.testing.assert_allclose(y, np.broadcast_to(v.mean(axis=1, keepdims=True), y.shape), rtol=1e-12)


def test_permuting_keys_with_their_values_permutes_the_weights_alone(rng):
    (q, k, v), order = draw(rng), np.array([2, 0, 3, 1])
    (y, weights), _ = attend(q, k, v)
    (y_2, weights_2), _ = attend(q, k[:, order], v[:, order])
    np.testing.assert_allclose(y_2, y, rtol=1e-12)
    np.testing.assert_allclose(weights_2, weights[..., order], rtol=1e-12)


def test_permuting_the_queries_permutes_the_output(rng):
    (q, k, v), order = draw(rng), np.array([2, 0, 1])
    (y, _), _ = attend(q, k, v)
    np.testing.assert_allclose(attend(q[:, order], k, v)[0][0], y[:, order], rtol=1e-12)


def test_batch_axes_may_be_any(rng):
    args = draw(rng, (2, 3))
    mask = rng.random((2, 3, 3, 4)) < 0.7
    together = run(np.random.default_rng(1), *args, mask=mask)
    flat_args, flat_mask = [x.reshape(6, *x.shape[2:]) for x in args], mask.reshape(6, 3, 4)
    flat = run(np.random.default_rng(1), *flat_args, mask=flat_mask)
    for one, two in zip(together, flat, strict=True):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=1e-12)
    # and no batch axis at all
    (y, _), _ = attend(*(x[1, 2] for x in args), mask=mask[1, 2])
    np.testing.assert_allclose(y, together[0][1, 2], rtol=1e-12)


# Masks


@pytest.mark.parametrize(
    "shape", [(4,), (1,), (3, 4), (3, 1), (1, 1, 4), (2, 1, 1, 4), (5, 3, 4), (2, 5, 3, 1)]
)
def test_a_mask_broadcasts(shape, rng):
    args, mask = draw(rng, (2, 5)), rng.random(shape) < 0.6
    whole = np.ascontiguousarray(np.broadcast_to(mask, (2, 5, 3, 4)))
    for one, two in zip(
        run(np.random.default_rng(1), *args, mask=mask),
        run(np.random.default_rng(1), *args, mask=whole),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
    check_op(attend, *args, mask=mask).assert_ok()


@pytest.mark.parametrize("causal", [False, True])
def test_masked_keys_are_as_if_they_were_not_there(causal, rng):
    q, k, v = draw(rng, queries=4)
    keep = np.array([True, False, True, True])
    mask = np.broadcast_to(keep, (2, 4, 4))
    past = np.tri(4, dtype=bool)[:, keep] if causal else None
    whole = run(np.random.default_rng(1), q, k, v, mask=mask, causal=causal)
    # Draw the same upstreams with the dropped column cut out.
    (y, weights), cache = attend(q, k[:, keep], v[:, keep], mask=past)
    upstream = np.random.default_rng(1)
    dy, dweights = upstream.standard_normal(y.shape), upstream.standard_normal((2, 4, 4))[..., keep]
    short = [y, weights, *scaled_dot_product_attention_backward(dy, dweights, cache)]
    for i, axis in [(1, 2), (3, 1), (4, 1)]:  # weights, dk, dv
        assert not np.compress(~keep, whole[i], axis=axis).any()
        whole[i] = np.compress(keep, whole[i], axis=axis)
    for one, two in zip(whole, short, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("junk", [1e308, np.nan, np.inf])
def test_what_stands_where_no_query_looks_does_not_matter(junk, rng, kernels):
    q, k, v = draw(rng)
    seen = np.array([[1, 0, 1, 0], [0, 1, 1, 0]], bool)
    other = [np.where(seen[..., None], x, junk) for x in (k, v)]
    one = run(np.random.default_rng(1), q, k, v, mask=seen[:, None])
    two = run(np.random.default_rng(1), q, *other, mask=seen[:, None])
    for x, y in zip(one, two, strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_query_that_sees_nothing_gets_zeros(rng, kernels):
    q, k, v = draw(rng)
    mask = np.ones((3, 4), bool)
    mask[1] = False
    y, weights, dq, dk, dv = run(np.random.default_rng(1), q, k, v, mask=mask)
    for array in (y, weights, dq):
        assert not array[:, 1].any()
        assert array[:, [0, 2]].any(axis=-1).all()
    assert np.isfinite(dk).all()
    assert np.isfinite(dv).all()
    assert not any(array.any() for array in run(np.random.default_rng(1), q, k, v, mask=mask[:, :1] & False))


# Causal


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (2, 5), (1, 3)])
def test_causal_never_looks_ahead(queries, keys, rng, kernels):
    """Whatever key j is changed to, the queries i < j - (Tk - Tq) do not notice, the others do."""
    q, k, v = draw(rng, queries=queries, keys=keys)
    (y, _), _ = attend(q, k, v, causal=True)
    for j in range(keys):
        k_2, v_2 = k.copy(), v.copy()
        k_2[:, j] += 3
        v_2[:, j] -= 50
        (y_2, _), _ = attend(q, k_2, v_2, causal=True)
        first = max(0, j - (keys - queries))  # the first query that sees key j
        np.testing.assert_array_equal(y_2[:, :first], y[:, :first])
        assert (y_2[:, first:] != y[:, first:]).any(axis=-1).all()


def test_causal_gradients_never_flow_ahead(rng):
    q, k, v = draw(rng, queries=4)
    (y, weights), cache = attend(q, k, v, causal=True)
    dy, dweights = np.zeros_like(y), np.zeros_like(weights)
    dy[:, 1], dweights[:, 1] = 1, rng.standard_normal((2, 4))
    grads = scaled_dot_product_attention_backward(dy, dweights, cache)
    assert not grads.dk[:, 2:].any()
    assert not grads.dv[:, 2:].any()
    assert grads.dk[:, :2].any(axis=-1).all()


def test_one_query_at_a_time_over_the_keys_so_far_is_causal_attention(rng):
    q, k, v = draw(rng, queries=4)
    (y, _), _ = attend(q, k, v, causal=True)
    for t in range(4):
        (now, _), _ = attend(q[:, t : t + 1], k[:, : t + 1], v[:, : t + 1], causal=True)
        np.testing.assert_allclose(now, y[:, t : t + 1], rtol=1e-12)


def test_causal_aligns_the_ends_and_more_queries_than_keys_see_nothing_at_first(rng):
    (y, weights), _ = attend(*draw(rng, queries=5, keys=3), causal=True)
    np.testing.assert_array_equal(weights[0] > 0, np.tri(5, 3, -2, dtype=bool))
    assert not y[:, :2].any()


def test_causal_and_mask_must_both_allow(rng):
    args = draw(rng, queries=4)
    mask = rng.random((2, 4, 4)) < 0.6
    one = run(np.random.default_rng(1), *args, mask=mask, causal=True)
    two = run(np.random.default_rng(1), *args, mask=mask & np.tri(4, dtype=bool))
    for x, y in zip(one, two, strict=True):
        np.testing.assert_array_equal(x, y)


def test_large_scores_stay_finite(rng, kernels):
    q, k, v = draw(rng)
    found = run(rng, q * 1e5, k * 1e5, v, mask=np.array([[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool))
    assert all(np.isfinite(array).all() for array in found)
    np.testing.assert_allclose(found[1].max(axis=-1), [[1, 1, 0]] * 2, rtol=1e-12)


def test_no_keys_at_all_give_zeros(rng):
    y, _, dq, dk, _ = run(rng, *draw(rng, keys=0))
    assert (y.shape, dk.shape) == ((2, 3, 2), (2, 0, 5))
    assert not y.any()
    assert not dq.any()


# Gradients


@pytest.mark.parametrize("options", [{}, {"causal": True}], ids=["", "causal"])
@pytest.mark.parametrize(
    "sizes", [((1,), 1, 1), ((3,), 1, 4), ((2,), 4, 4), ((2,), 4, 2), ((), 2, 3), ((2, 2), 2, 3)]
)
def test_the_gradient_is_right(sizes, options, rng, kernels):
    check_op(attend, *draw(rng, *sizes), **options).assert_ok()


@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.lists(st.integers(1, 4), min_size=4, max_size=4),
    st.floats(0, 1),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(kernels, batch, sizes, share, causal, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((*batch, *sizes[:2])) < share
    check_op(attend, *draw(rng, tuple(batch), *sizes), mask=mask, causal=causal).assert_ok()


def test_float32_gives_what_float64_gives(rng, kernels):
    args, mask = draw(rng), np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]], bool)
    found = []
    for dtype in ("float32", "float64"):
        outputs, cache = attend(*(x.astype(dtype) for x in args), mask=mask, causal=True)
        upstreams = [np.linspace(-1, 1, y.size, dtype=dtype).reshape(y.shape) for y in outputs]
        found.append([*outputs, *scaled_dot_product_attention_backward(*upstreams, cache)])
    for small, large in zip(*found, strict=True):
        assert (small.dtype, large.dtype) == (np.float32, np.float64)
        np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-6)


# What does not fit


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5,), (4, 5), (4, 2)), r"q is \(5,\) but \(\.\.\., Tq, D\) with D of at least 1 is needed"),
        (((3, 0), (4, 0), (4, 2)), r"q is \(3, 0\) but \(\.\.\., Tq, D\) with D of at least 1 is needed"),
        (((3, 5), (4, 6), (4, 2)), r"k is \(4, 6\) but \(\.\.\., Tk, D\) = \(4, 5\) is needed"),
        (((3, 5), (5,), (4, 2)), r"k is \(5,\) but \(\.\.\., Tk, D\)"),
        (((2, 3, 5), (4, 5), (4, 2)), r"k is \(4, 5\) but \(\.\.\., Tk, D\) = \(2, 4, 5\) is needed"),
        (((3, 5), (4, 5), (3, 2)), r"v is \(3, 2\) but \(\.\.\., Tk, Dv\) = \(4, 2\) is needed"),
        (
            ((2, 3, 5), (2, 4, 5), (3, 4, 2)),
            r"v is \(3, 4, 2\) but \(\.\.\., Tk, Dv\) = \(2, 4, 2\) is needed",
        ),
        (((3, 5), (4, 5), ()), r"v is \(\) but \(\.\.\., Tk, Dv\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    with pytest.raises(ValueError, match=f"^scaled_dot_product_attention: {message}"):
        attend(*(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize("shape", [(2, 4), (4, 3), (2, 2, 4), (3, 3, 4), (1, 2, 3, 4), (5,)])
def test_masks_that_do_not_fit_are_named(shape, rng):
    with pytest.raises(
        ValueError,
        match=r"mask is \(.*\) but a shape that broadcasts to .* = \(2, 3, 4\) is needed; a mask of keys",
    ):
        attend(*draw(rng), mask=np.ones(shape, bool))


def test_dtypes_that_do_not_fit_are_named(rng):
    q, k, v = draw(rng)
    with pytest.raises(TypeError, match=r"^scaled_dot_product_attention: mask is int64 but bool is needed"):
        attend(q, k, v, mask=np.ones((3, 4), int))
    with pytest.raises(TypeError, match=r"^scaled_dot_product_attention: k is float32 but q is float64"):
        attend(q, k.astype(np.float32), v)


def test_upstreams_that_do_not_fit_are_named(rng):
    (y, weights), cache = attend(*draw(rng))
    with pytest.raises(ValueError, match=r"dy is \(2, 3, 4\) but the forward's output was \(2, 3, 2\)"):
        scaled_dot_product_attention_backward(weights, weights, cache)
    with pytest.raises(ValueError, match=r"dweights is \(2, 3, 2\) but the forward's output was \(2, 3, 4\)"):
        scaled_dot_product_attention_backward(y, y, cache)
    with pytest.raises(TypeError, match="dy is float32 but the forward was float64"):
        scaled_dot_product_attention_backward(y.astype(np.float32), weights, cache)
