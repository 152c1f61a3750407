"""Every kernel exists twice under one name, and both forms are called alike."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from minicap import kernels
from minicap.kernels._loading import FAMILIES, compiled_module, reference_module

KINDS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def modules(family: str) -> tuple[ModuleType, ModuleType]:
    """Return the reference and the compiled module of a family, or skip."""
    if family in kernels.compiled_failures():
        pytest.skip(f"{family} is not built here")
    return reference_module(family), compiled_module(family)


def functions(module: ModuleType) -> dict[str, object]:
    """Return the public functions that a module defines itself."""
    own = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    stem = module.__name__.rpartition(".")[2]  # all builds are compiled from one module, whose name they keep
    return {name: f for name, f in own.items() if str(getattr(f, "__module__", "")).endswith(f".{stem}")}


def parameters(function: object) -> list[str]:
    """Return the parameter names of a function."""
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_sets_have_the_same_functions(family):
    reference, compiled = modules(family)
    assert functions(reference)
    assert functions(reference).keys() == functions(compiled).keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_both_sets_have_the_same_signatures(family):
    reference, compiled = modules(family)
    for name, function in functions(reference).items():
        assert parameters(function) == parameters(functions(compiled)[name]), name


@pytest.mark.parametrize("kind", ["reference", "compiled"])
@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_take_positional_arguments_without_defaults(family, kind):
    module = modules(family)[["reference", "compiled"].index(kind)]
    for name, function in functions(module).items():
        for parameter in inspect.signature(function).parameters.values():
            assert parameter.kind in KINDS, name
            assert parameter.default is inspect.Parameter.empty, name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kernel_says_what_it_does(family):
    for module in modules(family):
        assert module.__doc__
        assert all(function.__doc__ for function in functions(module).values())
