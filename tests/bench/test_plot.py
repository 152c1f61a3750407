"""The picture shows every row on its side of the line, and every rung below the limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from minicap.bench.ladder_jobs import ORDER
from minicap.data import load_image
from minicap.plots import plot_bench
from minicap.plots.log_axis import ticks_between
from minicap.plots.style import BLUE, VERMILION


def texts(axes) -> list[str]:
    """Return everything written on axes."""
    return [text.get_text() for text in axes.texts]


def bars(axes) -> list[Rectangle]:
    """Return the bars of axes."""
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_each_row_is_a_bar_from_one_to_its_ratio_in_the_winners_colour(made_up):
    result = made_up()
    (axes,) = plot_bench(result).axes
    rows = result["runs"][0]["rows"]
    assert axes.get_xscale() == "log"
    assert len(bars(axes)) == len(rows)
    for bar, row in zip(bars(axes), rows, strict=True):
        ratio = row["ratio"]["kept"]["median"]
        assert sorted([1.0, ratio]) == pytest.approx([bar.get_x(), bar.get_x() + bar.get_width()])
        assert to_hex(bar.get_facecolor()) == (BLUE if ratio >= 1 else VERMILION)
    places = [bar.get_y() for bar in bars(axes)]
    assert places == sorted(places)


def test_all_is_within_the_axes(made_up):
    figure = plot_bench(made_up(quotient=60.0, ladder=True))
    for axes in figure.axes:
        low, high = axes.get_xlim()
        for bar in bars(axes):
            assert low <= bar.get_x() < bar.get_x() + bar.get_width() <= high


def test_rows_groups_and_sides_are_named(made_up):
    (axes,) = plot_bench(made_up()).axes
    said = texts(axes)
    for what in (
        "Convolution",
        "Models",
        "classifier step",
        "weight gradient",
        "minicap faster \N{RIGHTWARDS ARROW}",
    ):
        assert what in said
    assert said.count("3x3 64x32x14x14 \N{RIGHTWARDS ARROW} 64") == 1  # once for its four directions
    assert any(text.startswith("1 thread, geometric mean") for text in said)


def test_each_number_of_threads_has_a_panel_and_only_the_first_has_names(made_up):
    first, second = plot_bench(made_up((1, 2))).axes
    assert "Adam step, 2 M parameters" in texts(first)
    assert "Adam step, 2 M parameters" not in texts(second)
    assert len(bars(first)) == len(bars(second))


def test_the_ladder_has_a_panel_a_work_with_all_rungs(made_up):
    figure = plot_bench(made_up(against="torch", ladder=True))
    panels = figure.axes[1:]
    assert len(panels) == 3
    assert [text.rstrip("*") for text in texts(panels[0]) if text.rstrip("*") in ORDER] == list(ORDER)
    assert all(len(bars(axes)) == len(ORDER) for axes in panels)
    assert all("limit 200" in texts(axes) for axes in panels)


def test_a_ladder_may_stand_alone_and_nothing_may_not(made_up):
    assert len(plot_bench(made_up(against=None, ladder=True)).axes) == 3
    with pytest.raises(ValueError, match="neither ratios nor a ladder"):
        plot_bench(made_up(against=None))


def test_it_is_written_whole(made_up, tmp_path: Path):
    plot_bench(made_up(), tmp_path / "bench.png")
    picture = load_image(tmp_path / "bench.png")
    assert picture.shape[0] > picture.shape[1] > 1000
    assert np.ptp(np.asarray(picture)) > 100


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.4, 6.0, 8, [0.5, 1, 2, 5]), (0.5, 100.0, 8, [0.5, 1, 2, 5, 10, 20, 50, 100]),
        (1.0, 2e3, 8, [1, 3, 10, 30, 100, 300, 1000]), (1e-3, 1e3, 8, [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3]),
        (1e-3, 1e3, 4, [1e-3, 0.1, 10, 1e3]),
    ],
)  # fmt: skip
def test_a_logarithmic_axis_has_few_plain_numbers(low, high, most, expected):
    assert ticks_between(low, high, most) == expected
