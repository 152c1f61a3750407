"""PyTorch's old format: what torch.save wrote is read, and nothing that a file says is ever run."""

from __future__ import annotations

import pickle
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.errors import InputError
from minicap.interop.torch_file import MAGIC, PROTOCOL, read_torch_file

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "efficientnet_lite0.npz")
RAW = GOLDEN["file/bytes"].tobytes()
MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"long": 4}}
DICT, TENSOR = b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    """Return the instruction that pushes text."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    """Return the instruction that pushes a number."""
    return b"\x8a" + bytes([9]) + value.to_bytes(9, "little", signed=True)


def sizes(values) -> bytes:
    """Return the instructions that push a tuple of numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key="a", count=6, kind="FloatStorage", view=b"N") -> bytes:
    """Return the instructions that refer to a storage."""
    return (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + number(count)
        + view
        + b"tQ"
    )


def tensor(shape=(2, 3), strides=(3, 1), offset=0, **kept) -> bytes:
    """Return the instructions that make a tensor."""
    return (
        TENSOR
        + b"("
        + storage(**kept)
        + number(offset)
        + sizes(shape)
        + sizes(strides)
        + b"\x89"
        + DICT
        + b")Rt"
        + b"R"
    )


def state(*items: bytes) -> bytes:
    """Return a pickle of a dict."""
    return b"\x80\x02" + DICT + b")R(" + b"".join(items) + b"u."


def whole(
    program: bytes, keys=("a",), numbers=None, magic=MAGIC, protocol=PROTOCOL, machine=MACHINE
) -> bytes:
    """Return a file around the pickle of a state dict."""
    if numbers is None:
        numbers = struct.pack("<q6f", 6, *range(6))
    heads = [pickle.dumps(part, protocol=2) for part in (magic, protocol, machine)]
    return b"".join([*heads, program, pickle.dumps(list(keys), protocol=2), numbers])


