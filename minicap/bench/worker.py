"""A library in a process of its own, that works when it is asked and sleeps when it is not.

``python -m minicap.bench.worker LIBRARY THREADS`` reads one JSON object a line and answers with one line:

    {"do": "about"}                      versions
    {"do": "peak"}                       the processor's multiply-add peak, of so many threads
    {"do": "prepare", "row": {...}}      find the fastest way; what it computes, in two numbers an array
    {"do": "time", "seconds": 0.15}      times of calls, in seconds, or values of a row that measures itself
    {"do": "drop"}                       forget the row

What went wrong is answered as ``{"error": "..."}``. The end of the input ends the process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from minicap.bench.jobs import Call, Job, Way, fingerprint
from minicap.bench.libraries import Library, open_library
from minicap.bench.peak import peak_gflops
from minicap.bench.rows import Row

MOST_CALLS = 500
_LONG = 0.5
_LONG = 0.5
_TICK, _MOST_TICKS = 0.002, 250


class Worker:
    """Answer requests with one library.

    Parameters
    ----------
    library : Library
    threads : int
    """

    def __init__(self, library: Library, threads: int) -> None:
        self.library, self.threads = library, threads
        self._job: Job | None = None
        self._way: Way | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked.

        Parameters
        ----------
        request : dict
            With ``do``.

        Returns
        -------
        dict
            JSON-ready.
        """
        do: dict[str, Callable[..., dict[str, Any]]] = {
            "about": self.library.about, "peak": self._peak, "prepare": self._prepare, "time": self._time,
            "drop": self._drop,
        }  # fmt: skip
        found = do[request.pop("do")](**request)
        settle()
        return found

    def _peak(self) -> dict[str, Any]:
        gflops, how = peak_gflops(self.threads)
        return {"peak_gflops": gflops, "peak_is": how}

    def _prepare(self, row: dict[str, Any], trial: float = 0.05) -> dict[str, Any]:
        """Choose the fastest way, then begin anew with it, so that what it computes can be compared."""
        self._drop()
        wanted = Row(**row)
        job = self.library.job(wanted)
        names = list(job.ways)
        if len(names) > 1:
            tried = {name: min(timed(way, trial)) for name, way in job.ways.items()}
            names = sorted(tried, key=tried.__getitem__)
            job = self.library.job(wanted)
        self._job, self._way = job, job.ways[names[0]]
        print_of = None
        if job.arrays is not None:
            with self._way() as call:
                print_of = fingerprint(job.arrays(call()))
        return {"way": names[0], "ways": len(names), "fingerprint": print_of}

    def _time(self, seconds: float) -> dict[str, Any]:
        assert self._job is not None
        assert self._way is not None
        if self._job.measures:
            with self._way() as call:
                return {"values": [call()]}
        return {"times": timed(self._way, seconds)}

    def _drop(self) -> dict[str, Any]:
        self._job = self._way = None
        gc.collect()
        return {}


def timed(way: Way, seconds: float) -> list[float]:
    """Call once to warm up, then for so long, and return how long each call took.

    Parameters
    ----------
    way : callable
    seconds : float

    Returns
    -------
    list of float
        In seconds, at least one.
    """
    with way() as call:
        began = time.perf_counter()
        call()
        first = time.perf_counter() - began
        if first > max(
            _LONG, 4 * seconds
        ):  # plain loops, new processes: a second call would tell nothing new
            return [first]
        gc.collect()
        gc.disable()
        try:
            return _calls(call, seconds)
        finally:
            gc.enable()


def _calls(call: Call, seconds: float) -> list[float]:
    """Time calls until the time is over."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or (len(times) < MOST_CALLS and time.perf_counter() < end):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times


def settle() -> None:
    """Wait until no thread of this process computes: idle ones spin for a while before they sleep."""
    for _ in range(_MOST_TICKS):
        used = time.process_time()
        time.sleep(_TICK)
        if time.process_time() - used < _TICK / 4:
            return


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer one request after the other, until there are no more.

    Parameters
    ----------
    worker : Worker
    requests, answers : text files
        JSON lines.
    """
    for line in requests:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        print(json.dumps(answer), file=answers, flush=True)


def main(name: str, threads: int) -> None:
    """Serve standard input.

    Parameters
    ----------
    name : str
    threads : int
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks ends this one
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    serve(Worker(open_library(name, threads), threads), sys.stdin, answers)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
