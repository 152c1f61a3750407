"""Batches with classes or tags: complete, in step with their pictures, and decided by one seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import (
    Augmentation,
    ClassBatch,
    ClassData,
    LabelledBatches,
    Labels,
    Preprocessing,
    TagBatch,
    TagData,
    save_png,
)
from minicap.data.labelled_batches import batches_in_order
from minicap.errors import InputError

SETTINGS = Preprocessing(4, mean=(0, 0, 0), std=(1, 1, 1))
CLASSES = Labels(["cat", "cow", "dog"])
TAGS = Labels(["sea", "sky", "sun", "ship"])
ALL = Augmentation(crop=1, flip=True, jitter=0.5)


def make_images(n: int) -> list[np.ndarray]:
    """Return n pictures whose left half has the level of their number, and the right half is white."""
    images = [np.full((4, 4, 3), i, np.uint8) for i in range(n)]
    for image in images:
        image[:, 2:] = 255
    return images


def class_data(n: int, images=None) -> ClassData:
    """Return n pictures whose class goes by their number."""
    labels = tuple(CLASSES.names[i % 3] for i in range(n))
    return ClassData("train", tuple(map(str, range(n))), labels, images or make_images(n))


def tag_data(n: int, images=None) -> TagData:
    """Return n pictures whose tags are the binary digits of their number."""
    tags = tuple(tuple(tag for k, tag in enumerate(TAGS.names) if i >> k & 1) for i in range(n))
    return TagData("train", tuple(map(str, range(n))), tags, images or make_images(n))


KINDS = pytest.mark.parametrize(("make", "labels"), [(class_data, CLASSES), (tag_data, TAGS)])


def numbers(batch) -> list[int]:
    """Return which pictures a batch shows, mirrored or not."""
    return np.rint(batch.images.min(axis=(1, 2, 3)) * 255).astype(int).tolist()


def mirrored(batch) -> list[bool]:
    """Tell which pictures have their white half on the left."""
    return (batch.images[:, 0, 0, 0] == 1).tolist()


def said(batch) -> list:
    """Return the class of each picture, or the number that its tags spell."""
    return batch[1].tolist() if isinstance(batch, ClassBatch) else (batch.tags @ [1, 2, 4, 8]).tolist()


def together(of, batches) -> list:
    """Return what a function gives of each picture, for all the batches in one list."""
    return [entry for batch in batches for entry in of(batch)]


def expected(make, shown: list[int]) -> list:
    """Return what is said of pictures by their numbers."""
    return [i % 3 if make is class_data else i % 16 for i in shown]


def same(a, b) -> bool:
    """Tell whether two batches are bit-equal."""
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


# An epoch


@KINDS
@given(n=st.integers(1, 40), batch_size=st.integers(1, 40), flip=st.booleans(), seed=st.integers(0, 2**32))
def test_each_picture_once_with_what_is_said_of_it(make, labels, n, batch_size, flip, seed):
    batch_size = min(batch_size, n)
    batches = LabelledBatches(make(n), labels, SETTINGS, batch_size, augmentation=Augmentation(flip=flip))
    epoch = list(batches.epoch(seed))
    assert len(epoch) == len(batches) == -(-n // batch_size)
    assert [len(batch.images) for batch in epoch[:-1]] == [batch_size] * (len(epoch) - 1)
    for batch in epoch:
        assert said(batch) == expected(make, numbers(batch))
    assert sorted(together(numbers, epoch)) == list(range(n))


@KINDS
@given(n=st.integers(1, 30), batch_size=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_what_the_generator_is_asked_for(make, labels, n, batch_size, seed):
    """First one permutation; then one seed for changes, from which each batch has a generator of its own."""
    data, batch_size = make(n), min(batch_size, n)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    own = int(rng.integers(2**63))
    pixels = np.stack(data.images)
    plain = LabelledBatches(data, labels, SETTINGS, batch_size).epoch(seed)
    changed = LabelledBatches(data, labels, SETTINGS, batch_size, augmentation=ALL).epoch(seed)
    for k in range(-(-n // batch_size)):
        places = order[k * batch_size : (k + 1) * batch_size]
        assert numbers(plain[k]) == places.tolist()
        np.testing.assert_array_equal(plain[k].images, SETTINGS.tensor(pixels[places]))
        drawn = ALL.apply(pixels[places], np.random.default_rng((own, k)))
        np.testing.assert_array_equal(changed[k].images, SETTINGS.tensor(drawn))
        np.testing.assert_array_equal(changed[k][1], plain[k][1])


@KINDS
@pytest.mark.parametrize("augmentation", [None, ALL], ids=["plain", "augmented"])
def test_the_seed_decides_everything_and_is_left_alone(make, labels, augmentation):
    batches = LabelledBatches(make(20), labels, SETTINGS, 4, augmentation=augmentation)
    seed = np.random.SeedSequence(7)
    first, again = list(batches.epoch(seed)), list(batches.epoch(seed))
    other = list(batches.epoch(np.random.SeedSequence(8)))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not any(same(a, b) for a, b in zip(first, other, strict=True))
    assert [numbers(batch) for batch in first] != sorted(numbers(batch) for batch in first)
    assert seed.n_children_spawned == 0


@KINDS
@given(n=st.integers(2, 30), batch_size=st.integers(1, 5), start=st.integers(0, 30), seed=st.integers(0, 99))
def test_starting_later_is_the_tail_of_the_epoch(make, labels, n, batch_size, start, seed):
    batches = LabelledBatches(make(n), labels, SETTINGS, min(batch_size, n), augmentation=ALL)
    whole = list(batches.epoch(seed))
    start = min(start, len(whole))
    tail = list(batches.epoch(seed, start=start))
    assert len(tail) == len(whole) - start
    assert all(same(a, b) for a, b in zip(tail, whole[start:], strict=True))


@pytest.mark.parametrize("start", [-1, 6])
def test_a_start_outside_the_epoch(start):
    with pytest.raises(ValueError, match="start must be from 0 to 5 batches"):
        LabelledBatches(class_data(10), CLASSES, SETTINGS, 2).epoch(0, start=start)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_shapes(dtype):
    batch = LabelledBatches(class_data(5), CLASSES, SETTINGS, 3, dtype=dtype).epoch(0)[1]
    assert isinstance(batch, ClassBatch)
    assert (batch.images.dtype, batch.images.shape) == (dtype, (2, 3, 4, 4))
    assert (batch.labels.dtype, batch.labels.shape) == (np.int64, (2,))
    batch = LabelledBatches(tag_data(5), TAGS, SETTINGS, 3, dtype=dtype).epoch(0)[0]
    assert isinstance(batch, TagBatch)
    assert (batch.images.dtype, batch.images.shape) == (dtype, (3, 3, 4, 4))
    assert (batch.tags.dtype, batch.tags.shape) == (dtype, (3, 4))
    assert set(batch.tags.ravel()) == {0, 1}


def test_the_mean_and_the_deviation_act_on_changed_pictures():
    mean, std = (0.5, 0.25, 0), (0.5, 0.25, 1)
    options = {"batch_size": 6, "augmentation": ALL, "dtype": np.float64}
    x = LabelledBatches(class_data(6), CLASSES, SETTINGS, **options).epoch(0)[0].images
    y = LabelledBatches(class_data(6), CLASSES, Preprocessing(4, mean, std), **options).epoch(0)[0].images
    np.testing.assert_allclose(y, (x - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1)))


@KINDS
@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (11, "batch size 11 is larger than the 10 images of train; use --batch-size 10 or less"),
        (0, "batch size 0 makes no sense"),
        (-3, "batch size -3 makes no sense"),
    ],
)
def test_batch_sizes_that_make_no_sense(make, labels, batch_size, message):
    with pytest.raises(InputError, match=message):
        LabelledBatches(make(10), labels, SETTINGS, batch_size)


# Labels


def test_a_class_that_was_not_learnt():
    val = ClassData("val", ("a", "b"), ("dog", "horse"), make_images(2))
    message = r"'horse' is none of the 3 classes learnt \(cat, cow, dog\)"
    with pytest.raises(InputError, match=message):
        batches_in_order(val, CLASSES, SETTINGS, 2)
    with pytest.raises(InputError, match=message):
        LabelledBatches(val, CLASSES, SETTINGS, 2)


def test_tags_without_a_number_are_passed_over():
    data = TagData("val", ("a", "b", "c"), (("horse", "sky"), ("horse",), ()), make_images(3))
    (batch,) = batches_in_order(data, TAGS, SETTINGS, 3)
    assert batch.tags.tolist() == [[0, 1, 0, 0], [0] * 4, [0] * 4]


# Broken files


@pytest.fixture
def files(tmp_path):
    """Return nine picture files of which the first, one in the middle and the last are broken."""
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for path, image in zip(paths, make_images(9), strict=True):
        save_png(path, image)
    for place in (0, 4, 8):
        paths[place].write_bytes(b"nothing")
    return paths


@KINDS
def test_broken_files_are_left_out_together_with_their_labels(files, make, labels):
    for _ in range(2):  # decoded, then from the cache
        batches = LabelledBatches(make(9, files), labels, SETTINGS, 2, augmentation=Augmentation(flip=True))
        assert batches.report.lines()[0].startswith("3 of 9 images cannot be read (first: 0 ")
        epoch = list(batches.epoch(1))
        assert sorted(together(numbers, epoch)) == [1, 2, 3, 5, 6, 7]
        for batch in epoch:
            assert said(batch) == expected(make, numbers(batch))


@KINDS
def test_a_batch_must_not_be_larger_than_what_remains(files, make, labels):
    assert len(LabelledBatches(make(9, files), labels, SETTINGS, 6)) == 1
    with pytest.raises(InputError, match="batch size 7 is larger than the 6 images of train"):
        LabelledBatches(make(9, files), labels, SETTINGS, 7)


def test_a_class_that_only_broken_files_have_needs_no_number(files):
    data = ClassData("train", tuple("abcdefghi"), ("horse", *["cat"] * 3, "horse", *["dog"] * 4), files)
    assert len(LabelledBatches(data, CLASSES, SETTINGS, 1)) == 6


@KINDS
def test_what_is_tested_on_must_be_sound(files, make, labels):
    with pytest.raises(InputError, match=r"3 of 9 images of train cannot be decoded; the first, .*0\.png"):
        batches_in_order(make(9, files), labels, SETTINGS, 2)
    sound = make(9, files).usable(SETTINGS)
    assert together(numbers, batches_in_order(sound, labels, SETTINGS, 4)) == [1, 2, 3, 5, 6, 7]


# Mirror pictures


def seen_mirrored(batches, epochs: int = 20) -> set[int]:
    """Return which pictures are mirrored in any of some epochs, and look whether none is so in all of them."""
    counts: dict[int, int] = {}
    for seed in range(epochs):
        for batch in batches.epoch(seed):
            for number, flipped in zip(numbers(batch), mirrored(batch), strict=True):
                counts[number] = counts.get(number, 0) + flipped
    assert max(counts.values(), default=0) < epochs
    return {number for number, count in counts.items() if count}


@pytest.mark.parametrize("sided", ["left", "turn_right", "Arrow LEFT", "links", "←"])
def test_what_speaks_of_left_or_right_is_never_mirrored(sided):
    flip = Augmentation(flip=True)
    names, images = tuple(map(str, range(6))), make_images(6)
    classes = ClassData("train", names, ("bright", sided, "leftover", sided, "cat", sided), images)
    batches = LabelledBatches(
        classes, Labels(["bright", "leftover", "cat", sided]), SETTINGS, 4, augmentation=flip
    )
    assert seen_mirrored(batches) == {0, 2, 4}
    tags = TagData(
        "train", names, (("sea",), ("sea", sided), (), (sided,), ("sky", "sun"), ("sky", sided)), images
    )
    batches = LabelledBatches(tags, Labels([*TAGS.names, sided]), SETTINGS, 4, augmentation=flip)
    assert seen_mirrored(batches) == {0, 2, 4}
    untold = LabelledBatches(
        tags, TAGS, SETTINGS, 4, augmentation=flip
    )  # a tag too rare to be learnt is true, too
    assert seen_mirrored(untold) == {0, 2, 4}


def test_the_right_pictures_are_mirrored_where_files_are_broken(files):
    labels = ["cat", "left", "cat", "left", "left", "cat", "left", "cat", "left"]  # 0, 4 and 8 are broken
    data = ClassData("train", tuple("abcdefghi"), tuple(labels), files)
    batches = LabelledBatches(
        data, Labels(["cat", "left"]), SETTINGS, 4, augmentation=Augmentation(flip=True)
    )
    assert seen_mirrored(batches) == {2, 5, 7}


@KINDS
def test_nothing_is_mirrored_or_changed_without_being_asked(make, labels):
    assert seen_mirrored(LabelledBatches(make(6), labels, SETTINGS, 2)) == set()
    without = LabelledBatches(make(6), labels, SETTINGS, 2, augmentation=Augmentation()).epoch(3)
    assert all(map(same, LabelledBatches(make(6), labels, SETTINGS, 2).epoch(3), without))


# In order


@KINDS
@given(n=st.integers(0, 20), batch_size=st.integers(1, 25))
def test_every_picture_once_in_the_order_of_the_data(make, labels, n, batch_size):
    data = make(n)
    batches = batches_in_order(data, labels, SETTINGS, batch_size)
    assert len(batches) == -(-n // batch_size)
    shown = together(numbers, batches)
    assert shown == list(range(n))
    assert together(said, batches) == expected(make, shown)
    for k, batch in enumerate(batches):
        part = np.stack(data.images[k * batch_size : (k + 1) * batch_size])
        np.testing.assert_array_equal(batch.images, SETTINGS.tensor(part))  # never changed


def test_the_order_has_dtypes_too():
    (batch,) = batches_in_order(tag_data(3), TAGS, SETTINGS, 64, dtype=np.float64)
    assert (batch.images.dtype, batch.tags.dtype, batch.tags.shape) == (np.float64, np.float64, (3, 4))
    (batch,) = batches_in_order(class_data(3), CLASSES, SETTINGS, 64)
    assert (batch.images.dtype, batch.labels.dtype) == (np.float32, np.int64)
    with pytest.raises(InputError, match="batch size 0 makes no sense"):
        batches_in_order(class_data(3), CLASSES, SETTINGS, 0)
