"""Recurrent cells behind one interface, and stacks of them."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.layers import CELLS, RecurrentStack

MASK = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]], bool)


def stack(cell, layers=1, dropout=0.0, dtype="float64"):
    """Return a stack for inputs of width 2 with two hidden units a layer."""
    return RecurrentStack(
        cell, 2, 2, layers=layers, dropout=dropout, rng=np.random.default_rng(3), dtype=dtype
    )


class AsLayer:
    """A stack whose ``run`` is called ``forward``, as ``check_layer`` expects."""

    inputs = ("x", "state")

    def __init__(self, stack):
        self.stack = stack

    @property
    def params(self):
        return self.stack.params

    def forward(self, x, state, **options):
        hs, last, cache = self.stack.run(x, state, **options)
        return (hs, last), cache

    def backward(self, dhs, dlast, cache):
        dx, dbeside, dstate, grads = self.stack.run_backward(dhs, dlast, cache)
        assert dbeside is None
        return (dx, dstate), grads


class WithCompany(AsLayer):
    """The same, with an input beside that of every step."""

    inputs = ("x", "beside", "state")

    def forward(self, x, beside, state, **options):
        hs, last, cache = self.stack.run(x, state, beside=beside, **options)
        return (hs, last), cache

    def backward(self, dhs, dlast, cache):
        dx, dbeside, dstate, grads = self.stack.run_backward(dhs, dlast, cache)
        return (dx, dbeside, dstate), grads


@pytest.fixture(params=CELLS)
def cell(request):
    """Each cell in turn."""
    return request.param


def inputs(net, rng, n=3, t=3):
    return rng.standard_normal((n, t, 2)), rng.standard_normal((n, net.state_size))


@pytest.mark.parametrize(("layers", "dropout", "mask"), [(1, 0.4, None), (2, 0.0, MASK), (3, 0.4, MASK)])
def test_the_gradient_is_right(cell, layers, dropout, mask, rng, kernels):
    net = stack(cell, layers, dropout)
    check_layer(AsLayer(net), *inputs(net, rng), mask=mask, training=True, rng=rng).assert_ok()


@pytest.mark.parametrize(("layers", "mask"), [(1, MASK), (2, None)])
def test_what_stands_beside_every_input_is_read_at_every_step(cell, layers, mask, rng, kernels):
    net = stack(cell, layers)
    x, state = inputs(net, rng)
    beside = rng.standard_normal((3, 1))
    check_layer(WithCompany(net), x[..., :1], beside, state, mask=mask).assert_ok()
    repeated = np.concatenate([x[..., :1], np.repeat(beside[:, None], 3, axis=1)], axis=2)
    hs, _, _ = net.run(x[..., :1], state, beside=beside, mask=mask)
    np.testing.assert_allclose(hs, net.run(repeated, state, mask=mask)[0], rtol=1e-13)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_steps_in_a_loop_give_the_sequence(cell, layers, rng, kernels):
    net = stack(cell, layers, dropout=0.5)
    x, state = inputs(net, rng)
    hs, last, _ = net.run(x, state)
    for t in range(3):
        h, state = net.step(x[:, t], state)
        np.testing.assert_allclose(h, hs[:, t], rtol=1e-13)
    np.testing.assert_allclose(state, last, rtol=1e-13)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_gru_of_the_paper_resets_before_the_product(layers, rng, kernels):
    net = RecurrentStack(
        "gru", 2, 2, layers=layers, reset_after=False, rng=np.random.default_rng(3), dtype="float64"
    )
    x, state = inputs(net, rng)
    check_layer(AsLayer(net), x, state, mask=MASK).assert_ok()
    hs, last, _ = net.run(x, state)
    assert (hs != stack("gru", layers).run(x, state)[0]).any()
    for t in range(3):
        h, state = net.step(x[:, t], state)
        np.testing.assert_allclose(h, hs[:, t], rtol=1e-13)
    np.testing.assert_allclose(state, last, rtol=1e-13)


def test_a_stack_is_one_cell_reading_the_other(cell, rng, kernels):
    net = stack(cell, 2)
    x, state = inputs(net, rng)
    half = net.state_size // 2
    below, _, _ = net.cells[0].run(x, state[:, :half])
    above, _, _ = net.cells[1].run(below, state[:, half:])
    np.testing.assert_array_equal(net.run(x, state)[0], above)


def test_the_state_of_an_lstm_is_hidden_and_cell_side_by_side(rng, kernels):
    assert [stack(name, 2).state_size for name in ("rnn", "lstm", "gru")] == [4, 8, 4]
    lstm = stack("lstm").cells[0]
    x, state = rng.standard_normal((2, 1, 2)), rng.standard_normal((2, 4))
    (hs, c_last), _ = lstm.forward(x, state[:, :2], state[:, 2:])
    np.testing.assert_allclose(lstm.step(x[:, 0], state), np.hstack([hs[:, 0], c_last]), rtol=1e-13)


def test_dropout_stands_between_layers_only_and_only_in_training(rng, kernels):
    x, state = inputs(stack("rnn"), rng)
    single, double = stack("rnn", 1, dropout=0.9), stack("rnn", 2, dropout=0.9)
    plain = single.run(x, state)[0]
    np.testing.assert_array_equal(single.run(x, state, training=True, rng=rng)[0], plain)
    state = np.hstack([state, state])
    quiet = double.run(x, state)[0]
    np.testing.assert_array_equal(double.run(x, state, training=False, rng=rng)[0], quiet)
    loud = [double.run(x, state, training=True, rng=np.random.default_rng(k))[0] for k in (1, 1, 2)]
    np.testing.assert_array_equal(loud[0], loud[1])
    assert (loud[0] != quiet).any()
    assert (loud[0] != loud[2]).any()


def test_dropout_without_a_generator_is_named(rng):
    net = stack("rnn", 2, dropout=0.5)
    with pytest.raises(ValueError, match=r"^dropout: training draws at random; pass rng="):
        net.run(*inputs(net, rng), training=True)


def test_names_shapes_and_start_of_parameters():
    net = stack("lstm", 2)
    assert list(net.params) == [f"layer{i}.{name}" for i in (1, 2) for name in ("w_x", "w_h", "b")]
    assert [net.params[f"layer{i}.w_x"].shape for i in (1, 2)] == [(2, 8), (2, 8)]
    assert net.params["layer1.b"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]  # the forget gate stands open
    for block in np.split(net.params["layer2.w_h"], 4, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(2), atol=1e-12)


def test_float32_stays_float32(cell, rng, kernels):
    net = stack(cell, 2, dtype="float32")
    x, state = (array.astype(np.float32) for array in inputs(net, rng))
    hs, _, cache = net.run(x, state, mask=MASK)
    dx, _, dstate, grads = net.run_backward(np.ones_like(hs), None, cache)
    h, after = net.step(x[:, 0], state)
    assert {a.dtype for a in (hs, dx, dstate, h, after, *grads.values())} == {np.dtype("float32")}


def test_what_does_not_exist_is_named():
    with pytest.raises(
        ValueError, match=r"^RecurrentStack: there is no cell 'lstn'; choose one of rnn, lstm, gru"
    ):
        stack("lstn")
    with pytest.raises(ValueError, match=r"^RecurrentStack: layers is 0 but at least 1 is needed"):
        stack("gru", 0)
