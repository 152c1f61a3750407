"""What the kernel tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

import minicap
from minicap import use_kernels
from minicap.kernels import _loading, builds_here, get_num_threads, kernel_threads, use_build

BUILDS = [
    pytest.param((level, threads), id=f"{level}-{threads}") for level in _loading.LEVELS for threads in (1, 2)
]


@pytest.fixture
def compiled() -> SimpleNamespace:
    """Return the compiled modules by family, or skip where some are not built."""
    if not _loading.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    names = _loading.FAMILIES
    return SimpleNamespace(**{name: _loading.compiled_module(name) for name in names})


@contextmanager
def one_build(level: str, threads: int) -> Iterator[None]:
    """Choose a build and its threads, or skip where this installation or processor lacks it.

    Small arrays are not worth a second thread to a kernel. Here they are: what decides it, a kernel's
    `_threads_for` or WORTH_THREADS, is replaced, so that the small shapes of tests meet the parallel code.
    """
    if level not in builds_here():
        why = "not built here" if level in _loading.processor_levels() else "not for this processor"
        pytest.skip(f"the {level} build is {why}")
    with use_build(level), kernel_threads(threads), pytest.MonkeyPatch.context() as patch:
        for family in _loading.FAMILIES:
            module = _loading.compiled_module(family, level)
            if hasattr(module, "_threads_for"):
                patch.setattr(module, "_threads_for", lambda *_: get_num_threads())
            if hasattr(module, "WORTH_THREADS"):
                patch.setattr(module, "WORTH_THREADS", 0)
        yield


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test under every build of the compiled kernels, on one thread and on two."""
    with one_build(*request.param):
        yield request.param[0]


@pytest.fixture(params=["reference", *BUILDS])
def every_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test under the reference, and under every build on one thread and on two."""
    if request.param == "reference":
        with use_kernels("reference"):
            yield "reference"
    else:
        with one_build(*request.param):
            yield request.param[0]


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs code in a new Python, with no other variables of minicap's than given."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINICAP_")}
        inherited["PYTHONPATH"] = str(Path(minicap.__file__).resolve().parent.parent)
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=inherited | environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run
