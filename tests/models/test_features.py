"""Encoders that begin with features: worked by hand, every derivative, and what each refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.errors import InputError
from minicap.gradcheck import check_layer, check_model
from minicap.models import Captioner
from minicap.models.efficientnet import Stage
from minicap.models.features import FeatureEncoder, stored_shape, written_shape
from minicap.models.joining import GRIDS
from minicap.models.network import NETWORKS, Network, NetworkEncoder, network_shape

QUICK = {"entries": 2, "directions": 1}
SHAPES = {"vector": (5,), "grid": (4, 2, 2)}


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Offer a network of two blocks beside the real one."""
    stages = (Stage(1, 3, 1, 1, 3), Stage(1, 3, 2, 2, 4))
    monkeypatch.setitem(NETWORKS, "tiny-net", Network(stages, 2, 6))
    monkeypatch.setattr("minicap.models.network.map_side", lambda size: -(-size // 4))


def shape_for(conditioning: str) -> tuple[int, ...]:
    return SHAPES["grid" if conditioning in GRIDS else "vector"]


@pytest.fixture
def reading(captioner, draw):
    """Return a captioner of stored features, and a batch of two pictures with two captions each."""

    def build(conditioning, **options):
        shape = shape_for(conditioning)
        model = captioner(encoder=written_shape(shape), conditioning=conditioning, **options)
        stored = np.random.default_rng(3).standard_normal((2, *shape))
        return model, draw(2, [3, 1, 2, 2])._replace(images=stored)

    return build


def test_a_vector_is_read_by_a_map_and_a_relu():
    encoder = FeatureEncoder((2,), 3, rng=np.random.default_rng(0), dtype="float64")
    encoder.params["linear.weight"][...] = [[1.0, -1.0, 0.5], [2.0, 0.0, -1.0]]
    encoder.params["linear.bias"][...] = [0.0, 0.5, 0.25]
    features, cache = encoder.forward(np.array([[1.0, 2.0], [3.0, -1.0]]))
    np.testing.assert_allclose(features, [[5.0, 0.0, 0.0], [1.0, 0.0, 2.75]])
    dinputs, grads = encoder.backward(np.ones((2, 3)), cache)
    np.testing.assert_allclose(dinputs, [[1.0, 2.0], [1.5, 1.0]])
    np.testing.assert_allclose(grads["linear.weight"], [[4.0, 0.0, 3.0], [1.0, 0.0, -1.0]])
    np.testing.assert_allclose(grads["linear.bias"], [2.0, 0.0, 1.0])
    assert encoder.backward(np.ones((2, 3)), cache, image_gradient=False)[0] is None


@pytest.mark.parametrize("shape", SHAPES.values())
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_encoders_gradient_is_right(shape, batch_norm, kernels):
    class AsLayer(FeatureEncoder):
        inputs = ("stored",)

    rng = np.random.default_rng(2)
    encoder = AsLayer(shape, 3, batch_norm=batch_norm, rng=rng, dtype="float64")
    check_layer(encoder, rng.standard_normal((3, *shape))).assert_ok()


def test_every_captioners_gradient_is_right_down_to_the_stored_features(decoder, conditioning, reading):
    model, batch = reading(conditioning, decoder=decoder, dropout=0.3)
    report = check_model(model, batch, training=True, rng=np.random.default_rng(1), **QUICK)
    report.assert_ok()
    assert {gradient.name for gradient in report.gradients} == {"dimages", *model.params}


@pytest.mark.parametrize("conditioning", ["par", "attention"])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_gradient_goes_through_a_network_unless_it_is_frozen(
    conditioning, frozen, captioner, draw, kernels
):
    model = captioner(encoder="tiny-net", conditioning=conditioning)
    model.trunk.frozen = frozen
    batch = draw(2, [2, 3])
    dimages, grads = model.backward(model.loss(batch)[1])
    assert set(grads) == {
        n for n in model.params if not frozen or n.removeprefix("encoder.") not in model.trunk.params
    }
    assert (dimages is None) == frozen
    if not frozen:
        check_model(model, batch, **QUICK).assert_ok()


@pytest.mark.parametrize("conditioning", ["par", "attention"])
def test_what_a_frozen_network_found_stands_for_the_pictures(conditioning, captioner, draw):
    """A training that computes maps once learns the same as one that looks at every picture each time."""
    model, batch = captioner(encoder="tiny-net", conditioning=conditioning), draw(3, [2, 3, 1])
    maps = model.trunk.infer(batch.images)
    stored = batch._replace(images=maps if conditioning == "attention" else maps.mean(axis=(2, 3)))
    (loss, cache), (again, c_stored) = model.loss(batch), model.loss(stored)
    np.testing.assert_allclose(again, loss, rtol=1e-12)
    grads, g_stored = model.backward(cache)[1], model.backward(c_stored)[1]
    assert grads.keys() == g_stored.keys()
    for name, grad in grads.items():
        np.testing.assert_allclose(g_stored[name], grad, rtol=1e-9, atol=1e-12)
    assert model.caption(stored.images) == model.caption(batch.images)


def test_many_pictures_are_looked_at_some_at_a_time(captioner, draw, monkeypatch):
    model = captioner(encoder="tiny-net")
    images = draw(5, [1] * 5).images
    whole, seen = model.features(images), []
    infer = model.trunk.infer
    monkeypatch.setattr("minicap.models.network.AT_ONCE", 2)
    monkeypatch.setattr(model.trunk, "infer", lambda x: seen.append(len(x)) or infer(x))
    np.testing.assert_allclose(model.features(images), whole, rtol=1e-12)
    assert seen == [2, 2, 1]


def test_describing_keeps_nothing_for_a_gradient_though_the_network_is_not_frozen(
    captioner, draw, monkeypatch
):
    model = captioner(encoder="tiny-net")
    model.trunk.frozen = False
    monkeypatch.setattr(model.trunk, "forward", None)  # which would keep a cache
    assert model.features(draw(2, [1, 1]).images).shape == (2, 4)


def test_dropout_acts_on_the_features_while_training(captioner, draw):
    model = captioner(encoder="features:5", dropout=0.5)
    stored = np.random.default_rng(3).uniform(1, 2, (40, 5))
    model.encoder.params["linear.bias"][...] = 50.0  # nothing is 0 by its ReLU
    dropped, _ = model.encoder.forward(stored, training=True, rng=np.random.default_rng(0))
    kept, _ = model.encoder.forward(stored)
    assert 0.2 < (dropped == 0).mean() < 0.8
    assert (kept > 0).all()
    np.testing.assert_allclose(dropped[dropped != 0], 2 * kept[dropped != 0])


@pytest.mark.parametrize("conditioning", ["init", "dot"])
def test_a_saved_captioner_describes_stored_features_as_before(conditioning, reading, tmp_path):
    model, batch = reading(conditioning, features_of="somebody, 224 px")
    model.save(tmp_path / "model.npz")
    again = Captioner.load(tmp_path / "model.npz")
    assert again.caption(batch.images) == model.caption(batch.images)
    assert again.config["features_of"] == "somebody, 224 px"


def test_a_saved_network_comes_along_and_reads_pictures(captioner, draw, tmp_path):
    model, images = captioner(encoder="tiny-net"), draw(2, [1, 1]).images
    for array in model.trunk.buffers.values():
        array += 0.25
    model.save(tmp_path / "model.npz")
    again = Captioner.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.features(images), model.features(images))
    assert len(again.caption(np.zeros((9, 7, 3), np.uint8))) == 1


@pytest.mark.parametrize("form", ["half", "one", "list"])
def test_stored_features_come_in_many_forms(form, reading):
    model, batch = reading("par")
    stored = batch.images.astype(np.float16)
    given = {"half": stored, "one": stored[0], "list": list(stored)}[form]
    expected = model.features(stored.astype(np.float64))
    np.testing.assert_allclose(model.features(given), expected[:1] if form == "one" else expected)


def test_a_blind_captioner_of_stored_features_sees_none(reading):
    model, batch = reading("par", blind=True)
    assert model.loss(batch)[0] == model.loss(batch._replace(images=batch.images + 3))[0]
    dimages, _ = model.backward(model.loss(batch)[1])
    assert dimages.shape == batch.images.shape
    assert not dimages.any()


def test_a_blind_network_sees_the_same_whatever_stands_for_the_picture(captioner, draw):
    model, batch = captioner(encoder="tiny-net", blind=True), draw(2, [2, 2])
    assert model.loss(batch)[0] == model.loss(batch._replace(images=np.ones((2, 6))))[0]


def test_pictures_are_refused_where_features_are_read(reading):
    model, _ = reading("par")
    with pytest.raises(InputError, match="reads no pictures but stored features, 5 numbers a picture"):
        model.caption("photo.jpg")
    with pytest.raises(InputError, match=r"reads stored features \(features:5\): it has no convolutions"):
        model.trunk  # noqa: B018


@pytest.mark.parametrize("images", [np.zeros((2, 4)), np.zeros((2, 3, 8, 8)), np.zeros((0, 5)), np.zeros(5)])
def test_a_batch_of_another_shape_is_refused(images, reading):
    model, batch = reading("par")
    with pytest.raises(ValueError, match=r"images are .* but \(M, 5\) is needed"):
        model.loss(batch._replace(images=images))
    if images.shape != (5,) and len(images):
        with pytest.raises(ValueError, match=r"stored features \(N, 5\) but came as"):
            model.features(images)


@pytest.mark.parametrize(
    ("encoder", "conditioning", "message"),
    [
        ("features:5", "attention", "attention looks at places"),
        ("features:5", "dot", "dot looks at places"),
        ("features:5x2x2", "par", "par reads one vector a picture"),
        ("features:0", "par", "there is no encoder 'features:0'"),
        ("features:", "par", "there is no encoder"),
        ("features:5x2x3", "dot", "a square map"),
        ("features:5x2", "dot", "there is no encoder"),
        ("features:999999", "par", "there is no encoder"),
    ],
)
def test_what_does_not_go_together_is_refused(encoder, conditioning, message, captioner):
    with pytest.raises(ValueError, match=message):
        captioner(encoder=encoder, conditioning=conditioning)


@pytest.mark.parametrize(
    ("encoder", "shape"), [("features:1280", (1280,)), ("features:512x7x7", (512, 7, 7)), ("small", None)]
)
def test_an_encoder_says_which_features_it_reads(encoder, shape):
    assert stored_shape(encoder) == shape
    assert shape is None or written_shape(shape) == encoder


def test_the_real_network_makes_a_map_of_seven_by_seven(monkeypatch):
    monkeypatch.undo()
    assert network_shape("efficientnet-lite0", 224, grid=True) == (1280, 7, 7)
    assert network_shape("efficientnet-lite0", 224, grid=False) == (1280,)


def test_the_real_networks_parameters_are_named_as_the_networks():
    encoder = NetworkEncoder("efficientnet-lite0", 32, 4, rng=np.random.default_rng(0))
    assert encoder.params["head.conv.weight"].shape == (1280, 320, 1, 1)
    assert encoder.params["linear.weight"].shape == (1280, 4)
    assert encoder.convs.frozen
