"""IDX files of the MNIST family: every spelling of them, and headers that lie."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minicap.data import Preprocessing, read_classes
from minicap.data.idx_file import read_idx
from minicap.errors import InputError

FASHION = Path("/usr/share/datasets/fashion-mnist")


def idx(values: np.ndarray, kind: int = 8) -> bytes:
    """Return an array as an IDX file."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def header(*dims: int) -> bytes:
    """Return the header of a file of unsigned bytes."""
    return struct.pack(f">BBBB{len(dims)}I", 0, 0, 8, len(dims), *dims)


PIXELS = np.random.default_rng(8).integers(0, 256, (40, 3, 5), dtype=np.uint8)
LABELS = np.arange(40, dtype=np.uint8) % 4
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GOOD = {
    TRAIN_IMAGES: idx(PIXELS),
    TRAIN_LABELS: idx(LABELS),
    "t10k-images-idx3-ubyte": idx(PIXELS[:6]),
    "t10k-labels-idx1-ubyte": idx(LABELS[:6]),
}


@pytest.fixture
def write(tmp_path: Path):
    """Return a writer of files to one folder."""

    def make(files: dict[str, bytes]) -> Path:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return make


# Good data


SPELLINGS = {
    "plain": lambda name: name,
    "gz": lambda name: f"{name}.gz",
    "dot": lambda name: name.replace("-idx", ".idx"),
    "test": lambda name: name.replace("t10k", "test"),
    "set": lambda name: f"emnist-balanced-{name}.gz",
    "capitals": str.upper,
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])  # whatever the name says
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_files_by_any_name(write, spelling, packed):
    path = write({SPELLINGS[spelling](n): gzip.compress(raw) if packed else raw for n, raw in GOOD.items()})
    for place in (path, next(path.iterdir())):
        corpus = read_classes(place)
        assert corpus.kind == "IDX files"
        assert [len(corpus.split(split)) for split in ("train", "val", "test")] == [36, 4, 6]
        assert corpus.test.names[:2] == ("test/00000", "test/00001")
        assert corpus.test.labels == ("0", "1", "2", "3", "0", "1")
        np.testing.assert_array_equal(np.stack(list(corpus.test.images)), np.stack([PIXELS[:6]] * 3, axis=3))


def test_a_tenth_of_each_class_is_kept_for_val(write):
    corpus = read_classes(write(GOOD))
    assert Counter(corpus.val.labels) == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert corpus.splits == ("train", "val", "test")
    places = {name: int(name.removeprefix("train/")) for name in corpus.train.names + corpus.val.names}
    assert sorted(places.values()) == list(range(40))
    for data in (corpus.train, corpus.val):
        for name, label, image in zip(data.names, data.labels, data.images, strict=True):
            assert label == str(LABELS[places[name]])
            np.testing.assert_array_equal(image[:, :, 1], PIXELS[places[name]])
    assert corpus.report.lines() == [
        "no validation split: 10 % of the training images of each class were kept for it by a draw"
    ]
    assert read_classes(corpus.path, split="validation").val.names == corpus.val.names
    assert read_classes(corpus.path, split="dev").splits == ("val",)


def test_grey_is_shown_as_three_channels_without_a_copy(write):
    corpus = read_classes(write(GOOD))
    data, everything = corpus.test, corpus.split("all")
    assert data.mode == "L"
    assert data.images.shape == (6, 3, 5, 3)
    assert data.images.strides[3] == 0
    pixels = data.pixels(Preprocessing(3, mode="L", resize="squash"))
    assert pixels.shape == (6, 3, 3, 3)
    assert (len(everything), everything.mode, everything.split) == (46, "L", "all")
    assert all(np.shares_memory(image[..., 0], image[..., 2]) for image in everything.images)


def test_colour(write):
    colour = np.random.default_rng(1).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    data = read_classes(write({"train-images-idx4-ubyte": idx(colour), TRAIN_LABELS: idx(LABELS[:2])})).train
    assert data.mode == "RGB"
    np.testing.assert_array_equal(data.images, colour)


