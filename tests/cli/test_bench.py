"""``minicap bench``: what it prints, what it refuses, and that it takes its workers along when it is stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from minicap.bench import catalogue

FAST = ["--rounds", 1, "--quick", "--rows", "layer norm 1088x256 forward", "--random", 0]


def test_rows_are_listed_without_measuring(cli):
    names = [row.name for row in catalogue(random=2, seed=5)]
    assert cli("bench", "--list", "--random", 2, "--seed", 5) == (0, "\n".join(names) + "\n", "")
    found = cli("bench", "--list", "--rows", "lstm*, adam", "--json")
    assert json.loads(found.out) == [name for name in names if name.startswith(("LSTM", "Adam"))]


def test_random_shapes_differ_from_run_to_run_unless_seeded(cli):
    drawn = {cli("bench", "--list", "--rows", "random").out for _ in range(4)}
    assert len(drawn) > 1


def test_a_table_for_people(cli):
    code, out, _ = cli("bench", *FAST)
    assert code == 0
    lines = out.splitlines()
    assert "1 thread; minicap" in lines[0]
    assert lines[1].startswith("kernels ")
    (row,) = (line for line in lines if line.startswith("layer norm"))
    assert row.endswith(" ms")


def test_json_holds_all_that_was_measured(cli):
    code, out, err = cli("bench", *FAST, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert set(result) == {"version", "settings", "runs", "cpu", "seed", "random"}
    assert result["settings"] == {
        "threads": [1], "against": None, "rounds": 1, "seconds": 0.05, "memories": result["settings"]["memories"],
    }  # fmt: skip
    (run,) = result["runs"]
    assert set(run) == {"threads", "about", "peak_gflops", "peak_is", "rows", "summary", "ladder"}
    (row,) = run["rows"]
    assert (row["name"], row["unit"], row["ratio"]) == ("layer norm 1088x256 forward", "ms", {})
    for memory in result["settings"]["memories"]:
        found = row["libraries"]["minicap"][memory]
        assert set(found) == {"way", "ways", "median", "turns"}
        assert all(value > 0 for turn in found["turns"] for value in turn)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_the_other_library_it_says_how_to_get_it(cli):
    code, out, err = cli("bench", "--against", "torch")
    assert (code, out) == (2, "")
    assert err == (
        "minicap: --against torch: torch is not installed here; install it with `python -m pip install torch==2.13.0`\n"
    )


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["--rows", "conv,clasifier"], "--rows: no row fits 'clasifier'; did you mean 'classifier'?"),
        (["--threads", "0"], "--threads: '0' is not a number from 1 to 256, or several, as in 1,2"),
        (["--threads", "1,"], "--threads: '1,' is not"),
        (["--threads", "257"], "--threads: '257' is not"),
        (["--rounds", "0"], "--rounds: 0 is not from 1 to 1000"),
        (["--random", "51"], "--random: 51 is not from 0 to 50"),
        (["--seed", "-1"], "--seed: -1 is negative"),
        (["--plot", "x.png"], "--plot: there is nothing to compare; add --against torch or --ladder"),
        (["--ladder", "--plot", "x.jpg"], "--plot: x.jpg is no name of a PNG file"),
        (["--ladder", "--plot", "no/such/x.png"], "--plot: the folder of no/such/x.png does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(cli, arguments, because):
    code, out, err = cli("bench", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"minicap: {because}")
    assert err.count("\n") == 1


def test_a_picture_of_a_made_up_result(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rungs = [
        {"work": "classifier step", "rung": rung, "ms": ms, "gflops": 10 / ms, "scaled": False}
        for rung, ms in (("Python loops", 50.0), ("minicap's kernels", 1.0))
    ]
    about = {"minicap": {"version": "9", "numpy": "2", "python": "3", "kernels": {"conv": "compiled"}}}
    run = {
        "threads": 1, "about": about, "peak_gflops": 50.0, "peak_is": "made up", "rows": [], "summary": {},
        "ladder": rungs,
    }  # fmt: skip
    settings = {"against": None, "memories": ["kept"]}
    monkeypatch.setattr("minicap.bench.run_bench", lambda *_: {"settings": settings, "runs": [run]})
    path = tmp_path / "ladder.png"
    code, out, _ = cli("bench", "--ladder", "--plot", path)
    assert code == 0
    assert out.endswith(f"\nwrote {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert json.loads(cli("bench", "--ladder", "--plot", path, "--json").out)["runs"] == [run]


def test_a_worker_that_dies_is_one_line(cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def broken(self, library, threads, memory, command=None):
        self.library, self.threads, self.memory = library, threads, memory
        self._command = [sys.executable, "-c", "raise SystemExit('out of paper')"]

    monkeypatch.setattr("minicap.bench.talk.WorkerProcess.__init__", broken)
    assert cli("bench", *FAST, "--json") == (1, "", "minicap: bench: the minicap worker died: out of paper\n")


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        found += [int(status.parent.name)] if parent == pid else []
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
def is_alive(process: int) -> bool:
    """Tell whether a process is still there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_the_workers_too(child):
    process = child("bench", "--rows", "conv", "--json")
    began = time.monotonic()
    while len(workers := children(process.pid)) < 2:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "minicap: interrupted\n")
    while any(map(is_alive, workers)):  # they end with their parent, if not in the same instant
        assert time.monotonic() - began < 90
        time.sleep(0.05)
