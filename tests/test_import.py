"""Imports point downward only, and `import minicap` alone loads nothing heavy.

The rules are the table below; the tests read the imports of every source file from its syntax tree,
those inside functions included, because a deferred import is a dependency all the same.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import minicap

PACKAGE = Path(minicap.__file__).resolve().parent

# What stands on NumPy and SciPy alone, for anything above to use.
ALONE = {"decoding", "metrics", "data", "gradcheck", "initializers"}

# part of minicap: the other parts which it may import; everything may import BOTTOM and itself
BOTTOM = {"errors", "_types"}
OPS = {"kernels"}
LAYERS = {"ops", *OPS, *ALONE}
MODELS = {"layers", "archive", *LAYERS}
ABOVE_MODELS = {"models", "optim", *MODELS}
PROGRAMS = {"plots", "report", "training", "explain", "interop", *ABOVE_MODELS}
MAY_IMPORT = {
    "errors": set(),
    "_types": set(),
    "archive": {"data"},
    "kernels": set(),
    **{name: set() for name in ALONE},
    "decoding": {"kernels"},
    "optim": {"kernels"},
    "ops": OPS,
    "layers": LAYERS,
    "models": MODELS,
    "training": {"interop", *ABOVE_MODELS},
    "explain": ABOVE_MODELS,
    "interop": ABOVE_MODELS,
    "plots": ALONE,
    "report": {"plots", *ABOVE_MODELS},
    "blas": set(),
    "machine": set(),
    "doctor": {"kernels", "data", "blas", "machine"},
    "bench": {"training", *ABOVE_MODELS},
    "grading": {"ops", "data", "gradcheck", *OPS},
    "demo": PROGRAMS,
    "comparing": {"demo", *PROGRAMS},
    "tutorials": PROGRAMS,
    "cli": {"grading", "tutorials", "doctor", "demo", "comparing", "bench", "blas", *PROGRAMS},
    "__main__": {"cli"},
    "__init__": set(),
}

# package from elsewhere: the parts of minicap which may import it; what is not named here, none may
EVERYWHERE = set(MAY_IMPORT) - BOTTOM - {"__init__", "__main__"} | {"_types"}
MAY_USE = {
    "numpy": EVERYWHERE,
    "scipy": EVERYWHERE - {"_types"},
    "tqdm": {"data", "training", "explain", "demo", "cli"},
    "snowballstemmer": {"metrics.meteor.words"},
    "threadpoolctl": {"kernels._threads", "training", "doctor", "cli"},
    "matplotlib": {"plots", "report", "tutorials.lesson"},
    "latex2mathml": {"tutorials.mathml"},
    "jupytext": {"tutorials.export"},
    "nbclient": {"tutorials.export"},
    "nbformat": {"tutorials.export"},
    "nbconvert": {"tutorials.page"},
    "PIL": {"data.images"},
    "pytest": {"gradcheck.pytest_plugin"},  # which only pytest loads
    # on request: in a worker's process, and to check an autograd.Function
    "torch": {"bench.libraries", "gradcheck.adapters.torch_function"},
}
DEFERRED = {
    "PIL",
    "torch",
    "latex2mathml",
    "jupytext",
    "nbclient",
    "nbformat",
    "nbconvert",
}  # imported inside functions only


class Import(NamedTuple):
    """One imported module, and where."""

    module: str
    line: int
    deferred: bool


def names_in(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that one statement or call imports; `package` resolves relative ones."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        yield from [f"{base}.{alias.name}" for alias in node.names] if base == "minicap" else [base]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = getattr(node.func, "id", getattr(node.func, "attr", None))
        if function in ("import_module", "__import__"):
            yield str(node.args[0].value)


def is_deferred(node: ast.AST) -> bool:
    """Say whether what stands inside does not run when the module is imported."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def imports_of(source: str, package: str) -> list[Import]:
    """Return all imports of a module's source, wherever they stand."""
    tree, found = ast.parse(source), []
    inside = {id(child) for node in ast.walk(tree) if is_deferred(node) for child in ast.walk(node)}
    for node in ast.walk(tree):
        found += [Import(name, node.lineno, id(node) in inside) for name in names_in(node, package)]
    return found


def part_of(module: str) -> str:
    """Return the part of minicap that a dotted name belongs to: `minicap.ops.conv` is of `ops`."""
    name = module.split(".")[1] if "." in module else "__init__"
    return minicap._HOMES.get(name, f"minicap.{name}").split(".")[1]


