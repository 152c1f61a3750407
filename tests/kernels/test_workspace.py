"""Scratch memory: used again, grown, aligned, of each thread its own, and never part of a result."""

from __future__ import annotations

import contextvars
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from minicap import kernels
from minicap.kernels import Workspace
from minicap.kernels._workspace import ALIGNMENT, scratch


def start(array: np.ndarray) -> int:
    """Return the address of an array's first byte."""
    return array.ctypes.data


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
@pytest.mark.parametrize("around", [Workspace, nullcontext])
def test_scratch_is_aligned_and_as_large_as_asked(size, around):
    with around():
        room = scratch(size)
        assert scratch(0).shape == (0,)
    assert (room.shape, room.dtype, start(room) % ALIGNMENT) == ((size,), np.uint8, 0)
    assert room.flags.writeable


def test_the_room_is_used_again():
    with Workspace() as workspace:
        first = scratch(1000)
        assert workspace.nbytes >= 1000
        assert start(scratch(1000)) == start(scratch(10)) == start(first)
    with workspace:
        assert start(scratch(1000)) == start(first)


def test_the_room_grows_and_stays():
    with Workspace() as workspace:
        assert workspace.nbytes == 0
        scratch(100)
        small = workspace.nbytes
        large = scratch(5000)
        assert workspace.nbytes >= 5000 > small
        large[:] = 1  # all of it is there
        scratch(100)
        assert workspace.nbytes >= 5000


def test_without_a_workspace_every_call_gets_its_own():
    first, second = scratch(100), scratch(100)
    assert not np.shares_memory(first, second)


def test_blocks_nest_and_restore():
    with Workspace() as outer:
        before = start(scratch(100))
        with Workspace() as inner:
            assert start(scratch(100)) != before
            with outer:  # entered twice
                assert start(scratch(100)) == before
            assert inner.nbytes >= 100
        assert start(scratch(100)) == before
    with pytest.raises(ZeroDivisionError), outer:
        _ = 1 / 0
    assert not np.shares_memory(scratch(100), outer.room(100))


def test_threads_get_room_of_their_own():
    found = []
    with Workspace() as workspace:
        mine = scratch(100)
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=lambda: context.run(lambda: found.extend([workspace.nbytes, scratch(100)]))
        )
        thread.start()
        thread.join()
        assert start(scratch(100)) == start(mine)
    assert found[0] == 0
    assert not np.shares_memory(found[1], mine)


def test_results_are_the_same_and_never_lie_in_it(every_set):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((3, 4, 9, 8), (6, 4, 3, 3), (6,)))
    options = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    expected = kernels.conv.conv2d_forward(x, w, b, *options)
    with Workspace() as workspace:
        results = [
            kernels.conv.conv2d_forward(x, w, b, *options),
            kernels.conv.conv2d_backward_input(expected, w, x.shape, *options),
            kernels.conv.conv2d_backward_weight(expected, x, w.shape, *options),
        ]
        kept = [result.copy() for result in results]
        room = workspace.room(workspace.nbytes)
        assert not any(np.shares_memory(result, room) for result in results)
        workspace.room(max(workspace.nbytes - ALIGNMENT, 0))[:] = (
            255  # NaN everywhere, and whatever was there gone
        )
        again = kernels.conv.conv2d_forward(x, w, b, *options)
    for result, copy in zip(results, kept, strict=True):
        np.testing.assert_array_equal(result, copy)
    assert again.tobytes() == results[0].tobytes() == expected.tobytes()
