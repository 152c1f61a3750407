"""One source, several builds: which is chosen, what forces one, and that all are what they say."""

from __future__ import annotations

import pytest

from minicap import kernels, use_kernels
from minicap.kernels import _loading, builds_here, use_build
from minicap.kernels._switch import best_module, module_in_use

SHOW = (
    "from minicap import kernels; print({kernels.build_in_use(family) for family in kernels.kernel_table()})"
)


@pytest.fixture
def some_builds(monkeypatch):
    """Return a function that makes it look as if a processor could run some builds, and only some were built."""

    def pretend(processor: tuple[str, ...], *built: str) -> None:
        real = _loading._try_build
        monkeypatch.setattr(_loading, "processor_levels", lambda: processor)
        monkeypatch.setattr(_loading, "levels", lambda: processor)
        monkeypatch.setattr(
            _loading,
            "_try_build",
            lambda level, stem: real("generic", stem) if level in built else f"no {level}",
        )

    return pretend


def test_the_best_build_of_the_processor_is_in_use(compiled):
    assert builds_here() == _loading.processor_levels()  # all that are of use here were built
    assert {kernels.build_in_use(family) for family in kernels.kernel_table()} == {builds_here()[0]}
    with use_kernels("reference"):
        assert kernels.build_in_use("conv") is None


def test_every_family_comes_from_the_build_that_is_asked_for(build):
    for family in _loading.FAMILIES:
        assert module_in_use(family).__name__ == f"minicap.kernels.compiled.{build}.{family}"
        assert kernels.build_in_use(family) == build
    with use_kernels("reference"):
        assert module_in_use("conv") is _loading.reference_module("conv")


def test_a_block_ends_and_restores_both_choices(compiled):
    with use_kernels("reference"):
        with use_build("generic"):
            assert kernels.build_in_use("pool") == "generic"
        assert kernels.active_kernels() == "reference"
    with pytest.raises(ZeroDivisionError), use_build("generic"):
        _ = 1 / 0
    assert kernels.build_in_use("pool") == builds_here()[0]


def test_an_unknown_build_is_refused():
    with pytest.raises(ValueError, match=r"unknown build 'avx'; the choices are v4, v3, generic"):
        use_build("avx").__enter__()


def test_a_build_that_the_processor_cannot_run_is_refused(compiled, some_builds):
    some_builds(("v3", "generic"), "v3", "generic")
    with pytest.raises(RuntimeError, match=r"v4: this processor cannot run it; .*: v3, generic"):
        use_build("v4").__enter__()


def test_a_build_that_is_not_there_is_refused(compiled, some_builds):
    some_builds(("v3", "generic"), "generic")
    with pytest.raises(RuntimeError, match=r"v3: it is not built here; builds that can be used: generic"):
        use_build("v3").__enter__()


def test_a_family_without_its_best_build_takes_the_next(compiled, some_builds):
    some_builds(("v4", "v3", "generic"), "generic")
    assert _loading.compiled_module("conv").__name__.endswith("generic.conv")
    assert _loading.compiled_module("conv", "v4") is None
    some_builds(("v4", "v3"))
    assert _loading._try_compiled("conv") == "no v4"  # the best one's reason


@pytest.mark.parametrize("level", _loading.LEVELS)
def test_a_variable_forces_one_build(child, level):
    if level not in builds_here():
        pytest.skip(f"no {level} build here")
    assert child(SHOW, MINICAP_SIMD=level).stdout.strip() == f"{{'{level}'}}"


def test_a_variable_that_names_no_build_is_refused(child):
    there = ", ".join(_loading.processor_levels())
    message = child(SHOW, MINICAP_SIMD="avx").stderr.strip().splitlines()[-1]
    expected = f"MINICAP_SIMD='avx': there is no such build; set it to one of {there}"
    assert message == f"minicap.errors.InputError: {expected}"


def test_a_variable_that_names_too_good_a_build_is_refused(child):
    code = (
        f"import minicap.kernels._loading as loading; loading.processor_levels = lambda: ('generic',); {SHOW}"
    )
    message = child(code, MINICAP_SIMD="v3").stderr.strip().splitlines()[-1]
    assert message.endswith("MINICAP_SIMD='v3': this processor cannot run it; set it to one of generic")


def test_the_multiply_add_peak_is_measured(build):
    rate = kernels.multiply_add_peak(1)
    assert 0 < rate < 1e5
    assert best_module("_peak").FLOPS % (2 * 16 // 4 * {"generic": 1, "v3": 2, "v4": 4}[build]) == 0
    # Every chain settles at 2: sum = 1 + sum / 2; twelve of them in each lane of a vector.
    lanes = best_module("_peak").FLOPS // (2 * 12 * 2**16)
    for threads in (1, 3):
        assert best_module("_peak").multiply_adds(threads) == threads * lanes * 24


def test_without_compiled_kernels_there_is_no_peak(monkeypatch):
    monkeypatch.setattr(_loading, "_try_compiled", lambda stem: "gone")
    with pytest.raises(RuntimeError, match="compiled kernels are not built here"):
        kernels.multiply_add_peak(1)
