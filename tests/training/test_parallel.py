"""Several threads on one batch: the same loss and gradients, added up in the same order."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import minicap
from minicap.data.collate import CaptionBatch, ClassBatch, TagBatch
from minicap.models import Captioner, Classifier, Tagger
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


# Classifiers and taggers


ROWS = 5
LABELS = ["a", "b", "c"]


def pictures(rng: np.random.Generator) -> np.ndarray:
    """Return the pictures of a batch, (5, 3, 8, 8)."""
    return rng.standard_normal((ROWS, 3, 8, 8))


def class_batch(rng: np.random.Generator) -> ClassBatch:
    """Return a batch of a classifier of three classes."""
    return ClassBatch(pictures(rng), rng.integers(0, 3, ROWS))


def tag_batch(rng: np.random.Generator) -> TagBatch:
    """Return a batch of a tagger of three tags: the first picture has all of them, the last ones none."""
    return TagBatch(pictures(rng), (np.arange(ROWS)[:, None] < [[3, 1, 2]]).astype(float))


def classifier(**options: Any) -> Classifier:
    """Return a small classifier in double precision."""
    return Classifier(LABELS, encoder="3,M,4", hidden="5", image_size=8, dtype="float64", **options)


def tagger(**options: Any) -> Tagger:
    """Return a small tagger in double precision."""
    small = {"encoder": "3,M,4", "hidden": "5", "embed_size": 4, "hidden_size": 3, "image_size": 8}
    return Tagger(LABELS, dtype="float64", **small, **options)


@pytest.mark.parametrize("make", [class_batch, tag_batch])
@pytest.mark.parametrize(("parts", "images"), [(1, [5]), (2, [2, 3]), (9, [1] * 5)])
def test_other_batches_are_cut_as_well(rng, make, parts: int, images: list[int]):
    batch = make(rng)
    cut = split_batch(batch, parts)
    assert sorted(len(part.images) for part in cut) == images
    assert all(type(part) is type(batch) and len(part[1]) == len(part.images) for part in cut)
    for whole, pieces in zip(batch, zip(*cut, strict=True), strict=True):
        assert np.array_equal(whole, np.concatenate(pieces))


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (classifier(), class_batch),
        (tagger(batch_norm=False), tag_batch),
        (tagger(batch_norm=False, head="dense"), tag_batch),
        (tagger(batch_norm=False, head="sequence"), tag_batch),
    ],
    ids=["classifier", "spatial", "dense", "sequence"],
)
def test_the_losses_of_parts_add_up(rng, model, make):
    batch = make(rng)
    whole, whole_grads = likelihood(model, batch, rng)
    weights = np.array([model.weigh(part) for part in split_batch(batch, 2)])
    assert weights.sum() == pytest.approx(model.weigh(batch))
    with shared_among(likelihood, 2) as objective:
        loss, grads = objective(model, batch, rng)
    assert loss == pytest.approx(whole, rel=1e-12)
    assert grads.keys() == whole_grads.keys() == model.params.keys()
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, whole_grads[name], rtol=1e-9, atol=1e-12)


def test_tags_said_are_counted_with_the_end_of_each_picture(rng):
    batch = tag_batch(rng)  # 3, 1, 1, 0 and 0 tags
    assert tagger(head="sequence").weigh(batch) == 6 + 5
    assert tagger(head="spatial").weigh(batch) == tagger(head="dense").weigh(batch) == 5


# Running statistics


MAKERS = [(classifier, class_batch), (tagger, tag_batch)]


@pytest.mark.parametrize(("build", "make"), MAKERS)
def test_with_batch_norm_the_same_number_of_threads_gives_the_same_bits(rng, build, make):
    batch = make(rng)

    def end() -> dict[str, bytes]:
        model = build(batch_norm=True)
        with shared_among(likelihood, 2) as objective:
            losses, grads = zip(
                *(objective(model, batch, np.random.default_rng(1)) for _ in range(3)), strict=True
            )
        assert losses[0] == losses[2]  # while training a norm sees its part alone
        return {name: array.tobytes() for name, array in (grads[-1] | model.buffers).items()}

    assert end() == end()


@pytest.mark.parametrize("slow", [0, 1])
def test_running_statistics_move_in_the_order_of_the_parts_whichever_is_ready_first(rng, slow: int):
    batch = class_batch(rng)
    straight, threaded = (classifier(batch_norm=True) for _ in range(2))
    parts = split_batch(batch, 2)
    for part in parts:
        straight.loss(part, training=True)

    def late(model, part, rng):
        if len(part.images) == len(parts[slow].images):
            time.sleep(0.05)
        return likelihood(model, part, rng)

    with shared_among(late, 2) as objective:
        objective(threaded, batch, rng)
    assert any(array.any() for name, array in threaded.buffers.items() if name.endswith("running_mean"))
    for name, array in threaded.buffers.items():
        assert np.array_equal(array, straight.buffers[name]), name


def test_running_statistics_by_hand(rng):
    model, batch = classifier(batch_norm=True), class_batch(rng)
    with shared_among(likelihood, 2) as objective:
        objective(model, batch, rng)
    mean, var = np.zeros(3), np.ones(3)
    convolved, _ = model.encoder.layers["conv1"].forward(batch.images)  # (5, 3, 8, 8)
    for a, b in pairwise([0, 2, 5]):
        values = np.moveaxis(convolved[a:b], 1, 0).reshape(3, -1)
        mean += 0.1 * (values.mean(axis=1) - mean)
        var += 0.1 * (values.var(axis=1, ddof=1) - var)
    np.testing.assert_allclose(model.buffers["encoder.norm1.running_mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(model.buffers["encoder.norm1.running_var"], var, rtol=1e-12)


def test_an_error_in_a_thread_moves_no_statistics(rng):
    model, batch = classifier(batch_norm=True), class_batch(rng)
    before = {name: array.copy() for name, array in model.buffers.items()}

    def failing(model, part, rng):
        found = likelihood(model, part, rng)
        if len(part.images) == 3:
            raise ZeroDivisionError("in a thread")
        return found

    with shared_among(failing, 2) as shared, pytest.raises(ZeroDivisionError, match="in a thread"):
        shared(model, batch, rng)
    assert all(np.array_equal(before[name], array) for name, array in model.buffers.items())


@pytest.mark.parametrize("threads", [1, 3])
def test_kernels_within_a_part_run_on_one_thread(threads: int, rng):
    seen = []

    def noting(model, part, rng):
        seen.append(minicap.get_num_threads())
        return likelihood(model, part, rng)

    with minicap.kernels.kernel_threads(5):
        with shared_among(noting, threads) as objective:
            objective(classifier(), class_batch(rng), rng)
        assert minicap.get_num_threads() == 5
    assert seen == [1] * threads


@pytest.mark.parametrize("batch_size", [1, 7, 8, 16, 10_000])
def test_a_thread_has_eight_pictures_at_least(batch_size: int):
    threads = fitting_threads(batch_size)
    assert threads == 1 or batch_size / threads >= 8
