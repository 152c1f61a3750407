"""Keep memory that was used once, instead of giving it back and asking for it again at every step."""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h: what to change, and to how many bytes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = {_MMAP_THRESHOLD: 1 << 25, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 1 << 27}


def keep_memory() -> None:
    """Tell glibc's allocator to keep large blocks for the next step; elsewhere do nothing.

    Training allocates the same arrays at every step. By default the C library hands large ones back to the
    system, which clears every page anew: that was seen to take a quarter of a training step. Only the command line does
    this; ``import minicap`` leaves the process as it is.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        for option, size in _KEPT.items():
            mallopt(option, size)