def test_names_of_classes(write):
    path = write({**GOOD, "classes.txt": b"T-shirt\n ankle  boot \r\nc\nd\n\n"})
    assert read_classes(path).test.labels[:4] == ("T-shirt", "ankle boot", "c", "d")


def test_test_files_alone(write):
    corpus = read_classes(write({name: raw for name, raw in GOOD.items() if name.startswith("t10k")}))
    assert corpus.splits == ("test",)
    assert corpus.report.lines() == []
    with pytest.raises(InputError, match="there is no split 'train' with pictures; there is test"):
        read_classes(corpus.path, split="train")


def test_classes_too_small_to_keep_any_for_val(write):
    path = write({TRAIN_IMAGES: idx(PIXELS[:8]), TRAIN_LABELS: idx(LABELS[:8])})
    assert read_classes(path).splits == ("train",)


def test_a_file_and_its_compressed_twin(write):
    path = write({**GOOD, f"{TRAIN_IMAGES}.gz": b"never read"})
    assert len(read_classes(path).train) == 36


def test_one_of_several_sets(write):
    path = write(
        {f"{s}-{name}": raw for s in ("emnist-letters", "emnist-digits") for name, raw in GOOD.items()}
    )
    with pytest.raises(
        InputError, match=r"holds several sets \(emnist-digits, emnist-letters\); name one of"
    ):
        read_classes(path)
    assert len(read_classes(path / f"emnist-digits-{TRAIN_IMAGES}").train) == 36


# One file that is refused


