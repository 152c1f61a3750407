"""Figures of tags, of classes taken for one another, and the histories of both tasks."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from minicap.data import load_image
from minicap.errors import InputError
from minicap.metrics import confusion_matrix
from minicap.plots import TagMark, plot_confusion, plot_history, plot_tags
from minicap.plots.confusion import MOST_NAMED, MOST_NUMBERED, plot_map
from minicap.plots.grid import SIDE
from minicap.plots.history import describe_panel, panels_of
from minicap.plots.mistakes import most_frequent_mistakes
from minicap.plots.numbering import CHIP, COLOURS, Place, chip_width, place_numbers
from minicap.plots.numbers import percent
from minicap.plots.style import BLUE, DPI, MUTED, VERMILION

EVIL = [
    "",
    " \t\n",
    "$x^2 \\frac{",
    "כלב רץ",
    "一只狗在草地上" * 9,
    "nul\x00",
    "lone \ud800",
    "e\u0301",
    "x" * 100_000,
]


def pictures(n, high=8, wide=8):
    """Return n small grey pictures."""
    return [np.full((high, wide, 3), 40 * k % 256, np.uint8) for k in range(n)]


def words(figure):
    """Return all text that a figure shows."""
    axes = [text.get_text() for one in figure.axes for text in one.texts]
    return " ".join(axes + [text.get_text() for text in figure.texts])


def text_with(figure, content):
    """Return the one text outside the axes with this content."""
    (text,) = (text for text in figure.texts if text.get_text() == content)
    return text


def outlines(figure):
    """Return the boxes and dots drawn over the pictures."""
    return [
        patch for axes in figure.axes for patch in axes.patches
        if patch.get_path_effects() and isinstance(patch, Rectangle | Circle)
    ]  # fmt: skip


def inside(figure):
    """Return whether all text lies within the figure."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * DPI
    boxes = [text.get_window_extent() for axes in (figure, *figure.axes) for text in axes.texts]
    return all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes)


# Tags


def test_a_tag_is_written_below_its_picture_and_boxed_on_it_in_one_colour():
    tags = [
        TagMark("dog", 0.874, (2.0, 1.0, 4.0, 3.0)),
        TagMark("grass", 0.5, (0, 4, 8, 4)),
        TagMark("joy", 0.1),
    ]
    figure = plot_tags(pictures(1), [tags])
    assert np.array_equal(figure.axes[1].images[0].get_array(), pictures(1)[0])
    for k, (name, share) in enumerate([("dog", "87%"), ("grass", "50%"), ("joy", "10%")]):
        assert text_with(figure, name).get_color() == text_with(figure, share).get_color() == COLOURS[k]
        assert text_with(figure, name).get_position()[1] < figure.axes[1].get_position().y0
    assert [to_hex(patch.get_edgecolor()) for patch in outlines(figure)] == list(COLOURS[:2])
    numbers = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sorted(numbers) == ["1", "1", "2", "2", "3"]  # on the picture and in the list; joy has no place


def test_a_box_is_where_its_pixels_are():
    figure = plot_tags(pictures(1, 8, 16), [[TagMark("dog", 0.9, (2.0, 1.0, 4.0, 3.0))]])
    (box,) = outlines(figure)
    picture = figure.axes[1]
    corners = picture.transData.transform([(1.5, 0.5), (5.5, 3.5)])  # the edges of pixels 2..5, 1..3
    (x0, y1), (x1, y0) = corners
    drawn = box.get_window_extent()
    np.testing.assert_allclose([drawn.x0, drawn.y0, drawn.x1, drawn.y1], [x0, y0, x1, y1], atol=2.0)


def test_boxes_at_the_same_place_lie_within_one_another():
    figure = plot_tags(pictures(1), [[TagMark(tag, 0.9, (1, 1, 5, 5)) for tag in "abc"]])
    first, second, third = (patch.get_window_extent() for patch in outlines(figure))
    assert first.x0 < second.x0 < third.x0 < third.x1 < second.x1 < first.x1
    assert first.y0 < second.y0 < third.y0 < third.y1 < second.y1 < first.y1


