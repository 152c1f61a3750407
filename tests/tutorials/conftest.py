"""Lessons run as their readers run them, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import minicap

PACKAGES = str(Path(minicap.__file__).resolve().parent.parent)


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs Python in a child process in the fast mode; warnings are errors there."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(filter(None, [PACKAGES, os.environ.get("PYTHONPATH", "")]))
        environment = {
            "OPENBLAS_NUM_THREADS": "1",
            "MINICAP_FAST": "1",
            "MINICAP_FIGURES": str(tmp_path / "figures"),
            "PYTHONPATH": paths,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            **environment,
        }
        return subprocess.run(
            [sys.executable, "-P", "-W", "error", *map(str, arguments)],
            cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300,
            encoding="utf-8", check=False,
        )  # fmt: skip

    return run
