"""Building: what a compiler cannot do costs only that, and nothing stale is left where it could be imported.

Each test builds a copy of the checkout with one kernel in it, by a compiler that refuses some flags.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).resolve().parent.parent
COMPILED = Path("minicap", "kernels", "compiled")
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
EVERY = {
    "_cpu",
    "_memory",
    *(f"{level}/{stem}" for level in ("generic", "v3", "v4") for stem in ("_peak", "embedding")),
}
WRAPPER = """#!/bin/sh
for argument in "$@"; do
    case $argument in {refused}) echo "refused: $argument" >&2; exit 1;; esac
done
exec {compiler} "$@"
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="only a checkout has setup.py"),
    pytest.mark.skipif(find_spec("Cython") is None, reason="no Cython to translate the kernels with"),
    pytest.mark.skipif(int(setuptools.__version__.split(".")[0]) < 77, reason="setuptools is older than 77"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to build the kernels with"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with one family, so that it builds in seconds."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        ROOT / "minicap", folder / "minicap", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for source in (folder / COMPILED).glob("*.pyx"):
        if source.stem not in ("_cpu", "_peak", "embedding"):
            source.unlink()
    return folder


@pytest.fixture
def build(tree: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that builds in place, by a compiler that refuses a flag."""

    def run(refused: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        compiler = tmp_path / "cc"
        compiler.write_text(WRAPPER.format(refused=refused or "-no-such-flag", compiler=shutil.which("gcc")))
        compiler.chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINICAP_")}
        return subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
            env=inherited | {"CC": str(compiler)} | environment, cwd=tree, capture_output=True, text=True,
        )  # fmt: skip

    return run


def modules(tree: Path) -> set[str]:
    """Return what is built, as `generic/embedding`."""
    found = (tree / COMPILED).rglob(f"*{SUFFIX}")
    return {file.relative_to(tree / COMPILED).as_posix().removesuffix(SUFFIX) for file in found}


def said_by(tree: Path, code: str) -> str:
    """Return what a new Python prints that finds the tree first."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout.strip()


def test_every_level_is_compiled_for_itself(tree, build):
    """A wider vector in `generic` would stop the program on a processor that lacks it."""
    assert build().returncode == 0
    assert modules(tree) == EVERY
    code = "from minicap.kernels.compiled.{} import _peak; print(_peak.FLOPS)"
    levels = said_by(tree, "from minicap.kernels.compiled import _cpu; print(*_cpu.levels())").split()
    lanes = {level: int(said_by(tree, code.format(level))) // (2 * 12 * 2**16) for level in levels}
    assert lanes == {level: {"generic": 4, "v3": 8, "v4": 16}[level] for level in levels}


def test_a_compiler_that_refuses_a_level_or_openmp_loses_only_that(tree, build):
    stale = tree / COMPILED / "v4" / f"embedding{SUFFIX}"
    stale.write_bytes(b"what an earlier build left")
    assert build("-march=x86-64-v4 | -fopenmp").returncode == 0
    assert modules(tree) == {name for name in EVERY if not name.startswith("v4")}
    code = (
        "from minicap.kernels.compiled import _cpu; from minicap.kernels.compiled.generic import _peak;"
        "print(_cpu.has_openmp(), _peak.multiply_adds(3))"
    )
    assert said_by(tree, code) == f"False {3.0 * 4 * 24}"


def test_a_kernel_that_does_not_build_goes_alone(tree, build):
    source = tree / COMPILED / "embedding.pyx"
    whole = source.read_text("utf-8")
    source.write_text(whole + "\nthis is no Cython\n", "utf-8")
    try:
        broken = build()
        required = build(MINICAP_REQUIRE_COMPILED="1")
    finally:
        source.write_text(whole, "utf-8")
    assert broken.returncode == 0
    assert "minicap: could not build minicap.kernels.compiled.v3.embedding" in broken.stderr
    assert modules(tree) == {name for name in EVERY if "embedding" not in name}
    assert required.returncode != 0
    assert "MINICAP_REQUIRE_COMPILED=1 asks for it" in required.stderr


def test_without_a_compiler_the_reference_serves(tree, build):
    result = build(CC="/bin/false")
    assert result.returncode == 0
    assert modules(tree) == set()
    assert said_by(tree, "import minicap; print(minicap.active_kernels())") == "reference"
