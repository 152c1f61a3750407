"""The command line settles BLAS before NumPy loads it and leaves the user's choice alone; the library sets nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minicap
from minicap.blas import MEASURED
from minicap.cli import blas
from minicap.cli.blas import settle_blas

SETTLED = "MINICAP_SETTLED"


@pytest.fixture
def settle(monkeypatch):
    """Return a function that settles a given environment as if NumPy were not loaded, on a known processor."""
    monkeypatch.setattr(blas, "sys", type("FakeSys", (), {"modules": {}}))
    monkeypatch.setattr(blas, "fastest_core", lambda: MEASURED[0])
    monkeypatch.setattr(blas, "wheel_has_openblas", lambda: True)

    def run(**environment: str) -> dict[str, str]:
        settle_blas(environment)
        return environment

    return run


def test_what_nobody_set_is_set_and_named(settle):
    assert settle() == {
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_WAIT_POLICY": "passive",
        SETTLED: "OPENBLAS_CORETYPE,OMP_WAIT_POLICY",
    }


@pytest.mark.parametrize(
    "chosen",
    [
        {"OPENBLAS_CORETYPE": "Zen", "OMP_WAIT_POLICY": "active"},
        {"MINICAP_BLAS_CORETYPE": "off", "GOMP_SPINCOUNT": "9"},
        {"MINICAP_BLAS_CORETYPE": " OFF ", "OMP_WAIT_POLICY": ""},
        {
            "OPENBLAS_CORETYPE": "",
            "OMP_WAIT_POLICY": "passive",
            "OPENBLAS_NUM_THREADS": "1",
            "MINICAP_NUM_THREADS": "2",
        },
        {
            "OPENBLAS_CORETYPE": "",
            "OMP_WAIT_POLICY": "passive",
            "OMP_NUM_THREADS": "1",
            "MINICAP_NUM_THREADS": "2",
        },
        {"OPENBLAS_CORETYPE": "", "OMP_WAIT_POLICY": "passive", "MINICAP_NUM_THREADS": "two"},
    ],
)
def test_what_the_user_set_stays(settle, chosen):
    assert settle(**chosen) == chosen


def test_blas_gets_the_number_of_threads_that_minicap_has(settle):
    assert settle(MINICAP_NUM_THREADS=" 3 ")["OPENBLAS_NUM_THREADS"] == "3"


def test_nothing_known_nothing_chosen(settle, monkeypatch):
    monkeypatch.setattr(blas, "wheel_has_openblas", lambda: False)
    assert "OPENBLAS_CORETYPE" not in settle()
    monkeypatch.setattr(blas, "wheel_has_openblas", lambda: True)
    monkeypatch.setattr(blas, "fastest_core", lambda: None)
    assert "OPENBLAS_CORETYPE" not in settle()


def test_once_numpy_is_loaded_nothing_happens(monkeypatch):
    assert "numpy" in sys.modules
    environment: dict[str, str] = {}
    settle_blas(environment)
    assert environment == {}


def child(folder: Path, *command: str, **environment: str) -> str:
    """Return what a new Python prints, with no such variables but the given ones."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("MINICAP_", "OPENBLAS_", "OMP_", "GOMP_"))
    }
    kept |= {"PYTHONPATH": str(Path(minicap.__file__).resolve().parent.parent)} | environment
    kept["MINICAP_CACHE"] = str(folder / "cache")
    result = subprocess.run(
        [sys.executable, *command], env=kept, cwd=folder, check=True, capture_output=True, text=True
    )
    return result.stdout


@pytest.mark.parametrize("start", [["-m", "minicap"], ["-c", "from minicap.cli import main; main()"]])
def test_numpy_loads_what_the_command_line_chose(tmp_path, start):
    """As `python -m minicap`, and as the console script imports it."""
    code = (
        "from minicap.blas import *; f = fastest_core(); print(f.core if f and wheel_has_openblas() else '')"
    )
    core = child(tmp_path, "-c", code).strip()
    if not core:
        pytest.skip("nothing is known to be better on this processor")
    [loaded] = json.loads(child(tmp_path, *start, "doctor", "--json", MINICAP_NUM_THREADS="1"))["blas"]
    assert (loaded["core"], loaded["threads"]) == (core, 1)
    [loaded] = json.loads(child(tmp_path, *start, "doctor", "--json", OPENBLAS_CORETYPE="Nehalem"))["blas"]
    assert loaded["core"] == "Nehalem"


def test_importing_the_library_sets_nothing(tmp_path):
    code = (
        "import os, sys; before = dict(os.environ); import minicap, minicap.cli, minicap.__init__;"
        "print('numpy' in sys.modules); import minicap.kernels, minicap.training; print(dict(os.environ) == before)"
    )
    assert child(tmp_path, "-c", code).split() == ["False", "True"]
