"""One split: pictures, captions, and what is usable."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minicap.data import CaptionBatches, CaptionData, Corpus, Preprocessing, Vocabulary, load_image, save_png
from minicap.data.dataset import joined
from minicap.data.report import NO_IMAGE, ReadingReport
from minicap.errors import InputError

SETTINGS = Preprocessing(4)


@pytest.fixture
def data(tmp_path, picture) -> CaptionData:
    """Return three pictures from files."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        save_png(path, picture(64, 64))
    return CaptionData("train", ("a", "b", "c"), (("one",), ("two", "zwei"), ("three",)), paths)


def test_pixels_of_files_and_of_arrays_agree(data):
    arrays = CaptionData("train", data.names, data.captions, [load_image(path) for path in data.images])
    np.testing.assert_array_equal(data.pixels(SETTINGS), arrays.pixels(SETTINGS))
    assert data.pixels(SETTINGS).shape == (3, 4, 4, 3)


def test_scenes_keep_their_truth(picture):
    scenes = [SimpleNamespace(image=picture(), captions=(f"caption {i}",), objects=()) for i in range(2)]
    data = CaptionData.from_scenes(scenes, "val")
    assert (data.split, data.names) == ("val", ("val_00000.png", "val_00001.png"))
    assert data.captions == (("caption 0",), ("caption 1",))
    assert data.scenes == tuple(scenes)
    assert data.subset([1]).scenes == (scenes[1],)
    np.testing.assert_array_equal(data.pixels(Preprocessing(8))[1], scenes[1].image)


def test_a_subset_takes_everything_along(data):
    part = data.subset(np.array([2, 1]))
    assert (part.names, part.captions) == (("c", "b"), (("three",), ("two", "zwei")))
    np.testing.assert_array_equal(part.pixels(SETTINGS), data.pixels(SETTINGS)[[2, 1]])
    assert part.all_captions() == ["three", "two", "zwei"]
    assert len(data.subset([])) == 0


def test_all_usable_is_itself(data):
    assert data.usable(SETTINGS) is data


def test_a_truncated_file_is_left_out_and_reported(data):
    path = data.images[1]
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(
        InputError, match=r"1 of 3 images of train cannot be decoded; the first, .*b.png, is damaged"
    ):
        data.pixels(SETTINGS)
    report = ReadingReport()
    usable = data.usable(SETTINGS, report=report)
    assert usable.names == ("a", "c")
    assert usable.pixels(SETTINGS).shape == (2, 4, 4, 3)
    assert report.count(NO_IMAGE) == 1
    assert report.lines()[0].startswith("1 of 3 images cannot be read (first: b is damaged or truncated")


def test_batches_leave_a_truncated_file_out_themselves(data):
    data.images[0].write_bytes(data.images[0].read_bytes()[:500])
    batches = CaptionBatches(data, Vocabulary.build(data.all_captions()), SETTINGS, 2)
    assert batches.data.names == ("b", "c")
    assert batches.report.lines()[0].startswith("1 of 3 images cannot be read")
    with pytest.raises(InputError, match="larger than the 2 images"):
        CaptionBatches(data, Vocabulary.build(data.all_captions()), SETTINGS, 3)


def test_nothing_usable_is_an_error(data):
    for path in data.images:
        path.write_text("nothing")
    with pytest.raises(InputError, match="none of the 3 images of train can be decoded"):
        data.usable(SETTINGS)


def test_wrong_lengths_are_refused(picture):
    with pytest.raises(ValueError, match="2 names, 1 captions, 1 images"):
        CaptionData("train", ("a", "b"), (("one",),), [picture()])
    with pytest.raises(ValueError, match="a has no caption"):
        CaptionData("train", ("a",), ((),), [picture()])


# Several splits together