PLAIN = whole(state(text("w"), tensor()))


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads bytes as a file."""

    def from_bytes(raw: bytes, **options):
        path = tmp_path / "weights.pth"
        path.write_bytes(raw)
        return read_torch_file(path, **options)

    return from_bytes


def test_what_torch_wrote_is_read(read):
    found = read(RAW)
    names = [name.removeprefix("file/of/") for name in GOLDEN.files if name.startswith("file/of/")]
    assert sorted(found) == sorted(names)
    for name in names:
        expected = GOLDEN[f"file/of/{name}"]
        np.testing.assert_array_equal(found[name], expected, strict=True)


def test_what_is_made_by_hand_is_read(read):
    found = read(PLAIN)
    np.testing.assert_array_equal(found["w"], np.arange(6, dtype=np.float32).reshape(2, 3), strict=True)
    assert not found["w"].flags.writeable


def test_views_of_one_storage(read):
    items = [
        text("t"),
        tensor((3, 2), (1, 3)),
        text("last"),
        tensor((), (), 5),
        text("same"),
        tensor((6,), (0,)),
    ]
    found = read(whole(state(*items)))
    np.testing.assert_array_equal(found["t"], np.arange(6.0).reshape(2, 3).T)
    assert (found["last"].shape, found["last"].item()) == ((), 5)
    np.testing.assert_array_equal(found["same"], np.zeros(6))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"\x80\x02cos\nsystem\n" + text("touch RAN") + b"\x85R.", "it asks for os.system"),
        (
            state(text("w"), b"cbuiltins\neval\n" + text("open('RAN', 'w')") + b"\x85R"),
            "it asks for builtins.eval",
        ),
        (b"\x80\x04" + text("os") + text("system") + b"\x93" + text("touch RAN") + b"\x85R.", "STACK_GLOBAL"),
        (b"\x80\x02(" + text("touch RAN") + b"ios\nsystem\n.", "the instruction INST"),
        (b"\x80\x02" + DICT + b")\x81.", "the instruction NEWOBJ"),
        (b"\x80\x02(cos\nsystem\n" + text("touch RAN") + b"o.", "it asks for os.system"),
        (b"\x80\x02\x82\x01.", "the instruction EXT1"),
        (b"\x80\x02ctorch\nload\n.", "it asks for torch.load"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor\n.", "it asks for torch._utils._rebuild_tensor"),
        (b"\x80\x02\x8b\x00\x00\x00\x00.", "the instruction LONG4"),
        (b"\x80\x02" + DICT + text("x") + b"\x85R.", "it calls collections.OrderedDict in a way"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "it calls torch.FloatStorage"),
    ],
)
def test_nothing_is_run(read, program, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read(whole(program))
    assert reason in str(caught.value)
    assert not (tmp_path / "RAN").exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (whole(state(text("w"), tensor((7,), (1,)))), r"w has shape \(7,\) but its storage only 6 numbers"),
        (whole(state(text("w"), tensor((3,), (3,)))), "w has shape"),
        (whole(state(text("w"), tensor((1,), (1,), 6))), "w has shape"),
        (whole(state(text("w"), tensor((1 << 39, 1 << 39), (0, 0)))), "w has shape"),
        (whole(state(text("w"), tensor((-1,), (1,)))), "no sensible number"),
        (whole(state(text("w"), tensor((2,), (-1,)))), "no sensible number"),
        (whole(state(text("w"), tensor((2,), (1, 1)))), "does not fit its strides"),
        (whole(state(text("w"), tensor((1,) * 9, (1,) * 9))), "has no shape"),
        (whole(state(text("w"), tensor(count=1 << 39))), "says that 549,755,813,888 numbers follow"),
        (whole(state(text("w"), tensor(count=1 << 62))), "no sensible number"),
        (whole(state(text("w"), tensor(count=7))), "says that 7 numbers follow"),
        (whole(state(text("w"), tensor(kind="LongStorage"))), "says that 6 numbers follow"),
        (whole(state(text("w"), tensor(kind="ByteStorage"))), "asks for torch.ByteStorage"),
        (whole(state(text("w"), tensor(view=sizes([1])))), "a storage in it makes no sense"),
        (PLAIN + b"\0", "bytes follow that belong to nothing"),
        (whole(state(text("w"), tensor()), keys=("a", "b")), "list of storages does not fit"),
        (whole(state(text("w"), tensor()), keys=("a", "a")), "list of storages makes no sense"),
        (whole(state(text("w"), tensor(), text("v"), tensor(count=5))), "the storage of v is described in two ways"),
        (whole(state(text("w"), number(3))), "something else than a flat dict"),
        (whole(state(text("w"), DICT + b")R")), "something else than a flat dict"),
        (whole(state(number(3), tensor())), "keys that are no text"),
        (whole(b"\x80\x02]."), "something else than a flat dict"),
        (whole(state(text("w"), tensor()), magic=1), "does not begin as torch.save did"),
        (whole(state(text("w"), tensor()), protocol=1), "does not begin as torch.save did"),
        (whole(state(text("w"), tensor()), machine={"little_endian": False}), "not little-endian"),
        (b"", "no pickle, or truncated"),
        (b"\x80\x02", "no pickle, or truncated"),
        (b"hello", "no pickle, or truncated|needs"),
        (b"\x80\x02..", "no pickle, or truncated"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "no pickle, or truncated"),
        (b"\x80\x02h\x07.", "no pickle, or truncated"),
        (b"\x80\x02" + b"K\x01" * 1_000_001 + b".", "longer than any state dict"),
        (b"PK\x03\x04rest", "newer zip format"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(read, raw, reason):
    with pytest.raises(InputError, match=reason) as caught:
        read(raw)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("weights.pth") == 1


@pytest.mark.parametrize("raw", [RAW, PLAIN], ids=["torch", "hand"])
def test_no_truncation_is_overlooked(read, raw):
    for end in range(0, len(raw), 3):
        with pytest.raises(InputError):
            read(raw[:end])


@settings(max_examples=300)
@given(st.data())
def test_no_damage_gives_anything_but_an_input_error(tmp_path, data):
    raw = bytearray(RAW)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.pth"
    path.write_bytes(raw)
    found = {}
    with suppress(InputError):
        found = read_torch_file(path)
    assert sum(array.size for array in found.values()) < len(raw)


def test_self_reference_and_shared_giants_cost_nothing(read):
    """A list in itself, and a tuple of tuples that would be 2 ** 60 values if anybody unfolded it."""
    with pytest.raises(InputError, match="something else"):
        read(whole(b"\x80\x02]q\x00h\x00a."))
    giant = b")q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60))
    with pytest.raises(InputError):
        read(whole(state(giant, tensor())))
    with pytest.raises(InputError):
        read(whole(b"\x80\x02(" + giant + b"tQ."))


def test_a_file_over_the_limit_is_not_read(read):
    with pytest.raises(InputError, match=rf"{len(RAW):,} bytes are more than the limit of {len(RAW) - 1:,}"):
        read(RAW, max_bytes=len(RAW) - 1)
    assert read(RAW, max_bytes=len(RAW))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_torch_file(tmp_path / "none.pth")
    with pytest.raises(InputError, match="there is no such file"):
        read_torch_file(tmp_path)
