"""The libraries that are measured, each behind the same two questions: what are you, and how do you do a row?"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np

import minicap
from minicap import kernels
from minicap.bench.jobs import Job, plainly
from minicap.bench.rows import Row

OURS, THEIRS = "minicap", "torch"
HOW_TO_GET = {THEIRS: "python -m pip install torch==2.13.0"}
# What a program waits for before its first line: the package alone, and the layers that it then asks for.
_IMPORTS = {
    (OURS, "package"): "import minicap",
    (OURS, "layers"): "import minicap; minicap.Captioner",
    (THEIRS, "package"): "import torch",
    (THEIRS, "layers"): "import torch; torch.nn.LSTM",
}


class Library(Protocol):
    """One library in its worker's process."""

    def about(self) -> dict[str, Any]:
        """Say which version works here, and with what; JSON-ready."""
        ...

    def job(self, row: Row) -> Job:
        """Return how the library does a row."""
        ...


def open_library(name: str, threads: int) -> Library:
    """Import a library and give it so many threads.

    Parameters
    ----------
    name : str
        ``minicap`` or ``torch``.
    threads : int

    Returns
    -------
    Library

    Raises
    ------
    ImportError
        If it is not installed.
    """
    return Minicap(threads) if name == OURS else PyTorch(threads)


class Minicap:
    """minicap, with one workspace for all calls, as a training has.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        minicap.set_num_threads(threads)
        self._open = ExitStack()
        self._open.enter_context(kernels.Workspace())

    def about(self) -> dict[str, Any]:
        """Say version, NumPy, and which kernels serve."""
        return {
            "version": minicap.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "kernels": {family: _build(family) for family in kernels.kernel_table()},
        }

    def job(self, row: Row) -> Job:
        """Return how minicap does a row."""
        from minicap.bench import ladder_jobs, our_models, ours

        if row.kind == "ladder":
            return ladder_jobs.rung_job(row)
        if row.kind in ours.OPS:
            return ours.op_job(row)
        if row.kind == "greedy":
            return our_models.greedy_job(row)
        return child_job(OURS, row, self.threads) or our_models.step_job(row, self.threads)


def _build(family: str) -> str:
    """Return what serves a family of kernels: ``compiled v4`` and such, or ``reference``."""
    build = kernels.build_in_use(family)
    return "reference" if build is None else f"compiled {build}"


class PyTorch:
    """PyTorch; the one place that imports it.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.manual_seed(0)
        self.torch, self.threads = torch, threads

    def about(self) -> dict[str, Any]:
        """Say the version."""
        return {"version": self.torch.__version__, "threads": self.torch.get_num_threads()}

    def job(self, row: Row) -> Job:
        """Return how PyTorch does a row."""
        from minicap.bench import ladder_jobs, torch_models, torch_ops

        if row.kind == "ladder":
            return self.job(ladder_jobs.plain_row(row))
        if row.kind in torch_ops.LAYOUTS or row.kind in torch_ops.OTHERS:
            return torch_ops.op_job(self.torch, row)
        if row.kind == "greedy":
            return torch_models.greedy_job(self.torch, row)
        return child_job(THEIRS, row, self.threads) or torch_models.step_job(self.torch, row)


def child_job(library: str, row: Row, threads: int) -> Job | None:
    """Return the job of a row that is about a fresh process, or None for other rows.

    Parameters
    ----------
    library : str
    row : Row
    threads : int

    Returns
    -------
    Job or None
        Starting up with an import; or the memory of training, in MB.
    """
    if row.kind == "import":
        code = _IMPORTS[library, row.part]
        return Job({"new process": plainly(lambda: _child("-c", code))})
    if row.kind == "memory":
        module = ["-m", "minicap.bench.memory", library, str(threads), row.options["model"]]
        call: Callable[[], float] = lambda: float(_child(*module))  # noqa: E731 - a def would say no more
        return Job({"new process": plainly(call)}, measures=True)
    return None


def _child(*arguments: str) -> str:
    """Run Python in a process of its own and return what it prints."""
    done = subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{' '.join(arguments)}: {lines[-1]}")
    return done.stdout
