"""Whatever model a file or run folder holds is read back, and the wrong kind is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicap.archive import read_archive, write_archive
from minicap.errors import InputError
from minicap.models import Captioner, Classifier, Tagger, load_any
from minicap.models.loading import KINDS


@pytest.fixture
def models(captioner, classifier, tagger):
    """One of each kind."""
    return {"Captioner": captioner(), "Classifier": classifier(batch_norm=True), "Tagger": tagger()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_says_itself_what_it_holds(kind, models, tmp_path):
    model = models[kind]
    model.save(tmp_path / "m.npz")
    for path in (tmp_path / "m.npz", str(tmp_path / "m.npz")):
        back = load_any(path)
        assert type(back) is type(model)
        assert (back.config, back.vocabulary) == (model.config, model.vocabulary)
        for name, array in (model.params | model.buffers).items():
            np.testing.assert_array_equal((back.params | back.buffers)[name], array)


def test_a_run_folder_means_its_best_checkpoint_else_its_last(models, tmp_path):
    models["Tagger"].save(tmp_path / "checkpoint.npz")
    assert type(load_any(tmp_path)) is Tagger
    models["Classifier"].save(tmp_path / "best.npz")
    assert type(load_any(str(tmp_path))) is Classifier


@pytest.mark.parametrize("wanted", [Captioner, Classifier, Tagger])
@pytest.mark.parametrize("held", KINDS)
def test_only_its_own_class_takes_a_file(wanted, held, models, tmp_path):
    models[held].save(tmp_path / "m.npz")
    if wanted.__name__ == held:
        assert type(wanted.load(tmp_path / "m.npz")) is wanted
        return
    with pytest.raises(InputError, match=rf"m\.npz: it holds a {held} but a {wanted.__name__} is needed$"):
        wanted.load(tmp_path / "m.npz")


@pytest.mark.parametrize(
    "kind", ["Transformer", "captioner", "Model", "", None, 5, ["Captioner"], "\n" * 999]
)
def test_a_kind_that_there_is_not_is_named(kind, models, tmp_path):
    models["Tagger"].save(tmp_path / "m.npz")
    arrays, meta = read_archive(tmp_path / "m.npz")
    write_archive(tmp_path / "m.npz", arrays, meta | {"kind": kind})
    message = r"m\.npz: it holds a .*, but this minicap knows Captioner, Classifier, Tagger"
    with pytest.raises(InputError, match=message) as caught:
        load_any(tmp_path / "m.npz")
    assert str(caught.value).isprintable()


def test_another_version_says_what_to_do(models, tmp_path):
    models["Tagger"].save(tmp_path / "m.npz")
    arrays, meta = read_archive(tmp_path / "m.npz")
    write_archive(tmp_path / "m.npz", arrays, meta | {"version": 2})
    with pytest.raises(
        InputError, match=r"checkpoint version 2, but this minicap reads 1; use the minicap that"
    ):
        load_any(tmp_path / "m.npz")


def other(folder: Path, what: str) -> Path:
    """Return a path at which there is no model."""
    (folder / "empty").mkdir()
    (folder / "text.npz").write_text("hello")
    np.savez(folder / "arrays.npz", a=np.ones(3))
    return folder / what


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nowhere", "there is no such run folder or checkpoint; train one with 'minicap train'"),
        ("empty", "the folder holds no checkpoint"),
        ("text.npz", "the file is damaged or no minicap checkpoint"),
        ("arrays.npz", "this is no minicap checkpoint; expected a file that minicap wrote"),
    ],
)
def test_what_is_no_model_is_named(what, message, tmp_path):
    with pytest.raises(InputError, match=f"{what}: {message}"):
        load_any(other(tmp_path, what))
