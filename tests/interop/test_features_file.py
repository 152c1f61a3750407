"""Features in every format: whose they are is known, and hostile files are refused in one line."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from minicap.errors import InputError
from minicap.interop.extract import write_features
from minicap.interop.features_file import Features, read_features

NAMES = ["b.jpg", "a.jpg", "c.jpg"]


@pytest.fixture
def values(rng) -> np.ndarray:
    """Return the features of three pictures."""
    return rng.standard_normal((3, 4)).astype(np.float32)


def karpathy(path: Path, images: list[dict]) -> None:
    """Write a dataset*.json."""
    path.write_text(json.dumps({"dataset": "flickr8k", "images": images}))


# What is read


def test_what_was_written_is_read(tmp_path, values):
    write_features(tmp_path / "f.npz", NAMES, values, {"encoder": "mine", "grid": False})
    found = read_features(tmp_path / "f.npz")
    assert found.names == tuple(NAMES)
    assert len(found) == 3
    assert found.about == {"format": "minicap features", "encoder": "mine", "grid": False}
    np.testing.assert_array_equal(found.values, values, strict=True)
    with np.load(tmp_path / "f.npz") as plain:  # NumPy alone reads it, too
        assert plain["names"].tolist() == NAMES


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 3, 3)])
def test_arrays_by_other_names(tmp_path, save, dtype, shape, rng):
    values = rng.standard_normal(shape).astype(dtype)
    save(
        tmp_path / "f.npz",
        files=np.array(NAMES),
        vectors=values,
        ids=np.arange(3),
        splits=np.array(["train"]),
    )
    found = read_features(tmp_path / "f.npz")
    np.testing.assert_allclose(found.of(NAMES[::-1]), values[::-1], rtol=1e-6)
    assert found.of(NAMES).dtype == np.float32
    assert found.about == {}


def test_npy_with_its_names_beside(tmp_path, values):
    np.save(tmp_path / "f.npy", np.asfortranarray(values))
    (tmp_path / "f.txt").write_text("b.jpg\n a.jpg \n\nc.jpg")
    np.testing.assert_array_equal(read_features(tmp_path / "f.npy").of(["a.jpg"]), values[1:2])
    (tmp_path / "other.txt").write_text("x\ny\nz\n")
    assert read_features(tmp_path / "f.npy", names=tmp_path / "other.txt").names == ("x", "y", "z")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_vgg_feats_with_karpathys_dataset(tmp_path, packed, dtype, rng):
    """One column a picture; whole numbers are stored in fewer bytes, whatever the class."""
    feats = (9 * rng.random((4, 3))).astype(dtype).round()
    savemat(tmp_path / "vgg_feats.mat", {"feats": feats}, do_compression=packed)
    order = [2, 0, 1]
    karpathy(tmp_path / "dataset.json", [{"filename": NAMES[i], "imgid": i, "sentences": []} for i in order])
    found = read_features(tmp_path / "vgg_feats.mat")
    assert found.names == tuple(NAMES)
    np.testing.assert_array_equal(
        found.of(["c.jpg", "b.jpg"]), feats.T[[2, 0]].astype(np.float32), strict=True
    )


def test_karpathys_coco_has_folders(tmp_path, values):
    np.save(tmp_path / "f.npy", values)
    karpathy(tmp_path / "dataset_coco.json", [{"filename": n, "filepath": "val2014"} for n in NAMES])
    found = read_features(tmp_path / "f.npy")
    assert found.names[0] == "val2014/b.jpg"
    np.testing.assert_array_equal(found.of(["b.jpg", "val2014/b.jpg", "images/b.jpg"]), values[[0, 0, 0]])


def test_a_last_name_that_two_pictures_have_is_no_name(values):
    found = Features(Path("f.npz"), ("x/a.jpg", "y/a.jpg", "b.jpg"), values)
    np.testing.assert_array_equal(found.of(["y/a.jpg", "z/b.jpg"]), values[1:])
    with pytest.raises(InputError, match=r"no features of 2 of 3 pictures \(first: a.jpg\); compute them"):
        found.of(["a.jpg", "b.jpg", "z/a.jpg"])


# What is refused


def zipped(path: Path, **members: bytes) -> Path:
    """Write a zip file of raw members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(shape: tuple[int, ...], content: bytes = b"", descr: str = "<f4") -> bytes:
    """Return an array in NumPy's format with whatever behind its header."""
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


