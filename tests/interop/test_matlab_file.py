"""MATLAB 5 files: SciPy writes them, and damage is found before memory is taken."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from minicap.errors import InputError
from minicap.interop.matlab_file import read_matlab_matrix

LIMIT = 1 << 20


def saved(path: Path, packed: bool = True, **arrays) -> Path:
    """Write arrays as MATLAB would."""
    savemat(path, arrays, do_compression=packed)
    return path


def read(path: Path, name: str = "feats", limit: int = LIMIT) -> np.ndarray:
    """Read a matrix."""
    return read_matlab_matrix(path, name, max_bytes=limit)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int16", "int32"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (5, 1), (2, 3, 4), (0, 3)])
def test_what_scipy_wrote_is_read(tmp_path, packed, dtype, shape, rng):
    array = (100 * rng.random(shape)).astype(dtype)
    found = read(saved(tmp_path / "a.mat", packed, feats=array))
    np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("packed", [False, True])
def test_the_variable_is_found_among_others(tmp_path, packed, rng):
    array = rng.standard_normal((3, 2))
    others = {
        "x": np.arange(6.0),
        "names": "some text",
        "cells": np.array([{"a": 1}, 2], object),
        "long_name_1": 1j,
    }
    path = saved(tmp_path / "a.mat", packed, **others, feats=array, y=np.eye(2), f=np.ones(1))
    np.testing.assert_array_equal(read(path), array)
    np.testing.assert_array_equal(read(path, "f"), [[1]])  # the name stands in its tag
    with pytest.raises(
        InputError, match="holds no variable z, but x, names, cells, long_name_1, feats; save"
    ):
        read(path, "z")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "value", [np.array([1j]), "text", {"a": 1}, np.array([{}], object), np.array([True])]
)
def test_what_is_no_matrix_of_numbers_is_refused(tmp_path, packed, value):
    path = saved(tmp_path / "a.mat", packed, feats=value)
    if isinstance(value, np.ndarray) and value.dtype == bool:  # MATLAB's logicals are numbers 0 and 1
        assert read(path).tolist() == [[1]]
    else:
        with pytest.raises(InputError, match="feats is no matrix of real numbers"):
            read(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no MATLAB 5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "is no MATLAB 5 file"),
        (b"MATLAB 7.3 MAT-file".ljust(126, b" ") + b"IM", "save it again with -v7"),
        (b"MATLAB 5.0".ljust(124, b" ") + b"\1\0MI", "of this byte order"),
        (b"MATLAB 5.0".ljust(124, b" ") + b"\0\1IM", "holds no variable feats, but nothing"),
        (b"MATLAB 5.0".ljust(124, b" ") + b"\0\1IM" + struct.pack("<II", 14, 1 << 31), "are said to follow"),
        (b"MATLAB 5.0".ljust(124, b" ") + b"\0\1IM" + struct.pack("<II", 15, 4) + b"abcd", "is damaged"),
        (b"MATLAB 5.0".ljust(124, b" ") + b"\0\1IM" + bytes(8), "is damaged"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, content, reason):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        read(tmp_path / "a.mat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_no_truncation_is_overlooked(tmp_path, packed, rng):
    raw = saved(tmp_path / "a.mat", packed, feats=rng.standard_normal((3, 5))).read_bytes()
    for end in range(len(raw)):
        (tmp_path / "b.mat").write_bytes(raw[:end])
        with pytest.raises(InputError):
            read(tmp_path / "b.mat")


@given(st.booleans(), st.data())
def test_no_damage_gives_anything_but_an_input_error(tmp_path, packed, data):
    raw = bytearray(saved(tmp_path / "a.mat", packed, feats=np.arange(12.0).reshape(3, 4)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(124, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "b.mat").write_bytes(raw)
    found = np.empty(0)
    with suppress(InputError):
        found = read(tmp_path / "b.mat")
    assert found.size <= 12 * 8


def patched(raw: bytes, old: bytes, new: bytes, packed: bool) -> bytes:
    """Return a file of one element with other bytes in it."""
    content = zlib.decompress(raw[136:]) if packed else raw[128:]
    assert content.count(old) == 1
    content = content.replace(old, new)
    return raw[:128] + (struct.pack("<II", 15, len(p := zlib.compress(content))) + p if packed else content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", [(3 << 20, 1), (1 << 20, 1 << 20), (1, 3)])
def test_no_memory_is_taken_for_numbers_that_are_not_there(tmp_path, packed, sizes):
    raw = saved(tmp_path / "a.mat", packed, feats=np.ones((3, 5))).read_bytes()
    raw = patched(raw, struct.pack("<II", 3, 5), struct.pack("<II", *sizes), packed)
    size = min(8 * sizes[0] * sizes[1], 0xFFFFFFF8)  # the tag of the numbers lies as well
    (tmp_path / "b.mat").write_bytes(
        patched(raw, struct.pack("<II", 9, 120), struct.pack("<II", 9, size), packed)
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError) if sizes != (1, 3) else suppress(InputError):
            read(tmp_path / "b.mat", limit=1 << 40)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True])
def test_more_than_the_limit_is_refused(tmp_path, packed):
    path = saved(tmp_path / "a.mat", packed, feats=np.zeros((100, 100)))
    with pytest.raises(InputError, match="more than the limit of 10,000"):
        read(path, limit=10_000)
    with pytest.raises(InputError, match="there is no such file"):
        read(tmp_path / "none.mat")
