"""Batch norm with its running statistics: what they become, when they are used, and when they move."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.layers import BatchNorm
from minicap.layers.batch_norm import statistics_kept_back


def column(*values):
    """Return values of one channel, (N, 1)."""
    return np.array(values, float)[:, None]


def made(channels=3, dtype="float64", **options):
    """Return a layer whose parameters and running statistics are drawn, so that nothing is 0 or 1 by chance."""
    layer, rng = BatchNorm(channels, dtype=dtype, **options), np.random.default_rng(4)
    for array in (*layer.params.values(), *layer.buffers.values()):
        array[...] = rng.uniform(0.5, 2, channels)
    return layer


def running(layer):
    """Return copies of mean and variance as they run."""
    return [array.copy() for array in layer.buffers.values()]


def same(one, two):
    """Tell whether two lists of arrays are bit-equal."""
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# The statistics


def test_running_statistics_by_hand():
    layer = BatchNorm(1, dtype="float64")
    layer.forward(column(1, 3), training=True)  # mean 2, unbiased variance ((-1)^2 + 1^2) / 1 = 2
    np.testing.assert_allclose(running(layer), [[0.2], [1.1]], rtol=1e-15)
    layer.forward(column(5, 5, 5), training=True)  # mean 5, variance 0
    np.testing.assert_allclose(running(layer), [[0.2 + 0.1 * 4.8], [0.99]], rtol=1e-15)


def test_a_channel_is_taken_over_pictures_and_pixels():
    x = np.array([[[[1, 2]], [[7, 7]]], [[[3, 6]], [[7, 8]]]], float)  # (2, 2, 1, 2): 1 2 3 6, and 7 7 7 8
    layer = BatchNorm(2, momentum=1.0, dtype="float64")
    layer.forward(x, training=True)
    np.testing.assert_allclose(running(layer), [[3, 7.25], [14 / 3, 0.25]], rtol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.3, 1.0])
def test_the_same_batch_again_and_again(momentum):
    """After k times the distance is (1 - momentum)^k of what it was."""
    layer = BatchNorm(1, momentum=momentum, dtype="float64")
    for _ in range(4):
        layer.forward(column(10, 14), training=True)  # mean 12, unbiased variance 8
    left = (1 - momentum) ** 4
    np.testing.assert_allclose(running(layer), [[12 * (1 - left)], [8 - 7 * left]], rtol=1e-14)


def test_it_starts_as_if_inputs_were_normal_already():
    layer = BatchNorm(2)
    assert {name: array.tolist() for name, array in (layer.params | layer.buffers).items()} == {
        "gamma": [1, 1], "beta": [0, 0], "running_mean": [0, 0], "running_var": [1, 1],
    }  # fmt: skip


# Which statistics normalise


def test_while_training_the_batchs_own_normalise_by_hand():
    layer = BatchNorm(1, eps=3.0, dtype="float64")
    layer.params["gamma"][...], layer.params["beta"][...] = 4, 7
    y, _ = layer.forward(column(1, 3), training=True)  # biased variance 1: (x - 2) / sqrt(1 + 3)
    assert y.tolist() == [[5], [9]]


def test_afterwards_the_running_ones_by_hand():
    layer = BatchNorm(1, eps=3.0, dtype="float64")
    layer.params["gamma"][...], layer.params["beta"][...] = 4, 7
    layer.buffers["running_mean"][...], layer.buffers["running_var"][...] = 5, 13
    y, _ = layer.forward(column(1, 9))  # (x - 5) / sqrt(13 + 3)
    assert y.tolist() == [[3], [11]]


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 3)])
def test_only_while_training_do_neighbours_matter(shape, rng, kernels):
    layer, x = made(), rng.standard_normal(shape)
    alone = [layer.forward(x[n : n + 1])[0][0] for n in range(4)]
    np.testing.assert_array_equal(layer.forward(x)[0], alone)
    together, _ = layer.forward(x, training=True)
    pair, _ = layer.forward(x[:2], training=True)
    assert (np.abs(together[:2] - pair) > 1e-6).all()


def test_nothing_but_a_training_forward_moves_the_statistics(rng, kernels):
    layer, x = made(), rng.standard_normal((4, 3, 2, 2))
    before = running(layer)
    layer.backward(np.ones_like(x), layer.forward(x)[1])
    assert same(running(layer), before)
    _, cache = layer.forward(x, training=True)
    after = running(layer)
    assert all((one != two).all() for one, two in zip(before, after, strict=True))
    layer.backward(np.ones_like(x), cache)
    assert same(running(layer), after)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_a_batch_of_one_value_a_channel_has_no_variance_of_its_own(shape, rng, kernels):
    """The rest of an epoch: it is normalised as it will be later, and moves nothing."""
    layer, x = made(), rng.standard_normal(shape)
    before = running(layer)
    y, cache = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, layer.forward(x)[0])
    assert same(running(layer), before)
    dx, _ = layer.backward(np.ones(shape), cache)
    slope = layer.params["gamma"] / np.sqrt(before[1] + 1e-5)  # a constant factor, no way through statistics
    np.testing.assert_allclose(dx.reshape(3), slope, rtol=1e-12)


def test_two_pixels_are_enough(rng, kernels):
    layer = made()
    y, _ = layer.forward(rng.standard_normal((1, 3, 1, 2)), training=True)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), layer.params["beta"], rtol=1e-12)


# Gradients, dtypes, errors


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 3, 2), (1, 3, 2, 1), (1, 3)])
def test_the_gradient_is_right(shape, training, rng, kernels):
    check_layer(made(), rng.standard_normal(shape), training=training).assert_ok()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(dtype, rng, kernels):
    layer, x = made(dtype=dtype), rng.standard_normal((4, 3)).astype(dtype)
    for training in (True, False):
        y, cache = layer.forward(x, training=training)
        dx, grads = layer.backward(y, cache)
        arrays = (y, dx, *grads.values(), *layer.params.values(), *layer.buffers.values())
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_buffers_are_no_parameters_and_are_live(rng):
    layer = made()
    mean = layer.buffers["running_mean"]
    _, grads = layer.backward(np.ones((2, 3)), layer.forward(rng.standard_normal((2, 3)), training=True)[1])
    assert list(grads) == list(layer.params) == ["gamma", "beta"]
    assert list(layer.buffers) == ["running_mean", "running_var"]
    assert layer.buffers["running_mean"] is mean


@pytest.mark.parametrize("training", [True, False])
def test_what_does_not_fit_is_named(training):
    layer = BatchNorm(3, dtype="float64")
    with pytest.raises(ValueError, match=r"^batch_norm: gamma is \(3,\) but \(C,\) = \(2,\) is needed"):
        layer.forward(np.ones((4, 2)), training=training)
    with pytest.raises(
        ValueError, match=r"^batch_norm: x has 1 axes, shape \(8,\), but x is \(N, C, \.\.\.\)"
    ):
        layer.forward(np.ones(8), training=training)
    with pytest.raises(TypeError, match=r"^batch_norm: gamma is float64 but x is float32"):
        layer.forward(np.ones((4, 3), np.float32), training=training)
    assert same(running(layer), running(BatchNorm(3, dtype="float64")))


# Statistics kept back


def test_kept_back_statistics_wait_until_they_are_called_for(rng, kernels):
    batches = rng.standard_normal((3, 4, 3))
    plain, waiting = made(), made()
    before = running(waiting)
    with statistics_kept_back() as updates:
        ys = [waiting.forward(x, training=True)[0] for x in batches]
        assert same(running(waiting), before)
    assert same(running(waiting), before)
    assert same(ys, [plain.forward(x, training=True)[0] for x in batches])
    assert len(updates) == 3
    for update in updates:
        update()
    assert same(running(waiting), running(plain))


def test_they_keep_their_order_and_the_order_matters(rng):
    batches, forwards, backwards = rng.standard_normal((2, 4, 3)), made(), made()
    for layer, step in ((forwards, 1), (backwards, -1)):
        with statistics_kept_back() as updates:
            for x in batches:
                layer.forward(x, training=True)
        for update in updates[::step]:
            update()
    assert not same(running(forwards), running(backwards))
    turned = made()
    for x in batches[::-1]:
        turned.forward(x, training=True)
    assert same(running(backwards), running(turned))


def test_what_is_kept_back_does_not_change_with_its_batch(rng):
    x, plain, waiting = rng.standard_normal((4, 3)), made(), made()
    plain.forward(x.copy(), training=True)
    with statistics_kept_back() as updates:
        waiting.forward(x, training=True)
    x[...] = 99
    updates[0]()
    assert same(running(waiting), running(plain))


def test_only_training_leaves_something_to_do(rng):
    with statistics_kept_back() as updates:
        made().forward(rng.standard_normal((4, 3)))
        made().forward(rng.standard_normal((1, 3)), training=True)
    assert updates == []


def test_afterwards_statistics_move_at_once_again(rng):
    layer, x = made(), rng.standard_normal((4, 3))
    with pytest.raises(KeyError), statistics_kept_back():
        raise KeyError
    before = running(layer)
    layer.forward(x, training=True)
    assert not same(running(layer), before)


def test_the_innermost_keeps_them(rng):
    layer, x = made(), rng.standard_normal((4, 3))
    with statistics_kept_back() as outer:
        with statistics_kept_back() as inner:
            layer.forward(x, training=True)
        layer.forward(x, training=True)
    assert (len(outer), len(inner)) == (1, 1)


def test_each_thread_keeps_its_own(rng):
    layer, batches = made(), rng.standard_normal((8, 4, 3))
    before = running(layer)

    def work(x):
        with statistics_kept_back() as updates:
            layer.forward(x, training=True)
            return updates

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda x: contextvars.copy_context().run(work, x), batches))
    assert [len(updates) for updates in kept] == [1] * 8
    assert same(running(layer), before)
    straight = made()
    for x, (update,) in zip(batches, kept, strict=True):
        straight.forward(x, training=True)
        update()
        assert same(running(layer), running(straight))