def test_a_box_is_cut_at_the_edge_and_a_tiny_one_is_a_dot():
    tags = [TagMark("sky", 0.9, (-5, -5, 20, 9)), TagMark("speck", 0.9, (90, 90, 1, 1))]
    figure = plot_tags(pictures(1, 100, 100), [tags])
    box, dot = outlines(figure)
    picture = figure.axes[1].get_window_extent()
    assert isinstance(dot, Circle)
    assert box.get_window_extent().x0 >= picture.x0
    assert box.get_window_extent().y1 <= picture.y1


def test_the_truth_marks_tags_and_names_the_missed_ones():
    tags = [[TagMark("dog", 0.9), TagMark("cat", 0.8)], [TagMark("sun", 0.7)]]
    figure = plot_tags(pictures(2), tags, truth=[["grass", "dog", "ball"], None])
    missed = text_with(figure, "missed: grass, ball")
    assert missed.get_color() == MUTED
    assert words(figure).count("missed") == 1
    signs = [a for a in figure.artists if isinstance(a, Line2D) and a.get_marker() != "o"]
    assert [len(sign.get_marker().vertices) for sign in signs] == [
        3,
        4,
        3,
        4,
    ]  # tick, cross, and the legend's
    assert "not among the true tags" in words(figure)
    assert not plot_tags(pictures(2), tags).artists


def test_a_picture_without_tags_says_so():
    figure = plot_tags(pictures(2), [[], [TagMark("dog", 0.9)]], truth=[[], ["dog"]])
    assert "(no tags)" in words(figure)
    assert "missed" not in words(figure)


@pytest.mark.parametrize("name", EVIL)
def test_any_name_can_be_drawn_without_a_warning(name, tmp_path):
    tags = [[TagMark(name, 0.3, (0, 0, 4, 4))] * 10]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_tags(pictures(1), tags, tmp_path / "x.png", truth=[[name + "y", "z"]], title=name)
    assert load_image(tmp_path / "x.png").size > 0
    assert inside(figure)


@given(
    st.lists(st.tuples(*[st.floats(0, 2)] * 2, *[st.floats(0.05, 0.4)] * 2), min_size=1, max_size=14),
    st.booleans(),
)
def test_numbers_stay_on_the_picture_and_apart(boxes, pile):
    places = [Place(*(boxes[0] if pile else box)) for box in boxes]
    numbers = place_numbers([(place, chip_width(k)) for k, place in enumerate(places)], SIDE, SIDE)
    for i, one in enumerate(numbers):
        assert 0 <= one.x <= SIDE - one.w + 1e-12
        assert 0 <= one.y <= SIDE - CHIP + 1e-12
        assert not any(one.overlaps(other) for other in numbers[:i])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([], []), {}, "0 pictures in 4 columns"),
        ((pictures(2), [[]]), {}, "1 tags but 2 pictures"),
        ((pictures(1), [[]]), {"truth": []}, "0 truth but 1 pictures"),
        ((pictures(1), [[]]), {"truth": ["dog"]}, r"truth\[0\] is the string 'dog'"),
        (([np.zeros((8, 8, 3))], [[]]), {}, r"pictures\[0\] is float64"),
        ((pictures(1), [[TagMark("a", 1.2)]]), {}, r"tags\[0\]\[0\] has probability 1.2, not one in 0..1"),
        ((pictures(1), [[TagMark("a", float("nan"))]]), {}, "has probability nan"),
        ((pictures(1), [[TagMark("a", 0.5, (8, 0, 2, 2))]]), {}, "nothing is on the picture of 8 x 8 pixels"),
        ((pictures(1), [[TagMark("a", 0.5, (1, 1, 0, 2))]]), {}, r"has the box \(1, 1, 0, 2\)"),
        ((pictures(1), [[TagMark("a", 0.5, (0, 0, float("inf"), 2))]]), {}, "has the box"),
        ((pictures(400), [[]] * 400, None, 1), {}, "400 pictures in 1 columns are too many"),
    ],
)
def test_tags_that_cannot_be_drawn(arguments, options, message):
    with pytest.raises(ValueError, match=f"^plot_tags: .*{message}"):
        plot_tags(*arguments, **options)


