"""Pictures varied at random: what moves, what stays, and what the draws depend on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.augment import Augmentation, says_side
from minicap.errors import InputError


class Fixed:
    """A generator whose draws are given: down, right, flip, then brightness, contrast, saturation."""

    def __init__(self, *rows):
        self.rows = np.array(rows)

    def random(self, shape):
        assert shape == self.rows.shape
        return self.rows


def draw(n=4, high=6, wide=5, seed=0):
    """Return n pictures of noise."""
    return np.random.default_rng(seed).integers(0, 256, (n, high, wide, 3), np.uint8)


settings = st.builds(Augmentation, st.integers(0, 3), st.booleans(), st.sampled_from([0.0, 0.3, 1.0]))


# What is done


def test_nothing_to_do_is_false_and_gives_a_copy():
    assert not Augmentation()
    assert Augmentation(crop=1)
    assert Augmentation(flip=True)
    assert Augmentation(jitter=0.1)
    pixels = draw()
    result = Augmentation().apply(pixels, np.random.default_rng(0))
    np.testing.assert_array_equal(result, pixels)
    assert not np.shares_memory(result, pixels)


def test_a_shift_repeats_the_edge():
    pixels = np.arange(4, dtype=np.uint8)[None, :, None, None] * 10 + np.arange(4, dtype=np.uint8)[:, None]
    pixels = np.broadcast_to(pixels, (1, 4, 4, 3))  # 10 row + column
    last, middle, first = 0.99, 0.5, 0.0  # of -1, 0, 1
    down = Augmentation(crop=1).apply(pixels, Fixed([last, middle, 0, 0, 0, 0]))
    np.testing.assert_array_equal(down[0, :, :, 0], 10 * np.array([[1], [2], [3], [3]]) + np.arange(4))
    left = Augmentation(crop=1).apply(pixels, Fixed([middle, first, 0, 0, 0, 0]))
    np.testing.assert_array_equal(left[0, 0, :, 0], [0, 0, 1, 2])


def test_a_flip_mirrors_left_and_right():
    pixels = draw(2)
    flipped = Augmentation(flip=True).apply(pixels, Fixed([0, 0, 0.49, 0, 0, 0], [0, 0, 0.5, 0, 0, 0]))
    np.testing.assert_array_equal(flipped[0], pixels[0, :, ::-1])
    np.testing.assert_array_equal(flipped[1], pixels[1])


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ((1.0, 0.5, 0.5), [[140, 70, 0], [255, 255, 255]]),  # brightness 1.4, cut at 255
        ((0.5, 0.0, 0.5), [[112, 82, 52], [172, 172, 172]]),  # contrast 0.6 about the mean grey, 129.625
        ((0.5, 0.5, 0.0), [[84, 54, 24], [200, 200, 200]]),  # saturation 0.6 about the greys, 59.25 and 200
    ],
)
def test_colours_by_hand(draws, expected):
    pixels = np.array([[[[100, 50, 0], [200, 200, 200]]]], np.uint8)  # (1, 1, 2, 3)
    grey = 0.299 * 100 + 0.587 * 50
    assert (grey, (grey + 200) / 2) == pytest.approx((59.25, 129.625))
    result = Augmentation(jitter=0.4).apply(pixels, Fixed([0, 0, 0, *draws]))
    np.testing.assert_array_equal(result[0, 0], expected)


def slow(setting, picture, numbers, may_flip):
    """Do the same to one picture, a step and a pixel at a time, in float64."""
    high, wide, _ = picture.shape
    down, right = (int(x * (2 * setting.crop + 1)) - setting.crop for x in numbers[:2])
    result = np.zeros(picture.shape)
    for i in range(high):
        for j in range(wide):
            result[i, j] = picture[min(max(i + down, 0), high - 1), min(max(j + right, 0), wide - 1)]
    if setting.flip and may_flip and numbers[2] < 0.5:
        result = result[:, ::-1]
    bright, contrast, saturation = (1 + setting.jitter * (2 * x - 1) for x in numbers[3:])
    luma = np.array([0.299, 0.587, 0.114])
    result = result * bright
    middle = (result @ luma).mean()
    result = middle + contrast * (result - middle)
    grey = (result @ luma)[..., None]
    return np.clip(grey + saturation * (result - grey), 0, 255)


@given(settings, st.integers(0, 5), st.integers(4, 9), st.integers(4, 9), st.integers(0, 2**32 - 1))
def test_a_batch_is_what_each_picture_alone_would_be(setting, n, high, wide, seed):
    pixels, may_flip = draw(n, high, wide, seed), draw(n, 1, 1, seed)[:, 0, 0, 0] < 128
    result = setting.apply(pixels, np.random.default_rng(seed), may_flip)
    assert result.dtype == np.uint8
    assert result.shape == pixels.shape
    numbers = np.random.default_rng(seed).random((n, 6))
    for k in range(n):
        expected = slow(setting, pixels[k], numbers[k], may_flip[k])
        assert np.abs(result[k] - expected).max() <= 0.5 + 1e-3  # rounded once


def test_grey_pictures_stay_grey(rng):
    pixels = np.repeat(draw(8, 16, 16)[..., :1], 3, axis=3)
    result = Augmentation(crop=2, flip=True, jitter=1.0).apply(pixels, rng)
    assert (result == result[..., :1]).all()
    assert (result != pixels).any()


def test_half_are_flipped_and_shifts_are_even(rng):
    pixels = np.broadcast_to(np.arange(49, dtype=np.uint8).reshape(7, 7, 1), (4000, 7, 7, 3))
    flipped = Augmentation(flip=True).apply(pixels, rng)[:, 0, 0, 0] == 6
    assert abs(flipped.mean() - 0.5) < 0.04  # five standard deviations
    middles = Augmentation(crop=2).apply(pixels, rng)[:, 3, 3, 0]
    counts = np.unique_counts(middles)
    assert sorted(counts.values) == [7 * i + j for i in range(1, 6) for j in range(1, 6)]
    assert counts.counts.min() > 160 - 5 * 13


# What the draws depend on


@given(settings, st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_what_may_be_flipped_changes_nothing_else(setting, n, seed):
    pixels, may_flip = draw(n), draw(n, 1, 1, seed)[:, 0, 0, 0] < 128
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    free, bound = setting.apply(pixels, one), setting.apply(pixels, other, may_flip)
    np.testing.assert_array_equal(free[may_flip], bound[may_flip])
    straight = dataclasses.replace(setting, flip=False).apply(pixels, np.random.default_rng(seed))
    np.testing.assert_array_equal(bound[~may_flip], straight[~may_flip])
    assert one.random() == other.random()


def test_the_pictures_are_left_alone(rng):
    pixels = draw()
    kept = pixels.copy()
    pixels.flags.writeable = False
    Augmentation(2, True, 0.5).apply(pixels, rng)
    np.testing.assert_array_equal(pixels, kept)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": -1}, "crop must be a whole number of pixels from 0 to 4095, not -1"),
        ({"crop": 4096}, "crop must be"),
        ({"crop": 2.0}, "crop must be .* not 2.0"),
        ({"crop": True}, "crop must be .* not True"),
        ({"flip": 1}, "flip must be true or false, not 1"),
        ({"flip": "no"}, "flip must be true or false, not 'no'"),
        ({"jitter": -0.1}, "jitter must be a number from 0 to 1, not -0.1"),
        ({"jitter": 1.1}, "jitter must be"),
        ({"jitter": float("nan")}, "jitter must be .* not nan"),
        ({"jitter": "a lot"}, "jitter must be .* not 'a lot'"),
        ({"jitter": True}, "jitter must be"),
    ],
)
def test_settings_that_make_no_sense(arguments, message):
    with pytest.raises(InputError, match=f"^augmentation: {message}"):
        Augmentation(**arguments)


def test_settings_compare_and_hash_by_value():
    assert Augmentation(jitter=1) == Augmentation(jitter=1.0)
    assert len({Augmentation(2), Augmentation(2, False, 0.0)}) == 1


@pytest.mark.parametrize(
    ("pixels", "may_flip", "message"),
    [
        (np.zeros((2, 4, 4, 3)), None, r"pixels must be uint8 \(N, H, W, 3\), but they are float64"),
        (np.zeros((4, 4, 3), np.uint8), None, r"they are uint8 \(4, 4, 3\)"),
        (np.zeros((2, 3, 4, 4), np.uint8), None, r"they are uint8 \(2, 3, 4, 4\)"),
        (np.zeros((2, 0, 4, 3), np.uint8), None, r"they are uint8 \(2, 0, 4, 3\)"),
        (draw(2), np.ones(3, bool), r"may_flip must be bool \(2,\), one a picture, but it is bool \(3,\)"),
        (draw(2), np.ones(2), r"but it is float64 \(2,\)"),
    ],
)
def test_what_are_no_pictures_is_refused(pixels, may_flip, message, rng):
    with pytest.raises(ValueError, match=f"^augment: .*{message}"):
        Augmentation(flip=True).apply(pixels, rng, may_flip)


def test_a_shift_past_the_picture_is_refused(rng):
    with pytest.raises(
        InputError, match="crop shifts by up to 5 pixels, but the pictures have only 5; use 1"
    ):
        Augmentation(crop=5).apply(draw(), rng)
    assert Augmentation(crop=4).apply(draw(), rng).shape == draw().shape


# Left and right in words


@pytest.mark.parametrize(
    "text",
    [
        "a cat to the left of a dog", "Right!", "the LEFTMOST cup", "his left-hand glove", "rightward", "leftwards",
        "turn_right", "arrow-left2", "a clockwise arrow", "anticlockwise", "counter-clockwise", "right's",
        "ein Hund links im Bild", "der rechte Schuh", "Rechtsabbieger", "im Uhrzeigersinn", "de linkerkant",
        "à gauche", "le bras droit", "à la izquierda", "mano derecha", "à esquerda", "lado direito", "a sinistra",
        "mano destra", "a la dreta", "till vänster", "højre", "po lewej stronie", "na prawo", "vlevo", "desno",
        "слева от дома", "Правая рука", "solda", "左边的狗", "右", "왼쪽에 고양이", "बाएं", "a\u0300 gauche",
        "va\u0308nster", "⬅️",
    ],
)  # fmt: skip
def test_sides_are_heard(text):
    assert says_side(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a cat above a dog", "a bright light", "copyright", "leftovers on a plate", "a wright", "cleft",
        "ein Recht", "un droïde", "recreation", "solar panel", "a sole", "prawie", "лев в клетке", "clock", "上下",
        "a linked chain", "adroit",
    ],
)  # fmt: skip
def test_words_that_only_look_so_are_not(text):
    assert not says_side(text)