def test_joined_pictures_keep_their_captions_and_their_order(data, picture):
    other = CaptionData("val", ("d", "e"), (("four",), ("five",)), [picture(), picture()])
    files = joined([data.subset([2, 0]), data.subset([1])], "some")
    assert (files.split, files.names) == ("some", ("c", "a", "b"))
    assert files.captions == (("three",), ("one",), ("two", "zwei"))
    np.testing.assert_array_equal(files.pixels(SETTINGS), data.pixels(SETTINGS)[[2, 0, 1]])
    mixed = joined([other, other.subset([1])], "all")
    assert (mixed.names, len(mixed.images)) == (("d", "e"), 2)
    assert mixed.images[1] is other.images[1]


def test_a_picture_in_two_splits_is_there_once_as_the_first_has_it(data):
    other = CaptionData("val", ("x", "b"), (("ex",), ("bee",)), [data.images[0], data.images[2]])
    first, last = joined([data, other], "all"), joined([other, data], "all")
    assert (first.names, last.names) == (("a", "b", "c", "x"), ("x", "b", "a", "c"))
    assert (first.captions[1], last.captions[1]) == (("two", "zwei"), ("bee",))
    assert (first.images[1], last.images[1]) == (data.images[1], data.images[2])


def test_one_split_alone_is_joined_too(data):
    alone = joined([data], "all")
    assert (alone.split, data.split) == ("all", "train")
    assert (alone.names, alone.captions, alone.images) == (data.names, data.captions, data.images)


def test_the_truth_is_joined_where_all_the_parts_have_it(picture):
    scenes = [SimpleNamespace(image=picture(), captions=(f"caption {i}",), objects=()) for i in range(3)]
    train, val = CaptionData.from_scenes(scenes[:1], "train"), CaptionData.from_scenes(scenes[1:], "val")
    assert joined([val, train], "all").scenes == (scenes[1], scenes[2], scenes[0])
    untold = CaptionData("test", ("a",), (("one",),), [picture()])
    assert joined([train, untold], "all").scenes is None
    assert joined([untold, train], "all").scenes is None


@pytest.mark.parametrize("name", ["all", "ALL", " all "])
def test_the_split_all_is_everything(data, name):
    parts = {"train": data.subset([0, 1]), "val": data.subset([1]), "test": data.subset([2])}
    corpus = Corpus("some", Path("here"), parts, ReadingReport())
    everything = corpus.split(name)
    assert (everything.split, everything.names) == ("all", ("a", "b", "c"))
    only = corpus.only(name)
    assert only.splits == ("all",)
    assert only.split("all").names == ("a", "b", "c")
    with pytest.raises(InputError, match="there is no split 'train' with pictures; there is all"):
        only.split("train")
    assert corpus.splits == ("train", "val", "test")
    with pytest.raises(
        InputError, match="there is no split 'every' with pictures; there is train, val, test"
    ):
        corpus.split("every")


def test_stored_features_stand_for_the_pixels(tmp_path):
    features = np.arange(6, dtype=np.float16).reshape(3, 2)
    data = CaptionData(
        "train", ("a", "b", "c"), (("x",),) * 3, [tmp_path / "none.png"] * 3, features=features
    )
    part = data.subset([2, 0])
    np.testing.assert_array_equal(part.pixels(Preprocessing(8)), features[[2, 0]])
    loaded, values = data.load(Preprocessing(8))
    assert loaded is data
    assert values is features
    assert data.usable(Preprocessing(8)) is data
    batch = CaptionBatches(data, Vocabulary(["x"]), Preprocessing(8), 3).epoch(0)[0]
    assert sorted(batch.images.tolist()) == features.tolist()
    assert batch.images.dtype == np.float32


def test_joined_data_keep_their_features_in_order(tmp_path):
    def part(*names, value):
        images = [tmp_path / name for name in names]
        features = np.full((len(names), 2), value, np.float32)
        return CaptionData("train", names, (("x",),) * len(names), images, features=features)

    both = joined([part("a", "b", value=1.0), part("b", "c", value=2.0)], "all")
    assert both.names == ("a", "b", "c")
    np.testing.assert_array_equal(both.features, [[1, 1], [1, 1], [2, 2]])
    without = joined([part("a", value=1.0), CaptionData("val", ("d",), (("x",),), [tmp_path / "d"])], "all")
    assert without.features is None
