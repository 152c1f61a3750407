"""From the masked loss down to the pixels: every derivative of every captioner."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer, check_model
from minicap.models import Captioner, Encoder

QUICK = {"entries": 2, "directions": 1}


@pytest.mark.parametrize("layers", [1, 2])
def test_every_captioners_gradient_is_right(decoder, conditioning, layers, captioner, draw, kernels):
    """Two captions for each of two pictures, of different lengths, with dropout on."""
    model = captioner(decoder=decoder, conditioning=conditioning, layers=layers, dropout=0.3)
    batch = draw(2, [3, 1, 2, 2])
    report = check_model(model, batch, training=True, rng=np.random.default_rng(1), **QUICK)
    report.assert_ok()
    assert {gradient.name for gradient in report.gradients} == {"dimages", *model.params}


def test_the_pictures_matter_in_that_check(decoder, conditioning, captioner, draw):
    """A gradient that is zero everywhere would prove nothing: features are alive in every picture."""
    model, batch = captioner(decoder=decoder, conditioning=conditioning), draw(2, [4, 1, 3, 2])
    assert (model.features(batch.images) > 0).any(axis=-1).all()
    dimages, grads = model.backward(model.loss(batch)[1])
    assert ((dimages != 0).mean(axis=(1, 2, 3)) > 0.3).all()
    # What is added to all keys alike has no effect: its gradient is 0 by right.
    assert all(array.any() != name.endswith(".b_k") for name, array in grads.items())


def test_the_gradient_of_the_real_sizes_is_right(vocabulary, draw, kernels):
    model = Captioner(vocabulary, image_size=16, embed_size=32, hidden_size=24, dtype="float64")
    check_model(model, draw(3, [5, 2, 4], side=16), **QUICK).assert_ok()


@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [7]])
def test_one_picture_alone(lengths, captioner, draw, kernels):
    check_model(captioner(), draw(1, lengths), **QUICK).assert_ok()


def test_a_mask_that_keeps_nothing_gives_zero(captioner, draw):
    model, batch = captioner(), draw(2, [3, 3])
    loss, cache = model.loss(batch._replace(mask=np.zeros_like(batch.mask)))
    dimages, grads = model.backward(cache)
    assert loss == 0
    assert not any(array.any() for array in (dimages, *grads.values()))


def test_the_upstream_scales_everything(captioner, draw):
    model, batch = captioner(), draw(2, [3, 2])
    _, cache = model.loss(batch)
    (one, grads), (two, grads_two) = model.backward(cache), model.backward(cache, -2.5)
    np.testing.assert_allclose(two, -2.5 * one, rtol=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_two[name], -2.5 * grad, rtol=1e-12)


@pytest.mark.parametrize(("line", "size"), [("2,M,3,M", 4), ("2,M,3,M", 7), ("2,M,3,M", 8), ("2,R3,M", 6)])
def test_the_encoders_gradient_is_right(line, size, kernels):
    """Also where the last map is one pixel, and where a side is odd on its way down."""

    class AsLayer(Encoder):
        inputs = ("images",)

    rng = np.random.default_rng(2)
    encoder = AsLayer(line, size, 3, rng=rng, dtype="float64")
    check_layer(encoder, rng.standard_normal((1, 3, size, size))).assert_ok()


def test_a_blind_model_has_a_gradient_for_its_parameters(captioner, draw, kernels):
    model, batch = captioner(blind=True), draw(2, [4, 1, 3, 2])
    report = check_model(model, batch, **QUICK)
    assert all(gradient.passed for gradient in report.gradients if gradient.name != "dimages"), report


def test_a_blind_models_gradient_of_the_pictures_is_zero(captioner, draw):
    model, batch = captioner(blind=True), draw(2, [3, 2])
    dimages, _ = model.backward(model.loss(batch)[1])
    assert dimages.shape == batch.images.shape
    assert not dimages.any()


# Classifiers

NETWORKS = {
    "plain": {},
    "no hidden layer": {"hidden": ""},
    "batch norm": {"batch_norm": True},
    "residual": {"encoder": "3,M,R3,R4"},
    "residual and norm": {"encoder": "R3,M,R4", "batch_norm": True},
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_classifiers_gradient_is_right(network, training, classifier, class_batch, kernels):
    model = classifier(dropout=0.3, **NETWORKS[network])
    options = {"training": training, "rng": np.random.default_rng(1)}
    report = check_model(model, class_batch(4), **options, **QUICK)
    report.assert_ok()
    assert {gradient.name for gradient in report.gradients} == {"dimages", *model.params}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_pictures_matter_to_a_classifier(network, classifier, class_batch):
    model, batch = classifier(**NETWORKS[network]), class_batch(4)
    dimages, grads = model.backward(model.loss(batch)[1])
    assert dimages.any(axis=(1, 2, 3)).all()
    assert all(array.any() for array in grads.values())


def test_the_upstream_scales_a_classifiers_gradients(classifier, class_batch):
    model = classifier(batch_norm=True)
    _, cache = model.loss(class_batch(4), training=True)
    (one, grads), (two, grads_two) = model.backward(cache), model.backward(cache, -2.5)
    np.testing.assert_allclose(two, -2.5 * one, rtol=1e-10, atol=1e-15)
    for name, grad in grads.items():  # that of a bias in front of a norm is zero but for rounding
        np.testing.assert_allclose(grads_two[name], -2.5 * grad, rtol=1e-10, atol=1e-15)


# Captioners with batch norm, and those that do not look


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("encoder", ["tiny", "3,M,R4"])
def test_a_captioners_gradient_behind_batch_norm_is_right(encoder, training, captioner, draw, kernels):
    model = captioner(batch_norm=True, encoder=encoder, dropout=0.3)
    batch, rng = draw(3, [3, 1, 2, 2, 1, 2]), np.random.default_rng(1)
    check_model(model, batch, training=training, rng=rng, **QUICK).assert_ok()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_language_models_gradient_is_right(batch_norm, decoder, captioner, draw, kernels):
    """Its loss does not hang on the pictures or the encoder: their gradients are zero, and found to be so."""
    model = captioner(conditioning="none", decoder=decoder, layers=2, batch_norm=batch_norm)
    check_model(model, draw(2, [3, 1, 2, 2]), training=True, **QUICK).assert_ok()


# Frozen convolutions


@pytest.fixture(params=["classifier", "tagger", "captioner"])
def frozen(request, class_batch, tag_batch, draw):
    """Return each kind of model with batch norm and frozen convolutions, and a batch for it."""
    model = request.getfixturevalue(request.param)(batch_norm=True)
    model.trunk.frozen = True
    batches = {"classifier": class_batch(4), "tagger": tag_batch(4), "captioner": draw(3, [3, 2, 1])}
    return model, batches[request.param]


def convolutional(name: str) -> bool:
    """Tell whether a parameter belongs to the convolutions, not to a captioner's reading of their map."""
    return name.startswith("encoder.") and name.split(".")[1] not in ("where", "what", "last")


def test_frozen_convolutions_leave_the_other_gradients_right(frozen, kernels):
    model, batch = frozen
    report = check_model(model, batch, training=True, **QUICK)
    right = {gradient.name for gradient in report.gradients if gradient.passed}
    assert right == {name for name in model.params if not convolutional(name)}


def test_frozen_convolutions_have_no_gradient_and_stay_as_they_are(frozen, kernels):
    model, batch = frozen
    before = {name: array.copy() for name, array in (model.trunk.params | model.trunk.buffers).items()}
    loss, cache = model.loss(batch, training=True)
    dimages, grads = model.backward(cache)
    assert dimages is None
    assert grads.keys() == {name for name in model.params if not convolutional(name)}
    assert {name for name in model.params if convolutional(name)} == {
        f"encoder.{n}" for n in model.trunk.params
    }
    for name, array in (model.trunk.params | model.trunk.buffers).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    model.trunk.buffers["norm1.running_mean"][...] += 1  # and they are what the pictures are normalised by
    assert model.loss(batch, training=True)[0] != loss