RAW, PACKED = idx(PIXELS), gzip.compress(idx(PIXELS), mtime=0)
BROKEN = {
    "empty": (b"", r"is no IDX file: an IDX file of images begins with 00 00 08 03, but this with nothing"),
    "short": (b"\0\0\x08", "begins with 00 00 08 03, but this with 00 00 08"),
    "text": (b"hello world", "is no IDX file: .* but this with 68 65 6c 6c"),
    "NUL": (b"\0" * 100, "is no IDX file: .* but this with 00 00 00 00"),
    "float": (idx(PIXELS.astype(">f4"), 13), "holds float32, where images are unsigned bytes"),
    "labels": (idx(LABELS), r"has 1 dimensions, where images have 3 \(it must begin with 00 00 08 03\)"),
    "header": (RAW[:9], "ends inside its header"),
    "none": (header(0, 3, 5), "holds no images: its dimensions are 0 x 3 x 5"),
    "flat": (header(4, 0, 5), "holds no images: its dimensions are 4 x 0 x 5"),
    "colours": (idx(np.zeros((2, 3, 3, 4), np.uint8)), "has 4 colours a pixel, where there must be 3"),
    "cut": (RAW[:-1], "header announces 40 x 3 x 5 bytes, but 599 follow; take the file anew"),
    "long": (RAW + b"x", "header announces 40 x 3 x 5 bytes, but more follow"),
    "huge": (header(2**32 - 1, 28, 28), r"announces 4,294,967,295 x 28 x 28 bytes, over the limit of 2,147,483,648"),
    "large": (header(2**21, 28, 28), "announces 2,097,152 x 28 x 28 bytes, but 0 follow"),
    "picture": (header(1, 10_000, 10_000), r"images of 10,000 x 10,000 pixels, over the limit of 50,000,000"),
    "gz cut": (PACKED[:-20], "ends in the middle of its compressed data"),
    "gz start": (PACKED[:5], "ends in the middle of its compressed data"),
    "gz flipped": (PACKED[:300] + bytes([PACKED[300] ^ 255]) + PACKED[301:], "is damaged inside its compression"),
    "gz sum": (PACKED[:-5] + b"\0\0\0\0\0", r"is damaged inside its compression \(CRC check failed"),
    "gz garbage": (PACKED + b"garbage", "is damaged inside its compression .Not a gzipped file"),
    "gz short": (gzip.compress(RAW[:-1]), "announces 40 x 3 x 5 bytes, but only 599 follow"),
    "gz long": (gzip.compress(RAW + b"x"), "announces 40 x 3 x 5 bytes, but more follow"),
    "gz twice": (PACKED + PACKED, "announces 40 x 3 x 5 bytes, but more follow"),
    "gz of gz": (gzip.compress(PACKED), "is no IDX file: .* but this with 1f 8b 08 00"),
    "gz promise": (gzip.compress(header(10**6, 28, 28)), "but a compressed file of .* cannot hold them"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_in_one_line(write, case):
    raw, message = BROKEN[case]
    path = write({**GOOD, TRAIN_IMAGES: raw})
    with pytest.raises(InputError, match=f"{TRAIN_IMAGES}: .*{message}") as error:
        read_classes(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(10, 28, 28) + bytes(50_000_000), "but more follow"),  # a bomb: little announced
        (
            header(2_000_000, 32, 32) + bytes(2_000_000),
            "a compressed file of .* cannot hold them",
        ),  # much announced
    ],
)
def test_no_more_memory_is_taken_than_the_file_can_fill(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            read_idx(path, "images")
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_labels_are_checked_likewise(write):
    path = write({**GOOD, TRAIN_LABELS: idx(PIXELS)})
    with pytest.raises(InputError, match=r"labels.*: has 3 dimensions, where labels have 1 .*00 00 08 01"):
        read_classes(path)


def test_a_file_that_may_not_be_read(write, monkeypatch):
    path = write(GOOD)

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("minicap.data.idx_file.open", refuse, raising=False)
    with pytest.raises(
        InputError, match=r"train-images-idx3-ubyte: cannot be read \(Permission denied\); check"
    ):
        read_classes(path)


def test_no_memory(write, monkeypatch):
    path = write(GOOD)

    def refuse(*arguments):
        raise MemoryError

    monkeypatch.setattr("minicap.data.idx_file.np.empty", refuse)
    with pytest.raises(InputError, match="there is not enough memory for it; use fewer images"):
        read_classes(path)


# Files that do not fit each other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({TRAIN_LABELS: idx(LABELS[:39])}, "holds 39 labels, but train-images-idx3-ubyte holds 40 images; take both"),
        ({TRAIN_LABELS: None}, "the labels of train are not there; put their IDX file beside"),
        ({TRAIN_IMAGES: None}, "the images of train are not there; put their IDX file beside"),
        ({"t10k-labels-idx1-ubyte": None}, "the labels of test are not there"),
        ({"classes.txt": b"a\nb\nc\n"}, "has label 3, but classes.txt names only 3 classes, from 0 on; complete it"),
        ({"classes.txt": b""}, "has label 3, but classes.txt names only 0 classes"),
        ({"classes.txt": b"a\nb\na\nd\n"}, "classes.txt: line 3 has 'a' twice; give each class one line"),
        ({"classes.txt": b"a\n\nc\nd\n"}, "classes.txt: line 2 is empty; give each class one line"),
        ({"classes.txt": b"caf\xe9\n"}, "classes.txt: line 1 is not UTF-8 text"),
        ({"classes.txt": b"a\0\n"}, "classes.txt: line 1 holds a NUL byte"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit(write, change, message):
    files = {**GOOD, **change}
    path = write({name: raw for name, raw in files.items() if raw is not None})
    with pytest.raises(InputError, match=message) as error:
        read_classes(path)
    assert "\n" not in str(error.value)


def test_labels_alone_are_nothing(write):
    with pytest.raises(InputError, match="holds no classes; recognised are IDX files as of MNIST"):
        read_classes(write({TRAIN_LABELS: idx(LABELS)}))


# Real data


def test_real_fashion_mnist():
    if not FASHION.is_dir():
        pytest.skip(f"no Fashion-MNIST at {FASHION}; install the package dataset-fashion-mnist to use it")
    corpus = read_classes(FASHION)
    assert [len(corpus.split(split)) for split in ("train", "val", "test")] == [54_000, 6_000, 10_000]
    assert set(Counter(corpus.val.labels).values()) == {600}
    assert set(Counter(corpus.test.labels)) == set("0123456789")
    assert corpus.test.images.shape == (10_000, 28, 28, 3)
    assert (corpus.test.labels[0], int(corpus.test.images[0].sum(dtype=np.int64)) // 3) == ("9", 33_456)
