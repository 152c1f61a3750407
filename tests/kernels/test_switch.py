"""The switch between the kernel sets: what it chooses, for how long, and what it says when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

import minicap
from minicap import kernels, use_kernels
from minicap.kernels import _loading, _switch

PACKAGE_PARENT = Path(minicap.__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _former_choice():
    """Give every test the default choice, and restore the former one."""
    with use_kernels("auto"):
        yield


@pytest.fixture
def not_built(monkeypatch):
    """Return a function that makes the named families look as if they had not been built."""

    def remove(*families: str, checkout: bool = False) -> None:
        found = dict.fromkeys(_loading.FAMILIES, SimpleNamespace(conv2d_forward=None))
        found.update(dict.fromkeys(families, "No module named 'it'"))
        monkeypatch.setattr(_loading, "_try_compiled", found.__getitem__)
        monkeypatch.setattr(_loading, "is_checkout", lambda: checkout)
        _loading.warn_if_not_built.cache_clear()

    yield remove
    _loading.warn_if_not_built.cache_clear()


def child(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python whose MINICAP_KERNELS is only what is given."""
    inherited = {k: v for k, v in os.environ.items() if k != "MINICAP_KERNELS"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**inherited, "PYTHONPATH": str(PACKAGE_PARENT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_family_resolves_to_the_set_in_use():
    with use_kernels("reference"):
        assert kernels.conv.conv2d_forward is _loading.reference_module("conv").conv2d_forward
        assert kernels.active_kernels() == "reference"
        assert set(kernels.kernel_table().values()) == {"reference"}
        assert repr(kernels.conv) == "<kernels conv: reference>"


def test_a_family_has_no_other_attributes():
    with pytest.raises(AttributeError, match="no_such_kernel"):
        _ = kernels.conv.no_such_kernel


def test_compiled_resolves_to_the_compiled_set(compiled):
    with use_kernels("compiled"):
        assert kernels.pool.max_pool2d_forward is compiled.pool.max_pool2d_forward
        assert minicap.active_kernels() == "compiled"
    assert kernels.compiled_available()
    assert kernels.compiled_failures() == {}


def test_auto_takes_what_is_built(compiled):
    with use_kernels("auto"):
        assert minicap.active_kernels() == "compiled"


def test_a_plain_call_takes_effect_at_once():
    use_kernels("reference")
    assert kernels.active_kernels() == "reference"


def test_blocks_nest_and_restore():
    use_kernels("reference")
    before = _switch._choice.get()
    with use_kernels("auto") as outer:
        with use_kernels("reference"):
            assert kernels.active_kernels() == "reference"
        assert _switch._choice.get() == "auto" == outer.name
    assert _switch._choice.get() == before == "reference"


def test_an_exception_restores_too():
    with pytest.raises(ZeroDivisionError), use_kernels("reference"):
        _ = 1 / 0
    assert _switch._choice.get() == "auto"


def test_a_choice_belongs_to_its_thread():
    use_kernels("reference")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(_switch._choice.get()))
    thread.start()
    thread.join()
    assert seen == [None]


@pytest.mark.parametrize("name", ["fast", "", "Compiled", None])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=r"unknown kernel set .*; the choices are auto, reference, compiled"):
        use_kernels(name)
    assert _switch._choice.get() == "auto"


def test_compiled_is_refused_where_a_family_is_missing(not_built):
    not_built("conv")
    with pytest.raises(RuntimeError, match=r"missing: conv\); .* `python -m pip install \.`"):
        use_kernels("compiled")
    assert _switch._choice.get() == "auto"
    assert not kernels.compiled_available()
    assert kernels.compiled_failures() == {"conv": "No module named 'it'"}


def test_without_compiled_kernels_auto_is_the_reference(not_built):
    not_built(*_loading.FAMILIES)
    assert kernels.active_kernels() == "reference"
    assert kernels.conv.conv2d_forward is _loading.reference_module("conv").conv2d_forward


def test_with_some_compiled_kernels_auto_is_mixed(not_built):
    not_built("pool")
    assert kernels.active_kernels() == "mixed"
    assert kernels.kernel_table() == dict.fromkeys(_loading.FAMILIES, "compiled") | {"pool": "reference"}


def test_a_checkout_that_is_not_built_says_so_once(not_built):
    not_built("conv", "pool", checkout=True)
    with pytest.warns(RuntimeWarning, match=r"\(conv, pool\).*setup\.py build_ext --inplace"):
        _ = kernels.conv.conv2d_forward
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = kernels.conv.conv2d_forward


def test_an_installation_that_is_not_built_is_silent(not_built):
    not_built("conv", checkout=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = kernels.conv.conv2d_forward


def test_the_reference_by_choice_is_silent(not_built):
    not_built("conv", checkout=True)
    with warnings.catch_warnings(), use_kernels("reference"):
        warnings.simplefilter("error")
        _ = kernels.conv.conv2d_forward


def test_the_environment_variable_is_the_default(tmp_path):
    code = "import minicap; print(minicap.active_kernels())"
    assert child(code, tmp_path, MINICAP_KERNELS="reference").stdout.strip() == "reference"
    code = "import minicap; minicap.use_kernels('reference'); print(minicap.active_kernels())"
    assert child(code, tmp_path, MINICAP_KERNELS="auto").stdout.strip() == "reference"


def test_a_bad_environment_variable_is_named(tmp_path):
    code = "import minicap; minicap.active_kernels()"
    message = child(code, tmp_path, MINICAP_KERNELS="quick").stderr.strip().splitlines()[-1]
    expected = "MINICAP_KERNELS='quick' names no kernel set; set it to one of auto, reference, compiled"
    assert message == f"minicap.errors.InputError: {expected}"


def test_the_variable_asks_for_compiled_kernels_in_vain(tmp_path):
    code = (
        "import minicap.kernels._loading as loading\n"
        "loading._try_compiled = lambda family: 'gone'\n"
        "import minicap; minicap.active_kernels()"
    )
    message = child(code, tmp_path, MINICAP_KERNELS="compiled").stderr.strip().splitlines()[-1]
    assert message.startswith("minicap.errors.InputError: MINICAP_KERNELS=compiled, but the compiled kernels")
