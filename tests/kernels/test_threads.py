"""How many threads a kernel may use: the process, the block, the environment, and each thread's own context."""

from __future__ import annotations

import contextvars
import os
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import minicap
from minicap.kernels import _threads, get_num_threads, kernel_threads, set_num_threads

SHOW = "import minicap; print(minicap.get_num_threads())"


@pytest.fixture(autouse=True)
def _former_number(monkeypatch):
    """Let a test begin without a number, and restore what the process and BLAS had."""
    monkeypatch.setattr(_threads, "_process", [])
    with threadpool_limits(None):
        yield


@pytest.fixture
def default(monkeypatch) -> int:
    """Return the number that the environment and the machine give."""
    monkeypatch.setattr(_threads, "_default", lambda: 7)
    return 7


def in_a_thread(function, context: contextvars.Context | None = None):
    """Return what a function returns in a new thread."""
    found = []
    run = function if context is None else lambda: context.run(function)
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    return found[0]


def test_the_process_has_one_number(default):
    assert get_num_threads() == default
    set_num_threads(3)
    assert get_num_threads() == minicap.get_num_threads() == 3
    assert in_a_thread(get_num_threads) == 3
    set_num_threads(2)
    assert get_num_threads() == 2


def test_blas_is_told_too(default):
    set_num_threads(1)
    found = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert set(found) <= {1}


def test_blocks_nest_and_restore(default):
    set_num_threads(3)
    with kernel_threads(2):
        with kernel_threads(1):
            assert get_num_threads() == 1
        assert get_num_threads() == 2
        set_num_threads(5)  # the block is stronger
        assert get_num_threads() == 2
    assert get_num_threads() == 5
    with pytest.raises(ZeroDivisionError), kernel_threads(1):
        _ = 1 / 0
    assert get_num_threads() == 5


def test_a_block_belongs_to_its_context(default):
    with kernel_threads(2):
        assert in_a_thread(get_num_threads) == default
        assert in_a_thread(get_num_threads, contextvars.copy_context()) == 2


@pytest.mark.parametrize("threads", [0, -1, 1025, 1.0, True, "2", None])
def test_what_is_no_number_is_refused(default, threads):
    for take in (set_num_threads, lambda number: kernel_threads(number).__enter__()):
        with pytest.raises(ValueError, match=r"threads is .* but a whole number from 1 to 1,024 is needed"):
            take(threads)
    assert get_num_threads() == default


def test_the_environment_gives_the_number(child):
    assert child(SHOW, MINICAP_NUM_THREADS=" 3 ").stdout.strip() == "3"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert child(SHOW, MINICAP_NUM_THREADS="").stdout.strip() == str(cores)


@pytest.mark.parametrize("wanted", ["two", "0", "-1", "1.5", "1025", "²", "1e2"])
def test_nonsense_in_the_environment_is_named(monkeypatch, wanted):
    monkeypatch.setenv("MINICAP_NUM_THREADS", wanted)
    with pytest.raises(minicap.errors.InputError) as error:
        _threads._default.__wrapped__()
    assert (
        str(error.value)
        == f"MINICAP_NUM_THREADS={wanted!r} is no whole number from 1 to 1,024; set it to one"
    )
