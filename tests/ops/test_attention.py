"""Additive attention."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import additive_attention_backward, additive_attention_forward

NAMES = ("features", "h", "w_f", "w_h", "b", "v")
MASK = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0]], bool)  # whole, with a hole, nothing to look at


def draw(rng, n=3, locations=4, e=5, h=2, a=3):
    """Return random arguments, small enough that no tanh is flat."""
    shapes = [(n, locations, e), (n, h), (e, a), (h, a), (a,), (a,)]
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def back(cache, dcontext, dweights):
    """Return the gradients by name."""
    return additive_attention_backward(dcontext, dweights, cache)._asdict()


def test_a_value_worked_by_hand():
    """Scores 0 and ln 3: h @ w_h + b is 2 * 3 - 6 = 0, and tanh(ln(3) / 2) = 1/2."""
    ln3 = math.log(3)
    args = [[[[0.0], [ln3 / 2]]], [[2.0]], [[1.0]], [[3.0]], [-6.0], [2 * ln3]]
    (context, weights), cache = additive_attention_forward(*(np.array(x) for x in args))
    np.testing.assert_allclose(cache.s.ravel(), [0, 1 / 2], rtol=1e-15)
    np.testing.assert_allclose(weights, [[1 / 4, 3 / 4]], rtol=1e-15)
    np.testing.assert_allclose(context, [[3 / 8 * ln3]], rtol=1e-15)
    grads = back(cache, np.array([[2.0]]), np.array([[0.0, 5.0]]))
    # The weights' upstream is 0 and 5 + 2 * ln(3)/2, the scores' -3/16 and 3/16 of their difference.
    de = 3 / 16 * (5 + ln3)
    # tanh' is 1 and 3/4, v = 2 ln 3
    da = np.array([-de, 3 / 4 * de]) * 2 * ln3
    expected = {
        "dfeatures": [[[2 / 4 + da[0]], [2 * 3 / 4 + da[1]]]],
        "dh": [[3 * da.sum()]],
        "dw_f": [[da[1] * ln3 / 2]],
        "dw_h": [[2 * da.sum()]],
        "db": [da.sum()],
        "dv": [de / 2],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(grads[name], value, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("case", ["plain", "masked"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(
        f"additive_attention/{case}", additive_attention_forward, additive_attention_backward, *NAMES
    )


# Properties


def test_weights_are_shares_and_the_context_is_their_average(rng):
    features, *rest = draw(rng)
    (context, weights), _ = additive_attention_forward(features, *rest)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(context, np.einsum("nl,nle->ne", weights, features), rtol=1e-13)


def test_equal_scores_look_everywhere_alike(rng):
    features, h, w_f, w_h, b, v = draw(rng)
    for same in ([features, h, 0 * w_f, w_h, b, v], [features, h, w_f, w_h, b, 0 * v]):
        (context, weights), _ = additive_attention_forward(*same)
        np.testing.assert_allclose(weights, 1 / 4, rtol=1e-15)
        np.testing.assert_allclose(context, features.mean(axis=1), rtol=1e-13)


def test_permuting_the_locations_permutes_the_weights_alone(rng):
    (features, *rest), order = draw(rng), np.array([2, 0, 3, 1])
    (context, weights), cache = additive_attention_forward(features, *rest, mask=MASK)
    (context_2, weights_2), cache_2 = additive_attention_forward(
        features[:, order], *rest, mask=MASK[:, order]
    )
    np.testing.assert_allclose(context_2, context, rtol=1e-13)
    np.testing.assert_allclose(weights_2, weights[:, order], rtol=1e-13)
    dcontext, dweights = rng.standard_normal(context.shape), rng.standard_normal(weights.shape)
    grads, grads_2 = back(cache, dcontext, dweights), back(cache_2, dcontext, dweights[:, order])
    grads["dfeatures"] = grads["dfeatures"][:, order]
    for name, array in grads.items():
        np.testing.assert_allclose(grads_2[name], array, rtol=1e-11, atol=1e-14, err_msg=name)


def test_masked_locations_are_as_if_they_were_not_there(rng):
    features, *rest = draw(rng, n=2)
    keep = np.array([True, False, True, True])
    (context, weights), cache = additive_attention_forward(features, *rest, mask=np.array([keep] * 2))
    (short, short_weights), short_cache = additive_attention_forward(features[:, keep], *rest)
    np.testing.assert_allclose(context, short, rtol=1e-13)
    np.testing.assert_allclose(weights[:, keep], short_weights, rtol=1e-13)
    assert not weights[:, ~keep].any()
    dcontext, dweights = rng.standard_normal(context.shape), rng.standard_normal(weights.shape)
    grads, short_grads = back(cache, dcontext, dweights), back(short_cache, dcontext, dweights[:, keep])
    assert not grads["dfeatures"][:, ~keep].any()
    grads["dfeatures"] = grads["dfeatures"][:, keep]
    for name, array in grads.items():
        np.testing.assert_allclose(array, short_grads[name], rtol=1e-11, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("junk", [1e308, np.nan, np.inf])
def test_what_stands_under_the_mask_does_not_matter(junk, rng, kernels):
    features, *rest = draw(rng)
    outputs, cache = additive_attention_forward(features, *rest, mask=MASK)
    other = np.where(MASK[..., None], features, junk)
    outputs_2, cache_2 = additive_attention_forward(other, *rest, mask=MASK)
    upstreams = [rng.standard_normal(y.shape) for y in outputs]
    found = [*outputs_2, *back(cache_2, *upstreams).values()]
    for one, two in zip(found, [*outputs, *back(cache, *upstreams).values()], strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_row_with_nothing_to_look_at_is_zero(rng):
    args = draw(rng)
    (context, weights), cache = additive_attention_forward(*args, mask=MASK)
    assert not context[2].any()
    assert not weights[2].any()
    assert weights[:2].any(axis=1).all()
    grads = back(cache, rng.standard_normal(context.shape), rng.standard_normal(weights.shape))
    assert not grads["dfeatures"][2].any()
    assert not grads["dh"][2].any()
    assert grads["dh"][:2].any()


def test_a_mask_that_allows_all_is_no_mask(rng):
    args = draw(rng)
    (context, weights), _ = additive_attention_forward(*args)
    masked, _ = additive_attention_forward(*args, mask=np.ones((3, 4), bool))
    np.testing.assert_array_equal(masked[0], context)
    np.testing.assert_array_equal(masked[1], weights)


def test_large_scores_stay_finite(rng, kernels):
    *args, v = draw(rng)
    (context, weights), cache = additive_attention_forward(*args, 1e6 * v, mask=MASK)
    np.testing.assert_allclose(weights.max(axis=1), [1, 1, 0], rtol=1e-12)
    grads = back(cache, np.ones_like(context), np.ones_like(weights))
    assert all(np.isfinite(array).all() for array in grads.values())


def test_the_upstream_of_the_weights_counts(rng):
    """Attention that must look everywhere: the gradient of (1 - sum of weights)**2, with no upstream else."""
    args = draw(rng, n=2)

    def penalty(h):
        (_, weights), cache = additive_attention_forward(args[0], h, *args[2:])
        return ((1 - weights.sum(axis=0)) ** 2).sum(), weights, cache

    _, weights, cache = penalty(args[1])
    dweights = np.broadcast_to(-2 * (1 - weights.sum(axis=0)), weights.shape)
    dh = back(cache, np.zeros((2, 5)), dweights)["dh"]
    step = np.zeros_like(dh)
    step[1, 0] = 1e-5
    numeric = (penalty(args[1] + step)[0] - penalty(args[1] - step)[0]) / 2e-5
    assert abs(numeric) > 1e-4
    assert dh[1, 0] == pytest.approx(numeric, rel=1e-6)


def test_no_locations_at_all_give_zeros(rng):
    (context, weights), cache = additive_attention_forward(*draw(rng, locations=0))
    assert (context.shape, weights.shape) == ((3, 5), (3, 0))
    assert not context.any()
    assert not any(array.any() for array in back(cache, np.ones((3, 5)), weights).values())


# Gradients


@pytest.mark.parametrize("mask", [None, MASK, ~MASK])
def test_the_gradient_is_right(mask, rng, kernels):
    check_op(additive_attention_forward, *draw(rng), mask=mask).assert_ok()


@pytest.mark.parametrize("sizes", [(1, 4, 3, 2, 2), (2, 1, 3, 2, 2), (1, 1, 1, 1, 1), (2, 6, 1, 4, 1)])
def test_the_gradient_is_right_where_a_size_is_one(sizes, rng, kernels):
    check_op(additive_attention_forward, *draw(rng, *sizes)).assert_ok()


@given(st.lists(st.integers(1, 4), min_size=5, max_size=5), st.floats(0, 1), st.integers(0, 99))
def test_the_gradient_is_right_at_any_shape(kernels, sizes, share, seed):
    rng = np.random.default_rng(seed)
    *sizes, a = sizes
    args = draw(rng, *sizes, a + 1)  # a single v may be next to nothing
    check_op(additive_attention_forward, *args, mask=rng.random(sizes[:2]) < share).assert_ok()


def test_float32_gives_what_float64_gives(rng, kernels):
    args = draw(rng)
    found = []
    for dtype in ("float32", "float64"):
        outputs, cache = additive_attention_forward(*(x.astype(dtype) for x in args), mask=MASK)
        upstreams = [np.linspace(-1, 1, y.size, dtype=dtype).reshape(y.shape) for y in outputs]
        found.append([*outputs, *back(cache, *upstreams).values()])
    for small, large in zip(*found, strict=True):
        assert (small.dtype, large.dtype) == (np.float32, np.float64)
        np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-6)


# What does not fit


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("features", (3, 5), r"features has 2 axes, shape \(3, 5\), but features is \(N, L, E\)"),
        ("h", (3, 4, 2), r"h has 3 axes, shape \(3, 4, 2\), but h is \(N, H\)"),
        ("h", (2, 2), r"h is \(2, 2\) but \(N, H\) = \(3, 2\) is needed"),
        ("w_f", (5,), r"w_f has 1 axes, shape \(5,\), but w_f is \(E, A\)"),
        ("w_f", (4, 3), r"w_f is \(4, 3\) but \(E, A\) = \(5, 3\) is needed"),
        ("w_h", (2, 4), r"w_h is \(2, 4\) but \(H, A\) = \(2, 3\) is needed"),
        ("b", (4,), r"b is \(4,\) but \(A,\) = \(3,\) is needed"),
        ("v", (3, 1), r"v is \(3, 1\) but \(A,\) = \(3,\) is needed"),
    ],
)
def test_shapes_that_do_not_fit_are_named(name, shape, message, rng):
    args = draw(rng)
    args[NAMES.index(name)] = np.ones(shape)
    with pytest.raises(ValueError, match=f"^additive_attention: {message}"):
        additive_attention_forward(*args)


def test_masks_and_dtypes_that_do_not_fit_are_named(rng):
    args = draw(rng)
    with pytest.raises(ValueError, match=r"^additive_attention: mask is \(4, 3\) but \(N, L\) = \(3, 4\)"):
        additive_attention_forward(*args, mask=MASK.T)
    with pytest.raises(TypeError, match=r"^additive_attention: mask is float64 but bool is needed"):
        additive_attention_forward(*args, mask=MASK.astype(float))
    with pytest.raises(TypeError, match=r"^additive_attention: v is float32 but features is float64"):
        additive_attention_forward(*args[:-1], args[-1].astype(np.float32))


def test_upstreams_that_do_not_fit_are_named(rng):
    (context, weights), cache = additive_attention_forward(*draw(rng))
    with pytest.raises(ValueError, match=r"^additive_attention: dcontext is \(3, 4\) but .* was \(3, 5\)"):
        additive_attention_backward(weights, weights, cache)
    with pytest.raises(ValueError, match=r"^additive_attention: dweights is \(3, 5\) but .* was \(3, 4\)"):
        additive_attention_backward(context, context, cache)
    with pytest.raises(TypeError, match=r"^additive_attention: dweights is float32 but .* was float64"):
        additive_attention_backward(context, weights.astype(np.float32), cache)
