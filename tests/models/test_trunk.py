"""The convolutions that every model begins with: a line is read, built, and may be frozen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_layer
from minicap.models import ENCODERS, Trunk
from minicap.models.trunk import Part, cell_size, map_shape, read_encoder, telling_trunk_shapes

LINES = st.lists(st.sampled_from(["M", "1", "2", "R2", "R3"]), min_size=1, max_size=6).filter(
    lambda words: words[0] != "M" and words.count("M") < 4
)


def trunk(line, batch_norm=False, dtype="float64"):
    """Return a trunk whose numbers are all drawn."""
    made, rng = (
        Trunk(line, batch_norm=batch_norm, rng=np.random.default_rng(1), dtype=dtype),
        np.random.default_rng(2),
    )
    for name, array in (made.params | made.buffers).items():
        if not name.endswith("weight") or not array.any():
            array[...] = rng.uniform(0.3, 0.9, array.shape)
    return made


# Reading


def test_a_line_by_hand():
    assert read_encoder("8, M,R16 ,16") == [
        Part("conv", 3, 8),
        Part("pool", 8, 8),
        Part("block", 8, 16),
        Part("conv", 16, 16),
    ]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_name_stands_for_its_line(name):
    assert read_encoder(name) == read_encoder(ENCODERS[name])


@pytest.mark.parametrize(
    ("encoder", "size", "expected"),
    [
        ("small", 64, (96, 8)), ("classic", 28, (64, 7)), ("fine", 64, (96, 16)),
        ("5", 9, (5, 9)), ("5,M", 9, (5, 4)), ("5,M,M,M", 15, (5, 1)),
    ],
)  # fmt: skip
def test_the_shape_of_the_last_map(encoder, size, expected):
    assert map_shape(encoder, size) == expected
    assert size // cell_size(encoder) == expected[1]


BAD = ["", "M,8", "8,,M", "8,M,", "8 M", "m", "08", "0", "-8", "8.0", "+8", "R", "R0", "RM", "r8", "10000", "８",
       "huge", "8;M", "8,M\n9", ",".join(["1"] * 65), "1" * 100_000]  # fmt: skip


@pytest.mark.parametrize("line", BAD, ids=lambda line: repr(line[:12]))
def test_what_is_no_line_is_named(line):
    message = (
        "there is no encoder .*; choose one of small, classic, fine, or write one down: .* as in 32,M,64,M$"
    )
    with pytest.raises(ValueError, match=message) as caught:
        read_encoder(line)
    assert len(str(caught.value)) < 400


def test_the_largest_that_can_be_written():
    assert len(read_encoder(",".join(["1"] * 64))) == 64
    assert read_encoder("4096")[0].filters == 4096
    with pytest.raises(ValueError, match="encoder: 4097 filters are more than 4096; use fewer"):
        read_encoder("8,R4097")


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_picture_too_small_for_so_much_pooling_is_named(size):
    message = (
        f"encoder: image_size is {size} but 2 halvings need at least 4 pixels; use larger images or less"
    )
    with pytest.raises(ValueError, match=message):
        map_shape("classic", size)


# Building


def test_names_of_layers_and_parameters():
    made = Trunk("2,2,M,R4,M,3", rng=np.random.default_rng(0))
    assert list(made.layers) == [
        "conv1",
        "relu1",
        "conv2",
        "relu2",
        "pool1",
        "block3",
        "pool2",
        "conv4",
        "relu4",
    ]
    assert list(made.params)[:2] == ["conv1.weight", "conv1.bias"]
    normed = Trunk("2,M,R2,M,3", batch_norm=True, rng=np.random.default_rng(0))
    assert list(normed.layers) == [
        "conv1",
        "norm1",
        "relu1",
        "pool1",
        "block2",
        "pool2",
        "conv3",
        "norm3",
        "relu3",
    ]
    assert "block2.body.norm2.gamma" in normed.params
    assert list(normed.buffers)[:2] == ["norm1.running_mean", "norm1.running_var"]


@given(words=LINES, size=st.integers(8, 11), batch_norm=st.booleans(), training=st.booleans())
def test_the_map_has_the_shape_that_the_line_says(words, size, batch_norm, training):
    line = ",".join(words)
    made = trunk(line, batch_norm, "float32")
    maps, _ = made.forward(np.ones((2, 3, size, size), np.float32), training=training)
    filters, side = map_shape(line, size)
    assert maps.shape == (2, filters, side, side)
    assert (maps >= 0).all()


@given(words=LINES, batch_norm=st.booleans())
def test_every_weight_is_told_or_smaller_than_one_that_is(words, batch_norm):
    """So that a file which bears out what is told has paid for the memory that is taken."""
    line = ",".join(words)
    params = {f"encoder.{name}": array.shape for name, array in trunk(line, batch_norm).params.items()}
    told = telling_trunk_shapes(line)
    assert told.items() <= params.items()
    for name, shape in params.items():
        block = ".".join(name.split(".")[:2])
        assert name in told or np.prod(shape) <= max(
            np.prod(other) for key, other in told.items() if key.startswith(block.replace("norm", "conv"))
        )


def test_it_is_its_layers_in_order(rng, kernels):
    made, x = trunk("2,M,R3", batch_norm=True), rng.standard_normal((2, 3, 6, 6))
    maps, cache = made.forward(x)
    for layer in made.layers.values():
        x, _ = layer.forward(x)
    np.testing.assert_array_equal(maps, x)
    assert list(cache) == list(made.layers)


def test_convolutions_keep_the_size_by_zeros_around(rng):
    """A cell on the edge sees zeros where the picture ends: what a larger black picture has there."""
    made, x = trunk("2,2"), rng.standard_normal((1, 3, 4, 4))
    for name in ("conv1.bias", "conv2.bias"):
        made.params[name][...] = 0
    maps, _ = made.forward(x)
    wide, _ = made.forward(np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3))))
    np.testing.assert_allclose(maps[:, :, 1:-1, 1:-1], wide[:, :, 4:-4, 4:-4], rtol=1e-12)
    assert (maps[:, :, 0] != wide[:, :, 3, 3:-3]).any()  # the second layer's zeros are not the first's map


@pytest.mark.parametrize("line", ["2,M,R3", "2,3,M,2"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_is_right(line, batch_norm, training, rng, kernels):
    check_layer(trunk(line, batch_norm), rng.standard_normal((2, 3, 3, 3)), training=training).assert_ok()


# Freezing


def test_frozen_convolutions_have_no_gradient_and_keep_their_statistics(rng, kernels):
    made, x = trunk("2,M,R3", batch_norm=True), rng.standard_normal((2, 3, 4, 4))
    quiet, _ = made.forward(x)
    assert not made.frozen
    made.frozen = True
    before = {name: array.copy() for name, array in (made.params | made.buffers).items()}
    maps, cache = made.forward(x, training=True)
    np.testing.assert_array_equal(maps, quiet)
    assert made.backward(np.ones_like(maps), cache) == (None, {})
    for name, array in (made.params | made.buffers).items():
        np.testing.assert_array_equal(array, before[name])
    made.frozen = False
    loud, _ = made.forward(x, training=True)
    assert (loud != quiet).any()
    assert (made.buffers["norm1.running_mean"] != before["norm1.running_mean"]).all()
