"""Run a function in a Python process of its own, with limits, and say in a sentence how that ended.

Code under check may loop for ever, leave the process, print without end or crash it: here it takes down a child only.
This limits accidents; it is no sandbox against malice.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from minicap.errors import InputError

PACKAGE = Path(__file__).resolve().parent.parent
FLOOD = 64_000_000  # bytes printed: a check calls a layer thousands of times, and some print at each call
KEPT = 4_000  # bytes of what is printed, for whoever wants to read it
_REQUEST, _ANSWER = "request.json", "answer.json"
_START = "import sys; from minicap.gradcheck.child import serve; serve(sys.argv[1])"
_THREADS = (
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a function in a child process ended.

    Attributes
    ----------
    kind : str
        ``ok``, or ``raised`` (an exception), ``input`` (an ``InputError``: what was given cannot be used),
        ``exit`` (it left the process), ``timeout``, ``flood`` (it printed without end), ``memory``, ``crash``.
    value : object
        What the function returned, JSON-ready; None unless ``ok``.
    sentence : str
        What happened, for people; empty where ``ok``. It begins with "it".
    seconds : float
        How long it took, Python's start included.
    output : str
        The beginning of what it printed.
    """

    kind: str
    value: Any
    sentence: str
    seconds: float = 0.0
    output: str = ""


