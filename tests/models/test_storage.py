"""Models as files: what is written comes back bit for bit."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from minicap.data import Labels, Preprocessing, Vocabulary
from minicap.errors import InputError
from minicap.models import DECODERS, Captioner, Classifier, Tagger, conditionings_of

PICTURES = np.random.default_rng(7).standard_normal((3, 3, 8, 8))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("decoder", "conditioning"), [(d, c) for d in DECODERS for c in conditionings_of(d)])
def test_a_round_trip_changes_no_bit(decoder, conditioning, dtype, captioner, tmp_path):
    model = captioner(decoder=decoder, conditioning=conditioning, dtype=dtype, layers=2, dropout=0.2, seed=3)
    model.save(tmp_path / "m.npz")
    back = Captioner.load(tmp_path / "m.npz")
    assert list(back.params) == list(model.params)
    for name, array in model.params.items():
        assert back.params[name].dtype == array.dtype
        assert back.params[name].tobytes() == array.tobytes()
    assert back.config == model.config
    assert back.vocabulary == model.vocabulary
    assert back.preprocessing == model.preprocessing
    captions, again = model.caption(PICTURES), back.caption(PICTURES)
    assert captions == again
    assert [c.word_log_probs for c in captions] == [c.word_log_probs for c in again]


def test_what_is_loaded_can_be_trained_further(captioner, tmp_path):
    captioner().save(tmp_path / "m.npz")
    assert all(array.flags.writeable for array in Captioner.load(tmp_path / "m.npz").params.values())


def test_vocabulary_and_preprocessing_travel_with_the_model(monkeypatch, tmp_path):
    seen = Preprocessing(8, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), mode="L", resize="squash")
    model = Captioner(
        Vocabulary(["名", "前"], "char"), image_size=8, embed_size=4, hidden_size=4, preprocessing=seen
    )
    model.save(tmp_path / "m.npz")
    back = Captioner.load(tmp_path / "m.npz")
    assert (back.preprocessing, back.vocabulary) == (seen, model.vocabulary)
    wide = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    np.testing.assert_array_equal(back.features(wide), model.features(wide))


def test_blind_stays_blind(captioner, tmp_path):
    captioner(blind=True).save(tmp_path / "m.npz")
    assert Captioner.load(tmp_path / "m.npz").blind


def test_the_file_is_plain(captioner, tmp_path):
    """Anyone can read it with NumPy and without pickle: arrays, and settings as JSON."""
    model = captioner()
    model.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert {f"model/{name}" for name in model.params} | {"meta"} == set(file.files)
        assert json.loads(file["meta"].tobytes())["config"] == model.config


def test_saving_twice_gives_the_same_arrays_and_leaves_one_file(captioner, tmp_path):
    model = captioner()
    model.save(tmp_path / "m.npz")
    model.save(tmp_path / "m.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]
    Captioner.load(tmp_path / "m.npz")


def test_a_run_folder_means_its_best_checkpoint_else_its_last(captioner, tmp_path):
    best, last = captioner(seed=1), captioner(seed=2)
    last.save(tmp_path / "checkpoint.npz")
    assert Captioner.load(tmp_path).config["seed"] == 2
    best.save(tmp_path / "best.npz")
    assert Captioner.load(str(tmp_path)).config["seed"] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "there is no such run folder or checkpoint; train one with 'minicap train'"),
        ("empty", r"the folder holds no checkpoint \(best\.npz or checkpoint\.npz\)"),
    ],
)
def test_a_path_without_a_checkpoint_is_an_input_error(name, message, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"{name}: {message}"):
        Captioner.load(tmp_path / name)


def test_a_folder_that_cannot_be_written_to_is_an_input_error(captioner, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        captioner().save(tmp_path / "missing" / "m.npz")


def test_arrays_are_written_uncompressed(captioner, tmp_path):
    captioner().save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


# Classifiers, taggers, and running statistics


def assert_same_model(back, model):
    """See that two models are the same bit for bit, statistics and settings included."""
    assert type(back) is type(model)
    assert list(back.params) == list(model.params)
    assert list(back.buffers) == list(model.buffers)
    for name, array in (model.params | model.buffers).items():
        found = (back.params | back.buffers)[name]
        assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes()), name
    assert back.config == model.config
    assert back.vocabulary == model.vocabulary
    assert back.preprocessing == model.preprocessing


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("encoder", ["3,M,4", "3,M,R4"])
def test_a_classifier_comes_back_bit_for_bit(encoder, batch_norm, dtype, classifier, class_batch, tmp_path):
    model = classifier(encoder=encoder, batch_norm=batch_norm, dtype=dtype, dropout=0.2, seed=3)
    batch = class_batch(4, dtype=dtype)
    model.loss(batch, training=True, rng=np.random.default_rng(0))  # moves the statistics
    model.save(tmp_path / "m.npz")
    back = Classifier.load(tmp_path / "m.npz")
    assert_same_model(back, model)
    assert back.probabilities(batch.images).tobytes() == model.probabilities(batch.images).tobytes()
    assert back.classify(batch.images, top=3) == model.classify(batch.images, top=3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_tagger_comes_back_bit_for_bit(head, batch_norm, dtype, tagger, tag_batch, tmp_path):
    model = tagger(head=head, batch_norm=batch_norm, dtype=dtype, decoder="gru", seed=3)
    batch = tag_batch(4, dtype=dtype)
    model.loss(batch, training=True)
    model.save(tmp_path / "m.npz")
    back = Tagger.load(tmp_path / "m.npz")
    assert_same_model(back, model)
    assert back.tag(batch.images, least=2) == model.tag(batch.images, least=2)


@pytest.mark.parametrize("conditioning", ["par", "none"])
def test_a_captioner_with_batch_norm_comes_back_bit_for_bit(conditioning, captioner, draw, tmp_path):
    model = captioner(batch_norm=True, conditioning=conditioning, encoder="3,M,R4", dtype="float32")
    model.loss(draw(3, [2, 3, 1], dtype="float32"), training=True)
    assert model.buffers["encoder.norm1.running_mean"].any()
    model.save(tmp_path / "m.npz")
    back = Captioner.load(tmp_path / "m.npz")
    assert_same_model(back, model)
    assert back.blind == (conditioning == "none")
    assert back.caption(PICTURES) == model.caption(PICTURES)


def test_statistics_that_are_loaded_go_on_moving(classifier, class_batch, tmp_path):
    model, batch = classifier(batch_norm=True), class_batch(4)
    model.save(tmp_path / "m.npz")
    back = Classifier.load(tmp_path / "m.npz")
    for each in (model, back):
        each.loss(batch, training=True)
    assert_same_model(back, model)
    assert all(array.flags.writeable for array in (back.params | back.buffers).values())


def test_labels_and_preprocessing_travel_with_the_model(tmp_path):
    seen = Preprocessing(4, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), mode="L", resize="squash")
    labels = Labels(["猫", "a, b", "\N{DOG FACE}"])
    for model in (
        Classifier(labels, encoder="2,M", hidden="", image_size=4, preprocessing=seen),
        Tagger(labels, encoder="2,M", image_size=4, preprocessing=seen),
    ):
        model.save(tmp_path / "m.npz")
        back = type(model).load(tmp_path / "m.npz")
        assert (back.preprocessing, back.vocabulary) == (seen, labels)


def test_statistics_stand_beside_parameters_in_the_file(classifier, tmp_path):
    model = classifier(batch_norm=True)
    model.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert {f"model/{name}" for name in model.params | model.buffers} | {"meta"} == set(file.files)
        meta = json.loads(file["meta"].tobytes())
    assert (meta["kind"], meta["vocabulary"]["names"]) == ("Classifier", ["cat", "dog", "owl"])
