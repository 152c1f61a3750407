"""Check gradients: yours, ours, anyone's.

``check_op(conv2d_forward, x, w, b, stride=1)`` proves one derivative in one line; print the report.
``check_pair``, ``check_layer``, ``check_closure``, ``check_loss`` and ``check_model`` take code as it was written.

Attributes load on first use (PEP 562): the pytest plugin beside them must not load NumPy before a test asks for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minicap.gradcheck.findings import KINDS as KINDS
    from minicap.gradcheck.findings import Diagnosis as Diagnosis
    from minicap.gradcheck.findings import Problem as Problem
    from minicap.gradcheck.function import check_closure as check_closure
    from minicap.gradcheck.function import check_loss as check_loss
    from minicap.gradcheck.layer import check_layer as check_layer
    from minicap.gradcheck.model import check_model as check_model
    from minicap.gradcheck.numeric import numerical_gradient as numerical_gradient
    from minicap.gradcheck.op import check_op as check_op
    from minicap.gradcheck.op import check_pair as check_pair
    from minicap.gradcheck.report import GradientResult as GradientResult
    from minicap.gradcheck.report import Report as Report

_HOMES = {
    "KINDS": "findings", "Diagnosis": "findings", "Problem": "findings", "check_closure": "function",
    "check_loss": "function", "check_layer": "layer", "check_model": "model", "numerical_gradient": "numeric",
    "check_op": "op", "check_pair": "op", "GradientResult": "report", "Report": "report",
}  # fmt: skip

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
