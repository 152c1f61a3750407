"""The one switch between the two kernel sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType, TracebackType
from typing import Any

from minicap.errors import InputError
from minicap.kernels import _loading
from minicap.kernels._loading import FAMILIES, HOW_TO_BUILD

CHOICES = ("auto", "reference", "compiled")
VARIABLE = "MINICAP_KERNELS"

_choice: ContextVar[str | None] = ContextVar("minicap_kernels", default=None)  # None: as the environment says
_build: ContextVar[str | None] = ContextVar("minicap_build", default=None)  # None: the best


class use_kernels:  # noqa: N801 - reads as a function, and works as one
    """Choose the kernels from here on; as a context manager, only until the block ends.

        minicap.use_kernels("reference")            # from now on
        with minicap.use_kernels("compiled"): ...   # in this block, then the former choice again

    The choice belongs to the current context (`contextvars`): a new thread starts with the default,
    which is the environment variable MINICAP_KERNELS, or "auto" without it.

    Parameters
    ----------
    name : "auto" takes each compiled family that was built and the reference for the others;
        "reference" takes plain NumPy; "compiled" insists on compiled kernels for every family

    Raises
    ------
    ValueError
        The name is none of the three.
    RuntimeError
        "compiled" was asked for and some family is not built.
    """

    def __init__(self, name: str) -> None:
        if name not in CHOICES:
            choices = ", ".join(CHOICES)
            raise ValueError(f"use_kernels: unknown kernel set {name!r}; the choices are {choices}")
        if name == "compiled" and not _loading.compiled_available():
            raise RuntimeError(f"use_kernels: {_not_built()}")
        self.name = name
        self._former = _choice.get()
        _choice.set(name)

    def __enter__(self) -> use_kernels:
        _choice.set(self.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _choice.set(self._former)

    def __repr__(self) -> str:
        return f"use_kernels({self.name!r})"


@contextmanager
def use_build(name: str) -> Iterator[None]:
    """Choose the compiled kernels, and one build of them for every family, until the block ends.

        with minicap.kernels.use_build("v3"): ...

    Meant for tests and measurements: left alone, minicap takes the best build that the processor can run.
    `use_kernels("reference")` inside the block still chooses the reference.

    Parameters
    ----------
    name : "generic", "v3" or "v4"

    Raises
    ------
    ValueError
        The name is none of the three.
    RuntimeError
        This processor cannot run that build, or some family lacks it.
    """
    if name not in _loading.LEVELS:
        raise ValueError(f"use_build: unknown build {name!r}; the choices are {', '.join(_loading.LEVELS)}")
    if name not in _loading.builds_here():
        why = (
            "it is not built here" if name in _loading.processor_levels() else "this processor cannot run it"
        )
        there = ", ".join(_loading.builds_here()) or "none"
        raise RuntimeError(f"use_build: {name}: {why}; builds that can be used: {there}")
    build, choice = _build.set(name), _choice.set("compiled")
    try:
        yield
    finally:
        _build.reset(build)
        _choice.reset(choice)


class Family:
    """One family of kernels: each attribute is that function of the kernel set in use.

    Parameters
    ----------
    name : the stem of the two modules, `reference/<name>.py` and `compiled/<name>.pyx`
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Callable[..., Any]:
        return getattr(module_in_use(self._name), function)

    def __repr__(self) -> str:
        return f"<kernels {self._name}: {kernel_table()[self._name]}>"


def module_in_use(family: str) -> ModuleType:
    """Return the module whose functions serve a family under the present choice."""
    choice = _choice.get() or _environment_choice()
    if choice == "reference":
        return _loading.reference_module(family)
    _loading.warn_if_not_built()
    return best_module(family) or _loading.reference_module(family)


def best_module(stem: str) -> ModuleType | None:
    """Return a compiled module in the build in use, or None where it was not built."""
    return _loading.compiled_module(stem, _build.get())


def build_in_use(family: str) -> str | None:
    """Return which build serves a family, ``v4``, ``v3`` or ``generic``, or None where the reference does."""
    module = module_in_use(family)
    return None if module is _loading.reference_module(family) else module.__name__.split(".")[-2]


def kernel_table() -> dict[str, str]:
    """Return, for each family, which set serves it: "compiled" or "reference"."""
    slow = {family: module_in_use(family) is _loading.reference_module(family) for family in FAMILIES}
    return {family: "reference" if slow[family] else "compiled" for family in FAMILIES}


def active_kernels() -> str:
    """Return the kernels in use: "compiled", "reference", or "mixed" where only some were built."""
    used = set(kernel_table().values())
    return used.pop() if len(used) == 1 else "mixed"


@cache
def _environment_choice() -> str:
    """Return what MINICAP_KERNELS asks for, read once."""
    name = os.environ.get(VARIABLE, "").strip() or "auto"
    if name not in CHOICES:
        raise InputError(f"{VARIABLE}={name!r} names no kernel set; set it to one of {', '.join(CHOICES)}")
    if name == "compiled" and not _loading.compiled_available():
        raise InputError(f"{VARIABLE}=compiled, but {_not_built()}")
    return name


def _not_built() -> str:
    """Say which compiled kernels are missing and how to get them."""
    missing = ", ".join(_loading.compiled_failures())
    return f"the compiled kernels are not built here (missing: {missing}); {HOW_TO_BUILD}"
