"""PyTorch's old file format, read without executing anything.

A state dict that ``torch.save`` wrote before the zip format is five pickles, and then the numbers::

    magic number | protocol | machine | the state dict | the keys of the storages | count, numbers | count, numbers ...

A pickle is a program, and Python's own reader would run whatever it says. Here ``pickletools.genops`` takes it
apart, and a small machine follows the handful of instructions that a state dict is made of: it knows three
classes by name, calls none, and gives up at the first thing that it does not know.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays
from minicap.data.files import shown
from minicap.errors import InputError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
MAX_BYTES = 1 << 30
MAX_STEPS = 1_000_000  # a hundred times what a network of 300 arrays takes
MAX_AXES = 8
_DTYPES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_ZIP = b"PK\x03\x04"


class _Global(NamedTuple):
    """A class or function that the file names; nothing but its name."""

    name: str


class _Storage(NamedTuple):
    """Numbers that follow later in the file."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark(NamedTuple):
    """Where a tuple or a list of items begins on the stack."""


class _Damaged(Exception):  # noqa: N818 - it becomes an InputError at once
    """What is wrong with the file."""


def read_torch_file(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Arrays:
    """Read a state dict that PyTorch wrote in its old format.

    Parameters
    ----------
    path : str or Path
        A ``.pth`` or ``.pt`` file.
    max_bytes : int
        A larger file is refused before it is read.

    Returns
    -------
    dict of str to Array
        float32 and int64, read-only views of the file's bytes, under the names in the file.

    Raises
    ------
    InputError
        If there is no such file, it is too large, of the newer zip format, truncated, or holds anything but a flat
        dict of arrays.
    """
    raw = _read_bytes(path, max_bytes)
    if raw.startswith(_ZIP):
        raise InputError(
            f"{shown(path)}: this is PyTorch's newer zip format; save it again in the old one "
            "(torch.save with _use_new_zipfile_serialization=False)"
        )
    try:
        return _arrays(raw)
    except _Damaged as error:
        reason = str(error)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError):
        reason = "it is no pickle, or truncated"  # what pickletools makes of nonsense
    raise InputError(f"{shown(path)}: cannot be read as a PyTorch state dict ({reason}); use another copy")


def _read_bytes(path: str | Path, max_bytes: int) -> bytes:
    """Return the file's content, after a look at its size."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{shown(path)}: there is no such file")
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise InputError(f"{shown(path)}: {size:,} bytes are more than the limit of {max_bytes:,}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from error


def _arrays(raw: bytes) -> Arrays:
    """Follow the five pickles, and lay arrays over the numbers behind them."""
    file = io.BytesIO(raw)
    if _follow(file) != MAGIC or _follow(file) != PROTOCOL:
        raise _Damaged("it does not begin as torch.save did")
    machine, tensors, keys = _follow(file), _follow(file), _follow(file)
    if type(machine) is not dict or machine.get("little_endian") is not True:
        raise _Damaged("its numbers are not little-endian")
    if type(tensors) is not dict or not all(type(tensor) is _Tensor for tensor in tensors.values()):
        raise _Damaged("it holds something else than a flat dict of arrays")
    if type(keys) is not list or not all(type(key) is str for key in keys) or len(set(keys)) != len(keys):
        raise _Damaged("its list of storages makes no sense")
    storages: dict[str, _Storage] = {}
    for name, tensor in tensors.items():
        if storages.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise _Damaged(f"the storage of {shown(name)} is described in two ways")
    if set(storages) != set(keys):
        raise _Damaged("its list of storages does not fit its arrays")
    numbers = _numbers(raw, file.tell(), [storages[key] for key in keys])
    return {name: _view(name, tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(raw: bytes, start: int, storages: list[_Storage]) -> Arrays:
    """Return the storages, one after another in the file, without copying any."""
    found: Arrays = {}
    for storage in storages:
        count = int.from_bytes(raw[start : start + 8], "little", signed=True)
        end = start + 8 + storage.size * storage.dtype.itemsize
        if count != storage.size or end > len(raw):
            raise _Damaged(
                f"it says that {storage.size:,} numbers follow, but they do not; it may be truncated"
            )
        found[storage.key] = np.frombuffer(raw, storage.dtype, count, start + 8)
        start = end
    if start != len(raw):
        raise _Damaged("bytes follow that belong to nothing")
    return found


def _view(name: str, tensor: _Tensor, numbers: Array) -> Array:
    """Return a tensor as a view, after its last place was found to be inside the storage."""
    _, offset, shape, strides = tensor
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    size = math.prod(shape)
    if size > len(numbers) or (size and last >= len(numbers)):
        raise _Damaged(
            f"{shown(name)} has shape {shown(shape)} but its storage only {len(numbers):,} numbers"
        )
    if not size:
        return np.empty(shape, numbers.dtype)
    width = numbers.itemsize
    return np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [stride * width for stride in strides], writeable=False
    )


class _Machine:
    """The stack and the memo of a pickle, and the instructions that a state dict is made of."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def items(self) -> list[Any]:
        """Take everything off the stack down to the last mark."""
        items = []
        while type(value := self.stack.pop()) is not _Mark:
            items.append(value)
        return items[::-1]

    def take(self, count: int) -> tuple[Any, ...]:
        """Take some values off the stack."""
        if len(self.stack) < count:
            raise IndexError
        taken = tuple(self.stack[-count:])
        del self.stack[-count:]
        return taken

    def set_items(self, pairs: list[Any]) -> None:
        """Put keys and values, in turn, into the dict on top of the stack."""
        target = self.stack[-1]
        if type(target) is not dict or len(pairs) % 2 or not all(type(key) is str for key in pairs[::2]):
            raise _Damaged("a dict in it has keys that are no text")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def append(self, values: list[Any]) -> None:
        """Put values into the list on top of the stack."""
        if type(self.stack[-1]) is not list:
            raise _Damaged("it adds to a list that is none")
        self.stack[-1].extend(values)

    def name(self, name: str) -> None:
        """Note a class or function that a state dict may name."""
        if name not in (_DICT, _TENSOR, *_DTYPES):
            raise _Damaged(f"it asks for {shown(name.replace(' ', '.'), 60)}, which no state dict needs")
        self.stack.append(_Global(name))

    def reduce(self) -> None:
        """Understand a call: of an empty dict, or of a tensor over a storage."""
        function, arguments = self.take(2)
        if type(function) is not _Global or type(arguments) is not tuple:
            raise _Damaged("it calls something that is no function")
        if function.name == _DICT and not arguments:
            self.stack.append({})
        elif function.name == _TENSOR:
            self.stack.append(_tensor(arguments))
        else:
            raise _Damaged(f"it calls {function.name.replace(' ', '.')} in a way that no state dict needs")

    def build(self) -> None:
        """Pass over the remarks that PyTorch attaches to the dict: they hold no numbers."""
        target, _ = self.take(2)
        if type(target) is not dict:
            raise _Damaged("it changes something that is no dict")
        self.stack.append(target)

    def storage(self) -> None:
        """Understand a reference to numbers that follow later."""
        (reference,) = self.take(1)
        if type(reference) is not tuple or len(reference) != 6 or reference[0] != "storage":
            raise _Damaged("it refers to something that is no storage")
        _, kind, key, _, count, view = reference
        if type(kind) is not _Global or kind.name not in _DTYPES or type(key) is not str or view is not None:
            raise _Damaged("a storage in it makes no sense")
        self.stack.append(_Storage(key, _DTYPES[kind.name], _size(count)))


