"""The worker answers, in this process and in its own; what dies or is missing is told in one line."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

import minicap
from minicap.bench import Row, Settings, WorkerError, catalogue, run_bench
from minicap.bench.jobs import Job, plainly
from minicap.bench.memory import growth, peak_memory
from minicap.bench.peak import peak_gflops
from minicap.bench.talk import KEEPING, WorkerProcess, environment
from minicap.bench.worker import Worker, serve, settle, timed
from minicap.errors import InputError

ROW = Row("a row", "convolution", "none")


class Library:
    """A library with a slow way and a fast one that add to a counter, which each job begins anew."""

    jobs = 0

    def about(self):
        return {"version": "1"}

    def job(self, row):
        if row.kind == "bad":
            raise ValueError("no such\nkind")
        Library.jobs += 1
        count = np.zeros(3)

        def slow():
            time.sleep(0.005)
            return fast()

        def fast():
            nonlocal count
            count = count + 1
            return count

        ways = {"slow": plainly(slow), "fast": plainly(fast)}
        if row.kind == "measuring":
            return Job({"only": plainly(lambda: 7.5)}, measures=True)
        return Job(ways, lambda found: {"count": found})


@pytest.fixture
def worker():
    """Return a worker in this process."""
    return Worker(Library(), 1)


def prepared(worker, **changes):
    """Let a worker prepare a row."""
    return worker.answer({"do": "prepare", "row": {**ROW.to_dict(), **changes}, "trial": 0.001})


def test_the_fastest_way_is_chosen_and_its_first_result_printed(worker):
    found = prepared(worker)
    assert (found["way"], found["ways"]) == ("fast", 2)
    assert found["fingerprint"] == {"count": [1.0, pytest.approx(np.cos([0, 1, 2]).sum() / np.sqrt(3))]}


def test_times_are_of_single_calls(worker):
    prepared(worker)
    times = worker.answer({"do": "time", "seconds": 0.01})["times"]
    assert len(times) > 1
    assert all(0 < one < 1 for one in times)


def test_a_row_that_measures_itself_gives_its_values(worker):
    prepared(worker, kind="measuring")
    assert worker.answer({"do": "time", "seconds": 0.01}) == {"values": [7.5]}


def test_a_dropped_row_is_gone(worker):
    prepared(worker)
    assert worker.answer({"do": "drop"}) == {}
    with pytest.raises(AssertionError):
        worker.answer({"do": "time", "seconds": 0.01})


def test_requests_are_lines_and_so_are_answers_and_complaints(worker):
    requests = [{"do": "about"}, {"do": "prepare", "row": {**ROW.to_dict(), "kind": "bad"}}, {"do": "dance"}]
    answers = io.StringIO()
    serve(worker, io.StringIO("".join(json.dumps(one) + "\n" for one in requests)), answers)
    about, bad, unknown = map(json.loads, answers.getvalue().splitlines())
    assert about == {"version": "1"}
    assert bad == {"error": "ValueError: no such kind"}
    assert unknown == {"error": "KeyError: 'dance'"}


def test_a_turn_warms_up_inside_its_way_and_ends_even_where_time_is_short():
    events = []

    @contextmanager
    def way():
        events.append("in")
        yield lambda: events.append("call")
        events.append("out")

    assert len(timed(way, 0.0)) == 1
    assert events == ["in", "call", "call", "out"]


def test_an_idle_process_settles_at_once():
    began = time.monotonic()
    settle()
    assert time.monotonic() - began < 0.4  # the longest wait is half a second


def test_the_peak_is_a_positive_rate():
    gflops, how = peak_gflops(1)
    assert gflops > 0
    assert how


def test_memory_kept_or_as_shipped_is_a_matter_of_the_environment():
    base = {
        "MALLOC_TOP_PAD_": "1",
        "GLIBC_TUNABLES": "x",
        "PATH": "p",
        "MINICAP_NUM_THREADS": "7",
        "PYTHONPATH": "q",
    }
    kept, shipped = environment(2, "kept", base), environment(2, "shipped", base)
    assert {name: value for name, value in kept.items() if name not in shipped} == KEEPING
    assert not any(name.startswith(("MALLOC", "GLIBC", "MINICAP")) for name in shipped)
    assert (shipped["OMP_NUM_THREADS"], shipped["OPENBLAS_NUM_THREADS"], shipped["PATH"]) == ("2", "2", "p")
    folder = os.path.dirname(os.path.dirname(os.path.realpath(minicap.__file__)))
    assert shipped["PYTHONPATH"].split(os.pathsep) == [folder, "q"]
    assert base["MALLOC_TOP_PAD_"] == "1"


def test_a_real_worker_measures_in_a_process_of_its_own(small_conv):
    with WorkerProcess("minicap", 1, "kept") as worker:
        about = worker.ask("about")
        assert about["version"] == minicap.__version__
        table = minicap.kernels.kernel_table()
        assert {family: name.split()[0] for family, name in about["kernels"].items()} == table
        assert worker.ask("peak")["peak_gflops"] > 0
        found = worker.ask("prepare", row=small_conv.to_dict())
        assert found["fingerprint"].keys() == {"y"}
        assert all(one > 0 for one in worker.ask("time", seconds=0.001)["times"])
        with pytest.raises(
            WorkerError, match=r"bench: the minicap worker could not prepare 'a row': KeyError"
        ):
            worker.ask("prepare", row=ROW.to_dict())
        worker.ask("drop")  # it lives on
        process = worker._process
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import sys; sys.stdin.readline(); sys.exit('first\\nout of paper')", "worker died: out of paper"),
        ("import os; os._exit(5)", "worker died: exit code 5"),
        ("print('half an answer', end='')", "worker died: exit code 0"),
    ],
)
def test_a_worker_that_dies_is_told_with_its_last_words(code, complaint):
    with (
        pytest.raises(WorkerError, match=complaint),
        WorkerProcess("torch", 1, "shipped", [sys.executable, "-c", code]) as worker,
    ):
        worker.ask("about")


def test_a_worker_without_its_library_says_how_to_get_it():
    code = "raise ModuleNotFoundError(\"No module named 'torch'\")"
    with (
        pytest.raises(
            InputError, match=r"torch is not installed here; install it with `python -m pip install torch="
        ),
        WorkerProcess("torch", 1, "shipped", [sys.executable, "-c", code]) as worker,
    ):
        worker.ask("about")


def test_a_busy_worker_ends_with_the_block():
    class StopError(Exception):
        pass

    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(StopError), WorkerProcess("minicap", 1, "shipped", command) as worker:
        raise StopError
    assert worker._process.returncode is not None


def test_a_whole_measurement(small_conv):
    seen = []
    settings = Settings(threads=(1,), rounds=2, seconds=0.001)
    result = run_bench([small_conv], settings, seen.append)
    assert json.loads(json.dumps(result)) == result
    assert seen == [small_conv.name]
    assert settings.steps([small_conv]) == 1
    (run,) = result["runs"]
    assert (run["threads"], run["summary"], run["ladder"]) == (1, {}, [])
    assert run["peak_gflops"] > 0
    (row,) = run["rows"]
    assert {
        memory: len(found["turns"]) for memory, found in row["libraries"]["minicap"].items()
    } == dict.fromkeys(settings.memories, 2)


def test_training_takes_memory():
    (row,) = (row for row in catalogue(random=0) if row.kind == "classifier" and row.part == "step")
    before = peak_memory()
    assert growth("minicap", 1, row) > 0
    assert peak_memory() >= before
    if sys.platform.startswith("linux"):
        assert before > 10  # MB, which an interpreter with NumPy takes
