"""A checkpoint from elsewhere is data: whatever it holds, it loads or there is one clear line."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.errors import InputError
from minicap.models import Captioner

WEIGHT = "model/decoder.embed.weight.npy"
Members = dict[str, bytes]


@pytest.fixture
def sound(captioner, tmp_path) -> Path:
    """Write a sound checkpoint."""
    captioner(conditioning="init", decoder="gru", dtype="float32").save(tmp_path / "sound.npz")
    return tmp_path / "sound.npz"


@pytest.fixture
def broken(sound) -> Callable[..., Path]:
    """Return a function that writes the checkpoint again after something was done to its members."""

    def write(change: Callable[[Members], Any], compression: int = zipfile.ZIP_STORED) -> Path:
        with zipfile.ZipFile(sound) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        with zipfile.ZipFile(sound.with_name("broken.npz"), "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return sound.with_name("broken.npz")

    return write


def refused(path: Path, message: str = r"\S") -> str:
    """See that a file is refused with one line that names it, and return the line."""
    with pytest.raises(InputError, match=message) as caught:
        Captioner.load(path)
    assert path.name in str(caught.value)
    assert str(caught.value).isprintable()
    return str(caught.value)


def npy(header: str, body: bytes = b"") -> bytes:
    """Return an array file with a header written by hand."""
    text = header.encode("latin1")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def header(descr: str = "<f4", shape: str = "(10, 4)") -> str:
    """Return the text of a header."""
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}"


def with_weight(content: bytes) -> Callable[[Members], None]:
    """Return a change that replaces one array."""
    return lambda members: members.update({WEIGHT: content})


def with_meta(change: Callable[[Any], Any]) -> Callable[[Members], None]:
    """Return a change of the settings; ``change`` returns the new ones, or None where it edits them."""

    def apply(members: Members) -> None:
        meta = json.loads(np.load(io.BytesIO(members["meta.npy"])).tobytes())
        edited = change(meta)
        text = json.dumps(meta if edited is None else edited).encode()
        members["meta.npy"] = npy(header("|u1", f"({len(text)},)"), text)

    return apply


def with_config(**settings: Any) -> Callable[[Members], None]:
    """Return a change of the model's options."""
    return with_meta(lambda meta: meta["config"].update(settings))


def test_what_the_helpers_write_is_sound_before_it_is_broken(broken, sound):
    model = Captioner.load(broken(with_meta(lambda meta: None)))
    weight = model.params["decoder.embed.weight"]
    again = Captioner.load(broken(with_weight(npy(header(), weight.tobytes()))))
    np.testing.assert_array_equal(again.params["decoder.embed.weight"], weight)


# Files that are no checkpoint


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY", bytes(5000)]
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "m.npz").write_bytes(content)
    refused(tmp_path / "m.npz")


def test_a_file_cut_off_anywhere_is_refused(sound):
    content = sound.read_bytes()
    lengths = {*range(0, len(content), 97), *range(len(content) - 40, len(content))}
    for length in sorted(lengths):
        sound.write_bytes(content[:length])
        refused(sound)


def test_an_archive_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", a=np.ones(3))
    refused(tmp_path / "m.npz", "this is no minicap checkpoint")


def test_a_compressed_archive_is_refused(broken):
    refused(broken(lambda members: None, zipfile.ZIP_DEFLATED), "is compressed; minicap writes it plain")


