"""Optimisers and clipping."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicap
from minicap.optim import OPTIMIZERS, Adam, AdamW, RmsProp, Sgd, clip_by_global_norm, global_norm

GOLDEN = Path(__file__).resolve().parent / "golden" / "optim.npz"


def one(value, dtype="float64"):
    return {"w": np.array([value], dtype)}


def matrix(value, dtype="float64"):
    return {"w": np.array([[value]], dtype)}


# Steps


def test_sgd_worked_by_hand():
    params, optimizer = one(1.0), Sgd(0.1, momentum=0.5)
    found = []
    for grad in (2.0, 2.0, -4.0):  # velocities 2, 3, -2.5
        optimizer.step(params, one(grad))
        found.append(params["w"].item())
    assert found == pytest.approx([0.8, 0.5, 0.75], rel=1e-14)


def test_sgd_without_momentum_is_plain_descent():
    params, optimizer = one(1.0), Sgd(0.1, momentum=0.0)
    for _ in range(3):
        optimizer.step(params, one(2.0))
    assert params["w"].item() == pytest.approx(0.4, rel=1e-14)


def test_adam_worked_by_hand():
    """With means forgotten by half: the first step is lr * g / (|g| + eps), whatever the size of g."""
    params, optimizer = one(1.0), Adam(0.1, beta1=0.5, beta2=0.5, eps=1.0)
    optimizer.step(params, one(3.0))
    assert params["w"].item() == pytest.approx(1 - 0.1 * 3 / 4, rel=1e-14)
    optimizer.step(params, one(0.0))  # m = 3/4, v = 9/4, both divided by 3/4: 1 and 3
    assert params["w"].item() == pytest.approx(1 - 0.075 - 0.1 / (math.sqrt(3) + 1), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_adams_first_step_has_the_length_of_the_learning_rate(scale):
    params = {"w": np.zeros(2)}
    Adam(0.01, eps=1e-20).step(params, {"w": np.array([scale, -scale])})
    np.testing.assert_allclose(params["w"], [-0.01, 0.01], rtol=1e-12)


def test_rmsprop_worked_by_hand():
    """With a mean forgotten by half: v = 8, 4 after gradients of 4 and 0."""
    params, optimizer = one(1.0), RmsProp(0.1, decay=0.5, eps=1.0)
    optimizer.step(params, one(4.0))
    assert params["w"].item() == pytest.approx(1 - 0.1 * 4 / (math.sqrt(8) + 1), rel=1e-14)
    optimizer.step(params, one(0.0))
    optimizer.step(params, one(math.sqrt(12)))  # v = (4 + 12) / 2 = 8
    expected = 1 - 0.1 * (4 + math.sqrt(12)) / (math.sqrt(8) + 1)
    assert params["w"].item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rmsprops_first_step_is_the_learning_rate_over_the_root_of_what_is_new(scale):
    params = {"w": np.zeros(2)}
    RmsProp(0.01, decay=0.75, eps=1e-20).step(params, {"w": np.array([scale, -scale])})
    np.testing.assert_allclose(params["w"], [-0.02, 0.02], rtol=1e-12)


ADAM = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("adam", Adam(0.01, **ADAM)),
        ("sgd", Sgd(0.05, momentum=0.7)),
        ("rmsprop", RmsProp(0.01, decay=0.8, eps=1e-3)),
        ("adam_decay", Adam(0.01, **ADAM, weight_decay=0.3)),
        ("sgd_decay", Sgd(0.05, momentum=0.7, weight_decay=0.3)),
        ("rmsprop_decay", RmsProp(0.01, decay=0.8, eps=1e-3, weight_decay=0.3)),
        ("adamw", AdamW(0.01, **ADAM, weight_decay=0.3)),
    ],
)
def test_ten_steps_are_pytorchs(name, optimizer):
    with np.load(GOLDEN) as golden:
        params, path = {"w": golden["first"].copy()}, golden[name]
        for grad, expected in zip(golden["grads"], path, strict=True):
            optimizer.step(params, {"w": grad})
            np.testing.assert_allclose(params["w"], expected, rtol=1e-11)
    assert optimizer.steps == 10


@pytest.fixture(params=OPTIMIZERS)
def optimizer(request):
    """Each optimiser in turn, with its defaults."""
    return OPTIMIZERS[request.param]()


def test_it_finds_the_bottom_of_a_bowl(optimizer):
    optimizer.lr, bottom = 0.05, np.array([3.0, -2.0])
    params = {"w": np.zeros(2)}
    for _ in range(400):
        optimizer.step(params, {"w": params["w"] - bottom})
    np.testing.assert_allclose(params["w"], bottom, atol=1e-3)


def test_parameters_move_in_place_and_gradients_are_left_alone(optimizer):
    params, grads = one(1.0), one(2.0)
    array = params["w"]
    optimizer.step(params, grads)
    assert params["w"] is array
    assert array.item() != 1.0
    assert grads["w"].item() == 2.0


def test_no_memory_is_shared_with_the_gradient(optimizer):
    params, grads = one(1.0), one(2.0)
    optimizer.step(params, grads)
    assert not any(np.shares_memory(array, grads["w"]) for array in optimizer.state.values())


def test_a_parameter_without_a_gradient_is_frozen(optimizer):
    params = {"w": np.ones(2), "frozen": np.ones(3)}
    optimizer.step(params, {"w": np.ones(2)})
    assert params["frozen"].tolist() == [1, 1, 1]
    assert {name.rpartition(".")[2] for name in optimizer.state} == {"w"}


def test_float32_stays_float32_also_with_a_numpy_learning_rate(optimizer):
    optimizer.lr = np.float64(0.1)
    params = one(1.0, "float32")
    optimizer.step(params, one(2.0, "float32"))
    assert {params["w"].dtype, *(a.dtype for a in optimizer.state.values())} == {np.dtype("float32")}


@pytest.mark.parametrize("kernel_set", ["reference", "compiled"])
def test_arrays_may_lie_in_memory_in_any_way(optimizer, kernel_set):
    """Transposed and strided parameters and gradients move as contiguous ones do."""
    if kernel_set == "compiled" and not minicap.kernels.compiled_available():
        pytest.skip("no compiled kernels in this installation")
    rng = np.random.default_rng(3)
    start, grads = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    plain, odd = {"w": start.copy()}, {"w": np.zeros((6, 8)).T[::2]}
    odd["w"][...] = start
    other = type(optimizer)(weight_decay=0.1)
    optimizer.weight_decay = 0.1
    with minicap.use_kernels(kernel_set):
        for grad in grads:
            optimizer.step(plain, {"w": grad})
            other.step(odd, {"w": np.asfortranarray(grad)})
    np.testing.assert_array_equal(odd["w"], plain["w"])
    assert (odd["w"] != start).all()


def test_the_state_is_all_there_is(optimizer):
    """A new optimiser with the same state and step count goes on as if nothing had happened."""
    params = {"w": np.arange(3.0)}
    grads = np.random.default_rng(0).standard_normal((6, 3))
    for grad in grads[:3]:
        optimizer.step(params, {"w": grad})
    other = type(optimizer)()
    other.steps, other.state = (
        optimizer.steps,
        {name: array.copy() for name, array in optimizer.state.items()},
    )
    copied = {"w": params["w"].copy()}
    for grad in grads[3:]:
        optimizer.step(params, {"w": grad})
        other.step(copied, {"w": grad})
    np.testing.assert_array_equal(copied["w"], params["w"])


@pytest.mark.parametrize("lr", [0, -1, math.nan, math.inf])
def test_a_learning_rate_that_makes_no_sense_is_named(optimizer, lr):
    with pytest.raises(
        ValueError, match=f"^{type(optimizer).__name__}: lr is {lr} but a positive number is needed"
    ):
        type(optimizer)(lr)


def test_gradients_that_do_not_fit_are_named_and_nothing_has_moved(optimizer):
    params, kind = {"v": np.ones(2), "w": np.ones(2)}, type(optimizer).__name__
    with pytest.raises(ValueError, match=rf"^{kind}: gradient w is \(3,\) but the parameter is \(2,\)"):
        optimizer.step(params, {"v": np.ones(2), "w": np.ones(3)})
    with pytest.raises(
        ValueError, match=rf"^{kind}: gradient u is \(2,\) but the parameter is no such parameter"
    ):
        optimizer.step(params, {"v": np.ones(2), "u": np.ones(2)})
    assert params["v"].tolist() == [1, 1]
    assert (optimizer.steps, optimizer.state) == (0, {})


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Sgd, {"momentum": 1.5}),
        (Adam, {"beta1": 1.0}),
        (Adam, {"beta2": 2.0}),
        (AdamW, {"beta2": -1.0}),
        (RmsProp, {"decay": 1.0}),
    ],
)
def test_options_that_make_no_sense_are_named(kind, options):
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {name} is {value} but 0 to below 1 is needed"):
        kind(0.1, **options)


# Weight decay


def test_the_l2_penalty_worked_by_hand():
    params, optimizer = matrix(1.0), Sgd(0.1, momentum=0.5, weight_decay=0.5)
    optimizer.step(params, matrix(2.0))  # velocity 2 + 0.5 = 2.5
    assert params["w"].item() == pytest.approx(0.75, rel=1e-14)
    optimizer.step(params, matrix(0.0))  # velocity 1.25 + 0.375 = 1.625
    assert params["w"].item() == pytest.approx(0.5875, rel=1e-14)


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e3])
def test_decoupled_decay_takes_the_same_share_whatever_the_gradient(gradient):
    params = matrix(4.0)
    AdamW(0.1, weight_decay=0.5, eps=1e-20).step(params, matrix(gradient))
    assert params["w"].item() == pytest.approx(4 * (1 - 0.05) - 0.1, rel=1e-12)


def test_a_penalty_inside_adam_does_not():
    ends = []
    for decay in (0.0, 0.5):
        params = matrix(4.0)
        Adam(0.1, weight_decay=decay, eps=1e-20).step(params, matrix(1e3))
        ends.append(params["w"].item())
    assert ends == pytest.approx([3.9, 3.9], rel=1e-12)


def test_adamw_without_decay_is_adam():
    grads = np.random.default_rng(1).standard_normal((5, 2, 3))
    ends = []
    for kind in (Adam, AdamW):
        params, optimizer = {"w": np.ones((2, 3))}, kind(0.01)
        for grad in grads:
            optimizer.step(params, {"w": grad})
        ends.append(params["w"])
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_what_has_two_axes_decays(name):
    """Without a gradient, weights shrink and biases, scales and frozen weights stay where they are."""
    params = {
        "linear": np.full((2, 3), 2.0),
        "conv": np.full((2, 1, 3, 3), -2.0),
        "bias": np.full(3, 2.0),
        "scale": np.full((), 2.0),
        "frozen": np.full((2, 2), 2.0),
    }
    optimizer = OPTIMIZERS[name](0.01, weight_decay=0.1)
    for _ in range(3):
        grads = {key: np.zeros_like(param) for key, param in params.items() if key != "frozen"}
        optimizer.step(params, grads)
    assert (params["linear"] < 2).all()
    assert (params["conv"] > -2).all()
    assert all((params[key] == 2).all() for key in ("bias", "scale", "frozen"))


def test_decay_leaves_the_gradient_alone_and_keeps_float32(optimizer):
    optimizer = type(optimizer)(0.1, weight_decay=np.float64(0.1))
    optimizer.lr = np.float64(0.1)
    params, grads = matrix(1.0, "float32"), matrix(2.0, "float32")
    optimizer.step(params, grads)
    assert grads["w"].item() == 2.0
    assert {params["w"].dtype, *(a.dtype for a in optimizer.state.values())} == {np.dtype("float32")}


@pytest.mark.parametrize("decay", [-0.1, math.nan, math.inf])
def test_a_decay_that_makes_no_sense_is_named(optimizer, decay):
    with pytest.raises(ValueError, match=f"^{type(optimizer).__name__}: weight_decay is {decay} but 0 or a"):
        type(optimizer)(0.1, weight_decay=decay)


# Clipping


def test_the_norm_is_taken_over_all_gradients_together():
    grads = {"a": np.array([[3.0, 0.0]]), "b": np.array([0.0, 0.0, 4.0])}
    assert global_norm(grads) == 5
    clipped, norm = clip_by_global_norm(grads, 1.0)
    assert norm == 5
    np.testing.assert_allclose(clipped["a"], [[0.6, 0]], rtol=1e-15)
    np.testing.assert_allclose(clipped["b"], [0, 0, 0.8], rtol=1e-15)
    assert grads["a"].tolist() == [[3.0, 0.0]]


@given(st.floats(0.01, 100), st.integers(0, 99))
def test_clipping_shortens_and_never_turns(limit, seed):
    rng = np.random.default_rng(seed)
    grads = {"a": rng.standard_normal((2, 3)), "b": 10 * rng.standard_normal(4)}
    clipped, norm = clip_by_global_norm(grads, limit)
    assert norm == pytest.approx(math.hypot(*grads["a"].ravel(), *grads["b"]), rel=1e-12)
    assert global_norm(clipped) == pytest.approx(min(norm, limit), rel=1e-12)
    factor = min(1, limit / norm)
    for name, grad in grads.items():
        np.testing.assert_allclose(clipped[name], factor * grad, rtol=1e-12)


@pytest.mark.parametrize("limit", [5.0, math.inf])
def test_what_is_short_enough_is_returned_as_it_is(limit):
    grads = {"a": np.array([3.0, 4.0])}
    assert clip_by_global_norm(grads, limit) == (grads, 5.0)


def test_clipping_keeps_float32():
    clipped, _ = clip_by_global_norm({"a": np.full(4, 10, np.float32)}, 1.0)
    assert clipped["a"].dtype == np.float32


def test_no_gradients_have_no_length():
    assert clip_by_global_norm({}, 1.0) == ({}, 0.0)


@pytest.mark.parametrize("limit", [-1.0, math.nan])
def test_a_limit_that_makes_no_sense_is_named(limit):
    with pytest.raises(ValueError, match="max_norm"):
        clip_by_global_norm({"a": np.ones(2)}, limit)
