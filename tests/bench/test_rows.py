"""The rows: names, arithmetic, random shapes, and which of them a pattern means."""

from __future__ import annotations

import json

import pytest

from minicap.bench import Row, catalogue, choose
from minicap.bench.rows import ALL, CONV_PARTS, GROUPS
from minicap.bench.shapes import LEAST_FLOPS, MOST_FLOPS, SHAPES, ConvShape, draw_shapes
from minicap.errors import InputError

ROWS = catalogue(random=2, seed=3)


def names(*patterns: str) -> list[str]:
    """Return the names that patterns choose."""
    return [row.name for row in choose(ROWS, patterns)]


def test_every_row_has_a_name_of_its_own_and_a_known_group():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.group for row in ROWS} == set(GROUPS)


def test_a_row_reaches_a_worker_as_it_is():
    assert [Row(**json.loads(json.dumps(row.to_dict()))) for row in ROWS] == ROWS


def test_each_convolution_has_its_four_directions():
    convs = [row for row in ROWS if row.kind == "conv"]
    assert len(convs) == 4 * (len(SHAPES) + 2)
    assert [row.part for row in convs[:4]] == list(CONV_PARTS)


def test_the_arithmetic_of_a_convolution_by_hand():
    shape = ConvShape(2, 3, 5, 7, 4)  # 2 x 4 x 5 x 7 places, 27 products and 27 sums each
    assert shape.flops == 2 * 280 * 27
    assert ConvShape(2, 4, 5, 7, 4, groups=4).flops == 2 * 280 * 9
    assert ConvShape(1, 1, 7, 7, 1, kernel=3, stride=2).output == (4, 4)
    three = next(row for row in ROWS if row.part == ALL)
    assert three.flops == 3 * ROWS[0].flops


def test_the_arithmetic_of_models_by_hand():
    flops = {row.name: row.flops for row in ROWS}
    places, batch = 28 * 28, 64
    conv1, conv2 = 2 * batch * places * 32 * 27, 2 * batch * places // 4 * 64 * 288
    dense = 2 * batch * (3136 * 512 + 512 * 128 + 128 * 10)
    assert flops["classifier step"] == 3 * (conv1 + conv2 + dense) - conv1
    assert flops["LSTM N=64 T=17 D=128 H=128 forward + backward"] == 3 * 2 * 64 * 17 * 256 * 512


def test_random_shapes_are_those_of_their_seed_and_cost_some_milliseconds():
    drawn = draw_shapes(20, 7)
    assert drawn == draw_shapes(20, 7)
    assert drawn != draw_shapes(20, 8)
    assert len(set(drawn)) == 20
    assert all(LEAST_FLOPS <= shape.flops <= MOST_FLOPS and min(shape.output) >= 1 for shape in drawn)
    assert all(type(value) is int for shape in drawn for value in shape)  # JSON knows no others


def test_no_pattern_means_all_and_several_mean_any_in_the_tables_order():
    assert names() == names("", " ") == [row.name for row in ROWS]
    assert names("greedy", "CLASSIFIER STEP") == [
        "classifier step", "greedy decoding of 64 images", "peak memory of classifier steps",
    ]  # fmt: skip


def test_a_pattern_with_stars_fits_whole_names():
    assert names("*step") == ["classifier step", "captioner step"]
    assert names("lstm*h=12?*") == ["LSTM N=64 T=17 D=128 H=128 forward + backward"]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("clasifier", "'classifier'"),
        ("embeding", "'embedding'"),
        ("qqq", "minicap bench --list"),
        ("step*x", ""),
    ],
)
def test_an_unknown_pattern_is_told_what_may_be_meant(pattern, meant):
    with pytest.raises(InputError, match="--rows: no row fits") as caught:
        choose(ROWS, ["conv", pattern])
    assert repr(pattern) in str(caught.value)
    assert meant in str(caught.value)
