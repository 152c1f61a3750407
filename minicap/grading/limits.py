"""What a submission may not do in its child process. This limits accidents; it is no sandbox against malice."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from minicap.grading.imports import is_forbidden

MOST_WRITTEN = 64 << 20  # bytes in one file
_PROCESSES = {
    "os.fork", "os.forkpty", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.startfile", "subprocess.Popen",
    "pty.spawn", "os.kill", "os.killpg", "signal.pthread_kill",
}  # fmt: skip
_IMPORTLIB = str(Path(importlib.__file__).parent)
_PACKAGE = str(Path(__file__).resolve().parent.parent)


def limit(forbidden: Sequence[str], seen: list[str]) -> None:
    """Let other processes, large files and forbidden imports fail from now on.

    Parameters
    ----------
    forbidden : sequence of str
        Packages that may not be imported.
    seen : list of str
        Where the name of each such import that was tried goes.
    """
    _limit_files()
    sys.meta_path.insert(0, _Gate(forbidden, seen))
    sys.addaudithook(_stay_alone)


def _stay_alone(event: str, args: tuple[Any, ...]) -> None:
    """Let what starts or stops a process fail."""
    if event in _PROCESSES:
        raise PermissionError(f"a submission may not start or stop processes ({event})")


class _Gate:
    """The first of the finders of modules: it finds none, and stops those that are not allowed."""

    def __init__(self, forbidden: Sequence[str], seen: list[str]) -> None:
        self.forbidden, self.seen = forbidden, seen
        self.installed = tuple(str(Path(p).resolve()) for p in {sysconfig.get_path(n) for n in _INSTALLED})

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise where a submission asks for a module that is not allowed."""
        if is_forbidden(name, self.forbidden) and _by_submission(sys._getframe(1), self.installed):
            self.seen.append(name)
            raise ImportError(f"{name} may not be imported here")


_INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")


def _by_submission(frame: FrameType | None, installed: Sequence[str]) -> bool:
    """Tell whether an import is a submission's own, not that of a package which it uses."""
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(("<frozen", _IMPORTLIB, _PACKAGE)):
            started = frame.f_globals.get("__name__") == "__main__"  # this process's own first line
            return not started and not file.startswith(tuple(installed))
        frame = frame.f_back
    return False


def _limit_files() -> None:
    """Let a write beyond a limit fail."""
    if sys.platform == "win32" or not hasattr(os, "fork"):
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    most = MOST_WRITTEN if hard == resource.RLIM_INFINITY else min(MOST_WRITTEN, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
