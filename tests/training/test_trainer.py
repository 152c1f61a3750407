"""The loop alone, on a model of two numbers: it knows no captioner and no loss of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from minicap.kernels._workspace import _current, scratch
from minicap.optim import Sgd
from minicap.training import RunFolder, Trainer, TrainingState
from minicap.training.schedules import constant


class Point:
    """A model whose parameter is a point in the plane."""

    def __init__(self) -> None:
        self.params = {"point": np.array([3.0, -4.0])}
        self.saved: list[float] = []

    def save(self, path: Any) -> None:
        """Note what would have been saved as the best."""
        self.saved.append(float(self.params["point"][0]))


class Targets:
    """Batches that are three points; an epoch is nothing but a shuffle of them."""

    def __len__(self) -> int:
        return 3

    def epoch(self, seed: np.random.SeedSequence, start: int = 0) -> list[np.ndarray]:
        order = np.random.default_rng(seed).permutation(3)[start:]
        return [np.array([k, 2.0 * k]) for k in order]


def squared_distance(model: Point, target: np.ndarray, rng: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Return half the squared distance to the target, and its gradient."""
    difference = model.params["point"] - target
    return 0.5 * float(difference @ difference), {"point": difference}


def make(model: Point | None = None, **options: Any) -> Trainer:
    """Return a trainer of the point."""
    defaults: dict[str, Any] = {
        "optimizer": Sgd(0.1, momentum=0.0), "schedule": constant(0.1), "rng": np.random.default_rng(0),
        "epochs": 5, "objective": squared_distance,
    }  # fmt: skip
    return Trainer(model or Point(), Targets(), **(defaults | options))


def scores(*values: float, name: str = "bleu_4") -> Callable[[Any], dict[str, float]]:
    """Return a validation that gives one score after the other."""
    left = iter(values)
    return lambda model: {"val_loss": 1.0, name: next(left)}


def test_the_point_goes_where_the_targets_are():
    trainer = make(epochs=100)
    trainer.fit()
    assert trainer.model.params["point"] == pytest.approx([1.0, 2.0], abs=0.3)


def test_the_given_objective_is_what_is_minimised():
    def elsewhere(model, target, rng):
        return squared_distance(model, np.array([-7.0, 7.0]), rng)

    trainer = make(epochs=100, objective=elsewhere)
    trainer.fit()
    assert trainer.model.params["point"] == pytest.approx([-7.0, 7.0], abs=1e-6)


def test_the_objective_gets_the_trainers_generator():
    rng, seen = np.random.default_rng(3), []

    def objective(model, target, given):
        seen.append(given)
        return squared_distance(model, target, given)

    make(epochs=1, rng=rng, objective=objective).fit()
    assert seen == [rng] * 3


def test_the_whole_fit_shares_one_workspace():
    rooms = []

    def noting(model: Point, target: np.ndarray, rng: Any) -> tuple[float, dict[str, np.ndarray]]:
        rooms.append(scratch(1000).ctypes.data)
        return squared_distance(model, target, rng)

    make(epochs=2, objective=noting, validate=lambda model: {"room": float(scratch(10).ctypes.data)}).fit()
    assert len(rooms) == 6
    assert len(set(rooms)) == 1
    assert _current.get() is None


def test_history_has_one_row_an_epoch_with_means_over_its_batches():
    trainer = make(epochs=2, schedule=constant(1e-12))  # the point hardly moves, so both epochs look alike
    rows = trainer.fit().history
    distances = [(3 - k) ** 2 + (-4 - 2 * k) ** 2 for k in range(3)]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["train_loss"] for row in rows] == pytest.approx([np.mean(distances) / 2] * 2)
    assert [row["grad_norm"] for row in rows] == pytest.approx([np.mean(np.sqrt(distances))] * 2)


def test_every_step_asks_the_schedule():
    asked = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.01 * (step + 1)

    state = make(epochs=2, schedule=schedule).fit()
    assert sorted(set(asked)) == [0, 1, 2, 3, 4, 5]
    assert [row["lr"] for row in state.history] == pytest.approx([0.03, 0.06])


def test_a_long_gradient_is_clipped_and_its_true_length_noted():
    trainer = make(epochs=1, clip_norm=1e-3, schedule=constant(1.0))
    state = trainer.fit()
    assert np.linalg.norm(trainer.model.params["point"] - [3.0, -4.0]) <= 3e-3
    assert state.history[0]["grad_norm"] > 1


def test_another_seed_orders_the_batches_otherwise():
    def end(seed: int) -> list[float]:
        trainer = make(seed=seed, epochs=1)
        trainer.fit()
        return trainer.model.params["point"].tolist()

    assert end(0) == end(0)
    assert len({tuple(end(seed)) for seed in range(6)}) > 1


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (0, (5, 4, 3, 2, 1), 5),  # never stops early
        (1, (5, 4, 9, 9, 9), 2),
        (2, (1, 2, 1, 2, 9), 4),  # as good is not better
        (2, (1, 2, 1, 3, 2), 5),
        (9, (5, 4, 3, 2, 1), 5),
    ],
)
def test_patience_counts_the_epochs_without_a_better_score(patience, values, epochs):
    assert make(patience=patience, validate=scores(*values)).fit().epoch == epochs


