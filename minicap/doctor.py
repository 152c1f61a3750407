"""What this installation has, what it lacks, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from threadpoolctl import threadpool_info

import minicap
from minicap import kernels
from minicap.blas import CORE, fastest_core, slower_core, wheel_has_openblas
from minicap.data import cache_folder
from minicap.errors import InputError
from minicap.kernels import HOW_TO_BUILD
from minicap.machine import memory, processor_name

Facts = dict[str, Any]

GB = 1e9
LEAST_DISK = 1 * GB  # a cache of 8,000 pictures of 64 pixels takes a tenth of it
LEAST_MEMORY = 1 * GB
BUILD_IN_PLACE = "with a C compiler at hand run `python setup.py build_ext --inplace` in the checkout"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMPILERS = ("cc", "gcc", "clang", "cl")
# NumPy's names for what a processor can do at once, where they say little.
SIMD = {"X86_V2": "SSE4.2", "X86_V3": "AVX2", "X86_V4": "AVX-512", "ASIMD": "NEON"}


def examine() -> Facts:
    """Look at versions, kernels, processor, BLAS, memory, cache folder and optional tools.

    Returns
    -------
    dict
        JSON-ready: ``version``, ``python``, ``platform``, ``libraries``, ``location``, ``kernels``, ``cpu``,
        ``memory``, ``blas``, ``cache``, ``tools``; ``advice``, a list of sentences. Sizes are in bytes; what
        cannot be found out is None.
    """
    facts: Facts = {
        "version": minicap.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {"numpy": np.__version__, "scipy": scipy.__version__},
        "location": _location(),
        "kernels": _kernels(),
        "cpu": _cpu(),
        "memory": memory(),
        "blas": _blas(),
        "cache": _cache(),
        "tools": _tools(),
    }
    facts["advice"] = advise(facts)
    return facts


def advise(facts: Mapping[str, Any]) -> list[str]:
    """Say what to do, best first; nothing where all is well.

    Parameters
    ----------
    facts : mapping
        From ``examine``.

    Returns
    -------
    list of str
        Whole sentences.
    """
    return [*_kernel_advice(facts), *_machine_advice(facts), *_cache_advice(facts["cache"])]


def describe(facts: Mapping[str, Any]) -> str:
    """Write the facts as lines for people, the advice last.

    Parameters
    ----------
    facts : mapping
        From ``examine``.

    Returns
    -------
    str
    """
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    tools = ", ".join(f"{name} {'found' if found else 'absent'}" for name, found in facts["tools"].items())
    lines = {
        "minicap": f"{facts['version']} from {facts['location']['path']} ({facts['location']['kind']})",
        "Python": f"{facts['python']}, {libraries}, {facts['platform']}",
        "kernels": _kernel_line(facts["kernels"]),
        "builds": _build_line(facts["kernels"]),
        "processor": _cpu_line(facts["cpu"]),
        "BLAS": "; ".join(map(_blas_line, facts["blas"])) or "none found",
        "memory": _memory_line(facts["memory"]),
        "cache": _cache_line(facts["cache"]),
        "optional": tools,
    }
    text = [f"{name:<10} {line}" for name, line in lines.items()]
    text += [f"  {family} is not compiled: {why}" for family, why in facts["kernels"]["failures"].items()]
    return "\n".join([*text, "", *(facts["advice"] or ["All is well. Next: minicap demo"])])


def _location() -> dict[str, str]:
    """Return the package's folder and what kind of place that is."""
    folder = Path(minicap.__file__).resolve().parent
    if (folder.parent / "pyproject.toml").is_file():
        kind = "checkout"
    else:
        kind = "site-packages" if folder.parent.name in ("site-packages", "dist-packages") else "other folder"
    return {"path": str(folder), "kind": kind}


