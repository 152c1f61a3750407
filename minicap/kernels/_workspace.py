"""Scratch memory that kernels write to again at every call, owned by whoever asks for the calls."""

from __future__ import annotations

import threading
from contextvars import ContextVar, Token

import numpy as np

from minicap._types import Array

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class Workspace:
    """Scratch memory for the kernels called within a block.

        with Workspace():
            for batch in batches: ...      # every step pads its images into the same memory

    A kernel needs room for padded images, packed weights and partial sums while it runs. Asked for anew
    at each call, the system clears those pages each time. What a kernel returns never lies in a workspace.
    Threads that share one get room of their own each. Without a workspace kernels work all the same.

    Attributes
    ----------
    nbytes : int
        The room held for the thread that asks.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        self._tokens: list[Token[Workspace | None]] = []

    @property
    def nbytes(self) -> int:
        """The room held for this thread, in bytes."""
        return getattr(self._own, "room", np.empty(0, np.uint8)).nbytes

    def room(self, size: int) -> Array:
        """Return so many bytes of scratch, holding anything; the next call may return the same ones.

        Parameters
        ----------
        size : int
            In bytes.

        Returns
        -------
        Array of uint8, (size,)
            Starts at a multiple of 64 bytes.
        """
        if self.nbytes < size + ALIGNMENT:
            self._own.room = None  # the former room goes before the new one comes
            self._own.room = np.empty(size + ALIGNMENT, np.uint8)
        return _aligned(self._own.room, size)

    def __enter__(self) -> Workspace:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())


_current: ContextVar[Workspace | None] = ContextVar("minicap_workspace", default=None)


def scratch(size: int) -> Array:
    """Return so many bytes of scratch: the current workspace's, or new ones where there is none.

    Parameters
    ----------
    size : int
        In bytes.

    Returns
    -------
    Array of uint8, (size,)
        Starts at a multiple of 64 bytes. A kernel asks once, for all that it needs.
    """
    workspace = _current.get()
    if workspace is not None:
        return workspace.room(size)
    return _aligned(np.empty(size + ALIGNMENT, np.uint8), size)


def _aligned(room: Array, size: int) -> Array:
    """Return the part of a room that starts at a multiple of the alignment."""
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]
