"""Whatever a picture is given as, the model sees the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicap.errors import InputError


@pytest.fixture
def picture():
    """One picture of eight by eight pixels, the models' own size, so that nothing is resampled."""
    return np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)


@pytest.fixture
def model(captioner):
    """A tiny captioner."""
    return captioner()


@pytest.fixture
def expected(model, picture):
    """Return the features of the picture, made from a tensor that the test preprocesses by hand."""
    return model.features((picture.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5)


FORMS = {
    "path": lambda p, folder: folder / "p.png",
    "path as text": lambda p, folder: str(folder / "p.png"),
    "Pillow image": lambda p, folder: Image.fromarray(p),
    "Pillow palette": lambda p, folder: Image.fromarray(p).quantize(256, dither=Image.Dither.NONE),
    "array (H, W, 3)": lambda p, folder: p,
    "array (N, H, W, 3)": lambda p, folder: p[None],
    "read-only view": lambda p, folder: np.broadcast_to(p, (1, 8, 8, 3)),
    "list of arrays": lambda p, folder: [p],
    "list of paths": lambda p, folder: [folder / "p.png"],
    "tuple of Pillow images": lambda p, folder: (Image.fromarray(p),),
    "generator": lambda p, folder: iter([p]),
    "tensor (3, S, S)": lambda p, folder: p.transpose(2, 0, 1) / 127.5 - 1,
    "float32 tensor": lambda p, folder: (p.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32),
    "list of tensors": lambda p, folder: [p.transpose(2, 0, 1) / 127.5 - 1],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_picture_is_that_picture(form, model, picture, expected, tmp_path):
    Image.fromarray(picture).save(tmp_path / "p.png")
    given = FORMS[form](picture, tmp_path)
    np.testing.assert_allclose(model.features(given), expected, rtol=1e-4)


def test_forms_may_be_mixed_and_keep_their_order(model, picture, tmp_path):
    others = [picture, picture[::-1], picture[:, ::-1]]
    Image.fromarray(others[1]).save(tmp_path / "p.png")
    mixed = model.features([others[0], tmp_path / "p.png", Image.fromarray(others[2])])
    np.testing.assert_allclose(mixed, model.features(np.stack(others)), rtol=1e-12)
    assert model.caption([others[0], tmp_path / "p.png"]) == model.caption(others[:2])


def test_pictures_of_any_size_are_resized(model):
    pictures = [np.full((h, w, 3), 200, np.uint8) for h, w in [(8, 8), (30, 50), (5, 3), (1, 1)]]
    features = model.features(pictures)
    np.testing.assert_allclose(features, np.repeat(features[:1], 4, axis=0), rtol=1e-12)


def test_grey_is_repeated(model, picture):
    grey = picture[:, :, 0]
    expected = model.features(np.repeat(grey[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(model.features(grey), expected)
    np.testing.assert_array_equal(model.features(Image.fromarray(grey)), expected)


def test_no_pictures_give_no_captions(model):
    assert model.caption([]) == []
    assert model.features([]).shape == (0, 4)
    assert model.log_prob([], []).shape == (0,)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_an_open_picture_is_what_its_path_is(mode, model, picture, tmp_path):
    """Alpha on white, sixteen bits scaled: however the picture comes."""
    if mode == "I;16":
        image = Image.fromarray(picture[:, :, 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(np.dstack([picture, np.full((8, 8), 64, np.uint8)])).convert(mode)
    image.save(tmp_path / "p.png")
    np.testing.assert_allclose(
        model.features(Image.open(tmp_path / "p.png")), model.features(tmp_path / "p.png")
    )


WRONG = {
    "bytes": (b"abc", TypeError, "images: a picture is a int but a path, a Pillow image or a uint8 array"),
    "a list of None": ([None], TypeError, "images: a picture is a NoneType but a path"),
    "an array of int64": (np.zeros((8, 8, 3), np.int64), TypeError, "images: a picture is a int64 array but a path"),
    "Booleans": (np.zeros((1, 8, 8, 3), bool), TypeError, "images: a picture is a bool array but a path"),
    "channels first": (np.zeros((3, 8, 8), np.uint8), ValueError, r"image must be uint8 \(H, W, 3\), but it is uint8"),
    "four channels": (np.zeros((8, 8, 4), np.uint8), ValueError, r"image must be uint8 \(H, W, 3\)"),
    "no pixels": (np.zeros((0, 8, 3), np.uint8), ValueError, r"image must be uint8 \(H, W, 3\)"),
    "floats (H, W, 3)": (
        np.zeros((8, 8, 3)), ValueError,
        r"images: a float array is a preprocessed tensor \(N, 3, 8, 8\) but came as \(1, 8, 8, 3\); "
        r"pass uint8 pictures \(H, W, 3\)",
    ),
    "a tensor of another size": (np.zeros((2, 3, 16, 16)), ValueError, r"\(N, 3, 8, 8\) but came as \(2, 3, 16, 16\)"),
    "five axes": (np.zeros((1, 1, 8, 8, 3), np.uint8), ValueError, r"image must be uint8 \(H, W, 3\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_picture_is_named(name, model):
    given, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        model.caption(given)


@pytest.mark.parametrize("given", [None, 5, 2.5])
def test_what_is_not_even_a_list_is_named(given, model):
    with pytest.raises(TypeError, match="a picture is"):
        model.caption(given)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_a_file_that_is_no_picture_is_an_input_error(content, model, tmp_path):
    path = tmp_path / "p.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.jpg") as caught:
        model.caption([path])
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_input_error(model):
    with pytest.raises(InputError, match=r"nowhere\.png"):
        model.caption(Path("nowhere.png"))
