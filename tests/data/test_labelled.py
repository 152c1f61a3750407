"""One split of pictures with a class each, or with tags."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.data import ClassData, Preprocessing, TagData, save_png
from minicap.data.dataset import joined
from minicap.data.report import NO_IMAGE, ReadingReport
from minicap.errors import InputError

SETTINGS = Preprocessing(8)


@pytest.fixture
def images(picture) -> np.ndarray:
    """Return four pictures in one array."""
    return np.stack([picture() for _ in range(4)])


def class_data(images, mode: str = "RGB") -> ClassData:
    """Return four pictures with a class each."""
    return ClassData("train", tuple("abcd"), ("cat", "dog", "cat", "cow"), images, mode)


def tag_data(images) -> TagData:
    """Return four pictures with tags, one of them without any."""
    return TagData("train", tuple("abcd"), (("cat", "dog"), (), ("dog",), ("sea", "ant", "cat")), images)


@pytest.mark.parametrize("make", [class_data, tag_data])
def test_one_entry_a_picture(images, make):
    data = make(images)
    assert len(data) == 4
    np.testing.assert_array_equal(data.pixels(SETTINGS), images)
    assert make(list(images)).pixels(SETTINGS).tolist() == images.tolist()


def test_wrong_lengths_are_refused(images):
    with pytest.raises(ValueError, match=r"ClassData: there must be .* 2 names, 1 labels, 4 images"):
        ClassData("train", ("a", "b"), ("cat",), images)
    with pytest.raises(ValueError, match=r"TagData: there must be .* 2 names, 3 tags, 4 images"):
        TagData("train", ("a", "b"), ((), (), ()), images)
    with pytest.raises(ValueError, match="4 names, 4 labels, 3 images"):
        class_data(list(images)[:3])


@pytest.mark.parametrize("places", [[2, 0, 2], np.array([2, 0, 2])], ids=["list", "array"])
@pytest.mark.parametrize("kind", [list, tuple, np.asarray], ids=["list", "tuple", "array"])
def test_a_subset_takes_everything_along(images, places, kind):
    classes, tags = class_data(kind(images)).subset(places), tag_data(kind(images)).subset(places)
    assert (classes.split, classes.names, classes.labels) == ("train", tuple("cac"), ("cat",) * 3)
    assert (tags.split, tags.names, tags.tags) == (
        "train",
        tuple("cac"),
        (("dog",), ("cat", "dog"), ("dog",)),
    )
    for part in (classes, tags):
        assert type(part.images) is type(kind(images))
        np.testing.assert_array_equal(part.pixels(SETTINGS), images[[2, 0, 2]])


@pytest.mark.parametrize("make", [class_data, tag_data])
@pytest.mark.parametrize("kind", [list, np.asarray], ids=["list", "array"])
def test_a_subset_may_be_empty(images, make, kind):
    part = make(kind(images)).subset([])
    assert len(part) == len(part.images) == 0
    assert part.pixels(SETTINGS).shape == (0, 8, 8, 3)


def test_the_mode_stays(images):
    assert class_data(images).mode == tag_data(images).mode == "RGB"
    assert class_data(images, "L").subset([1, 2]).mode == "L"


def test_grey_pictures_may_be_a_view(images):
    view = np.broadcast_to(images[..., :1], images.shape)  # as the IDX reader gives them
    data = class_data(view, "L")
    grey = Preprocessing(8, mode="L")
    np.testing.assert_array_equal(data.pixels(grey), view)
    np.testing.assert_array_equal(data.subset([3, 1]).pixels(grey), view[[3, 1]])


@pytest.mark.parametrize(("make", "said"), [(class_data, "labels"), (tag_data, "tags")])
def test_a_broken_file_is_left_out_with_what_is_said_of_it(tmp_path, images, make, said):
    paths = [tmp_path / f"{name}.png" for name in "abcd"]
    for path, image in zip(paths, images, strict=True):
        save_png(path, image)
    data = make(paths)
    paths[1].write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"1 of 4 images of train cannot be decoded; the first, .*b\.png"):
        data.pixels(SETTINGS)
    report = ReadingReport()
    for _ in range(2):  # decoded, then from the cache
        usable, pixels = data.load(SETTINGS, report=report)
        assert usable.names == tuple("acd")
        assert getattr(usable, said) == getattr(data.subset([0, 2, 3]), said)
        np.testing.assert_array_equal(pixels, images[[0, 2, 3]])
    assert report.count(NO_IMAGE) == 2


# Several splits together


def test_joined_classes(images):
    first, second = class_data(images), ClassData("test", ("e", "b"), ("sea", "sea"), images[2:])
    data = joined([second, first], "all")
    assert (data.split, data.names) == ("all", tuple("ebacd"))
    assert data.labels == ("sea", "sea", "cat", "cat", "cow")
    np.testing.assert_array_equal(data.pixels(SETTINGS), images[[2, 3, 0, 2, 3]])
    assert all(np.shares_memory(image, images) for image in data.images)


def test_joined_tags(images):
    data = joined([tag_data(images), TagData("val", ("e",), (("sea",),), images[:1])], "all")
    assert data.names == tuple("abcde")
    assert data.tags == (*tag_data(images).tags, ("sea",))
    np.testing.assert_array_equal(data.pixels(SETTINGS), images[[0, 1, 2, 3, 0]])


@pytest.mark.parametrize(
    ("modes", "together"),
    [("LL", "L"), (("L", "RGB"), "RGB"), (("RGB", "L"), "RGB"), (("RGB", "RGB"), "RGB")],
)
def test_pictures_are_grey_together_where_all_are(images, modes, together):
    assert joined([class_data(images, mode) for mode in modes], "all").mode == together
