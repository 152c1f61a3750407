"""From a map to features: what is there, wherever it stands, and where it stands."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.models import Encoder
from minicap.models.encoder import Reading, flat_size


def reading(filters=2, side=3, features=4, batch_norm=False, dtype="float64"):
    """Return a reading whose numbers are all drawn."""
    made = Reading(filters, side, features, batch_norm=batch_norm, rng=np.random.default_rng(3), dtype=dtype)
    rng = np.random.default_rng(4)
    for name, array in (made.params | made.buffers).items():
        if not name.endswith("weight"):
            array[...] = rng.uniform(0.3, 0.9, array.shape)
    return made


def maps(side=3, n=2, filters=2, seed=0):
    """Return maps as a ReLU leaves them."""
    return np.maximum(np.random.default_rng(seed).standard_normal((n, filters, side, side)), 0)


# The reading


def test_features_by_hand():
    made = Reading(1, 2, 1, rng=np.random.default_rng(0), dtype="float64")
    made.params["where.linear.weight"][:, 0] = [1, 10, 100, 1000]  # row by row
    made.params["what.linear.weight"][...] = -3
    made.params["what.linear.bias"][...] = 0.5
    features, cache = made.forward(np.array([[[[1.0, 2], [0, 0]]], [[[4, 0], [0, 0]]]]))
    assert features.tolist() == [[21 - 6 + 0.5], [0]]  # the second one is below zero: 4 - 12 + 0.5
    dmaps, grads = made.backward(np.array([[2.0], [5.0]]), cache)
    assert dmaps.tolist() == [[[[2, 20 - 6], [200, 2000]]], [[[0, 0], [0, 0]]]]  # the largest has both ways
    assert grads["what.linear.weight"].tolist() == [[2 * 2]]
    assert grads["where.linear.weight"][:, 0].tolist() == [2, 4, 0, 0]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_is_its_equation(batch_norm, kernels):
    made, x = reading(batch_norm=batch_norm), maps()
    p = made.params
    z = x.reshape(2, -1) @ p["where.linear.weight"] + p["where.linear.bias"]
    z = z + x.max(axis=(2, 3)) @ p["what.linear.weight"] + p["what.linear.bias"]
    if batch_norm:
        b = made.buffers
        z = (z - b["last.norm.running_mean"]) / np.sqrt(b["last.norm.running_var"] + 1e-5)
        z = p["last.norm.gamma"] * z + p["last.norm.beta"]
    np.testing.assert_allclose(made.forward(x)[0], np.maximum(z, 0), rtol=1e-12)


def test_what_does_not_mind_the_place_and_where_does():
    here, there = np.zeros((2, 1, 2, 5, 5))
    here[0, :, 1, 1], there[0, :, 3, 4] = 7, 7
    made = reading(side=5)
    np.testing.assert_array_equal(made.what.forward(here)[0], made.what.forward(there)[0])
    assert (made.where.forward(here)[0] != made.where.forward(there)[0]).all()


@pytest.mark.parametrize(
    ("side", "window", "places"),
    [
        (1, 1, 1), (7, 1, 7), (8, 1, 8), (15, 1, 15), (16, 2, 8), (17, 2, 8), (23, 2, 11), (24, 3, 8), (64, 8, 8),
    ],
)  # fmt: skip
def test_a_large_map_is_read_at_about_eight_places_a_side(side, window, places):
    assert flat_size(5, side) == 5 * places**2
    made = reading(1, side)
    assert made.params["where.linear.weight"].shape == (places**2, 4)
    x = maps(side, filters=1)
    kept = x[:, :, : places * window, : places * window].reshape(2, places, window, places, window)
    expected = kept.max(axis=(2, 4)).reshape(2, -1) @ made.params["where.linear.weight"]
    np.testing.assert_allclose(
        made.where.forward(x)[0], expected + made.params["where.linear.bias"], rtol=1e-12
    )


class AsLayer(Reading):
    """A reading as ``check_layer`` expects it."""

    inputs = ("maps",)


def test_the_gradient_of_a_large_map_is_right(kernels):
    """Of 17 places a side the last row and column are read by ``what`` alone."""
    made = AsLayer(1, 17, 1, rng=np.random.default_rng(3), dtype="float64")
    made.params["what.linear.bias"][...] = 20  # alive: a dead feature would have a gradient of zero, and pass
    x = maps(17, n=1, filters=1) + 0.01 * maps(17, n=1, filters=1, seed=1)
    assert made.forward(x)[0].all()
    check_layer(made, x).assert_ok()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_is_right(batch_norm, training, kernels):
    made = AsLayer(2, 3, 4, batch_norm=batch_norm, rng=np.random.default_rng(3), dtype="float64")
    check_layer(made, maps(n=3) + 0.01 * maps(n=3, seed=1), training=training).assert_ok()


def test_names_of_parameters_and_buffers():
    names = [f"{part}.linear.{kind}" for part in ("where", "what") for kind in ("weight", "bias")]
    assert list(reading().params) == names
    assert reading().buffers == {}
    normed = reading(batch_norm=True)
    assert list(normed.params) == [*names, "last.norm.gamma", "last.norm.beta"]
    assert list(normed.buffers) == ["last.norm.running_mean", "last.norm.running_var"]
    assert normed.params["what.linear.weight"].shape == (2, 4)


def test_both_readings_start_as_a_relu_wants_it():
    params = Reading(200, 2, 300, rng=np.random.default_rng(0), dtype="float64").params
    assert params["where.linear.weight"].std() == pytest.approx((2 / 800) ** 0.5, rel=0.01)  # He
    assert params["what.linear.weight"].std() == pytest.approx((2 / 200) ** 0.5, rel=0.01)
    assert not params["where.linear.bias"].any()
    assert not params["what.linear.bias"].any()


# The encoder


def encoder(batch_norm=False, dtype="float64"):
    """Return a small encoder of pictures of six pixels."""
    return Encoder("2,M,R3", 6, 4, batch_norm=batch_norm, rng=np.random.default_rng(1), dtype=dtype)


def test_it_reads_the_last_map(rng, kernels):
    made, images = encoder(), rng.standard_normal((2, 3, 6, 6))
    features, cache = made.forward(images)
    last, _ = made.convs.forward(images)
    np.testing.assert_array_equal(features, made.reading.forward(last)[0])
    assert features.shape == (2, made.feature_size) == (2, 4)
    assert cache._fields == ("convs", "reading")


def test_parameters_are_those_of_its_parts_and_live():
    made = encoder(batch_norm=True)
    assert list(made.params) == [*made.convs.params, *made.reading.params]
    assert list(made.buffers) == [*made.convs.buffers, *made.reading.buffers]
    assert made.params["what.linear.weight"] is made.reading.params["what.linear.weight"]


def test_norms_stand_in_both_parts_or_in_none():
    norms = {name.rpartition(".")[0] for name in encoder(batch_norm=True).buffers}
    assert norms == {"norm1", "block2.body.norm1", "block2.body.norm2", "last.norm"}
    assert encoder().buffers == {}
    assert not any("norm" in name for name in encoder().params)


def test_training_reaches_the_norms_of_both_parts(rng):
    made, images = encoder(batch_norm=True), rng.standard_normal((3, 3, 6, 6))
    before = {name: array.copy() for name, array in made.buffers.items()}
    made.forward(images)
    assert all((made.buffers[name] == array).all() for name, array in before.items())
    made.forward(images, training=True)
    assert all((made.buffers[name] != array).any() for name, array in before.items())


def test_one_picture_trains_the_convolutions_norms_but_not_the_last(rng, kernels):
    """Its pixels are many values a channel; its features are one each, and have no variance."""
    made, image = encoder(batch_norm=True), rng.standard_normal((1, 3, 6, 6))
    before = {name: array.copy() for name, array in made.buffers.items()}
    features, cache = made.forward(image, training=True)
    moved = {name for name, array in made.buffers.items() if (array != before[name]).any()}
    assert moved == set(made.convs.buffers)
    assert features.any()
    dimages, grads = made.backward(np.ones_like(features), cache)
    assert dimages.any()
    assert all(np.isfinite(array).all() for array in (dimages, *grads.values()))


@pytest.mark.parametrize("n", [1, 3])
def test_grey_pictures_leave_norms_no_variance_and_do_no_harm(n, kernels):
    """A blind model shows one such picture for all; its convolutions' norms give beta, and the last one too.

    Of one picture the sum in front of it is 0 less the running mean; of three it is the batch's mean.
    """
    made, images = encoder(batch_norm=True), np.zeros((n, 3, 6, 6))
    made.params["last.norm.beta"][...] = [0.5, 0.25, -1, 2]
    features, cache = made.forward(images, training=True)
    np.testing.assert_allclose(features, [[0.5, 0.25, 0, 2]] * n, atol=1e-9)
    np.testing.assert_allclose(made.buffers["norm1.running_var"], 0.9, rtol=1e-15)  # a step towards 0
    assert (made.buffers["last.norm.running_var"] == (1 if n == 1 else 0.9)).all()
    dimages, grads = made.backward(np.ones_like(features), cache)
    assert grads["last.norm.beta"].tolist() == [n, n, 0, n]
    assert all(np.isfinite(array).all() for array in (dimages, *grads.values()))


class EncoderAsLayer(Encoder):
    """An encoder as ``check_layer`` expects it."""

    inputs = ("images",)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_behind_norms_is_right(n, training, rng, kernels):
    made = EncoderAsLayer("2,M,R3", 5, 4, batch_norm=True, rng=np.random.default_rng(1), dtype="float64")
    made.params["last.norm.beta"][...] = 4  # alive: dead features would have gradients of zero, and pass
    images = rng.standard_normal((n, 3, 5, 5))
    assert made.forward(images, training=training)[0].any(axis=0).all()
    check_layer(made, images, training=training).assert_ok()


def test_frozen_convolutions_leave_the_reading_its_gradient(rng, kernels):
    made, images = encoder(batch_norm=True), rng.standard_normal((3, 3, 6, 6))
    made.convs.frozen = True
    before = {name: array.copy() for name, array in made.convs.buffers.items()}
    features, cache = made.forward(images, training=True)
    dimages, grads = made.backward(np.ones_like(features), cache)
    assert dimages is None
    assert set(grads) == set(made.reading.params)
    assert all((made.convs.buffers[name] == array).all() for name, array in before.items())
    assert made.reading.buffers["last.norm.running_mean"].any()  # the reading goes on learning


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(dtype, rng, kernels):
    made = encoder(batch_norm=True, dtype=dtype)
    features, cache = made.forward(rng.standard_normal((3, 3, 6, 6)).astype(dtype), training=True)
    dimages, grads = made.backward(features, cache)
    arrays = (features, dimages, *grads.values(), *made.params.values(), *made.buffers.values())
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("line", "size", "message"),
    [
        ("huge", 8, "there is no encoder 'huge'"),
        ("2,M,M", 3, "image_size is 3 but 2 halvings need at least 4"),
    ],
)
def test_what_does_not_fit_is_named(line, size, message):
    with pytest.raises(ValueError, match=message):
        Encoder(line, size, 4, rng=np.random.default_rng(0))
