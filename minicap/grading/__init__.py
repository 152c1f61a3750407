"""Grade coursework, and make it: specs with a term's variants, hidden inputs, points for what is right.

``minicap grade SPEC.toml SUBMISSION`` and ``minicap course make SPEC --out DIR`` are made of this. The submission
runs in child processes with limits on time, memory and output. That limits accidents; it is no sandbox against malice.

Attributes load on first use (PEP 562): a child process that runs a submission must not have the answers in memory.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minicap.grading.course import make_course as make_course
    from minicap.grading.read import read_spec as read_spec
    from minicap.grading.run import Grade as Grade
    from minicap.grading.run import grade as grade
    from minicap.grading.spec import Spec as Spec

_HOMES = {"Grade": "run", "grade": "run", "Spec": "spec", "read_spec": "read", "make_course": "course"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
