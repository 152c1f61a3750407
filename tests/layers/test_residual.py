"""The residual block: what it adds to its input, and the two ways of its gradient."""

from __future__ import annotations

import numpy as np
import pytest

from minicap import ops
from minicap.gradcheck import check_layer
from minicap.layers import ResidualBlock

KINDS = [(channels, filters, norm) for channels, filters in ((2, 2), (2, 3)) for norm in (False, True)]


def block(channels=2, filters=2, batch_norm=False, dtype="float64"):
    """Return a block with every number drawn, so that no way is closed."""
    made = ResidualBlock(channels, filters, batch_norm=batch_norm, rng=np.random.default_rng(6), dtype=dtype)
    rng = np.random.default_rng(7)
    for name, array in (made.params | made.buffers).items():
        low = 0.5 if "norm" in name else -0.5
        array[...] = rng.uniform(low, low + 1, array.shape)
    return made


def test_a_value_by_hand():
    """One pixel, one channel: y = relu(b relu(a x + p) + q + x), the middle taps alone being hit."""
    made = ResidualBlock(1, 1, batch_norm=False, rng=np.random.default_rng(0), dtype="float64")
    for array in made.params.values():
        array[...] = 0
    made.params["body.conv1.weight"][0, 0, 1, 1], made.params["body.conv1.bias"][0] = 3, 1  # a, p
    made.params["body.conv2.weight"][0, 0, 1, 1], made.params["body.conv2.bias"][0] = -2, 0.5  # b, q
    x = np.array([-1.0, 0.2, -0.4])[:, None, None, None]
    y, cache = made.forward(x)
    # a x + p = -2, 1.6, -0.2; b relu = 0, -3.2, 0; + q + x = -0.5, -2.5, 0.1
    np.testing.assert_allclose(y.ravel(), [0, 0, 0.1], atol=1e-15)
    dx, grads = made.backward(np.full_like(x, 2.0), cache)
    np.testing.assert_allclose(dx.ravel(), [0, 0, 2])  # the third one's body is closed, its shortcut is not
    assert grads["body.conv2.bias"].tolist() == [2]


@pytest.mark.parametrize(("channels", "filters", "batch_norm"), KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_it_is_its_equation(channels, filters, batch_norm, training, rng, kernels):
    made, x = block(channels, filters, batch_norm), rng.standard_normal((2, channels, 4, 3))
    arrays = made.params | {name: array.copy() for name, array in made.buffers.items()}

    def norm(z, name):
        if not batch_norm:
            return z
        gamma, beta, mean, var = (
            arrays[f"body.{name}.{key}"] for key in ("gamma", "beta", "running_mean", "running_var")
        )
        options = {"training": training, "running_mean": mean, "running_var": var}
        return ops.batch_norm_forward(z, gamma, beta, **options)[0]

    def conv(z, name, padding=1):
        return ops.conv2d_forward(z, arrays[f"{name}.weight"], arrays[f"{name}.bias"], padding=padding)[0]

    inner = np.maximum(norm(conv(x, "body.conv1"), "norm1"), 0)
    learnt = norm(conv(inner, "body.conv2"), "norm2")
    same = conv(x, "shortcut.conv", padding=0) if channels != filters else x
    y, _ = made.forward(x, training=training)
    assert y.shape == (2, filters, 4, 3)
    np.testing.assert_allclose(y, np.maximum(learnt + same, 0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("channels", "filters", "batch_norm"), KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_is_right(channels, filters, batch_norm, training, rng, kernels):
    x = rng.standard_normal((2, channels, 3, 2))
    check_layer(block(channels, filters, batch_norm), x, training=training).assert_ok()


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (1, 2, 5, 1)])
def test_one_picture_of_odd_size(shape, rng, kernels):
    check_layer(block(2, 3), rng.standard_normal(shape)).assert_ok()


def test_without_norm_it_starts_as_its_shortcut(rng):
    """So deep stacks start as shallow ones."""
    x = rng.standard_normal((2, 3, 4, 4)).astype(np.float32)
    made = ResidualBlock(3, 3, batch_norm=False, rng=rng)
    y, cache = made.forward(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    dx, grads = made.backward(y, cache)
    np.testing.assert_array_equal(dx, y)
    assert grads["body.conv2.weight"].any()  # but it can leave that start
    assert ResidualBlock(3, 3, rng=rng).params["body.conv2.weight"].all()


def test_the_gradient_reaches_the_input_by_both_ways(rng):
    made, x = block(), rng.standard_normal((2, 2, 4, 4))
    y, cache = made.forward(x)
    dx, _ = made.backward(np.ones_like(y), cache)
    made.params["body.conv2.weight"][...] = 0
    y, cache = made.forward(x)
    shortcut, _ = made.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(shortcut, (y > 0).astype(float))
    assert (dx != shortcut).any()


NORMS = ["body.norm1.gamma", "body.norm1.beta", "body.norm2.gamma", "body.norm2.beta"]


@pytest.mark.parametrize(("channels", "filters", "batch_norm"), KINDS)
def test_names_of_parameters_gradients_and_buffers(channels, filters, batch_norm, rng):
    made = block(channels, filters, batch_norm)
    expected = {f"body.conv{i}.{kind}" for i in (1, 2) for kind in ("weight", "bias")}
    expected |= set(NORMS) if batch_norm else set()
    expected |= {"shortcut.conv.weight", "shortcut.conv.bias"} if channels != filters else set()
    y, cache = made.forward(rng.standard_normal((2, channels, 3, 3)))
    _, grads = made.backward(y, cache)
    assert set(made.params) == expected
    assert {n: g.shape for n, g in grads.items()} == {n: p.shape for n, p in made.params.items()}
    statistics = [f"body.norm{i}.running_{kind}" for i in (1, 2) for kind in ("mean", "var")]
    assert list(made.buffers) == (statistics if batch_norm else [])
    if channels != filters:
        assert made.params["shortcut.conv.weight"].shape == (filters, channels, 1, 1)


def test_training_moves_its_statistics(rng):
    made, x = block(batch_norm=True), rng.standard_normal((2, 2, 3, 3))
    before = {name: array.copy() for name, array in made.buffers.items()}
    made.forward(x)
    assert all((made.buffers[name] == array).all() for name, array in before.items())
    made.forward(x, training=True)
    assert all((made.buffers[name] != array).all() for name, array in before.items())


@pytest.mark.parametrize(("channels", "filters", "batch_norm"), KINDS)
def test_float32_stays_float32(channels, filters, batch_norm, rng, kernels):
    made = block(channels, filters, batch_norm, "float32")
    y, cache = made.forward(rng.standard_normal((2, channels, 3, 3)).astype(np.float32), training=True)
    dx, grads = made.backward(y, cache)
    arrays = (y, dx, *grads.values(), *made.params.values(), *made.buffers.values())
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_the_input_is_left_alone(rng):
    x = rng.standard_normal((2, 2, 3, 3))
    kept = x.copy()
    made = block()
    y, cache = made.forward(x)
    dy = np.ones_like(y)
    made.backward(dy, cache)
    np.testing.assert_array_equal(x, kept)
    assert (dy == 1).all()


def test_channels_that_do_not_fit_are_named(rng):
    with pytest.raises(ValueError, match="conv2d: x has 3 channels but w expects 2"):
        block().forward(rng.standard_normal((1, 3, 4, 4)))
