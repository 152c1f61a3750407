"""Fully connected layers behind a map, their widths written down in one line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_layer
from minicap.models.dense import dense_layers, read_widths, telling_dense_shapes


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ("512,128", [512, 128]), (" 7 , 8", [7, 8]), ("", []), ("65536", [65536]), ((5, 6), [5, 6]), ([], []),
        (["5", 6], [5, 6]), (",".join("1" * 16), [1] * 16), ("000000009", [9]),
    ],
)  # fmt: skip
def test_widths_are_read(widths, expected):
    assert read_widths(widths) == expected


BAD = [" ", ",", "5,", "0", "-5", "5.0", "x", "5 6", "65537", "1e3", "9" * 5000, "00000000065537", "+5", "²", "５", "٣",
       [0], [5.0], [True], [None], ["5,6"], [1] * 17]  # fmt: skip


@pytest.mark.parametrize("widths", BAD, ids=lambda widths: repr(widths)[:12])
def test_what_is_no_width_is_named(widths):
    with pytest.raises(
        ValueError, match=r"there are no widths .*; write the widths of .* as in 512,128$"
    ) as caught:
        read_widths(widths)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("widths", [[], [4], [4, 3]])
def test_it_is_linear_relu_linear(widths, rng, kernels):
    maps = rng.standard_normal((5, 2, 3, 3))
    layers = dense_layers(18, widths, 2, rng=rng, dtype="float64")
    x = maps.reshape(5, 18)  # filter by filter, row by row
    for i in range(1, len(widths) + 2):
        layers.params[f"linear{i}.bias"][...] = 0.3
        x = x @ layers.params[f"linear{i}.weight"] + 0.3
        x = np.maximum(x, 0) if i <= len(widths) else x
    y, _ = layers.forward(maps)
    np.testing.assert_allclose(y, x, rtol=1e-12)
    assert (y < 0).any()  # the last one has no ReLU


def test_dropout_stands_behind_each_hidden_layer_only_while_training(rng):
    assert [name for name in dense_layers(8, [4, 3], 2, dropout=0.5, rng=rng).layers if "drop" in name] == [
        "dropout1",
        "dropout2",
    ]
    assert not any("drop" in name for name in dense_layers(8, [4, 3], 2, rng=rng).layers)
    assert dense_layers(8, [4], 2, dropout=0.2, rng=rng).layers["dropout1"].options == {
        "p": 0.2
    }  # dropped, not kept
    layers, x = dense_layers(8, [40], 2, dropout=0.5, rng=rng, dtype="float64"), rng.standard_normal((3, 8))
    quiet = layers.forward(x)[0]
    np.testing.assert_array_equal(layers.forward(x, rng=rng)[0], quiet)
    loud = [layers.forward(x, training=True, rng=np.random.default_rng(k))[0] for k in (1, 1, 2)]
    np.testing.assert_array_equal(loud[0], loud[1])
    assert (loud[0] != quiet).any()
    assert (loud[0] != loud[2]).any()


@given(widths=st.lists(st.integers(1, 5), max_size=4), in_size=st.integers(1, 6), out_size=st.integers(1, 4))
def test_all_weights_are_told(widths, in_size, out_size):
    layers = dense_layers(in_size, widths, out_size, rng=np.random.default_rng(0))
    weights = {name: a.shape for name, a in layers.params.items() if name.endswith("weight")}
    assert telling_dense_shapes(in_size, widths, out_size) == weights


def test_weights_start_as_their_nonlinearity_wants_and_biases_at_zero(rng):
    params = dense_layers(4000, [300], 300, rng=rng, dtype="float64").params
    assert params["linear1.weight"].std() == pytest.approx((2 / 4000) ** 0.5, rel=0.01)  # He, for the ReLU
    assert params["linear2.weight"].std() == pytest.approx((2 / 600) ** 0.5, rel=0.01)  # Glorot
    assert not params["linear1.bias"].any()
    assert not params["linear2.bias"].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(dtype, rng, kernels):
    layers = dense_layers(8, [4], 2, dropout=0.5, rng=rng, dtype=dtype)
    y, cache = layers.forward(rng.standard_normal((3, 2, 2, 2)).astype(dtype), training=True, rng=rng)
    dx, grads = layers.backward(y, cache)
    assert dx.shape == (3, 2, 2, 2)
    assert {a.dtype for a in (y, dx, *grads.values(), *layers.params.values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_gradient_is_right(dropout, rng, kernels):
    layers = dense_layers(8, [5, 4], 3, dropout=dropout, rng=rng, dtype="float64")
    check_layer(layers, rng.standard_normal((3, 2, 2, 2)), training=True, rng=rng).assert_ok()
