"""Load somebody's Python file, and read in its source what its functions return and take out of dicts."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from minicap.errors import InputError
from minicap.gradcheck.source import returns, tree_of

NO_DEFAULT = object()


def load_file(path: str | Path) -> ModuleType:
    """Run a Python file as a module, as ``import`` from its own folder would.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    ModuleType
        Whatever the file raises comes through.

    Raises
    ------
    InputError
        If there is no such file, or it is no Python source.
    """
    path = Path(path).resolve()
    source = read_source(path)
    code = compile(source, str(path), "exec", dont_inherit=True)
    relative = any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(source)))
    # A file of a package (`from .utils import *`) is loaded as part of it, with the package's parent to look in.
    package = path.parent.name if relative else ""
    name = f"{package}.{path.stem}" if package else path.stem
    if name in sys.modules or not path.stem.isidentifier():
        name = f"student_{path.stem}"
    sys.path[:0] = [str(path.parent), str(path.parent.parent)] if not relative else [str(path.parent.parent)]
    module = ModuleType(name)
    module.__file__, module.__package__ = str(path), package
    sys.modules[name] = module  # dataclasses and pickle look there
    exec(code, module.__dict__)
    return module


def read_source(path: Path) -> bytes:
    """Return the content of a Python file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If there is no such file, or it is something else.
    """
    if path.is_dir():
        raise InputError(f"{path.name}: a folder; give one Python file with layers in it")
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        raise InputError(f"{path.name}: a notebook; save its layers as a .py file (File > Save as > Python)")
    if b"\0" in content:
        raise InputError(f"{path.name}: no Python source; give a .py file with layers in it")
    return content


def is_closure(function: Callable[..., Any]) -> bool:
    """Whether a function returns a value and, last, a function made inside it.

    Parameters
    ----------
    function : callable
    """
    tree = tree_of(function)
    if tree is None:
        return False
    inner = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node is not tree}
    inner |= {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        isinstance(value, ast.Tuple)
        and len(value.elts) > 1
        and (isinstance(value.elts[-1], ast.Lambda) or getattr(value.elts[-1], "id", None) in inner)
        for value in returns(tree)
    )


def returned_tuples(function: Callable[..., Any]) -> list[list[str]]:
    """Return, for each tuple that a function returns, the names in it, empty for what is no name.

    Parameters
    ----------
    function : callable
    """
    tree = tree_of(function)
    tuples = [value for value in returns(tree) if isinstance(value, ast.Tuple)] if tree else []
    return [[getattr(part, "id", "") for part in value.elts] for value in tuples]


def only_raises(function: Callable[..., Any]) -> bool:
    """Whether a function is a stand-in that does nothing but raise, or nothing at all.

    Parameters
    ----------
    function : callable
    """
    tree = tree_of(function)
    if tree is None:
        return False
    body = [node for node in tree.body if not isinstance(node, (ast.Pass, ast.Raise))]
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def keys_of(function: Callable[..., Any], argument: str) -> dict[str, Any]:
    """Return the keys that a function takes out of one of its arguments, with the default that it has for each.

    Parameters
    ----------
    function : callable
    argument : str

    Returns
    -------
    dict
        Key to default; ``NO_DEFAULT`` where the key has to be there.
    """
    tree = tree_of(function)
    found: dict[str, Any] = {}
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", None) == argument:
            key = getattr(node.slice, "value", None)
            if isinstance(key, str) and isinstance(node.ctx, ast.Load):
                found[key] = NO_DEFAULT
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, first = node.func.value, node.args[0] if node.args else None
            asked = getattr(owner, "id", None) == argument and node.func.attr in ("get", "setdefault")
            if asked and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.setdefault(first.value, _constant(node.args[1]) if len(node.args) > 1 else None)
    return found


def _constant(node: ast.expr) -> Any:
    """Return the value of a literal, None for anything else."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