def _kernels() -> Facts:
    """Return which kernels serve each family, in which build and on how many threads, and why some are missing."""
    table: dict[str, str] = {}
    builds: dict[str, str | None] = {}
    failures: dict[str, str] = {}
    threads = problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # unbuilt kernels are told below, in full
        try:
            threads = kernels.get_num_threads()
            failures = kernels.compiled_failures()
            table = kernels.kernel_table()
            builds = {family: kernels.build_in_use(family) for family in table}
        except InputError as error:
            problem = str(error)
    environment = os.environ.get
    return {
        "in_use": table, "builds": builds, "failures": failures, "threads": threads, "problem": problem,
        "openmp": kernels.has_openmp(), "possible": list(kernels.processor_levels()),
        "chosen": environment("MINICAP_KERNELS", ""), "forced": environment("MINICAP_SIMD", ""),
    }  # fmt: skip


def _cpu() -> Facts:
    """Return the processor's name, the cores this process may use, and its vector instructions."""
    fastest = fastest_core()
    features = np.show_config(mode="dicts").get("SIMD Extensions", {})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "name": processor_name(),
        "cores": cores,
        "simd": [*features.get("baseline", []), *features.get("found", [])],
        "fastest_blas": fastest._asdict() if fastest and wheel_has_openblas() else None,
    }


def _blas() -> list[Facts]:
    """Return the BLAS libraries that NumPy works with, their threads, and whose kernels they took."""
    chosen = os.environ.get(CORE)
    loaded = [
        {
            "library": one["internal_api"],
            "version": one.get("version"),
            "threads": one["num_threads"],
            "core": one.get("architecture"),
            "chosen": chosen if one["internal_api"] == "openblas" else None,
        }
        for one in threadpool_info()
        if one["user_api"] == "blas"
    ]
    if loaded:
        return loaded
    # Some, such as Accelerate, do not tell their threads; NumPy still knows what it was built with.
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    if not built.get("found"):
        return []
    return [{"library": built.get("name"), "version": built.get("version"), "threads": None, "core": None}]


def _cache() -> Facts:
    """Return the cache folder, what is in it, and the room that is left."""
    folder = cache_folder()
    if folder is None:
        return {"path": None, "bytes": 0, "files": 0, "free": None, "writable": False}
    sizes = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.lstat(os.path.join(parent, name)).st_size)
            except OSError:
                continue  # another process has just removed it
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return {
        "path": str(folder),
        "bytes": sum(sizes),
        "files": len(sizes),
        "free": shutil.disk_usage(nearest).free,
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK),
    }


def _tools() -> dict[str, bool]:
    """Return which optional tools are there, without starting or importing any."""
    return {
        "torch": importlib.util.find_spec("torch") is not None,
        "chromium": any(map(shutil.which, BROWSERS)),
        "C compiler": any(map(shutil.which, COMPILERS)),
    }


def _kernel_advice(facts: Mapping[str, Any]) -> list[str]:
    """Say what to do about slow kernels."""
    found = facts["kernels"]
    if found["problem"]:
        return [f"The kernels cannot be chosen: {found['problem']}."]
    if found["failures"]:
        how = BUILD_IN_PLACE if facts["location"]["kind"] == "checkout" else HOW_TO_BUILD
        names = ", ".join(found["failures"])
        compiler = facts["tools"]["C compiler"]
        none_here = "" if compiler else " No C compiler was found here; install one first."
        return [
            f"Without compiled kernels ({names}) everything works, but training takes several times longer;"
            f" to get them, {how}.{none_here}"
        ]
    if "reference" in found["in_use"].values():
        who = f"MINICAP_KERNELS={found['chosen']}" if found["chosen"] else "This program"
        return [f"{who} chooses the slow reference kernels; the compiled ones are here."]
    return _build_advice(found, facts["cpu"]["cores"])


def _build_advice(found: Mapping[str, Any], cores: int | None) -> list[str]:
    """Say what to do about compiled kernels that could be faster."""
    advice, best = [], found["possible"][0]
    late = [family for family, build in found["builds"].items() if build != best]
    if late and found["forced"]:
        advice.append(
            f"MINICAP_SIMD={found['forced']} holds the kernels back; this processor can run {best}."
        )
    elif late:
        advice.append(
            f"This processor can run the {best} build of the kernels, which {', '.join(late)} lacks;"
            " build again with a newer GCC or Clang."
        )
    if not found["openmp"] and (cores or 1) > 1:
        advice.append("The kernels were built without OpenMP and use one core each; build again with GCC.")
    return advice


