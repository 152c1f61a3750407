"""Who has a turn when, what is made of the turns, and what many rows come to."""

from __future__ import annotations

import json
import math
from statistics import median

import pytest

from minicap.bench import Row
from minicap.bench.summary import geometric_mean, summarise
from minicap.bench.turns import in_turn, measure, ratio, speed

ROW = Row("a row", "convolution", "conv", "forward", {"shape": [1]}, flops=8e6)
MEMORY = Row("memory of steps", "process", "memory", unit="MB")


class Fake:
    """A worker that answers with given times and writes down when it was asked what."""

    def __init__(self, library, memory, times, log, prints=None):
        self.library, self.memory, self.log = library, memory, log
        self._times, self._prints = iter(times), prints

    def ask(self, do, **details):
        self.log.append((do, self.library, self.memory))
        if do == "prepare":
            assert Row(**details["row"]) in (ROW, MEMORY)
            return {"way": f"way of {self.library}", "ways": 2, "fingerprint": self._prints}
        if do == "time":
            assert details["seconds"] == 0.5
            return next(self._times)
        assert do == "drop"
        return {}


def four(log, prints=None, other=None):
    """Return workers of two libraries in two states of memory; theirs takes twice as long, then 3 and 4 times."""
    workers = []
    for memory in ("kept", "shipped"):
        ours = [{"times": [1e-3, 2e-3, 9e-3]}] * 3
        theirs = [{"times": [k * 2e-3]} for k in (2, 3, 4)]
        workers.append(Fake("minicap", memory, ours, log, prints))
        workers.append(Fake("torch", memory, theirs, log, other or prints))
    return workers


def test_they_take_turns_and_alternate_who_goes_first():
    log = []
    measure(ROW, four(log), rounds=3, seconds=0.5)
    assert [entry[0] for entry in log] == ["prepare"] * 4 + ["time"] * 12 + ["drop"] * 4
    turns = [entry[1:] for entry in log if entry[0] == "time"]
    first = [("minicap", "kept"), ("torch", "kept"), ("torch", "shipped"), ("minicap", "shipped")]
    second = [("torch", "kept"), ("minicap", "kept"), ("minicap", "shipped"), ("torch", "shipped")]
    assert turns == first + second + first


def test_every_worker_has_one_turn_a_round():
    workers = four([])
    for k in range(4):
        assert sorted(map(id, in_turn(workers, k))) == sorted(map(id, workers))
    assert in_turn(workers[:1], 1) == workers[:1]


def test_the_result_holds_turns_medians_and_the_ratio_turn_by_turn():
    found = measure(ROW, four([]), rounds=3, seconds=0.5)
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {*ROW.to_dict(), "libraries", "ratio", "agree"}
    ours = found["libraries"]["minicap"]["kept"]
    assert ours == {"way": "way of minicap", "ways": 2, "median": 2.0, "turns": [[1.0, 2.0, 9.0]] * 3}
    assert found["libraries"]["torch"]["shipped"]["median"] == 6.0
    assert found["ratio"]["kept"] == {"median": 3.0, "low": 2.0, "high": 4.0, "rounds": [2.0, 3.0, 4.0]}
    assert found["agree"] is None  # nothing was computed that could be compared
    assert speed(found, "minicap") == pytest.approx(4.0)  # 8e6 in 2 ms
    assert speed(found | {"flops": 0.0}, "minicap") is None


def test_one_library_has_no_ratio():
    found = measure(ROW, [Fake("minicap", "shipped", [{"times": [1e-3]}] * 2, [])], rounds=2, seconds=0.5)
    assert (found["ratio"], found["agree"]) == ({}, None)


def test_memory_is_measured_once_and_as_it_is():
    workers = [
        Fake("minicap", "kept", [{"values": [50.0]}], []), Fake("torch", "kept", [{"values": [75.0]}], [])
    ]  # fmt: skip
    found = measure(MEMORY, workers, rounds=5, seconds=0.5)
    assert found["ratio"]["kept"]["rounds"] == [1.5]
    assert found["libraries"]["torch"]["kept"]["turns"] == [[75.0]]


@pytest.mark.parametrize(("other", "agree"), [({"y": [1.0, 0.5]}, True), ({"y": [1.0, 0.4]}, False)])
def test_different_results_are_noticed(other, agree):
    found = measure(ROW, four([], {"y": [1.0, 0.5]}, other), rounds=3, seconds=0.5)
    assert found["agree"] is agree


def test_a_ratio_pairs_the_turns_of_one_round():
    # Both slow down together in the second round: the ratio of medians would be 1.
    found = ratio([1.0, 4.0, 2.0], [2.0, 8.0, 1.0])
    assert found == {"median": 2.0, "low": 0.5, "high": 2.0, "rounds": [2.0, 2.0, 0.5]}
    assert median([2.0, 8.0, 1.0]) / median([1.0, 4.0, 2.0]) == 1.0


def test_the_geometric_mean():
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert geometric_mean([1.0, 10.0, 100.0]) == pytest.approx(10.0)
    assert geometric_mean([]) is None


def test_a_summary_counts_and_averages():
    def row(name, group, kept, shipped, unit="ms"):
        ratios = {"kept": {"median": kept}, "shipped": {"median": shipped}}
        return {"name": name, "group": group, "unit": unit, "ratio": ratios}

    found = summarise(
        [
            row("a", "convolution", 4.0, 0.5), row("b", "convolution", 1.0, 2.0), row("c", "models", 0.5, 0.5),
            row("d", "process", 8.0, 8.0, "MB"), {**row("e", "models", 1, 1), "ratio": {}},
        ]
    )  # fmt: skip
    assert (found["kept"]["won"], found["kept"]["lost"]) == (["a", "b", "d"], ["c"])
    assert (found["shipped"]["won"], found["shipped"]["lost"]) == (["b", "d"], ["a", "c"])
    means = found["kept"]["geometric_means"]
    assert means == {
        "convolution": pytest.approx(2.0), "other layers": None, "models": pytest.approx(0.5),
        "all": pytest.approx(math.cbrt(2)),
    }  # fmt: skip
    assert summarise([]) == {}
