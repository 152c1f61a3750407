"""See in a submission's source what it imports: the installed library is also the answer key."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """An import that is not allowed.

    Attributes
    ----------
    module : str
        What is imported.
    file : str
        Where, the file's name.
    line : int
        Its line; 0 for one that was seen while the code ran.
    """

    module: str
    file: str
    line: int

    def sentence(self) -> str:
        """Say what was found."""
        where = f" in line {self.line}" if self.line else " while it runs"
        return f"{self.file} imports {self.module}{where}, which is not allowed: the answer is in there"


def forbidden_imports(path: Path, forbidden: Sequence[str]) -> list[Import]:
    """Return the imports in a Python file that are not allowed.

    Parameters
    ----------
    path : Path
    forbidden : sequence of str
        Names of packages.

    Returns
    -------
    list of Import
        Empty too where the file is no Python: that is said elsewhere.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [
        Import(name, path.name, node.lineno)
        for node, name in _imported(tree)
        if is_forbidden(name, forbidden)
    ]
    return sorted(set(found), key=lambda one: (one.line, one.module))


def is_forbidden(module: str, forbidden: Sequence[str]) -> bool:
    """Tell whether a module is, or is in, a package that is not allowed.

    Parameters
    ----------
    module : str
        Dotted name.
    forbidden : sequence of str
    """
    return any(module == name or module.startswith(f"{name}.") for name in forbidden)


def _imported(tree: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield every module that is imported, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node, name) for name in _from(node))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "id", getattr(node.func, "attr", None))
            if function in ("import_module", "__import__", "run_module") and isinstance(
                node.args[0].value, str
            ):
                yield node, node.args[0].value


def _from(node: ast.ImportFrom) -> list[str]:
    """Return what ``from a import b`` may import: b, where it is a module of a, counts as a.b."""
    module = node.module or ""
    return [f"{module}.{alias.name}" for alias in node.names] if "." not in module else [module]