def _machine_advice(facts: Mapping[str, Any]) -> list[str]:
    """Say what to do about BLAS and memory."""
    advice = []
    if not facts["blas"]:
        advice.append("NumPy has no BLAS, so products of matrices are slow; install NumPy's own wheel.")
    cores = facts["cpu"]["cores"]
    threads = max((one["threads"] or 0 for one in facts["blas"]), default=0)
    if cores and threads > cores:
        advice.append(
            f"BLAS starts {threads} threads on {cores} cores, which wait for each other;"
            f" set OPENBLAS_NUM_THREADS={cores} or OMP_NUM_THREADS={cores}."
        )
    advice += slower_core(facts["blas"], facts["cpu"]["fastest_blas"])
    available = facts["memory"]["available"]
    if available is not None and available < LEAST_MEMORY:
        advice.append(f"Only {_size(available)} of memory are free; close other programs before you train.")
    return advice


def _cache_advice(cache: Mapping[str, Any]) -> list[str]:
    """Say what to do about the cache folder."""
    if cache["path"] is None:
        return ["There is no place for a cache of decoded pictures; name one with MINICAP_CACHE."]
    if not cache["writable"]:
        return [f"The cache folder {cache['path']} cannot be written; name another with MINICAP_CACHE."]
    if cache["free"] is not None and cache["free"] < LEAST_DISK:
        return [
            f"Only {_size(cache['free'])} of disk are free at {cache['path']};"
            " delete what you do not need, or name another place with MINICAP_CACHE."
        ]
    return []


def _kernel_line(found: Mapping[str, Any]) -> str:
    """Return each kernel set with the families it serves."""
    sets: dict[str, list[str]] = {}
    for family, name in found["in_use"].items():
        sets.setdefault(name, []).append(family)
    return "; ".join(f"{name} ({', '.join(families)})" for name, families in sets.items()) or "none"


def _build_line(found: Mapping[str, Any]) -> str:
    """Return the builds of the compiled kernels in use, and their threads."""
    builds = ", ".join(sorted({build for build in found["builds"].values() if build})) or "none in use"
    threads = f"{found['threads'] or 'unknown'} thread{'' if found['threads'] == 1 else 's'}"
    possible = ", ".join(found["possible"])
    return (
        f"{builds} (this processor runs {possible}), {threads if found['openmp'] else 'no OpenMP: 1 thread'}"
    )


def _cpu_line(cpu: Mapping[str, Any]) -> str:
    """Return the processor with its cores and vector instructions."""
    simd = ", ".join(SIMD.get(name, name) for name in cpu["simd"]) or "no vector instructions known"
    return f"{cpu['name']}, {cpu['cores'] or 'unknown'} core{'' if cpu['cores'] == 1 else 's'}, {simd}"


def _blas_line(blas: Mapping[str, Any]) -> str:
    """Return a BLAS library with its threads and the processor that its kernels are for."""
    threads = blas["threads"]
    many = "" if threads is None else f", {threads} thread{'' if threads == 1 else 's'}"
    core = f", kernels for {blas['core']}" if blas["core"] else ""
    why = f" (chosen by {CORE}={blas['chosen']})" if core and blas["chosen"] else ""
    return f"{blas['library']} {blas['version'] or ''}".strip() + many + core + why


def _cache_line(cache: Mapping[str, Any]) -> str:
    """Return the cache folder with what is in it and the room that is left."""
    if cache["path"] is None:
        return "none"
    files = f"{cache['files']:,} file{'' if cache['files'] == 1 else 's'}"
    return f"{cache['path']} ({files}, {_size(cache['bytes'])}; {_size(cache['free'])} free on the disk)"


def _memory_line(memory: Mapping[str, int | None]) -> str:
    """Return the memory and what of it is free."""
    return f"{_size(memory['total'])}, {_size(memory['available'])} free"


def _size(count: float | None) -> str:
    """Return a number of bytes in the unit that suits it."""
    if count is None:
        return "unknown"
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
