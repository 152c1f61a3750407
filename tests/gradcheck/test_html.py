"""The page is whole, harmless and readable without its pictures."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from minicap.gradcheck.file import FileReport, Layer
from minicap.gradcheck.findings import Diagnosis, Problem
from minicap.gradcheck.html import fragment, in_words, page
from minicap.gradcheck.report import GradientResult, Report
from minicap.plots.gradcheck import error_map, fold, plot_error

VOID = {"meta", "img"}


def gradient(shape=(2, 3), verdict="FAIL", name="dw"):
    numeric = np.arange(1.0, np.prod(shape, dtype=int) + 1).reshape(shape)
    analytic = numeric.copy()
    if verdict == "FAIL":
        analytic.flat[0] += 1.0
    index = (0,) * len(shape)
    return GradientResult(
        name, shape, verdict, 0.1, 1e-9, index, 2.0, 1.0, analytic_array=analytic, numeric_array=numeric
    )


@pytest.fixture
def report():
    diagnosis = Diagnosis("factor", "dw", "dw is <2> times too large.", "Look at the factor.", 0.9, 2.0)
    wrong = Report(
        "affine<script>", (gradient(), gradient(verdict="PASS", name="db")), (Problem("a & b"),), 1e-6,
        notes=("taken for granted",), diagnosis=diagnosis,
    )  # fmt: skip
    right = Report("tanh", (gradient(verdict="PASS", name="dx"),), (), 1e-6)
    layers = (Layer(right, "pair", "tanh", "x (2, 3)", 0.1), Layer(wrong, "pair", "affine", "w (2, 3)", 0.2))
    return FileReport("mine & yours.py", layers, ("conv_forward has no backward",), 1.5)


class Balanced(HTMLParser):
    """Sees that every element is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_the_page_says_everything_and_runs_nothing(report):
    text = page(report, error_map)
    parsed = read(text)
    words = " ".join(parsed.words)
    for said in (
        "mine & yours.py: gradients", "1 of 2 layers fails", "dw is <2> times too large.", "Look at the factor.",
        "a & b", "affine<script>", "taken for granted", "conv_forward has no backward", "w (2, 3)",
    ):  # fmt: skip
        assert said in words
    tags = {tag for tag, _ in parsed.seen}
    assert "script" not in tags
    assert "link" not in tags
    assert not re.search(r"https?://", text)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in parsed.seen


def test_links_lead_somewhere(report):
    seen = read(page(report)).seen
    targets = {attrs["id"] for _, attrs in seen if "id" in attrs}
    links = [attrs["href"].removeprefix("#") for tag, attrs in seen if tag == "a"]
    assert sorted(links) == sorted(targets)


def test_only_wrong_gradients_are_drawn_and_told_in_words(report):
    pictures = [attrs for tag, attrs in read(page(report, error_map)).seen if tag == "img"]
    assert len(pictures) == 1
    assert pictures[0]["src"].startswith("data:image/png;base64,iVBOR")
    assert pictures[0]["alt"] == (
        "Heat map of the error of dw, shape (2, 3): 1 of 6 entries are wrong; the worst: "
        "dw[0, 0]: backward says 2, the slope is 1"
    )
    assert in_words(gradient()) == pictures[0]["alt"]


def test_a_fragment_is_one_element_with_a_table(report):
    parsed = read(fragment(report.reports[1]))
    assert parsed.seen[0][0] == "div"
    assert sum(tag == "table" for tag, _ in parsed.seen) == 1
    assert "\N{BALLOT X} FAIL" in "".join(parsed.words)


def test_small_maps_of_a_convolution_lie_side_by_side():
    error = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    flat, rows, columns = fold(error)
    assert (flat.shape, rows, columns) == ((8, 15), 4, 5)
    np.testing.assert_array_equal(flat[4:8, 5:10], error[1, 1])


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 1, 2, 1, 2), (1, 1), (40, 2)])
def test_every_shape_can_be_drawn(shape):
    figure = plot_error(gradient(shape))
    assert figure.axes[0].images[0].get_array().size == np.prod(shape)
    assert error_map(gradient(shape)) == error_map(gradient(shape))


def test_without_whole_gradients_there_is_no_picture():
    assert error_map(GradientResult("dx", (2,), "FAIL", 1.0, 0.0, (0,), 1.0, 0.0)) is None
    assert error_map(gradient(())) is None
