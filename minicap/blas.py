"""Which kernels of OpenBLAS are the fastest on a processor, as far as that was measured. Loads no NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

CORE = "OPENBLAS_CORETYPE"  # OpenBLAS reads it once, when NumPy loads it
AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


class Fastest(NamedTuple):
    """What was the fastest on a kind of processor."""

    vendor: str | None  # as /proc/cpuinfo gives it; None: any
    family: str | None
    core: str
    facts: str


# np.matmul in GFLOP/s a core, with the OpenBLAS of NumPy's wheel, which knows Haswell's kernels (256 bits) and
# SkylakeX's (512 bits). For a processor with AVX-512, the first line that fits.
MEASURED = (
    Fastest(
        "AuthenticAMD", "25", "Haswell",  # Zen 4 computes a 512-bit instruction in two halves
        "float32 at 1024^3 109 against 101, (64, 256) @ (256, 1024) 100 against 83, (64, 3136) @ (3136, 512) "
        "102 against 92, float64 49 against 52",
    ),
    Fastest(
        None, None, "SkylakeX",  # OpenBLAS takes Haswell's where it does not know the processor
        "float32 at 1024^3 214 against 114",
    ),
)  # fmt: skip


def fastest_core(cpuinfo: str | None = None) -> Fastest | None:
    """Return what was measured to be the fastest on this processor, or None where nothing is known.

    Parameters
    ----------
    cpuinfo : str, optional
        What /proc/cpuinfo says; the system's own where None.

    Returns
    -------
    Fastest or None
    """
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text("utf-8", "replace")
        except OSError:  # not Linux
            return None
    lines = (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    facts = {name.strip(): value.strip() for name, _, value in lines}
    if not set(facts.get("flags", "").split()) >= AVX512:
        return None
    vendor, family = facts.get("vendor_id"), facts.get("cpu family")
    fitting = (one for one in MEASURED if one.vendor in (None, vendor) and one.family in (None, family))
    return next(fitting, None)


def wheel_has_openblas() -> bool:
    """Say whether NumPy brings its own OpenBLAS, the only one that was measured, without loading it."""
    found = find_spec("numpy")
    if found is None or not found.origin:
        return False
    return any(Path(found.origin).parent.with_name("numpy.libs").glob("*openblas*"))


def slower_core(loaded: Sequence[Mapping[str, Any]], fastest: Mapping[str, Any] | None) -> list[str]:
    """Say what to set where OpenBLAS works with other kernels than the fastest.

    Parameters
    ----------
    loaded : sequence of mapping
        Of each library ``library`` and ``core``, the processor that its kernels are for.
    fastest : mapping or None
        The fields of ``Fastest``.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    others = {str(one["core"]) for one in loaded if one["library"] == "openblas"} - {
        (fastest or {}).get("core")
    }
    if fastest is None or not others:
        return []
    return [
        f"OpenBLAS works with its kernels for {', '.join(sorted(others))}, though on such a processor those for"
        f" {fastest['core']} were mostly faster ({fastest['facts']}, in GFLOP/s a core). The command line sets"
        f" {CORE}={fastest['core']} by itself; elsewhere set it before Python starts."
    ]
