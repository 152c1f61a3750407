"""The file format: arrays and settings come back exactly, and a hostile file gets one line, not memory."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from minicap.archive import read_archive, write_archive
from minicap.errors import InputError

DTYPES = st.one_of(
    npst.floating_dtypes(), npst.integer_dtypes(), npst.unsigned_integer_dtypes(), npst.boolean_dtypes()
)
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, min_side=0, max_side=4))
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a sound archive."""
    write_archive(
        tmp_path / "a.npz", {"model/w": ARRAY, "model/b": ARRAY[0], "other/x": ARRAY}, {"version": 1}
    )
    return tmp_path / "a.npz"


def refused(path: Path, match: str = "the file is damaged or no minicap checkpoint") -> str:
    """Return the one line in which a file is refused."""
    with pytest.raises(InputError, match=match) as caught:
        read_archive(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def zipped(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip file of raw members."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array: np.ndarray) -> bytes:
    """Return the bytes of an array in NumPy's own format, pickled where it has to be."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def meta(content: Any = None) -> bytes:
    """Return the member that holds the settings."""
    return npy(np.frombuffer(json.dumps({} if content is None else content).encode(), np.uint8))


# There and back


@given(arrays=st.dictionaries(st.sampled_from(["a", "model/b.c", "ä"]), ARRAYS))
def test_arrays_come_back_bit_for_bit(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    write_archive(path, arrays, {})
    found, _ = read_archive(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@given(
    settings=st.dictionaries(st.text(), st.none() | st.integers() | st.floats(allow_nan=False) | st.text())
)
def test_settings_come_back(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    try:
        write_archive(path, {}, settings)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert read_archive(path) == ({}, settings)


@pytest.mark.parametrize(
    "array", [np.asfortranarray(ARRAY), ARRAY[:, ::2], ARRAY.T, np.float64(3.5), ARRAY[:0]]
)
def test_any_memory_layout_will_do(tmp_path: Path, array: np.ndarray):
    write_archive(tmp_path / "a.npz", {"x": array}, {})
    assert np.array_equal(read_archive(tmp_path / "a.npz")[0]["x"], array)


def test_what_is_read_may_be_written_to(path: Path):
    read_archive(path)[0]["model/w"][...] = 0


def test_a_prefix_reads_its_arrays_only(path: Path):
    assert set(read_archive(path, "model/")[0]) == {"model/w", "model/b"}


def test_numpy_itself_reads_it_without_pickle(path: Path):
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["model/w"], ARRAY)


def test_an_object_array_is_not_written(path: Path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_archive(path, {"x": np.array([{}], object)}, {})
    assert read_archive(path)[1] == {"version": 1}


def test_an_archive_that_cannot_be_written_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minicap.data.files.os.fsync", full)
    with pytest.raises(InputError, match=r"a\.npz: cannot be written \(No space left on device\)"):
        write_archive(path, {}, {"version": 2})
    assert read_archive(path)[1] == {"version": 1}
    assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


# Files that are none


def test_a_missing_file_is_named(tmp_path: Path):
    refused(tmp_path / "none.npz", "there is no such file")


def test_a_folder_is_no_file(tmp_path: Path):
    refused(tmp_path, "there is no such file")


@pytest.mark.parametrize("content", [b"", b"PK", b"hello, I am a text\n", bytes(1000), npy(ARRAY)])
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz")


def test_somebody_elses_npz_is_refused(tmp_path: Path):
    np.savez(tmp_path / "a.npz", weights=ARRAY)
    refused(tmp_path / "a.npz", "this is no minicap checkpoint; expected a file that minicap wrote")


def test_a_pickle_alone_is_refused(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(pickle.dumps({"weights": [1.0]}))
    refused(tmp_path / "a.npz")


class Trap:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("member", ["meta", "model/w"])
def test_a_pickle_inside_is_refused_and_does_not_run(tmp_path: Path, member: str):
    trap = npy(np.array([Trap(tmp_path / "sprung")], object))
    zipped(tmp_path / "a.npz", {"meta.npy": meta(), "model/w.npy": npy(ARRAY), f"{member}.npy": trap})
    refused(tmp_path / "a.npz", "holds object objects, which may run code when read")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("dtype", ["U3", "S3", "V3", "M8[s]", "c8", "i4,f4"])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path: Path, dtype: str):
    zipped(tmp_path / "a.npz", {"meta.npy": meta(), "x.npy": npy(np.zeros(2, dtype))})
    refused(tmp_path / "a.npz", "which may run code when read")


@pytest.mark.parametrize("settings", [5, [1], "text", None, True])
def test_settings_are_named_values(tmp_path: Path, settings: Any):
    zipped(tmp_path / "a.npz", {"meta.npy": npy(np.frombuffer(json.dumps(settings).encode(), np.uint8))})
    refused(tmp_path / "a.npz")


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"", b"[" * 100_000])
def test_settings_that_are_no_json_are_refused(tmp_path: Path, text: bytes):
    zipped(tmp_path / "a.npz", {"meta.npy": npy(np.frombuffer(text, np.uint8))})
    refused(tmp_path / "a.npz")


# Sizes are believed only when the bytes are there


def header(text: str) -> bytes:
    """Return the header of an .npy member."""
    line = (text + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line


def lie(path: Path, shape: str) -> Path:
    """Write an archive whose array of six numbers says that it has another shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    return zipped(path, {"meta.npy": meta(), "x.npy": header(text) + ARRAY.tobytes()})


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(2, 4)", "(5,)", "(2, 3, 0)", "(-2, 3)"])
def test_a_shape_that_its_bytes_do_not_bear_out_is_refused_before_they_are_read(tmp_path: Path, shape: str):
    refused(lie(tmp_path / "a.npz", shape), r"x\.npy says it has shape .* but has not so many bytes")


@pytest.mark.parametrize("shape", ["(-2, -3)", "(2.0, 3)", "2", "'ab'", "None"])
def test_a_shape_that_is_none_is_refused(tmp_path: Path, shape: str):
    refused(lie(tmp_path / "a.npz", shape))


@pytest.mark.parametrize(
    "text",
    ["", "{", "{'descr': ", "[1, 2]", "__import__('os').abort()", "{'descr': 'nonsense'}", "(" * 5000, "1L"],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path: Path, text: str):
    zipped(tmp_path / "a.npz", {"meta.npy": meta(), "x.npy": header(text) + ARRAY.tobytes()})
    refused(tmp_path / "a.npz")


def test_a_compressed_member_is_refused_before_it_is_unpacked(tmp_path: Path):
    zipped(tmp_path / "a.npz", {"meta.npy": meta(), "x.npy": npy(np.zeros(10**6))}, zipfile.ZIP_DEFLATED)
    refused(tmp_path / "a.npz", "is compressed; minicap writes it plain")


def test_a_changed_bit_is_found(path: Path):
    content = bytearray(path.read_bytes())
    content[content.index(ARRAY.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    refused(path, "Bad CRC-32")


@given(place=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(tmp_path_factory, place: float):
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    write_archive(path, {"model/w": ARRAY}, {"version": 1})
    content = path.read_bytes()
    path.write_bytes(content[: int(place * len(content))])
    refused(path)


@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    )
)
def test_whatever_is_changed_is_read_or_refused_in_one_line(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    write_archive(path, {"model/w": ARRAY}, {"version": 1})
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[int(place * len(content))] = value
    path.write_bytes(content)
    try:
        arrays, settings = read_archive(path)
    except InputError as error:
        line = str(error)
    else:
        line = f"{len(arrays)} arrays and {len(settings)} settings"
        assert all(array.nbytes <= len(content) for array in arrays.values())
    assert "\n" not in line
