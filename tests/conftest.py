"""What every test shares: the header that names the kernels in use, seeds, and the data at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import minicap

# Read when the first kernel loads. Idle threads that spin make tests on two threads slow where others want the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

settings.register_profile(
    "minicap",
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("minicap")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_report_header() -> list[str]:
    """Print which minicap and which kernels this run tests."""
    return [f"minicap: {Path(minicap.__file__).parent}", f"kernels: {minicap.active_kernels()}"]


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with the suite's fixed seed."""
    return np.random.default_rng(2026)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data, or skip where it is absent."""
    folder = Path(os.environ.get("MINICAP_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set MINICAP_SHARED_DATA to use it")
    return folder


@pytest.fixture(params=["reference", "compiled"])
def kernels(request: pytest.FixtureRequest):
    """Run the test once under each kernel set; skip the compiled one where it was not built."""
    if request.param == "compiled" and not minicap.kernels.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    with minicap.use_kernels(request.param):
        yield request.param
