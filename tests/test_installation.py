"""Which minicap this run tests: continuous integration says which one it means, and this holds it to that.

`MINICAP_EXPECT_KERNELS` names the kernel set that must be in use, `MINICAP_EXPECT_PATH` the folder
under which the package must lie, so that a run cannot silently test a checkout without built kernels.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import minicap


def expected(variable: str) -> str:
    """Return the value of a variable, or skip where it is not set."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: any installation will do")
    return value


def test_the_expected_kernels_are_in_use():
    assert minicap.active_kernels() == expected("MINICAP_EXPECT_KERNELS"), minicap.kernels.compiled_failures()


def test_the_expected_package_is_imported():
    folder = Path(expected("MINICAP_EXPECT_PATH")).resolve()
    assert Path(minicap.__file__).resolve().is_relative_to(folder)