def _tensor(arguments: tuple[Any, ...]) -> _Tensor:
    """Return the tensor that a call of ``_rebuild_tensor_v2`` describes."""
    storage, offset, shape, strides = arguments[:4]
    for sizes in (shape, strides):
        if type(sizes) is not tuple or len(sizes) > MAX_AXES:
            raise _Damaged("an array in it has no shape")
    if type(storage) is not _Storage or len(shape) != len(strides):
        raise _Damaged("an array in it has no storage, or a shape that does not fit its strides")
    return _Tensor(storage, _size(offset), tuple(map(_size, shape)), tuple(map(_size, strides)))


def _size(value: Any) -> int:
    """Return a count, or raise where it is none."""
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise _Damaged("a size in it is no sensible number")
    return value


_PUSH = {"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MAKE: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": _Mark,
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "GLOBAL": lambda machine, name: machine.name(name),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.storage(),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.items())),
    "TUPLE1": lambda machine, _: machine.stack.append(machine.take(1)),
    "TUPLE2": lambda machine, _: machine.stack.append(machine.take(2)),
    "TUPLE3": lambda machine, _: machine.stack.append(machine.take(3)),
    "SETITEM": lambda machine, _: machine.set_items(list(machine.take(2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.items()),
    "APPEND": lambda machine, _: machine.append(list(machine.take(1))),
    "APPENDS": lambda machine, _: machine.append(machine.items()),
    "BINPUT": lambda machine, place: machine.memo.update({place: machine.stack[-1]}),
    "LONG_BINPUT": lambda machine, place: machine.memo.update({place: machine.stack[-1]}),
    "BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
}


def _follow(file: io.BytesIO) -> Any:
    """Follow one pickle to its end and return what it describes."""
    machine = _Machine()
    for step, (operation, argument, _) in enumerate(pickletools.genops(file)):
        name = operation.name
        if step > MAX_STEPS:
            raise _Damaged("it is longer than any state dict")
        if name == "STOP":
            (result,) = machine.stack
            return result
        if name in _PUSH:
            machine.stack.append(argument)
        elif name in _CONSTANTS:
            machine.stack.append(_CONSTANTS[name])
        elif name in _MAKE:
            machine.stack.append(_MAKE[name]())
        elif name in _STEPS:
            _STEPS[name](machine, argument)
        else:
            raise _Damaged(f"it holds the instruction {name}, which no state dict needs")
    raise _Damaged("it ends in the middle")
