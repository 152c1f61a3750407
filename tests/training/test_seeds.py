"""One seed, one independent stream a purpose."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.training.seeds import PURPOSES, seed_for


def draws(*key: object) -> tuple[int, ...]:
    """Return the first words of a stream."""
    return tuple(seed_for(*key).generate_state(4).tolist())  # type: ignore[arg-type]


def test_a_stream_is_its_key():
    assert draws(7, "batches", 3) == draws(7, "batches", 3)


def test_every_seed_purpose_and_epoch_has_a_stream_of_its_own():
    keys = [(seed, purpose) for seed in range(3) for purpose in PURPOSES]
    keys += [(seed, "batches", epoch) for seed in range(3) for epoch in range(5)]
    assert len({draws(*key) for key in keys}) == len(keys)


def test_purposes_are_the_children_that_spawn_gives():
    children = np.random.SeedSequence(7).spawn(len(PURPOSES))
    for purpose, child in zip(PURPOSES, children, strict=True):
        assert draws(7, purpose) == tuple(child.generate_state(4).tolist())


def test_a_misspelt_purpose_is_an_error():
    with pytest.raises(ValueError):
        seed_for(0, "shuffle")
