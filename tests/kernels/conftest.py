"""What the kernel tests share."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from minicap.kernels import _loading


@pytest.fixture
def compiled() -> SimpleNamespace:
    """Return the compiled modules by family, or skip where some are not built."""
    if not _loading.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    names = _loading.FAMILIES
    return SimpleNamespace(**{name: _loading.compiled_module(name) for name in names})
