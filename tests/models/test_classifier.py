"""What a classifier computes: P(class | image), by the network that everybody knows or another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import correlate2d

from minicap.data import ClassBatch, Labels, Preprocessing
from minicap.models import Classifier, Guess

# The known network


def test_by_default_it_is_the_known_network():
    model = Classifier(10)
    shapes = {
        "encoder.conv1.weight": (32, 3, 3, 3), "encoder.conv1.bias": (32,),
        "encoder.conv2.weight": (64, 32, 3, 3), "encoder.conv2.bias": (64,),
        "head.linear1.weight": (3136, 512), "head.linear1.bias": (512,),
        "head.linear2.weight": (512, 128), "head.linear2.bias": (128,),
        "head.linear3.weight": (128, 10), "head.linear3.bias": (10,),
    }  # fmt: skip
    assert {name: array.shape for name, array in model.params.items()} == shapes
    assert {array.dtype for array in model.params.values()} == {np.dtype(np.float32)}
    assert model.buffers == {}
    layers = [*model.encoder.layers, *model.head.layers]
    assert layers == [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2",
        "flatten", "linear1", "relu1", "linear2", "relu2", "linear3",
    ]  # fmt: skip
    assert model.preprocessing == Preprocessing(28)
    black_and_white = np.zeros((28, 28, 3), np.uint8)
    black_and_white[0] = 255
    assert np.unique(model.preprocessing.tensor(black_and_white)).tolist() == [-1, 1]


def test_its_probabilities_are_the_written_out_networks(rng, kernels):
    """Convolutions by SciPy, pooling by reshaping, the rest by matrix products."""
    model, images = Classifier(10, dtype="float64"), rng.standard_normal((2, 3, 28, 28))
    p = {name: array + 0.1 * name.endswith("bias") for name, array in model.params.items()}
    for name, array in p.items():
        model.params[name][...] = array
    expected = []
    for maps in images:
        for layer in ("encoder.conv1", "encoder.conv2"):
            convolved = [
                sum(correlate2d(m, w, "same") for m, w in zip(maps, taps, strict=True)) + bias
                for taps, bias in zip(p[f"{layer}.weight"], p[f"{layer}.bias"], strict=True)
            ]
            maps = np.maximum(convolved, 0)
            half = maps.shape[1] // 2
            maps = maps.reshape(len(maps), half, 2, half, 2).max(axis=(2, 4))
        x = maps.ravel()
        for i in (1, 2, 3):
            x = x @ p[f"head.linear{i}.weight"] + p[f"head.linear{i}.bias"]
            x = np.maximum(x, 0) if i < 3 else x
        expected.append(np.exp(x) / np.exp(x).sum())
    np.testing.assert_allclose(model.probabilities(images), expected, rtol=1e-10)


# The loss


@pytest.mark.parametrize("k", [10, 200])
def test_the_first_loss_is_about_ln_k(k, rng):
    model = Classifier(k)
    batch = ClassBatch(rng.uniform(-1, 1, (32, 3, 28, 28)).astype(np.float32), rng.integers(0, k, 32))
    assert float(model.loss(batch)[0]) == pytest.approx(math.log(k), rel=0.2)


def test_the_loss_is_minus_the_mean_log_probability(classifier, class_batch, kernels):
    model, batch = classifier(), class_batch(5)
    rows = model.probabilities(batch.images)
    expected = -np.log(rows[np.arange(5), batch.labels]).mean()
    assert float(model.loss(batch)[0]) == pytest.approx(expected, rel=1e-12)
    assert model.weigh(batch) == 5


def test_the_order_of_the_batch_changes_nothing(classifier, class_batch, kernels):
    model, batch, order = classifier(batch_norm=True), class_batch(4), [2, 0, 3, 1]
    mixed = ClassBatch(*(array[order] for array in batch))
    (loss, cache), (loss_mixed, cache_mixed) = (model.loss(b, training=True) for b in (batch, mixed))
    assert loss_mixed == pytest.approx(loss, rel=1e-12)
    (dimages, grads), (dimages_mixed, grads_mixed) = model.backward(cache), model.backward(cache_mixed)
    np.testing.assert_allclose(dimages_mixed, dimages[order], rtol=1e-8, atol=1e-15)
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_mixed[name], grad, rtol=1e-8, atol=1e-14, err_msg=name)


def test_dropout_needs_training_and_repeats_by_its_generator(classifier, class_batch):
    model, batch = classifier(dropout=0.5), class_batch(4)
    quiet = [model.loss(batch)[0], model.loss(batch, rng=np.random.default_rng(1))[0]]
    loud = [model.loss(batch, training=True, rng=np.random.default_rng(k))[0] for k in (1, 1, 2)]
    assert quiet[0] == quiet[1] != loud[0]
    assert loud[0] == loud[1] != loud[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "encoder": "3,M,R4", "dropout": 0.3}], ids=str)
def test_no_dtype_changes_on_the_way(dtype, options, classifier, class_batch, kernels):
    model, batch = classifier(dtype=dtype, **options), class_batch(3, dtype=dtype)
    loss, cache = model.loss(batch, training=True, rng=np.random.default_rng(0))
    dimages, grads = model.backward(cache)
    rows = model.probabilities(batch.images)
    arrays = (loss, dimages, rows, *grads.values(), *model.params.values(), *model.buffers.values())
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


# Batch norm


def test_only_while_training_do_neighbours_matter(classifier, class_batch, kernels):
    model, images = classifier(batch_norm=True), class_batch(6).images
    rows = model.probabilities(images)
    for n in range(6):
        np.testing.assert_allclose(model.probabilities(images[n : n + 1])[0], rows[n], rtol=1e-12)
    one, two = (model.encoder.forward(part, training=True)[0][0] for part in (images[:2], images[::5]))
    assert np.abs(one - two).max() > 1e-3


def test_only_training_moves_the_statistics(classifier, class_batch):
    model, batch = classifier(batch_norm=True), class_batch(4)
    assert list(model.buffers) == [
        f"encoder.norm{i}.running_{kind}" for i in (1, 2) for kind in ("mean", "var")
    ]
    before = {name: array.copy() for name, array in model.buffers.items()}
    model.loss(batch)
    model.probabilities(batch.images)
    assert all((model.buffers[name] == array).all() for name, array in before.items())
    model.loss(batch, training=True)
    assert all((model.buffers[name] != array).all() for name, array in before.items())


# Its answers


def test_guesses_are_classes_the_best_first(classifier, class_batch):
    model, images = classifier(), class_batch(5).images
    rows = model.probabilities(images)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-12)
    for row, guesses in zip(rows, model.classify(images, top=3), strict=True):
        assert [guess.probability for guess in guesses] == sorted(row.tolist(), reverse=True)
        assert {guess.label: guess.probability for guess in guesses} == dict(
            zip(("cat", "dog", "owl"), row.tolist(), strict=True)
        )
    assert model.classify(images) == [several[:1] for several in model.classify(images, top=9)]


def test_of_equals_the_first_class_comes_first(classifier):
    model = classifier()
    for name in ("head.linear2.weight", "head.linear2.bias"):
        model.params[name][...] = 0
    third = pytest.approx(1 / 3)
    assert model.classify(np.zeros((1, 3, 8, 8)), top=2) == [[Guess("cat", third), Guess("dog", third)]]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_size_of_blocks_changes_nothing(batch_size, classifier, class_batch):
    model, images = classifier(batch_norm=True), class_batch(7).images
    rows = model.probabilities(images, batch_size=batch_size)
    np.testing.assert_allclose(rows, model.probabilities(images), rtol=1e-12)
    assert len(model.classify(images, batch_size=batch_size)) == 7


def test_pictures_come_in_any_form(classifier, rng, tmp_path):
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    model = classifier()
    tensor = model.preprocessing.tensor(picture, np.float64)
    expected = model.probabilities(tensor[None])
    for form in (picture, picture[None], [picture], tensor):
        np.testing.assert_allclose(model.probabilities(form), expected, rtol=1e-12)
    grey = picture[:, :, 0]
    assert model.probabilities([grey, np.zeros((30, 50, 3), np.uint8)]).shape == (2, 3)


@pytest.mark.parametrize("top", [0, -1])
def test_one_class_at_least_is_named(top, classifier, class_batch):
    with pytest.raises(ValueError, match=f"^classify: top is {top} but at least 1 is needed"):
        classifier().classify(class_batch(2).images, top=top)


def test_no_pictures_give_no_guesses(classifier):
    assert classifier().classify([]) == []
    assert classifier().probabilities([]).shape == (0, 3)


# Building


def test_classes_are_given_as_labels_names_or_a_number():
    sizes = {"encoder": "2", "hidden": "", "image_size": 4}
    assert Classifier(3, **sizes).vocabulary.names == ("0", "1", "2")
    assert Classifier(["b", "a"], **sizes).vocabulary == Labels(["b", "a"])
    labels = Labels(["x", "y"])
    assert Classifier(labels, **sizes).vocabulary is labels


def test_options_are_kept_as_they_are_stored():
    model = Classifier(2, encoder="2,M", hidden=(5, 4), image_size=4, batch_norm=1, dropout=0.5, seed=7)
    assert model.config == {
        "encoder": "2,M", "hidden": "5,4", "image_size": 4, "batch_norm": True, "dropout": 0.5,
        "dtype": "float32", "seed": 7,
    }  # fmt: skip


def test_the_seed_decides_the_first_weights(classifier):
    one, two, other = classifier(seed=3), classifier(seed=3), classifier(seed=4)
    for name, array in one.params.items():
        np.testing.assert_array_equal(array, two.params[name])
    assert (one.params["head.linear1.weight"] != other.params["head.linear1.weight"]).any()


def test_the_trunk_is_its_convolutions(classifier):
    model = classifier()
    assert model.trunk is model.encoder
    assert model.parts.keys() == {"encoder", "head"}


WRONG = {
    "no class": ({"labels": 0}, "Labels: there is no name"),
    "one class twice": ({"labels": ["a", "a"]}, "Labels: 'a' stands there twice"),
    "encoder": ({"encoder": "huge"}, "there is no encoder 'huge'; choose one of small, classic, fine"),
    "hidden": ({"hidden": "5,x"}, "there are no widths '5,x'; write the widths of fully connected layers"),
    "too small": ({"image_size": 3}, "encoder: image_size is 3 but 2 halvings need at least 4 pixels"),
    "no size": ({"image_size": 0}, "Classifier: image_size is 0 but a whole number of at least 1 is needed"),
    "no seed": ({"seed": None}, "Classifier: seed is None but a whole number of at least 0 is needed"),
    "dropout": ({"dropout": 1.0}, "Classifier: dropout is 1.0 but a probability from 0 to below 1 is needed"),
    "no number": ({"dropout": math.nan}, "Classifier: dropout is nan but a probability"),
    "dtype": ({"dtype": "int8"}, "Classifier: there is no dtype 'int8'; choose one of float32, float64"),
    "preprocessing": (
        {"preprocessing": Preprocessing(32)}, "Classifier: image_size is 28 but preprocessing.size is 32"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_options_that_make_no_sense_are_named(name):
    options, message = WRONG[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        Classifier(**{"labels": 2} | options)


def test_batches_that_do_not_fit_are_named(classifier, class_batch):
    model, batch = classifier(), class_batch(3)
    for images in (batch.images[:, :, :4], batch.images[0], batch.images[:0], batch.images[:, :1]):
        with pytest.raises(
            ValueError, match=r"^Classifier: images are .* but \(M, 3, S, S\) = \(M, 3, 8, 8\) is"
        ):
            model.loss(batch._replace(images=images))
    with pytest.raises(ValueError, match=r"targets is \(2,\) but logits\.shape\[:-1\] = \(3,\) is needed"):
        model.loss(batch._replace(labels=batch.labels[:2]))
    with pytest.raises(ValueError, match=r"targets\[1\] is 3 but V = 3, so 0 to 2 are allowed"):
        model.loss(batch._replace(labels=np.array([0, 3, 1])))
    with pytest.raises(TypeError, match="targets is float64 but integers are needed"):
        model.loss(batch._replace(labels=np.zeros(3)))
