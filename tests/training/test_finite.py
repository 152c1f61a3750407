"""Where numbers stopped being finite: the message names the place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from minicap.models import Captioner
from minicap.optim import Sgd
from minicap.training import NotFiniteError, RunFolder, Splits, Trainer, likelihood
from minicap.training.finite import blame_gradient, find_not_finite, first_not_finite, nodes, walk
from minicap.training.schedules import constant
from minicap.training.session import make_batches


@pytest.fixture
def batch(model: Captioner, splits: Splits, tiny: Callable[..., Any]) -> Any:
    """Return one training batch."""
    return make_batches(tiny(), splits.train, model).epoch(0)[0]


def complaint(model: Captioner, batch: Any) -> str:
    """Return what the objective says of a loss that is no number."""
    with np.errstate(all="ignore"), pytest.raises(NotFiniteError) as caught:
        likelihood(model, batch, np.random.default_rng(0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sound_model_has_a_loss_and_a_gradient_for_every_parameter(model, batch, rng):
    loss, grads = likelihood(model, batch, rng)
    assert type(loss) is float
    assert grads.keys() == model.params.keys()


@pytest.mark.parametrize(
    "name", ["encoder.what.linear.weight", "decoder.rnn.layer1.w_x", "decoder.to_vocab.bias"]
)
def test_a_poisoned_parameter_is_named(model, batch, name):
    model.params[name].flat[0] = np.nan
    assert f"the parameter {name} is not finite" in complaint(model, batch)


def test_poisoned_pixels_are_named(model, batch):
    images = batch.images.copy()
    images[0, 0, 0, 0] = np.nan
    assert "the batch's images are not finite; look at the data" in complaint(
        model, batch._replace(images=images)
    )


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("encoder.conv1.weight", "encoder.convs.relu1"),
        ("encoder.conv3.weight", "encoder.convs.relu3"),
        ("encoder.where.linear.weight", "encoder.reading.last.relu"),
    ],
)
def test_the_first_activation_that_overflows_is_named(model, batch, name, place):
    model.params[name][...] = np.float32(3e38)  # finite, but any sum of products is not
    # Where pooling follows, the compiled kernels do both in one go and keep the result y instead of x.
    assert re.search(
        rf"{re.escape(place)}\.[xy] is the first value that is not finite", complaint(model, batch)
    )


def test_a_loss_alone_can_be_blamed():
    class Sound(NamedTuple):
        x: np.ndarray = np.ones(2)

    class Model:
        params = {"weight": np.ones(2)}

    assert "every layer is finite, the loss alone is not" in find_not_finite(Model, Sound(), [Sound()])


def test_walk_names_every_array_in_order():
    class Cache(NamedTuple):
        x: np.ndarray
        parts: Any
        size: int = 3

    x = np.zeros(1)
    tree = Cache(x, {"linear": (x, [x]), "none": None})
    assert [name for name, _ in walk(tree)] == ["x", "parts.linear.1", "parts.linear.2.1"]


def test_nodes_come_before_what_is_in_them():
    class Cache(NamedTuple):
        x: int
        parts: Any

    cache = Cache(3, {"linear": [4]})
    assert list(nodes({"rnn": cache}, "decoder")) == [
        ("decoder", {"rnn": cache}),
        ("decoder.rnn", cache),
        ("decoder.rnn.x", 3),
        ("decoder.rnn.parts", {"linear": [4]}),
        ("decoder.rnn.parts.linear", [4]),
        ("decoder.rnn.parts.linear.1", 4),
    ]


def test_integers_are_always_finite():
    assert first_not_finite({"ids": np.array([2**62])}) is None


def test_the_gradient_to_blame_is_the_one_that_is_not_finite():
    grads = {"a": np.ones(2), "b": np.array([1.0, np.inf]), "c": np.array([np.nan])}
    assert blame_gradient(grads) == "the gradient of b is not finite; a smaller --lr helps"


def test_else_the_gradient_to_blame_is_the_largest():
    grads = {"a": np.ones(2, "float32"), "b": np.array([-1e30], "float32"), "c": np.array([1e29], "float32")}
    assert blame_gradient(grads) == "the gradient of b is too large to be squared; a smaller --lr helps"


def trainer(model: Captioner, batches: Any, **options: Any) -> Trainer:
    """Return a trainer with plain gradient descent."""
    defaults: dict[str, Any] = {"schedule": constant(1e-3), "epochs": 2, "rng": np.random.default_rng(0)}
    return Trainer(model, batches, optimizer=Sgd(0.1), **(defaults | options))


@pytest.fixture
def batches(model: Captioner, splits: Splits, tiny: Callable[..., Any]) -> Any:
    """Return the training batches."""
    return make_batches(tiny(), splits.train, model)


def test_a_training_that_explodes_stops_with_the_name_of_a_layer(model, batches):
    with pytest.raises(
        NotFiniteError, match=r"the loss is nan: encoder\.\S+ is the first value that is not finite"
    ):
        trainer(model, batches, schedule=constant(1e19)).fit()


@pytest.mark.parametrize(("value", "why"), [(np.nan, "is not finite"), (-np.inf, "is not finite")])
def test_a_gradient_that_is_no_number_is_named_and_moves_nothing(model, batches, value, why):
    def objective(model, batch, rng):
        loss, grads = likelihood(model, batch, rng)
        grads["decoder.embed.weight"] = np.full_like(grads["decoder.embed.weight"], value)
        return loss, grads

    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(NotFiniteError, match=rf"the gradient of decoder\.embed\.weight {why}"):
        trainer(model, batches, objective=objective, clip_norm=1.0).fit()
    assert all(np.array_equal(before[name], array) for name, array in model.params.items())


def test_a_last_step_into_nowhere_is_not_saved(model, batches, new_run: Callable[[str], RunFolder]):
    def schedule(step: int) -> float:
        return float("inf") if step == 2 * len(batches) - 1 else 1e-3

    run = new_run("run")
    with pytest.raises(NotFiniteError, match=r"the parameter encoder\.conv1\.weight is not finite"):
        trainer(model, batches, schedule=schedule, run=run).fit()
    assert all(np.isfinite(array).all() for array in Captioner.load(run.checkpoint).params.values())