def run_in_child(
    target: str,
    args: Mapping[str, Any],
    *,
    seconds: float,
    memory_mb: int | None = None,
    threads: int = 1,
) -> Outcome:
    """Call a function in a fresh interpreter.

    Its standard input is closed, what it prints is thrown away after the first 4,000 bytes, and the process is
    stopped, with those that it started, when the time is over or the caller is interrupted.

    Parameters
    ----------
    target : str
        ``package.module:function``.
    args : mapping
        Keyword arguments, JSON-ready.
    seconds : float
        The most wall time.
    memory_mb : int, optional
        The most memory, in megabytes of address space, where the system can limit it (not on macOS or Windows).
    threads : int
        For BLAS and OpenMP.

    Returns
    -------
    Outcome
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="minicap-", ignore_cleanup_errors=True) as folder:
        request = {"target": target, "args": dict(args), "memory_mb": memory_mb}
        Path(folder, _REQUEST).write_text(json.dumps(request), encoding="utf-8")
        with _started(folder, threads) as (process, listener):
            late = listener.wait(process, seconds)
        kind, value, sentence = _judge(Path(folder, _ANSWER), process.returncode, late, listener, seconds)
    return Outcome(kind, value, sentence, time.monotonic() - began, listener.text())


class _Listener:
    """Reads all that a process prints, keeps the beginning, and stops the process where there is no end to it."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
        self.kept, self.count = bytearray(), 0
        self._process, self._pipe = process, pipe
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        """Read to the end."""
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                self.kept += chunk[: KEPT - len(self.kept)]
                self.count += len(chunk)
                if self.count > FLOOD:
                    _kill(self._process)
                    return

    def wait(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Wait for the end; return whether it did not come in time."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def close(self) -> None:
        """Stop reading. A process that outlives its parent may still hold the other end."""
        self._thread.join(1.0)

    def text(self) -> str:
        """Return the beginning of what was printed."""
        return self.kept.decode("utf-8", "replace")


@contextlib.contextmanager
def _started(folder: str, threads: int) -> Iterator[tuple[subprocess.Popen[bytes], _Listener]]:
    """Give the running child, and see that nothing of it is left."""
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **dict.fromkeys(_THREADS, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "Agg",  # a plot at import opens no window
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _START, folder],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    listener = _Listener(process, process.stdout)
    try:
        yield process, listener
    finally:
        _kill(process)
        process.wait()
        listener.close()
        process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _judge(answer: Path, code: int, late: bool, listener: _Listener, seconds: float) -> tuple[str, Any, str]:
    """Return kind, value and sentence for what a child left behind."""
    if listener.count > FLOOD:
        return "flood", None, f"it printed more than {FLOOD // 1_000_000} MB and was stopped"
    if late:
        return "timeout", None, (
            f"it took longer than {seconds:g} s and was stopped: is there a loop without end?"
        )  # fmt: skip
    try:
        found = json.loads(answer.read_text(encoding="utf-8"))
        return found["kind"], found["value"], found["sentence"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return "crash", None, f"it crashed the Python process ({name})"
    return (
        "exit",
        None,
        f"it left the Python process with exit code {code} before it had finished (os._exit?)",
    )


# What follows runs in the child.


def serve(folder: str) -> None:
    """Do what the parent asked, leave the answer in a file, and end without waiting for anything.

    Parameters
    ----------
    folder : str
        Where the request is, and where the answer goes.
    """
    request = json.loads(Path(folder, _REQUEST).read_text(encoding="utf-8"))
    dump, write, replace, leave = json.dumps, Path.write_text, os.replace, os._exit
    try:
        _limit_memory(request["memory_mb"])
        module, _, name = request["target"].partition(":")
        value = getattr(import_module(module), name)(**request["args"])
        text = dump({"kind": "ok", "value": value, "sentence": ""})
    except BaseException as raised:
        kind, sentence = explain(raised)
        text = dump({"kind": kind, "value": None, "sentence": sentence})
    half = Path(folder, "half")
    write(half, text, encoding="utf-8")
    replace(half, Path(folder, _ANSWER))
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    leave(0)


def _limit_memory(megabytes: int | None) -> None:
    """Let allocations beyond a limit fail with MemoryError."""
    if megabytes is None or sys.platform in ("win32", "darwin"):
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def explain(raised: BaseException) -> tuple[str, str]:
    """Return the kind of an outcome and a sentence for what code raised, with the line where it stands.

    Parameters
    ----------
    raised : BaseException

    Returns
    -------
    kind, sentence : str
        As in ``Outcome``.
    """
    where = place_of(raised)
    at = f" at {where}" if where else ""
    text = _text_of(raised)
    if isinstance(raised, InputError):
        return "input", text
    if isinstance(raised, SyntaxError):
        file = Path(raised.filename or "?").name
        return "raised", f"it is no Python: {raised.msg} at {file}:{raised.lineno}"
    if isinstance(raised, SystemExit):
        return "exit", f"it leaves Python with sys.exit{at}"
    if isinstance(raised, MemoryError):
        return "memory", f"it needs more memory than there is{at}"
    if isinstance(raised, EOFError):
        return "raised", f"it reads from the keyboard{at}; here is nobody who types"
    if not where:
        sentence = f"the check broke down with {type(raised).__name__}: {text}; does the file change NumPy or Python?"
        return "raised", sentence
    if isinstance(raised, RecursionError):
        return "raised", f"it calls itself without end{at} (RecursionError)"
    name = type(raised).__name__
    return "raised", f"it raised {name}{at}" + (f": {text}" if text else "")


def _text_of(raised: BaseException) -> str:
    """Return what an exception says, on one line."""
    try:
        return " ".join(str(raised).split())[:300]
    except Exception:
        return ""


def place_of(raised: BaseException) -> str:
    """Return the deepest line of somebody's own code in a traceback, such as ``layers.py:12``; or nothing.

    Parameters
    ----------
    raised : BaseException

    Returns
    -------
    str
    """
    found = ""
    for file, line in _frames(raised.__traceback__):
        if _is_theirs(file):
            found = f"{Path(file).name}:{line}"
    return found


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    """Yield file and line of every frame, the outermost first."""
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


@cache
def _is_theirs(file: str) -> bool:
    """Whether a file is neither ours, nor Python's, nor an installed package."""
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    if PACKAGE in path.parents:
        return "zoo" in path.parts  # layers of students, kept here to be checked
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(Path(folder).resolve() in path.parents for folder in installed)