def best_epochs(validate: Any, folder: Any) -> list[int]:
    """Return the epochs after which the model was saved as the best so far."""
    model, ends = Point(), []

    def noted(point: Point) -> dict[str, float]:
        ends.append(float(point.params["point"][0]))
        return validate(point)

    trainer = make(model, validate=noted, run=folder)
    trainer._save = lambda: None  # a point is no model that a checkpoint can hold
    trainer.fit()
    return [ends.index(value) + 1 for value in model.saved]


@pytest.mark.parametrize(
    ("values", "best"),
    [((1, 2, 3, 4, 5), [1, 2, 3, 4, 5]), ((5, 4, 3, 2, 1), [1]), ((1, 3, 2, 3, 4), [1, 2, 5])],
)
@pytest.mark.parametrize("name", ["bleu_4", "truth"])
def test_the_best_epoch_is_that_of_the_best_score(tmp_path, values, best, name):
    assert best_epochs(scores(*values, name=name), RunFolder(tmp_path)) == best


def test_truth_counts_before_bleu(tmp_path):
    rows = iter([(0.1, 0.9), (0.2, 0.1), (0.2, 0.8), (0.1, 1.0), (0.0, 1.0)])

    def validate(model):
        truth, bleu = next(rows)
        return {"val_loss": 1.0, "bleu_4": bleu, "truth": truth}

    assert best_epochs(validate, RunFolder(tmp_path)) == [1, 2]


def test_of_equal_scores_the_lower_loss_is_better(tmp_path):
    losses = iter([3.0, 2.0, 2.5, 1.0, 1.0])
    assert best_epochs(lambda model: {"val_loss": next(losses), "truth": 0.0}, RunFolder(tmp_path)) == [
        1,
        2,
        4,
    ]


def test_without_scores_the_loss_decides(tmp_path):
    losses = iter([3.0, 2.0, 2.5, 1.0, 1.0])
    assert best_epochs(lambda model: {"val_loss": next(losses)}, RunFolder(tmp_path)) == [1, 2, 4]


def test_a_finished_training_has_nothing_left_to_do():
    trainer = make(state=TrainingState(epoch=5))
    assert trainer.fit().history == []
    assert trainer.model.params["point"].tolist() == [3.0, -4.0]


def test_a_training_goes_on_in_the_middle_of_an_epoch():
    taken: list[Sequence[float]] = []

    def objective(model, target, rng):
        taken.append(target.tolist())
        return squared_distance(model, target, rng)

    make(epochs=2, objective=objective).fit()
    whole, taken[:] = list(taken), []
    make(epochs=2, objective=objective, state=TrainingState(epoch=1, position=1)).fit()
    assert taken == whole[4:]


# Several batches a step


class Weighted(Point):
    """A point that holds a target's loss to be a mean over as many terms as its number says, and one more."""

    def weigh(self, target: np.ndarray) -> float:
        """Return 1, 2 or 3."""
        return float(target[0]) + 1


def test_a_step_goes_along_the_weighted_mean_of_its_batches():
    trainer = make(Weighted(), epochs=1, accumulate=3)
    trainer.fit()
    # The targets 0, (1, 2) and (2, 4) weigh 1, 2 and 3: their mean is (4/3, 8/3), and a tenth of the way is gone.
    assert trainer.model.params["point"] == pytest.approx([3 - 0.1 * 5 / 3, -4 + 0.1 * 20 / 3], rel=1e-12)


def test_the_last_step_of_an_epoch_has_what_is_left():
    asked = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.01

    trainer = make(Weighted(), epochs=2, accumulate=2, schedule=schedule)
    trainer.fit()
    assert trainer.optimizer.steps == 4
    assert sorted(set(asked)) == [0, 1, 2, 3]


def test_history_has_means_over_batches_however_many_make_a_step():
    trainer = make(Weighted(), epochs=1, accumulate=3, schedule=constant(1e-12))
    (row,) = trainer.fit().history
    distances = [(3 - k) ** 2 + (-4 - 2 * k) ** 2 for k in range(3)]
    assert row["train_loss"] == pytest.approx(np.mean(distances) / 2)
    assert row["grad_norm"] == pytest.approx(np.hypot(5 / 3, 20 / 3))


def test_clipping_is_of_the_mean():
    trainer = make(Weighted(), epochs=1, accumulate=3, clip_norm=1.0, schedule=constant(1.0))
    trainer.fit()
    assert np.linalg.norm(trainer.model.params["point"] - [3.0, -4.0]) == pytest.approx(1.0)


def test_what_a_step_has_not_finished_is_not_counted():
    calls = []

    def objective(model, target, rng):
        calls.append(target)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return squared_distance(model, target, rng)

    trainer = make(Weighted(), accumulate=2, objective=objective)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert (trainer.state.position, trainer.optimizer.steps) == (2, 1)
    assert trainer.state.loss_sum == pytest.approx(
        sum(squared_distance(Point(), target, None)[0] for target in calls[:2])
    )


@pytest.mark.parametrize("accumulate", [0, -1])
def test_a_step_of_no_batches_is_named(accumulate):
    with pytest.raises(ValueError, match=f"^Trainer: accumulate is {accumulate} but at least 1 batch a step"):
        make(accumulate=accumulate)
