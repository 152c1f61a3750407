"""What stands in a function's source: its syntax tree, and what it returns."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any


def tree_of(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the syntax tree of a function, or None where its source cannot be found.

    Parameters
    ----------
    function : callable
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef) else None


def returns(tree: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield what a function returns, leaving out the functions inside it.

    Parameters
    ----------
    tree : ast.FunctionDef
    """
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting[:0] = ast.iter_child_nodes(node)
