"""Several threads on one batch: the same loss and gradients, added up in the same order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minicap
from minicap.data import CaptionBatch
from minicap.models import Captioner
from minicap.training import Splits, likelihood
from minicap.training.parallel import fitting_threads, shared_among, split_batch, weighted_sum
from minicap.training.session import make_batches


@pytest.fixture
def batch(model: Captioner, splits: Splits, tiny: Callable[..., Any]) -> CaptionBatch:
    """Return a batch of five pictures with two captions each."""
    return make_batches(tiny(batch_size=5), splits.train, model).epoch(0)[0]


@pytest.mark.parametrize(
    ("parts", "images"), [(1, [5]), (2, [2, 3]), (3, [2, 1, 2]), (5, [1] * 5), (9, [1] * 5)]
)
def test_a_batch_is_cut_between_pictures(batch: CaptionBatch, parts: int, images: list[int]):
    cut = split_batch(batch, parts)
    assert sorted(len(part.images) for part in cut) == sorted(images)
    for part in cut:
        assert len(part.tokens) == len(part.mask) == 2 * len(part.images)
    for whole, pieces in zip(batch, zip(*cut, strict=True), strict=True):
        assert np.array_equal(whole, np.concatenate(pieces))


def test_a_weighted_sum_by_hand():
    a, b = np.array([1.0, 2.0]), np.array([10.0, -2.0])
    loss, grads = weighted_sum([(4.0, {"w": a}), (8.0, {"w": b})], [0.25, 0.75])
    assert loss == 7.0
    assert grads["w"].tolist() == [7.75, -1.0]
    assert a.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_change_the_sum_by_rounding_only(model: Captioner, batch: CaptionBatch, threads: int):
    whole, whole_grads = likelihood(model, batch, np.random.default_rng(0))
    with shared_among(likelihood, threads) as objective:
        loss, grads = objective(model, batch, np.random.default_rng(0))
    assert loss == pytest.approx(whole, rel=1e-6)
    assert grads.keys() == whole_grads.keys()
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, whole_grads[name], rtol=1e-4, atol=1e-7)
        assert grad.dtype == np.float32


def test_the_same_number_of_threads_gives_the_same_bits(
    splits: Splits, tiny, model: Captioner, batch: CaptionBatch
):
    dropping = Captioner(model.vocabulary, **{**model.config, "dropout": 0.5})
    with shared_among(likelihood, 3) as objective:
        a, b = (objective(dropping, batch, np.random.default_rng(1))[1] for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_each_part_drops_out_otherwise(model: Captioner, batch: CaptionBatch):
    drawn: list[float] = []

    def objective(model, part, rng):
        drawn.append(rng.random())
        return 0.0, {}

    with shared_among(objective, 5) as shared:
        shared(model, batch, np.random.default_rng(1))
        shared(model, batch, np.random.default_rng(1))
    assert len(drawn) == 10
    assert len(set(drawn)) == 5


def test_threads_work_with_the_kernels_that_were_chosen(model: Captioner, batch: CaptionBatch):
    seen: list[str] = []

    def objective(model, part, rng):
        seen.append(minicap.active_kernels())
        return 0.0, {}

    with minicap.use_kernels("reference"), shared_among(objective, 2) as shared:
        shared(model, batch, np.random.default_rng(0))
    assert seen == ["reference", "reference"]


def test_an_error_in_a_thread_comes_out(model: Captioner, batch: CaptionBatch):
    def objective(model, part, rng):
        raise ZeroDivisionError("in a thread")

    with shared_among(objective, 2) as shared, pytest.raises(ZeroDivisionError, match="in a thread"):
        shared(model, batch, np.random.default_rng(0))


def test_one_thread_asks_nothing_of_the_batch():
    with shared_among(lambda model, batch, rng: (batch, {}), 1) as shared:
        assert shared(None, 3.0, None) == (3.0, {})


@pytest.mark.parametrize("batch_size", [1, 7, 8, 16, 10_000])
def test_a_thread_has_eight_pictures_at_least(batch_size: int):
    threads = fitting_threads(batch_size)
    assert threads == 1 or batch_size / threads >= 8