class Bomb:
    """Leaves a trace if it is unpickled."""

    def __reduce__(self):
        return (open, ("RAN", "w"))


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, suffix, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = npy((1,), pickle.dumps([Bomb()]), "|O")
    path = tmp_path / f"f.{suffix}"
    if suffix == "npz":
        zipped(path, features=objects)
    else:
        path.write_bytes(objects)
    with pytest.raises(InputError, match="holds O objects, which may run code"):
        read_features(path)
    assert not (tmp_path / "RAN").exists()


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("shape", [(1 << 40, 1 << 10), (1 << 20, 1 << 8), (2, 3), (2, 1), (-1, 4), (-1, -2)])
def test_no_memory_is_taken_for_numbers_that_are_not_there(tmp_path, suffix, shape):
    path, content = tmp_path / f"f.{suffix}", npy(shape, bytes(12))
    zipped(path, features=content) if suffix == "npz" else path.write_bytes(content)
    (tmp_path / "f.txt").write_text("a\nb\n")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="is damaged or truncated"):
            read_features(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_refused_by_its_limit(tmp_path):
    path = zipped(tmp_path / "f.npz", features=npy((1 << 18, 4), bytes(1 << 22)))
    with pytest.raises(InputError, match="says 4,194,304 bytes, but at most 1,048,576 can be there"):
        read_features(path, max_bytes=1 << 20)


@given(st.data())
def test_no_damage_gives_anything_but_an_input_error(tmp_path, data):
    write_features(tmp_path / "f.npz", NAMES, np.ones((3, 4), np.float32))
    raw = bytearray((tmp_path / "f.npz").read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "f.npz").write_bytes(raw[: data.draw(st.sampled_from([None, len(raw) // 2]))])
    found = None
    with suppress(InputError):
        found = read_features(tmp_path / "f.npz")
    assert found is None or np.isfinite(found.values).all()


@pytest.mark.parametrize(
    ("names", "values", "reason"),
    [
        (NAMES, np.full((3, 2), np.nan), "not finite"),
        (NAMES, np.full((3, 2), 1e300), "not finite"),
        (NAMES[:2], np.ones((3, 2)), "whose features they are"),
        (["a", "b", "a"], np.ones((3, 2)), "two rows are called a;"),
        (NAMES, np.ones((3, 0)), r"float64 \(3, 0\)"),
        (NAMES, np.ones((3, 2), int), "holds 0 arrays of features"),
        (NAMES, np.ones(3), "holds 0 arrays of features"),
    ],
)
def test_features_that_make_no_sense(tmp_path, names, values, reason):
    np.savez(tmp_path / "f.npz", names=np.array(names), features=values)
    with pytest.raises(InputError, match=reason) as caught:
        read_features(tmp_path / "f.npz")
    assert "\n" not in str(caught.value)


def test_two_arrays_without_a_name_to_go_by(tmp_path, values):
    np.savez(tmp_path / "f.npz", names=np.array(NAMES), a=values, b=values)
    with pytest.raises(InputError, match=r"holds 2 arrays of features \(names, a, b\)"):
        read_features(tmp_path / "f.npz")
    np.savez(tmp_path / "f.npz", names=np.array(NAMES), a=0 * values, feats=values)
    np.testing.assert_array_equal(read_features(tmp_path / "f.npz").values, values)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([{"filename": "a"}], "3 rows of features but 1 names"),
        ([{"filename": n, "imgid": 7} for n in NAMES], "imgid does not count"),
        ([{"name": n} for n in NAMES], "is no Karpathy dataset"),
        ([3], "is no Karpathy dataset"),
        (None, "is no Karpathy dataset"),
    ],
)
def test_a_dataset_that_does_not_fit(tmp_path, values, images, reason):
    np.save(tmp_path / "f.npy", values)
    karpathy(tmp_path / "dataset.json", images)
    with pytest.raises(InputError, match=reason):
        read_features(tmp_path / "f.npy")


def test_features_of_nobody(tmp_path, values):
    np.save(tmp_path / "f.npy", values)
    with pytest.raises(InputError, match=r"beside it is no f\.txt and no dataset\*\.json; put the pictures"):
        read_features(tmp_path / "f.npy")
    for name in ("dataset_a.json", "dataset_b.json"):
        karpathy(tmp_path / name, [])
    with pytest.raises(InputError, match="more than one dataset"):
        read_features(tmp_path / "f.npy")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("f.h5", b"x", "features come as .npz, .npy, .mat"),
        ("f.npz", None, "there is no such file; make one with 'minicap features'"),
        ("f.npz", b"", "is damaged or truncated"),
        ("f.npz", b"PK\x03\x04", "is damaged or truncated"),
        ("f.npy", b"\x93NUMPY\x01\x00\xff\xff{", "is damaged or truncated"),
        ("f.mat", b"hello", "is no MATLAB 5 file"),
    ],
)
def test_what_is_no_features_file(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        read_features(tmp_path / name)
    assert "\n" not in str(caught.value)