# Confusions

CONFUSION = np.array([[8, 2, 0], [0, 10, 0], [0, 0, 0]])


def test_colours_are_shares_of_the_row_blue_where_right():
    figure = plot_confusion(CONFUSION, ["cat", "dog", "bird"])
    colours = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(colours[1, 1], to_rgb(BLUE))
    np.testing.assert_allclose(colours[0, 2], 1.0)
    np.testing.assert_allclose(colours[0, 1], 1 - np.sqrt(0.2) * (1 - np.array(to_rgb(VERMILION))))
    assert (colours[2] == colours[2, 0]).all()  # a class without pictures
    assert not (colours[2] == 1).all()


def test_counts_accuracies_and_mistakes_are_written():
    figure = plot_confusion(CONFUSION, ["cat", "dog", "bird"], title="Pets")
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "8", (1, 0): "2", (1, 1): "10"}
    assert [text.get_text() for text in figure.axes[1].texts] == ["80%", "100%", "none"]
    shares = figure.axes[1].patches[3:]
    np.testing.assert_allclose([bar.get_width() for bar in shares], [0.8, 1.0, 0.0])
    for text in ("Pets", "90.0% of 20 pictures right", "cat taken for dog", "2 of 10 (20%)"):
        assert text_with(figure, text)


def test_rows_are_true_classes_from_the_top():
    figure = plot_confusion(CONFUSION, ["cat", "dog", "bird"])
    for k, name in enumerate(["cat", "dog", "bird"]):
        row, column = (text for text in figure.texts if text.get_text() == name)
        picture = figure.axes[0].transData
        x, y = figure.transFigure.inverted().transform(picture.transform((k, k)))
        assert row.get_position()[1] == pytest.approx(y)
        assert column.get_position()[0] == pytest.approx(x)
    assert "true class" in words(figure)
    assert "predicted class" in words(figure)


def test_mistakes_are_ranked_by_count_then_share():
    counts = np.array([[5, 3, 1], [3, 0, 0], [9, 9, 90]])
    assert most_frequent_mistakes(counts, 9) == [(2, 0), (2, 1), (1, 0), (0, 1), (0, 2)]
    assert most_frequent_mistakes(counts, 2) == [(2, 0), (2, 1)]
    assert most_frequent_mistakes(np.eye(3), 5) == []
    assert "none" in words(plot_confusion(np.eye(3), list("abc")))


@pytest.mark.parametrize("k", [1, MOST_NUMBERED, MOST_NUMBERED + 1, MOST_NAMED + 1])
def test_many_classes_lose_their_counts_and_then_their_names(k, rng):
    names = [f"class{i} of many" for i in range(k)]
    guesses = np.where(rng.random(3000) < 0.4, rng.integers(k, size=3000), np.arange(3000) % k)
    figure = plot_confusion(confusion_matrix(guesses, np.arange(3000) % k, k), names)
    assert bool(figure.axes[0].texts) == (k <= MOST_NUMBERED)
    shown = [text.get_text() for text in figure.texts]
    assert shown.count(names[0]) == (2 if k <= MOST_NAMED else 0)
    assert k == 1 or "class" in "".join(text for text in shown if "taken for" in text)
    place = figure.axes[0].get_position()
    pixels = np.array([place.size / k, place.p0]) * figure.get_size_inches() * DPI
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-6)  # so that all cells look alike
    assert inside(figure)


