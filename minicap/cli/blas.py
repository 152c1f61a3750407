"""Set what BLAS and OpenMP read once, when they load: only the command line does so, before NumPy is there."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from minicap.blas import CORE, fastest_core, wheel_has_openblas

SWITCH = "MINICAP_BLAS_CORETYPE"
SETTLED = "MINICAP_SETTLED"  # names what was set here, for children that want the user's own settings


def settle_blas(environment: MutableMapping[str, str] | None = None) -> None:
    """Choose BLAS's kernels and threads, and how idle threads wait, where the user has not.

    What is set already stays as it is, and once NumPy is loaded nothing happens. Child processes inherit what
    is set here. ``MINICAP_BLAS_CORETYPE=off`` leaves the choice of kernels to OpenBLAS.

    Parameters
    ----------
    environment : mapping, optional
        To read and change; the process's own where None.
    """
    if "numpy" in sys.modules:
        return
    environment = os.environ if environment is None else environment
    wanted = {}
    fastest = fastest_core()
    if fastest and environment.get(SWITCH, "").strip().lower() != "off" and wheel_has_openblas():
        wanted[CORE] = fastest.core
    threads = environment.get("MINICAP_NUM_THREADS", "").strip()
    if threads.isascii() and threads.isdigit() and "OMP_NUM_THREADS" not in environment:
        wanted["OPENBLAS_NUM_THREADS"] = threads
    if "GOMP_SPINCOUNT" not in environment:
        # After a kernel its idle threads would spin for milliseconds on the cores that BLAS wants next: a matrix
        # product of 0.3 ms after a kernel of 0.2 ms was seen to take 16 to 70 ms on two cores, now 0.6 together.
        wanted["OMP_WAIT_POLICY"] = "passive"
    new = {name: value for name, value in wanted.items() if name not in environment}
    environment.update(new)
    if new:
        environment[SETTLED] = ",".join(new)
