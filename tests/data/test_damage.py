"""Files of every format with bytes changed, cut out and put in: only one-line InputErrors come of it."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.data import read_data, save_png
from minicap.errors import InputError

NAMES = [f"{i}.png" for i in range(4)]
IMAGES = [{"id": i, "file_name": name} for i, name in enumerate(NAMES)]
COCO = {
    "images": IMAGES,
    "annotations": [{"image_id": i, "caption": f"caption {i}", "category_id": i} for i in range(4)],
    "categories": [{"id": i, "name": f"tag {i}"} for i in range(4)],
}
PIXELS = struct.pack(">I3I", 0x803, 4, 2, 2) + bytes(range(16))
LABELS = struct.pack(">II", 0x801, 4) + bytes([0, 1, 0, 1])
LABEL_FILE = {"train-labels-idx1-ubyte": LABELS}

# task, the file to damage, its content, and what stands beside it
CASES = {
    "captions.csv": ("caption", "captions.csv", "image,caption\n" + "".join(f'{n},"a ""{n}"""\n' for n in NAMES), {}),
    "splits.csv": (
        "caption",
        "splits.csv",
        "image,split\n" + "".join(f"{n},train\n" for n in NAMES),
        {"captions.csv": "image,caption\n" + "".join(f"{n},x\n" for n in NAMES)},
    ),
    "tags.csv": ("tag", "tags.csv", "image,tags\n" + "".join(f'{n},"a;b {n}"\n' for n in NAMES), {}),
    "tokens": ("caption", "f.token.txt", "".join(f"{n}#0\ta caption\n" for n in NAMES), {}),
    "coco captions": ("caption", "captions_train.json", json.dumps(COCO), {}),
    "coco objects": ("tag", "instances_train.json", json.dumps(COCO), {}),
    "idx images": ("classify", "train-images-idx3-ubyte", PIXELS, LABEL_FILE),
    "idx gz": ("classify", "train-images-idx3-ubyte.gz", gzip.compress(PIXELS, mtime=0), LABEL_FILE),
    "idx labels": ("classify", "train-labels-idx1-ubyte", LABELS, {"train-images-idx3-ubyte": PIXELS}),
    "classes.txt": ("classify", "classes.txt", "a\nb\nc\n", {"train-images-idx3-ubyte": PIXELS, **LABEL_FILE}),
}  # fmt: skip

EDIT = st.tuples(
    st.integers(0, 10_000),  # where, counted round
    st.integers(0, 4),  # how many bytes are cut out there
    st.sampled_from(
        [b"", b"\0", b"\xff", b'"', b",", b";", b"\n", b"\t", b"{", b"]", b"-", b"9" * 20, b"../"]
    )
    | st.binary(max_size=3),  # and what is put in
)


def damaged(content: bytes, edits: list[tuple[int, int, bytes]], length: int | None) -> bytes:
    """Return content after some edits, perhaps cut off."""
    for place, cut, put in edits:
        place %= len(content) + 1
        content = content[:place] + put + content[place + cut :]
    return content if length is None else content[: length % (len(content) + 1)]


def as_bytes(content: str | bytes) -> bytes:
    """Return text as UTF-8."""
    return content.encode() if isinstance(content, str) else content


def write(folder: Path, name: str) -> tuple[str, Path, bytes]:
    """Write a case that is sound, and return its task, the file to damage and its content."""
    task, file, content, beside = CASES[name]
    (folder / "images").mkdir(exist_ok=True)
    for picture in NAMES:
        save_png(folder / "images" / picture, np.zeros((2, 2, 3), np.uint8))
    for other, text in (beside | {file: content}).items():
        (folder / other).write_bytes(as_bytes(text))
    return task, folder / file, as_bytes(content)


@pytest.mark.parametrize("name", CASES)
def test_the_sound_file_is_read(tmp_path, name):
    task, path, _ = write(tmp_path, name)
    assert len(read_data(path.parent, task).split("all")) == 4


@pytest.mark.parametrize("name", CASES)
def test_damage_is_an_input_error_or_nothing(tmp_path, name):
    task, path, content = write(tmp_path, name)
    refused = []

    @settings(max_examples=60)
    @given(edits=st.lists(EDIT, min_size=1, max_size=4), length=st.none() | st.integers(0, 10_000))
    def survive(edits, length):
        path.write_bytes(damaged(content, edits, length))
        for place in (path.parent, path):
            try:
                data = read_data(place, task).split("all")
            except InputError as error:
                refused.append(str(error))
            else:
                assert 0 < len(data) <= 4

    survive()
    assert refused
    assert [line for line in refused if "\n" in line or not line.startswith(str(path.parent))] == []