@pytest.mark.parametrize("k", [1, 3, MOST_NUMBERED + 1, MOST_NAMED + 1])
def test_the_map_alone_is_the_same_map_without_the_words_beside_it(k):
    names = [f"class{i} of many" for i in range(k)]
    counts = np.arange(1, k * k + 1).reshape(k, k)
    whole, alone = plot_confusion(counts, names), plot_map(counts, names)
    (axes,) = alone.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), whole.axes[0].images[0].get_array())
    assert [text.get_text() for text in axes.texts] == [text.get_text() for text in whole.axes[0].texts]
    shown = [text.get_text() for text in alone.texts]
    assert shown == [*(2 * names if k <= MOST_NAMED else []), "true class", "predicted class"]
    sizes = [figure.axes[0].get_position().size * figure.get_size_inches() for figure in (whole, alone)]
    np.testing.assert_allclose(*sizes)
    assert inside(alone)
    with pytest.raises(ValueError, match="classes is 1 names"):
        plot_map(np.eye(2), ["a"])


def test_names_keep_apart():
    figure = plot_confusion(np.eye(100), [f"number {i}" for i in range(100)])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text().startswith("number")]
    rows, columns = boxes[:100], boxes[100:]
    assert all(below.y1 <= above.y0 + 1 for above, below in pairwise(rows))
    assert all(right.x0 >= left.x1 - 1 for left, right in pairwise(columns))


@pytest.mark.parametrize("name", EVIL)
def test_any_class_name_can_be_drawn_without_a_warning(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_confusion([[1, 2], [3, 123_456]], [name, "b"], tmp_path / "x.png", title=name)
    assert load_image(tmp_path / "x.png").size > 0
    assert inside(figure)


@pytest.mark.parametrize(
    ("confusion", "classes", "message"),
    [
        (np.zeros((2, 3)), ["a", "b"], r"confusion is \(2, 3\) but \(K, K\)"),
        (np.zeros((0, 0)), [], r"confusion is \(0, 0\)"),
        (np.eye(2), ["a"], r"classes is 1 names, but confusion \(2, 2\) needs 2 names"),
        (np.eye(2), "ab", "classes is a string"),
        ([[0.5, 0.5], [0, 1]], ["a", "b"], "must hold counts, whole numbers"),
        ([[np.nan, 1], [0, 1]], ["a", "b"], "must hold counts"),
        ([[-1, 1], [0, 1]], ["a", "b"], "confusion holds -1; counts"),
        (np.zeros((2, 2)), ["a", "b"], "confusion has no pictures in it"),
    ],
)
def test_confusions_that_cannot_be_drawn(confusion, classes, message):
    with pytest.raises(ValueError, match=f"^plot_confusion: .*{message}"):
        plot_confusion(confusion, classes)


# Both


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0, 0, "0%"), (1.0, 1, "100%"), (0.874, 0, "87%"), (0.874, 1, "87.4%"), (0.9951, 0, ">99%"),
        (0.0049, 0, "<1%"), (0.99951, 1, ">99.9%"), (0.0004, 1, "<0.1%"), (np.float64(0.005), 1, "0.5%"),
    ],
)  # fmt: skip
def test_shares_in_percent(share, digits, text):
    assert percent(share, digits) == text


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: plot_tags(pictures(2), [[TagMark("dog", 0.9, (0, 0, 4, 4))], []], path, title="run"),
        lambda path: plot_confusion(CONFUSION, ["cat", "dog", "bird"], path, title="run"),
    ],
)
def test_the_same_bytes_each_time_or_one_line(draw, tmp_path):
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    with pytest.raises(InputError, match=r"x\.png: cannot be written"):
        draw(tmp_path / "absent" / "x.png")


# Their histories


@pytest.mark.parametrize(
    ("score", "label", "unit"),
    [
        ("accuracy", "accuracy", "nats per picture"),
        ("map", "mean AP", "nats per tag"),
        ("bleu_4", "BLEU-4", "nats per word"),
        ("cider", None, "nats per word"),
        ("seconds", None, "nats"),
    ],
)
def test_the_score_beside_the_loss_tells_its_unit(score, label, unit):
    rows = [{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, score: 0.5}]
    loss, *others = panels_of(rows)
    assert loss.unit == unit
    assert describe_panel(loss, rows) == f"Loss ({unit}) over 2 epochs: training from 2 to 1."
    assert [list(panel.lines.values()) for panel in others] == ([[label]] if label else [])
    assert plot_history(rows).axes[0].get_ylabel() == unit
