"""Looking at places: the penalty, the gate, the grid of features."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer, check_model
from minicap.models.grid import GridReading
from minicap.models.looking import penalty_backward, penalty_forward


def test_the_penalty_by_hand():
    """Two words, two places: the first place is looked at 1.5 times, the second half a time."""
    weights = np.array([[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]])
    mask = np.array([[True, True, False]])
    penalty, cache = penalty_forward(weights, mask, 3.0)
    assert penalty == 3 * (0.25 + 0.25)
    dweights = penalty_backward(2.0, cache)
    np.testing.assert_array_equal(dweights, [[[6, -6], [6, -6], [0, 0]]])


def test_looking_at_every_place_once_costs_nothing():
    penalty, cache = penalty_forward(np.eye(3)[None], np.ones((1, 3), bool), 5.0)
    assert penalty == 0
    assert not penalty_backward(1.0, cache).any()


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_gradient_with_gate_and_penalty_is_right(gate, layers, cell, captioner, draw):
    model = captioner(
        conditioning="attention", decoder=cell, attention_gate=gate, attention_penalty=0.7, layers=layers
    )
    batch = draw(2, [4, 1, 3, 2])
    check_model(
        model, batch, training=True, rng=np.random.default_rng(1), entries=2, directions=1
    ).assert_ok()
    assert float(model.loss(batch, training=True)[0]) > float(model.loss(batch)[0])


@pytest.mark.parametrize("option", [{"attention_gate": True}, {"attention_penalty": 1.0}])
def test_gate_and_penalty_need_attention(option, captioner):
    with pytest.raises(ValueError, match="go with conditioning 'attention', not 'par'"):
        captioner(**option)


@pytest.mark.parametrize("penalty", [-1.0, float("inf"), float("nan")])
def test_a_penalty_that_is_none(penalty, captioner):
    with pytest.raises(ValueError, match=r"attention_penalty is .* but at least 0 is needed"):
        captioner(conditioning="attention", attention_penalty=penalty)


@pytest.mark.parametrize(("side", "pool"), [(2, 1), (4, 2), (5, 2)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_gradient_of_a_grid_is_right(side, pool, batch_norm, rng, kernels):
    grid = GridReading(3, side, 4, pool=pool, batch_norm=batch_norm, rng=rng, dtype="float64")
    maps = rng.standard_normal((3, 3, side, side))
    check_layer(grid, maps, training=True).assert_ok()
    features, _ = grid.forward(maps)
    assert features.shape == (3, (side // pool) ** 2, 4)


def test_places_stand_in_row_order_and_are_told_apart(rng):
    grid = GridReading(1, 2, 1, rng=rng, dtype="float64")
    grid.params["linear.weight"][...] = 1
    grid.params["linear.bias"][...] = 0
    grid.params["position.weight"][...] = [[0], [10], [20], [30]]
    features, _ = grid.forward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    np.testing.assert_array_equal(features[0, :, 0], [1, 12, 23, 34])


def test_attention_sums_to_one_and_comes_with_every_word(captioner, pictures):
    model = captioner(conditioning="attention", dtype="float64")
    memory, state = model.decoder.start(model.features(pictures))
    step = model.decoder.step(np.ones(4, int), state, memory)
    np.testing.assert_allclose(step.attention.sum(axis=1), 1)
    assert step.attention.shape == (4, 4)
