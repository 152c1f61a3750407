"""What people read: every row, the sums, the ladder, and a word where results differ."""

from __future__ import annotations

from minicap.bench import describe
from minicap.cli.output import table


def cells(text: str, start: str) -> list[str]:
    """Return the words of the first line that starts so, behind that."""
    line = next(line for line in text.splitlines() if line.startswith(start))
    return line.removeprefix(start).split()


def test_a_row_beside_another_library(made_up):
    text = describe(made_up(), table)
    assert cells(text, "row") == [
        "minicap",
        "GFLOP/s",
        "of",
        "peak",
        "torch",
        "ratio",
        "kept",
        "ratio",
        "shipped",
    ]
    found = cells(text, "conv 3x3 64x32x14x14->64 forward")
    ratio = ["2.00", "[1.90", "2.20]"]
    assert found == [
        "4.00",
        "ms",
        "116",
        "58%",
        "8.00",
        "ms",
        *ratio,
        *ratio,
    ]  # 2*64*64*196*288 in 4 ms, of 200
    assert cells(text, "Adam step, 2 M parameters")[:2] == ["4.00", "ms"]


def test_a_row_alone(made_up):
    text = describe(made_up(against=None), table)
    assert cells(text, "row") == ["minicap", "GFLOP/s", "of", "peak"]
    assert cells(text, "conv 3x3 64x32x14x14->64 forward") == ["4.00", "ms", "116", "58%"]
    assert "torch" not in text
    assert "ratio" not in text


def test_the_heading_names_what_was_measured_and_where(made_up):
    lines = describe(made_up((1, 2)), table).splitlines()
    assert lines[0] == "a CPU, 1 thread; minicap 9.9, torch 2.13, NumPy 2, Python 3"
    assert lines[1] == "kernels compiled: conv; peak 200 GFLOP/s (made up)"
    assert lines[2] == "random shapes of --seed 3"
    assert "a CPU, 2 threads; minicap 9.9, torch 2.13, NumPy 2, Python 3" in lines


def test_rows_won_and_lost_and_means(made_up):
    result = made_up()
    run = result["runs"][0]
    won = len(run["summary"]["kept"]["won"])
    line = next(line for line in describe(result, table).splitlines() if line.startswith("memory kept"))
    assert line.startswith(f"memory kept: minicap ahead in {won} rows, torch in {len(run['rows']) - won}; ")
    mean = run["summary"]["kept"]["geometric_means"]
    kinds = ("convolution", "other layers", "models")
    assert ", ".join(f"{kind} {mean[kind]:.2f}" for kind in kinds) in line


def test_the_ladder_ends_at_the_limit(made_up):
    text = describe(made_up(ladder=True), table)
    assert cells(text, "Python loops (scaled)") == ["1.00", "ms", "1", "1"]
    assert cells(text, "minicap's kernels") == ["0.004", "ms", "256", "256"]
    assert text.count("the limit") == 3
    assert "scaled: measured on a much smaller case" in text


def test_different_results_and_the_faster_of_our_ways_are_said(made_up):
    result = made_up()
    one, two = result["runs"][0]["rows"][:2]
    one["agree"] = False
    two["libraries"]["minicap"]["kept"] |= {"ways": 2, "way": "the second"}
    last = describe(result, table).splitlines()[-2:]
    assert last == [
        f"{one['name']}: minicap and torch did not find the same result",
        f"{two['name']}: minicap's faster way was the second",
    ]
