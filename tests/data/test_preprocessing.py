"""From pictures to tensors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import Preprocessing, normalize, to_tensor
from minicap.errors import InputError


@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_a_picture_of_the_right_size_passes_unchanged(picture, resize):
    image = picture(16, 16)
    result = Preprocessing(16, resize=resize).pixels(image)
    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image)


def test_crop_takes_the_middle(picture):
    image = picture(8, 13)
    np.testing.assert_array_equal(Preprocessing(8).pixels(image), image[:, 2:10])
    np.testing.assert_array_equal(
        Preprocessing(8).pixels(image.transpose(1, 0, 2)), image[:, 2:10].transpose(1, 0, 2)
    )


def test_squash_keeps_the_borders():
    image = np.zeros((10, 40, 3), np.uint8)
    image[:, 20:] = 200
    halves = Preprocessing(10, resize="squash").pixels(image)
    np.testing.assert_array_equal(halves[:, 0], 0)
    np.testing.assert_array_equal(halves[:, -1], 200)


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = Preprocessing(16).pixels(stripes)
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() <= 2


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 24),
    resize=st.sampled_from(["crop", "squash"]),
)
def test_any_size_becomes_the_square_and_a_flat_colour_stays(height, width, size, resize):
    flat = np.broadcast_to(np.array([3, 130, 255], np.uint8), (height, width, 3))
    result = Preprocessing(size, resize=resize).pixels(flat)
    assert result.shape == (size, size, 3)
    assert result.dtype == np.uint8
    assert (result == [3, 130, 255]).all()


def test_grey_mode_takes_the_luma_and_leaves_grey_alone():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]] * 3, np.uint8)
    np.testing.assert_array_equal(
        Preprocessing(3, mode="L").pixels(colours)[0], [[76] * 3, [150] * 3, [29] * 3]
    )
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(Preprocessing(16, mode="L").pixels(ramp), ramp)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_pixels_refuses_other_arrays(image):
    with pytest.raises(ValueError, match=r"pixels: image must be uint8 \(H, W, 3\)"):
        Preprocessing(4).pixels(image)


def test_to_tensor_by_hand():
    pixels = np.array([[[0, 51, 255], [255, 0, 0]]], np.uint8)  # (1, 2, 3)
    np.testing.assert_allclose(to_tensor(pixels), [[[0, 1]], [[0.2, 0]], [[1, 0]]], rtol=1e-6)
    np.testing.assert_array_equal(to_tensor(pixels[None])[0], to_tensor(pixels))


def test_normalize_by_hand():
    x = np.array([0.0, 0.5, 1.0]).reshape(3, 1, 1)
    y = normalize(x, (0.5, 0.5, 0.0), (0.5, 1.0, 2.0))
    np.testing.assert_array_equal(y.ravel(), [-1, 0, 0.5])
    np.testing.assert_array_equal(x.ravel(), [0, 0.5, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_to_the_end(picture, dtype):
    tensor = Preprocessing(8, mean=(0.1, 0.2, 0.3)).tensor(picture()[None], dtype)
    assert tensor.dtype == dtype
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.flags.c_contiguous


def test_tensor_ranges_from_minus_one_to_one():
    black_white = np.array([[[0] * 3, [255] * 3]], np.uint8)
    np.testing.assert_array_equal(Preprocessing(1).tensor(black_white)[:, 0], [[-1, 1]] * 3)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="to_tensor: pixels must be uint8"):
        to_tensor(np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="there are 2 means and 3 standard deviations"):
        normalize(np.zeros((3, 2, 2)), (0, 0), (1, 1, 1))
    with pytest.raises(ValueError, match="std must be positive"):
        normalize(np.zeros((3, 2, 2)), (0, 0, 0), (1, 0, 1))


@given(
    size=st.integers(1, 512),
    mean=st.tuples(*[st.floats(-2, 2)] * 3),
    std=st.tuples(*[st.floats(0.01, 3)] * 3),
    mode=st.sampled_from(["RGB", "L"]),
    resize=st.sampled_from(["crop", "squash"]),
)
def test_the_settings_survive_json(size, mean, std, mode, resize):
    settings = Preprocessing(size, mean, std, mode, resize)
    assert Preprocessing.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "size is missing"),
        ({"size": 0}, "size must be a whole number from 1 to 4096, not 0"),
        ({"size": 10**9}, "size must be"),
        ({"size": 64.0}, "size must be"),
        ({"size": True}, "size must be"),
        ({"size": 64, "mean": [0.5]}, "mean must be three numbers"),
        ({"size": 64, "mean": "abc"}, "mean must be three numbers"),
        ({"size": 64, "mean": [0, 0, float("nan")]}, "mean must be three numbers"),
        ({"size": 64, "std": [1, 1, 0]}, "std must be positive"),
        ({"size": 64, "mode": "CMYK"}, "mode must be one of RGB, L, not 'CMYK'"),
        ({"size": 64, "mode": ["RGB"]}, "mode must be one of"),
        ({"size": 64, "resize": "pad"}, "resize must be one of crop, squash"),
        ({"size": 64, "colour": 1}, "unknown setting colour"),
        ([64], "expected a table of settings, not list"),
    ],
)
def test_nonsense_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Preprocessing.from_dict(settings)


def test_bicubic_is_another_average_than_bilinear(picture):
    image = picture(40, 40)
    found = {name: Preprocessing(10, filter=name).pixels(image) for name in ("bilinear", "bicubic")}
    assert found["bilinear"].shape == found["bicubic"].shape == (10, 10, 3)
    assert (found["bilinear"] != found["bicubic"]).any()
    np.testing.assert_array_equal(Preprocessing(10).pixels(image), found["bilinear"])


def test_bicubic_overshoots_at_an_edge_as_bilinear_never_does():
    image = np.full((4, 4, 3), 100, np.uint8)
    image[:, 2:] = 150
    assert Preprocessing(16, filter="bicubic").pixels(image).max() > 150
    assert Preprocessing(16).pixels(image).max() == 150


def test_settings_older_than_the_filter_mean_bilinear():
    older = Preprocessing(8).to_dict()
    del older["filter"]
    assert Preprocessing.from_dict(older).filter == "bilinear"
    assert Preprocessing.from_dict(Preprocessing(8, filter="bicubic").to_dict()).filter == "bicubic"


@pytest.mark.parametrize("name", ["lanczos", "", None, 3])
def test_an_unknown_filter_is_refused(name):
    with pytest.raises(InputError, match="filter must be one of bilinear, bicubic"):
        Preprocessing(8, filter=name)