class Trap:
    """Leaves a file where it was unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("member", [WEIGHT, "meta.npy", "model/extra.npy"])
def test_a_pickle_inside_is_refused_and_never_run(member, broken, tmp_path):
    traps = np.array([Trap(tmp_path / "sprung")], object)
    file = io.BytesIO()
    np.save(file, traps, allow_pickle=True)
    refused(broken(lambda members: members.update({member: file.getvalue()})), "holds object objects")
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(traps))
    assert (tmp_path / "sprung").exists()  # the trap is a real one


def test_a_bare_pickle_is_refused_and_never_run(tmp_path):
    (tmp_path / "m.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    refused(tmp_path / "m.npz")
    assert not (tmp_path / "sprung").exists()


# Arrays that do not fit


def test_a_missing_array_is_named(broken):
    refused(
        broken(lambda members: members.pop(WEIGHT)),
        r"decoder\.embed\.weight is missing but \(10, 4\) is needed",
    )


def test_an_array_of_another_shape_is_named(broken):
    content = npy(header(shape="(4, 10)"), bytes(160))
    refused(broken(with_weight(content)), r"decoder\.embed\.weight is \(4, 10\) but \(10, 4\) is needed")


HEADERS = {
    "huge": header(shape="(1000000000000, 4)"),
    "huge and empty": header(shape=f"(0, {10**30})"),
    "negative": header(shape="(-10, -4)"),
    "too many axes": header(shape="(" + "1," * 100 + ")"),
    "complex": header("<c8", "(5, 4)"),
    "text": header("<U1"),
    "date": header("<M8[s]", "(5, 4)"),
    "no type": header("hello"),
    "no dict": "[1, 2]",
    "keys": "{'descr': '<f4'}",
    "unclosed": "{'descr': '<f4', 'shape': (10, ",
    "unhashable": "{[]: 1}",
    "mixed keys": "{1: 2, 'a': 3}",
    "old letter": header("a4"),
    "Python 2": header(shape="(5L, 4L)"),
    "zeros": "\0",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_make_no_sense_are_refused(name, broken):
    tracemalloc.start()
    try:
        refused(broken(with_weight(npy(HEADERS[name], bytes(160)))))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# Settings that make no sense


def test_another_version_says_what_to_do(broken):
    path = broken(with_meta(lambda meta: meta.update(version=2)))
    refused(
        path,
        "checkpoint version 2, but this minicap reads .*1; use the minicap that wrote it, or train again",
    )


def test_another_kind_of_model_is_named(broken):
    refused(
        broken(with_meta(lambda meta: meta.update(kind="Tagger"))),
        "it holds a Tagger but a Captioner is needed",
    )


@pytest.mark.parametrize("part", ["config", "vocabulary", "preprocessing", "version", "kind", "format"])
@pytest.mark.parametrize("value", [None, 5, [], "x"])
def test_a_part_that_is_something_else_is_refused(part, value, broken):
    refused(broken(with_meta(lambda meta: meta.update({part: value}))))


@pytest.mark.parametrize("part", ["config", "vocabulary", "preprocessing", "version", "kind", "format"])
def test_a_part_that_is_missing_is_refused(part, broken):
    refused(broken(with_meta(lambda meta: {key: value for key, value in meta.items() if key != part})))


@pytest.mark.parametrize("value", [[], 3, "x", True])
def test_settings_that_are_no_table_are_refused(value, broken):
    refused(broken(with_meta(lambda meta: value)))


@pytest.mark.parametrize("text", [b"[" * 100_000, b"\xff\xfe", b"{", b""])
def test_settings_that_are_no_json_are_refused(text, broken):
    refused(broken(lambda members: members.update({"meta.npy": npy(header("|u1", f"({len(text)},)"), text)})))


CONFIGS = [
    {"encoder": "huge"}, {"encoder": []}, {"decoder": 5}, {"conditioning": None}, {"layers": 0}, {"layers": 2},
    {"hidden_size": 2}, {"hidden_size": True}, {"embed_size": 3.0}, {"embed_size": -1}, {"image_size": 16},
    {"image_size": 8.0}, {"dtype": "zzz"}, {"seed": -1}, {"seed": "a"}, {"extra": 1},
]  # fmt: skip
TAKEN = [
    {"dtype": "int32"}, {"dtype": "float16"}, {"dtype": "object"}, {"dtype": "S5"}, {"dtype": None},
    {"dropout": "x"}, {"dropout": -3}, {"blind": "yes"},
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_options_that_make_no_sense_are_refused(config, broken):
    refused(broken(with_config(**config)), "make no sense|is needed")


@pytest.mark.parametrize("config", TAKEN, ids=str)
def test_options_of_the_wrong_kind_are_refused(config, broken):
    refused(broken(with_config(**config)))


@pytest.mark.parametrize("name", ["embed_size", "hidden_size", "layers", "image_size"])
def test_enormous_sizes_take_no_memory(name, broken):
    assert_cheaply_refused(broken(with_config(**{name: 10**9})))


def large_picture(meta: dict[str, Any]) -> None:
    """Claim pictures of 2048 pixels, as far as the settings go consistently."""
    meta["config"]["image_size"] = meta["preprocessing"]["size"] = 2048


def long_array(members: Members) -> None:
    """Add an array of length 1000, which lets every size up to 1000 pass."""
    members["model/long.npy"] = npy(header("|u1", "(1000,)"), bytes(1000))
    with_config(hidden_size=1000)(members)


@pytest.mark.parametrize("change", [with_meta(large_picture), long_array], ids=["image size", "a long array"])
def test_large_consistent_sizes_take_no_memory(change, broken):
    assert_cheaply_refused(broken(change))


def assert_cheaply_refused(path: Path) -> None:
    """See that a file of some kilobytes is refused without megabytes."""
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


# Anything at all


def assert_loads_or_is_refused(path: Path) -> None:
    """See that nothing but an InputError of one line leaves ``load``."""
    with suppress(InputError):
        Captioner.load(path)
        return
    refused(path)


@settings(max_examples=150)
@given(data=st.data())
def test_flipped_bytes_load_or_are_refused(data, sound):
    content = bytearray(sound.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        content[place] = value
    path = sound.with_name("flipped.npz")
    path.write_bytes(content)
    assert_loads_or_is_refused(path)


@settings(max_examples=150)
@given(data=st.data())
def test_members_overwritten_with_noise_load_or_are_refused(data, broken):
    """The archive itself is whole here, checksums and all, so that the noise is read."""
    noise = data.draw(st.binary(max_size=40))

    def overwrite(members: Members) -> None:
        name = data.draw(st.sampled_from(sorted(members)))
        place = data.draw(st.integers(12, len(members[name])))
        members[name] = members[name][:place] + noise + members[name][place + len(noise) :]

    path = broken(overwrite)
    assert_loads_or_is_refused(path)
