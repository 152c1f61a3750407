"""minicap: learn image captioning from layers, gradients and kernels written by hand.

Attributes load on first use (PEP 562), so ``import minicap`` itself loads no NumPy and the
command line can still set BLAS and OpenMP variables.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "use_kernels": "minicap.kernels",
    "active_kernels": "minicap.kernels",
    "set_num_threads": "minicap.kernels",
    "get_num_threads": "minicap.kernels",
    "Captioner": "minicap.models",
    "Classifier": "minicap.models",
    "Tagger": "minicap.models",
    "CaptionBatch": "minicap.data",
    "ClassBatch": "minicap.data",
    "TagBatch": "minicap.data",
    "Vocabulary": "minicap.data",
    "check_op": "minicap.gradcheck",
}
_SUBMODULES = {
    "data", "decoding", "errors", "gradcheck", "initializers", "kernels", "layers", "metrics",
    "models", "ops", "optim", "plots", "report", "training",
}  # fmt: skip

__all__ = ["__version__", *_HOMES, *sorted(_SUBMODULES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _SUBMODULES:
        return import_module(f"minicap.{name}")
    raise AttributeError(f"module 'minicap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
