"""What training adds to a process's memory: ``python -m minicap.bench.memory LIBRARY THREADS MODEL``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minicap.bench import our_models, torch_models
from minicap.bench.inputs import inputs_of
from minicap.bench.libraries import OURS, open_library
from minicap.bench.rows import Row, catalogue

STATUS = Path("/proc/self/status")
MB = 1e6
LEAST = 4096 / MB  # a page


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB.

    Returns
    -------
    float
        0 where the system does not tell.
    """
    if STATUS.exists():  # of this program alone; ru_maxrss begins with that of the process which started it
        words = STATUS.read_text("ascii").split()
        return int(words[words.index("VmHWM:") + 1]) * 1024 / MB
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


def growth(library: str, threads: int, row: Row) -> float:
    """Return by how much a few steps raise the peak, model and optimiser among it.

    Parameters
    ----------
    library : str
    threads : int
    row : Row
        Of the model's step.

    Returns
    -------
    float
        In MB.
    """
    opened: Any = open_library(library, threads)
    given = inputs_of(row)
    before = peak_memory()
    step = _our_step(row) if library == OURS else _torch_step(opened.torch, row, given)
    for _ in range(3):
        step()
    return max(peak_memory() - before, LEAST)


def _our_step(row: Row) -> Callable[[], Any]:
    """Return a step of minicap, on all threads."""
    way = next(iter(our_models.step_job(row, 1).ways.values()))
    with way() as call:
        return call


def _torch_step(torch: Any, row: Row, given: dict[str, Any]) -> Callable[[], Any]:
    """Return a step of PyTorch with weights of its own: minicap's model would count as its memory."""
    twin = torch_models.build_twin(torch, row.kind, row.options)
    tensors = torch_models.tensors_of(torch, row.kind, given)
    return torch_models.training_step(torch, twin, tensors, fused=True, last=False)


if __name__ == "__main__":
    (chosen,) = (row for row in catalogue(random=0) if row.part == "step" and row.kind == sys.argv[3])
    print(growth(sys.argv[1], int(sys.argv[2]), chosen))
