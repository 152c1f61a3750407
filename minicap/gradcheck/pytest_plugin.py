"""The ``gradcheck`` fixture for pytest: ``gradcheck(forward, backward, x, w)`` proves a backward, or fails the test.

pytest finds it by itself where minicap is installed. Nothing is loaded before a test asks for the fixture, and
nothing else of a suite is touched; a fixture of that name in somebody's own ``conftest.py`` goes first.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from minicap.gradcheck.report import Report


class GradCheck:
    """Checks that fail the test, with the whole report, where a gradient is wrong.

    Each takes what the function of ``minicap.gradcheck`` with its name takes, and returns its report.
    """

    def __call__(self, forward: Callable[..., Any], *inputs: Any, **options: Any) -> Report:
        """Check a pair, ``gradcheck(forward, backward, x, w)``; without a backward the one beside forward.

        Parameters
        ----------
        forward : callable
        *inputs : callable, then arrays
            The backward, if it is given, and the forward's arguments.
        **options
            As for ``check_pair``, or ``check_op`` where there is no backward.

        Returns
        -------
        Report
        """
        __tracebackhide__ = True
        name = "check_pair" if inputs and callable(inputs[0]) else "check_op"
        return self._run(name, forward, *inputs, **options)

    def op(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_op`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_op", *args, **options)

    def pair(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_pair`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_pair", *args, **options)

    def layer(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_layer`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_layer", *args, **options)

    def model(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_model`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_model", *args, **options)

    def closure(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_closure`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_closure", *args, **options)

    def loss(self, *args: Any, **options: Any) -> Report:
        """Check as ``check_loss`` does; arguments and report are the same."""
        __tracebackhide__ = True
        return self._run("check_loss", *args, **options)

    def _run(self, check: str, *args: Any, **options: Any) -> Report:
        """Check, and fail where the report says so."""
        __tracebackhide__ = True
        report = getattr(import_module("minicap.gradcheck"), check)(*args, **options)
        if not report.passed:
            pytest.fail(str(report), pytrace=False)
        return report


@pytest.fixture(scope="session")
def gradcheck() -> GradCheck:
    """Check gradients: ``gradcheck(affine_forward, affine_backward, x, w, b)`` fails the test where one is wrong."""
    return GradCheck()
