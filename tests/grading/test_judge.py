"""What is said of a result: its form first, then its numbers, never what is right."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minicap.grading.judge import Item, judge_cache, judge_outputs, without_numbers, wrong
from minicap.grading.values import MOST_NUMBERS, Seed, packed, result_form, unpacked

RIGHT = np.array([[1.5, -2.0, 0.25], [0.0, 3.0, 1.0]])


def said(value, right=RIGHT, tolerance=1e-6):
    """Return what is said of a value after its way through JSON."""
    return wrong(json.loads(json.dumps(result_form(value))), right, tolerance)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (RIGHT, ""),
        (RIGHT + 1e-9, ""),
        (RIGHT.tolist(), ""),
        (RIGHT.astype(np.float32), ""),
        (RIGHT + 1e-5, "is wrong at 6 of 6 entries"),
        (RIGHT * [1, 1, 2], "is wrong at 2 of 6 entries"),
        (0 * RIGHT, "is zero everywhere"),
        (RIGHT.T, "has shape (3, 2) where (2, 3) is right, as if transposed"),
        (RIGHT[0], "has shape (3,) where (2, 3) is right"),
        (RIGHT[None], "has shape (1, 2, 3) where (2, 3) is right"),
        (7.0, "has shape () (a number) where (2, 3) is right"),
        (np.full((2, 3), np.nan), "is not finite at 6 of 6 entries"),
        (np.array([[np.inf, 0, 0], [0, 0, 0]]), "is not finite at 1 of 6 entries"),
        (None, "is None"),
        ("dw", "is no array of numbers: str"),
        (object(), "is no array of numbers: object"),
        ([[1, 2], [3]], "is no array of numbers: list"),
        (RIGHT + 1j, "is no array of numbers: ndarray"),
        (np.zeros((1000, 1000)), "has shape (1000, 1000) where (2, 3) is right"),
    ],
)
def test_what_is_said(value, sentence):
    assert said(value) == sentence


def test_a_number_is_a_result_too():
    assert said(np.float64(2.0), np.asarray(2.0)) == ""
    assert said(2.5, np.asarray(2.0)) == "is wrong at 1 of 1 entries"


def test_zero_is_right_where_zero_is_right():
    assert said(0 * RIGHT, 0 * RIGHT) == ""
    assert said(0 * RIGHT + 1e-16, 0 * RIGHT) == ""
    assert said(0 * RIGHT + 1e-11, 0 * RIGHT) == "is wrong at 6 of 6 entries"


@pytest.mark.parametrize(
    "form",
    [
        7, [], "x", {"shape": 3}, {"shape": ["2", 3]}, {"shape": [2, 3]}, {"shape": [2, 3], "data": 5},
        {"shape": [2, 3], "data": [1.0]}, {"shape": [2, 3], "data": ["a"] * 6}, {"shape": [2, True], "data": []},
        {"shape": [2, 3], "data": [[1.0]] * 6},
    ],
)  # fmt: skip
def test_a_forged_form_is_no_result(form):
    assert wrong(form, RIGHT, 1e-6) in ("is missing", "cannot be read")


def test_a_huge_result_is_not_carried():
    form = result_form(np.zeros(MOST_NUMBERS + 1))
    assert form == {"shape": [MOST_NUMBERS + 1], "dtype": "float64"}
    assert wrong(form, np.zeros(MOST_NUMBERS + 1), 1e-6) == "cannot be read"


@pytest.mark.parametrize(
    "value", [RIGHT, np.array([[1, 2]]), 3, 2.5, "keep", (1, (2, 3)), ((0, 1), (2, 0)), True]
)
def test_arguments_come_back_as_they_were(value):
    back = unpacked(json.loads(json.dumps(packed(value))))
    assert type(back) is type(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(back, value)
        assert back.dtype == value.dtype
    else:
        assert back == value


def test_a_seed_comes_back_as_a_new_generator():
    one, two = (unpacked(packed(Seed(5))) for _ in range(2))
    assert one.random() == two.random() == np.random.default_rng(5).random()


def test_outputs_and_cache():
    x, y = np.ones((2, 3)), np.zeros(2) + 4
    case = {"outputs": [result_form(y)], "cache": [result_form(x), result_form(y)]}
    assert judge_outputs(["y"], case, [y], 1e-6) == ""
    assert judge_outputs(["y"], case, [y + 1], 1e-6) == "y is wrong at 2 of 2 entries"
    assert judge_outputs(["h", "c"], case, [y, y], 1e-6).startswith(
        "it returns 1 outputs beside the cache where h, c"
    )
    assert judge_outputs(["y"], {}, [y], 1e-6) == "what came back cannot be read"
    assert judge_cache([], {}, {}, {}) == ""
    assert judge_cache(["x", "y"], case, {"x": x}, {"y": y}) == ""
    for order in (["y", "x"], ["x"]):
        assert judge_cache(order, case, {"x": x}, {"y": y}).startswith("the cache is not the tuple of ")


def test_long_decimals_are_taken_out_of_sentences():
    text = without_numbers("it raised  ValueError:\n [[-1.234567 2.5] 3.14159e-05], 2 times, line 12")
    assert text == "it raised ValueError: [[... 2.5] ...], 2 times, line 12"
    assert len(without_numbers("x" * 10_000)) == 600


def test_an_item_is_right_or_not():
    item = Item("dw", 4, True)
    assert (item.points, item.said("wrong").sentence) == (4, "wrong")
    assert Item("dw", 4, False).points == 0
