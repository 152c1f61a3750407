"""Captioned pictures varied at random: what stays as it is, and what is never mirrored."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import Augmentation, CaptionBatches, CaptionData, Preprocessing, Vocabulary, eval_batches
from minicap.errors import InputError

VOCABULARY = Vocabulary(("red", "blue", "circle", "square", "left", "right"))
STRIPES = np.repeat(np.arange(8, dtype=np.uint8)[None, :, None] * 30, 3, axis=2).repeat(8, axis=0)
WIDE = Preprocessing(8, mean=(0, 0, 0), std=(1, 1, 1))
SMALL = Preprocessing(2, mean=(0, 0, 0), std=(1, 1, 1))


def flat(n: int) -> CaptionData:
    """Return flat pictures, which show no shift and no mirror."""
    captions = tuple((" ".join(VOCABULARY.words[4 + i % 6 :]), "red circle") for i in range(n))
    images = [np.full((2, 2, 3), i, np.uint8) for i in range(n)]
    return CaptionData("train", tuple(f"{i}.png" for i in range(n)), captions, images)


def striped(captions: list[tuple[str, ...]]) -> CaptionData:
    """Return a picture with stripes, ever lighter to the right, for each tuple of captions."""
    names = tuple(f"{i}.png" for i in range(len(captions)))
    images = [STRIPES + np.uint8(i) for i in range(len(captions))]
    return CaptionData("train", names, tuple(captions), images)


def same(a, b) -> bool:
    """Tell whether two batches are bit-equal."""
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


def is_mirrored(image: np.ndarray) -> bool:
    """Tell whether the stripes grow darker to the right."""
    return bool(image[0, 0, 0] > image[0, 0, -1])


@given(
    n=st.integers(2, 14),
    batch_size=st.integers(1, 5),
    start=st.integers(0, 14),
    per_image=st.sampled_from([1, 2, None]),
    options=st.sampled_from([{"crop": 2}, {"flip": True}, {"crop": 1, "flip": True, "jitter": 0.5}]),
)
def test_a_resumed_epoch_builds_the_same_pictures(n, batch_size, start, per_image, options):
    data = striped([("red circle", "blue square left", "red")[: 1 + i % 3] for i in range(n)])
    more = {"captions_per_image": per_image, "augmentation": Augmentation(**options)}
    batches = CaptionBatches(data, VOCABULARY, WIDE, min(batch_size, n), **more)
    whole = list(batches.epoch(7))
    start = min(start, len(whole))
    tail = batches.epoch(7, start=start)
    assert all(same(a, b) for a, b in zip(tail, whole[start:], strict=True))
    assert all(same(tail[k], whole[start:][k]) for k in reversed(range(len(tail))))  # in any order, too


def test_pictures_change_from_epoch_to_epoch_and_within_one():
    batches = CaptionBatches(
        striped([("red circle",)] * 40), VOCABULARY, WIDE, 20, augmentation=Augmentation(crop=2)
    )
    rows = np.concatenate([np.rint(batch.images[:, 0, 0] * 255).astype(int) for batch in batches.epoch(1)])
    assert len({tuple(row - row.min()) for row in rows}) == 5  # shifts by -2 to 2
    kept = [next(batch.images for batch in batches.epoch(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(kept[0], kept[1])
    assert (kept[0] != kept[2]).any()


def test_captions_and_their_order_are_those_without_augmentation():
    data = flat(30)
    plain, varied = (
        CaptionBatches(data, VOCABULARY, SMALL, 4, augmentation=augmentation)
        for augmentation in (None, Augmentation(crop=1, flip=True))
    )
    for one, two in zip(plain.epoch(3), varied.epoch(3), strict=True):
        np.testing.assert_array_equal(one.images, two.images)
        np.testing.assert_array_equal(one.tokens, two.tokens)
        np.testing.assert_array_equal(one.mask, two.mask)


def test_an_augmentation_that_changes_nothing_is_none():
    data = striped([("red circle",)] * 6)
    plain, idle = (
        CaptionBatches(data, VOCABULARY, WIDE, 4, augmentation=augmentation)
        for augmentation in (None, Augmentation())
    )
    assert all(same(a, b) for a, b in zip(plain.epoch(3), idle.epoch(3), strict=True))


@pytest.mark.parametrize("per_image", [1, None])
def test_a_picture_that_is_said_to_have_sides_is_never_mirrored(per_image):
    """One caption that says so is enough, drawn or not; the others are mirrored every other time."""
    sided = [("red", "a circle left of a square"), ("blue", "red", "to the RIGHT"), ("red leftmost",)]
    data = striped([*sided, ("red",), ("a bright square", "blue")])
    augmentation = Augmentation(flip=True)
    batches = CaptionBatches(
        data, VOCABULARY, WIDE, 5, captions_per_image=per_image, augmentation=augmentation
    )
    mirrored = Counter()
    for seed in range(60):
        for image in batches.epoch(seed)[0].images:
            mirrored[round(image[0].min() * 255)] += is_mirrored(image)
    assert {mirrored[i] for i in range(3)} == {0}
    assert 15 < mirrored[3] < 45
    assert mirrored[4] > 15  # with all captions, a batch may hold its picture twice


def test_words_of_sides_do_not_matter_where_nothing_is_mirrored():
    one, two = (
        CaptionBatches(striped([(text,)] * 6), VOCABULARY, WIDE, 6, augmentation=Augmentation(crop=2))
        for text in ("red circle", "left circle")
    )
    np.testing.assert_array_equal(one.epoch(1)[0].images, two.epoch(1)[0].images)


def test_evaluation_shows_pictures_as_they_are():
    data = striped([("red",), ("blue",)])
    (batch,) = eval_batches(data, VOCABULARY, WIDE, 2)
    np.testing.assert_array_equal(batch.images, WIDE.tensor(np.stack(data.images)))


def test_pictures_smaller_than_the_shift_are_named():
    batches = CaptionBatches(flat(4), VOCABULARY, SMALL, 2, augmentation=Augmentation(crop=5))
    with pytest.raises(InputError, match="crop shifts by up to 5 pixels, but the pictures have only 2"):
        batches.epoch(0)[0]
