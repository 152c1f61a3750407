"""Several batches for one step: the gradient of one large batch, and a resumed run that groups as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minicap.data import Vocabulary
from minicap.models import Captioner
from minicap.optim import Adam, Sgd
from minicap.training import InterruptedTraining, RunFolder, Splits, Trainer, load_checkpoint
from minicap.training.accumulate import Accumulation
from minicap.training.parallel import split_batch
from minicap.training.schedules import cosine
from minicap.training.session import make_batches


def accumulated(*found: tuple[float, dict[str, np.ndarray], float]) -> Accumulation:
    """Return what some batches add up to."""
    total = Accumulation()
    for batch in found:
        total.add(*batch)
    return total


def test_three_batches_by_hand():
    a, b, c = np.array([1.0, 2.0]), np.array([4.0, -1.0]), np.array([0.0, 1.0])
    total = accumulated((1.0, {"w": a}, 1.0), (3.0, {"w": b}, 2.0), (5.0, {"w": c}, 5.0))
    assert total.grads["w"] == pytest.approx([9 / 8, 5 / 8], rel=1e-14)
    assert (total.batches, total.loss_sum) == (3, 9.0)
    assert [a.tolist(), b.tolist(), c.tolist()] == [[1.0, 2.0], [4.0, -1.0], [0.0, 1.0]]


def test_one_batch_gives_its_own_arrays():
    grads = {"w": np.ones(2)}
    assert accumulated((2.0, grads, 7.0)).grads is grads


@pytest.mark.parametrize("order", [[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1]])
def test_a_batch_without_words_weighs_nothing(order):
    found = [(0.0, {"w": np.array([9.0])}, 0.0), (1.0, {"w": np.array([2.0])}, 3.0)]
    assert accumulated(*(found[k] for k in order)).grads["w"] == pytest.approx([2.0])


def test_float32_stays_float32():
    batch = (1.0, {"w": np.ones(2, "float32")}, 3.0)
    assert accumulated(batch, batch).grads["w"].dtype == np.float32


def make_vocabulary(splits: Splits) -> Vocabulary:
    """Return the vocabulary of the training captions."""
    return Vocabulary.build(splits.train.all_captions())


class Cut:
    """The batches of another, each cut into so many of whole pictures."""

    def __init__(self, batches: Any, parts: int) -> None:
        self.batches, self.parts = batches, parts

    def __len__(self) -> int:
        return len(self.batches) * self.parts

    def epoch(self, seed: Any, start: int = 0) -> list[Any]:
        """Return the parts in order."""
        return [part for batch in self.batches.epoch(seed) for part in split_batch(batch, self.parts)][start:]


@pytest.mark.parametrize("parts", [2, 4, 8])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_batches_of_a_step_are_as_good_as_one(splits: Splits, tiny, parts: int, threads: int):
    """Whole pictures, and so different numbers of words, in each; the path is the same up to rounding."""
    config, ends, rows = tiny(batch_size=8, captions_per_image=1), [], []
    for pieces in (1, parts):
        model = Captioner(make_vocabulary(splits), **config.model_options())
        batches = Cut(make_batches(config, splits.train, model), pieces)
        trainer = Trainer(
            model, batches, optimizer=Sgd(0.1), schedule=cosine(0.1, 4), rng=np.random.default_rng(0), epochs=2,
            clip_norm=1.0, accumulate=pieces, threads=threads,
        )  # fmt: skip
        rows.append(trainer.fit().history)
        assert trainer.optimizer.steps == 4
        ends.append(model.params)
    for name, array in ends[0].items():
        np.testing.assert_allclose(ends[1][name], array, rtol=1e-4, atol=1e-6)
    assert [row["grad_norm"] for row in rows[0]] == pytest.approx(
        [row["grad_norm"] for row in rows[1]], rel=1e-4
    )


def run_for(folder: RunFolder, splits: Splits, tiny: Any, *, resume: bool = False) -> Trainer:
    """Train with dropout, two steps an epoch: of three batches, and of the one that is left."""
    config, optimizer, rng = tiny(dropout=0.5), Adam(1e-3), np.random.default_rng(1)
    model, state = Captioner(make_vocabulary(splits), **config.model_options()), None
    if resume:
        model, state = load_checkpoint(folder.checkpoint, Captioner, optimizer, rng)
    trainer = Trainer(
        model, make_batches(config, splits.train, model), optimizer=optimizer, schedule=cosine(1e-3, 6), rng=rng,
        epochs=3, run=folder, accumulate=3, state=state,
    )  # fmt: skip
    trainer.fit()
    return trainer


@pytest.mark.parametrize(
    ("batch", "saved"),
    [
        (1, (0, 3)),  # the first of a step: it is waited for
        (2, (0, 3)),
        (3, (0, 3)),
        (4, (0, 4)),  # the step that has what is left
        (6, (1, 3)),
        (12, (2, 4)),  # the very last: the epoch is still to be judged
    ],
)
def test_ctrl_c_waits_for_the_step_and_a_resumed_run_is_as_if_it_had_never_stopped(
    splits: Splits,
    tiny,
    new_run: Callable[[str], RunFolder],
    press_ctrl_c,
    batch: int,
    saved: tuple[int, int],
):
    straight = run_for(new_run("straight"), splits, tiny)
    folder = new_run("stopped")
    press_ctrl_c(batch)
    with pytest.raises(InterruptedTraining):
        run_for(folder, splits, tiny)
    state = load_checkpoint(folder.checkpoint, Captioner, Adam(1e-3), np.random.default_rng())[1]
    assert (state.epoch, state.position) == saved
    resumed = run_for(folder, splits, tiny, resume=True)
    assert resumed.optimizer.steps == straight.optimizer.steps == 6
    for a, b in [
        (straight.model.params, resumed.model.params),
        (straight.optimizer.state, resumed.optimizer.state),
    ]:
        assert [name for name in a if not np.array_equal(a[name], b[name])] == []
    for a, b in zip(straight.state.history, resumed.state.history, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
