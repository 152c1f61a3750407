"""Find out which compiled kernels this installation has, and why the others are missing."""

from __future__ import annotations

import os
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from minicap.errors import InputError

FAMILIES = (
    "conv",
    "pool",
    "embedding",
    "recurrent",
    "norm",
    "loss",
    "decoding",
    "sums",
    "elementwise",
    "optim",
)

HOW_TO_BUILD = "with a C compiler at hand run `python -m pip install .` in the source folder"

LEVELS = ("v4", "v3", "generic")  # the builds, see `minicap.kernels.compiled`, best first
SIMD_VARIABLE = "MINICAP_SIMD"


@cache
def processor_levels() -> tuple[str, ...]:
    """Return the builds that this processor can run, best first."""
    try:
        return tuple(import_module("minicap.kernels.compiled._cpu").levels())
    except ImportError:
        return ("generic",)


@cache
def levels() -> tuple[str, ...]:
    """Return the builds to try, best first: what the processor can run, or the one MINICAP_SIMD names.

    Raises
    ------
    InputError
        If MINICAP_SIMD names no build, or one that this processor cannot run.
    """
    possible = processor_levels()
    wanted = os.environ.get(SIMD_VARIABLE, "").strip()
    if not wanted:
        return possible
    if wanted not in possible:
        problem = "this processor cannot run it" if wanted in LEVELS else "there is no such build"
        raise InputError(f"{SIMD_VARIABLE}={wanted!r}: {problem}; set it to one of {', '.join(possible)}")
    return (wanted,)


@cache
def _try_build(level: str, stem: str) -> ModuleType | str:
    """Return one build of a module, or why it does not import."""
    try:
        return import_module(f"minicap.kernels.compiled.{level}.{stem}")
    except ImportError as error:
        return str(error)


def _try_compiled(stem: str) -> ModuleType | str:
    """Return the best build of a module, or why the best of all does not import."""
    found = [_try_build(level, stem) for level in levels()]
    return next((one for one in found if not isinstance(one, str)), found[0])


@cache
def reference_module(family: str) -> ModuleType:
    """Return the reference module of a family."""
    return import_module(f"minicap.kernels.reference.{family}")


def compiled_module(stem: str, build: str | None = None) -> ModuleType | None:
    """Return the compiled module of a family, the best or a named build, or None where it was not built."""
    found = _try_compiled(stem) if build is None else _try_build(build, stem)
    return None if isinstance(found, str) else found


def builds_here() -> tuple[str, ...]:
    """Return the builds that have every family and that this processor can run, best first."""
    return tuple(
        level for level in processor_levels() if all(compiled_module(family, level) for family in FAMILIES)
    )


def has_openmp() -> bool:
    """Say whether the kernels were compiled with threads."""
    try:
        return bool(import_module("minicap.kernels.compiled._cpu").has_openmp())
    except ImportError:
        return False


def compiled_failures() -> dict[str, str]:
    """Return, for each family without a compiled module, why it does not import."""
    results = {family: _try_compiled(family) for family in FAMILIES}
    return {family: reason for family, reason in results.items() if isinstance(reason, str)}


def compiled_available() -> bool:
    """Say whether every family has a compiled module."""
    return not compiled_failures()


def is_checkout() -> bool:
    """Say whether minicap runs from its source folder rather than from an installation."""
    return (Path(__file__).resolve().parents[2] / "pyproject.toml").is_file()


@cache
def warn_if_not_built() -> None:
    """Warn once, in a checkout only, that the slower reference kernels stand in for compiled ones.

    An installation without compiled kernels is a deliberate state and stays silent;
    `minicap doctor` reports it.
    """
    missing = compiled_failures()
    if missing and is_checkout():
        warnings.warn(
            f"minicap runs from a checkout without built kernels ({', '.join(missing)}), so on the slower "
            "reference kernels; build them in place with `python setup.py build_ext --inplace`, or "
            'choose them knowingly with minicap.use_kernels("reference") or MINICAP_KERNELS=reference',
            RuntimeWarning,
            stacklevel=2,
        )
