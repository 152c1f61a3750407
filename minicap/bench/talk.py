"""The asking side of a worker: start it, ask, and end it whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

import minicap
from minicap.bench.libraries import HOW_TO_GET
from minicap.errors import InputError

KEPT, SHIPPED = "kept", "shipped"
# glibc gives memory back to the system and gets it anew, page by page, unless told otherwise. One arena, for
# those of further threads are cut into pieces of 64 MB, and what is larger would be mapped anew all the same.
KEEPING = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 27),
    "MALLOC_ARENA_MAX": "1",
}
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_DROPPED = ("MALLOC_", "GLIBC_TUNABLES", "MINICAP_NUM_THREADS")
_PATIENCE = 5.0  # seconds a worker has to end by itself


class WorkerError(RuntimeError):
    """A worker died, or could not do a row; the message is one line."""


def environment(
    threads: int, memory: str, base: Mapping[str, str] | None = None, *, library: str = "minicap"
) -> dict[str, str]:
    """Return the environment of a worker.

    Parameters
    ----------
    threads : int
    memory : str
        ``kept`` tells the allocator to keep what it has, ``shipped`` leaves it as it comes.
    base : mapping, optional
        What to begin with; this process's own where None.
    library : str
        What minicap's command line settled for minicap, the other library does without.

    Returns
    -------
    dict of str to str
    """
    base = os.environ if base is None else base
    made = {name: value for name, value in base.items() if not name.startswith(_DROPPED)}
    if library != "minicap":
        for name in made.pop("MINICAP_SETTLED", "").split(","):
            made.pop(name, None)
    made |= dict.fromkeys(_THREADS, str(threads))
    made |= KEEPING if memory == KEPT else {}
    # The worker finds the minicap that this process has, wherever it came from.
    paths = [str(Path(minicap.__file__).resolve().parent.parent), made.get("PYTHONPATH", "")]
    return {**made, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": ""}


class WorkerProcess:
    """A worker, for a ``with``: it does not outlive the block.

    Parameters
    ----------
    library : str
        ``minicap`` or ``torch``.
    threads : int
    memory : str
        ``kept`` or ``shipped``.
    command : list of str, optional
        What to run instead.
    """

    def __init__(self, library: str, threads: int, memory: str, command: list[str] | None = None) -> None:
        self.library, self.threads, self.memory = library, threads, memory
        module = ["-P", "-m", "minicap.bench.worker", library, str(threads)]
        self._command = command or [sys.executable, *module]

    def __enter__(self) -> WorkerProcess:
        self._said: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            env=environment(self.threads, self.memory, library=self.library),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()  # it may be in the middle of a long call
        with suppress(OSError):  # it may have died with a request unread
            self._pipes()[0].close()  # the end of its input ends it
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipes()[1].close()
        self._said.close()

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Ask for one thing and wait for the answer.

        Parameters
        ----------
        do : str
            ``about``, ``peak``, ``prepare``, ``time`` or ``drop``.
        details
            See ``minicap.bench.worker``.

        Returns
        -------
        dict

        Raises
        ------
        WorkerError
            If the worker cannot, or has died.
        InputError
            If its library is not installed.
        """
        requests, answers = self._pipes()
        try:
            requests.write(json.dumps({"do": do, **details}) + "\n")
            requests.flush()
            line = answers.readline()
        except OSError:
            line = ""
        if not line.endswith("\n"):
            self._complain()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            what = f"{do} {details['row']['name']!r}" if "row" in details else do
            raise WorkerError(f"bench: the {self.library} worker could not {what}: {answer['error']}")
        return answer

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        """Return where requests go in, and where answers come out."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _complain(self) -> NoReturn:
        """Raise what the worker said last."""
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        last = lines[-1].strip() if lines else f"exit code {code}"
        if (
            last.startswith("ModuleNotFoundError")
            and f"'{self.library}'" in last
            and self.library in HOW_TO_GET
        ):
            raise InputError(missing(self.library))
        raise WorkerError(f"bench: the {self.library} worker died: {last}")


def missing(library: str) -> str:
    """Return the complaint about a library that is not installed, with the way out.

    Parameters
    ----------
    library : str

    Returns
    -------
    str
    """
    return f"--against {library}: {library} is not installed here; install it with `{HOW_TO_GET[library]}`"
