"""Figures show what they are given, whatever script it is in, and write whole files or none."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.lines import Line2D

from minicap.data import load_image
from minicap.data.scenes import generate, judge
from minicap.errors import InputError
from minicap.plots import plot_captions, plot_history, save_figure
from minicap.plots.captions import SIDE
from minicap.plots.history import describe_panel, panels_of, plot_panel
from minicap.plots.style import DPI, new_figure
from minicap.plots.text import drawable, font, ruler, wrap, wrap_evenly
from minicap.plots.verdict import Verdict, verdict_of

ROWS = [
    {
        "epoch": e, "lr": 1e-3 / e, "train_loss": 3.0 / e, "grad_norm": 2.0, "val_loss": 3.2 / e,
        "bleu_4": 0.1 * e, "truth": 0.2 * e, "seconds": e,
    }
    for e in (1, 2, 3)
]  # fmt: skip


def pictures(n, side=8):
    """Return n small grey pictures."""
    return [np.full((side, side, 3), 40 * k % 256, np.uint8) for k in range(n)]


def words(figure):
    """Return all text that a figure shows."""
    axes = [text.get_text() for one in figure.axes for text in one.texts]
    return " ".join(axes + [text.get_text() for text in figure.texts])


def marked(figure):
    """Return the discs and signs that a figure draws outside its axes."""
    return [artist for artist in figure.artists if isinstance(artist, Line2D)]


# The history


def test_the_history_has_four_plots_with_titles_and_units():
    figure = plot_history(ROWS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Loss", "Validation score", "Learning rate", "Gradient norm",
    ]  # fmt: skip
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "nats per word", "0 to 1, higher is better", "at the end of the epoch", "mean, before clipping",
    ]  # fmt: skip
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}


def test_lines_hold_the_values_and_differ_by_more_than_colour():
    training, validation = plot_history(ROWS).axes[0].lines
    np.testing.assert_array_equal(training.get_xydata(), [(1, 3.0), (2, 1.5), (3, 1.0)])
    np.testing.assert_allclose(validation.get_ydata(), [3.2, 1.6, 3.2 / 3])
    assert training.get_marker() != validation.get_marker()
    assert training.get_linestyle() != validation.get_linestyle()


def test_a_line_looks_the_same_where_its_neighbour_is_missing():
    alone = plot_history([{"epoch": 1, "bleu_4": 0.1}]).axes[0].lines[0]
    beside = plot_history(ROWS).axes[1].lines[1]
    assert (alone.get_color(), alone.get_marker()) == (beside.get_color(), beside.get_marker())


@pytest.mark.parametrize("last", [(1.0, 1.0), (0.0, 0.0), (0.5, 0.52), (0.52, 0.5), (0.9, 0.1)])
def test_labels_at_the_line_ends_stay_in_order_and_do_not_overlap(last):
    rows = [{"epoch": 1, "train_loss": 1.0, "val_loss": 1.0}]
    figure = plot_history([*rows, {"epoch": 2, "train_loss": last[0], "val_loss": last[1]}])
    figure.draw_without_rendering()
    training, validation = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not training.overlaps(validation)
    if last[0] != last[1]:
        assert (training.y0 > validation.y0) == (last[0] > last[1])
    assert min(training.y0, validation.y0) >= 0


def test_columns_that_are_missing_leave_their_plot_out():
    figure = plot_history([{"epoch": 1, "train_loss": 2.0}])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss"]
    assert len(figure.axes[0].lines) == 1


def test_a_row_without_a_value_and_a_value_that_is_not_finite_leave_a_gap():
    rows = [{"train_loss": 1.0}, {"train_loss": math.inf}, {}, {"train_loss": 0.5}, {"train_loss": 1e300}]
    x, y = plot_history(rows).axes[0].lines[0].get_data()
    np.testing.assert_array_equal(x, [1, 2, 3, 4, 5])  # rows without an epoch are counted
    np.testing.assert_array_equal(y, [1.0, np.nan, np.nan, 0.5, np.nan])


@pytest.mark.parametrize("rows", [[], [{}], [{"epoch": 1, "seconds": 2.0}], [{"train_loss": math.nan}]])
def test_a_history_without_values_is_an_error(rows):
    with pytest.raises(
        ValueError, match=r"^plot_history: \d rows without any of train_loss, .* train an epoch"
    ):
        plot_history(rows)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e14, -3.0])
def test_any_finite_value_can_be_drawn(value):
    plot_history([{"epoch": 1, "train_loss": value, "lr": value}]).draw_without_rendering()


def test_a_plot_is_described_in_words():
    loss, score, *_ = panels_of(ROWS)
    assert describe_panel(loss, ROWS) == (
        "Loss (nats per word) over 3 epochs: training from 3 to 1, validation from 3.2 to 1.07."
    )
    assert "true and complete from 0.2 to 0.6" in describe_panel(score, ROWS)


def test_one_plot_stands_alone_without_its_title():
    (axes,) = plot_panel(panels_of(ROWS)[0], ROWS).axes
    assert axes.get_title(loc="left") == ""
    assert len(axes.lines) == 2


# Pictures with captions


def test_each_picture_stands_above_its_caption():
    figure = plot_captions(pictures(3), ["a cat", "a dog", "a bird"])
    assert len(figure.axes) == 3
    for k, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(axes.images[0].get_array(), pictures(3)[k])
        caption, box = figure.texts[k], axes.get_position()
        assert caption.get_text() == ("a cat", "a dog", "a bird")[k]
        assert caption.get_position()[1] < box.y0
        assert caption.get_position()[0] == pytest.approx(box.x0)


def test_pictures_fill_rows_of_so_many_columns():
    boxes = [axes.get_position() for axes in plot_captions(pictures(5), ["x"] * 5, columns=2).axes]
    assert len({round(box.x0, 6) for box in boxes}) == 2
    assert len({round(box.y0, 6) for box in boxes}) == 3


def test_small_pictures_show_their_pixels_and_proportions_are_kept():
    small, large = np.zeros((8, 4, 3), np.uint8), np.zeros((300, 400), np.uint8)
    figure = plot_captions([small, large], ["", ""])
    assert figure.axes[0].images[0].get_interpolation() == "nearest"
    assert figure.axes[1].images[0].get_interpolation() == "antialiased"
    for axes, (width, height) in zip(figure.axes, [(SIDE / 2, SIDE), (SIDE, 0.75 * SIDE)], strict=True):
        np.testing.assert_allclose(axes.get_position().size * figure.get_size_inches(), (width, height))


def test_the_marks_of_different_verdicts_differ_in_shape_and_are_explained():
    judgements = [(True, True, True), (True, True, False), (True, False, False), None]
    figure = plot_captions(pictures(4), ["x"] * 4, judgements=judgements)
    for verdict in Verdict:
        assert verdict.value in words(figure)
    marks = [line for line in marked(figure) if line.get_marker() != "o"]
    assert len(marks) == 6  # three pictures and three entries of the legend
    discs = [line.get_markerfacecolor() for line in marked(figure) if line.get_marker() == "o"][:3]
    signs = [len(line.get_marker().vertices) for line in marks[:3]]
    assert len(set(zip(signs, discs, strict=True))) == 3
    assert signs == [3, 3, 4]  # tick, tick, cross


def test_without_judgements_there_is_no_mark():
    figure = plot_captions(pictures(2), ["x", "y"])
    assert not marked(figure)
    assert words(figure) == "x y"


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        ((True, True, True), Verdict.COMPLETE),
        ((True, True, False), Verdict.PARTIAL),
        ((True, False, False), Verdict.WRONG),
        ((False, False, False), Verdict.WRONG),
        (True, Verdict.COMPLETE),
        (np.bool_(False), Verdict.WRONG),
        (None, None),
    ],
)
def test_verdicts(judgement, verdict):
    assert verdict_of(judgement) is verdict


def test_a_judged_scene_can_be_drawn():
    scene = generate(1, size=32, seed=0, split="test", objects=1)[0]
    caption = scene.captions[0]
    figure = plot_captions([scene.image], [caption], [scene.captions], [judge(caption, scene)])
    assert Verdict.COMPLETE.value in words(figure)
    assert f"person: {caption}" in words(figure)


def test_a_long_caption_is_wrapped_then_cut():
    figure = plot_captions(pictures(1), ["a very long caption " * 30], title="A long title " * 30)
    title, caption = words(figure).split("a very", 1)
    assert title.rstrip().endswith("…")
    assert caption.endswith("…")
    width = figure.get_size_inches()[0] * DPI
    figure.draw_without_rendering()
    for text in figure.texts:
        assert text.get_window_extent().x1 <= width


@pytest.mark.parametrize(
    "caption",
    [
        "", " \t\n", "$x^2 \\frac{", "كلب يركض على العشب", "כלב רץ על הדשא", "一只狗在草地上奔跑" * 9, "कुत्ता 🐶 👩‍🚀",
        "tab\tnewline\nnul\x00bell\x07", "lone \ud800 surrogate", "e\u0301 \u202e right to left", "x" * 100_000,
    ],
)  # fmt: skip
def test_any_text_can_be_drawn_without_a_warning(caption, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_captions(pictures(1), [caption], [[caption]], [True], tmp_path / "x.png", title=caption)
    assert load_image(tmp_path / "x.png").size > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "0 pictures in 4 columns"),
        ((pictures(2), ["x"]), "1 captions but 2 pictures"),
        ((pictures(1), ["x"], [["a"], ["b"]]), "2 references but 1 pictures"),
        ((pictures(1), ["x"], None, []), "0 judgements but 1 pictures"),
        (([np.zeros((8, 8, 3))], ["x"]), r"pictures\[0\] is float64 \(8, 8, 3\) but must be uint8"),
        (([np.zeros((3, 8, 8), np.uint8)], ["x"]), r"pictures\[0\] is uint8 \(3, 8, 8\)"),
        (([np.zeros((0, 8, 3), np.uint8)], ["x"]), r"pictures\[0\] is uint8 \(0, 8, 3\)"),
        ((pictures(400), ["x"] * 400, None, None, None, 1), "400 pictures in 1 columns are too many"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"^plot_captions: .*{message}"):
        plot_captions(*arguments)


# Text


@given(st.text("ab cde\u4e00", max_size=60), st.integers(1, 12), st.integers(1, 5))
def test_wrapped_lines_fit_and_lose_nothing_but_what_an_ellipsis_stands_for(text, width, most):
    text = " ".join(text.split())
    for lines in (wrap(text, len, width, most), wrap_evenly(text, len, width, most)):
        assert len(lines) <= most
        assert all(len(line) <= width for line in lines)
        kept = "".join(lines).replace(" ", "")
        whole = text.replace(" ", "")
        assert kept == whole or (kept.endswith("…") and whole.startswith(kept[:-1]))


def test_lines_break_at_spaces_and_evenly():
    assert wrap("a large blue triangle at the top", len, 29, 4) == ["a large blue triangle at the", "top"]
    assert wrap_evenly("a large blue triangle at the top", len, 29, 4) == [
        "a large blue",
        "triangle at the top",
    ]


def test_unknown_signs_become_a_square_and_invisible_ones_vanish():
    assert drawable("a\u200db\x00 \n c\ud800") == "ab c"
    assert drawable("ab\U0001fae8") in ("ab□", "ab\U0001fae8")  # the square, or a font that knows it


def test_measured_widths_are_inches():
    measure = ruler(new_figure(3, 2), font(10))
    assert 0.3 < measure("ten signs!") < 1.2
    assert measure("$x$") > measure("$")  # a dollar sign begins no formula


# Files


def test_a_figure_is_written_as_the_same_png_each_time(tmp_path):
    for name in ("a.png", "b.png"):
        plot_history(ROWS, tmp_path / name, title="run")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert load_image(tmp_path / "a.png").shape[1] == pytest.approx(2 * 4.93 * DPI, abs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_path_that_cannot_be_written_is_one_line(tmp_path):
    for call in (
        lambda path: plot_history(ROWS, path),
        lambda path: plot_captions(pictures(1), ["x"], path=path),
        lambda path: save_figure(new_figure(1, 1), path),
    ):
        with pytest.raises(InputError, match=r"x\.png: cannot be written .* choose another place"):
            call(tmp_path / "absent" / "x.png")


def test_pyplot_is_never_loaded():
    code = (
        "import sys; from minicap.plots import plot_history; plot_history([{'train_loss': 1.0}]);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    path = [entry for entry in sys.path if entry]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path}; {code}"], check=True, timeout=120
    )