def complaints(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Return one line for each import by which a module of minicap breaks the table."""
    part, inner = part_of(module), ".".join(module.split(".")[1:])
    if part not in MAY_IMPORT:
        return [f"{module}: minicap.{part} has no line in the table of tests/test_import.py"]
    allowed = MAY_IMPORT[part] | BOTTOM | {part, "__init__"}
    broken = []
    for name, line, deferred in imports_of(source, module if is_package else module.rpartition(".")[0]):
        top = name.split(".")[0]
        if top == "minicap" and part_of(name) not in allowed:
            broken.append(f"{module}:{line}: {part} may not import {name}")
        elif top != "minicap" and top not in sys.stdlib_module_names:
            if not {part, inner} & MAY_USE.get(top, set()):
                broken.append(f"{module}:{line}: {inner or part} may not import {top}")
            elif top in DEFERRED and not deferred:
                broken.append(f"{module}:{line}: {top} may be imported inside functions only")
    return broken


def sources() -> list[tuple[str, Path]]:
    """Return (dotted name, file) of every Python module of the package.

    Not of the lessons that an installation carries: they use the library as any reader does, from outside.
    """
    lessons = PACKAGE / "tutorials" / "lessons"
    files = sorted(file for file in PACKAGE.rglob("*.py") if lessons not in file.parents)
    relative = [file.relative_to(PACKAGE.parent).with_suffix("") for file in files]
    return [(".".join(r.parts).removesuffix(".__init__"), f) for r, f in zip(relative, files, strict=True)]


def test_imports_point_downward():
    broken = []
    for module, file in sources():
        broken += complaints(module, file.read_text("utf-8"), is_package=file.stem == "__init__")
    assert not broken, "\n" + "\n".join(broken)


def test_compiled_kernels_import_only_numpy():
    pattern = re.compile(r"^\s*(?:from|import|cimport)\s+([\w.]+)", re.MULTILINE)
    files = [file for suffix in ("pyx", "pxd", "pxi") for file in PACKAGE.rglob(f"*.{suffix}")]
    assert files
    for file in files:
        for name in pattern.findall(file.read_text("utf-8")):
            assert name.startswith(("cython", "libc", "numpy", "minicap.kernels")), f"{file.name}: {name}"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("minicap.ops.conv", "from minicap.layers import Conv2d"),
        ("minicap.ops.conv", "def f():\n    from minicap import layers"),
        ("minicap.ops.conv", "from ..models.captioner import Captioner"),
        ("minicap.ops.conv", "from minicap import Captioner"),
        ("minicap.kernels.conv", "import minicap.ops.conv"),
        ("minicap.metrics.bleu", "from minicap.data import Vocabulary"),
        ("minicap.gradcheck.op", "from importlib import import_module\nimport_module('minicap.ops')"),
        ("minicap.models.encoder", "import minicap.training"),
        ("minicap.training.trainer", "import matplotlib.pyplot as plt"),
        ("minicap.gradcheck.op", "import torch"),
        ("minicap.data.cache", "def f():\n    from PIL import Image"),
        ("minicap.data.images", "from PIL import Image"),
        ("minicap.new.thing", ""),
    ],
)
def test_a_broken_rule_is_noticed(module, source):
    assert len(complaints(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("minicap.ops.conv", "import numpy as np\nfrom minicap import kernels, use_kernels"),
        ("minicap.data.images", "def load():\n    from PIL import Image"),
        ("minicap.data.table", "from .report import Report\nfrom minicap.errors import InputError"),
        ("minicap.plots", "import matplotlib"),
        ("minicap.cli.train", "import os\nfrom minicap.training import Trainer"),
    ],
)
def test_a_kept_rule_passes(module, source):
    assert complaints(module, source) == []


# Whoever asks for help does not wait for NumPy, and nothing is imported before BLAS is settled.
HELP = "from minicap.cli.main import _parser; _parser()"


@pytest.mark.parametrize("what", ["import minicap; minicap.__version__", HELP])
def test_import_minicap_loads_nothing_heavy(what, tmp_path):
    heavy = ("numpy", "scipy", "matplotlib", "PIL", "tqdm", "threadpoolctl", "torch")
    code = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {what};"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "", "")
