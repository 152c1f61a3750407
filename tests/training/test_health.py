"""What ails a model: silence about the healthy, a plain sentence about each ailment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minicap import ops
from minicap.data import CaptionBatch
from minicap.models import DECODERS, Captioner, conditionings_of
from minicap.optim import Adam
from minicap.training import Splits, Trainer
from minicap.training.health import examine
from minicap.training.schedules import constant
from minicap.training.session import make_batches

Build = Callable[..., Captioner]


@pytest.fixture
def build(model: Captioner, tiny: Callable[..., Any]) -> Build:
    """Return a maker of narrow captioners that have learnt nothing yet."""
    return lambda **options: Captioner(model.vocabulary, **{**model.config, **options})


@pytest.fixture
def batch(splits: Splits, tiny: Callable[..., Any], model: Captioner) -> CaptionBatch:
    """Return 16 pictures of 32 pixels with two captions each."""
    return make_batches(tiny(batch_size=16), splits.train, model).epoch(0)[0]


def cut(batch: CaptionBatch, images: int) -> CaptionBatch:
    """Return the first pictures and their captions."""
    return CaptionBatch(batch.images[:images], batch.tokens[: 2 * images], batch.mask[: 2 * images])


class Fake:
    """A model that is nothing but its parameters, gradients and cache."""

    def __init__(self, grads: dict[str, Any], cache: Any = (), params: dict[str, Any] | None = None) -> None:
        self.grads, self.cache = grads, cache
        self.params = params or {name: np.ones_like(grad) for name, grad in grads.items()}

    def loss(self, batch: Any) -> tuple[float, Any]:
        """Return a loss of 1."""
        return 1.0, self.cache

    def backward(self, cache: Any) -> tuple[None, dict[str, Any]]:
        """Return the gradients."""
        return None, self.grads


def size(value: float) -> np.ndarray:
    """Return a matrix of one value."""
    return np.full((2, 3), value)


# Silence


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("decoder", "conditioning"), [(d, c) for d in DECODERS for c in conditionings_of(d)])
def test_a_fresh_captioner_is_healthy(build: Build, batch, decoder, conditioning, batch_norm):
    for seed in range(3):
        options = {"decoder": decoder, "conditioning": conditioning, "batch_norm": batch_norm, "seed": seed}
        assert examine(build(**options, layers=1 + seed % 2), batch) == []


def test_so_are_one_that_sees_nothing_and_blocks_that_begin_as_their_shortcut(build: Build, batch):
    assert examine(build(blind=True), batch) == []
    assert examine(build(encoder="8,M,R16,R16,M"), batch) == []


@pytest.mark.parametrize("options", [{}, {"decoder": "rnn", "conditioning": "init"}, {"batch_norm": True}])
def test_one_that_learns_stays_healthy(build: Build, splits: Splits, tiny, batch, options):
    config = tiny(embed_size=32, hidden_size=32)
    model = build(embed_size=32, hidden_size=32, **options)
    losses = [float(model.loss(batch)[0])]
    for _ in range(3):
        Trainer(
            model, make_batches(config, splits.train, model), optimizer=Adam(1e-3), schedule=constant(1e-3),
            rng=np.random.default_rng(0), epochs=2,
        ).fit()  # fmt: skip
        losses.append(float(model.loss(batch)[0]))
        assert examine(model, batch) == []
    assert losses == sorted(losses, reverse=True)


def test_nothing_of_the_model_is_changed(build: Build, batch):
    model = build(batch_norm=True, dropout=0.5)
    before = {name: array.copy() for name, array in (model.params | model.buffers).items()}
    examine(model, batch)
    after = model.params | model.buffers
    assert all(np.array_equal(array, after[name]) for name, array in before.items())


# Numbers that are none


def test_a_parameter_that_is_no_number_is_all_there_is_to_say(build: Build, batch):
    model = build()
    model.params["decoder.embed.weight"][...] = np.nan
    (found,) = examine(model, batch)
    assert found.startswith("the loss is nan: the parameter decoder.embed.weight is not finite")


def test_so_is_a_gradient():
    model = Fake({"a": size(1.0), "b": size(np.nan)}, params={"a": size(1.0), "b": size(1.0)})
    assert examine(model, None) == ["the gradient of b is not finite; a smaller --lr helps"]


# Dead units


def kill(model: Captioner, layer: str, units: int) -> Captioner:
    """Push the first units of a layer far below zero."""
    model.params[f"{layer}.bias"][:units] = -100
    return model


def test_dead_filters_are_counted(build: Build, batch):
    assert examine(kill(build(), "encoder.conv2", 13), batch) == [
        "encoder.convs.relu2: 13 of 48 filters never fire on 16 pictures (dead ReLU); "
        "a smaller --lr or --batch-norm helps"
    ]


@pytest.mark.parametrize(("dead", "spoken"), [(9, 0), (10, 1)])
def test_less_than_a_fifth_is_nothing_to_speak_of(build: Build, batch, dead: int, spoken: int):
    assert len(examine(kill(build(), "encoder.conv2", dead), batch)) == spoken


@pytest.mark.parametrize(("images", "spoken"), [(7, 0), (8, 1)])
def test_a_few_pictures_prove_nothing(build: Build, batch, images: int, spoken: int):
    assert len(examine(kill(build(), "encoder.conv2", 20), cut(batch, images))) == spoken


def test_a_filter_that_fires_once_anywhere_is_alive(batch):
    x = np.full((16, 4, 4, 4), -1.0)
    x[3, 0, 2, 1] = x[9, 1, 0, 0] = 0.1
    found = [examine(Fake({}, {"relu": ops.relu_forward(sign * x)[1]}), None) for sign in (1, -1)]
    assert found == [["relu: 2 of 4 filters never fire on 16 pictures (dead ReLU); "
                      "a smaller --lr or --batch-norm helps"], []]  # fmt: skip


@pytest.mark.parametrize("shape", [(20, 10), (4, 5, 10)])
@pytest.mark.parametrize(("alive", "spoken"), [(0, 1), (1, 1), (2, 0)])
@pytest.mark.parametrize("relu", ["relu", "relu6"])
def test_a_vector_is_dead_where_nearly_all_of_it_is(shape, alive, spoken, relu):
    x = np.full((max(8, shape[0]), *shape[1:]), -1.0)
    x[0, ..., :alive] = 1.0
    forward = {"relu": ops.relu_forward, "relu6": ops.relu6_forward}[relu]
    found = examine(Fake({}, [forward(x)[1]]), None)
    rows = x.size // 10
    assert (
        found
        == [
            f"1: {10 - alive} of 10 units never fire on {rows} rows (dead ReLU); a smaller --lr or --batch-norm helps"
        ][: int(spoken)]
    )


def test_the_worst_two_layers_are_named_first():
    def cache(dead: int) -> Any:
        x = np.ones((8, 10, 8, 8))
        x[:, :dead] = -1
        return ops.relu_forward(x)[1]

    caches = {"few": cache(3), "all": cache(10), "many": cache(7)}
    assert [text.split(" of ")[0] for text in examine(Fake({}, caches), None)] == ["all: 10", "many: 7"]


# Gradients


@pytest.mark.parametrize(
    ("grads", "start"),
    [
        ({"a": 0, "b": 1, "c": 1}, "a receives no gradient at all: "),
        ({"a": 1, "b": 0, "c": 0}, "b and 1 more weight receive no gradient at all: "),
        ({"a": 0, "b": 0, "c": 0}, "a and 2 more weights receive no gradient at all: "),
    ],
)
def test_weights_without_a_gradient_are_named(grads, start):
    (found,) = examine(Fake({name: size(value) for name, value in grads.items()}), None)
    assert found.startswith(start)


def test_biases_frozen_weights_and_weights_behind_a_zero_may_have_no_gradient():
    one, none = size(1.0), size(0.0)
    assert examine(Fake({"a": one, "bias": np.zeros(3)}), None) == []
    assert examine(Fake({"b": one}, params={"a": one, "b": one}), None) == []
    assert examine(Fake({"a": none, "b": one, "c": one}, params={"a": one, "b": none, "c": one}), None) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 1e-25])
def test_a_gradient_that_vanishes_is_measured_by_its_weights(dtype, scale):
    """Of a: 1e-3 / 50 = 2e-5; of b, whose gradient is as small, 1; of c, 0.01."""
    params = {"a": size(50.0), "b": size(1e-3), "c": size(1.0)}
    grads = {"a": size(1e-3 * scale), "b": size(1e-3 * scale), "c": size(0.01 * scale)}
    model = Fake(*({name: array.astype(dtype) for name, array in part.items()} for part in (grads, params)))
    model.params, model.cache = model.cache, ()
    (found,) = examine(model, None)
    assert found.startswith(
        "the gradient of a, relative to its weights, is 50,000 times smaller than that of b: it vanishes"
    )


@pytest.mark.parametrize(("first", "spoken"), [(1.1e-4, False), (0.9e-4, True)])
def test_it_has_vanished_at_a_ten_thousandth(first, spoken):
    assert bool(examine(Fake({"a": size(first), "b": size(1.0)}), None)) is spoken


class Remembering:
    """What a linear layer says at the start has to be remembered for 40 steps."""

    def __init__(self, scale: float) -> None:
        rng = np.random.default_rng(0)
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        self.params = {
            "first.weight": 0.1 * rng.standard_normal((3, 4)),
            "rnn.w_x": 0.1 * rng.standard_normal((2, 4)),
            "rnn.w_h": scale * turn,
        }
        self.x, self.words = rng.standard_normal((5, 3)), 0.1 * rng.standard_normal((5, 40, 2))

    def loss(self, batch: Any) -> tuple[float, Any]:
        """Return the sum of the last states."""
        first, w_x, w_h = self.params.values()
        h0, c_first = ops.linear_forward(self.x, first, np.zeros(4))
        hs, c_rnn = ops.rnn_forward(self.words, h0, w_x, w_h, np.zeros(4))
        return float(hs[:, -1].sum()), (c_first, c_rnn)

    def backward(self, cache: Any) -> tuple[Any, dict[str, Any]]:
        """Propagate from the last states to the first input."""
        c_first, c_rnn = cache
        dhs = np.zeros((5, 40, 4))
        dhs[:, -1] = 1
        through = ops.rnn_backward(dhs, c_rnn)
        first = ops.linear_backward(through.dh0, c_first)
        return first.dx, {"first.weight": first.dw, "rnn.w_x": through.dw_x, "rnn.w_h": through.dw_h}


def test_through_forty_steps_of_small_weights_a_gradient_vanishes():
    (found,) = examine(Remembering(0.5), None)
    assert found.startswith("the gradient of first.weight, relative to its weights, is ")
    assert "more than a million times smaller than that of rnn.w_x: it vanishes on the way down" in found


def test_through_forty_turns_it_does_not():
    assert examine(Remembering(1.0), None) == []


# Cells that are stuck


@pytest.mark.parametrize(("decoder", "what"), [("lstm", "gates"), ("gru", "gates"), ("rnn", "states")])
@pytest.mark.parametrize("layer", [1, 2])
def test_stuck_cells_are_named(build: Build, batch, decoder, what, layer):
    model = build(decoder=decoder, layers=2)
    for name, array in model.params.items():
        if name.startswith(f"decoder.rnn.layer{layer}.w_x"):
            array *= 1e4
    assert examine(model, batch)[-1].startswith(
        f"decoder.rnn.layer{layer}: 100% of the {what} are stuck at an end of their range (saturated)"
    )


@pytest.mark.parametrize("real", [True, False])
def test_steps_that_do_not_count_are_left_out(real: bool):
    """At every step but the first of each caption the input is huge; behind the mask nobody minds."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 30, 2)) * np.where(np.arange(30) < 1, 0.1, 1e6)[:, None]
    mask = np.ones((4, 30), bool) if real else np.arange(30) < np.ones((4, 1))
    arrays = [0.1 * rng.standard_normal(shape) for shape in [(4, 3), (4, 3), (2, 12), (3, 12), (12,)]]
    _, cache = ops.lstm_forward(x, *arrays, mask=mask)
    found = examine(Fake({}, {"rnn": cache}), None)
    assert [text.split(" of ")[0] for text in found] == (["rnn: 97%"] if real else [])


# Several at once


def test_a_dead_layer_cuts_off_everything_in_front_of_it(build: Build, batch):
    found = examine(kill(build(), "encoder.conv2", 48), batch)
    assert [text.split(":")[0] for text in found[:2]] == [
        "encoder.conv1.weight and 4 more weights receive no gradient at all",
        "encoder.convs.relu2",
    ]
    assert "48 of 48" in found[1]


def test_a_training_that_has_collapsed_is_noticed(build: Build, splits: Splits, tiny, batch):
    model = build()
    Trainer(
        model, make_batches(tiny(), splits.train, model), optimizer=Adam(0.2), schedule=constant(0.2),
        rng=np.random.default_rng(0), epochs=4,
    ).fit()  # fmt: skip
    found = examine(model, batch)
    assert 1 <= len(found) <= 4
    assert any("(dead ReLU)" in text for text in found)
